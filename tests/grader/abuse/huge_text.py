"""Returns a text of half a gigabyte."""

LEVELS = ("process", "strict")
STATUS = ("failed", "broken")  # on a busy machine the time may end first


def misbehave():
    return "a" * 260_000_000
