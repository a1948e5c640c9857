"""Right answers to the exercises of 0.2, written as other people would: the suite must pass every one of them."""

import collections
import math

import numpy as np


def train_test_split__mask(x, y, fraction, rng):
    if len(x) != len(y):
        raise ValueError("unequal lengths")
    n_test = round(len(x) * fraction)
    if n_test == 0 or n_test == len(x):
        raise ValueError("an empty set")
    chosen = np.zeros(len(x), dtype=bool)
    chosen[rng.choice(len(x), size=n_test, replace=False)] = True
    return x[~chosen], x[chosen], y[~chosen], y[chosen]


def train_test_split__sorted_by_chance(x, y, fraction, rng):
    n_test = round(fraction * len(y))
    if not len(x) == len(y) or n_test < 1 or n_test > len(y) - 1:
        raise ValueError("cannot be split")
    order = np.argsort(rng.random(len(y)))
    parts = np.take(x, order, axis=0), y[order]
    return [parts[0][n_test:], parts[0][:n_test], parts[1][n_test:], parts[1][:n_test]]


def train_test_split__shuffled_list(x, y, fraction, rng):
    if x.shape[0] != y.shape[0]:
        raise ValueError("unequal lengths")
    ids = list(range(len(x)))
    rng.shuffle(ids)
    keep = len(ids) - int(round(fraction * len(ids), 0))
    if keep in (0, len(ids)):
        raise ValueError("an empty set")
    train, test = sorted(ids[:keep]), sorted(ids[keep:])
    return (
        np.array([x[i] for i in train]),
        np.array([x[i] for i in test]),
        np.array([y[i] for i in train]),
        np.array([y[i] for i in test]),
    )


def train_test_split__one_by_one(x, y, fraction, rng):
    n_test = round(fraction * len(x))
    if len(x) != len(y) or not 0 < n_test < len(x):
        raise ValueError("cannot be split")
    left, test = list(range(len(x))), []
    while len(test) < n_test:
        test.append(left.pop(int(rng.integers(len(left)))))
    return x[left], x[test], y[left], y[test]


def standardize__range(train, test):
    mean, std = np.mean(train, axis=0), np.std(train, axis=0)
    std[np.ptp(train, axis=0) == 0] = 1.0
    return (train - mean) / std, (test - mean) / std


def standardize__loop(train, test):
    new_train, new_test = np.empty(train.shape), np.empty(test.shape)
    for c in range(train.shape[1]):
        column = train[:, c].tolist()
        mean = math.fsum(column) / len(column)
        scale = math.sqrt(math.fsum((v - mean) ** 2 for v in column) / len(column))
        if min(column) == max(column):
            scale = 1.0
        new_train[:, c] = (train[:, c] - mean) / scale
        new_test[:, c] = (test[:, c] - mean) / scale
    return new_train, new_test


def standardize__centred_first(train, test):
    centre = train.mean(axis=0, keepdims=True)
    moved = train - centre
    constant = np.array([len(set(column)) == 1 for column in train.T.tolist()])
    factor = np.ones(train.shape[1])
    factor[~constant] = np.sqrt(len(train) / np.einsum("nc,nc->c", moved, moved)[~constant])
    return [moved * factor, (test - centre) * factor]


def linear_regression__column_of_ones(x, y, lam=0.0):
    n, c = x.shape
    design = np.hstack([np.ones((n, 1)), x])
    penalty = np.sqrt(lam) * np.eye(c + 1)[1:]  # no row for the bias
    fit, *_ = np.linalg.lstsq(np.vstack([design, penalty]), np.append(y, np.zeros(c)), rcond=None)
    return fit[1:], float(fit[0])


def linear_regression__qr(x, y, lam=0.0):
    x_mean, y_mean = np.mean(x, axis=0), np.mean(y)
    c = x.shape[1]
    q, r = np.linalg.qr(np.concatenate([x - x_mean, math.sqrt(lam) * np.identity(c)]))
    weights = np.linalg.solve(r, q.T @ np.concatenate([y - y_mean, np.zeros(c)]))
    return weights, y_mean - weights @ x_mean


def linear_regression__svd(x, y, lam=0.0):
    x_mean = x.mean(axis=0)
    u, s, vh = np.linalg.svd(x - x_mean, full_matrices=False)
    weights = (s / (s**2 + lam) * (y - y.mean()).dot(u)).dot(vh)
    return [weights, np.array(y.mean() - (x_mean * weights).sum())]


def linear_regression__two_ways(x, y, lam=0.0):
    centred = x - x.mean(axis=0)
    if lam > 0:  # the penalty keeps this matrix well away from singular
        weights = np.linalg.solve(centred.T @ centred + lam * np.eye(x.shape[1]), centred.T @ y)
    else:
        weights = np.linalg.pinv(centred) @ (y - y.mean())
    return weights, (y - x @ weights).mean()


def logistic_regression_step__tanh(w, x, y, lr):
    p = 0.5 * (1 + np.tanh(0.5 * (x @ w)))
    return w + lr * np.mean((y - p)[:, None] * x, axis=0)


def logistic_regression_step__logaddexp(w, x, y, lr):
    p = np.exp(-np.logaddexp(0, -x.dot(w)))
    return w - lr / len(y) * (p - y).dot(x)


def logistic_regression_step__loop(w, x, y, lr):
    gradient = [0.0] * len(w)
    for row, label in zip(x.tolist(), y.tolist(), strict=True):
        z = sum(a * b for a, b in zip(row, w.tolist(), strict=True))
        p = 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
        for c, value in enumerate(row):
            gradient[c] += (p - label) * value / len(x)
    return np.array([weight - lr * slope for weight, slope in zip(w.tolist(), gradient, strict=True)])


def logistic_regression_step__clipped(w, x, y, lr):
    p = 1 / (1 + np.exp(np.clip(-(x @ w), -500, 500)))
    return w - lr * np.einsum("nc,n->c", x, p - y) / x.shape[0]


def k_nearest_neighbors__loop(x_train, y_train, x, k):
    if k < 1 or k > len(x_train):
        raise ValueError("an impossible vote")
    answers = []
    for row in x:
        distances = [math.dist(row, other) for other in x_train]
        voters = sorted(range(len(distances)), key=distances.__getitem__)[:k]
        # Counter keeps the order of first appearance, and most_common is stable.
        answers.append(collections.Counter(y_train[voters].tolist()).most_common(1)[0][0])
    return np.array(answers)


def k_nearest_neighbors__products(x_train, y_train, x, k):
    if not 0 < k <= len(y_train):
        raise ValueError("an impossible vote")
    squares = (x**2).sum(1)[:, None] - 2 * x @ x_train.T + (x_train**2).sum(1)
    order = np.argsort(squares, axis=1, kind="stable")[:, :k]
    labels = y_train[order]  # (M, k)
    votes = (labels[:, :, None] == labels[:, None, :]).sum(-1)
    return np.take_along_axis(labels, votes.argmax(1)[:, None], axis=1)[:, 0]


def k_nearest_neighbors__weights(x_train, y_train, x, k):
    if k not in range(1, len(x_train) + 1):
        raise ValueError("an impossible vote")
    distances = np.linalg.norm(x[:, np.newaxis] - x_train[np.newaxis], axis=2)
    out = np.empty(len(x), dtype=y_train.dtype)
    for m in range(len(x)):
        order = np.lexsort((np.arange(len(x_train)), distances[m]))[:k]
        kinds, first, counts = np.unique(y_train[order], return_index=True, return_counts=True)
        best = counts == counts.max()
        out[m] = kinds[best][first[best].argmin()]
    return out


def k_means__members(x, centers, steps):
    centers = np.array(centers, copy=True)
    for _ in range(steps):
        labels = np.linalg.norm(x[:, None] - centers, axis=-1).argmin(-1)
        members = labels[:, None] == np.arange(len(centers))  # (N, K)
        counts = members.sum(0)
        moved = np.einsum("nk,nc->kc", members, x) / np.maximum(counts, 1)[:, None]
        centers = np.where(counts[:, None] > 0, moved, centers)
    return centers, np.linalg.norm(x[:, None] - centers, axis=-1).argmin(-1)


def k_means__loop(x, centers, steps):
    def assign(centers):
        return [min(range(len(centers)), key=lambda j: sum((row - centers[j]) ** 2)) for row in x]

    centers = [center.copy() for center in centers]
    for _ in range(steps):
        labels = assign(centers)
        groups = [[row for row, label in zip(x, labels, strict=True) if label == j] for j in range(len(centers))]
        centers = [sum(group) / len(group) if group else old for group, old in zip(groups, centers, strict=True)]
    return [np.array(centers), np.array(assign(centers))]


def classification_report__masks(y_true, y_pred, num_classes):
    confusion = np.array(
        [[int(((y_true == i) & (y_pred == j)).sum()) for j in range(num_classes)] for i in range(num_classes)]
    )
    precision, recall, f1 = np.zeros(num_classes), np.zeros(num_classes), np.zeros(num_classes)
    for j in range(num_classes):
        if confusion[:, j].any():
            precision[j] = confusion[j, j] / confusion[:, j].sum()
        if confusion[j].any():
            recall[j] = confusion[j, j] / confusion[j].sum()
        if precision[j] + recall[j] > 0:
            f1[j] = 2 * precision[j] * recall[j] / (precision[j] + recall[j])
    accuracy = float((y_true == y_pred).mean())
    return {"precision": precision, "recall": recall, "f1": f1, "accuracy": accuracy, "confusion": confusion}


def classification_report__bincount(y_true, y_pred, num_classes):
    confusion = np.bincount(num_classes * y_true + y_pred, minlength=num_classes**2).reshape(num_classes, num_classes)
    with np.errstate(all="ignore"):
        precision = np.nan_to_num(confusion.diagonal() / confusion.sum(0))
        recall = np.nan_to_num(confusion.diagonal() / confusion.sum(1))
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))
    accuracy = np.trace(confusion) / confusion.sum()
    return {"accuracy": accuracy, "confusion": confusion, "precision": precision, "recall": recall, "f1": f1}


def next_token_pairs__stack(tokens, context):
    if context < 1 or len(tokens) <= context:
        raise ValueError("no row")
    rows = len(tokens) - context
    inputs = np.stack([tokens[i : i + context] for i in range(rows)])
    targets = np.stack([tokens[i + 1 : i + 1 + context] for i in range(rows)])
    return inputs, targets


def next_token_pairs__index(tokens, context):
    if context <= 0 or context >= tokens.size:
        raise ValueError("no row")
    places = np.arange(tokens.size - context)[:, None] + np.arange(context)
    return tokens[places], tokens[places + 1]


def next_token_pairs__columns(tokens, context):
    n = len(tokens)
    if not 0 < context < n:
        raise ValueError("no row")
    columns = [tokens[t : n - context + t] for t in range(context + 1)]
    return [np.column_stack(columns[:-1]), np.column_stack(columns[1:])]
