"""Raises an exception that cannot be printed, compared or described, with causes and contexts in a circle."""

LEVELS = ("process", "strict")
STATUS = "failed"


class Rude(Exception):
    def __str__(self):
        raise self

    __repr__ = __str__

    @property
    def __traceback__(self):
        raise self


def misbehave():
    error = Rude()
    error.__cause__ = error.__context__ = Rude()
    raise error
