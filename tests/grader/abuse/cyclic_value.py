"""Returns values that contain themselves, directly and through other kinds."""

LEVELS = ("process", "strict")
STATUS = "failed"
SAYS = "itself"


def misbehave():
    inner = {}
    value = [1, (2, inner)]
    inner["k"] = value
    return value
