"""Ends the process with success in the middle of the check."""

import os

LEVELS = ("process", "strict")
FOOLS_IN_PROCESS = True


def softmax(x):
    os._exit(0)


mean_and_variance = derivative = denoise = softmax


class Counter:
    def __init__(self):
        os._exit(0)
