"""Returns millions of small things."""

LEVELS = ("process", "strict")
STATUS = ("failed", "broken")  # on a busy machine the time may end first
SAYS = "more than"


def misbehave():
    return [[number] for number in range(300_000)]
