"""1.1 First steps: a course as small as a course can be."""

import numpy as np


def add(a, b):
    """Add two numbers.

    Args:
        a: a number.
        b: a number.

    Returns:
        Their sum.

    Example:
        >>> add(2, 3)
        5
    """
    # BEGIN SOLUTION
    return a + b
    # END SOLUTION


def mean(x):
    """Average the last axis.

    Args:
        x: (..., n) array with n of at least one.

    Returns:
        (...) array of means.

    Example:
        >>> mean(np.array([[1.0, 3.0], [2.0, 2.0]])).tolist()
        [2.0, 2.0]
    """
    # BEGIN SOLUTION
    return np.asarray(x).sum(axis=-1) / np.shape(x)[-1]
    # END SOLUTION
