"""Yields for ever."""

SECTION = "torch_part"
TARGET = "windows"
LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "ran out of time"


def misbehave():
    while True:
        yield [0]
