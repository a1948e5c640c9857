"""Writes to the standard streams in every way but print."""

import os
import sys

LEVELS = ("process", "strict")

_softmax, _derivative = softmax, derivative


def softmax(x):
    sys.stderr.write("working\n")
    sys.stderr.flush()
    sys.stdout.buffer.write(b"bytes\xff\n")
    sys.stdout.buffer.flush()
    sys.__stdout__.write("below")
    sys.stdout.writelines(["a", "b"])
    os.write(1, b"lower still")
    return _softmax(x)


def derivative(f, x, h=1e-5):
    print(f, x, sep="\t", end="", flush=True)
    return _derivative(f, x, h)
