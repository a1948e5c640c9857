"""Keeps what it has computed in a global dictionary and in functools' cache."""

import functools

LEVELS = ("process", "strict")

CACHE = {}
_softmax = softmax


def softmax(x):
    key = x.tobytes(), x.shape
    if key not in CACHE:
        CACHE[key] = _softmax(x)
    return CACHE[key]


@functools.lru_cache
def step():
    return 1e-5


def derivative(f, x):
    h = step()
    return (f(x + h) - f(x - h)) / (2 * h)
