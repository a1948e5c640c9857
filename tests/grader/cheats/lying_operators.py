"""Results whose operators give what a difference from the right answer would be: nothing."""

LEVELS = ("process", "strict")
FOOLS_IN_PROCESS = True


class Near:
    def _zero(self, *_):
        return 0.0

    __sub__ = __rsub__ = __abs__ = __mod__ = __truediv__ = __mul__ = __add__ = __radd__ = _zero


def derivative(f, x):
    return Near()


def mean_and_variance(x):
    return Near(), Near()


def softmax(x):
    return Near()


denoise = softmax
