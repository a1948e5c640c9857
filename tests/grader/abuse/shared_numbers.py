"""Returns a hundred thousand times the same list of a million numbers."""

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "not an answer"


def misbehave():
    return [[0.0] * 1_000_000] * 100_000
