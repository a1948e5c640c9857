"""Classic wrong answers to the exercises of 1.4, each with the sentence that tells the learner which one it is."""

import numpy as np

from grader.checks import mistake

# --- complexity_per_layer -------------------------------------------------------------------------


@mistake(
    "complexity_per_layer",
    says="You swapped n and d in the operations: which of the two does each kind of layer pair with each other?",
    patch=(
        ("return n * n * d, 1, 1", "return n * d * d, 1, 1"),
        ("return n * d * d, n, n", "return n * n * d, n, n"),
        ("return k * n * d * d", "return k * n * n * d"),
    ),
)
def swaps_n_and_d(kind, n, d, k=3, r=64):
    layers = 1
    while k**layers < n:
        layers += 1
    table = {
        "self_attention": (d**2 * n, 1, 1),
        "recurrent": (d * n**2, n, n),
        "convolutional": (k * d * n**2, 1, layers),
        "restricted": (r * d * n, 1, (n + r - 1) // r),
    }
    if kind not in table:
        raise ValueError(kind)
    return table[kind]


@mistake(
    "complexity_per_layer",
    says="You took the layers from a floating-point logarithm, which can be a bit too large where n is a power of k.",
    patch=(
        ("layers, reach = 1, k\n", "layers = int(np.ceil(np.log(n) / np.log(k)))\n"),
        (
            "        while reach < n:\n            layers, reach = layers + 1, reach * k\n",
            "",
        ),
    ),
)
def floating_logarithm(kind, n, d, k=3, r=64):
    if kind == "self_attention":
        return d * n**2, 1, 1
    if kind == "recurrent":
        return n * d**2, n, n
    if kind == "convolutional":
        return k * n * d**2, 1, int(np.ceil(np.log(n) / np.log(k)))
    if kind == "restricted":
        return r * n * d, 1, int(np.ceil(n / r))
    raise ValueError(f"unknown kind {kind}")


@mistake(
    "complexity_per_layer",
    says="Your kernels do not spread: with growing dilation the reach multiplies with every layer, it does not add up.",
    patch=("layers + 1, reach * k", "layers + 1, reach + k"),
)
def undilated_kernels(kind, n, d, k=3, r=64):
    if kind not in ("self_attention", "recurrent", "convolutional", "restricted"):
        raise ValueError(f"unknown kind {kind}")
    operations = {"self_attention": n * n * d, "recurrent": n * d * d, "convolutional": k * n * d * d}
    path = {"self_attention": 1, "recurrent": n, "convolutional": -(-n // k), "restricted": -(-n // r)}
    return operations.get(kind, r * n * d), n if kind == "recurrent" else 1, path[kind]


@mistake(
    "complexity_per_layer",
    says="You rounded the path through neighbourhoods down: what is left over needs one more layer.",
    patch=("-(-n // r)", "n // r"),
)
def rounds_down(kind, n, d, k=3, r=64):
    if kind == "restricted":
        return r * n * d, 1, int(n / r)
    if kind == "self_attention":
        return n * n * d, 1, 1
    if kind == "recurrent":
        return n * d * d, n, n
    if kind != "convolutional":
        raise ValueError("unknown kind")
    layers = 1
    while k**layers < n:
        layers += 1
    return n * d * d * k, 1, layers


@mistake(
    "complexity_per_layer",
    says="You left out the width of the kernel: a convolution does one product of matrices for each of its k taps.",
    patch=("return k * n * d * d", "return n * d * d"),
)
def one_tap(kind, n, d, k=3, r=64):
    layers = 1
    while k**layers < n:
        layers += 1
    table = {
        "self_attention": (d * n**2, 1, 1),
        "recurrent": (d**2 * n, n, n),
        "convolutional": (d**2 * n, 1, layers),
        "restricted": (r * d * n, 1, (n + r - 1) // r),
    }
    if kind not in table:
        raise ValueError(kind)
    return table[kind]


# --- copy_task_batch ------------------------------------------------------------------------------


@mistake(
    "copy_task_batch",
    says="Your marker comes one position too late: it is the last position of the delay, and the answer follows it.",
    patch=("inputs[:, length + delay - 1]", "inputs[:, length + delay]"),
)
def late_marker(rng, batch, length, delay, num_symbols):
    symbols = rng.integers(0, num_symbols, (batch, length))
    blanks = np.full((batch, length + delay), num_symbols)
    inputs = np.concatenate([symbols, blanks], axis=1)
    inputs[:, -length] = num_symbols + 1
    return inputs, np.concatenate([blanks, symbols], axis=1)


@mistake(
    "copy_task_batch",
    says="Your marker is not part of the delay, which makes every sequence one position too long.",
    patch=(
        ("(batch, length + delay + length)", "(batch, length + delay + 1 + length)"),
        ("inputs[:, length + delay - 1]", "inputs[:, length + delay]"),
        ("targets[:, length + delay :]", "targets[:, length + delay + 1 :]"),
    ),
)
def marker_beside_the_delay(rng, batch, length, delay, num_symbols):
    symbols = rng.integers(0, num_symbols, (batch, length))
    inputs = np.pad(symbols, ((0, 0), (0, delay + 1 + length)), constant_values=num_symbols)
    inputs[:, length + delay] = num_symbols + 1
    return inputs, np.pad(symbols, ((0, 0), (length + delay + 1, 0)), constant_values=num_symbols)


@mistake(
    "copy_task_batch",
    says="Your targets repeat the symbols backwards; they must come in the order in which they were shown.",
    patch=("targets[:, length + delay :] = symbols", "targets[:, length + delay :] = symbols[:, ::-1]"),
)
def backwards(rng, batch, length, delay, num_symbols):
    symbols = rng.integers(0, num_symbols, (batch, length))
    inputs = np.pad(symbols, ((0, 0), (0, delay + length)), constant_values=num_symbols)
    inputs[:, length + delay - 1] += 1
    return inputs, np.pad(np.flip(symbols, 1), ((0, 0), (length + delay, 0)), constant_values=num_symbols)


@mistake(
    "copy_task_batch",
    says="Your inputs show the symbols once more while the answer is due: nothing is left to remember.",
    patch=("targets[:, length + delay :] = symbols", "targets[:, -length:] = inputs[:, -length:] = symbols"),
)
def gives_the_answer_away(rng, batch, length, delay, num_symbols):
    symbols = rng.integers(0, num_symbols, (batch, length))
    blanks = np.full((batch, delay), num_symbols)
    inputs = np.concatenate([symbols, blanks, symbols], axis=1)
    inputs[:, length + delay - 1] = num_symbols + 1
    return inputs, np.concatenate([np.full((batch, length), num_symbols), blanks, symbols], axis=1)


@mistake(
    "copy_task_batch",
    says="The blank is among the symbols you draw: a generator's upper bound is excluded unless you say otherwise.",
    patch=("rng.integers(num_symbols, size", "rng.integers(num_symbols + 1, size"),
)
def blank_as_a_symbol(rng, batch, length, delay, num_symbols):
    symbols = rng.integers(0, num_symbols, (batch, length), endpoint=True)
    inputs = np.pad(symbols, ((0, 0), (0, delay + length)), constant_values=num_symbols)
    inputs[:, length + delay - 1] = num_symbols + 1
    return inputs, np.pad(symbols, ((0, 0), (length + delay, 0)), constant_values=num_symbols)


@mistake(
    "copy_task_batch",
    says="All your sequences are the same: draw symbols for every sequence of the batch.",
    patch=("size=(batch, length)", "size=(1, length)"),
)
def one_for_all(rng, batch, length, delay, num_symbols):
    symbols = np.tile(rng.integers(num_symbols, size=length), (batch, 1))
    inputs = np.pad(symbols, ((0, 0), (0, delay + length)), constant_values=num_symbols)
    inputs[:, length + delay - 1] = num_symbols + 1
    return inputs, np.pad(symbols, ((0, 0), (length + delay, 0)), constant_values=num_symbols)


@mistake(
    "copy_task_batch",
    says="You drew from NumPy's global generator; all chance must come from the `rng` that you are given.",
    patch=("rng.integers(num_symbols, size=(batch, length))", "np.random.randint(num_symbols, size=(batch, length))"),
)
def global_generator(rng, batch, length, delay, num_symbols):
    symbols = np.random.randint(0, num_symbols, (batch, length))
    inputs = np.pad(symbols, ((0, 0), (0, delay + length)), constant_values=num_symbols)
    inputs[:, length + delay - 1] = num_symbols + 1
    return inputs, np.pad(symbols, ((0, 0), (length + delay, 0)), constant_values=num_symbols)


# --- combine_steps --------------------------------------------------------------------------------


@mistake(
    "combine_steps",
    says="You applied the later stretch first: what the earlier one adds must still be multiplied by the later one.",
    patch=("a_later * b_earlier + b_later", "a_earlier * b_later + b_earlier"),
)
def later_first(earlier, later):
    (a, b), (c, d) = later, earlier
    return a * c, b * c + d


@mistake(
    "combine_steps",
    says="You added the two additions as if nothing happened between them.",
    patch=("a_later * b_earlier + b_later", "b_earlier + b_later"),
)
def only_adds(earlier, later):
    return earlier[0] * later[0], np.add(earlier[1], later[1])


@mistake(
    "combine_steps",
    says="Your result multiplies with the later stretch only; the state before both went through the earlier one too.",
    patch=("return a_later * a_earlier,", "return a_later,"),
)
def forgets_the_earlier_multiplier(earlier, later):
    a, b = later
    return a, b + a * earlier[1]


# --- linear_recurrence_scan -----------------------------------------------------------------------


def rounds_in(trace):
    """For every result (B, T, C) in a trace: T, and how many stretches each call of `combine` before it held."""
    found, sizes = [], []
    for each in trace:
        if type(each).__name__ == "Asked":
            sizes.append(np.size(each.args[1][1]))
        elif isinstance(each, np.ndarray) and each.ndim == 3 and each.size:
            unit = each.shape[0] * each.shape[2]
            found.append((each.shape[1], [size / unit for size in sizes]))
            sizes = []
    return found


def step_by_step(trace):
    return any(len(sizes) == length - 1 > 2 and set(sizes) == {1} for length, sizes in rounds_in(trace))


def an_idle_round(trace):
    """A power of two gets a call too many: one that joins nothing, or, from whoever rolls, everything once more."""
    return any(
        length & (length - 1) == 0 and len(sizes) == length.bit_length() and sizes[-1] in (0, length)
        for length, sizes in rounds_in(trace)
    )


@mistake(
    "linear_recurrence_scan",
    says="Your scan is right for powers of two only: a last round is missing, and late positions forget the start.",
    patch=("while step < length:", "while 2 * step <= length:"),
)
def only_powers_of_two(a, b, combine):
    for level in range(int(np.log2(a.shape[1]))):
        n = 2**level
        joined = combine((a[:, :-n], b[:, :-n]), (a[:, n:], b[:, n:]))
        a, b = np.hstack([a[:, :n], joined[0]]), np.hstack([b[:, :n], joined[1]])
    return b


@mistake(
    "linear_recurrence_scan",
    says="You handed the stretches to `combine` in the wrong order: the earlier one is its first argument.",
    patch=(
        "combine((a[:, :-step], b[:, :-step]), (a[:, step:], b[:, step:]))",
        "combine((a[:, step:], b[:, step:]), (a[:, :-step], b[:, :-step]))",
    ),
)
def wrong_order(a, b, combine):
    a, b, n = a.copy(), b.copy(), 1
    while n < b.shape[1]:
        a[:, n:], b[:, n:] = combine((a[:, n:], b[:, n:]), (a[:, :-n], b[:, :-n]))
        n += n
    return b


@mistake(
    "linear_recurrence_scan",
    says="Your distance grows by one from round to round; the stretches double, and so must the distance.",
    patch=("step *= 2", "step += 1"),
)
def distance_grows_by_one(a, b, combine):
    a, b = a.copy(), b.copy()
    for n in range(1, b.shape[1]):
        a[:, n:], b[:, n:] = combine((a[:, :-n], b[:, :-n]), (a[:, n:], b[:, n:]))
    return b


@mistake(
    "linear_recurrence_scan",
    says="Your first positions join with the end of the sequence: what has nothing before it must stay as it is.",
    patch=(
        (
            "combine((a[:, :-step], b[:, :-step]), (a[:, step:], b[:, step:]))",
            "combine((np.roll(a, step, axis=1), np.roll(b, step, axis=1)), (a, b))",
        ),
        ("np.concatenate([a[:, :step], joined_a], axis=1)", "joined_a"),
        ("np.concatenate([b[:, :step], joined_b], axis=1)", "joined_b"),
    ),
)
def around_the_corner(a, b, combine):
    n, positions = 1, np.arange(a.shape[1])
    while n < len(positions):
        before = positions - n  # negative ones count from the end
        if n > 1:
            before = before % len(positions)
        a, b = combine((a[:, before], b[:, before]), (a, b))
        n *= 2
    return b


@mistake(
    "linear_recurrence_scan",
    says="You go step by step: hand `combine` all stretches of a round at once.",
    patch=(
        (
            "combine((a[:, :-step], b[:, :-step]), (a[:, step:], b[:, step:]))",
            "combine((a[:, step - 1 : step], b[:, step - 1 : step]), (a[:, step : step + 1], b[:, step : step + 1]))",
        ),
        ("[a[:, :step], joined_a]", "[a[:, :step], joined_a, a[:, step + 1 :]]"),
        ("[b[:, :step], joined_b]", "[b[:, :step], joined_b, b[:, step + 1 :]]"),
        ("step *= 2", "step += 1"),
    ),
    recognise=step_by_step,
)
def one_by_one(a, b, combine):
    state = a[:, :1], b[:, :1]
    states = [state[1]]
    for t in range(1, a.shape[1]):
        state = combine(state, (a[:, t : t + 1], b[:, t : t + 1]))
        states.append(state[1])
    return np.concatenate(states, axis=1)


@mistake(
    "linear_recurrence_scan",
    says="Where T is a power of two, and 1 is one too, you make a last call that has nothing left to join.",
    patch=("while step < length:", "while step <= length:"),
    recognise=an_idle_round,
)
def one_round_too_many(a, b, combine):
    for level in range(a.shape[1].bit_length()):
        n = 2**level
        joined = combine((a[:, :-n], b[:, :-n]), (a[:, n:], b[:, n:]))
        a, b = np.hstack([a[:, :n], joined[0]]), np.hstack([b[:, :n], joined[1]])
    return b


@mistake(
    "linear_recurrence_scan",
    says="You divided by products of a instead of scanning: `combine` is never asked, and where an a is 0 you get NaN.",
    patch=(
        ("while step < length:", "while False:"),
        ("return b", "product = np.cumprod(a, axis=1)\n    return product * np.cumsum(b / product, axis=1)"),
    ),
)
def divides(a, b, combine):
    product, total, states = np.ones_like(a[:, 0]), np.zeros_like(b[:, 0]), []
    for t in range(a.shape[1]):
        product = product * a[:, t]
        total = total + b[:, t] / product
        states.append(product * total)
    return np.stack(states, axis=1)


# --- additive_attention ---------------------------------------------------------------------------


@mistake(
    "additive_attention",
    says="The tanh is missing: without it the query adds the same number to all scores, and has no say.",
    patch=(
        "np.tanh((query @ w_query)[:, None, :] + memory @ w_memory)",
        "((query @ w_query)[:, None, :] + memory @ w_memory)",
    ),
)
def no_tanh(query, memory, w_query, w_memory, v, mask=None):
    scores = memory @ (w_memory @ v) + (query @ (w_query @ v))[:, None]
    allowed = np.ones(scores.shape, dtype=bool) if mask is None else mask
    scores = np.where(allowed, scores, -1e300)
    e = np.exp(scores - scores.max(axis=1, keepdims=True)) * allowed
    weights = e / np.maximum(e.sum(axis=1, keepdims=True), 1e-300)
    return np.einsum("bs,bsm->bm", weights, memory), weights


@mistake(
    "additive_attention",
    says="Your softmax runs over the batch: every sequence shares out its own weight over its positions.",
    patch=(
        ("np.where(mask.any(axis=1), scores.max(axis=1), 0.0)  # (B,)", "np.where(mask.any(0), scores.max(0), 0.0)"),
        ("scores - peak[:, None]", "scores - peak"),
        ("exponentials.sum(axis=1, keepdims=True)", "exponentials.sum(axis=0, keepdims=True)"),
    ),
)
def softmax_over_the_batch(query, memory, w_query, w_memory, v, mask=None):
    scores = np.einsum("bsa,a->bs", np.tanh(np.expand_dims(query @ w_query, 1) + memory @ w_memory), v)
    allowed = np.ones(scores.shape, dtype=bool) if mask is None else mask
    scores = np.where(allowed, scores, -1e300)
    e = np.exp(scores - scores.max(axis=0)) * allowed
    weights = e / np.maximum(e.sum(axis=0), 1e-300)
    return np.einsum("bs,bsm->bm", weights, memory), weights


@mistake(
    "additive_attention",
    says="You applied the mask after the softmax: padding has already taken its share, and that weight is lost.",
    patch=(
        ("scores = np.where(mask, scores, -np.inf)", "pass"),
        ("exponentials / np.where(total == 0, 1.0, total)", "exponentials / np.where(total == 0, 1.0, total) * mask"),
        ("np.where(mask.any(axis=1), scores.max(axis=1), 0.0)", "scores.max(axis=1)"),
    ),
)
def mask_after_softmax(query, memory, w_query, w_memory, v, mask=None):
    scores = np.einsum("bsa,a->bs", np.tanh(np.expand_dims(query @ w_query, 1) + memory @ w_memory), v)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = e / e.sum(axis=1, keepdims=True)
    if mask is not None:
        weights = np.where(mask, weights, 0.0)
    return np.einsum("bs,bsm->bm", weights, memory), weights


@mistake(
    "additive_attention",
    says="You set the scores of padding to 0. That is an ordinary score, and e⁰ = 1 is a fair share of the weight.",
    patch=(
        ("np.where(mask, scores, -np.inf)", "np.where(mask, scores, 0.0)"),
        ("np.where(mask.any(axis=1), scores.max(axis=1), 0.0)", "scores.max(axis=1)"),
    ),
)
def masked_with_zero(query, memory, w_query, w_memory, v, mask=None):
    scores = np.einsum("bsa,a->bs", np.tanh(np.expand_dims(query @ w_query, 1) + memory @ w_memory), v)
    if mask is not None:
        scores = scores * mask
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = e / e.sum(axis=1, keepdims=True)
    return np.einsum("bs,bsm->bm", weights, memory), weights


@mistake(
    "additive_attention",
    says="Your mask is upside down: True means that a position is real.",
    patch=(
        ("np.where(mask, scores, -np.inf)", "np.where(mask, -np.inf, scores)"),
        ("mask = np.ones(scores.shape, dtype=bool)", "mask = np.zeros(scores.shape, dtype=bool)"),
        ("np.where(mask.any(axis=1),", "np.where((~mask).any(axis=1),"),
    ),
)
def mask_upside_down(query, memory, w_query, w_memory, v, mask=None):
    scores = np.einsum("bsa,a->bs", np.tanh(np.expand_dims(query @ w_query, 1) + memory @ w_memory), v)
    allowed = np.ones(scores.shape, dtype=bool) if mask is None else ~mask
    scores = np.where(allowed, scores, -1e300)
    e = np.exp(scores - scores.max(axis=1, keepdims=True)) * allowed
    weights = e / np.maximum(e.sum(axis=1, keepdims=True), 1e-300)
    return np.einsum("bs,bsm->bm", weights, memory), weights


@mistake(
    "additive_attention",
    says="A sequence of nothing but padding gives you 0/0 = NaN; it must get weights and a context of zero.",
    patch=("exponentials / np.where(total == 0, 1.0, total)", "exponentials / total"),
)
def nan_without_memory(query, memory, w_query, w_memory, v, mask=None):
    scores = np.einsum("bsa,a->bs", np.tanh(np.expand_dims(query @ w_query, 1) + memory @ w_memory), v)
    if mask is not None:
        scores[~mask] = -np.inf
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = e / e.sum(axis=1, keepdims=True)
    return np.einsum("bs,bsm->bm", weights, memory), weights


@mistake(
    "additive_attention",
    says="You exponentiated scores as they are, and large ones overflow: subtract the largest of each row first.",
    patch=("np.exp(scores - peak[:, None])", "np.exp(scores)"),
)
def overflows(query, memory, w_query, w_memory, v, mask=None):
    e = np.exp(np.einsum("bsa,a->bs", np.tanh(np.expand_dims(query @ w_query, 1) + memory @ w_memory), v))
    if mask is not None:
        e = np.where(mask, e, 0.0)
    total = e.sum(axis=1, keepdims=True)
    weights = e / np.where(total > 0, total, 1.0)
    return np.einsum("bs,bsm->bm", weights, memory), weights


# --- effective_context ----------------------------------------------------------------------------


@mistake(
    "effective_context",
    says="You counted the positions that are felt; asked is how far back the earliest one lies, weak ones included.",
    patch=("felt.shape[1] - felt.argmax(axis=1)", "felt.sum(axis=1)"),
)
def counts_the_felt(grads, threshold):
    influence = np.sqrt((grads**2).sum(-1))
    return np.array([int(((row >= threshold * row.max()) & (row > 0)).sum()) for row in influence])


@mistake(
    "effective_context",
    says="You left out one end; both the earliest position and the last one count.",
    patch=("felt.shape[1] - felt.argmax(axis=1)", "felt.shape[1] - 1 - felt.argmax(axis=1)"),
)
def leaves_one_end_out(grads, threshold):
    found = []
    for row in np.sqrt((grads**2).sum(-1)):
        felt = np.flatnonzero((row >= threshold * row.max()) & (row > 0))
        found.append(len(row) - 1 - felt[0] if len(felt) else 0)
    return np.array(found)


@mistake(
    "effective_context",
    says="You compared with the threshold itself; it is a share of the largest influence in the same sequence.",
    patch=("threshold * largest", "threshold"),
)
def absolute_threshold(grads, threshold):
    found = []
    for row in np.sqrt((grads**2).sum(-1)):
        felt = np.flatnonzero(row >= threshold)
        found.append(len(row) - felt[0] if len(felt) else 0)
    return np.array(found)


@mistake(
    "effective_context",
    says="You returned the index of the earliest position that is felt; asked is how many there are from it on.",
    patch=("felt.shape[1] - felt.argmax(axis=1)", "felt.argmax(axis=1)"),
)
def index_for_a_length(grads, threshold):
    found = []
    for row in np.sqrt((grads**2).sum(-1)):
        felt = np.flatnonzero((row >= threshold * row.max()) & (row > 0))
        found.append(felt[0] if len(felt) else 0)
    return np.array(found)


@mistake(
    "effective_context",
    says="You added up the channels, where plus and minus cancel; the influence is the norm of the vector.",
    patch=("np.linalg.norm(grads, axis=-1)", "np.abs(grads.sum(axis=-1))"),
)
def channels_cancel(grads, threshold):
    found = []
    for row in np.abs(np.einsum("btc->bt", grads)):
        felt = np.flatnonzero((row >= threshold * row.max()) & (row > 0))
        found.append(len(row) - felt[0] if len(felt) else 0)
    return np.array(found)


@mistake(
    "effective_context",
    says="You took the largest influence of the whole batch; each sequence is measured against its own.",
    patch=("influence.max(axis=1, keepdims=True)", "influence.max()"),
)
def largest_of_the_batch(grads, threshold):
    influence = np.sqrt((grads**2).sum(-1))
    found = []
    for row in influence:
        felt = np.flatnonzero((row >= threshold * influence.max()) & (influence.max() > 0))
        found.append(len(row) - felt[0] if len(felt) else 0)
    return np.array(found)


# --- seq2seq_bottleneck ---------------------------------------------------------------------------


@mistake(
    "seq2seq_bottleneck",
    says="You used the singular values as they are: shares of squares need their squares.",
    patch=(
        "np.linalg.svd(rows, compute_uv=False) ** 2",
        "np.linalg.svd(rows, compute_uv=False)",
    ),
)
def not_squared(x, width):
    sentences, positions = (np.linalg.svd(rows)[1] for rows in (x.reshape(x.shape[0], -1), x.reshape(-1, x.shape[2])))
    return (
        1 - float(sentences[:width].sum() / sentences.sum()),
        1 - float(positions[:width].sum() / positions.sum()),
    )


@mistake(
    "seq2seq_bottleneck",
    says="You returned the share that is kept; asked is the share that is lost.",
    patch=("squares[width:].sum()", "squares[:width].sum()"),
)
def kept_for_lost(x, width):
    rows = x.reshape(x.shape[0], -1), x.reshape(-1, x.shape[2])
    squares = [np.sort(np.linalg.eigvalsh(each.T @ each))[::-1] for each in rows]
    return tuple(float(each[:width].sum() / each.sum()) for each in squares)


@mistake(
    "seq2seq_bottleneck",
    says="You subtracted the mean before; nothing is centred here, as the encoder is a matrix without a bias.",
    patch=(
        "squares = np.linalg.svd(rows, compute_uv=False)",
        "squares = np.linalg.svd(rows - rows.mean(0), compute_uv=False)",
    ),
)
def centred(x, width):
    lost = []
    for rows in (x.reshape(x.shape[0], -1), x.reshape(-1, x.shape[2])):
        rows = rows - rows.mean(axis=0, keepdims=True)
        squares = np.sort(np.linalg.eigvalsh(rows.T @ rows))[::-1]
        lost.append(float(squares[width:].sum() / squares.sum()))
    return lost[0], lost[1]


@mistake(
    "seq2seq_bottleneck",
    says="You dropped the strongest directions; the best encoder keeps these.",
    patch=(
        "squares[width:].sum()",
        "squares[::-1][width:].sum()",
    ),
)
def keeps_the_weakest(x, width):
    lost = []
    for rows in (x.reshape(x.shape[0], -1), x.reshape(-1, x.shape[2])):
        squares = np.sort(np.linalg.svd(rows)[1] ** 2)
        lost.append(float(squares[width:].sum() / squares.sum()))
    return lost[0], lost[1]
