"""Right answers to the exercises of 1.1, written as other people would: the suite must pass every one of them."""

import itertools
import math

import numpy as np


def rnn_cell__loop(x, h, w_x, w_h, b):
    after = np.empty((len(x), len(b)))
    for row, channel in np.ndindex(*after.shape):
        total = b[channel]
        for i in range(x.shape[1]):
            total += x[row, i] * w_x[i, channel]
        for i in range(h.shape[1]):
            total += h[row, i] * w_h[i, channel]
        after[row, channel] = math.tanh(total)
    return after


def rnn_cell__joined(x, h, w_x, w_h, b):
    ones = np.ones((len(x), 1))
    return np.tanh(np.hstack([x, h, ones]) @ np.vstack([w_x, w_h, b[None]]))


def rnn_cell__einsum_and_exp(x, h, w_x, w_h, b):
    total = np.einsum("be,ec->bc", x, w_x) + np.einsum("bd,dc->bc", h, w_h) + b
    with np.errstate(over="ignore"):
        return 1 - 2 / (np.exp(2 * total) + 1)


def rnn_cell__in_place(x, h, w_x, w_h, b):
    total = np.matmul(w_x.T, x.T)
    total += w_h.T.dot(h.T)
    total += b[:, None]
    return np.tanh(total, out=total).T


def rnn_forward__filled_array(x, h_0, w_x, w_h, b, mask=None):
    B, T, _ = x.shape
    if mask is None:
        mask = np.ones((B, T), dtype=bool)
    states = np.empty((B, T, h_0.shape[1]))
    h = h_0.copy()
    for t in range(T):
        real = mask[:, t]
        h[real] = np.tanh(x[real, t] @ w_x + h[real] @ w_h + b)
        states[:, t] = h
    return states


def rnn_forward__mask_as_numbers(x, h_0, w_x, w_h, b, mask=None):
    m = np.ones(x.shape[:2]) if mask is None else mask.astype(float)
    projected = x @ w_x + b  # the whole sequence at once
    states = [h_0]
    for t in range(x.shape[1]):
        new = np.tanh(projected[:, t] + states[-1] @ w_h)
        states.append(m[:, [t]] * new + (1 - m[:, [t]]) * states[-1])
    return np.stack(states[1:], axis=1)


def rnn_forward__one_sequence_at_a_time(x, h_0, w_x, w_h, b, mask=None):
    rows = []
    for row in range(len(x)):
        h, states = h_0[row], []
        for t, step in enumerate(x[row]):
            if mask is None or mask[row, t]:
                h = np.tanh(step @ w_x + h @ w_h + b)
            states.append(h)
        rows.append(states)
    return np.array(rows)


def rnn_forward__time_first(x, h_0, w_x, w_h, b, mask=None):
    masks = itertools.repeat(np.True_) if mask is None else np.expand_dims(mask.T, -1)

    def step(h, now):
        vector, real = now
        return np.where(real, np.tanh(vector @ w_x + h @ w_h + b), h)

    steps = zip(x.transpose(1, 0, 2), masks, strict=False)
    after = list(itertools.accumulate(steps, step, initial=h_0))[1:]
    return np.array(after).transpose(1, 0, 2)


def rnn_backward__gathered(grad_states, states, x, h_0, w_x, w_h, mask=None):
    B, T, _ = states.shape
    real = np.ones((B, T, 1)) if mask is None else mask[..., None].astype(float)
    slopes = (1 - states) * (1 + states) * real
    sums, carried = np.empty(states.shape), np.zeros(h_0.shape)
    for t in range(T - 1, -1, -1):
        carried = carried + grad_states[:, t]
        sums[:, t] = carried * slopes[:, t]
        carried = sums[:, t] @ w_h.T + (1 - real[:, t]) * carried
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    return {
        "h_0": carried,
        "b": sums.sum((0, 1)),
        "x": np.einsum("btc,ec->bte", sums, w_x),
        "w_x": np.einsum("bte,btc->ec", x, sums),
        "w_h": np.tensordot(before, sums, axes=([0, 1], [0, 1])),
    }


def rnn_backward__one_sequence_at_a_time(grad_states, states, x, h_0, w_x, w_h, mask=None):
    g = {"x": np.zeros(x.shape), "h_0": np.zeros(h_0.shape), "w_x": np.zeros(w_x.shape), "w_h": np.zeros(w_h.shape)}
    g["b"] = np.zeros(len(w_h))
    for row in range(len(x)):
        past = [h_0[row], *states[row]]
        carried = np.zeros(len(w_h))
        for t in reversed(range(x.shape[1])):
            carried = carried + grad_states[row, t]
            if mask is not None and not mask[row, t]:
                continue
            total = carried * (1 - past[t + 1] ** 2)
            g["b"] += total
            g["w_x"] += np.outer(x[row, t], total)
            g["w_h"] += np.outer(past[t], total)
            g["x"][row, t] = w_x @ total
            carried = w_h @ total
        g["h_0"][row] = carried
    return g


def rnn_backward__jacobians(grad_states, states, x, h_0, w_x, w_h, mask=None):
    B, T, C = states.shape
    mask = np.ones((B, T), dtype=bool) if mask is None else mask
    slopes = np.where(mask[..., None], 1 - states**2, 0.0)
    # jacobians[b, t] takes the state before step t to the state after it
    jacobians = w_h.T[None, None] * slopes[..., None] + np.eye(C) * ~mask[..., None, None]
    arriving = np.zeros(states.shape)
    for t in range(T):
        product = np.broadcast_to(np.eye(C), (B, C, C))
        for s in range(t, T):
            arriving[:, t] += np.einsum("bc,bcd->bd", grad_states[:, s], product)
            if s + 1 < T:
                product = jacobians[:, s + 1] @ product
    sums = arriving * slopes
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    return {
        "x": sums @ w_x.T,
        "h_0": np.einsum("bc,bcd->bd", arriving[:, 0], jacobians[:, 0]),
        "w_x": x.reshape(B * T, -1).T @ sums.reshape(B * T, C),
        "w_h": before.reshape(B * T, C).T @ sums.reshape(B * T, C),
        "b": sums.reshape(B * T, C).sum(0),
    }


def clip_grad_norm__one_vector(gradients, max_norm):
    norm = np.linalg.norm(np.concatenate([gradient.ravel() for gradient in gradients]))
    if norm <= max_norm:
        return [gradient.copy() for gradient in gradients], norm
    return [gradient * (max_norm / (norm + 1e-6)) for gradient in gradients], norm


def clip_grad_norm__norm_of_norms(gradients, max_norm):
    norm = float(np.linalg.norm([np.linalg.norm(gradient) for gradient in gradients]))
    factor = np.clip(max_norm / (norm + 1e-6), None, 1.0)
    return [np.multiply(gradient, factor) for gradient in gradients], norm


def clip_grad_norm__plain_python(gradients, max_norm):
    total = 0.0
    for gradient in gradients:
        for number in gradient.flat:
            total += float(number) * float(number)
    norm, clipped = math.sqrt(total), []
    for gradient in gradients:
        new = np.array(gradient)
        if norm > max_norm:
            new *= max_norm
            new /= norm + 1e-6
        clipped.append(new)
    return clipped, norm


def sequence_loss__one_hot(logits, targets, mask):
    weight = mask[..., None] / max(int(mask.sum()), 1)
    one_hot = np.where(mask, targets, 0)[..., None] == np.arange(logits.shape[-1])
    exponentials = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    total = exponentials.sum(-1, keepdims=True)
    log_probs = logits - np.max(logits, axis=-1, keepdims=True) - np.log(total)
    return float(-(weight * one_hot * log_probs).sum()), weight * (exponentials / total - one_hot)


def sequence_loss__loop(logits, targets, mask):
    gradient, losses = np.zeros(logits.shape), []
    for place in zip(*np.nonzero(mask), strict=True):
        scores, target = logits[place], targets[place]
        top = max(scores)
        exponentials = [math.exp(score - top) for score in scores]
        losses.append(top + math.log(math.fsum(exponentials)) - scores[target])
        gradient[place] = np.array(exponentials) / math.fsum(exponentials)
        gradient[place][target] -= 1
    if not losses:
        return 0.0, gradient
    return np.mean(losses), gradient / len(losses)


def sequence_loss__take_along_axis(logits, targets, mask):
    if not mask.any():
        return 0, np.zeros(logits.shape)
    flat, keep = logits.reshape(-1, logits.shape[-1]), mask.reshape(-1)
    safe = np.where(keep, targets.reshape(-1), 0)[:, None]
    top = flat.max(1, keepdims=True)
    log_sum = top + np.log(np.exp(flat - top).sum(1, keepdims=True))
    losses = (log_sum - np.take_along_axis(flat, safe, 1))[:, 0]
    gradient = np.exp(flat - log_sum)
    np.put_along_axis(gradient, safe, np.take_along_axis(gradient, safe, 1) - 1, 1)
    gradient = (gradient * keep[:, None] / keep.sum()).reshape(logits.shape)
    return np.average(losses, weights=keep), gradient


def pad_and_mask__zip_longest(sequences, pad=0):
    columns = list(itertools.zip_longest(*sequences, fillvalue=None))
    ids = np.array([[pad if each is None else each for each in column] for column in columns]).T
    return ids, np.array([[each is not None for each in column] for column in columns]).T


def pad_and_mask__lists(sequences, pad=0):
    longest = max(len(sequence) for sequence in sequences)
    ids = np.array([sequence + [pad] * (longest - len(sequence)) for sequence in sequences], dtype=np.int32)
    lengths = np.array([len(sequence) for sequence in sequences])
    return ids, np.arange(longest) < lengths[:, None]
