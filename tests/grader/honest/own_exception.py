"""Raises an exception type of its own, chained to another."""

LEVELS = ("process", "strict")

_softmax = softmax


class EmptyAxis(ValueError):
    def __init__(self, axis):
        super().__init__(f"axis {axis} is empty")
        self.axis = axis


def softmax(x):
    try:
        return _softmax(x)
    except ValueError as error:
        raise EmptyAxis(-1) from error
