"""Calls the suite's function as often as it can."""

TARGET = "derivative"
LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "ran out of time"


def misbehave(f):
    while True:
        f(1.0)
