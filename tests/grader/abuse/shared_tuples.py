"""Returns tuples of tuples that share their members: small in memory, enormous to walk."""

LEVELS = ("process", "strict")
STATUS = ("failed", "broken")  # on a busy machine the time may end first
SAYS = "more than"


def misbehave():
    value = ("x",)
    for _ in range(60):
        value = (value, value)
    return value
