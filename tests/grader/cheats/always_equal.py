"""Objects that are equal to everything, and any operation on them gives another one."""

LEVELS = ("process", "strict")
FOOLS_IN_PROCESS = True


class Yes:
    total = 11

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def _yes(self, *_):
        return Yes()

    def __lt__(self, other):
        return True

    __le__ = __gt__ = __ge__ = __lt__
    __add__ = __sub__ = __mul__ = __truediv__ = __radd__ = __rsub__ = __abs__ = __neg__ = __call__ = _yes
    __hash__ = object.__hash__
    __bool__ = lambda self: True

    def __float__(self):
        return 0.0


def softmax(x):
    return Yes()


mean_and_variance = denoise = softmax


def derivative(f, x):
    return Yes()


class Counter:
    total = Yes()

    def add(self, item):
        pass

    def count(self, item):
        return Yes()

    most_common = count
