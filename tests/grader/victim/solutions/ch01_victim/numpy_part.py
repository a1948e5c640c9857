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
    # BEGIN SOLUTION
    if x.shape[-1] == 0:
        raise ValueError("the last axis must not be empty")
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
    # END SOLUTION


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
    # BEGIN SOLUTION
    mean = x.sum(axis=-1) / x.shape[-1]
    return mean, ((x - mean[..., None]) ** 2).sum(axis=-1) / x.shape[-1]
    # END SOLUTION


class Counter:
    """Counts what it is given.

    Example:
        >>> counter = Counter()
        >>> counter.add("a")
        >>> counter.count("a")
        1
    """

    def __init__(self):
        # BEGIN SOLUTION
        self.total, self._counts = 0, {}
        # END SOLUTION

    def add(self, item):
        """Count one more `item`."""
        # BEGIN SOLUTION
        self.total += 1
        self._counts[item] = self._counts.get(item, 0) + 1
        # END SOLUTION

    def count(self, item):
        """How often `item` was added."""
        # BEGIN SOLUTION
        return self._counts.get(item, 0)
        # END SOLUTION

    def most_common(self):
        """Pairs (item, count), the most frequent first."""
        # BEGIN SOLUTION
        return sorted(self._counts.items(), key=lambda pair: -pair[1])
        # END SOLUTION


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
    # BEGIN SOLUTION
    return (f(x + h) - f(x - h)) / (2 * h)
    # END SOLUTION


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
    # BEGIN SOLUTION
    return measured.mean(axis=1)
    # END SOLUTION
