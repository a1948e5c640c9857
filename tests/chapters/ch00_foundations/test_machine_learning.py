"""Hidden checks for 0.2 Machine learning. Oracles: scikit-learn, SciPy, closed forms, slow loops written here.

scikit-learn scales, regresses, classifies, clusters and scores, and brings digits, iris and diabetes; SciPy's expit and
log_expit give the logistic slopes; loops over single rows say what neighbours, clusters and token pairs are.
"""

import itertools
from functools import cache

import numpy as np
import pytest
from scipy import special
from sklearn import cluster, datasets, linear_model, metrics, neighbors, preprocessing

from grader.checks import check_close, check_equal, check_frequencies, check_raises, check_that, check_unchanged, probe

CLOSE = {"rtol": 1e-12, "atol": 1e-12}  # float64 carries 16 digits; sums of a few terms near 1 lose one or two
FIT = {"rtol": 1e-9, "atol": 1e-9}  # equations of condition 100 at most: squared and times 1e-16 this is 1e-12


@cache
def load(name):
    """One of scikit-learn's own data sets: features as float64, labels."""
    return getattr(datasets, f"load_{name}")(return_X_y=True)


def check_parts(result, *shapes):
    """Require as many finite arrays as there are shapes; None in a shape stands for any length."""
    good = isinstance(result, tuple | list) and len(result) == len(shapes)
    check_that(good, f"the result must be {len(shapes)} arrays, separated by commas behind `return`")
    for place, (part, shape) in enumerate(zip(result, shapes, strict=True)):
        fits = isinstance(part, np.ndarray) and part.dtype.kind in "iuf" and part.ndim == len(shape)
        fits = fits and all(want in (None, got) for want, got in zip(shape, part.shape, strict=True))
        wanted = f"({', '.join('any' if want is None else str(want) for want in shape)}{',' * (len(shape) == 1)})"
        check_that(fits, f"number {place + 1} of the {len(shapes)} results must be an array of shape {wanted}")
        check_that(bool(np.isfinite(part).all()), f"number {place + 1} of the results must not contain nan or inf")
    return tuple(result)


# --- train_test_split -----------------------------------------------------------------------------


def numbered(count):
    """Rows and labels from which can be read which row they were: the label, and the first channel, are its number."""
    y = np.arange(count)
    return np.stack([y, y**2, count - y], axis=1).astype(float), y


def check_split(result):
    return check_parts(result, (None, 3), (None, 3), (None,), (None,))


@pytest.mark.exercise("train_test_split")
@pytest.mark.parametrize(
    ("count", "fraction", "held_out"),
    [
        (10, 0.2, 2), (10, 0.37, 4), (100, 0.29, 29), (100, 0.07, 7), (12, 0.75, 9), (2, 0.5, 1), (3, 0.4, 1),
        (5, 0.5, 2), (7, 0.5, 4),
    ],
)  # fmt: skip
def test_split_sizes(learner, rng, count, fraction, held_out):
    """The test set gets round(fraction · N) rows (of a half to the even number), the training set the rest."""
    x, y = numbered(count)

    split = learner.train_test_split(x, y, fraction, rng)

    lengths = [len(part) for part in check_split(split)]
    check_equal(lengths, [count - held_out, held_out] * 2, of="the lengths of x_train, x_test, y_train, y_test")


@pytest.mark.exercise("train_test_split")
@pytest.mark.parametrize(("count", "fraction"), [(10, 0.2), (47, 0.6), (60, 0.25)])
def test_split_keeps_rows_with_their_labels(learner, rng, count, fraction):
    """Every row stands beside its own label, in both sets."""
    x, y = numbered(count)

    x_train, x_test, y_train, y_test = check_split(learner.train_test_split(x, y, fraction, rng))

    for name, features, labels in (("train", x_train, y_train), ("test", x_test, y_test)):
        check_equal(len(features), len(labels), of=f"the length of x_{name} beside that of y_{name}")
        known = bool(np.isin(labels, y).all())
        check_that(known, f"y_{name} holds labels that were not in y")
        check_equal(features, x[labels], of=f"x_{name} beside y_{name}")


@pytest.mark.exercise("train_test_split", points=2)
@pytest.mark.parametrize(("count", "fraction"), [(10, 0.2), (47, 0.6), (60, 0.25)])
def test_split_uses_every_row_once(learner, rng, count, fraction):
    """No row is in both sets, none is twice in one, none is lost."""
    x, y = numbered(count)

    _, _, y_train, y_test = check_split(learner.train_test_split(x, y, fraction, rng))

    both = np.intersect1d(y_train, y_test)
    check_that(both.size == 0, f"{both.size} of the rows are in the training set and in the test set")
    check_equal(np.sort(np.concatenate([y_train, y_test])), y, of="the sorted rows of both sets together")


@pytest.mark.exercise("train_test_split")
def test_split_is_shuffled(learner, rng):
    """The test set is neither the beginning nor the end of the data, nor any other stretch of it."""
    x, y = numbered(60)

    _, _, _, y_test = check_split(learner.train_test_split(x, y, 0.5, rng))

    # Of the C(60, 30) = 1e17 sets only 31 are stretches, 60 where the end may go on at the beginning: a right program
    # fails once in 1e15.
    check_equal(len(y_test), 30, of="the length of y_test")
    breaks = int((np.diff(np.sort(y_test)) > 1).sum())
    whole = breaks == 0 or (breaks == 1 and {0, 59} <= set(y_test.tolist()))
    check_that(not whole, "the test set is a stretch of neighbouring rows: the rows were not shuffled one by one")


@pytest.mark.exercise("train_test_split", points=2)
def test_split_comes_from_the_generator(learner, seed):
    """The generator alone decides: another one gives another split, the same state gives the same split again."""
    x, y = numbered(60)

    splits = [
        check_split(learner.train_test_split(x, y, 0.5, np.random.default_rng(each))) for each in (seed, seed + 1, seed)
    ]

    first, other, again = (np.sort(y_test).tolist() for _, _, _, y_test in splits)
    check_that(first != other, "two different generators gave the same test set")  # by chance once in 1e17
    check_that(first == again, "two generators in the same state gave different test sets")
    check_equal(len(first), 30, of="the length of y_test")


@probe
def many_test_sets(module, x, y, fraction, rng, times):
    import numpy as np

    return np.stack([module.train_test_split(x, y, fraction, rng)[3] for _ in range(times)])


@pytest.mark.exercise("train_test_split")
def test_split_is_fair(learner, rng):
    """Every set of rows is as likely as any other to be the test set."""
    x, y = numbered(6)
    triples = list(itertools.combinations(range(6), 3))
    times = 1500

    drawn = learner.run(many_test_sets, x, y, 0.5, rng, times)

    # check_frequencies fails a right program once in 1e6 at most. A row that is never drawn takes ten triples to 0 from
    # 1/20: surprise 1500 · 0.051 = 77 nats, where 17 are the limit; stretches, (0, 1, 2) and so on, get 1/4 or 1/6.
    check_parts([drawn], (times, 3))
    counts = [int((np.sort(drawn, axis=1) == triple).all(axis=1).sum()) for triple in triples]
    check_equal(sum(counts), times, of="the number of the 1500 test sets with three different rows of six")
    check_frequencies(counts, np.full(20, 1 / 20), of="how often each three rows of six were the test set")


@pytest.mark.exercise("train_test_split")
def test_split_leaves_the_data_alone(learner, rng):
    """The arrays that were passed in are what they were."""
    x, y = numbered(20)

    split, args, _ = learner.call("train_test_split", x.copy(), y.copy(), 0.25, rng, after=True)

    check_unchanged(args[0], x)
    check_unchanged(args[1], y, of="y")
    _, _, y_train, y_test = check_split(split)
    check_equal(np.sort(np.concatenate([y_train, y_test])), y, of="the sorted rows of both sets together")


@pytest.mark.exercise("train_test_split")
@pytest.mark.parametrize(
    ("rows", "labels", "fraction"), [(5, 4, 0.4), (4, 5, 0.4), (4, 4, 0.1), (4, 4, 0.9), (1, 1, 0.4)]
)
def test_split_refuses_what_cannot_be_split(learner, rng, rows, labels, fraction):
    """Unequal lengths, or a set that would be empty, raise ValueError."""
    x, y = numbered(5)
    smallest, ids = numbered(2)

    says = f"for {rows} rows, {labels} labels and the fraction {fraction}"
    check_raises(ValueError, learner.train_test_split, x[:rows], y[:labels], fraction, rng, says=says)
    _, _, y_train, y_test = check_split(learner.train_test_split(smallest, ids, 0.5, rng))
    check_equal(sorted([*y_train.tolist(), *y_test.tolist()]), [0, 1], of="the rows of both sets where there are two")


# --- standardize ----------------------------------------------------------------------------------


def scaled(train, test):
    scaler = preprocessing.StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


def check_scaled(result, expected, of="", **tolerance):
    """Compare both results with what is expected."""
    parts = check_parts(result, *(part.shape for part in expected))
    for part, want, name in zip(parts, expected, ("train", "test"), strict=True):
        check_close(part, want, **(tolerance or CLOSE), of=f"{name}{of}, standardised")


@pytest.mark.exercise("standardize")
def test_standardize_by_hand(learner):
    """Channels of mean 3 and 7, standard deviation 2 and 5: subtract the one, divide by the other."""
    train = np.array([[1.0, 2.0], [1.0, 12.0], [5.0, 12.0], [5.0, 2.0]])

    result = learner.standardize(train, np.array([[7.0, -3.0]]))

    expected = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]]), np.array([[2.0, -2.0]])
    check_scaled(result, expected)


@pytest.mark.exercise("standardize")
def test_standardized_training_channels(learner, rng):
    """Every channel of the training rows ends with mean 0 and standard deviation 1."""
    train, test = rng.normal(size=(9, 3)) * [0.1, 2.0, 30.0] + [5.0, -4.0, 70.0], rng.normal(size=(4, 3))

    got, _ = check_parts(learner.standardize(train, test), (9, 3), (4, 3))

    check_close(got.mean(axis=0), np.zeros(3), rtol=0, atol=1e-12, of="the mean of each channel of train")
    check_close(got.std(axis=0), np.ones(3), **CLOSE, of="the standard deviation of each channel of train")


@pytest.mark.exercise("standardize", points=2)
@pytest.mark.parametrize(("rows", "asked", "channels"), [(8, 8, 3), (3, 11, 4), (20, 2, 1)])
def test_standardize_equals_scikit_learn(learner, rng, rows, asked, channels):
    """Training and test rows come out as scikit-learn's StandardScaler, fitted on the training rows, has them."""
    train = rng.normal(size=(rows, channels)) * 3 + 2
    test = rng.normal(size=(asked, channels)) * 2 - 1

    result = learner.standardize(train, test)

    check_scaled(result, scaled(train, test), rtol=1e-11, atol=1e-11)  # numbers near 5, brought to near 1


@pytest.mark.exercise("standardize", points=2)
def test_test_rows_have_no_influence(learner, rng):
    """A test row is treated the same whatever other test rows there are, also when it is the only one."""
    train, test = rng.normal(size=(6, 2)) + 1, rng.normal(size=(3, 2))
    far = np.vstack([test[:1], 1e3 + test])

    alone = learner.standardize(train, test[:1])
    together = learner.standardize(train, far)

    check_scaled(alone, scaled(train, test[:1]), of=" beside a single test row", rtol=1e-11, atol=1e-11)
    check_scaled(together, scaled(train, far), of=" beside test rows far away", rtol=1e-11, atol=1e-11)


@pytest.mark.exercise("standardize")
def test_standardize_constant_channels(learner):
    """A channel that is 0 in all training rows is centred and not divided: no nan, no inf."""
    train = np.array([[0.0, 1.0], [0.0, 5.0], [0.0, 5.0], [0.0, 1.0]])
    test = np.array([[0.0, 3.0], [2.5, 7.0]])

    result = learner.standardize(train, test)

    expected = np.array([[0.0, -1.0], [0.0, 1.0], [0.0, 1.0], [0.0, -1.0]]), np.array([[0.0, 0.0], [2.5, 2.0]])
    check_scaled(result, expected)


@pytest.mark.exercise("standardize")
@pytest.mark.parametrize("rows", [3, 6, 10, 100])
@pytest.mark.parametrize("constants", [[0.1, -7.3, 0.7], [12345.678, -1e6 - 0.1, 0.3]], ids=["small", "large"])
def test_standardize_constants_that_round(learner, rows, constants):
    """A constant channel counts as constant whatever its value, also where its computed deviation is not quite 0."""
    train = np.tile(constants, (rows, 1))
    test = train[:2] + np.array([[0.0, 1.0, -2.0], [3.0, 0.0, 0.5]])

    result = learner.standardize(train, test)

    # The mean of 100 numbers of 1e6 is off by 1e-8 at the very most, a plain sum included. Whoever divides by the
    # deviation, which is as large as that error (3e-10), gets numbers near 1 for the training rows.
    size = np.abs(constants).max()
    check_scaled(result, (np.zeros((rows, 3)), test - train[:2]), rtol=1e-12, atol=4e-16 * rows * size)


@pytest.mark.exercise("standardize")
def test_standardize_channels_of_any_size(learner, rng):
    """Tiny channels are scaled as exactly as huge ones: nothing is added to the standard deviation."""
    train, test = rng.normal(size=(7, 4)), rng.normal(size=(2, 4))
    sizes = np.array([1e-15, 1e-5, 1.0, 1e9])

    result = learner.standardize(train * sizes, test * sizes)

    check_scaled(result, scaled(train, test), rtol=1e-11, atol=1e-11)


@pytest.mark.exercise("standardize")
def test_standardize_digits(learner):
    """Real data: 1,797 pictures of digits with 64 pixels, some of which are always empty."""
    pictures, _ = load("digits")
    train, test = pictures[:1200], pictures[1200:]

    result, args, _ = learner.call("standardize", train, test, after=True)

    check_scaled(result, scaled(train, test), rtol=1e-10, atol=1e-10)  # sums of 1,200 terms
    check_unchanged(args[0], train, of="train")
    check_unchanged(args[1], test, of="test")


# --- linear_regression ----------------------------------------------------------------------------


def check_fit(fit, weights, bias, **tolerance):
    """Compare (weights, bias) with what is expected."""
    good = isinstance(fit, tuple | list) and len(fit) == 2
    check_that(good, "the result must be a pair: the weights, then the bias")
    check_close(fit[0], np.asarray(weights), **(tolerance or FIT), of="the weights")
    check_close(fit[1], float(bias), **(tolerance or FIT), of="the bias")


def check_like(fit, model, x, y):
    model = model.fit(x, y)
    check_fit(fit, model.coef_, model.intercept_)


def some_data(rng, rows, channels, noise=0.5):
    x = rng.normal(size=(rows, channels)) + 2
    return x, x @ rng.normal(size=channels) - 3 + noise * rng.normal(size=rows)


@pytest.mark.exercise("linear_regression")
def test_regression_by_hand(learner):
    """The straight line nearest to (0, 1), (2, 2) and (4, 6) has slope 1.25 and is 0.5 at 0."""
    fit = learner.linear_regression(np.array([[0.0], [2.0], [4.0]]), np.array([1.0, 2.0, 6.0]))

    # Around the means 2 and 3: x is -2, 0, 2 and y is -2, -1, 3, so that the slope is (4 + 6) / 8.
    check_fit(fit, [1.25], 0.5)


@pytest.mark.exercise("linear_regression")
@pytest.mark.parametrize(("rows", "weights", "bias"), [(5, [3.0], -7.0), (9, [2.0, -1.0, 0.5], 40.0)], ids=str)
def test_regression_recovers_a_plane(learner, rng, rows, weights, bias):
    """Where y is exactly a weighted sum plus a bias, both are found."""
    x = rng.normal(size=(rows, len(weights)))

    fit = learner.linear_regression(x, x @ np.array(weights) + bias)

    check_fit(fit, weights, bias)


@pytest.mark.exercise("linear_regression")
@pytest.mark.parametrize(("rows", "channels"), [(30, 1), (20, 4), (60, 9)])
def test_regression_equals_scikit_learn(learner, rng, rows, channels):
    """Without a penalty: the least-squares fit of noisy data."""
    x, y = some_data(rng, rows, channels)

    check_like(learner.linear_regression(x, y), linear_model.LinearRegression(), x, y)


@pytest.mark.exercise("linear_regression", points=2)
@pytest.mark.parametrize("lam", [0.3, 4.0, 50.0])
@pytest.mark.parametrize(("rows", "channels"), [(25, 3), (4, 9)])
def test_ridge_equals_scikit_learn(learner, rng, rows, channels, lam):
    """With a penalty: lam times the sum of the squared weights is added to the sum of the squared errors."""
    x, y = some_data(rng, rows, channels)

    check_like(learner.linear_regression(x, y, lam=lam), linear_model.Ridge(alpha=lam, solver="svd"), x, y)


@pytest.mark.exercise("linear_regression")
@pytest.mark.parametrize("lam", [0.0, 20.0])
def test_the_bias_is_free(learner, rng, lam):
    """Adding 500 to every y adds 500 to the bias and leaves the weights alone, under any penalty."""
    x, y = some_data(rng, 15, 3)

    model = linear_model.Ridge(alpha=lam, solver="svd").fit(x, y)
    check_fit(learner.linear_regression(x, y + 500, lam), model.coef_, model.intercept_ + 500)


@pytest.mark.exercise("linear_regression", points=2)
@pytest.mark.parametrize("case", range(4))
def test_columns_that_nearly_repeat(learner, rng, case):
    """Two columns that agree to six digits are still told apart."""
    x = rng.normal(size=(40, 3)) + np.array([0.0, 0.0, 1.0])
    x[:, 1] = x[:, 0] + 5e-7 * x[:, 1]
    weights = np.array([3.0, -2.0, 1.5])

    fit = learner.linear_regression(x, x @ weights + 4)

    # Condition 3e6 to 7e6, times 1e-16 and a few: 1e-9 through x itself. Through xᵀx it is 1e13 times 1e-16: 3e-3 as a
    # rule, and less than 1e-6 once in some thousand cases, so in all four cases once in 1e12 or so.
    check_fit(fit, weights, 4.0, rtol=1e-6, atol=1e-6)


@pytest.mark.exercise("linear_regression")
@pytest.mark.parametrize("lam", [0.0, 0.1])
def test_regression_on_diabetes(learner, lam):
    """Real data: the progress of diabetes in 300 patients, from ten measurements."""
    x, y = (part[:300] for part in load("diabetes"))

    fit, args, _ = learner.call("linear_regression", x, y, lam, after=True)

    check_like(fit, linear_model.Ridge(alpha=lam, solver="svd"), x, y)
    check_unchanged(args[0], x)
    check_unchanged(args[1], y, of="y")


# --- logistic_regression_step ---------------------------------------------------------------------


def slow_step(w, x, y, lr):
    """Row by row: the gradient of -log p is (p - 1) x, that of -log(1 - p) is p x."""
    gradients = [(special.expit(row @ w) - label) * row for row, label in zip(x, y, strict=True)]
    return w - lr * np.mean(gradients, axis=0)


def mean_loss(w, x, y):
    return -np.mean(np.where(y == 1, special.log_expit(x @ w), special.log_expit(-(x @ w))))


def some_labels(rng, rows, channels):
    x = rng.normal(size=(rows, channels)) + 0.5
    y = rng.integers(2, size=rows)
    return rng.normal(size=channels), x, y


@pytest.mark.exercise("logistic_regression_step")
def test_logistic_step_by_hand(learner):
    """From weights of zero every p is 1/2, and the step follows the mean of (1/2 - y) x downhill."""
    x = np.array([[1.0, 2.0], [1.0, -2.0], [1.0, 4.0]])

    w = learner.logistic_regression_step(np.zeros(2), x, np.array([1, 0, 1]), 3.0)

    # Errors -1/2, 1/2, -1/2: the mean gradient is (-1/6, -4/3).
    check_close(w, np.array([0.5, 4.0]), **CLOSE, of="the weights")


@pytest.mark.exercise("logistic_regression_step")
def test_logistic_step_follows_the_numerical_gradient(learner, rng):
    """The step is -lr times the slope of the mean binary cross-entropy, as measured by central differences."""
    w, x, y = some_labels(rng, 12, 3)
    h = 1e-5

    got = learner.logistic_regression_step(w, x, y, 1.0)

    slopes = [(mean_loss(w + h * e, x, y) - mean_loss(w - h * e, x, y)) / (2 * h) for e in np.eye(3)]
    # The differences err by h² · f‴ / 6 and by 1e-16 / h: about 1e-10 each.
    check_close(got, w - np.array(slopes), rtol=0, atol=1e-8, of="the weights after a step with lr = 1")


@pytest.mark.exercise("logistic_regression_step", points=2)
@pytest.mark.parametrize(("rows", "channels", "lr"), [(1, 1, 0.7), (9, 4, 0.1), (5, 5, 2.0), (40, 2, 0.5)])
def test_logistic_step_row_by_row(learner, rng, rows, channels, lr):
    """Any number of rows and channels, any learning rate."""
    w, x, y = some_labels(rng, rows, channels)

    got = learner.logistic_regression_step(w, x, y, lr)

    check_close(got, slow_step(w, x, y, lr), **CLOSE, of="the weights")


@pytest.mark.exercise("logistic_regression_step")
def test_logistic_step_takes_the_mean(learner, rng):
    """Every row three times is the same data: the step does not get longer."""
    w, x, y = some_labels(rng, 7, 3)

    got = learner.logistic_regression_step(w, np.tile(x, (3, 1)), np.tile(y, 3), 0.8)

    check_close(got, slow_step(w, x, y, 0.8), **CLOSE, of="the weights")


@pytest.mark.exercise("logistic_regression_step")
def test_logistic_step_of_huge_scores(learner):
    """Scores of 1000 and -1000 mean a p of 1 and of 0, never nan."""
    w = np.array([1.0])

    # One row at a time: where the label is right it pushes next to nothing, where it is wrong by the size of the score.
    for score, label in itertools.product((20.0, -20.0, 1000.0, -1000.0), (0, 1)):
        x, y = np.array([[score]]), np.array([label])

        got = learner.logistic_regression_step(w, x, y, 0.5)

        check_close(got, slow_step(w, x, y, 0.5), **CLOSE, of=f"the weights for a score of {score:g} and y = {label}")


@pytest.mark.exercise("logistic_regression_step")
def test_logistic_step_leaves_the_weights_alone(learner, rng):
    """The new weights are a new array; weights, rows and labels that were passed in are what they were."""
    inputs = some_labels(rng, 1, 3)

    got, args, _ = learner.call("logistic_regression_step", *(each.copy() for each in inputs), 0.4, after=True)

    for after, before, name in zip(args, inputs, "wxy", strict=False):
        check_unchanged(after, before, of=name)
    check_close(got, slow_step(*inputs, 0.4), **CLOSE, of="the weights")


@probe
def descend(module, w, x, y, lr, steps):
    for _ in range(steps):
        w = module.logistic_regression_step(w, x, y, lr)
    return w


@pytest.mark.exercise("logistic_regression_step")
def test_many_steps_reach_the_best_fit(learner):
    """Real data: 600 steps on the sepals of two kinds of iris end where scikit-learn's solver does."""
    measures, kind = load("iris")
    sepals = preprocessing.StandardScaler().fit_transform(measures[50:, :2])
    x, y = np.column_stack([sepals, np.ones(100)]), (kind[50:] == 2).astype(int)

    w = learner.run(descend, np.zeros(3), x, y, 3.0, 600)

    # The loss curves by 0.068 to 0.192 around its lowest point, so each step leaves 1 - 3 · 0.068 = 0.8 of the error.
    model = linear_model.LogisticRegression(C=np.inf, fit_intercept=False, solver="newton-cholesky", tol=1e-12)
    check_close(w, model.fit(x, y).coef_[0], rtol=1e-6, of="the weights after 600 steps")  # the solver's own tolerance


# --- k_nearest_neighbors --------------------------------------------------------------------------


def slow_vote(x_train, y_train, row, k):
    """Sort by (distance, place); the first voter whose label has as many votes as any wins."""
    squares = ((x_train - row) ** 2).sum(axis=1)
    voters = y_train[sorted(range(len(squares)), key=lambda i: (squares[i], i))[:k]].tolist()
    return next(label for label in voters if voters.count(label) == max(map(voters.count, voters)))


def slow_neighbors(x_train, y_train, x, k):
    return np.array([slow_vote(x_train, y_train, row, k) for row in x])


@pytest.mark.exercise("k_nearest_neighbors")
def test_neighbors_by_hand(learner):
    """The three nearest of five points in the plane vote."""
    x_train = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0], [9.0, 9.0], [8.0, 9.0]])
    x = np.array([[1.0, 1.0], [9.0, 8.0], [2.0, 3.0]])

    labels = learner.k_nearest_neighbors(x_train, np.array([1, 2, 1, 3, 3]), x, 3)

    # Squared distances 2, 5, 10, 128, 113; 145, 100, 97, 1, 2; 13, 10, 5, 85, 72.
    check_equal(labels, np.array([1, 3, 1]), of="the labels")


@pytest.mark.exercise("k_nearest_neighbors")
def test_a_single_neighbor(learner, rng):
    """With k = 1 every row gets the label of its nearest training row, and a training row its own."""
    x_train, y_train = rng.normal(size=(12, 3)), np.arange(12) * 5 - 20

    labels = learner.k_nearest_neighbors(x_train, y_train, x_train[::-1] + 1e-6, 1)

    check_equal(labels, y_train[::-1], of="the labels")


@pytest.mark.exercise("k_nearest_neighbors")
@pytest.mark.parametrize("k", [1, 3, 7])
def test_neighbors_equal_scikit_learn(learner, rng, k):
    """Two kinds and an odd number of voters leave no ties: the same labels as scikit-learn's classifier."""
    x_train, x = rng.normal(size=(40, 3)), rng.normal(size=(25, 3))
    y_train = np.where(x_train[:, 0] + rng.normal(size=40) > 0, 7, -1)

    labels = learner.k_nearest_neighbors(x_train, y_train, x, k)

    model = neighbors.KNeighborsClassifier(k, algorithm="brute").fit(x_train, y_train)
    check_equal(labels, model.predict(x), of="the labels")


@pytest.mark.exercise("k_nearest_neighbors", points=2)
@pytest.mark.parametrize(
    ("nearest_first", "winner"),
    [
        ([5, 2], 5),
        ([7, 3, 3, 7], 7),
        ([3, 7, 7, 3], 3),
        ([9, 4, 1, 1, 4], 4),
        ([6, 8, 2, 2, 8, 6], 6),
        ([-3, 2, 2, -3, -8, -8], -3),
    ],
    ids=str,
)
def test_ties_go_to_the_nearest(learner, nearest_first, winner):
    """Of labels with equally many votes the one whose nearest voter is nearest wins."""
    k = len(nearest_first)
    x_train, y_train = np.arange(1.0, k + 2)[::-1, None], np.array([*nearest_first, 1])[::-1]  # the nearest row is last

    labels = learner.k_nearest_neighbors(x_train, y_train, np.array([[0.0]]), k)

    check_equal(labels, np.array([winner]), of=f"the winner of the votes {nearest_first}, nearest first")


@pytest.mark.exercise("k_nearest_neighbors")
@pytest.mark.parametrize("k", [2, 3, 5])
def test_equal_distances_go_by_place(learner, rng, k):
    """Of training rows at the same distance the earlier one counts as nearer, also for the last seat."""
    x_train, x = (rng.integers(3, size=(rows, 2)).astype(float) for rows in (60, 20))  # sixty rows on nine places
    y_train = rng.integers(5, size=60)

    labels = learner.k_nearest_neighbors(x_train, y_train, x, k)

    check_equal(labels, slow_neighbors(x_train, y_train, x, k), of="the labels")


@pytest.mark.exercise("k_nearest_neighbors")
@pytest.mark.parametrize(
    ("rows", "asked", "channels", "k"), [(30, 12, 4, 4), (9, 9, 9, 2), (15, 1, 1, 6), (2, 7, 3, 2)]
)
def test_neighbors_of_any_shape(learner, rng, rows, asked, channels, k):
    """Any number of training rows, questions and channels; labels are any integers."""
    x_train, x = rng.normal(size=(rows, channels)), rng.normal(size=(asked, channels))
    y_train = rng.choice([-4, 0, 3, 100], size=rows)

    labels = learner.k_nearest_neighbors(x_train, y_train, x, k)

    check_equal(labels, slow_neighbors(x_train, y_train, x, k), of="the labels")


@pytest.mark.exercise("k_nearest_neighbors")
def test_neighbors_of_digits(learner):
    """Real data: sixty pictures of digits, named by five neighbours among four hundred."""
    pictures, digits = load("digits")
    x_train, y_train, x = pictures[:400], digits[:400], pictures[400:460]

    labels, args, _ = learner.call("k_nearest_neighbors", x_train, y_train, x, 5, after=True)

    # Pixels are whole numbers, so that distances are exact however they are computed.
    check_equal(labels, slow_neighbors(x_train, y_train, x, 5), of="the labels")
    for after, before, name in zip(args, (x_train, y_train, x), ("x_train", "y_train", "x"), strict=False):
        check_unchanged(after, before, of=name)


@pytest.mark.exercise("k_nearest_neighbors")
@pytest.mark.parametrize("k", [0, -1, 4])
def test_neighbors_refuse_an_impossible_vote(learner, k):
    """Fewer than one voter, or more than there are training rows, raise ValueError; all of them may vote."""
    x_train, y_train, x = np.array([[1.0], [2.0], [4.0]]), np.array([6, 5, 5]), np.array([[0.0], [9.0]])

    check_raises(ValueError, learner.k_nearest_neighbors, x_train, y_train, x, k, says=f"for k = {k} and three rows")
    labels = learner.k_nearest_neighbors(x_train, y_train, x, 3)
    check_equal(labels, np.array([5, 5]), of="the labels where all three vote")


# --- k_means --------------------------------------------------------------------------------------


def slow_nearest(x, centers):
    return np.array([min(range(len(centers)), key=lambda j: ((row - centers[j]) ** 2).sum()) for row in x])


def slow_k_means(x, centers, steps):
    for _ in range(steps):
        labels = slow_nearest(x, centers)
        centers = np.array(
            [x[labels == j].sum(axis=0) / (labels == j).sum() if j in labels else old for j, old in enumerate(centers)]
        )
    return centers, slow_nearest(x, centers)


def check_clusters(result, centers, labels):
    got_centers, got_labels = check_parts(result, centers.shape, labels.shape)
    check_close(got_centers, centers, **CLOSE, of="the centres")
    check_equal(got_labels, labels, of="the labels")


@pytest.mark.exercise("k_means")
def test_k_means_by_hand(learner):
    """One step: rows to their nearest centre, centres to the mean of their rows, labels by the new centres."""
    x = np.array([[0.0, 0.0], [0.0, 4.0], [6.0, 0.0], [12.0, 4.0]])

    result = learner.k_means(x, np.array([[0.0, 2.0], [7.0, 1.0]]), 1)

    check_clusters(result, np.array([[0.0, 2.0], [9.0, 2.0]]), np.array([0, 0, 1, 1]))


@pytest.mark.exercise("k_means")
def test_k_means_labels_by_the_last_centers(learner):
    """The labels say which of the returned centres is nearest, not which was before they moved; no step moves none."""
    x, start = np.array([[0.0], [4.0], [5.0], [20.0]]), np.array([[0.0], [7.0]])

    # 4 and 5 begin with the centre at 7, which 20 then draws to 29/3: they change sides, and do so again.
    check_clusters(learner.k_means(x, start, 1), np.array([[0.0], [29 / 3]]), np.array([0, 0, 1, 1]))
    check_clusters(learner.k_means(x, start, 2), np.array([[2.0], [12.5]]), np.array([0, 0, 0, 1]))
    check_clusters(learner.k_means(x, start, 0), start, np.array([0, 1, 1, 1]))


@pytest.mark.exercise("k_means", points=2)
@pytest.mark.parametrize(("rows", "channels", "count"), [(30, 3, 3), (25, 4, 5), (12, 1, 2)])
@pytest.mark.parametrize("steps", [1, 2, 5, 0])
def test_k_means_step_by_step(learner, rng, rows, channels, count, steps):
    """The centres and labels of a slow loop, after any number of steps."""
    x, start = rng.normal(size=(rows, channels)), rng.normal(size=(count, channels))

    check_clusters(learner.k_means(x, start, steps), *slow_k_means(x, start, steps))


@pytest.mark.exercise("k_means")
@pytest.mark.parametrize("steps", [1, 3])
def test_an_empty_cluster_stays(learner, steps):
    """A centre that no row is nearest to keeps its place: no nan."""
    x = np.array([[1.0, 0.0], [3.0, 0.0], [9.0, 2.0]])

    result = learner.k_means(x, np.array([[2.0, 1.0], [-50.0, 70.0], [8.0, 0.0]]), steps)

    check_clusters(result, np.array([[2.0, 0.0], [-50.0, 70.0], [9.0, 2.0]]), np.array([0, 0, 2]))


@pytest.mark.exercise("k_means")
def test_k_means_ties_go_to_the_lower_index(learner):
    """A row halfway between two centres belongs to the one with the lower index."""
    x = np.array([[0.0], [4.0], [8.0]])

    check_clusters(learner.k_means(x, np.array([[8.0], [0.0]]), 1), np.array([[6.0], [0.0]]), np.array([1, 0, 0]))
    check_clusters(learner.k_means(x, np.array([[8.0], [0.0]]), 0), np.array([[8.0], [0.0]]), np.array([1, 0, 0]))


@pytest.mark.exercise("k_means")
def test_k_means_on_iris(learner):
    """Real data: started from one flower of each kind, it ends where scikit-learn's KMeans does."""
    flowers, _ = load("iris")
    start = flowers[[0, 50, 100]]

    result, args, _ = learner.call("k_means", flowers, start.copy(), 20, after=True)

    model = cluster.KMeans(3, init=start, n_init=1, tol=0, algorithm="lloyd").fit(flowers)  # at rest well before 20
    check_clusters(result, model.cluster_centers_, model.labels_)
    check_unchanged(args[0], flowers)
    check_unchanged(args[1], start, of="centers")


# --- classification_report ------------------------------------------------------------------------

SCORES = ("precision", "recall", "f1")


def check_report(report, y_true, y_pred, count):
    """Compare all five entries with scikit-learn's."""
    names = {"accuracy", "confusion", *SCORES}
    good = isinstance(report, dict) and set(report) == names
    check_that(good, f"the result must be a dict with the entries {', '.join(sorted(names))}")
    confusion = metrics.confusion_matrix(y_true, y_pred, labels=range(count))
    check_equal(report["confusion"], confusion, of='"confusion"')
    expected = metrics.precision_recall_fscore_support(y_true, y_pred, labels=range(count), zero_division=0)
    for name, values in zip(SCORES, expected, strict=False):
        check_close(report[name], values, **CLOSE, of=f'"{name}"')
    check_close(report["accuracy"], metrics.accuracy_score(y_true, y_pred), **CLOSE, of='"accuracy"')


@pytest.mark.exercise("classification_report")
def test_report_by_hand(learner):
    """Eight rows of two classes: counts, precision, recall, F1 and accuracy as on paper."""
    y_true, y_pred = np.array([1, 1, 1, 1, 0, 0, 0, 0]), np.array([1, 0, 0, 0, 0, 0, 1, 0])

    report = learner.classification_report(y_true, y_pred, 2)

    check_that(isinstance(report, dict) and len(report) == 5, "the result must be a dict with five entries")
    check_equal(report.get("confusion"), np.array([[3, 1], [3, 1]]), of='"confusion"')
    check_close(report.get("precision"), np.array([1 / 2, 1 / 2]), **CLOSE, of='"precision"')
    check_close(report.get("recall"), np.array([3 / 4, 1 / 4]), **CLOSE, of='"recall"')
    check_close(report.get("f1"), np.array([3 / 5, 1 / 3]), **CLOSE, of='"f1"')
    check_close(report.get("accuracy"), 0.5, **CLOSE, of='"accuracy"')


@pytest.mark.exercise("classification_report", points=2)
@pytest.mark.parametrize(("rows", "count"), [(40, 2), (60, 4), (200, 10)])
def test_report_equals_scikit_learn(learner, rng, rows, count):
    """Any number of classes: the numbers of scikit-learn."""
    y_true = rng.integers(count, size=rows)
    y_pred = np.where(rng.random(rows) < 0.5, y_true, rng.integers(count, size=rows) // 2)

    check_report(learner.classification_report(y_true, y_pred, count), y_true, y_pred, count)


@pytest.mark.exercise("classification_report")
def test_report_without_divisions_by_zero(learner):
    """A class that is never predicted has precision 0, one that never occurs has recall 0, and so has their F1."""
    y_true, y_pred = np.array([0, 0, 1, 1, 1]), np.array([0, 2, 0, 0, 2])

    report = learner.classification_report(y_true, y_pred, 4)  # 1 is never predicted, 2 never true, 3 neither

    check_report(report, y_true, y_pred, 4)


@pytest.mark.exercise("classification_report")
def test_report_of_a_perfect_classifier(learner, rng):
    """Where everything is right, all scores are 1 and the confusion matrix is diagonal; inputs are left alone."""
    y = rng.permutation([0, 0, 1, 2, 2, 2])

    report, args, _ = learner.call("classification_report", y.copy(), y.copy(), 3, after=True)

    check_report(report, y, y, 3)
    check_unchanged(args[0], y, of="y_true")
    check_unchanged(args[1], y, of="y_pred")


# --- next_token_pairs -----------------------------------------------------------------------------


def slow_pairs(tokens, context):
    starts = range(len(tokens) - context)
    inputs = [[tokens[i + t] for t in range(context)] for i in starts]
    targets = [[tokens[i + t + 1] for t in range(context)] for i in starts]
    return np.array(inputs), np.array(targets)


def check_pairs(result, inputs, targets):
    got_inputs, got_targets = check_parts(result, inputs.shape, targets.shape)
    check_equal(got_inputs, inputs, of="inputs")
    check_equal(got_targets, targets, of="targets")


@pytest.mark.exercise("next_token_pairs")
def test_pairs_by_hand(learner):
    """Five tokens, a context of three: two questions, and one token later their answers."""
    result = learner.next_token_pairs(np.array([4, 7, 1, 9, 7]), 3)

    check_pairs(result, np.array([[4, 7, 1], [7, 1, 9]]), np.array([[7, 1, 9], [1, 9, 7]]))


@pytest.mark.exercise("next_token_pairs", points=2)
@pytest.mark.parametrize(("count", "context"), [(12, 2), (12, 5), (30, 8), (9, 1)])
def test_pairs_of_any_length(learner, rng, count, context):
    """Questions begin at every place that leaves an answer, in order; each target follows its input by one."""
    tokens = rng.integers(50_000, size=count)

    result = learner.next_token_pairs(tokens, context)

    check_pairs(result, *slow_pairs(tokens.tolist(), context))


@pytest.mark.exercise("next_token_pairs")
def test_pairs_of_one_row(learner, rng):
    """A text one token longer than the context makes one row: all but the last token, and all but the first."""
    tokens = rng.integers(1000, size=6)

    result = learner.next_token_pairs(tokens, 5)

    check_pairs(result, tokens[None, :-1], tokens[None, 1:])


@pytest.mark.exercise("next_token_pairs")
def test_pairs_of_a_text(learner):
    """Read as text, every row of targets is its row of inputs moved on by one letter."""
    text = b"to be, or not to be, that is the question"
    tokens = np.frombuffer(text, dtype=np.uint8).astype(np.int64)

    result, args, _ = learner.call("next_token_pairs", tokens, 8, after=True)

    expected = [[list(text[i + by : i + by + 8]) for i in range(len(text) - 8)] for by in (0, 1)]
    check_pairs(result, *map(np.array, expected))
    check_unchanged(args[0], tokens, of="tokens")


@pytest.mark.exercise("next_token_pairs")
@pytest.mark.parametrize(("count", "context"), [(4, 4), (3, 9), (5, 0), (5, -1), (0, 1)])
def test_pairs_refuse_what_gives_no_row(learner, count, context):
    """A context below one, or as long as the text or longer, raises ValueError."""
    tokens = np.arange(10, 10 + count)

    says = f"for {count} tokens and a context of {context}"
    check_raises(ValueError, learner.next_token_pairs, tokens, context, says=says)
    result = learner.next_token_pairs(np.array([8, 8]), 1)  # the shortest text that gives a row
    check_pairs(result, np.array([[8]]), np.array([[8]]))
