"""1.1 The NumPy part of a course that exists to be attacked."""

import numpy as np


def softmax(x):
    """Turn the last axis into probabilities.

    Args:
        x: (..., n) array with n of at least one.

    Returns:
        (..., n) array of probabilities.

    Raises:
        ValueError: the last axis is empty.

    Example:
        >>> softmax(np.array([0.0, 0.0])).tolist()
        [0.5, 0.5]
    """
    raise NotImplementedError


def mean_and_variance(x):
    """Measure the last axis.

    Args:
        x: (..., n) array with n of at least one.

    Returns:
        (mean, variance): two (...) arrays.

    Example:
        >>> mean, variance = mean_and_variance(np.array([1.0, 3.0]))
        >>> float(mean), float(variance)
        (2.0, 1.0)
    """
    raise NotImplementedError


class Counter:
    """Counts what it is given.

    Example:
        >>> counter = Counter()
        >>> counter.add("a")
        >>> counter.count("a")
        1
    """

    def __init__(self):
        raise NotImplementedError

    def add(self, item):
        """Count one more `item`."""
        raise NotImplementedError

    def count(self, item):
        """How often `item` was added."""
        raise NotImplementedError

    def most_common(self):
        """Pairs (item, count), the most frequent first."""
        raise NotImplementedError


def derivative(f, x, h=1e-5):
    """Differentiate a function by a central difference.

    Args:
        f: takes a float, returns a float.
        x: where.
        h: the step.

    Returns:
        The slope of f at x, a float.

    Example:
        >>> round(derivative(lambda x: x * x, 3.0), 4)
        6.0
    """
    raise NotImplementedError


def denoise(measured):
    """Average the noise of repeated measurements away.

    Args:
        measured: (n, repeats) array.

    Returns:
        (n,) array of estimates.

    Example:
        >>> denoise(np.array([[1.0, 3.0]])).tolist()
        [2.0]
    """
    raise NotImplementedError
