"""2.4 Hands-on: calculating attention. One sentence, every number, and then the 270 heads of a real model.

Sources: Vaswani et al. (2017), Attention Is All You Need, arXiv:1706.03762 (the calculation); Ainslie et al. (2023),
arXiv:2305.13245 (grouped heads); Abnar and Zuidema (2020), Quantifying Attention Flow in Transformers,
arXiv:2005.00928 (rollout); Kobayashi et al. (2020), Attention is Not Only a Weight, arXiv:2004.10102 (lengths of
values); Olsson et al. (2022), In-context Learning and Induction Heads, arXiv:2209.11895 (induction heads); Xiao et al.
(2023), Efficient Streaming Language Models with Attention Sinks, arXiv:2309.17453 (sinks).

Axes:
    T  positions that ask (queries)     S  positions that are asked (keys and values); here mostly the same T
    C  channels of the model            D  channels of one head
    H  query heads                      G  key-value heads; query head h reads key-value head h // (H / G)
    L  blocks of the model

Everything is NumPy, and there is no batch: one sentence at a time. Weights are written (inputs, outputs) and applied as
`x @ w`. A mask is boolean; True means "may attend".

`grader run ch02/hands_on_attention` calls `main`.
"""

import os
from pathlib import Path

import numpy as np

# --- a sentence that fits on a sheet of paper (given) ---

TOKENS = ["The", "cat", "sat", "because", "it", "was", "tired", "."]

# Four channels, made up by hand: creature, event, stands for somebody, glue.
X = np.array(
    [[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 1], [0, 2, 0, 0], [0, 0, 0, 1]],
    dtype=float,
)

# One head. The four numbers of a query say what it looks for: a creature, an event, glue, somebody's stand-in; those
# of a key say what it offers of each. So the third row reads: who stands for somebody looks for creatures above all.
W_Q = np.array([[0, 0, 2, 0], [2, 0, 0, 0], [3, 1, 0, 0], [0, 1, 0, 0]], dtype=float)
W_K = np.array([[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], dtype=float)
# What is passed on: the creature and the event; and how strongly they are written back into the stream.
W_V = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=float)
W_O = np.array([[4, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=float)


# --- the calculation ---


def project_qkv(x, w_q, w_k, w_v, head_size):
    """Make a query, a key and a value of every token, and cut them into heads.

    Args:
        x: (T, C) float array, one row for each token.
        w_q: (C, H·D) float array; head h owns its columns h·D … (h + 1)·D − 1.
        w_k: (C, G·D) float array, cut likewise into the G key-value heads.
        w_v: (C, G·D) float array, cut like w_k.
        head_size: D.

    Returns:
        Tuple of three float arrays: queries (H, T, D), keys (G, T, D) and values (G, T, D). None of them is scaled.

    Example:
        >>> x, w = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
        >>> query, key, value = project_qkv(x, w, 10 * w[:, :2], 10 * w[:, 2:], head_size=2)
        >>> query.tolist()  # two heads; in each a row for each token
        [[[1.0, 2.0], [5.0, 6.0]], [[3.0, 4.0], [7.0, 8.0]]]
        >>> key.tolist(), value.tolist()  # one head
        ([[[10.0, 20.0], [50.0, 60.0]]], [[[30.0, 40.0], [70.0, 80.0]]])

    Vaswani et al. (2017), section 3.2.2.
    """

    raise NotImplementedError


def attention_scores(query, key):
    """Compare every query with every key: how well does the one answer the other?

    Args:
        query: (H, T, D) float array.
        key: (G, S, D) float array; G divides H, and query head h reads key head h // (H / G).

    Returns:
        (H, T, S) float array of the dot products over √D. Nothing is hidden yet.

    Example:
        >>> query = np.array([[[4.0, 0.0, 0.0, 2.0]], [[0.0, 1.0, 0.0, 0.0]]])
        >>> key = np.array([[[1.0, 2.0, 3.0, 0.0], [0.0, 0.0, 9.0, 5.0]]])
        >>> attention_scores(query, key).tolist()  # 4/2 and 10/2; both heads read the same keys: 2/2 and 0/2
        [[[2.0, 5.0]], [[1.0, 0.0]]]

    Vaswani et al. (2017), equation 1; Ainslie et al. (2023), section 2.2.
    """
    raise NotImplementedError


def attention_weights(scores, mask=None):
    """Turn each query's scores into shares of its attention, which sum to one.

    Args:
        scores: (..., T, S) float array, left as it was. They may be in the thousands.
        mask: boolean, broadcastable to the scores, True where the query may attend to the key; None hides nothing.

    Returns:
        (..., T, S) float array: the softmax of the scores over those keys that the query may attend to, and exactly 0
        for the others. A query that may attend to nothing gets zeros. There is no overflow and no NaN.

    Example:
        >>> scores = np.log([[1.0, 2.0, 5.0], [1.0, 3.0, 4.0]])
        >>> attention_weights(scores).round(6).tolist()
        [[0.125, 0.25, 0.625], [0.125, 0.375, 0.5]]
        >>> attention_weights(scores, np.array([[True, True, False], [False, True, False]])).round(6).tolist()
        [[0.333333, 0.666667, 0.0], [0.0, 1.0, 0.0]]

    Vaswani et al. (2017), sections 3.2.1 and 3.2.3.
    """
    raise NotImplementedError


def contextualize(weights, value, w_o):
    """Let every token listen: average the values by the weights, join the heads, and write the result as channels.

    Args:
        weights: (H, T, S) float array.
        value: (G, S, D) float array; G divides H, and query head h reads value head h // (H / G).
        w_o: (H·D, C) float array; head h owns its rows h·D … (h + 1)·D − 1.

    Returns:
        (T, C) float array: what attention adds to each token's vector (the vector itself is not in it).

    Example:
        >>> weights = np.array([[[0.25, 0.75]], [[0.5, 0.5]]])  # two heads, one query, two keys
        >>> value = np.array([[[4.0], [8.0]]])  # both heads read these: 7 and 6
        >>> contextualize(weights, value, np.array([[1.0, 0.0, 10.0], [0.0, 1.0, 100.0]])).tolist()
        [[7.0, 6.0, 670.0]]

    Vaswani et al. (2017), section 3.2.2.
    """
    raise NotImplementedError


def ink(weight):
    """Return what `axes.text` needs besides place and text, so that a number is legible on its cell. (Given.)"""
    return {"ha": "center", "va": "center", "fontsize": 7, "color": "white" if weight > 0.5 else "black"}


def plot_attention(weights, tokens, axes, numbers=True):
    """Draw the weights of one head as a heatmap: a row for each query, a column for each key.

    Args:
        weights: (T, T) float array, weights[i, j] is what query i gives to key j.
        tokens: list of T texts; the same text may come several times.
        axes: a matplotlib Axes, on which nothing has been drawn yet.
        numbers: whether the larger weights are also written as digits.

    Draws on `axes` and returns nothing:

    - one image (`axes.imshow`) of the weights, the first query at the top, the first key at the left. Its colour scale
      runs from 0 to 1, whatever the weights are, so that two heads can be compared by eye.
    - at the middle of every column a tick on the x axis with the token of that key, at the middle of every row one on
      the y axis with the token of that query, and no others. The x axis is called "key", the y axis "query".
    - with `numbers`, a text at the middle of each cell whose weight is at least 0.01: the weight with two decimals,
      such as "0.78". In other cells, and without `numbers`, there is no text.

    Colours and sizes are yours to choose; `ink` has some for the numbers.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().subplots()
        >>> plot_attention(np.array([[1.0, 0.0], [0.25, 0.75]]), ["the", "cat"], axes)
        >>> [label.get_text() for label in axes.get_xticklabels()], axes.get_xlabel(), axes.get_ylabel()
        (['the', 'cat'], 'key', 'query')
        >>> sorted((*text.get_position(), text.get_text()) for text in axes.texts)
        [(0, 0, '1.00'), (0, 1, '0.25'), (1, 1, '0.75')]
    """
    raise NotImplementedError


# --- what to look for in many heads ---


def attention_rollout(weights):
    """Follow the attention through all blocks, back to the tokens: which inputs can have reached which outputs?

    Args:
        weights: (L, H, T, T) float array of non-negative weights, the first block first. Rows need not sum to one.

    Returns:
        (T, T) float array; row i says how position i after the last block is made of the positions before the first,
        and sums to one. For each block the heads are averaged, the identity is added (the residual connection carries
        the token itself past attention) and each row is divided by its sum; then the blocks' matrices are multiplied,
        the last block leftmost. A position that attends to nothing keeps what it has.

    Example:
        >>> looks_back, stays = [[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]
        >>> attention_rollout(np.array([[looks_back, stays]])).tolist()  # mean [0.5, 0.5], plus [0, 1], over 2
        [[1.0, 0.0], [0.25, 0.75]]

    Abnar and Zuidema (2020), section 3.
    """
    raise NotImplementedError


def previous_token_score(weights):
    """Say how much a head looks at the token just before.

    Args:
        weights: (..., T, T) float array, T at least 2.

    Returns:
        (...) float array: the weight of query i on key i − 1, averaged over the queries i = 1 … T − 1. (The first query
        has no token before it and does not count.)

    Example:
        >>> previous_token_score(np.array([[[1.0, 0.0, 0.0], [0.75, 0.25, 0.0], [0.5, 0.25, 0.25]]])).tolist()
        [0.5]
    """
    raise NotImplementedError


def sink_share(weights):
    """Say how much of its attention a head leaves at the very first token.

    Args:
        weights: (..., T, T) float array, T at least 2.

    Returns:
        (...) float array: the weight on key 0, averaged over the queries i = 1 … T − 1. (Under a causal mask the first
        query has no choice, so it does not count.)

    Example:
        >>> sink_share(np.array([[[1.0, 0.0, 0.0], [0.75, 0.25, 0.0], [0.5, 0.25, 0.25]]])).tolist()
        [0.625]

    Xiao et al. (2023), section 3.1.
    """
    raise NotImplementedError


def induction_score(weights, ids):
    """Say how much a head looks at what came next the last times: the habit that continues a repeated text.

    Args:
        weights: (..., T, T) float array.
        ids: (T,) integer array or list of token ids.

    Returns:
        (...) float array. For query i those keys j count for which 1 ≤ j ≤ i and ids[j − 1] == ids[i]: the tokens that
        followed an earlier occurrence of token i. Their weights are added up; the average runs over the queries that
        have at least one such key. Where no query has one, 0.

    Example:
        >>> weights = np.array([[1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.2, 0.7, 0.1, 0.0], [0.1, 0.4, 0.3, 0.2]])
        >>> float(induction_score(weights, [5, 8, 5, 8]))  # query 2 should look at key 1, query 3 at key 2
        0.5

    Olsson et al. (2022) call this prefix matching.
    """
    raise NotImplementedError


def value_weighted(weights, value):
    """Weigh each key by the length of what it says: a loud look at a silent token moves nothing.

    Args:
        weights: (H, T, S) float array.
        value: (G, S, D) float array; G divides H, and query head h reads value head h // (H / G).

    Returns:
        (H, T, S) float array: weight times the Euclidean length of the key's value, divided by the sum of these
        products over the keys, so that rows sum to one again. A row whose products are all zero stays zero.

    Example:
        >>> value_weighted(np.array([[[0.75, 0.25]]]), np.array([[[0.0, 1.0], [6.0, 8.0]]])).round(4).tolist()
        [[[0.2308, 0.7692]]]

    Kobayashi et al. (2020), section 3, who also send the values through the output projection.
    """
    raise NotImplementedError


# --- what `grader run` does (given) ---

SENTENCE = "The cat sat because it was tired."
# The head that looks from "it" at "cat" most is followed through these as well.
OTHERS = [
    "The cat left the table because it was tired.",
    "The cat left the table because it was broken.",
    "The table held the cat because it was tired.",
    "The cat was chased by the dog because it was hungry.",
    "Yesterday it rained.",
]


def main(parts, folder):
    """Walk through the sentence number by number, then through the heads of SmolLM2, and leave pictures in `folder`."""
    folder = Path(folder)
    walk("it", folder)
    if (Path(os.environ.get("GRADER_MODELS", "nowhere")) / "smollm2").is_dir():
        look_inside(parts, folder)
    else:
        print("\nThe other half looks into a real model, which is not here yet: grader models fetch smollm2")


def walk(token, folder):
    """Print every number on the way of one token through the head that was made up above."""
    i, causal = TOKENS.index(token), np.tri(len(TOKENS), dtype=bool)
    query, key, value = project_qkv(X, W_Q, W_K, W_V, head_size=4)
    scores = attention_scores(query, key)
    weights = attention_weights(scores, causal)
    added = contextualize(weights, value, W_O)[i]
    print(f'"{token}" is {X[i]} and looks for {query[0, i]}\n\n{"key":>9}  offers         score  weight  says')
    for j in range(i + 1):
        print(f"{TOKENS[j]:>9}  {key[0, j]}  {scores[0, i, j]:5.2f}  {weights[0, i, j]:.4f}  {value[0, j]}")
    print(f'\nAttention adds {added.round(4)}; now "{token}" is {(X[i] + added).round(4)}.')
    picture(folder / "walk.png", [("made up by hand", weights[0], TOKENS)])


def look_inside(parts, folder):
    """Calculate the attention of every head of SmolLM2 and find those with a habit."""
    import torch

    torch.set_num_threads(1)  # a sentence is so little work that threads would only wait for each other
    model, tokenizer = parts.load_smollm2()
    weights, shares, tokens, error = attention_of(parts, model, tokenizer, tokenizer.encode(SENTENCE))
    twice = np.tile(np.random.default_rng(0).integers(1000, 40000, 20), 2).tolist()
    repeated, _, names, _ = attention_of(parts, model, tokenizer, twice)
    print(f"\nSmolLM2 reads {tokens}: {weights.shape[0]} blocks of {weights.shape[1]} heads.")
    print(f"What your functions add differs from what the model's own attention adds by {error:.0e} of the largest.")

    it, cat = tokens.index("it"), tokens.index("cat")
    others = [i for i in range(cat + 1, len(tokens)) if i != it]
    habits = {
        "the token before": previous_token_score(weights),
        "the first token": sink_share(weights),
        "what followed last time": induction_score(repeated, twice),
        "cat, from it": weights[..., it, cat],
        "cat, from it beyond the others": weights[..., it, cat] - weights[..., others, cat].mean(axis=-1),
    }
    print("\nThe heads (block.head) that look most at")
    pictures, best = [], {}
    for habit, scores in habits.items():
        found = [divmod(int(place), scores.shape[1]) for place in np.argsort(-scores, axis=None)[:4]]
        print(f"  {habit}: " + ", ".join(f"{block}.{head} {scores[block, head]:.2f}" for block, head in found))
        best[habit] = block, head = found[0]
        drawn, labels = (repeated, names) if habit.startswith("what") else (weights, tokens)
        pictures.append((f"{block}.{head}: {habit}", drawn[block, head], labels))
    picture(folder / "heads.png", pictures)

    share = sink_share(weights).mean()
    print(f"\nThe first token gets {share:.0%} of what the others have to give, averaged over all heads;")
    print(f"weighted by the lengths of the values it is {sink_share(shares).mean():.0%}. Rolled out it gets")
    rollouts = {depth: attention_rollout(weights[:depth]) for depth in (1, 2, 4, 8, 16, len(weights))}
    print("  " + ", ".join(f"{sink_share(rollout):.2%} after {depth}" for depth, rollout in rollouts.items()))
    shown = [(f"after block {depth}", rollouts[depth], tokens) for depth in (1, 4, len(weights))]
    picture(folder / "rollout.png", shown)

    block, head = best["cat, from it"]
    print(f'\nWhere {block}.{head} looks from "it"')
    for text in [SENTENCE, *OTHERS]:
        seen, _, words, _ = attention_of(parts, model, tokenizer, tokenizer.encode(text))
        row = seen[block, head, words.index("it")]
        print(f"  {text}  " + ", ".join(f"{words[j]} {row[j]:.2f}" for j in np.argsort(-row)[:3]))


def attention_of(parts, model, tokenizer, ids):
    """Calculate all heads on a text with the functions above.

    Returns their weights (L, H, T, T), the same weighted by values, the tokens as text, and the largest difference
    between what they add and what the model's own attention adds, as a share of the largest number.
    """
    import torch

    def rotated(heads):  # Llamas turn queries and keys by their position before they are compared: section 2.2
        heads = torch.tensor(heads, dtype=torch.float32)
        return parts.rotary_embedding(heads, torch.arange(len(ids)), base=model.config.rope_theta).numpy()

    added, hooks = [], []
    for block in model.layers:
        hooks.append(block.o_proj.register_forward_hook(lambda _, inputs, output: added.append(output[0].numpy())))
    with torch.no_grad():
        _, stream = model(torch.tensor([ids]), hidden_states=True)
        read = [block.input_layernorm(x)[0].numpy() for block, x in zip(model.layers, stream, strict=False)]
    for hook in hooks:
        hook.remove()
    weights, shares, errors = [], [], []
    for block, x, expected in zip(model.layers, read, added, strict=True):
        projections = (block.q_proj, block.k_proj, block.v_proj, block.o_proj)
        w_q, w_k, w_v, w_o = (each.weight.detach().numpy().T for each in projections)
        query, key, value = project_qkv(x, w_q, w_k, w_v, model.config.head_dim)
        scores = attention_scores(rotated(query), rotated(key))
        weights.append(attention_weights(scores, np.tri(len(ids), dtype=bool)))
        shares.append(value_weighted(weights[-1], value))
        errors.append(np.abs(contextualize(weights[-1], value, w_o) - expected).max() / np.abs(expected).max())
    tokens = [tokenizer.decode([id]).strip() for id in ids]
    return np.array(weights), np.array(shares), tokens, max(errors)


def picture(path, heads):
    """Draw heads, each with a title, its weights and its tokens, three in a row."""
    from matplotlib.figure import Figure

    columns = min(3, len(heads))
    rows = -(-len(heads) // columns)
    side = max(4.6, 0.19 * max(len(tokens) for _, _, tokens in heads))  # inches: many labels need room
    figure = Figure(figsize=(side * columns, (side + 0.2) * rows), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        if not heads:
            axes.set_axis_off()
            continue
        (title, weights, tokens), *heads = heads
        plot_attention(weights, tokens, axes, numbers=len(tokens) < 16)
        axes.set_title(title, fontsize=10)
        axes.tick_params(labelsize=9 if len(tokens) < 16 else 7)
        axes.tick_params("x", rotation=60 if len(tokens) < 16 else 90)
    figure.savefig(path, dpi=120)
    print(f"Written: {path}")
