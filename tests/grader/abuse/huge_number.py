"""Returns a whole number of a hundred million bits."""

LEVELS = ("process", "strict")
STATUS = ("failed", "broken")  # on a busy machine the time may end first
SAYS = "whole number"


def misbehave():
    return 1 << 100_000_000
