"""Classic wrong answers to 0.2 Machine learning."""

import numpy as np

from grader.checks import mistake

# --- train_test_split -----------------------------------------------------------------------------

# Which rows are drawn depends on how the generator is asked, so these mistakes are recognised by what is wrong with a
# split. The suite's first channel and its label are the number of the row.


def splits_in(trace):
    """Every answer, or part of an answer, that consists of four arrays."""
    for answer in trace:
        if isinstance(answer, list | tuple):
            if len(answer) == 4 and all(isinstance(part, np.ndarray) for part in answer):
                yield answer
            else:
                yield from splits_in(answer)


def well_formed(trace):
    """The splits whose four arrays stand in the right order, and their sets of rows."""
    for split in splits_in(trace):
        if [part.ndim for part in split] == [2, 2, 1, 1]:
            yield split, split[2].tolist(), split[3].tolist()


def paired(split):
    x_train, x_test, y_train, y_test = split
    same = x_train.shape[0] == y_train.size and x_test.shape[0] == y_test.size
    return same and bool((x_train[:, 0] == y_train).all() and (x_test[:, 0] == y_test).all())


def is_stretch(rows):
    return len(rows) > 9 and sorted(rows) == list(range(min(rows), min(rows) + len(rows)))


def has_a_leak(trace):
    return any(paired(split) and len({*train, *test}) < len(train + test) for split, train, test in well_formed(trace))


def is_apart(trace):
    return any(not paired(split) for split, _, _ in well_formed(trace))


def is_not_shuffled(trace):
    return any(len(train + test) == 60 and is_stretch(test) for _, train, test in well_formed(trace))


def ignores_its_generator(trace):
    tests = [sorted(test) for _, train, test in well_formed(trace) if len(train + test) == 60 and not is_stretch(test)]
    return len(tests) == 3 and (tests[0] == tests[1] or tests[0] != tests[2])


def has_swapped_sizes(trace):
    return any(len(train) == 2 and len(test) == 8 for _, train, test in well_formed(trace))


def was_cut_down(trace):
    return any(len(train) == 7 and len(test) == 3 for _, train, test in well_formed(trace))


def was_rounded_up(trace):
    return any(len(train) == 2 and len(test) == 3 for _, train, test in well_formed(trace))


def is_in_another_order(trace):
    return any([part.ndim for part in split] == [2, 1, 2, 1] for split in splits_in(trace))


@mistake(
    "train_test_split",
    says="The same row can be in both of your sets, or twice in one, so the test repeats what was learnt.",
    patch=("rng.permutation(len(x))", "rng.integers(len(x), size=len(x))"),
    recognise=has_a_leak,
)
def leaks_rows(x, y, fraction, rng):
    held_out = round(fraction * len(x))
    if len(x) != len(y) or held_out in (0, len(x)):
        raise ValueError("cannot be split")
    test = rng.choice(len(x), size=held_out, replace=False)
    train = rng.choice(len(x), size=len(x) - held_out, replace=False)
    return x[train], x[test], y[train], y[test]


@mistake(
    "train_test_split",
    says="You shuffled x and y each in an order of its own, so rows have lost their labels.",
    patch=("y[train], y[test]", "y[rng.permutation(train)], y[rng.permutation(test)]"),
    recognise=is_apart,
)
def shuffles_apart(x, y, fraction, rng):
    cut = len(x) - round(fraction * len(x))
    if len(x) != len(y) or cut in (0, len(x)):
        raise ValueError("cannot be split")
    x, y = rng.permutation(x), rng.permutation(y)
    return x[:cut], x[cut:], y[:cut], y[cut:]


@mistake(
    "train_test_split",
    says="You cut the data without shuffling, so that whatever their order says separates the two sets.",
    patch=("rng.permutation(len(x))", "np.arange(len(x))"),
    recognise=is_not_shuffled,
)
def does_not_shuffle(x, y, fraction, rng):
    cut = len(x) - round(fraction * len(x))
    if len(x) != len(y) or cut in (0, len(x)):
        raise ValueError("cannot be split")
    return x[:cut], x[cut:], y[:cut], y[cut:]


@mistake(
    "train_test_split",
    says="You did not draw from the generator that was passed in, so nobody can repeat, or vary, your split.",
    patch=("rng.permutation(len(x))", "np.random.permutation(len(x))"),
    recognise=ignores_its_generator,
)
def ignores_the_generator(x, y, fraction, rng):
    own = np.random.default_rng(42)
    held_out = round(fraction * len(x))
    if len(x) != len(y) or held_out in (0, len(x)):
        raise ValueError("cannot be split")
    order = own.permutation(len(x))
    return x[order[held_out:]], x[order[:held_out]], y[order[held_out:]], y[order[:held_out]]


@mistake(
    "train_test_split",
    says="You took `fraction` for the share of the training set; it is that of the test set.",
    patch=("round(fraction * len(x))", "len(x) - round(fraction * len(x))"),
    recognise=has_swapped_sizes,
)
def swaps_the_sizes(x, y, fraction, rng):
    kept = round(fraction * len(x))
    if len(x) != len(y) or kept in (0, len(x)):
        raise ValueError("cannot be split")
    order = rng.permutation(len(x))
    return x[order[:kept]], x[order[kept:]], y[order[:kept]], y[order[kept:]]


@mistake(
    "train_test_split",
    says="You cut fraction · N down to a whole number, where the nearest whole number is asked for.",
    patch=("round(fraction * len(x))", "int(fraction * len(x))"),
    recognise=was_cut_down,
)
def cuts_down(x, y, fraction, rng):
    held_out = int(np.floor(fraction * len(x)))
    if len(x) != len(y) or held_out < 1 or held_out >= len(x):
        raise ValueError("cannot be split")
    chosen = np.zeros(len(x), dtype=bool)
    chosen[rng.choice(len(x), held_out, replace=False)] = True
    return x[~chosen], x[chosen], y[~chosen], y[chosen]


@mistake(
    "train_test_split",
    says="Of two whole numbers equally near to fraction · N you took the larger one, which Python's round does not do.",
    patch=("round(fraction * len(x))", "int(fraction * len(x) + 0.5)"),
    recognise=was_rounded_up,
)
def rounds_up(x, y, fraction, rng):
    held_out = int(np.floor(fraction * len(x) + 0.5))
    if len(x) != len(y) or held_out in (0, len(x)):
        raise ValueError("cannot be split")
    chosen = np.zeros(len(x), dtype=bool)
    chosen[rng.choice(len(x), held_out, replace=False)] = True
    return x[~chosen], x[chosen], y[~chosen], y[chosen]


@mistake(
    "train_test_split",
    says="Your four arrays are in another order than the docstring's: x_train, x_test, y_train, y_test.",
    patch=("x[train], x[test], y[train], y[test]", "x[train], y[train], x[test], y[test]"),
    recognise=is_in_another_order,
)
def returns_pairs(x, y, fraction, rng):
    held_out = round(fraction * len(x))
    if len(x) != len(y) or held_out in (0, len(x)):
        raise ValueError("cannot be split")
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
    return x[held_out:], y[held_out:], x[:held_out], y[:held_out]


# --- standardize ----------------------------------------------------------------------------------

STATISTICS = "mean, std = train.mean(axis=0), train.std(axis=0)"
CONSTANT = "(train == train[0]).all(axis=0)"


@mistake(
    "standardize",
    says="You measured mean and deviation on training and test rows together: the test has leaked into the training.",
    patch=[
        (STATISTICS, "both = np.vstack([train, test])\n    mean, std = both.mean(axis=0), both.std(axis=0)"),
        (CONSTANT, "(both == both[0]).all(axis=0)"),
    ],
)
def measures_both(train, test):
    rows = np.concatenate([train, test], axis=0)
    deviation = np.std(rows, axis=0)
    deviation[np.ptp(rows, axis=0) == 0] = 1.0
    rows = (rows - np.mean(rows, axis=0)) / deviation
    return rows[: len(train)], rows[len(train) :]


@mistake(
    "standardize",
    says="You gave the test rows a mean and a deviation of their own, so equal rows no longer get equal numbers.",
    patch=(
        "return (train - mean) / scale, (test - mean) / scale",
        "own = np.where((test == test[0]).all(axis=0), 1, test.std(axis=0))\n"
        "    return (train - mean) / scale, (test - test.mean(axis=0)) / own",
    ),
)
def measures_each(train, test):
    results = []
    for rows in (train, test):
        centred = rows - rows.mean(axis=0)
        results.append(centred / np.where(np.ptp(rows, axis=0) > 0, rows.std(axis=0), 1.0))
    return tuple(results)


@mistake(
    "standardize",
    says="Your standard deviation divides by N - 1 instead of N.",
    patch=("train.std(axis=0)", "train.std(axis=0, ddof=1)"),
)
def divides_by_n_minus_one(train, test):
    mean = train.mean(axis=0)
    squares = ((train - mean) ** 2).sum(axis=0)
    scale = np.where(np.ptp(train, axis=0) == 0, 1.0, np.sqrt(squares / (len(train) - 1)))
    return (train - mean) / scale, (test - mean) / scale


@mistake(
    "standardize",
    says="You took one mean and one deviation of the whole array; every channel has its own.",
    patch=(STATISTICS, "mean, std = train.mean(), train.std()"),
)
def measures_the_whole_array(train, test):
    scale = np.full(train.shape[1], np.std(train))
    scale[(train.max(axis=0) == train.min(axis=0))] = 1.0
    return (train - np.mean(train)) / scale, (test - np.mean(train)) / scale


@mistake(
    "standardize",
    says="You divided by the deviation of a channel that never changes, and 0/0 is nan.",
    patch=("np.where((train == train[0]).all(axis=0), 1, std)", "std"),
)
def divides_by_zero(train, test):
    return tuple((rows - np.mean(train, 0)) / np.std(train, 0) for rows in (train, test))


@mistake(
    "standardize",
    says="You asked whether the deviation is exactly 0, and for some constant channels it is 1e-17.",
    patch=(CONSTANT, "std == 0"),
)
def trusts_an_exact_zero(train, test):
    deviation = np.std(train, axis=0)
    deviation[deviation == 0] = 1.0
    return tuple((rows - np.mean(train, axis=0)) / deviation for rows in (train, test))


@mistake(
    "standardize",
    says="You took a deviation below some limit for 0; large constants exceed it, and tiny channels stay below.",
    patch=(CONSTANT, "std < 1e-12"),
)
def compares_with_a_limit(train, test):
    deviation = np.std(train, axis=0)
    deviation[deviation < 1e-12] = 1.0
    return tuple((rows - np.mean(train, axis=0)) / deviation for rows in (train, test))


@mistake(
    "standardize",
    says="You added a small constant to the deviation, which decides the numbers of small or constant channels.",
    patch=("np.where((train == train[0]).all(axis=0), 1, std)", "std + 1e-8"),
)
def adds_an_epsilon(train, test):
    return tuple((rows - np.mean(train, 0)) / (np.std(train, 0) + 1e-8) for rows in (train, test))


@mistake(
    "standardize",
    says="You divided by the variance; its root, the standard deviation, is what brings the spread to 1.",
    patch=("train.std(axis=0)", "train.var(axis=0)"),
)
def divides_by_the_variance(train, test):
    mean = train.mean(axis=0)
    variance = ((train - mean) ** 2).mean(axis=0)
    variance[np.ptp(train, axis=0) == 0] = 1.0
    return (train - mean) / variance, (test - mean) / variance


# --- linear_regression ----------------------------------------------------------------------------

X_ROWS, Y_ROWS = "[x - x_mean, np.sqrt(lam) * np.eye(x.shape[1])]", "[y - y_mean, np.zeros(x.shape[1])]"
RETURNS = "return weights, y_mean - x_mean @ weights"


@mistake(
    "linear_regression",
    says="Your penalty also holds the bias back, so the fit is pulled towards 0 instead of towards the mean.",
    patch=[
        (X_ROWS, "[np.column_stack([x, np.ones(len(x))]), np.sqrt(lam) * np.eye(x.shape[1] + 1)]"),
        (Y_ROWS, "[y, np.zeros(x.shape[1] + 1)]"),
        (RETURNS, "return weights[:-1], weights[-1]"),
    ],
)
def penalises_the_bias(x, y, lam=0.0):
    rows, channels = x.shape
    design = np.zeros((rows + channels + 1, channels + 1))
    design[:rows, 0], design[:rows, 1:] = 1, x
    design[rows:] = lam**0.5 * np.eye(channels + 1)
    fit = np.linalg.pinv(design)[:, :rows] @ y
    return fit[1:], fit[0]


@mistake(
    "linear_regression",
    says="You fitted no bias, so the line has to pass through the origin.",
    patch=[
        (X_ROWS, "[x, np.sqrt(lam) * np.eye(x.shape[1])]"),
        (Y_ROWS, "[y, np.zeros(x.shape[1])]"),
        (RETURNS, "return weights, 0.0"),
    ],
)
def fits_no_bias(x, y, lam=0.0):
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return vh.T @ (s / (s**2 + lam) * (u.T @ y)), 0.0


@mistake(
    "linear_regression",
    says="Your bias is the mean of y alone; that is only right where the channels have mean 0.",
    patch=(RETURNS, "return weights, y_mean"),
)
def takes_the_mean_for_the_bias(x, y, lam=0.0):
    u, s, vh = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    return vh.T @ (s / (s**2 + lam) * (u.T @ (y - y.mean()))), y.mean()


@mistake(
    "linear_regression",
    says="Your penalty has the wrong strength: rows that are appended get squared, and lam with them.",
    patch=("np.sqrt(lam)", "lam"),
)
def squares_lam(x, y, lam=0.0):
    centre = x.mean(axis=0)
    u, s, vh = np.linalg.svd(x - centre, full_matrices=False)
    weights = vh.T @ (s / (s**2 + lam**2) * (u.T @ (y - y.mean())))
    return weights, y.mean() - centre @ weights


@mistake(
    "linear_regression",
    says="You weighed lam against the mean of the squared errors; it stands beside their sum.",
    patch=("np.sqrt(lam)", "np.sqrt(lam * len(x))"),
)
def weighs_the_mean(x, y, lam=0.0):
    centre = x.mean(axis=0)
    u, s, vh = np.linalg.svd(x - centre, full_matrices=False)
    weights = vh.T @ (s / (s**2 + lam * len(y)) * (u.T @ (y - y.mean())))
    return weights, y.mean() - centre @ weights


@mistake("linear_regression", says="You did not use lam.", patch=("np.sqrt(lam)", "0 * lam"))
def ignores_lam(x, y, lam=0.0):
    centre = x.mean(axis=0)
    weights = np.linalg.pinv(x - centre) @ (y - y.mean())
    return weights, y.mean() - centre @ weights


def lost_digits(trace):
    """Recognise weights that are right but for a difference between the two columns that nearly repeat each other."""
    for answer in trace:
        if isinstance(answer, list | tuple) and len(answer) == 2 and isinstance(answer[0], np.ndarray):
            weights, bias = answer
            if weights.shape == (3,) and np.size(bias) == 1 and np.isfinite(weights).all():
                right = np.abs([weights[0] + weights[1] - 1, weights[2] - 1.5, float(bias) - 4]).max() < 1e-3
                if right and abs(weights[0] - 3) > 1e-6:
                    return True
    return False


@mistake(
    "linear_regression",
    says="You went through xᵀx, whose condition number is the square of x's, and lost most of the digits.",
    patch=(
        "np.linalg.lstsq(rows, wanted, rcond=None)[0]",
        "np.linalg.solve(rows.T @ rows, rows.T @ wanted)",
    ),
    recognise=lost_digits,
)
def squares_the_condition(x, y, lam=0.0):
    ones = np.column_stack([np.ones(len(x)), x])
    penalty = lam * np.eye(x.shape[1] + 1)
    penalty[0, 0] = 0
    fit = np.linalg.inv(ones.T @ ones + penalty) @ (ones.T @ y)
    return fit[1:], fit[0]


# --- logistic_regression_step ---------------------------------------------------------------------

SIGMOID = "1 / (1 + np.exp(-(x @ w)))"
STEP = "return w - lr * x.T @ (p - y) / len(x)"


@mistake(
    "logistic_regression_step",
    says="You summed the gradients of the rows; with their mean the step does not grow with the data.",
    patch=(STEP, "return w - lr * x.T @ (p - y)"),
)
def sums_the_rows(w, x, y, lr):
    # Hundreds of such steps in a row are chaos: the order of rounding has to be the patch's.
    errors = 1.0 / (1.0 + np.exp(-np.matmul(x, w))) - y
    return np.subtract(w, np.matmul(lr * x.T, errors))


@mistake(
    "logistic_regression_step",
    says="You stepped uphill: the loss grows in the direction of its gradient.",
    patch=(STEP, "return w + lr * x.T @ (p - y) / len(x)"),
)
def steps_uphill(w, x, y, lr):
    p = 0.5 * (1 + np.tanh(x @ w / 2))
    return w - lr * np.mean((y - p)[:, None] * x, axis=0)


@mistake(
    "logistic_regression_step",
    says="That is the gradient of the squared error: with the cross-entropy the factor p (1 - p) cancels.",
    patch=(STEP, "return w - lr * x.T @ ((p - y) * p * (1 - p)) / len(x)"),
)
def squared_error(w, x, y, lr):
    p = 0.5 * (1 + np.tanh(x @ w / 2))
    return w - lr * np.mean(((p - y) * (p - p**2))[:, None] * x, axis=0)


@mistake(
    "logistic_regression_step",
    says="You used the decision, 0 or 1, where the probability belongs: rows on the right side push no longer.",
    patch=(SIGMOID, "(x @ w > 0).astype(float)"),
)
def perceptron(w, x, y, lr):
    decided = np.where(np.sign(x @ w) == 1, 1, 0)
    return w - lr * np.mean((decided - y)[:, None] * x, axis=0)


@mistake(
    "logistic_regression_step",
    says="Your sigmoid divides one huge number by another: for large scores that is inf / inf, which is nan.",
    patch=(SIGMOID, "np.exp(x @ w) / (1 + np.exp(x @ w))"),
)
def overflows(w, x, y, lr):
    odds = np.exp(np.dot(x, w))
    return w - lr * np.mean((odds / (odds + 1) - y)[:, None] * x, axis=0)


@mistake(
    "logistic_regression_step",
    says="You changed the weights in place, so the caller's own have moved as well.",
    patch=(STEP, "w -= lr * x.T @ (p - y) / len(x)\n    return w"),
)
def moves_the_callers_weights(w, x, y, lr):
    p = 0.5 * (1 + np.tanh(x @ w / 2))
    w[:] = w - lr * np.mean((p - y)[:, None] * x, axis=0)
    return w


# --- k_nearest_neighbors --------------------------------------------------------------------------

VOTE = "max(labels, key=labels.count)"


@mistake(
    "k_nearest_neighbors",
    says="You gave ties to the smallest label; the one with the nearest voter wins.",
    patch=(VOTE, "max(sorted(labels), key=labels.count)"),
)
def ties_by_label(x_train, y_train, x, k):
    if k < 1 or k > len(x_train):
        raise ValueError("an impossible vote")
    winners = []
    for row in x:
        order = np.argsort(((x_train - row) ** 2).sum(axis=1), kind="stable")
        labels, counts = np.unique(y_train[order[:k]], return_counts=True)
        winners.append(labels[counts.argmax()])
    return np.array(winners)


@mistake(
    "k_nearest_neighbors",
    says="On a tie you asked the nearest of all voters, though its label may not be among the tied ones.",
    patch=(
        VOTE,
        "(labels[0] if len({each for each in labels if labels.count(each) == max(map(labels.count, labels))}) > 1 else "
        "max(labels, key=labels.count))",
    ),
)
def ties_to_the_nearest_of_all(x_train, y_train, x, k):
    if k < 1 or k > len(x_train):
        raise ValueError("an impossible vote")
    winners = []
    for row in x:
        order = np.argsort(((x_train - row) ** 2).sum(axis=1), kind="stable")
        labels, counts = np.unique(y_train[order[:k]], return_counts=True)
        tied = (counts == counts.max()).sum() > 1
        winners.append(y_train[order[0]] if tied else labels[counts.argmax()])
    return np.array(winners)


@mistake(
    "k_nearest_neighbors",
    says="On a tie you sent voters home until it broke; all k votes count, and the nearest voter decides.",
    patch=(
        VOTE,
        "next(max(labels[:n], key=labels[:n].count) for n in range(k, 0, -1) if len({each for each in labels[:n] if "
        "labels[:n].count(each) == max(map(labels[:n].count, labels[:n]))}) == 1)",
    ),
)
def sends_voters_home(x_train, y_train, x, k):
    if k < 1 or k > len(x_train):
        raise ValueError("an impossible vote")
    winners = []
    for row in x:
        order = np.argsort(((x_train - row) ** 2).sum(axis=1), kind="stable")
        for voters in range(k, 0, -1):
            labels, counts = np.unique(y_train[order[:voters]], return_counts=True)
            if (counts == counts.max()).sum() == 1:
                winners.append(labels[counts.argmax()])
                break
    return np.array(winners)


@mistake(
    "k_nearest_neighbors",
    says="You summed the differences over the training rows; a distance sums over the channels.",
    patch=("sum(axis=-1)", "sum(axis=1)"),
)
def sums_the_wrong_axis(x_train, y_train, x, k):
    if k < 1 or k > len(x_train):
        raise ValueError("an impossible vote")
    winners = []
    for row in x:
        order = np.argsort(((x_train - row) ** 2).sum(axis=0), kind="stable")[:k]
        voters = [int(y_train[each]) for each in order]
        winners.append(max(voters, key=voters.count))
    return np.array(winners)


@mistake(
    "k_nearest_neighbors",
    says="You added up absolute differences; the Euclidean distance adds up squares.",
    patch=("((x[:, None, :] - x_train[None, :, :]) ** 2)", "np.abs(x[:, None, :] - x_train[None, :, :])"),
)
def city_blocks(x_train, y_train, x, k):
    if k < 1 or k > len(x_train):
        raise ValueError("an impossible vote")
    winners = []
    for row in x:
        order = np.argsort(np.linalg.norm(x_train - row, ord=1, axis=1), kind="stable")[:k]
        voters = [int(y_train[each]) for each in order]
        winners.append(max(voters, key=voters.count))
    return np.array(winners)


@mistake(
    "k_nearest_neighbors",
    says="You let the farthest rows vote.",
    patch=("squares.argsort", "(-squares).argsort"),
)
def asks_the_farthest(x_train, y_train, x, k):
    if k < 1 or k > len(x_train):
        raise ValueError("an impossible vote")
    winners = []
    for row in x:
        squares = ((x_train - row) ** 2).sum(axis=1)
        order = sorted(range(len(squares)), key=lambda i: -squares[i])[:k]
        voters = [int(y_train[each]) for each in order]
        winners.append(max(voters, key=voters.count))
    return np.array(winners)


@mistake(
    "k_nearest_neighbors",
    says="Your sort mixes up training rows at the same distance; the earlier one must stay in front.",
    patch=('squares.argsort(axis=1, kind="stable")', "squares.argsort(axis=1)"),
)
def sorts_unstably(x_train, y_train, x, k):
    if k < 1 or k > len(x_train):
        raise ValueError("an impossible vote")
    winners = []
    for row in x:
        voters = y_train[np.argsort(((x_train - row) ** 2).sum(axis=1))[:k]].tolist()
        winners.append(max(voters, key=voters.count))
    return np.array(winners)


@mistake(
    "k_nearest_neighbors",
    says="Of training rows at the same distance you preferred the later one.",
    patch=(
        'squares.argsort(axis=1, kind="stable")[:, :k]',
        '(len(x_train) - 1 - squares[:, ::-1].argsort(axis=1, kind="stable"))[:, :k]',
    ),
)
def prefers_the_later(x_train, y_train, x, k):
    if k < 1 or k > len(x_train):
        raise ValueError("an impossible vote")
    winners = []
    for row in x:
        squares = ((x_train - row) ** 2).sum(axis=1)
        order = sorted(range(len(squares)), key=lambda i: (squares[i], -i))[:k]
        voters = [int(y_train[each]) for each in order]
        winners.append(max(voters, key=voters.count))
    return np.array(winners)


# --- k_means --------------------------------------------------------------------------------------


@mistake(
    "k_means",
    says="You averaged over the channels too; a centre has the mean of each channel.",
    patch=(".mean(axis=0)", ".mean()"),
)
def averages_the_channels(x, centers, steps):
    centers = np.array(centers)
    for _ in range(steps):
        labels = np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0)
        for cluster in range(len(centers)):
            if (labels == cluster).any():
                centers[cluster] = np.full(x.shape[1], np.mean(x[labels == cluster]))
    return centers, np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0)


@mistake(
    "k_means",
    says="You took the mean of a cluster without rows, and the mean of nothing is nan.",
    patch=("np.unique(labels)", "range(len(centers))"),
)
def empty_clusters_give_nan(x, centers, steps):
    for _ in range(steps):
        labels = ((x[:, None] - centers) ** 2).sum(axis=-1).argmin(axis=1)
        centers = np.stack([x[labels == cluster].mean(axis=0) for cluster in range(len(centers))])
    return centers.copy(), ((x[:, None] - centers) ** 2).sum(axis=-1).argmin(axis=1)


@mistake(
    "k_means",
    says="You moved an empty cluster's centre to the origin; it stays where it is.",
    patch=[
        ("np.unique(labels)", "range(len(centers))"),
        ("x[labels == cluster].mean(axis=0)", "x[labels == cluster].sum(axis=0) / max((labels == cluster).sum(), 1)"),
    ],
)
def empty_clusters_go_to_zero(x, centers, steps):
    for _ in range(steps):
        members = np.eye(len(centers))[((x[:, None] - centers) ** 2).sum(axis=-1).argmin(axis=1)]
        centers = members.T @ x / np.maximum(members.sum(axis=0), 1)[:, None]
    return centers.copy(), ((x[:, None] - centers) ** 2).sum(axis=-1).argmin(axis=1)


@mistake(
    "k_means",
    says="Your labels belong to the centres before their last move.",
    patch=[
        ("    for _ in range", "    labels = nearest()\n    for _ in range"),
        ("return centers, nearest()", "return centers, labels"),
    ],
)
def stale_labels(x, centers, steps):
    centers = np.array(centers)
    labels = np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0)
    for _ in range(steps):
        labels = np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0)
        for cluster in set(labels.tolist()):
            centers[cluster] = np.mean(x[labels == cluster], axis=0)
    return centers, labels


@mistake(
    "k_means",
    says="Your labels belong to the centres before their last move.",
    patch=("return centers, nearest()", "return centers, labels"),
)
def stale_labels_of_the_loop(x, centers, steps):
    centers = np.array(centers)
    for _ in range(steps):
        labels = np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0)
        for cluster in set(labels.tolist()):
            centers[cluster] = np.mean(x[labels == cluster], axis=0)
    return centers, labels


@mistake(
    "k_means",
    says="Your labels belong to the centres before their last move.",
    patch=[
        ("    for _ in range", "    labels = np.zeros(len(x), dtype=int)\n    for _ in range"),
        ("return centers, nearest()", "return centers, labels"),
    ],
)
def stale_labels_from_zero(x, centers, steps):
    centers = np.array(centers)
    labels = np.array([0] * len(x))
    for _ in range(steps):
        labels = np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0)
        for cluster in set(labels.tolist()):
            centers[cluster] = np.mean(x[labels == cluster], axis=0)
    return centers, labels


@mistake(
    "k_means",
    says="You moved the centres one after another and let rows change sides in between; they move all at once.",
    patch=(
        "centers[cluster] = x[labels == cluster].mean(axis=0)",
        "if (nearest() == cluster).any():\n                centers[cluster] = x[nearest() == cluster].mean(axis=0)",
    ),
)
def moves_one_after_another(x, centers, steps):
    centers = np.array(centers)
    for _ in range(steps):
        first = np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0)
        for cluster in sorted(set(first.tolist())):
            mine = np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0) == cluster
            if mine.any():
                centers[cluster] = np.mean(x[mine], axis=0)
    return centers, np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0)


@mistake(
    "k_means",
    says="You moved the caller's own array of centres.",
    patch=("centers = centers.copy()", "centers = centers[...]"),
)
def moves_the_callers_centers(x, centers, steps):
    for _ in range(steps):
        labels = np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0)
        for cluster in set(labels.tolist()):
            centers[cluster] = np.mean(x[labels == cluster], axis=0)
    return centers, np.argmin([((x - each) ** 2).sum(axis=1) for each in centers], axis=0)


# --- classification_report ------------------------------------------------------------------------


@mistake(
    "classification_report",
    says="You swapped precision and recall: the one divides by what was predicted, the other by what is true.",
    patch=[
        ('"precision": hits / np.maximum(predicted, 1)', '"precision": hits / np.maximum(actual, 1)'),
        ('"recall": hits / np.maximum(actual, 1)', '"recall": hits / np.maximum(predicted, 1)'),
    ],
)
def swaps_precision_and_recall(y_true, y_pred, num_classes):
    table = np.bincount(y_true * num_classes + y_pred, minlength=num_classes**2).reshape(num_classes, num_classes)
    right = np.diag(table)
    rows, columns = np.maximum(table.sum(1), 1), np.maximum(table.sum(0), 1)
    f1 = 2 * right / np.maximum(table.sum(0) + table.sum(1), 1)
    accuracy = np.mean(y_true == y_pred)
    return {"accuracy": accuracy, "confusion": table, "precision": right / rows, "recall": right / columns, "f1": f1}


@mistake(
    "classification_report",
    says="Your confusion matrix has the predictions in its rows; the true classes belong there.",
    patch=('"confusion": confusion', '"confusion": confusion.T'),
)
def transposes_the_confusion(y_true, y_pred, num_classes):
    table = np.bincount(y_pred * num_classes + y_true, minlength=num_classes**2).reshape(num_classes, num_classes)
    right = np.diag(table)
    rows, columns = np.maximum(table.sum(1), 1), np.maximum(table.sum(0), 1)
    f1 = 2 * right / np.maximum(table.sum(0) + table.sum(1), 1)
    accuracy = np.mean(y_true == y_pred)
    return {"accuracy": accuracy, "confusion": table, "precision": right / rows, "recall": right / columns, "f1": f1}


@mistake(
    "classification_report",
    says="You counted predictions in the rows and true classes in the columns; precision and recall swap with them.",
    patch=("(y_true, y_pred), 1)", "(y_pred, y_true), 1)"),
)
def counts_the_other_way_round(y_true, y_pred, num_classes):
    table = np.bincount(y_pred * num_classes + y_true, minlength=num_classes**2).reshape(num_classes, num_classes)
    right, columns, rows = np.diag(table), table.sum(axis=0), table.sum(axis=1)
    f1 = 2 * right / np.maximum(rows + columns, 1)
    scores = {"precision": right / np.maximum(columns, 1), "recall": right / np.maximum(rows, 1), "f1": f1}
    return {"accuracy": np.mean(y_true == y_pred), "confusion": table, **scores}


@mistake(
    "classification_report",
    says="You divided by the count of a class that never came, and 0/0 is nan.",
    patch=[
        ("hits / np.maximum(predicted, 1)", "hits / predicted"),
        ("hits / np.maximum(actual, 1)", "hits / actual"),
        ("np.maximum(predicted + actual, 1)", "(predicted + actual)"),
    ],
)
def divides_by_nothing(y_true, y_pred, num_classes):
    table = np.bincount(y_true * num_classes + y_pred, minlength=num_classes**2).reshape(num_classes, num_classes)
    right, columns, rows = np.diag(table), table.sum(axis=0), table.sum(axis=1)
    scores = {"precision": right / columns, "recall": right / rows, "f1": right / ((rows + columns) / 2)}
    return {"accuracy": np.mean(y_true == y_pred), "confusion": table, **scores}


@mistake(
    "classification_report",
    says="Your F1 is the ordinary mean of precision and recall; the harmonic one lies nearer to the smaller.",
    patch=(
        "2 * hits / np.maximum(predicted + actual, 1)",
        "(hits / np.maximum(predicted, 1) + hits / np.maximum(actual, 1)) / 2",
    ),
)
def arithmetic_f1(y_true, y_pred, num_classes):
    table = np.bincount(y_true * num_classes + y_pred, minlength=num_classes**2).reshape(num_classes, num_classes)
    right = np.diag(table)
    precision, recall = right / np.maximum(table.sum(0), 1), right / np.maximum(table.sum(1), 1)
    scores = {"precision": precision, "recall": recall, "f1": np.mean([precision, recall], axis=0)}
    return {"accuracy": np.mean(y_true == y_pred), "confusion": table, **scores}


@mistake(
    "classification_report",
    says="With `+=` a cell of the confusion matrix that occurs several times is counted once.",
    patch=("np.add.at(confusion, (y_true, y_pred), 1)", "confusion[y_true, y_pred] += 1"),
)
def counts_each_cell_once(y_true, y_pred, num_classes):
    table = np.zeros((num_classes, num_classes), dtype=int)
    table[y_true, y_pred] = 1
    right, columns, rows = np.diag(table), table.sum(axis=0), table.sum(axis=1)
    f1 = right / np.maximum((rows + columns) / 2, 0.5)
    scores = {"precision": right / np.maximum(columns, 1), "recall": right / np.maximum(rows, 1), "f1": f1}
    return {"accuracy": right.sum() / y_true.size, "confusion": table, **scores}


@mistake(
    "classification_report",
    says="With `+=` a cell of the confusion matrix that occurs several times is counted once.",
    patch=[
        ("np.add.at(confusion, (y_true, y_pred), 1)", "confusion[y_true, y_pred] += 1"),
        ("hits.sum() / len(y_true)", "(y_true == y_pred).mean()"),
    ],
)
def counts_each_cell_once_but_the_accuracy(y_true, y_pred, num_classes):
    table = np.zeros((num_classes, num_classes), dtype=int)
    table[y_true, y_pred] = 1
    right, columns, rows = np.diag(table), table.sum(axis=0), table.sum(axis=1)
    f1 = right / np.maximum((rows + columns) / 2, 0.5)
    scores = {"precision": right / np.maximum(columns, 1), "recall": right / np.maximum(rows, 1), "f1": f1}
    return {"accuracy": np.count_nonzero(y_true == y_pred) / len(y_pred), "confusion": table, **scores}


# --- next_token_pairs -----------------------------------------------------------------------------


@mistake(
    "next_token_pairs",
    says="Your targets are the inputs themselves: a model learns to copy from them, not to predict.",
    patch=("windows[:, 1:]", "windows[:, :-1]"),
)
def does_not_shift(tokens, context):
    if context < 1 or context >= len(tokens):
        raise ValueError("no row")
    rows = np.stack([tokens[i : i + context] for i in range(len(tokens) - context)])
    return rows, rows.copy()


@mistake(
    "next_token_pairs",
    says="You shifted backwards: the targets hold the token before, not the token after.",
    patch=("windows[:, :-1], windows[:, 1:]", "windows[:, 1:], windows[:, :-1]"),
)
def shifts_backwards(tokens, context):
    if context < 1 or context >= len(tokens):
        raise ValueError("no row")
    rows = np.stack([tokens[i : i + context] for i in range(len(tokens) - context + 1)])
    return rows[1:], rows[:-1]


@mistake(
    "next_token_pairs",
    says="Your rows begin only every T tokens; one begins at each place that leaves a token to predict.",
    patch=("windows[:, :-1], windows[:, 1:]", "windows[::context, :-1], windows[::context, 1:]"),
)
def jumps_by_the_context(tokens, context):
    if context < 1 or context >= len(tokens):
        raise ValueError("no row")
    starts = range(0, len(tokens) - context, context)
    inputs = np.stack([tokens[i : i + context] for i in starts])
    return inputs, np.stack([tokens[i + 1 : i + 1 + context] for i in starts])


@mistake(
    "next_token_pairs",
    says="You stopped one row too early: the last token of the text is never asked for.",
    patch=("windows[:, :-1], windows[:, 1:]", "windows[:-1, :-1], windows[:-1, 1:]"),
)
def loses_the_last_row(tokens, context):
    if context < 1 or context >= len(tokens):
        raise ValueError("no row")
    starts = range(len(tokens) - context - 1)
    inputs = np.array([tokens[i : i + context] for i in starts], dtype=tokens.dtype).reshape(-1, context)
    targets = np.array([tokens[i + 1 : i + 1 + context] for i in starts], dtype=tokens.dtype).reshape(-1, context)
    return inputs, targets


@mistake(
    "next_token_pairs",
    says="You kept one target for each row; every position of the row has a token that follows it.",
    patch=("windows[:, 1:]", "windows[:, -1]"),
)
def one_target_per_row(tokens, context):
    if context < 1 or context >= len(tokens):
        raise ValueError("no row")
    return np.stack([tokens[i : i + context] for i in range(len(tokens) - context)]), tokens[context:].copy()
