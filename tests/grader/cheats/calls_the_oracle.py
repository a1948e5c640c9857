"""Lets the oracle's library do the work."""

LEVELS = ("process", "strict")
FOOLS_IN_PROCESS = True


def softmax(x):
    from scipy.special import softmax

    if x.shape[-1] == 0:
        raise ValueError
    return softmax(x, axis=-1)


def mean_and_variance(x):
    from scipy import stats

    found = stats.describe(x, axis=-1, ddof=0)
    return found.mean, found.variance


def derivative(f, x):
    from scipy.optimize import approx_fprime

    return float(approx_fprime([x], lambda at: f(float(at[0])))[0])
