"""Returns lists that share their members: small in memory and on the wire, enormous to walk."""

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "not an answer"


def misbehave():
    value = [0.0] * 10
    for _ in range(50):
        value = [value, value]
    return value
