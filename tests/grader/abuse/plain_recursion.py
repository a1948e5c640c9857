"""Recurs without an end."""

LEVELS = ("process", "strict")
STATUS = "failed"
SAYS = "RecursionError"


def misbehave():
    return misbehave()
