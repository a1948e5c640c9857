"""Returns lists in lists in lists."""

LEVELS = ("process", "strict")
STATUS = ("failed", "broken")  # on a busy machine the time may end first
SAYS = "nested"


def misbehave():
    value = []
    for _ in range(100_000):
        value = [value]
    return value
