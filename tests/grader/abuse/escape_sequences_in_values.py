"""Returns keys, fields, class names and text that a terminal would act upon."""

LEVELS = ("process", "strict")
STATUS = "failed"

TEXT = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\u202eesrever\u2066\x9b1m\r\x08\x7f\ufeff"


def misbehave():
    print(TEXT)
    return type(TEXT, (), {"__repr__": lambda self: TEXT})()
