"""Calls the suite's function with a hundred megabytes each time."""

import numpy as np

TARGET = "derivative"
LEVELS = ("process", "strict")
STATUS = "broken"


def misbehave(f):
    block = np.ones(12_000_000)
    while True:
        try:
            f(block + 1)
        except Exception:
            pass
