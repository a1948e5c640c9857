"""Other right answers to 2.4: everybody writes these a little differently, and all of them must pass."""

import math

import numpy as np


def project_qkv__split(x, w_q, w_k, w_v, head_size):
    made = []
    for w in (w_q, w_k, w_v):
        made.append(np.stack(np.split(np.matmul(x, w), w.shape[1] // head_size, axis=-1)))
    return tuple(made)


def project_qkv__einsum(x, w_q, w_k, w_v, head_size):
    query, key, value = (
        np.einsum("tc,chd->htd", x, w.reshape(w.shape[0], -1, head_size), optimize=False) for w in (w_q, w_k, w_v)
    )
    return query, key, value


def project_qkv__loop(x, w_q, w_k, w_v, head_size):
    def heads(w):
        return np.array([x @ w[:, start : start + head_size] for start in range(0, w.shape[1], head_size)])

    return heads(w_q), heads(w_k), heads(w_v)


def attention_scores__loop(query, key):
    heads, length, size = query.shape
    scores = np.zeros((heads, length, key.shape[1]))
    for h in range(heads):
        for t in range(length):
            for s in range(key.shape[1]):
                scores[h, t, s] = query[h, t] @ key[h // (heads // len(key)), s] / math.sqrt(size)
    return scores


def attention_scores__grouped(query, key):
    heads, length, size = query.shape
    grouped = query.reshape(len(key), heads // len(key), length, size) * size**-0.5
    return np.einsum("grtd,gsd->grts", grouped, key).reshape(heads, length, -1)


def attention_scores__index(query, key):
    shared = key[np.arange(len(query)) // (len(query) // len(key))]
    return np.matmul(query, np.transpose(shared, (0, 2, 1))) / query.shape[2] ** 0.5


def attention_weights__loop(scores, mask=None):
    weights = np.zeros(scores.shape)
    mask = np.broadcast_to(True if mask is None else mask, scores.shape)
    for place in np.ndindex(*scores.shape[:-1]):
        seen = [s for s in range(scores.shape[-1]) if mask[place][s]]
        if seen:
            peak = max(scores[place][s] for s in seen)
            total = sum(math.exp(scores[place][s] - peak) for s in seen)
            for s in seen:
                weights[place][s] = math.exp(scores[place][s] - peak) / total
    return weights


def attention_weights__lowest_number(scores, mask=None):
    mask = np.ones_like(scores, dtype=bool) if mask is None else np.broadcast_to(mask, scores.shape)
    hidden = np.where(mask, scores, np.finfo(np.float64).min)
    exponentials = np.exp(hidden - hidden.max(-1, keepdims=True)) * mask
    total = exponentials.sum(-1, keepdims=True)
    return np.divide(exponentials, total, out=np.zeros(exponentials.shape), where=total > 0)


def attention_weights__nan_to_num(scores, mask=None):
    if mask is not None:
        scores = scores + np.where(mask, 0.0, -np.inf)
    with np.errstate(invalid="ignore"):
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.nan_to_num(weights / weights.sum(axis=-1, keepdims=True))


def attention_weights__log(scores, mask=None):
    wide = np.array(scores, dtype=np.float64)
    if mask is not None:
        wide[~np.broadcast_to(mask, wide.shape)] = -np.inf
    total = np.logaddexp.reduce(wide, axis=-1, keepdims=True)
    return np.exp(wide - np.where(total == -np.inf, 0.0, total)).astype(scores.dtype)


def contextualize__concatenate(weights, value, w_o):
    group = len(weights) // len(value)
    return np.concatenate([weight @ value[h // group] for h, weight in enumerate(weights)], axis=-1) @ w_o


def contextualize__einsum(weights, value, w_o):
    shared = value[np.arange(len(weights)) * len(value) // len(weights)]
    return np.einsum("hts,hsd,hdc->tc", weights, shared, w_o.reshape(len(weights), value.shape[-1], -1))


def contextualize__sum_of_heads(weights, value, w_o):
    added = np.zeros((weights.shape[1], w_o.shape[1]))
    size = value.shape[2]
    for h in range(weights.shape[0]):
        spoken = value[h // (weights.shape[0] // value.shape[0])]
        added += weights[h] @ (spoken @ w_o[h * size : (h + 1) * size])
    return added


def plot_attention__step_by_step(weights, tokens, axes, numbers=True):
    image = axes.imshow(np.asarray(weights), cmap="viridis", interpolation="nearest")
    image.set_clim(0.0, 1.0)
    count = len(tokens)
    axes.set_xticks(np.arange(count))
    axes.set_xticklabels(tokens, rotation=90, fontsize=6)
    axes.set_yticks(np.arange(count))
    axes.set_yticklabels(tokens)
    axes.set_xlabel("key")
    axes.set_ylabel("query")
    if numbers:
        for i in range(count):
            for j in range(count):
                if weights[i][j] >= 0.01:
                    axes.text(j, i, format(weights[i][j], ".2f"), ha="center", va="center")


def plot_attention__from_below(weights, tokens, axes, numbers=True):
    # The other origin, turned over again; the keys' labels above the picture.
    axes.imshow(weights, origin="lower", vmin=0, vmax=1, aspect="auto")
    axes.set_ylim(len(tokens) - 0.5, -0.5)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set(xticks=range(len(tokens)), yticks=range(len(tokens)), xlabel="key", ylabel="query")
    axes.set(xticklabels=tokens, yticklabels=tokens)
    for row, shares in enumerate(weights if numbers else []):
        for column, share in enumerate(shares):
            if share >= 0.01:
                axes.annotate(f"{share:.2f}", (column, row), ha="center", va="center")


def plot_attention__matshow(weights, tokens, axes, numbers=True):
    from matplotlib.ticker import FixedLocator, FuncFormatter

    axes.matshow(weights, vmin=0, vmax=1)
    for axis, name in ((axes.xaxis, "key"), (axes.yaxis, "query")):
        axis.set_major_locator(FixedLocator(range(len(tokens))))
        axis.set_major_formatter(FuncFormatter(lambda place, _: tokens[round(place)]))
        axis.set_label_text(name)
    if not numbers:
        return
    rows, columns = np.nonzero(weights >= 0.01)
    for row, column in zip(rows, columns, strict=True):
        axes.text(column, row, f"{weights[row, column]:.2f}")


def plot_attention__unit_square(weights, tokens, axes, numbers=True):
    count = len(tokens)
    axes.imshow(weights, vmin=0, vmax=1, extent=(0, count, count, 0))
    middles = np.arange(count) + 0.5
    axes.set_xticks(middles, tokens)
    axes.set_yticks(middles, tokens)
    axes.set_xlabel("key")
    axes.set_ylabel("query")
    for i in range(count * numbers):
        for j in range(count):
            if weights[i, j] >= 0.01:
                axes.text(j + 0.5, i + 0.5, f"{weights[i, j]:.2f}")


def attention_rollout__half(weights):
    length = weights.shape[-1]
    made = np.eye(length)
    for block in range(weights.shape[0]):
        mean = np.average(weights[block], axis=0)
        mixed = np.array([(mean[i] + np.eye(length)[i]) / (mean[i].sum() + 1) for i in range(length)])
        made = np.matmul(mixed, made)
    return made


def attention_rollout__multi_dot(weights):
    mixed = weights.sum(1) / weights.shape[1] + np.eye(weights.shape[2])
    mixed = mixed / mixed.sum(2)[:, :, None]
    made = mixed[-1]
    for block in mixed[-2::-1]:
        made = made @ block
    return made


def previous_token_score__index(weights):
    later = np.arange(1, weights.shape[-1])
    return np.average(weights[..., later, later - 1], axis=-1)


def previous_token_score__trace(weights):
    return np.trace(weights, offset=-1, axis1=-2, axis2=-1) / (weights.shape[-2] - 1)


def sink_share__mean(weights):
    first = np.moveaxis(weights, -1, 0)[0]
    return (first.sum(-1) - first[..., 0]) / (first.shape[-1] - 1)


def induction_score__loop(weights, ids):
    ids, shares = list(ids), []
    for i, token in enumerate(ids):
        followers = [j + 1 for j in range(i) if ids[j] == token]
        if followers:
            shares.append(weights[..., i, followers].sum(axis=-1))
    return np.mean(shares, axis=0) if shares else np.zeros(weights.shape[:-2])


def value_weighted__loop(weights, value):
    shares = np.zeros_like(weights)
    for h in range(len(weights)):
        lengths = np.sqrt(np.square(value[h // (len(weights) // len(value))]).sum(axis=1))
        for t in range(weights.shape[1]):
            moved = weights[h, t] * lengths
            shares[h, t] = moved / moved.sum() if moved.any() else 0.0
    return shares
