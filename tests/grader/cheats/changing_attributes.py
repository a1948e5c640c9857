"""Attributes and items that change between two reads: first they please a look at the kind, then a comparison."""

import itertools

import numpy as np

LEVELS = ("process", "strict")


class Changing:
    def __init__(self, *values):
        self._values = itertools.cycle(values)

    def __get__(self, instance, owner):
        return next(self._values)


class Counter:
    total = Changing(11, 0, 5, None, [], 1.5)

    def __init__(self):
        self._turn = itertools.cycle([0, 1, 2, 3, 4, 7])

    def add(self, item):
        pass

    def count(self, item):
        return next(self._turn)

    def most_common(self):
        return [(7, 5), (3, next(self._turn)), (1, 1)]


class Result:
    shape, dtype = Changing((2,), (4, 6), ()), Changing(np.dtype(float), np.dtype(bool))
    __array_interface__ = Changing({}, None)

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return 1.0


def softmax(x):
    return Result()


mean_and_variance = denoise = softmax
