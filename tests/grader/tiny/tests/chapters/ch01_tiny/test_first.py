import numpy as np
import pytest

from grader.checks import check_close, check_equal


@pytest.mark.exercise("add")
def test_small_numbers(learner):
    """Two and three make five."""
    result = learner.add(2, 3)

    check_equal(result, 5)


@pytest.mark.exercise("add")
@pytest.mark.parametrize("sign", [1, -1])
def test_order_does_not_matter(learner, rng, sign):
    """The order of the two numbers does not matter."""
    a, b = (int(n) for n in rng.integers(-100, 100, size=2))

    result = learner.add(sign * a, b)

    check_equal(result, b + sign * a)


@pytest.mark.exercise("mean", points=2)
def test_a_mean_by_hand(learner):
    """The mean of 1 and 3 is 2."""
    result = learner.mean(np.array([1.0, 3.0]))

    check_close(result, 2.0, rtol=0, of="the mean")  # exact in binary


@pytest.mark.exercise("mean")
def test_only_the_last_axis_goes(learner, rng):
    """Leading axes stay."""
    x = rng.normal(size=(4, 3, 5))

    result = learner.mean(x)

    check_close(result, np.mean(x, axis=-1), rtol=1e-12, atol=1e-12, of="the means")  # float64, sums of 5 terms
