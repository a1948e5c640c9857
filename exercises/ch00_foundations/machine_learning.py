"""0.2 Introduction to AI and machine learning: programs that take their rules from examples, and how to judge them.

Sources: Hoerl and Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems; Cox (1958), The
regression analysis of binary sequences; Cover and Hart (1967), Nearest neighbor pattern classification; Lloyd (1982),
Least squares quantization in PCM; Hastie, Tibshirani and Friedman (2009), The elements of statistical learning.

Axes:
    N  examples that a model learns from      M  examples that it is asked about or judged on
    C  channels, the features of an example   K  classes or clusters
    T  length of a context, in tokens

Arrays of features are float64; labels, tokens and counts are integers. All randomness comes from the generator that
is passed in. Arguments are left as they were. NumPy's warnings cost nothing.
"""

import numpy as np


def train_test_split(x, y, fraction, rng):
    """Set a random part of the examples aside, to judge a model on rows that it has never seen.

    Args:
        x: (N, C) array of features.
        y: (N,) array of labels; y[i] belongs to x[i].
        fraction: float, the share of the rows that go to the test set: round(fraction * N) of them, with Python's
            round, which takes 2.5 to the even 2.
        rng: `numpy.random.Generator`, the only source of randomness: the same state gives the same split, and whatever
            the generator gives decides it. How you draw from it is up to you.

    Returns:
        Four arrays in this order: x_train, x_test, y_train, y_test. Every row is in exactly one of the two sets, with
        its own label, and every set of that size is equally likely to be the test set. Inside a set the rows may stand
        in any order.

    Raises:
        ValueError: x and y have different lengths, or one of the two sets would be empty.

    Example:
        >>> x, y = np.array([[0.5], [1.5], [2.5], [3.5], [4.5]]), np.array([0, 1, 2, 3, 4])
        >>> x_train, x_test, y_train, y_test = train_test_split(x, y, 0.4, np.random.default_rng(0))
        >>> len(x_train), len(x_test), sorted([*y_train.tolist(), *y_test.tolist()])
        (3, 2, [0, 1, 2, 3, 4])
    """
    raise NotImplementedError


def standardize(train, test):
    """Bring every channel to mean 0 and standard deviation 1, as measured on the training rows.

    Args:
        train: (N, C) array.
        test: (M, C) array, transformed with the numbers found in `train`: it may not influence them.

    Returns:
        Two arrays, train and test, standardised. The standard deviation divides by N, not by N - 1, and nothing is
        added to it. A channel that holds the same number in all rows of `train`, whichever it is, is only centred, not
        divided; every other one is divided, however little it varies. Mind that the standard deviation of three times
        0.1 is 1e-17 in floating point, and that of equal large numbers larger.

    Example:
        >>> train, test = standardize(np.array([[1.0, 7.0], [5.0, 7.0]]), np.array([[9.0, 8.0]]))
        >>> train.tolist(), test.tolist()  # means 3 and 7; standard deviation 2, and a constant
        ([[-1.0, 0.0], [1.0, 0.0]], [[3.0, 1.0]])
    """
    raise NotImplementedError


def linear_regression(x, y, lam=0.0):
    """Fit a weighted sum of the channels, plus a bias, by least squares with a ridge penalty.

    Args:
        x: (N, C) array.
        y: (N,) array, what is to be predicted.
        lam: float, 0 or more, the strength of the penalty. With 0 the columns of x and a column of ones are linearly
            independent; with more, any x will do, also N < C.

    Returns:
        (weights, bias), an array (C,) and a number, that minimise sum((y - x @ weights - bias)**2) +
        lam * sum(weights**2). The bias is not penalised. Also where columns of x nearly repeat one another, so that the
        condition number of the centred x reaches 1e7, the weights are right to six digits: a matrix xᵀx squares
        that number and is no longer good enough; `np.linalg.lstsq`, which is allowed, works on x itself.

    Example:
        >>> weights, bias = linear_regression(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 2.0, 6.0]), lam=2.0)
        >>> weights.round(6).tolist(), round(float(bias), 6)
        ([1.25], 1.75)

    Hoerl and Kennard (1970).
    """
    raise NotImplementedError


def logistic_regression_step(w, x, y, lr):
    """Take one step of gradient descent on the mean binary cross-entropy.

    The model says that y is 1 with probability p = 1 / (1 + exp(-x @ w)). It has no bias of its own: a channel that is
    always 1 makes one.

    Args:
        w: (C,) array of weights.
        x: (N, C) array.
        y: (N,) array of integers, 0 or 1.
        lr: float, the learning rate.

    Returns:
        (C,) array, the weights after the step: w minus lr times the gradient of the *mean* over the N rows of
        -(y log p + (1 - y) log(1 - p)). It is finite and right for scores x @ w of any size, such as 1000 and -1000.

    Example:
        >>> x, y = np.array([[1.0, 2.0], [1.0, 0.0]]), np.array([1, 0])
        >>> logistic_regression_step(np.zeros(2), x, y, lr=2.0).tolist()  # both start at p = 1/2
        [0.0, 1.0]

    Cox (1958).
    """
    raise NotImplementedError


def k_nearest_neighbors(x_train, y_train, x, k):
    """Label each row of `x` by a vote of the `k` training rows that lie nearest to it.

    Args:
        x_train: (N, C) array.
        y_train: (N,) array of integers, any integers, negative ones too: the label of each training row.
        x: (M, C) array, the rows to label.
        k: int, how many neighbours vote.

    Returns:
        (M,) array of integers: for each row the label with most votes, one vote for each neighbour. Near means a small
        Euclidean distance; of training rows at the same distance the earlier one counts as nearer, also where the k-th
        place is at stake. Of labels with equally many votes the one whose nearest voter is nearest wins.

    Raises:
        ValueError: k is less than 1 or greater than N.

    Example:
        >>> x_train, y_train = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([7, 3, 3, 7])
        >>> k_nearest_neighbors(x_train, y_train, np.array([[0.0], [5.0], [2.5]]), k=3).tolist()
        [3, 3, 3]
        >>> k_nearest_neighbors(x_train, y_train, np.array([[0.0]]), k=4).tolist()  # two votes each; 7 has the nearest
        [7]

    Cover and Hart (1967).
    """
    raise NotImplementedError


def k_means(x, centers, steps):
    """Find K clusters without labels, by Lloyd's two alternating moves.

    Args:
        x: (N, C) array.
        centers: (K, C) float64 array, where the centres start.
        steps: int, 0 or more, how many times to repeat this: give every row to its nearest centre (Euclidean; of
            centres at the same distance the one with the lowest index), then move every centre to the mean of its rows,
            all at once. A centre without rows stays where it is.

    Returns:
        (centers, labels): the centres after the last step, (K, C); and (N,) integers, for every row the index of the
        nearest of *these* centres.

    Example:
        >>> x = np.array([[0.0], [2.0], [10.0]])
        >>> centers, labels = k_means(x, np.array([[0.0], [3.0]]), steps=1)
        >>> centers.tolist(), labels.tolist()  # 0 to the first; 2 and 10 to the second, whose mean then leaves 2 behind
        ([[0.0], [6.0]], [0, 0, 1])

    Lloyd (1982).
    """
    raise NotImplementedError


def classification_report(y_true, y_pred, num_classes):
    """Count what a classifier got right and wrong, class by class.

    Args:
        y_true: (M,) array of integers 0 ... K - 1, the true classes.
        y_pred: (M,) array of integers 0 ... K - 1, the predicted classes.
        num_classes: K. A class may be absent from either array, or from both.

    Returns:
        A dict with five entries. "accuracy": a number, the share of rows that are right. "confusion": (K, K) integers,
        entry (i, j) counts the rows of true class i that were predicted as j. "precision", "recall" and "f1": (K,)
        arrays. Precision is the share of rows predicted as this class that belong to it; recall the share of rows of
        this class that were predicted as it; F1 their harmonic mean, 2 · precision · recall / (precision + recall).
        Whatever would divide by zero is 0.

    Example:
        >>> report = classification_report(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), num_classes=2)
        >>> report["confusion"].tolist(), report["precision"].tolist(), float(report["accuracy"])
        ([[2, 1], [0, 1]], [1.0, 0.5], 0.75)
    """
    raise NotImplementedError


def next_token_pairs(tokens, context):
    """Turn a text into questions and answers: every stretch of it asks for the token that follows.

    Args:
        tokens: (N,) array of integers, the text as token ids.
        context: T, how many tokens a question holds.

    Returns:
        (inputs, targets), both (N - T, T) integers. Row i of inputs is the stretch tokens[i], ..., tokens[i + T - 1];
        entry t of the same row of targets is the token that follows entry t of the inputs. The stretches begin at
        every place that leaves a token to predict, in order, so neighbours overlap.

    Raises:
        ValueError: context is less than 1, or the text too short for a single row.

    Example:
        >>> inputs, targets = next_token_pairs(np.array([5, 3, 8, 9]), context=2)
        >>> inputs.tolist(), targets.tolist()
        ([[5, 3], [3, 8]], [[3, 8], [8, 9]])
    """
    raise NotImplementedError
