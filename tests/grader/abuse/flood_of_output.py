"""Prints without end, in large and small pieces, on both streams and on the descriptors below."""

import os
import sys

LEVELS = ("process", "strict")
STATUS = ("failed", "broken")  # on a busy machine the time may end first
SAYS = "flood"


def misbehave():
    for _ in range(300):
        print("flood" * 10_000)
        sys.stderr.write("x" * 100_000)
        os.write(1, b"y" * 100_000)
    for _ in range(20_000):
        print("z")
    return "flood"
