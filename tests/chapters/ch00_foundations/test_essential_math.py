"""Hidden checks for 0.1 Essential math. Oracles: NumPy, SciPy, closed forms, and matrices built from known parts."""

import numpy as np
import pytest
from scipy import special

from grader.checks import check_close, check_equal, check_frequencies, check_raises, check_that, check_unchanged, prop

CLOSE = {"rtol": 1e-12, "atol": 1e-12}  # float64 carries 16 digits; sums of ten terms near 1 lose one or two
FAR = {"rtol": 1e-11, "atol": 1e-11}  # a float64 near 1000 is exact to 1e-13 only, and exp makes that a relative error


def distributions(rng, shape, axis):
    """Random probabilities that sum to one along `axis`."""
    weights = rng.exponential(size=shape)
    return weights / weights.sum(axis=axis, keepdims=True)


def check_finite(result, shape):
    """Require an array of this shape without nan or inf, so that the judge can go on computing with it."""
    numeric = isinstance(result, np.ndarray) and result.dtype.kind in "iuf"
    check_that(numeric and result.shape == shape, f"the result must be an array of numbers of shape {shape}")
    check_that(bool(np.isfinite(result).all()), "the result must not contain nan or inf")


# --- cosine_similarity ----------------------------------------------------------------------------


def cosine(u, v):
    """The closed form, for one pair of vectors."""
    return np.dot(u, v) / (np.linalg.norm(u) * np.linalg.norm(v))


@pytest.mark.exercise("cosine_similarity")
def test_cosine_by_hand(learner):
    """The cosine is the dot product divided by both norms."""
    a, b = np.array([1.0, 2.0, 2.0]), np.array([6.0, -3.0, 6.0])

    got = learner.cosine_similarity(a, b)

    check_close(got, 12 / (3 * 9), **CLOSE, of="the cosine of (1, 2, 2) and (6, -3, 6)")


@pytest.mark.exercise("cosine_similarity")
@pytest.mark.parametrize("shapes", [((4, 6), (4, 6)), ((3, 1, 5), (4, 5)), ((5,), (2, 3, 5))])
def test_cosine_of_every_pair_on_the_last_axis(learner, rng, shapes):
    """Leading axes broadcast, and every pair of vectors is measured by itself."""
    a, b = (rng.normal(size=shape) for shape in shapes)

    cosines = learner.cosine_similarity(a, b)

    wide_a, wide_b = np.broadcast_arrays(a, b)
    expected = np.empty(wide_a.shape[:-1])
    for index in np.ndindex(expected.shape):
        expected[index] = cosine(wide_a[index], wide_b[index])
    check_close(cosines, expected, **CLOSE, of="the cosines")


@pytest.mark.exercise("cosine_similarity")
def test_cosine_ignores_length(learner, rng):
    """Making a vector longer or shorter, even extremely, does not change its cosines."""
    a, b = rng.normal(size=(2, 3, 4))
    lengths = np.array([[1e-30], [1.0], [1e30]])  # the squares, 1e-60 and 1e60, still fit a float64

    cosines = learner.cosine_similarity(a * lengths, b * lengths)

    expected = [cosine(*pair) for pair in zip(a, b, strict=True)]
    check_close(cosines, np.array(expected), **CLOSE, of="the cosines of very short, ordinary and very long vectors")


@pytest.mark.exercise("cosine_similarity")
def test_cosine_of_a_zero_vector(learner):
    """The cosine with a vector of zeros is 0, not nan, and the rows beside it are not disturbed."""
    a = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    b = np.array([[8.0, 6.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0]])

    cosines = learner.cosine_similarity(a, b)

    check_close(cosines, np.array([48 / 50, 0.0, 0.0, 0.0]), **CLOSE, of="the cosines with zero vectors")


# --- matmul ---------------------------------------------------------------------------------------


@pytest.mark.exercise("matmul")
def test_matmul_by_hand(learner):
    """Entry (i, j) is row i of a times column j of b."""
    product = learner.matmul(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]]))

    # 1·5 + 2·7, 1·6 + 2·8; 3·5 + 4·7, 3·6 + 4·8
    check_close(product, np.array([[19.0, 22.0], [43.0, 50.0]]), rtol=0, of="the product")  # small integers are exact


@pytest.mark.exercise("matmul")
@pytest.mark.parametrize("shapes", [((3, 4), (4, 2)), ((1, 5), (5, 1)), ((5, 1), (1, 4)), ((4, 3), (3, 3))])
def test_matmul_of_rectangles(learner, rng, shapes):
    """An (n, k) matrix times a (k, m) matrix is an (n, m) matrix."""
    a, b = (rng.normal(size=shape) for shape in shapes)

    product = learner.matmul(a, b)

    check_close(product, np.matmul(a, b), **CLOSE, of="the product")


@pytest.mark.exercise("matmul", points=2)
@pytest.mark.parametrize(
    "shapes", [((3, 3, 3), (3, 3, 3)), ((2, 3, 4), (2, 4, 5)), ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2))]
)
def test_matmul_of_stacks(learner, rng, shapes):
    """Leading axes are stacks of matrices: they broadcast, and each pair is multiplied by itself."""
    a, b = (rng.normal(size=shape) for shape in shapes)

    products = learner.matmul(a, b)

    check_close(products, np.matmul(a, b), **CLOSE, of="the products")


@pytest.mark.exercise("matmul")
@pytest.mark.parametrize("shapes", [((2, 3), (4, 2)), ((3, 2), (4, 3)), ((2, 3), (1, 4)), ((2, 1), (3, 4))])
def test_matmul_refuses_what_does_not_fit(learner, rng, shapes):
    """Unequal inner axes raise ValueError, also where NumPy would silently stretch a length of 1."""
    a, b = (rng.normal(size=shape) for shape in shapes)

    check_raises(ValueError, learner.matmul, a, b, says=f"for shapes {shapes[0]} and {shapes[1]}")
    product = learner.matmul(a, a.T)  # what does fit is not refused
    check_close(product, np.matmul(a, a.T), **CLOSE, of="the product of what fits")


# --- low_rank_approximation -----------------------------------------------------------------------

STRENGTHS = (8.0, 4.0, 2.0, 1.0)  # well apart, so that the nearest matrix is unique and stable
# Whoever diagonalises aᵀa squares the condition: 1e-16 · 8² / 1² is about 1e-14; the mistakes are off by 0.1 and more.
LOW_RANK = {"rtol": 0, "atol": 1e-9}


def layers(rng, n, m):
    """The parts of an (n, m) matrix, strongest first: 4 matrices of rank 1 in orthogonal directions."""
    left, right = (np.linalg.qr(rng.normal(size=(size, 4)))[0] for size in (n, m))
    return np.stack([s * np.outer(left[:, i], right[:, i]) for i, s in enumerate(STRENGTHS)])


@pytest.mark.exercise("low_rank_approximation")
def test_low_rank_by_hand(learner):
    """The rank-1 approximation keeps the strongest direction and drops the rest."""
    a = np.array([[4.0, 0.0], [3.0, -5.0]])

    nearest = learner.low_rank_approximation(a, 1)

    # aᵀa = [[25, -15], [-15, 25]] stretches v = (1, -1)/√2 the most (40 against 10), and a v vᵀ is this:
    check_close(nearest, np.array([[2.0, -2.0], [4.0, -4.0]]), **LOW_RANK, of="the rank-1 matrix nearest to a")


@pytest.mark.exercise("low_rank_approximation")
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_low_rank_has_that_rank(learner, rng, rank):
    """The result has exactly the rank that was asked for."""
    a = rng.normal(size=(5, 4))

    nearest = learner.low_rank_approximation(a, rank)

    check_finite(nearest, (5, 4))
    strengths = np.linalg.svd(nearest, compute_uv=False)  # the largest first
    check_close(strengths[rank:], np.zeros(4 - rank), **LOW_RANK, of="the singular values that had to go")
    check_that(bool(strengths[rank - 1] > 1e-9), f"the rank must be {rank}; yours is lower")


@pytest.mark.exercise("low_rank_approximation", points=2)
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("shape", [(6, 4), (4, 7), (4, 4)])
def test_low_rank_recovers_the_strongest_parts(learner, rng, shape, rank):
    """A sum of orthogonal parts loses its weakest ones and keeps the others at full strength."""
    parts = layers(rng, *shape)

    nearest = learner.low_rank_approximation(parts.sum(axis=0), rank)

    check_close(nearest, parts[:rank].sum(axis=0), **LOW_RANK, of=f"the rank-{rank} approximation")


@pytest.mark.exercise("low_rank_approximation")
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_low_rank_distance_is_the_tail(learner, rng, rank):
    """The Frobenius distance to a is the root of the sum of the squared singular values left out (Eckart-Young)."""
    a = rng.normal(size=(4, 6))

    nearest = learner.low_rank_approximation(a, rank)

    check_finite(nearest, (4, 6))
    tail = np.linalg.svd(a, compute_uv=False)[rank:]
    check_close(np.linalg.norm(nearest - a), np.linalg.norm(tail), **LOW_RANK, of=f"the distance at rank {rank}")


@pytest.mark.exercise("low_rank_approximation")
@pytest.mark.parametrize("shape", [(6, 4), (3, 5)])
def test_low_rank_at_both_ends(learner, rng, shape):
    """Rank 0 gives the zero matrix; the full rank and anything above it give back a."""
    a = rng.normal(size=shape)

    for rank, expected in [(0, np.zeros(shape)), (min(shape), a), (min(shape) + 1, a), (max(shape) + 1, a)]:
        check_close(learner.low_rank_approximation(a, rank), expected, **LOW_RANK, of=f"rank {rank} of shape {shape}")


# --- numerical_gradient ---------------------------------------------------------------------------

# With the default h = 1e-5: the method errs by h²·f‴/6, about 1e-10, and round-off by 1e-16·|f|/h, about 1e-10 for
# |f| up to 30. A forward difference errs by h·f″/2, about 1e-5.
SLOPE = {"rtol": 0, "atol": 1e-8}


# The functions live on the learner's side, so that the order in which they are called is nobody's business.


@prop
def square_and_triple():
    return lambda x: float(x[0] ** 2 + 3 * x[1])


@prop
def log_sum_exp_of(w):
    import numpy as np

    return lambda x: float(np.log(np.exp(w * x).sum()))


@prop
def product():
    return lambda x: float(x.prod())


@prop
def sum_of_cubes():
    return lambda x: float((x**3).sum())


@prop
def sum_of_squares():
    return lambda x: float(x @ x)


@pytest.mark.exercise("numerical_gradient")
def test_gradient_by_hand(learner):
    """The gradient of u² + 3v is (2u, 3)."""
    gradient = learner.numerical_gradient(learner.build(square_and_triple), np.array([3.0, -5.0]))

    check_close(gradient, np.array([6.0, 3.0]), **SLOPE, of="the gradient at (3, -5)")


@pytest.mark.exercise("numerical_gradient", points=2)
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 1, 3)])
def test_gradient_of_any_shape(learner, rng, shape):
    """The result has the shape of x and agrees with the slopes that calculus gives."""
    x, w = rng.normal(size=(2, *shape))

    gradient = learner.numerical_gradient(learner.build(log_sum_exp_of, w), x)

    # d/dx log Σ exp(w x) = w · softmax(w x)
    check_close(gradient, w * special.softmax(w * x), **SLOPE, of="the gradient of log Σ exp(w·x)")


@pytest.mark.exercise("numerical_gradient")
def test_gradient_moves_one_entry_at_a_time(learner):
    """Each entry of the gradient moves only its own entry of x."""
    x = np.array([[2.0, 3.0], [5.0, 7.0]])

    gradient = learner.numerical_gradient(learner.build(product), x, h=0.5)

    # The product is a straight line in each entry alone, so that even h = 0.5 is exact.
    check_close(gradient, np.array([[105.0, 70.0], [42.0, 30.0]]), rtol=1e-12, of="the gradient of the product")


@pytest.mark.exercise("numerical_gradient", points=2)
@pytest.mark.parametrize("step", [{"h": 0.5}, {"h": 0.125}, {}], ids=["h=0.5", "h=0.125", "default h"])
def test_gradient_is_a_central_difference(learner, step):
    """On u³ the estimate exceeds 3u² by exactly h²: a step to each side, divided by their distance."""
    x = np.array([0.0]) if not step else np.array([0.0, 1.0, -2.0])
    h = step.get("h", 1e-5)

    gradient = learner.numerical_gradient(learner.build(sum_of_cubes), x, **step)

    # ((u + h)³ - (u - h)³) / 2h = 3u² + h². With the default h only u = 0 shows an h² of 1e-10 above the round-off.
    check_close(gradient, 3 * x**2 + h**2, rtol=1e-9, of=f"the estimate with h = {h:g}")


@pytest.mark.exercise("numerical_gradient")
def test_gradient_leaves_x_as_it_was(learner):
    """After the call x holds exactly what it held before, to the last bit."""
    # Going h up and down again in any order rounds at one of these numbers at least.
    x = np.array([0.1, 0.2, 0.3, 1e-6, 2.6e-5])

    gradient, args, _ = learner.call("numerical_gradient", learner.build(sum_of_squares), x.copy(), after=True)

    check_unchanged(args[1], x)
    check_close(gradient, 2 * x, **SLOPE, of="the gradient of the sum of squares")


# --- softmax --------------------------------------------------------------------------------------


@pytest.mark.exercise("softmax")
def test_softmax_by_hand(learner):
    """Scores log 1, log 3 become 1/4, 3/4; each row of the last axis by itself."""
    probabilities = learner.softmax(np.log([[1.0, 3.0], [1.0, 1.0]]))

    check_close(probabilities, np.array([[0.25, 0.75], [0.5, 0.5]]), **CLOSE, of="the probabilities")


@pytest.mark.exercise("softmax")
def test_softmax_sums_to_one(learner, rng):
    """The probabilities of every row are positive and sum to one."""
    probabilities = learner.softmax(rng.normal(size=(4, 7)), axis=-1)

    check_finite(probabilities, (4, 7))
    check_that(bool((probabilities > 0).all()), "every probability must be positive for scores near 0")
    check_close(probabilities.sum(axis=-1), np.ones(4), **CLOSE, of="the sum of each row")


@pytest.mark.exercise("softmax", points=2)
@pytest.mark.parametrize("axis", [-1, 0, 1, -2])
def test_softmax_along_any_axis(learner, rng, axis):
    """The probabilities are those along the axis that was asked for."""
    x = rng.normal(scale=3, size=(3, 4, 5))

    probabilities = learner.softmax(x, axis=axis)

    check_close(probabilities, special.softmax(x, axis=axis), **CLOSE, of=f"softmax along axis {axis}")


@pytest.mark.exercise("softmax", points=2)
def test_softmax_at_any_size(learner):
    """Huge and tiny scores neither overflow nor vanish, even side by side in one array."""
    x = np.array([[0.0, 1.0, 3.0], [1000.0, 1001.0, 999.0], [-1000.0, -1002.0, -1001.0], [5000.0, 0.0, -5000.0]])

    probabilities = learner.softmax(x)

    check_close(probabilities, special.softmax(x, axis=-1), **FAR, of="the probabilities")


@pytest.mark.exercise("softmax")
def test_softmax_of_minus_infinity(learner):
    """A score of -inf gets probability exactly 0, and the others share the rest."""
    x = np.array([[np.log(2.0), -np.inf, 0.0], [-np.inf, -np.inf, -7.0]])

    probabilities = learner.softmax(x)

    check_close(probabilities, np.array([[2 / 3, 0.0, 1 / 3], [0.0, 0.0, 1.0]]), **CLOSE, of="the probabilities")
    check_close(probabilities[np.isinf(x)], np.zeros(3), rtol=0, of="the probabilities of the scores -inf")


@pytest.mark.exercise("softmax")
def test_softmax_leaves_x_as_it_was(learner, rng):
    """The scores are read, not written; without an axis the last one is meant."""
    x = rng.normal(size=(2, 3, 4))

    probabilities, args, _ = learner.call("softmax", x.copy(), after=True)

    check_unchanged(args[0], x)
    check_close(probabilities, special.softmax(x, axis=-1), **CLOSE, of="the probabilities")


# --- logsumexp ------------------------------------------------------------------------------------


@pytest.mark.exercise("logsumexp")
def test_logsumexp_by_hand(learner):
    """The log of exp(log 1) + exp(log 3) is log 4: the sum runs along the last axis and removes it."""
    sums = learner.logsumexp(np.log([[1.0, 3.0], [2.0, 5.0]]))

    check_close(sums, np.log([4.0, 7.0]), **CLOSE, of="the sums")


@pytest.mark.exercise("logsumexp")
@pytest.mark.parametrize("axis", [-1, 0, 1, -2])
def test_logsumexp_along_any_axis(learner, rng, axis):
    """The axis that was asked for is summed and removed."""
    x = rng.normal(scale=3, size=(3, 4, 5))

    sums = learner.logsumexp(x, axis=axis)

    check_close(sums, special.logsumexp(x, axis=axis), **CLOSE, of=f"logsumexp along axis {axis}")


@pytest.mark.exercise("logsumexp")
def test_logsumexp_at_any_size(learner):
    """Huge and tiny scores neither overflow nor vanish, even side by side in one array."""
    x = np.array([[0.0, 1.0, 3.0], [1000.0, 1001.0, 999.0], [-1000.0, -1002.0, -1001.0], [5000.0, 0.0, -np.inf]])

    sums = learner.logsumexp(x)

    check_close(sums, special.logsumexp(x, axis=-1), **FAR, of="the sums")


@pytest.mark.exercise("logsumexp")
def test_logsumexp_leaves_x_as_it_was(learner, rng):
    """The scores are read, not written; without an axis the last one is meant."""
    x = rng.normal(size=(2, 3, 4))

    sums, args, _ = learner.call("logsumexp", x.copy(), after=True)

    check_unchanged(args[0], x)
    check_close(sums, special.logsumexp(x, axis=-1), **CLOSE, of="the sums")


# --- log_softmax ----------------------------------------------------------------------------------


@pytest.mark.exercise("log_softmax")
def test_log_softmax_by_hand(learner):
    """Scores log 1, log 3 become log 1/4, log 3/4; each row of the last axis by itself."""
    logs = learner.log_softmax(np.log([[1.0, 3.0], [2.0, 6.0], [1.0, 1.0]]))

    check_close(logs, np.log([[0.25, 0.75], [0.25, 0.75], [0.5, 0.5]]), **CLOSE, of="the log probabilities")


@pytest.mark.exercise("log_softmax")
def test_log_softmax_is_a_distribution(learner, rng):
    """Exponentiated, the log probabilities of every row sum to one."""
    logs = learner.log_softmax(rng.normal(size=(4, 7)))

    check_finite(logs, (4, 7))
    check_close(np.exp(logs).sum(axis=-1), np.ones(4), **CLOSE, of="the sum of exp(result) in each row")


@pytest.mark.exercise("log_softmax")
@pytest.mark.parametrize("axis", [-1, 0, 1, -2])
def test_log_softmax_along_any_axis(learner, rng, axis):
    """The log probabilities are those along the axis that was asked for."""
    x = rng.normal(scale=3, size=(3, 4, 5))

    logs = learner.log_softmax(x, axis=axis)

    check_close(logs, special.log_softmax(x, axis=axis), **CLOSE, of=f"log_softmax along axis {axis}")


@pytest.mark.exercise("log_softmax", points=2)
def test_log_softmax_does_not_overflow(learner):
    """Scores far above and far below zero give ordinary log probabilities, even side by side in one array."""
    x = np.array([[0.0, 1.0, 3.0], [1000.0, 1001.0, 999.0], [-1000.0, -1002.0, -1001.0]])

    logs = learner.log_softmax(x)

    check_close(logs, special.log_softmax(x, axis=-1), **FAR, of="the log probabilities")


@pytest.mark.exercise("log_softmax", points=2)
def test_log_softmax_of_what_hardly_ever_happens(learner):
    """A probability too small for a float still has a finite logarithm."""
    x = np.array([[0.0, -800.0, 1.0], [2.0, 3.0, 4000.0]])

    logs = learner.log_softmax(x)

    check_close(logs, special.log_softmax(x, axis=-1), **FAR, of="the log probabilities")


@pytest.mark.exercise("log_softmax")
def test_log_softmax_leaves_x_as_it_was(learner, rng):
    """The scores are read, not written; without an axis the last one is meant."""
    x = rng.normal(size=(2, 3, 4))

    logs, args, _ = learner.call("log_softmax", x.copy(), after=True)

    check_unchanged(args[0], x)
    check_close(logs, special.log_softmax(x, axis=-1), **CLOSE, of="the log probabilities")


# --- entropy --------------------------------------------------------------------------------------


@pytest.mark.exercise("entropy")
def test_entropy_by_hand(learner):
    """A half and two quarters are worth 1.5 yes-or-no questions of log 2 nats each."""
    nats = learner.entropy(np.array([0.5, 0.25, 0.25]))

    # 1/2 · log 2 + 1/4 · log 4 + 1/4 · log 4
    check_close(nats, 1.5 * np.log(2), **CLOSE, of="the entropy")


@pytest.mark.exercise("entropy")
@pytest.mark.parametrize("axis", [-1, 0, 1, -2])
def test_entropy_along_any_axis(learner, rng, axis):
    """The entropies are those of the distributions along the axis that was asked for."""
    p = distributions(rng, (3, 4, 5), axis)

    entropies = learner.entropy(p, axis=axis)

    check_close(entropies, special.entr(p).sum(axis=axis), **CLOSE, of=f"the entropies along axis {axis}")


@pytest.mark.exercise("entropy")
def test_entropy_of_impossible_outcomes(learner):
    """An outcome of probability 0 adds 0, not nan, and a certain outcome has no entropy."""
    p = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.25, 0.5, 0.25]])

    entropies = learner.entropy(p)

    expected = np.array([np.log(2), 0.0, 1.5 * np.log(2)])
    check_close(entropies, expected, **CLOSE, of="the entropies")


# --- cross_entropy --------------------------------------------------------------------------------


@pytest.mark.exercise("cross_entropy")
def test_cross_entropy_by_hand(learner):
    """Surprises of 3, 1, 2 and 3 times log 2, weighted by how often each happens."""
    p, q = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8]), np.array([1 / 8, 1 / 2, 1 / 4, 1 / 8])

    surprise = learner.cross_entropy(p, q)

    # 3/2 + 1/4 + 2/8 + 3/8 = 2.375 (q's mean surprise about p's predictions would be 2.25)
    check_close(surprise, 2.375 * np.log(2), **CLOSE, of="the cross-entropy")


@pytest.mark.exercise("cross_entropy", points=2)
def test_cross_entropy_of_a_known_token(learner, rng):
    """When p is certain of one outcome, the cross-entropy is -log of what q gave to that outcome."""
    q = distributions(rng, (4, 6), -1)
    tokens = rng.integers(6, size=4)

    losses = learner.cross_entropy(np.eye(6)[tokens], q)

    check_close(losses, -np.log(q[np.arange(4), tokens]), **CLOSE, of="the loss of each row")


@pytest.mark.exercise("cross_entropy")
@pytest.mark.parametrize("axis", [-1, 0, 1, -2])
def test_cross_entropy_along_any_axis(learner, rng, axis):
    """The sum runs along the axis that was asked for."""
    p, q = distributions(rng, (3, 4, 5), axis), distributions(rng, (3, 4, 5), axis)

    surprise = learner.cross_entropy(p, q, axis=axis)

    check_close(surprise, -special.xlogy(p, q).sum(axis=axis), **CLOSE, of=f"the cross-entropies along axis {axis}")


@pytest.mark.exercise("cross_entropy", points=2)
def test_cross_entropy_of_what_never_happens(learner):
    """An outcome that p rules out adds 0, not nan, also where q rules it out as well."""
    p = np.array([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75], [0.2, 0.3, 0.5]])
    q = np.array([[0.25, 0.75, 0.0], [0.0, 0.5, 0.5], [0.6, 0.3, 0.1]])

    surprise = learner.cross_entropy(p, q)

    check_close(surprise, -special.xlogy(p, q).sum(axis=-1), **CLOSE, of="the cross-entropies")


@pytest.mark.exercise("cross_entropy")
def test_cross_entropy_of_a_surprise_without_end(learner):
    """Where q rules out what p allows, however rarely, the cross-entropy is inf."""
    p = np.array([[0.999, 0.001], [0.5, 0.5]])
    q = np.array([[1.0, 0.0], [0.125, 0.875]])

    surprise = learner.cross_entropy(p, q)

    check_close(surprise, np.array([np.inf, -0.5 * np.log(0.125 * 0.875)]), **CLOSE, of="the cross-entropies")


# --- kl_divergence --------------------------------------------------------------------------------


@pytest.mark.exercise("kl_divergence")
def test_kl_by_hand(learner):
    """Believing a quarter and three quarters of a fair coin costs half of log 2 + log 2/3."""
    cost = learner.kl_divergence(np.array([0.5, 0.5]), np.array([0.25, 0.75]))

    check_close(cost, 0.5 * np.log(2) + 0.5 * np.log(2 / 3), **CLOSE, of="the divergence")


@pytest.mark.exercise("kl_divergence")
@pytest.mark.parametrize("axis", [-1, 0, 1, -2])
def test_kl_along_any_axis(learner, rng, axis):
    """The sum runs along the axis that was asked for."""
    p, q = distributions(rng, (3, 4, 5), axis), distributions(rng, (3, 4, 5), axis)

    cost = learner.kl_divergence(p, q, axis=axis)

    check_close(cost, special.rel_entr(p, q).sum(axis=axis), **CLOSE, of=f"the divergences along axis {axis}")


@pytest.mark.exercise("kl_divergence")
def test_kl_of_what_never_happens(learner):
    """An outcome that p rules out adds 0, not nan, also where q rules it out; true beliefs cost nothing."""
    p = np.array([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
    q = np.array([[0.25, 0.75, 0.0], [0.2, 0.4, 0.4], [0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])

    cost = learner.kl_divergence(p, q)

    check_close(cost, special.rel_entr(p, q).sum(axis=-1), **CLOSE, of="the divergences")


@pytest.mark.exercise("kl_divergence")
def test_kl_of_a_surprise_without_end(learner):
    """Where q rules out what p allows, the divergence is inf; the other way round it is finite."""
    p = np.array([[0.5, 0.5], [1.0, 0.0]])
    q = np.array([[1.0, 0.0], [0.5, 0.5]])

    cost = learner.kl_divergence(p, q)

    check_close(cost, np.array([np.inf, np.log(2)]), **CLOSE, of="the divergences")


# --- bayes_posterior ------------------------------------------------------------------------------


@pytest.mark.exercise("bayes_posterior")
def test_bayes_medical_test(learner):
    """One in 100 is ill; a test finds 9 of 10 ill and alarms 1 in 20 healthy: a positive means ill 2 times in 13."""
    prior, positive = np.array([0.01, 0.99]), np.array([0.9, 0.05])

    posterior = learner.bayes_posterior(prior, positive)

    # 0.009 against 0.0495: 90 to 495, or 2 to 11
    check_close(posterior, np.array([2 / 13, 11 / 13]), **CLOSE, of="the posterior after a positive test")


@pytest.mark.exercise("bayes_posterior")
@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 4)])
def test_bayes_of_several_observations(learner, rng, shape):
    """Each observation gives a posterior of its own that sums to one."""
    prior, likelihood = distributions(rng, (4,), -1), rng.uniform(0.05, 1, size=shape)

    posterior = learner.bayes_posterior(prior, likelihood)

    expected = np.empty(shape)
    for index in np.ndindex(shape[:-1]):
        joint = [prior[k] * likelihood[index][k] for k in range(4)]
        expected[index] = [part / sum(joint) for part in joint]
    check_close(posterior, expected, **CLOSE, of="the posteriors")


@pytest.mark.exercise("bayes_posterior")
def test_bayes_of_what_the_prior_rules_out(learner):
    """No observation revives a hypothesis of probability 0, and an impossible observation kills one."""
    posterior = learner.bayes_posterior(np.array([0.0, 0.25, 0.75]), np.array([[0.9, 0.6, 0.2], [0.9, 0.0, 0.1]]))

    # 0.15 against 0.15; then only the third is left
    check_close(posterior, np.array([[0.0, 0.5, 0.5], [0.0, 0.0, 1.0]]), **CLOSE, of="the posteriors")


@pytest.mark.exercise("bayes_posterior")
@pytest.mark.parametrize(
    ("prior", "likelihood"),
    [([0.5, 0.5], [0.0, 0.0]), ([0.0, 1.0], [0.5, 0.0]), ([0.25, 0.75], [[0.5, 0.1], [0.0, 0.0]])],
)
def test_bayes_refuses_the_impossible(learner, prior, likelihood):
    """An observation that no hypothesis allows raises ValueError instead of giving nan."""
    says = f"for prior {prior} and likelihood {likelihood}"

    check_raises(ValueError, learner.bayes_posterior, np.array(prior), np.array(likelihood), says=says)
    posterior = learner.bayes_posterior(np.array([0.5, 0.5]), np.array([0.0, 0.3]))  # one impossible hypothesis is fine
    check_close(posterior, np.array([0.0, 1.0]), **CLOSE, of="the posterior of an observation that is possible")


# --- sample_categorical ---------------------------------------------------------------------------


def check_outcomes(outcomes, expected, of):
    """Require exactly these outcomes, as integers of any width."""
    check_close(outcomes, expected, rtol=0, of=of)
    check_that(np.asarray(outcomes).dtype.kind in "iu", f"{of} must be integers, since they are used as indices")


@pytest.mark.exercise("sample_categorical")
def test_sample_inside_the_intervals(learner):
    """A number draws the outcome whose interval of the cumulative sum it falls into."""
    u = np.array([[0.05, 0.15, 0.55], [0.65, 0.95, 0.3]])

    outcomes = learner.sample_categorical(np.array([0.1, 0.5, 0.1, 0.3]), u)

    check_outcomes(outcomes, np.array([[0, 1, 1], [2, 3, 1]]), of="the outcomes")


@pytest.mark.exercise("sample_categorical")
def test_sample_at_the_edges(learner):
    """A number exactly on an edge belongs to the interval that begins there."""
    probs = np.array([0.25, 0.5, 0.125, 0.125])  # halves of halves: the edges are exact

    outcomes = learner.sample_categorical(probs, np.array([0.0, 0.25, 0.75, 0.875, np.nextafter(0.25, 0)]))

    check_outcomes(outcomes, np.array([0, 1, 2, 3, 0]), of="the outcomes at the edges")


@pytest.mark.exercise("sample_categorical")
def test_sample_never_the_impossible(learner):
    """An outcome of probability 0 is never drawn, neither first, nor between, nor last."""
    probs = np.array([0.0, 0.5, 0.0, 0.5, 0.0])

    outcomes = learner.sample_categorical(probs, np.array([0.0, 0.25, 0.5, 0.75, np.nextafter(1.0, 0)]))

    check_outcomes(outcomes, np.array([1, 1, 3, 3, 3]), of="the outcomes")


@pytest.mark.exercise("sample_categorical")
@pytest.mark.parametrize("zeros", [0, 2])
def test_sample_short_of_one(learner, zeros):
    """Where round-off ends the cumulative sum short of u, the last outcome of positive probability is drawn."""
    probs = np.array([0.1] * 10 + [0.0] * zeros)
    u = np.nextafter(1.0, 0)  # what ten times 0.1 adds up to in floating point, so that no interval holds it

    outcomes = learner.sample_categorical(probs, np.array([u, 0.45]))

    check_outcomes(outcomes, np.array([9, 4]), of="the outcomes of the largest float below 1 and of 0.45")


@pytest.mark.exercise("sample_categorical")
def test_sample_frequencies(learner, rng):
    """Over many uniform numbers every outcome appears as often as its probability says."""
    probs = distributions(rng, (6,), -1)

    outcomes = learner.sample_categorical(probs, rng.random(5000))

    check_finite(outcomes, (5000,))
    counts = np.array([(outcomes == k).sum() for k in range(6)])
    check_equal(int(counts.sum()), 5000, of="the number of outcomes from 0 to 5")
    check_frequencies(counts, probs, of="the outcomes")  # false failure at most once in a million
