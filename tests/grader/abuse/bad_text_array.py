"""Returns text whose characters do not exist, truth values that are neither, dates that are none."""

import numpy as np

LEVELS = ("process", "strict")
STATUS = "failed"


def misbehave():
    return np.frombuffer(b"\xff\xff\xff\xff" * 2, "<U1")
