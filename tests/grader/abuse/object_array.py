"""Returns arrays of Python objects and of records."""

import numpy as np

LEVELS = ("process", "strict")
STATUS = "failed"
SAYS = "dtype"


def misbehave():
    return [np.array([object(), None, []], dtype=object), np.zeros(3, dtype=[("a", "i4"), ("b", "O")])]
