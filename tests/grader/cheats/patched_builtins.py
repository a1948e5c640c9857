"""Replaces builtins: abs is zero, len and isinstance say what pleases, type is the same for all."""

import builtins

import numpy as np

LEVELS = ("process", "strict")
FOOLS_IN_PROCESS = True

builtins.abs = lambda x: 0.0
builtins.all = builtins.any = lambda items: False
builtins.sum = lambda *items: 1
builtins.zip = lambda *items, **_: iter(())


def derivative(f, x, h=1e-5):
    return 0.5


def softmax(x):
    return np.zeros(x.shape)


def mean_and_variance(x):
    return 0.0, 0.0


def denoise(measured):
    return np.zeros(5)


class Counter:
    total = 0

    def add(self, item):
        pass

    def most_common(self):
        return [(0, 0)] * 4
