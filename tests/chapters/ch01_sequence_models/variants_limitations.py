"""Other right answers to the exercises of 1.4: the suite must accept every one of them."""

import math
from fractions import Fraction

import numpy as np

# --- complexity_per_layer ---


def complexity_per_layer__table(kind, n, d, k=3, r=64):
    operations = {"self_attention": n**2 * d, "recurrent": n * d**2, "convolutional": k * n * d**2}
    if kind not in operations and kind != "restricted":
        raise ValueError("unknown kind of layer: " + kind)
    steps = n if kind == "recurrent" else 1
    if kind == "convolutional":
        path = next(layers for layers in range(1, n + 1) if k**layers >= n)
    else:
        path = {"self_attention": 1, "recurrent": n}.get(kind, math.ceil(Fraction(n, r)))
    return operations.get(kind, r * n * d), steps, path


def complexity_per_layer__match(kind, n, d, k=3, r=64):
    match kind:
        case "self_attention":
            return pow(n, 2) * d, 1, 1
        case "recurrent":
            return pow(d, 2) * n, n, n
        case "convolutional":
            layers = max(1, round(math.log(n, k)))
            while k**layers < n:
                layers += 1
            while layers > 1 and k ** (layers - 1) >= n:
                layers -= 1
            return pow(d, 2) * n * k, 1, layers
        case "restricted":
            return d * n * r, 1, (n + r - 1) // r
    raise ValueError(kind)


def complexity_per_layer__numpy(kind, n, d, k=3, r=64):
    n, d, k, r = np.array([n, d, k, r], dtype=np.int64)
    if kind == "self_attention":
        return n * n * d, np.int64(1), np.int64(1)
    if kind == "recurrent":
        return n * d * d, n, n
    if kind == "convolutional":
        layers, left = 0, int(n)
        while left > 1:
            layers, left = layers + 1, -(-left // int(k))
        return k * n * d * d, np.int64(1), np.int64(layers)
    if kind == "restricted":
        return r * n * d, 1, n // r + (n % r > 0)
    raise ValueError(f"{kind} is not in the table")


# --- copy_task_batch ---


def copy_task_batch__concatenate(rng, batch, length, delay, num_symbols):
    symbols = rng.choice(num_symbols, size=(batch, length))
    wait = np.full((batch, delay), num_symbols)
    wait[:, -1] = num_symbols + 1
    blanks = np.full((batch, length), num_symbols)
    return np.hstack([symbols, wait, blanks]), np.hstack([blanks, np.full((batch, delay), num_symbols), symbols])


def copy_task_batch__loop(rng, batch, length, delay, num_symbols):
    inputs, targets = [], []
    for _ in range(batch):
        symbols = [int(rng.integers(0, num_symbols)) for _ in range(length)]
        inputs.append(symbols + [num_symbols] * (delay - 1) + [num_symbols + 1] + [num_symbols] * length)
        targets.append([num_symbols] * (length + delay) + symbols)
    return np.array(inputs), np.array(targets)


def copy_task_batch__floor(rng, batch, length, delay, num_symbols):
    symbols = np.floor(rng.random((length, batch)) * num_symbols).astype(np.int32).T
    inputs = np.pad(symbols, ((0, 0), (0, delay + length)), constant_values=num_symbols)
    targets = np.pad(symbols, ((0, 0), (length + delay, 0)), constant_values=num_symbols)
    inputs[:, -length - 1] += 1
    return inputs, targets


# --- combine_steps ---


def combine_steps__indices(earlier, later):
    return later[0] * earlier[0], earlier[1] * later[0] + later[1]


def combine_steps__from_two_states(earlier, later):
    def run(h):
        return later[0] * (earlier[0] * h + earlier[1]) + later[1]

    start = run(0.0)
    return run(1.0) - start, start


def combine_steps__matrices(earlier, later):
    # A step is the matrix (a b; 0 1) on (h, 1).
    def matrix(a, b):
        return np.stack([np.stack([a, b], -1), np.stack([np.zeros_like(a), np.ones_like(a)], -1)], -2)

    product = matrix(*later) @ matrix(*earlier)
    return product[..., 0, 0], product[..., 0, 1]


# --- linear_recurrence_scan ---


def linear_recurrence_scan__in_place(a, b, combine):
    a, b = np.array(a), np.array(b)
    for level in range((a.shape[1] - 1).bit_length()):
        n = 1 << level
        a[:, n:], b[:, n:] = combine((a[:, :-n], b[:, :-n]), (a[:, n:], b[:, n:]))
    return b


def linear_recurrence_scan__roll(a, b, combine):
    position = np.arange(a.shape[1])[None, :, None]
    step = 1
    while step < a.shape[1]:
        joined = combine((np.roll(a, step, axis=1), np.roll(b, step, axis=1)), (a, b))
        a, b = (np.where(position < step, old, new) for old, new in zip((a, b), joined, strict=True))
        step *= 2
    return b


def linear_recurrence_scan__recursive(a, b, combine, step=1):
    if step >= a.shape[1]:
        return b
    late = [combine((a[:, :-step], b[:, :-step]), (a[:, step:], b[:, step:]))][0]
    a, b = (np.hstack([each[:, :step], new]) for each, new in zip((a, b), late, strict=False))
    return linear_recurrence_scan__recursive(a, b, combine, 2 * step)


def linear_recurrence_scan__halves(a, b, combine):
    # Sklansky's circuit: in each block of 2n the last of the left half goes to all of the right half.
    a, b = a.copy(), b.copy()
    positions = np.arange(a.shape[1])
    for level in range(math.ceil(math.log2(a.shape[1]))):
        right = positions[positions >> level & 1 == 1]
        left = (right >> level << level) - 1
        a[:, right], b[:, right] = combine((a[:, left], b[:, left]), (a[:, right], b[:, right]))
    return b


# --- additive_attention ---


def additive_attention__loop(query, memory, w_query, w_memory, v, mask=None):
    batch, positions, channels = memory.shape
    context, weights = np.zeros((batch, channels)), np.zeros((batch, positions))
    for i in range(batch):
        real = np.arange(positions) if mask is None else np.flatnonzero(mask[i])
        if len(real) == 0:
            continue
        scores = np.tanh(query[i] @ w_query + memory[i, real] @ w_memory) @ v
        e = np.exp(scores - scores.max())
        weights[i, real] = e / e.sum()
        context[i] = weights[i] @ memory[i]
    return context, weights


def additive_attention__einsum(query, memory, w_query, w_memory, v, mask=None):
    asked = np.einsum("bc,ca->ba", query, w_query)
    offered = np.einsum("bsm,ma->bsa", memory, w_memory)
    scores = np.einsum("bsa,a->bs", np.tanh(asked[:, None] + offered), v)
    if mask is not None:
        scores = np.where(mask, scores, -1e30)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    if mask is not None:
        e = e * mask
    weights = np.divide(e, e.sum(-1, keepdims=True), out=np.zeros_like(e), where=e.sum(-1, keepdims=True) > 0)
    return np.einsum("bs,bsm->bm", weights, memory), weights


def additive_attention__nan_to_num(query, memory, w_query, w_memory, v, mask=None):
    both = np.concatenate([np.repeat(query[:, None], memory.shape[1], axis=1), memory], axis=-1)
    scores = (np.tanh(both @ np.vstack([w_query, w_memory])) * v).sum(-1)
    if mask is not None:
        scores[~mask] = -np.inf
    scores = scores - scores.max(1)[:, None]
    weights = np.nan_to_num(np.exp(scores - np.log(np.exp(scores).sum(1, keepdims=True))))
    return (weights[..., None] * memory).sum(1), weights


# --- effective_context ---


def effective_context__loop(grads, threshold):
    found = []
    for sequence in grads:
        influence = [math.sqrt(sum(float(x) ** 2 for x in vector)) for vector in sequence]
        largest, count = max(influence), 0
        for back, each in enumerate(reversed(influence), start=1):
            if each > 0 and each >= threshold * largest:
                count = back
        found.append(count)
    return np.array(found)


def effective_context__weighted(grads, threshold):
    influence = np.sqrt(np.einsum("btc,btc->bt", grads, grads))
    share = np.nan_to_num(influence / influence.max(1, keepdims=True))
    return ((share >= threshold) * np.arange(grads.shape[1], 0, -1)).max(axis=1)


# --- seq2seq_bottleneck ---


def seq2seq_bottleneck__eigenvalues(x, width):
    def lost(rows):
        eigenvalues = np.linalg.eigvalsh(rows.T @ rows)
        return float(1 - eigenvalues[::-1][:width].sum() / eigenvalues.sum())

    return lost(x.reshape(x.shape[0], -1)), lost(x.reshape(-1, x.shape[2]))


def seq2seq_bottleneck__reconstruct(x, width):
    lost = []
    for rows in (x.reshape(len(x), -1), np.concatenate(list(x))):
        decoder = np.linalg.svd(rows, full_matrices=False)[2][:width]
        lost.append(((rows - rows @ decoder.T @ decoder) ** 2).sum() / (rows**2).sum())
    return lost[0], lost[1]
