"""Classic wrong answers to the exercises of 2.4, each with the sentence that tells the learner which one it is."""

import numpy as np

from grader.checks import mistake

# --- project_qkv ---


@mistake(
    "project_qkv",
    says="You cut the heads out of time: straight to (H, T, D) each head gets pieces of several tokens.",
    patch=("reshape(len(x), -1, head_size).swapaxes(0, 1)", "reshape(-1, len(x), head_size)"),
)
def heads_cut_from_time(x, w_q, w_k, w_v, head_size):
    return tuple(np.dot(x, w).reshape(w.shape[1] // head_size, x.shape[0], head_size) for w in (w_q, w_k, w_v))


@mistake(
    "project_qkv",
    says="You dealt the columns out to the heads in turn; a head owns D columns that stand side by side.",
    patch=("reshape(len(x), -1, head_size).swapaxes(0, 1)", "reshape(len(x), head_size, -1).transpose(2, 0, 1)"),
)
def columns_dealt_out(x, w_q, w_k, w_v, head_size):
    made = []
    for w in (w_q, w_k, w_v):
        count = w.shape[1] // head_size
        made.append(np.stack([x @ w[:, h::count] for h in range(count)]))
    return tuple(made)


@mistake(
    "project_qkv",
    says="Your time stands before your heads; the heads come first, so that each is a table of its own.",
    patch=(".swapaxes(0, 1)", ""),
)
def time_before_heads(x, w_q, w_k, w_v, head_size):
    return tuple((x @ w).reshape(x.shape[0], w.shape[1] // head_size, head_size) for w in (w_q, w_k, w_v))


@mistake(
    "project_qkv",
    says="Your keys and your values have changed places.",
    patch=("heads(w_k), heads(w_v)", "heads(w_v), heads(w_k)"),
)
def keys_and_values_swapped(x, w_q, w_k, w_v, head_size):
    split = [np.stack(np.split(x @ w, w.shape[1] // head_size, axis=1)) for w in (w_q, w_v, w_k)]
    return tuple(split)


# --- attention_scores ---


@mistake(
    "attention_scores",
    says="You left out the scaling: the dot products must be divided by the root of D.",
    patch=(" / np.sqrt(query.shape[-1])", ""),
)
def no_scaling(query, key):
    group = query.shape[0] // key.shape[0]
    return np.stack([query[h] @ key[h // group].T for h in range(query.shape[0])])


@mistake(
    "attention_scores",
    says="You divided by D; the scale is √D.",
    patch=("np.sqrt(query.shape[-1])", "query.shape[-1]"),
)
def scaled_by_d(query, key):
    group = query.shape[0] // key.shape[0]
    return np.stack([np.dot(query[h], key[h // group].T) / query.shape[2] for h in range(query.shape[0])])


@mistake(
    "attention_scores",
    says="Your heads take the keys in turn, 0 1 0 1; neighbouring heads share them, 0 0 1 1.",
    patch=("np.repeat(key, len(query) // len(key), axis=0)", "np.tile(key, (len(query) // len(key), 1, 1))"),
)
def keys_in_turn(query, key):
    size = query.shape[-1]
    return np.stack([each @ key[h % len(key)].T / size**0.5 for h, each in enumerate(query)])


@mistake(
    "attention_scores",
    says="Your table is lying on its side: rows belong to the queries, columns to the keys.",
    patch=("query @ key.swapaxes(-1, -2)", "key @ query.swapaxes(-1, -2)"),
)
def rows_are_keys(query, key):
    group = query.shape[0] // key.shape[0]
    return np.stack([key[h // group] @ query[h].T for h in range(query.shape[0])]) / query.shape[-1] ** 0.5


# --- attention_weights ---


def nothing_but_nan(trace):
    """Recognise what infinity over infinity leaves behind: no weight of a whole sentence is a number."""
    return any(isinstance(each, np.ndarray) and each.size > 0 and np.isnan(each).all() for each in trace)


@mistake(
    "attention_weights",
    says="You take the exponential of the scores as they are: beyond 709 that is infinity.",
    patch=(
        ("np.exp(scores - np.where(np.isfinite(peak), peak, 0))", "np.exp(scores)"),
        ("peak = scores.max(axis=-1, keepdims=True)", "peak = None"),
    ),
    recognise=nothing_but_nan,
)
def overflows(scores, mask=None):
    exponentials = np.exp(scores)
    if mask is not None:
        exponentials = np.where(mask, exponentials, 0.0)
    total = exponentials.sum(-1)[..., None]
    total = np.where(total == 0, 1.0, total)
    return exponentials / total


@mistake(
    "attention_weights",
    says="Your columns sum to one; each query shares out its own attention, so the rows must.",
    patch=(
        ("exponentials.sum(axis=-1, keepdims=True)", "exponentials.sum(axis=-2, keepdims=True)"),
        ("scores.max(axis=-1, keepdims=True)", "scores.max(axis=-2, keepdims=True)"),
    ),
)
def shares_of_the_keys(scores, mask=None):
    flipped = np.swapaxes(scores, -1, -2).copy()
    if mask is not None:
        flipped[~np.swapaxes(np.broadcast_to(mask, scores.shape), -1, -2)] = -np.inf
    highest = flipped.max(axis=-1, keepdims=True)
    highest[highest == -np.inf] = 0
    exponentials = np.exp(flipped - highest)
    total = exponentials.sum(axis=-1, keepdims=True)
    total[total == 0] = 1
    return np.swapaxes(exponentials / total, -1, -2)


@mistake(
    "attention_weights",
    says="Your mask is upside down: True means that the query may attend.",
    patch=("np.where(allowed, scores, -np.inf)", "np.where(allowed, -np.inf, scores) if mask is not None else scores"),
)
def mask_upside_down(scores, mask=None):
    hidden = np.zeros(scores.shape, dtype=bool) if mask is None else np.broadcast_to(mask, scores.shape)
    highest = np.max(scores, axis=-1, keepdims=True, where=~hidden, initial=-np.inf)
    highest = np.where(highest == -np.inf, 0, highest)
    exponentials = np.zeros(scores.shape)
    np.exp(scores - highest, out=exponentials, where=~hidden)
    total = exponentials.sum(axis=-1, keepdims=True)
    return np.divide(exponentials, total, out=np.zeros(scores.shape), where=total > 0)


@mistake(
    "attention_weights",
    says="You hid the keys after the softmax: they had taken their part already, so the rows do not sum to one.",
    patch=(
        ("scores = np.where(allowed, scores, -np.inf)", "pass"),
        ("return exponentials /", "return allowed * exponentials /"),
    ),
)
def hidden_after_the_softmax(scores, mask=None):
    shifted = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True)
    return weights if mask is None else np.where(mask, weights, 0)


@mistake(
    "attention_weights",
    says="You gave hidden keys the score 0, which is an ordinary score: e⁰ = 1 is a fair share.",
    patch=("np.where(allowed, scores, -np.inf)", "np.where(allowed, scores, 0)"),
)
def hidden_scores_are_zero(scores, mask=None):
    scores = scores if mask is None else scores * mask
    weights = np.exp(scores - np.max(scores, axis=-1)[..., None])
    return weights / np.sum(weights, axis=-1)[..., None]


@mistake(
    "attention_weights",
    says="A query that may see nothing gives you 0/0 = NaN; it must get zeros.",
    patch=(("np.where(np.isfinite(peak), peak, 0)", "peak"), ("np.where(total > 0, total, 1)", "total")),
)
def nan_where_nothing_is_seen(scores, mask=None):
    if mask is not None:
        scores = scores + np.where(mask, 0.0, -np.inf)
    weights = np.exp(scores - scores.max(-1)[..., None])
    weights /= weights.sum(-1)[..., None]
    return weights


@mistake(
    "attention_weights",
    says="With a large negative number for hidden scores, a query that may see nothing attends to everything alike.",
    patch=("np.where(allowed, scores, -np.inf)", "np.where(allowed, scores, -1e9)"),
)
def alike_where_nothing_is_seen(scores, mask=None):
    scores = scores if mask is None else np.where(mask, scores, np.finfo(scores.dtype).min / 2)
    weights = np.exp(scores - scores.max(-1)[..., None])
    return weights / weights.sum(-1)[..., None]


# --- contextualize ---


@mistake(
    "contextualize",
    says="You joined the heads without bringing time to the front, so that a row holds several tokens of one head.",
    patch=("heads.swapaxes(0, 1).reshape(", "heads.reshape("),
)
def joined_across_tokens(weights, value, w_o):
    group = weights.shape[0] // value.shape[0]
    heads = np.stack([weights[h] @ value[h // group] for h in range(weights.shape[0])])
    return heads.ravel().reshape(weights.shape[1], w_o.shape[0]) @ w_o


@mistake(
    "contextualize",
    says="You wove the heads into one another; w_o expects the channels of a head side by side.",
    patch=("heads.swapaxes(0, 1).reshape(", "heads.transpose(1, 2, 0).reshape("),
)
def heads_woven_together(weights, value, w_o):
    count, size = weights.shape[0], value.shape[-1]
    joined = np.zeros((weights.shape[1], count * size))
    for h in range(count):
        joined[:, h::count] = weights[h] @ value[h * len(value) // count]
    return joined @ w_o


@mistake(
    "contextualize",
    says="Your heads take the values in turn, 0 1 0 1; neighbouring heads share them, 0 0 1 1.",
    patch=(
        "np.repeat(value, len(weights) // len(value), axis=0)",
        "np.tile(value, (len(weights) // len(value), 1, 1))",
    ),
)
def values_in_turn(weights, value, w_o):
    heads = [each @ value[h % len(value)] for h, each in enumerate(weights)]
    return np.concatenate(heads, axis=-1) @ w_o


@mistake(
    "contextualize",
    says="You averaged by the normalised weights; they are shares already and are used as they come.",
    patch=("heads = weights @", "heads = weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1e-12) @"),
)
def normalised_again(weights, value, w_o):
    group, added = len(weights) // len(value), 0
    size = value.shape[-1]
    for h, each in enumerate(weights):
        total = each.sum(axis=1)[:, None]
        shares = np.divide(each, total, out=np.zeros(each.shape), where=total > 0)
        added = added + shares @ value[h // group] @ w_o[h * size : (h + 1) * size]
    return added


# --- plot_attention ---


@mistake(
    "plot_attention",
    says="Your picture is lying on its side: a row is a query, a column is a key.",
    patch=("axes.imshow(weights,", "axes.imshow(weights.T,"),
)
def image_on_its_side(weights, tokens, axes, numbers=True):
    places = np.arange(len(tokens))
    axes.imshow(np.transpose(weights), vmin=0.0, vmax=1.0, cmap="viridis")
    axes.set_xticks(places, labels=tokens)
    axes.set_yticks(places, labels=tokens)
    axes.set_xlabel("key")
    axes.set_ylabel("query")
    for i in places:
        for j in places:
            if numbers and weights[i, j] >= 0.01:
                axes.text(j, i, format(weights[i, j], ".2f"))


@mistake(
    "plot_attention",
    says="Your colours stretch to the smallest and the largest weight at hand, so that two heads cannot be compared.",
    patch=(", vmin=0, vmax=1", ""),
)
def colors_stretch(weights, tokens, axes, numbers=True):
    places = np.arange(len(tokens))
    axes.imshow(weights, cmap="magma", vmin=weights.min(), vmax=weights.max())
    axes.set_xticks(places, labels=tokens)
    axes.set_yticks(places, labels=tokens)
    axes.set_xlabel("key")
    axes.set_ylabel("query")
    for i in places:
        for j in places:
            if numbers and weights[i, j] >= 0.01:
                axes.text(j, i, format(weights[i, j], ".2f"))


@mistake(
    "plot_attention",
    says="Your numbers stand in mirrored cells: a text's place is (x, y), which is (column, row).",
    patch=("axes.text(key, query,", "axes.text(query, key,"),
)
def numbers_in_mirrored_cells(weights, tokens, axes, numbers=True):
    places = np.arange(len(tokens))
    axes.imshow(weights, vmin=0.0, vmax=1.0, cmap="viridis")
    axes.set_xticks(places, labels=tokens)
    axes.set_yticks(places, labels=tokens)
    axes.set_xlabel("key")
    axes.set_ylabel("query")
    for i in places:
        for j in places:
            if numbers and weights[i, j] >= 0.01:
                axes.text(i, j, format(weights[i, j], ".2f"))


@mistake(
    "plot_attention",
    says="Your first query stands at the bottom; a text is read from the top.",
    patch=("vmin=0, vmax=1)", 'vmin=0, vmax=1, origin="lower")'),
)
def upside_down(weights, tokens, axes, numbers=True):
    places = np.arange(len(tokens))
    axes.imshow(weights, vmin=0.0, vmax=1.0)
    axes.invert_yaxis()
    axes.set_xticks(places, labels=tokens)
    axes.set_yticks(places, labels=tokens)
    axes.set_xlabel("key")
    axes.set_ylabel("query")
    for i in places:
        for j in places:
            if numbers and weights[i, j] >= 0.01:
                axes.text(j, i, format(weights[i, j], ".2f"))


@mistake(
    "plot_attention",
    says="You set labels without saying where the ticks are: matplotlib has chosen other places for them.",
    patch=(
        ("axes.set_xticks(range(len(tokens)), tokens)", "axes.set_xticklabels(tokens)"),
        ("axes.set_yticks(range(len(tokens)), tokens)", "axes.set_yticklabels(tokens)"),
    ),
)
def labels_without_places(weights, tokens, axes, numbers=True):
    from matplotlib.ticker import FixedFormatter

    axes.imshow(weights, vmin=0.0, vmax=1.0)
    axes.xaxis.set_major_formatter(FixedFormatter(tokens))
    axes.yaxis.set_major_formatter(FixedFormatter(tokens))
    axes.set_xlabel("key")
    axes.set_ylabel("query")
    for (i, j), weight in np.ndenumerate(weights):
        if numbers and weight >= 0.01:
            axes.text(j, i, format(weight, ".2f"))


# --- attention_rollout ---


@mistake(
    "attention_rollout",
    says="You forgot the residual connection: half of every token goes past attention unchanged.",
    patch=("mixed = block + identity", "mixed = block"),
)
def no_residual(weights):
    made = np.eye(weights.shape[-1])
    for block in weights:
        mean = block.mean(0)
        made = (mean / mean.sum(1)[:, None]) @ made
    return made


@mistake(
    "attention_rollout",
    says="You added the identity without dividing by the rows' sums, so that every block doubles everything.",
    patch=("(mixed / mixed.sum(axis=-1, keepdims=True)) @ rollout", "mixed @ rollout"),
)
def rows_sum_to_powers_of_two(weights):
    blocks = weights.mean(1) + np.eye(weights.shape[-1])
    made = blocks[0]
    for block in blocks[1:]:
        made = np.dot(block, made)
    return made


@mistake(
    "attention_rollout",
    says="You multiplied the blocks in the wrong order: the last block's matrix stands leftmost.",
    patch=(
        "rollout = (mixed / mixed.sum(axis=-1, keepdims=True)) @ rollout",
        "rollout = rollout @ (mixed / mixed.sum(axis=-1, keepdims=True))",
    ),
)
def blocks_in_the_wrong_order(weights):
    blocks = weights.mean(1) + np.eye(weights.shape[-1])
    blocks /= blocks.sum(-1)[..., None]
    made = np.eye(weights.shape[-1])
    for block in blocks[::-1]:
        made = np.dot(block, made)
    return made


@mistake(
    "attention_rollout",
    says="You took half of attention and half of the identity; that is right only where rows of weights sum to one.",
    patch=("mixed / mixed.sum(axis=-1, keepdims=True)", "mixed / 2"),
)
def always_half(weights):
    made = np.eye(weights.shape[-1])
    for block in weights.mean(1):
        made = 0.5 * block @ made + 0.5 * made
    return made


# --- previous_token_score, sink_share ---


@mistake(
    "previous_token_score",
    says="You averaged over all queries; the first one has no token before it and does not count.",
    patch=(".mean(axis=-1)", ".sum(axis=-1) / weights.shape[-1]"),
)
def counts_the_first_query_too(weights):
    return sum(weights[..., i, i - 1] for i in range(1, weights.shape[-1])) / weights.shape[-1]


@mistake(
    "previous_token_score",
    says="You read the diagonal above: that is each query's weight on the token after it.",
    patch=("offset=-1", "offset=1"),
)
def the_token_after(weights):
    return sum(weights[..., i, i + 1] for i in range(weights.shape[-1] - 1)) / (weights.shape[-1] - 1)


@mistake(
    "sink_share",
    says="You counted the first query as well, which under a causal mask has no choice.",
    patch=("weights[..., 1:, 0]", "weights[..., 0]"),
)
def counts_the_first_query(weights):
    return np.take(weights, 0, axis=-1).sum(axis=-1) / weights.shape[-1]


@mistake(
    "sink_share",
    says="You read the first query's row; asked for is the column of the first key.",
    patch=("weights[..., 1:, 0]", "weights[..., 0, 1:]"),
)
def the_row_of_the_first_query(weights):
    return weights[..., 0, 1:].sum(axis=-1) / (weights.shape[-1] - 1)


# --- induction_score ---


@mistake(
    "induction_score",
    says="You count the earlier occurrence itself; an induction head looks at what followed it.",
    patch=(
        ("counts[:, 1:] = ids[:, None] == ids[None, :-1]", "counts[:, :] = ids[:, None] == ids[None, :]"),
        ("counts = np.tril(counts)", "counts = np.tril(counts, k=-1)"),
    ),
)
def the_occurrence_itself(weights, ids):
    total, asking = 0 * weights[..., 0, 0], 0
    for i in range(len(ids)):
        keys = [j for j in range(i) if ids[j] == ids[i]]
        total = total + sum(weights[..., i, j] for j in keys)
        asking += bool(keys)
    return total / asking if asking else total


@mistake(
    "induction_score",
    says="You averaged over all queries; only those count whose token has come before.",
    patch=("max(asking, 1)", "len(ids)"),
)
def all_queries_count(weights, ids):
    total = 0 * weights[..., 0, 0]
    for i in range(len(ids)):
        total = total + sum(weights[..., i, j] for j in range(1, i + 1) if ids[j - 1] == ids[i])
    return total / len(ids)


@mistake(
    "induction_score",
    says="You count every key with the query's own token, and the query itself; asked for is what followed it earlier.",
    patch=("counts[:, 1:] = ids[:, None] == ids[None, :-1]", "counts[:, :] = ids[:, None] == ids[None, :]"),
)
def the_same_token(weights, ids):
    total = 0 * weights[..., 0, 0]
    for i in range(len(ids)):
        total = total + sum(weights[..., i, j] for j in range(i + 1) if ids[j] == ids[i])
    return total / len(ids)


# --- value_weighted ---


@mistake(
    "value_weighted",
    says="You did not divide by the sum over the keys: the rows must be shares again.",
    patch=("moved / np.where(total > 0, total, 1)", "moved"),
)
def not_shares(weights, value):
    lengths = np.sqrt((value**2).sum(-1))
    return np.stack([each * lengths[h * len(value) // len(weights)] for h, each in enumerate(weights)])


@mistake(
    "value_weighted",
    says="Your heads take the values in turn, 0 1 0 1; neighbouring heads share them, 0 0 1 1.",
    patch=(
        "np.repeat(np.linalg.norm(value, axis=-1), len(weights) // len(value), axis=0)",
        "np.tile(np.linalg.norm(value, axis=-1), (len(weights) // len(value), 1))",
    ),
)
def lengths_in_turn(weights, value):
    lengths = np.sqrt((value**2).sum(-1))
    moved = np.stack([each * lengths[h % len(value)] for h, each in enumerate(weights)])
    total = moved.sum(-1)[..., None]
    return np.divide(moved, total, out=np.zeros(moved.shape), where=total > 0)


@mistake(
    "value_weighted",
    says="You weighed by squared lengths; a value twice as long moves twice as much, not four times.",
    patch=("np.linalg.norm(value, axis=-1)", "(value**2).sum(axis=-1)"),
)
def squared_lengths(weights, value):
    moved = np.empty(weights.shape)
    for h, each in enumerate(weights):
        spoken = value[h * len(value) // len(weights)]
        moved[h] = each * np.einsum("sd,sd->s", spoken, spoken)
    total = moved.sum(-1)[..., None]
    return np.divide(moved, total, out=np.zeros(moved.shape), where=total > 0)
