"""An endless computation inside one function of the interpreter."""

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "ran out of time"


def misbehave():
    return 3 ** (10**9)
