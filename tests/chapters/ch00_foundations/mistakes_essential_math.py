"""Classic wrong answers to 0.1 Essential math."""

import numpy as np

from grader.checks import mistake

# --- cosine_similarity ------------------------------------------------------------------------------


@mistake(
    "cosine_similarity",
    says="You divided by the length of one vector only, so the length of the other still counts.",
    patch=("np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)", "np.linalg.norm(a, axis=-1)"),
)
def one_norm_only(a, b):
    length = np.sqrt((a**2).sum(-1))
    return (a * b).sum(-1) / np.where(length == 0, 1.0, length)


@mistake(
    "cosine_similarity",
    says="You summed over all axes, so a batch of vectors is measured as one long vector.",
    patch=(
        "dots = (a * b).sum(axis=-1)\n    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)",
        "dots = (a * b).sum()\n    norms = np.sqrt((a**2).sum() * (b**2).sum())",
    ),
)
def forgets_the_batch(a, b):
    return np.sum(a * b) / (np.linalg.norm(a.ravel()) * np.linalg.norm(b.ravel()))


@mistake(
    "cosine_similarity",
    says="You divided by a norm of zero, and 0/0 is nan.",
    patch=("np.where(norms == 0, 1, norms)", "norms"),
)
def zero_vector_gives_nan(a, b):
    return (a * b).sum(-1) / (np.sqrt((a * a).sum(-1)) * np.sqrt((b * b).sum(-1)))


@mistake(
    "cosine_similarity",
    says="You added a small constant to the norms, which decides the cosine of very short vectors.",
    patch=("np.where(norms == 0, 1, norms)", "(norms + 1e-8)"),
)
def adds_an_epsilon(a, b):
    return (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1) + 1e-8)


# --- matmul -----------------------------------------------------------------------------------------


@mistake(
    "matmul",
    says="You multiplied the rows of a with the rows of b, as if b had been transposed.",
    patch=("b[..., None, :, :]", "np.swapaxes(b, -1, -2)[..., None, :, :]"),
)
def transposes_b(a, b):
    if a.shape[-1] != b.shape[-2]:
        raise ValueError("inner axes differ")
    return (a[..., :, None, :] * b[..., None, :, :]).sum(axis=-1)


@mistake(
    "matmul",
    says="You summed the products over the wrong axis: the axis that a and b share must disappear.",
    patch=("products.sum(axis=-2)", "products.sum(axis=-1)"),
)
def sums_the_wrong_axis(a, b):
    if a.shape[-1] != b.shape[-2]:
        raise ValueError("inner axes differ")
    return a * b.sum(axis=-1)[..., None, :]


@mistake(
    "matmul",
    says="You did not compare the inner axes, so broadcasting stretched a length of 1 instead of refusing it.",
    patch=("if a.shape[-1] != b.shape[-2]:", "if 1 not in (a.shape[-1], b.shape[-2]) and a.shape[-1] != b.shape[-2]:"),
)
def stretches_an_inner_axis(a, b):
    return (a[..., None] * b[..., None, :, :]).sum(-2)


@mistake(
    "matmul",
    says="You multiplied entry by entry; a matrix product sums along a row and a column.",
    patch=(
        "products = a[..., :, :, None] * b[..., None, :, :]  # (..., n, k, m)\n    return products.sum(axis=-2)",
        "return a * b",
    ),
)
def multiplies_entries(a, b):
    if a.shape[-1] != b.shape[-2]:
        raise ValueError("inner axes differ")
    return np.multiply(a, b)


# --- low_rank_approximation -------------------------------------------------------------------------


@mistake(
    "low_rank_approximation",
    says="You kept the smallest singular values; the largest ones carry most of the matrix.",
    patch=("(u[:, :rank] * s[:rank]) @ vh[:rank]", "(u[:, ::-1][:, :rank] * s[::-1][:rank]) @ vh[::-1][:rank]"),
)
def keeps_the_smallest(a, rank):
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    kept = np.where(np.arange(len(s)) >= len(s) - rank, s, 0.0)
    return u @ np.diag(kept) @ vh


@mistake(
    "low_rank_approximation",
    says="You multiplied the singular vectors without scaling them by the singular values.",
    patch=("(u[:, :rank] * s[:rank]) @ vh[:rank]", "u[:, :rank] @ vh[:rank]"),
)
def forgets_the_singular_values(a, rank):
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return sum((np.outer(u[:, i], vh[i]) for i in range(min(rank, len(vh)))), np.zeros(a.shape))


@mistake(
    "low_rank_approximation",
    says="You dropped one direction too many or too few: count how many singular values remain.",
    patch=("(u[:, :rank] * s[:rank]) @ vh[:rank]", "(u[:, : rank + 1] * s[: rank + 1]) @ vh[: rank + 1]"),
)
def one_direction_too_many(a, rank):
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    s[rank + 1 :] = 0
    return (u * s) @ vh


@mistake(
    "low_rank_approximation",
    says="NumPy's svd returns the right singular vectors as rows already; you transposed them once more.",
    patch=("@ vh[:rank]", "@ vh.T[:rank]"),
)
def transposes_vh(a, rank):
    u, s, v = np.linalg.svd(a, full_matrices=False)
    return u[:, :rank] @ np.diag(s[:rank]) @ v[:, :rank].T


# --- numerical_gradient -----------------------------------------------------------------------------


@mistake(
    "numerical_gradient",
    says="You took a forward difference: it looks to one side only, and errs in proportion to h instead of h².",
    patch=("(f(x + step) - f(x - step)) / (2 * h)", "(f(x + step) - f(x)) / h"),
)
def forward_difference(f, x, h=1e-5):
    here = f(x)
    gradient = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        moved = x.copy()
        moved[index] += h
        gradient[index] = (f(moved) - here) / h
    return gradient


@mistake(
    "numerical_gradient",
    says="You moved all entries of x at once, so every entry of the result holds the sum of all the slopes.",
    patch=("step[index] = h", "step[...] = h"),
)
def moves_everything(f, x, h=1e-5):
    return np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h))


@mistake(
    "numerical_gradient",
    says="You moved x in place and did not put it back, so the caller's array, and every later slope, has shifted.",
    patch=(
        "step = np.zeros_like(x)\n        step[index] = h\n"
        "        gradient[index] = (f(x + step) - f(x - step)) / (2 * h)",
        "x[index] += h\n        above = f(x)\n        x[index] -= 2 * h\n"
        "        gradient[index] = (above - f(x)) / (2 * h)",
    ),
)
def leaves_x_changed(f, x, h=1e-5):
    gradient = np.zeros(x.shape)
    for index, value in np.ndenumerate(x.copy()):
        x[index] = value + h
        above = f(x)
        x[index] = value - h
        gradient[index] = (above - f(x)) / (2 * h)
    return gradient


@mistake(
    "numerical_gradient",
    says="The two points are 2h apart, but you divided by h: your slopes are twice too steep.",
    patch=("/ (2 * h)", "/ h"),
)
def divides_by_h(f, x, h=1e-5):
    gradient = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        above, below = x.copy(), x.copy()
        above[index] += h
        below[index] -= h
        gradient[index] = (f(above) - f(below)) / h
    return gradient


def nearly_restored(trace):
    """Recognise an x that came back a rounding away from what it was, whatever the order of the steps was."""
    before = np.array([0.1, 0.2, 0.3, 1e-6, 2.6e-5])
    arrays = [each for answer in trace for each in (answer if isinstance(answer, list | tuple) else [answer])]
    arrays += [each for answer in arrays if isinstance(answer, list | tuple) for each in answer]
    alike = [each for each in arrays if isinstance(each, np.ndarray) and each.shape == before.shape]
    return any(0 < np.abs(each - before).max() < 1e-12 for each in alike)


@mistake(
    "numerical_gradient",
    says="You undid the step by arithmetic, which rounds, so x is not to the last bit what it was; keep the old value.",
    patch=(
        "step = np.zeros_like(x)\n        step[index] = h\n"
        "        gradient[index] = (f(x + step) - f(x - step)) / (2 * h)",
        "x[index] += h\n        above = f(x)\n        x[index] -= 2 * h\n"
        "        gradient[index] = (above - f(x)) / (2 * h)\n        x[index] += h",
    ),
    recognise=nearly_restored,
)
def restores_by_arithmetic(f, x, h=1e-5):
    gradient, flat = np.zeros(x.size), x.reshape(-1)
    for i in range(x.size):
        flat[i] = flat[i] - h
        below = f(x)
        flat[i] = flat[i] + h + h
        gradient[i] = (f(x) - below) / (2 * h)
        flat[i] = flat[i] - h
    return gradient.reshape(x.shape)


# --- softmax ----------------------------------------------------------------------------------------


@mistake(
    "softmax",
    says="You exponentiated the scores as they came, so large ones overflow and very negative ones all vanish.",
    patch=("x - x.max(axis=axis, keepdims=True)", "x"),
)
def softmax_overflows(x, axis=-1):
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


@mistake(
    "softmax",
    says="You ignored `axis` and always normalised the last one.",
    patch=[
        ("x.max(axis=axis, keepdims=True)", "x.max(axis=-1, keepdims=True)"),
        ("e.sum(axis=axis, keepdims=True)", "e.sum(axis=-1, keepdims=True)"),
    ],
)
def softmax_last_axis_only(x, axis=-1):
    shifted = np.exp(x - np.max(x, -1)[..., None])
    return shifted / np.sum(shifted, -1)[..., None]


@mistake(
    "softmax",
    says="Your sum lost its axis, so it was broadcast against the wrong one; think of `keepdims`.",
    patch=("e.sum(axis=axis, keepdims=True)", "e.sum(axis=axis)"),
)
def softmax_without_keepdims(x, axis=-1):
    weights = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return weights / np.sum(weights, axis=axis)


@mistake(
    "softmax",
    says="You subtracted the maximum of the whole array, so a row of much smaller scores vanishes; each needs its own.",
    patch=("x.max(axis=axis, keepdims=True)", "x.max()"),
)
def softmax_one_maximum_for_all(x, axis=-1):
    weights = np.exp(x - np.amax(x))
    return weights / np.sum(weights, axis=axis, keepdims=True)


@mistake(
    "softmax",
    says="You normalised the whole array at once instead of each slice along `axis`.",
    patch=("e.sum(axis=axis, keepdims=True)", "e.sum()"),
)
def softmax_over_everything(x, axis=-1):
    weights = np.exp(x - x.max(axis, keepdims=True))
    return weights / np.sum(weights)


# --- logsumexp --------------------------------------------------------------------------------------


@mistake(
    "logsumexp",
    says="You exponentiated the numbers as they came, so large ones overflow and very negative ones vanish.",
    patch=("np.log(np.exp(x - top).sum(axis=axis)) + top.squeeze(axis)", "np.log(np.exp(x).sum(axis=axis))"),
)
def logsumexp_overflows(x, axis=-1):
    return np.log(np.sum(np.exp(x), axis=axis))


@mistake(
    "logsumexp",
    says="You took the maximum out of the exponents and never added it back.",
    patch=(" + top.squeeze(axis)", ""),
)
def logsumexp_forgets_the_maximum(x, axis=-1):
    return np.log(np.sum(np.exp(x - np.max(x, axis=axis, keepdims=True)), axis=axis))


# --- log_softmax ------------------------------------------------------------------------------------


@mistake(
    "log_softmax",
    says="You took the logarithm of the finished softmax; a probability that has rounded to 0 then becomes -inf.",
    patch=(
        "shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))",
        "np.log(np.exp(shifted) / np.exp(shifted).sum(axis=axis, keepdims=True))",
    ),
)
def log_of_softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return np.log(e / np.sum(e, axis=axis, keepdims=True))


@mistake(
    "log_softmax",
    says="You took the logarithm of a finished softmax that overflows; let the logarithm act on the fraction.",
    patch=(
        "shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))",
        "np.log(np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True))",
    ),
)
def log_of_overflowing_softmax(x, axis=-1):
    e = np.exp(x)
    return np.log(e / np.sum(e, axis=axis, keepdims=True))


@mistake(
    "log_softmax",
    says="You exponentiated the scores as they came, so the sum overflows for large ones and vanishes for small ones.",
    patch=("x - x.max(axis=axis, keepdims=True)", "x"),
)
def log_softmax_overflows(x, axis=-1):
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


@mistake(
    "log_softmax",
    says="You ignored `axis` and always normalised the last one.",
    patch=[
        ("x.max(axis=axis, keepdims=True)", "x.max(axis=-1, keepdims=True)"),
        (".sum(axis=axis, keepdims=True)", ".sum(axis=-1, keepdims=True)"),
    ],
)
def log_softmax_last_axis_only(x, axis=-1):
    top = np.max(x, -1, keepdims=True)
    return x - top - np.log(np.sum(np.exp(x - top), -1, keepdims=True))


@mistake(
    "log_softmax",
    says="You subtracted the sum of the exponentials itself where its logarithm belongs.",
    patch=(
        "np.log(np.exp(shifted).sum(axis=axis, keepdims=True))",
        "np.exp(shifted).sum(axis=axis, keepdims=True)",
    ),
)
def log_softmax_forgets_the_log(x, axis=-1):
    x = x - np.max(x, axis=axis, keepdims=True)
    return x - np.sum(np.exp(x), axis=axis, keepdims=True)


# --- entropy ----------------------------------------------------------------------------------------


@mistake(
    "entropy",
    says="You used the logarithm to base 2, which measures bits; the natural one measures nats.",
    patch=("np.log(", "np.log2("),
)
def entropy_in_bits(p, axis=-1):
    return -np.sum(p * np.log2(np.where(p == 0, 1.0, p)), axis=axis)


@mistake(
    "entropy",
    says="You multiplied 0 by log 0 = -inf, which is nan; an outcome of probability 0 must add 0.",
    patch=("np.where(p > 0, p, 1)", "p"),
)
def entropy_nan_at_zero(p, axis=-1):
    return -np.sum(p * np.log(p), axis=axis)


@mistake(
    "entropy",
    says="You lost the minus sign: logarithms of probabilities are negative, entropy is not.",
    patch=("return -(", "return ("),
)
def entropy_without_minus(p, axis=-1):
    return np.sum(p * np.log(np.where(p == 0, 1.0, p)), axis=axis)


# --- cross_entropy ----------------------------------------------------------------------------------


@mistake(
    "cross_entropy",
    says="You swapped the arguments: p says how often an outcome happens, q how surprising it is.",
    patch=[("np.log(np.where(p > 0, q, 1))", "np.log(np.where(q > 0, p, 1))"), ("(p * log_q)", "(q * log_q)")],
)
def cross_entropy_swapped(p, q, axis=-1):
    with np.errstate(all="ignore"):
        return -np.sum(np.where(q == 0, 0.0, q * np.log(p)), axis=axis)


@mistake(
    "cross_entropy",
    says="You swapped the arguments: p says how often an outcome happens, q how surprising it is.",
    patch=[("np.log(np.where(p > 0, q, 1))", "np.log(p)"), ("(p * log_q)", "(q * log_q)")],
)
def cross_entropy_swapped_with_nan(p, q, axis=-1):
    return -np.sum(np.log(p) * q, axis=axis)


@mistake(
    "cross_entropy",
    says="You used the logarithm to base 2, which measures bits; the natural one measures nats.",
    patch=("np.log(", "np.log2("),
)
def cross_entropy_in_bits(p, q, axis=-1):
    with np.errstate(all="ignore"):
        return -np.sum(np.where(p == 0, 0.0, p * np.log2(q)), axis=axis)


@mistake(
    "cross_entropy",
    says="You multiplied 0 by log 0 = -inf, which is nan; an outcome that never happens must add 0.",
    patch=("np.where(p > 0, q, 1)", "q"),
)
def cross_entropy_nan_at_zero(p, q, axis=-1):
    return -np.sum(p * np.log(q), axis=axis)


@mistake(
    "cross_entropy",
    says="You kept q away from 0 with a small constant, so an impossible outcome that happens seems merely unlikely.",
    patch=("np.where(p > 0, q, 1)", "np.maximum(q, 1e-12)"),
)
def cross_entropy_with_epsilon(p, q, axis=-1):
    return -np.sum(p * np.log(np.clip(q, 1e-12, None)), axis=axis)


@mistake(
    "cross_entropy",
    says="You averaged over the outcomes; p already holds the weights, so the products are summed.",
    patch=(".sum(axis=axis)", ".mean(axis=axis)"),
)
def cross_entropy_averages_outcomes(p, q, axis=-1):
    with np.errstate(all="ignore"):
        return -np.mean(np.where(p == 0, 0.0, p * np.log(q)), axis=axis)


@mistake(
    "cross_entropy",
    says="You summed over every axis, so the distributions of a batch are mixed into one number.",
    patch=(".sum(axis=axis)", ".sum()"),
)
def cross_entropy_forgets_the_axis(p, q, axis=-1):
    with np.errstate(all="ignore"):
        return -np.sum(np.where(p == 0, 0.0, p * np.log(q)))


# --- kl_divergence ----------------------------------------------------------------------------------


@mistake(
    "kl_divergence",
    says="You swapped the arguments: KL(p || q) weighs with p and is not the same as KL(q || p).",
    patch=[
        ("np.log(np.where(p > 0, p, 1))", "np.log(np.where(q > 0, q, 1))"),
        ("np.log(np.where(p > 0, q, 1))", "np.log(np.where(q > 0, p, 1))"),
        ("(p * (log_p - log_q))", "(q * (log_p - log_q))"),
    ],
)
def kl_swapped(p, q, axis=-1):
    with np.errstate(all="ignore"):
        return np.sum(np.where(q == 0, 0.0, q * np.log(q / p)), axis=axis)


@mistake(
    "kl_divergence",
    says="You swapped the arguments: KL(p || q) weighs with p and is not the same as KL(q || p).",
    patch=[
        ("np.log(np.where(p > 0, p, 1))", "np.log(q)"),
        ("np.log(np.where(p > 0, q, 1))", "np.log(p)"),
        ("(p * (log_p - log_q))", "(q * (log_p - log_q))"),
    ],
)
def kl_swapped_with_nan(p, q, axis=-1):
    return np.sum(q * np.log(q / p), axis=axis)


@mistake(
    "kl_divergence",
    says="You used the logarithm to base 2, which measures bits; the natural one measures nats.",
    patch=("log_p - log_q", "log_p / np.log(2) - log_q / np.log(2)"),
)
def kl_in_bits(p, q, axis=-1):
    with np.errstate(all="ignore"):
        return np.sum(np.where(p == 0, 0.0, p * np.log2(p / q)), axis=axis)


@mistake(
    "kl_divergence",
    says="You multiplied 0 by log 0 = -inf, which is nan; an outcome that never happens must add 0.",
    patch=[("np.where(p > 0, p, 1)", "p"), ("np.where(p > 0, q, 1)", "q")],
)
def kl_nan_at_zero(p, q, axis=-1):
    return np.sum(p * np.log(p / q), axis=axis)


@mistake(
    "kl_divergence",
    says="You took care of log p but not of log q: where both are 0, the product of 0 and an infinity is nan.",
    patch=("np.log(np.where(p > 0, q, 1))", "np.log(q)"),
)
def kl_nan_where_both_are_zero(p, q, axis=-1):
    ratio = np.where(p > 0, p, 1) / q
    return np.sum(p * np.log(ratio), axis=axis)


# --- bayes_posterior --------------------------------------------------------------------------------


@mistake(
    "bayes_posterior",
    says="You stopped at prior times likelihood; divided by their sum they become probabilities.",
    patch=("return joint / evidence", "return joint"),
)
def posterior_not_normalised(prior, likelihood):
    joint = likelihood * prior
    if np.any(joint.sum(-1) == 0):
        raise ValueError("impossible")
    return joint


@mistake(
    "bayes_posterior",
    says="You left out the prior: how rare a hypothesis was before the observation still counts after it.",
    patch=("joint = prior * likelihood", "joint = likelihood"),
)
def ignores_the_prior(prior, likelihood):
    total = np.sum(likelihood, axis=-1, keepdims=True)
    if np.any(total == 0):
        raise ValueError("impossible")
    return likelihood / total


@mistake(
    "bayes_posterior",
    says="You divided by one sum over all observations; each observation has an evidence of its own.",
    patch=("joint.sum(axis=-1, keepdims=True)", "joint.sum()"),
)
def one_evidence_for_all(prior, likelihood):
    joint = prior * likelihood
    if np.sum(joint) == 0:
        raise ValueError("impossible")
    return joint / np.sum(joint)


# --- sample_categorical -----------------------------------------------------------------------------


@mistake(
    "sample_categorical",
    says="A number exactly on an edge went to the interval that ends there; it belongs to the one that begins there.",
    patch=('side="right"', 'side="left"'),
)
def edge_to_the_left(probs, u):
    edges = np.cumsum(probs)
    return (edges / edges[-1] < u[..., None]).sum(axis=-1)


@mistake(
    "sample_categorical",
    says="Your outcomes are one too high: count the edges that u has passed, starting from none.",
    patch=('side="right")', 'side="right") + 1'),
)
def counts_from_one(probs, u):
    edges = np.append(0.0, np.cumsum(probs))
    return (u[..., None] >= edges / edges[-1]).sum(axis=-1)


@mistake(
    "sample_categorical",
    says="Past the end of the cumulative sum you draw the last outcome even if its probability is 0.",
    patch=(
        'np.searchsorted(edges / edges[-1], u, side="right")',
        'np.minimum(np.searchsorted(edges, u, side="right"), len(edges) - 1)',
    ),
)
def impossible_past_the_end(probs, u):
    edges = np.cumsum(probs)
    edges[-1] = 1.0
    return (u[..., None] >= edges).sum(axis=-1)


@mistake(
    "sample_categorical",
    says="Round-off let the cumulative sum end below u, and an outcome that does not exist was drawn.",
    patch=("edges / edges[-1]", "edges"),
)
def beyond_the_last(probs, u):
    return (u[..., None] >= np.cumsum(probs)).sum(axis=-1)
