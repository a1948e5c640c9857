"""Warns of what it does."""

import warnings

LEVELS = ("process", "strict")

warnings.warn("imported", DeprecationWarning, stacklevel=1)
_softmax = softmax


def softmax(x):
    warnings.warn("about to divide", stacklevel=2)
    np.log(np.array([0.0, -1.0]))
    return _softmax(x)
