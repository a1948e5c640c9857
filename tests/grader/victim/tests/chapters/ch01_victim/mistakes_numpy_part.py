"""Classic mistakes of the victim's NumPy part: diagnosis works on hostile answers, too."""

import numpy as np

from grader.checks import mistake


@mistake(
    "softmax",
    says="You normalised over all entries instead of the last axis.",
    patch=[("x.max(axis=-1, keepdims=True)", "x.max()"), ("weights.sum(axis=-1, keepdims=True)", "weights.sum()")],
)
def over_everything(x):
    return np.exp(x) / np.exp(x).sum()


@mistake(
    "derivative",
    says="You forgot to divide by two.",
    patch=("(2 * h)", "h"),
    recognise=lambda trace: trace[-1][0] > 1,
)
def no_half(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / h
