"""Returns a dictionary whose keys a terminal would act upon, around a value that cannot cross."""

LEVELS = ("process", "strict")
STATUS = "failed"
SAYS = "contains itself"

TEXT = "\x1b[2J\x1b[31mred\u202eesrever\u2066\x9b1m\r\x08"


def misbehave():
    loop = {TEXT: []}
    loop[TEXT].append(loop)
    return loop
