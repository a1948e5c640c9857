"""Yields a hundred megabytes at a time, for ever."""

import numpy as np

SECTION = "torch_part"
TARGET = "windows"
LEVELS = ("process", "strict")
STATUS = "broken"


def misbehave():
    block = np.ones(12_000_000)
    while True:
        yield block + 1
