"""0.1 Essential math for LLMs: the vectors, matrices, slopes and probabilities that a language model is made of.

Sources: Eckart and Young (1936), The approximation of one matrix by another of lower rank; Shannon (1948),
A mathematical theory of communication; Blanchard, Higham and Higham (2019), Accurate computation of the log-sum-exp
and softmax functions, arXiv:1909.03469.

Axes:
    C  channels, the entries of a vector
    V  the outcomes of a distribution, such as the tokens of a vocabulary
    K  hypotheses
    n, k, m  rows and columns of matrices
    ...  any number of leading axes, also none

Arrays are float64 unless a docstring says otherwise; other kinds need no care. Logarithms are natural, so information
is in nats. NumPy's warnings, such as the one about log 0, cost nothing.
"""

import numpy as np


def cosine_similarity(a, b):
    """Return the cosine of the angle between the vectors on the last axis of `a` and `b`.

    Args:
        a: (..., C) array. The squares of its numbers fit a float64.
        b: (..., C) array, likewise; the leading axes of the two broadcast against each other.

    Returns:
        (...) array of cosines between -1 and 1. Where either vector consists of zeros only, the cosine is 0. Nothing
        is added to the norms: short vectors are measured as exactly as long ones.

    Example:
        >>> float(cosine_similarity(np.array([3.0, 4.0]), np.array([4.0, 3.0])))
        0.96
    """
    raise NotImplementedError


def matmul(a, b):
    """Multiply matrices: entry (i, j) is the sum of the products of row i of `a` with column j of `b`.

    Write the sums of products yourself: `@` and NumPy's own products (`matmul`, `dot`, `einsum` ...) are forbidden.

    Args:
        a: (..., n, k) array.
        b: (..., k, m) array; the leading axes of the two broadcast against each other.

    Returns:
        (..., n, m) array.

    Raises:
        ValueError: the last axis of `a` is not as long as the second last of `b`, even if one of them has length 1.

    Example:
        >>> matmul(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]])).tolist()
        [[13.0, 16.0]]
    """
    raise NotImplementedError


def low_rank_approximation(a, rank):
    """Return the matrix of rank at most `rank` that is nearest to `a` in the Frobenius norm.

    `np.linalg.svd` and `@` are allowed here.

    Args:
        a: (n, m) array.
        rank: int, 0 or more. Rank 0 leaves the zero matrix; from min(n, m) on, the result is `a` itself up to
            round-off.

    Returns:
        (n, m) array.

    Example:
        >>> low_rank_approximation(np.array([[2.0, 1.0], [1.0, 2.0]]), rank=1).round(6).tolist()
        [[1.5, 1.5], [1.5, 1.5]]

    Eckart and Young (1936): keep the `rank` largest singular values and their singular vectors.
    """
    raise NotImplementedError


def numerical_gradient(f, x, h=1e-5):
    """Estimate the gradient of `f` at `x` by central differences, one entry of `x` at a time.

    Args:
        f: function of an array of x's shape that returns a number.
        x: float64 array of any shape. After the call it holds exactly what it held before.
        h: float, the step to either side.

    Returns:
        Array of x's shape: at each index (f(x with +h there) - f(x with -h there)) / (2h).

    Example:
        >>> numerical_gradient(lambda x: float((x**3).sum()), np.array([2.0, 1.0]), h=0.1).round(6).tolist()
        [12.01, 3.01]
    """
    raise NotImplementedError


def softmax(x, axis=-1):
    """Turn scores into probabilities: exp(x) divided by its sum along one axis, at any size of x.

    Args:
        x: array of scores (logits), left unchanged. An entry may be -inf as long as its slice along `axis` holds a
            finite one; it then gets probability 0.
        axis: int, the axis along which the probabilities sum to one.

    Returns:
        Array of x's shape.

    Example:
        >>> softmax(np.array([0.0, np.log(3.0)])).round(6).tolist()
        [0.25, 0.75]

    Blanchard, Higham and Higham (2019): subtract the maximum first.
    """
    raise NotImplementedError


def logsumexp(x, axis=-1):
    """Return log(sum(exp(x))) along one axis, at any size of x.

    `numpy.logaddexp`, which does the work for you, is forbidden.

    Args:
        x: array, left unchanged. An entry may be -inf as long as its slice along `axis` holds a finite one.
        axis: int, the axis to sum over.

    Returns:
        Array of x's shape without `axis`.

    Example:
        >>> round(float(logsumexp(np.array([1000.0, 1000.0]))), 6)
        1000.693147
    """
    raise NotImplementedError


def log_softmax(x, axis=-1):
    """Return the logarithm of softmax(x), finite even where the probability itself is too small for a float.

    `numpy.logaddexp`, which does the work for you, is forbidden.

    Args:
        x: array of finite scores (logits), left unchanged.
        axis: int, the axis along which the probabilities sum to one.

    Returns:
        Array of x's shape: log probabilities, in nats.

    Example:
        >>> log_softmax(np.array([0.0, 0.0, -1000.0])).round(6).tolist()
        [-0.693147, -0.693147, -1000.693147]
    """
    raise NotImplementedError


def entropy(p, axis=-1):
    """Return the entropy -sum(p log p) of distributions along one axis, with 0 log 0 = 0.

    Args:
        p: array of probabilities that sum to one along `axis`.
        axis: int, the axis of the outcomes.

    Returns:
        Array of p's shape without `axis`: entropies, in nats. Nothing is added to p to avoid log 0; NumPy's warning
        about it does not matter.

    Example:
        >>> round(float(entropy(np.array([0.5, 0.5]))), 6)
        0.693147

    Shannon (1948), section 6.
    """
    raise NotImplementedError


def cross_entropy(p, q, axis=-1):
    """Return the cross-entropy -sum(p log q): the mean surprise when `p` draws and `q` predicts.

    Args:
        p: array of true probabilities that sum to one along `axis`.
        q: array of p's shape, the predicted probabilities.
        axis: int, the axis of the outcomes.

    Returns:
        Array of p's shape without `axis`, in nats. Where p is 0 the outcome adds 0, whatever q is; where p is positive
        and q is 0 the result is inf. Nothing is added to q to avoid that.

    Example:
        >>> round(float(cross_entropy(np.array([1.0, 0.0]), np.array([0.25, 0.75]))), 6)
        1.386294
    """
    raise NotImplementedError


def kl_divergence(p, q, axis=-1):
    """Return the Kullback-Leibler divergence sum(p log(p / q)): what it costs to believe `q` where `p` is true.

    Args:
        p: array of true probabilities that sum to one along `axis`.
        q: array of p's shape, the believed probabilities.
        axis: int, the axis of the outcomes.

    Returns:
        Array of p's shape without `axis`, in nats. Where p is 0 the outcome adds 0, whatever q is; where p is positive
        and q is 0 the result is inf.

    Example:
        >>> round(float(kl_divergence(np.array([1.0, 0.0]), np.array([0.25, 0.75]))), 6)
        1.386294
    """
    raise NotImplementedError


def bayes_posterior(prior, likelihood):
    """Return the probability of each hypothesis after an observation, by Bayes' rule.

    Args:
        prior: (K,) array, the probability of each hypothesis before the observation.
        likelihood: (..., K) array, the probability of what was observed if that hypothesis holds. Each row along the
            last axis is one observation; they are treated apart, all from the same prior.

    Returns:
        (..., K) array; every row sums to one.

    Raises:
        ValueError: an observation has probability 0 under every hypothesis that the prior allows; one such row among
            many suffices.

    Example:
        >>> bayes_posterior(np.array([0.5, 0.5]), np.array([0.2, 0.6])).round(6).tolist()
        [0.25, 0.75]
    """
    raise NotImplementedError


def sample_categorical(probs, u):
    """Draw outcomes of a distribution by inverting its cumulative sum at uniform numbers.

    Outcome i owns the interval from probs[0] + ... + probs[i-1], included, to probs[0] + ... + probs[i], excluded.

    Args:
        probs: (V,) array of probabilities that sum to one up to round-off.
        u: array of any shape, uniform numbers in [0, 1).

    Returns:
        Array of integers of u's shape: for each number the outcome that owns it. An outcome of probability 0 is never
        drawn. Where round-off ends the last interval short of u, the last outcome of positive probability is drawn.

    Example:
        >>> sample_categorical(np.array([0.5, 0.25, 0.25]), np.array([0.1, 0.5, 0.9])).tolist()
        [0, 1, 2]
    """
    raise NotImplementedError
