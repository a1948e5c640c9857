"""An endless loop in Python."""

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "ran out of time"


def misbehave():
    while True:
        pass
