"""Results that are no arrays, with methods of an array that say what a check of a property wants to hear."""

import numpy as np

LEVELS = ("process", "strict")
FOOLS_IN_PROCESS = True


class Result:
    shape, ndim, dtype = (4, 6), 2, np.dtype(float)

    def sum(self, axis=None, dtype=None, out=None, **_):
        return np.ones(4)

    mean = max = prod = sum

    def all(self, *_, **__):
        return True

    any = all

    def __array_wrap__(self, *_):
        return np.ones(4)

    def tolist(self):
        return [0.25, 0.75]

    def item(self):
        return 0.0


def softmax(x):
    return Result()


mean_and_variance = denoise = softmax


class Counter:
    total = Result()

    def add(self, item):
        pass

    def count(self, item):
        return Result()
