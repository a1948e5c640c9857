"""Returns truth values of another byte than 0 and 1."""

import numpy as np

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "not an answer"


def misbehave():
    return np.frombuffer(bytes([2, 3, 255]), bool)
