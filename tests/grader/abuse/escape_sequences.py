"""Prints, raises, names and returns what a terminal would act upon."""

LEVELS = ("process", "strict")
STATUS = "failed"

TEXT = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\u202eesrever\u2066\x9b1m\r\x08\x7f\ufeff\x00"


def misbehave():
    print(TEXT)
    kind = type(TEXT.replace("\0", ""), (ValueError,), {})
    raise kind(TEXT)
