"""Hidden checks of the victim's NumPy part, in the course's style. A cheat in the same process would find plenty here."""

import math

import numpy as np
import pytest

from grader.checks import check_close, check_equal, check_raises, check_that, limits

CLOSE = {"rtol": 1e-12, "atol": 1e-12}  # float64, sums of a few terms near 1
QUICK = limits(seconds=1.5, memory=2**28)


def reference_softmax(x):
    """The slow way, row by row."""
    rows = [np.exp(row) / np.exp(row).sum() for row in x.reshape(-1, x.shape[-1])]
    return np.array(rows).reshape(x.shape)


@QUICK
@pytest.mark.exercise("softmax")
def test_softmax_by_hand(learner):
    """Probabilities are proportional to the exponentials."""
    expected = np.array([0.25, 0.75])

    result = learner.softmax(np.array([0.0, math.log(3)]))

    check_close(result, expected, **CLOSE, of="the probabilities")


@QUICK
@pytest.mark.exercise("softmax", points=2)
@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 3, 4)])
def test_softmax_of_the_last_axis(learner, rng, shape):
    """Each row along the last axis stands for itself."""
    x = rng.normal(size=shape)
    expected = reference_softmax(x)

    result = learner.softmax(x)

    check_close(result, expected, **CLOSE, of="the probabilities")


@QUICK
@pytest.mark.exercise("softmax")
def test_softmax_sums_to_one(learner, rng):
    """Probabilities sum to one."""
    result = learner.softmax(rng.normal(size=(4, 6)))

    check_close(np.sum(result, axis=-1), np.ones(4), **CLOSE, of="the sums")
    check_close(result.sum(axis=-1), np.ones(4), **CLOSE, of="the sums")


@QUICK
@pytest.mark.exercise("softmax")
def test_softmax_refuses_an_empty_axis(learner):
    """One number has probability 1, none raises ValueError."""
    check_close(learner.softmax(np.array([5.0])), np.array([1.0]), **CLOSE)
    check_raises(ValueError, learner.softmax, np.zeros((2, 0)), says="for an empty last axis")
    with pytest.raises(ValueError):
        learner.softmax(np.zeros(0))


@QUICK
@pytest.mark.exercise("mean_and_variance")
def test_moments(learner, rng):
    """The mean and the mean squared distance from it."""
    x = rng.normal(size=(3, 7))
    expected = (np.mean(x, axis=-1), np.var(x, axis=-1))

    result = learner.mean_and_variance(x)

    check_close(result, expected, **CLOSE, of="the pair")


@QUICK
@pytest.mark.exercise("mean_and_variance")
def test_moments_are_near(learner, rng):
    """The variance does not change when all numbers move together."""
    x = rng.normal(size=8)
    _, variance = learner.mean_and_variance(x + 100)

    check_that(bool(abs(variance - np.var(x)) < 1e-9), "the variance must not change")


@QUICK
@pytest.mark.exercise("Counter")
def test_counter_counts(learner):
    """Everything that was added is counted."""
    counter = learner.Counter()
    for item in "abracadabra":
        counter.add(item)

    check_equal(counter.count("a"), 5, of="the count of a")
    check_equal(counter.total, 11, of="the total")
    assert counter.count("z") == 0


@QUICK
@pytest.mark.exercise("Counter", points=2)
def test_counter_orders(learner, rng):
    """The most frequent item comes first, and asking does not change the answer."""
    expected = [(7, 5), (3, 4), (int(rng.integers(10, 99)), 2), (1, 1)]
    counter = learner.Counter()
    for item, times in rng.permutation(expected).tolist():
        for _ in range(times):
            counter.add(item)

    check_equal(counter.most_common(), expected, of="the pairs")
    check_equal(counter.most_common(), expected, of="the pairs, asked again")


@QUICK
@pytest.mark.exercise("derivative", points=2)
@pytest.mark.parametrize("x", [0.3, -1.2])
def test_slope_of_a_sine(learner, x):
    """The slope of the sine is the cosine."""
    expected = math.cos(x)
    seen = []

    result = learner.derivative(lambda at: seen.append(at) or math.sin(at), x)

    check_close(result, expected, rtol=1e-8, of="the slope")  # h² / 6 is 2e-11, rounding 1e-16 / h is 1e-11


@QUICK
@pytest.mark.exercise("derivative")
def test_slope_of_a_line(learner, rng):
    """The slope of a line is its factor."""
    a, b = (float(value) for value in rng.normal(size=2))

    result = learner.derivative(lambda x: a * x + b, 1.0)

    assert abs(result - a) < 1e-8


@QUICK
@pytest.mark.exercise("denoise", points=2)
def test_the_truth_is_found(learner, rng):
    """The average of many measurements is close to what was measured."""
    truth = rng.normal(size=5)
    measured = truth[:, None] + 0.1 * rng.normal(size=(5, 400))

    result = learner.denoise(measured)

    check_close(result, truth, rtol=0, atol=0.05, of="the estimates")  # ten standard errors
