"""Objects whose __class__, __repr__, __reduce__, __index__, __array__ and __getattr__ all lie."""

import numpy as np

LEVELS = ("process", "strict")


class Liar:
    __class__ = property(lambda self: np.ndarray)
    shape, dtype, ndim, size, itemsize, nbytes, strides = (2,), np.dtype(float), 1, 2, 8, 16, (8,)
    __module__, __qualname__, __name__ = "numpy", "ndarray", "ndarray"
    __dataclass_fields__ = {"expected": None}
    _fields = ("expected",)

    def __repr__(self):
        return "array([0.25, 0.75])"

    def __reduce__(self):
        return print, ("passed",)

    __reduce_ex__ = __reduce__

    def __index__(self):
        return 0

    __int__ = __len__ = __hash__ = __index__

    def __array__(self, *args, **kwargs):
        return np.zeros(2)

    def __getattr__(self, name):
        return self

    def __call__(self, *args, **kwargs):
        return self

    def __instancecheck__(self, other):
        return True

    def __eq__(self, other):
        return True


class FloatLiar(float):
    __class__ = property(lambda self: float)
    __eq__ = __le__ = __lt__ = __ge__ = lambda self, other: True
    __sub__ = __rsub__ = __abs__ = lambda self, *_: 0.0
    __hash__ = float.__hash__


class TupleLiar(tuple):
    _fields = property(lambda self: ("mean", "variance"))
    __eq__ = lambda self, other: True
    __hash__ = tuple.__hash__


def softmax(x):
    return Liar()


def mean_and_variance(x):
    return TupleLiar((FloatLiar(0), FloatLiar(0)))


def derivative(f, x):
    return FloatLiar(0)


class Counter:
    total = FloatLiar(11.5)

    def add(self, item):
        pass

    def count(self, item):
        return Liar()

    def most_common(self):
        return TupleLiar([(7, 5)])


denoise = softmax
