"""Returns an array of a billion entries that takes eight bytes."""

import numpy as np

LEVELS = ("process", "strict")
STATUS = "failed"
SAYS = "bytes"


def misbehave():
    return np.broadcast_to(np.float64(1.0), (10**9,))
