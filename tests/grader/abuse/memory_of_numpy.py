"""Asks NumPy for more than there is, and uses it."""

import numpy as np

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "memory"


def misbehave():
    return sum(np.ones((64 << 20,)) for _ in range(100))
