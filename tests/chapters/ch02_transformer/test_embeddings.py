"""Hidden suite of 2.2, embeddings.

Oracles: torch's own embedding and its autograd, binary cross-entropy from torch, a full sort in NumPy, complex numbers
and slow loops written here, and `embeddings_reference.json`, which `make_embeddings_reference.py` made once with
transformers 5.24.0: the rotary results are Llama's `LlamaRotaryEmbedding` and `apply_rotary_pos_emb` ("half") and
GPT-J's `create_sinusoidal_positions` and `apply_rotary_pos_emb` ("interleaved") on random numbers of two decimals; the
YaRN ones are `ROPE_INIT_FUNCTIONS["yarn"]` of a `LlamaConfig`.
"""

import functools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grader.checks import check_close, check_equal, check_raises, check_that, check_unchanged

REFERENCE = json.loads(Path(__file__).with_name("embeddings_reference.json").read_text())
# float64: sums of a dozen terms at most and one exponential, each right to about 1e-15.
F64 = {"rtol": 1e-10, "atol": 1e-12}
# float32: sums of a dozen terms of size one.
F32 = {"rtol": 1e-5, "atol": 1e-5}
# Angles below 50 radians leave 3e-6 for whoever computes them in float32; that is asked for apart, far out.
NEAR = {"rtol": 0.0, "atol": 2e-5}
# Entries of size one to four, rounded to float32 from angles in float64.
FAR = {"rtol": 0.0, "atol": 1e-6}
FAR_POSITIONS = torch.tensor([0, 999, 99_991, 524_287, 1_000_000])


def named(thing):
    """How a case is called: 2 by 3, float32, half."""
    if isinstance(thing, tuple):
        return " by ".join(map(str, thing)) or "no axes"
    return str(thing).removeprefix("torch.").replace("-", "minus ")


def cases(words, *rows):
    """Give each case a name of words and numbers: cases("rows, k", (7, 1)) is called "rows 7, k 1"."""
    names = words.split(", ")
    return [
        pytest.param(*row, id=", ".join(f"{name} {named(each)}" for name, each in zip(names, row, strict=True)))
        for row in rows
    ]


def normal(generator, *shape, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(*shape, generator=generator, dtype=dtype)


def integers(generator, low, high, *shape):
    return torch.randint(low, high, shape, generator=generator)


def check_dtype(got, dtype):
    check_equal(str(getattr(got, "dtype", type(got).__name__)), str(dtype), of="the dtype of the result")


def gradients_of(result, leaves, cotangent):
    """Return the vector-Jacobian products. (Handing the cotangent to torch imports half a second of modules.)"""
    return torch.autograd.grad((result * cotangent).sum(), leaves)


# --- embedding_lookup ---


@pytest.mark.exercise("embedding_lookup")
def test_lookup_by_hand(learner):
    """Each id becomes its row of the table, in the order of the ids."""
    table = torch.tensor([[5.0, 1.0, 0.0], [7.0, 2.0, -1.0], [9.0, 3.0, -2.0], [11.0, 4.0, -3.0]])

    vectors = learner.embedding_lookup(table, torch.tensor([3, 1, 1]))

    check_equal(vectors, torch.tensor([[11.0, 4.0, -3.0], [7.0, 2.0, -1.0], [7.0, 2.0, -1.0]]))


@pytest.mark.exercise("embedding_lookup")
@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (2, 1, 4), (0,), (3, 0)], ids=named)
def test_lookup_of_ids_of_any_shape(learner, torch_rng, shape):
    """Ids of any shape: the result has that shape and one more axis for the channels."""
    table, ids = normal(torch_rng, 5, 3), integers(torch_rng, 0, 5, *shape)

    vectors = learner.embedding_lookup(table, ids)

    check_close(vectors, F.embedding(ids, table), rtol=0)


@pytest.mark.exercise("embedding_lookup")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=named)
def test_lookup_keeps_the_dtype(learner, torch_rng, dtype):
    """The rows come out as they are, in the table's dtype."""
    table, ids = normal(torch_rng, 5, 3, dtype=dtype), integers(torch_rng, 0, 5, 4)

    vectors = learner.embedding_lookup(table, ids)

    check_dtype(vectors, dtype)
    check_close(vectors, F.embedding(ids, table), rtol=0)


@pytest.mark.exercise("embedding_lookup", points=2)
def test_lookup_sends_gradients_to_the_table(learner, torch_rng):
    """The gradient of a row is the sum over all places where it was used."""
    table, ids = normal(torch_rng, 6, 3), torch.tensor([[4, 1, 4], [4, 0, 5]])
    cotangent = normal(torch_rng, 2, 3, 3)

    pull = learner.vjp("embedding_lookup", table, ids)

    leaf = table.clone().requires_grad_()
    expected = gradients_of(F.embedding(ids, leaf), leaf, cotangent)[0]
    check_close(pull(cotangent).inputs[0], expected, **F64, of="the gradient of the table")


@pytest.mark.exercise("embedding_lookup", points=2)
@pytest.mark.parametrize("wrong", [-1, 5, -5, 6], ids=lambda wrong: f"id {named(wrong)}")
def test_lookup_refuses_ids_outside_the_table(learner, torch_rng, wrong):
    """An id below zero or beyond the last row is an IndexError, not somebody else's row."""
    table = normal(torch_rng, 5, 3)

    check_raises(
        IndexError, learner.embedding_lookup, table, torch.tensor([[0, 4], [wrong, 2]]), says=f"for id {wrong}"
    )
    check_close(learner.embedding_lookup(table, torch.tensor([0, 4])), table[[0, 4]], rtol=0, of="the outermost rows")


# --- embedding_gradient ---


def embedding_gradient_oracle(ids, upstream, vocab_size, padding_id=None):
    """Torch's own embedding, and autograd behind it."""
    table = torch.zeros(vocab_size, upstream.shape[-1], dtype=upstream.dtype, requires_grad=True)
    return gradients_of(F.embedding(ids, table, padding_idx=padding_id), table, upstream)[0]


@pytest.mark.exercise("embedding_gradient")
def test_gradient_by_hand(learner):
    """Four uses of three different rows: every vector arrives at its own row."""
    upstream = torch.tensor([[1.0, -1.0], [2.0, -2.0], [4.0, -4.0], [8.0, -8.0]])

    gradient = learner.embedding_gradient(torch.tensor([3, 0, 3, 1]), upstream, 5)

    expected = torch.tensor([[2.0, -2.0], [8.0, -8.0], [0.0, 0.0], [5.0, -5.0], [0.0, 0.0]])
    check_close(gradient, expected, rtol=0)


@pytest.mark.exercise("embedding_gradient")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=named)
def test_gradient_without_repetition(learner, torch_rng, dtype):
    """Rows used once get exactly their vector, rows never used get zeros, in upstream's dtype."""
    ids, upstream = torch.tensor([6, 2, 0, 5]), normal(torch_rng, 4, 3, dtype=dtype)

    gradient = learner.embedding_gradient(ids, upstream, 8)

    check_dtype(gradient, dtype)
    check_close(gradient, embedding_gradient_oracle(ids, upstream, 8), rtol=0)


@pytest.mark.exercise("embedding_gradient", points=2)
@pytest.mark.parametrize("shape", [(12,), (3, 4), (2, 3, 2), (), (0,)], ids=named)
def test_repeated_ids_add_up(learner, torch_rng, shape):
    """Ids of any shape, most of them used several times: the sum over the uses."""
    ids, upstream = integers(torch_rng, 0, 4, *shape), normal(torch_rng, *shape, 3)

    gradient = learner.embedding_gradient(ids, upstream, 4)

    check_close(gradient, embedding_gradient_oracle(ids, upstream, 4), **F64)


@pytest.mark.exercise("embedding_gradient")
@pytest.mark.parametrize("padding_id", cases("padding_id", (2,), (4,), (0,)))
def test_padding_row_does_not_learn(learner, torch_rng, padding_id):
    """The row of padding_id gets zeros, also where it was used; the others are as always."""
    ids, upstream = torch.tensor([[2, 4, 0, 1], [4, 2, 4, 0]]), normal(torch_rng, 2, 4, 3)

    gradient = learner.embedding_gradient(ids, upstream, 5, padding_id=padding_id)

    check_close(gradient, embedding_gradient_oracle(ids, upstream, 5, padding_id), **F64)


@pytest.mark.exercise("embedding_gradient")
def test_gradient_leaves_its_arguments_alone(learner, torch_rng):
    """Ids and upstream gradients are the same after the call."""
    ids, upstream = torch.tensor([1, 0, 1]), normal(torch_rng, 3, 2)
    copies = ids.clone(), upstream.clone()

    gradient, after, _ = learner.call("embedding_gradient", ids, upstream, 3, 1, after=True)

    check_close(gradient, embedding_gradient_oracle(*copies, 3, 1), **F64)
    for got, copy, name in zip(after, copies, ("ids", "upstream"), strict=False):
        check_unchanged(got, copy, of=name)


# --- skipgram_pairs ---


@pytest.mark.exercise("skipgram_pairs")
def test_pairs_by_hand(learner):
    """Four words, a window of two: centers in order, contexts from left to right, (center, context)."""
    pairs = learner.skipgram_pairs(["we", "sat", "by", "rivers"], 2)

    expected = [
        *[("we", "sat"), ("we", "by")],
        *[("sat", "we"), ("sat", "by"), ("sat", "rivers")],
        *[("by", "we"), ("by", "sat"), ("by", "rivers")],
        *[("rivers", "sat"), ("rivers", "by")],
    ]
    check_equal(pairs, expected)


@pytest.mark.exercise("skipgram_pairs")
def test_equal_tokens_are_each_others_context(learner):
    """A token is not its own context, but an equal token beside it is."""
    check_equal(learner.skipgram_pairs([7, 7, 3], 1), [(7, 7), (7, 7), (7, 3), (3, 7)])


@pytest.mark.exercise("skipgram_pairs")
@pytest.mark.parametrize(("length", "window"), cases("tokens, window", (9, 1), (9, 3), (12, 4), (6, 5), (1, 2), (0, 1)))
def test_pairs_equal_the_loop(learner, rng, length, window):
    """Any length and window: all pairs of places at most `window` apart."""
    tokens = rng.integers(0, 5, size=length).tolist()

    pairs = learner.skipgram_pairs(tokens, window)

    places = [(i, j) for i in range(length) for j in range(length) if 1 <= abs(i - j) <= window]
    check_equal(pairs, [(tokens[i], tokens[j]) for i, j in places])


@pytest.mark.exercise("skipgram_pairs")
@pytest.mark.parametrize("window", cases("window", (3,), (4,), (50,)))
def test_window_wider_than_the_sentence(learner, window):
    """A window that reaches beyond the sentence gives all pairs, each once, and wraps round nowhere."""
    pairs = learner.skipgram_pairs([10, 20, 30], window)

    check_equal(pairs, [(10, 20), (10, 30), (20, 10), (20, 30), (30, 10), (30, 20)])


# --- negative_sampling_loss ---


def sampling_oracle(center, context, negatives):
    """A pair at a time: binary cross-entropy of one yes and K noes, summed; then the mean over pairs."""
    losses = []
    for v, u, noise in zip(center, context, negatives, strict=True):
        scores = torch.cat([u[None], noise]) @ v
        answers = torch.zeros(len(scores), dtype=scores.dtype)
        answers[0] = 1
        losses.append(F.binary_cross_entropy_with_logits(scores, answers, reduction="sum"))
    return torch.stack(losses).mean()


def sampling_inputs(generator, batch=4, negatives=3, channels=5, dtype=torch.float64):
    shapes = (batch, channels), (batch, channels), (batch, negatives, channels)
    return [normal(generator, *shape, dtype=dtype) for shape in shapes]


@pytest.mark.exercise("negative_sampling_loss")
def test_sampling_loss_by_hand(learner):
    """One pair with σ = 3/4 and two negatives with σ = 1/2 and 1/4: the loss is log 4/3 + log 2 + log 4/3."""
    center = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64)
    context = torch.tensor([[1.0, 7.0]], dtype=torch.float64)
    negatives = torch.tensor([[[0.0, 7.0], [-1.0, 7.0]]], dtype=torch.float64)

    loss = learner.negative_sampling_loss(center, context, negatives)

    check_close(loss, torch.tensor(2 * math.log(4 / 3) + math.log(2), dtype=torch.float64), **F64)


@pytest.mark.exercise("negative_sampling_loss", points=2)
@pytest.mark.parametrize(
    ("batch", "negatives", "channels"), cases("B, K, C", (1, 1, 3), (4, 3, 5), (3, 5, 1), (5, 5, 5))
)
def test_sampling_loss_equals_cross_entropy(learner, torch_rng, batch, negatives, channels):
    """Any sizes: a sum over the questions of a pair, a mean over the pairs."""
    inputs = sampling_inputs(torch_rng, batch, negatives, channels)

    check_close(learner.negative_sampling_loss(*inputs), sampling_oracle(*inputs), **F64)


@pytest.mark.exercise("negative_sampling_loss")
def test_sampling_loss_in_float32(learner, torch_rng):
    """Vectors in float32 give a loss without axes in float32."""
    inputs = sampling_inputs(torch_rng, dtype=torch.float32)

    loss = learner.negative_sampling_loss(*inputs)

    check_dtype(loss, torch.float32)
    check_close(loss, sampling_oracle(*inputs), **F32)


@pytest.mark.exercise("negative_sampling_loss", points=2)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=named)
def test_sampling_loss_of_large_scores(learner, dtype):
    """Scores of ±2000, confidently wrong: the loss is their size, not infinity."""
    # −log σ(−2000) = 2000 to all digits. Pair 0 is wrong once and right twice, pair 1 wrong three times.
    center = torch.tensor([[1000.0], [1000.0]], dtype=dtype)
    context = torch.tensor([[-2.0], [-2.0]], dtype=dtype)
    negatives = torch.tensor([[[-2.0], [-2.0]], [[2.0], [2.0]]], dtype=dtype)

    loss = learner.negative_sampling_loss(center, context, negatives)

    check_close(loss, torch.tensor(4000.0, dtype=dtype), rtol=1e-6)


@pytest.mark.exercise("negative_sampling_loss")
def test_sampling_loss_gradients(learner, torch_rng):
    """Gradients reach the centers, their contexts and the negatives."""
    inputs = sampling_inputs(torch_rng)

    gradients = learner.vjp("negative_sampling_loss", *inputs)(torch.tensor(1.0, dtype=torch.float64)).inputs

    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    expected = torch.autograd.grad(sampling_oracle(*leaves), leaves)
    for got, gradient, name in zip(gradients, expected, ("center", "context", "negatives"), strict=True):
        check_close(got, gradient, **F64, of=f"the gradient of {name}")


# --- cbow_forward ---


def cbow_oracle(contexts, mask, table, output):
    """One example at a time, over its real contexts only."""
    logits = torch.zeros(len(contexts), len(output), dtype=table.dtype)
    for b, (ids, real) in enumerate(zip(contexts, mask, strict=True)):
        if real.any():
            logits[b] = output @ table[ids[real]].mean(0)
    return logits


def cbow_inputs(generator):
    contexts, mask = integers(generator, 0, 7, 4, 5), torch.ones(4, 5, dtype=torch.bool)
    return contexts, mask, normal(generator, 7, 3), normal(generator, 7, 3)


@pytest.mark.exercise("cbow_forward")
def test_cbow_by_hand(learner):
    """Two contexts, [4, 2] and [0, 8]: their mean [2, 5] is dotted with every output vector."""
    table = torch.tensor([[4.0, 2.0], [0.0, 8.0], [50.0, 50.0]], dtype=torch.float64)
    output = torch.tensor([[1.0, 0.0], [1.0, 1.0], [-1.0, 2.0]], dtype=torch.float64)

    logits = learner.cbow_forward(torch.tensor([[0, 1]]), torch.ones(1, 2, dtype=torch.bool), table, output)

    check_close(logits, torch.tensor([[2.0, 7.0, 8.0]], dtype=torch.float64), **F64)


@pytest.mark.exercise("cbow_forward")
def test_cbow_equals_the_loop(learner, torch_rng):
    """Full contexts, repeated ids included: logits of shape (B, V)."""
    inputs = cbow_inputs(torch_rng)

    check_close(learner.cbow_forward(*inputs), cbow_oracle(*inputs), **F64)


@pytest.mark.exercise("cbow_forward")
def test_cbow_leaves_padding_out(learner, torch_rng):
    """Padding counts neither in the sum nor in the number of contexts."""
    contexts, mask, table, output = cbow_inputs(torch_rng)
    mask[0, 3:], mask[1, :2], mask[2, [0, 2, 3, 4]] = False, False, False

    check_close(learner.cbow_forward(contexts, mask, table, output), cbow_oracle(contexts, mask, table, output), **F64)


@pytest.mark.exercise("cbow_forward")
def test_cbow_without_context(learner, torch_rng):
    """An example of padding alone gets zeros, not NaN; the others are as always."""
    contexts, mask, table, output = cbow_inputs(torch_rng)
    mask[2] = False

    check_close(learner.cbow_forward(contexts, mask, table, output), cbow_oracle(contexts, mask, table, output), **F64)


@pytest.mark.exercise("cbow_forward")
def test_cbow_gradients(learner, torch_rng):
    """Gradients reach both tables."""
    contexts, mask, table, output = cbow_inputs(torch_rng)
    mask[0, 3:], mask[1] = False, False
    cotangent = normal(torch_rng, 4, 7)

    gradients = learner.vjp("cbow_forward", contexts, mask, table, output)(cotangent).inputs

    leaves = [table.clone().requires_grad_(), output.clone().requires_grad_()]
    expected = gradients_of(cbow_oracle(contexts, mask, *leaves), leaves, cotangent)
    for got, gradient, name in zip(gradients[2:], expected, ("table", "output"), strict=True):
        check_close(got, gradient, **F64, of=f"the gradient of the {name}")


# --- train_word2vec ---


def word2vec_oracle(pairs, negatives, center_table, context_table, learning_rate):
    """The same descent in NumPy, one pair at a time, from the derivative σ(score) − answer of each question."""
    center, context = center_table.numpy().copy(), context_table.numpy().copy()
    for batch, noise in zip(pairs.tolist(), negatives.tolist(), strict=True):
        d_center, d_context = np.zeros_like(center), np.zeros_like(context)
        for (c, positive), wrong in zip(batch, noise, strict=True):
            for token, answer in [(positive, 1.0), *((w, 0.0) for w in wrong)]:
                slope = (1 / (1 + math.exp(-center[c] @ context[token])) - answer) / len(batch)
                d_center[c] += slope * context[token]
                d_context[token] += slope * center[c]
        center, context = center - learning_rate * d_center, context - learning_rate * d_context
    return torch.from_numpy(center), torch.from_numpy(context)


def word2vec_inputs(generator, steps=3, batch=4, noise=2, vocabulary=6, channels=3):
    pairs = integers(generator, 0, vocabulary, steps, batch, 2)
    negatives = integers(generator, 0, vocabulary, steps, batch, noise)
    return pairs, negatives, normal(generator, vocabulary, channels), normal(generator, vocabulary, channels)


@pytest.mark.exercise("train_word2vec")
def test_one_step_by_hand(learner):
    """One pair, one negative: both tables move, and rows that took no part stay."""
    # The center's row is [0, 0], so both scores are 0 and every slope is ±1/2: it moves by ½ · ([2, 0] − [0, 2]). The
    # rows of the contexts move by ±½ · [0, 0]; whoever takes the center's new row for that moves them by 0.12.
    center = torch.tensor([[1.0, 1.0], [0.0, 0.0], [2.0, 2.0], [3.0, 3.0]], dtype=torch.float64)
    context = torch.tensor([[5.0, 5.0], [6.0, 6.0], [2.0, 0.0], [0.0, 2.0]], dtype=torch.float64)

    tables = learner.train_word2vec(torch.tensor([[[1, 2]]]), torch.tensor([[[3]]]), center, context, 1.0)

    moved = torch.tensor([[1.0, 1.0], [1.0, -1.0], [2.0, 2.0], [3.0, 3.0]], dtype=torch.float64)
    check_close(tables[0], moved, **F64, of="the table of centers")
    check_close(tables[1], context, **F64, of="the table of contexts")


@pytest.mark.exercise("train_word2vec", points=2)
@pytest.mark.parametrize(
    ("steps", "batch", "noise", "rate"),
    cases("S, B, K, rate", (1, 1, 1, 0.3), (1, 5, 2, 1.0), (4, 3, 3, 0.5), (8, 6, 1, 2.0), (0, 2, 1, 1.0)),
)
def test_training_equals_the_loop(learner, torch_rng, steps, batch, noise, rate):
    """Several steps, tokens used several times in a batch: the tables of plain gradient descent on the mean loss."""
    inputs = word2vec_inputs(torch_rng, steps, batch, noise)

    center, context = learner.train_word2vec(*inputs, rate)

    expected = word2vec_oracle(*inputs, rate)
    check_close(center, expected[0], **F64, of="the table of centers")
    check_close(context, expected[1], **F64, of="the table of contexts")


@pytest.mark.exercise("train_word2vec")
def test_training_leaves_its_arguments_alone(learner, torch_rng):
    """The caller's tensors are the same after training, and the new tables carry no graph."""
    inputs = word2vec_inputs(torch_rng)
    copies = [tensor.clone() for tensor in inputs]

    tables, after, _ = learner.call("train_word2vec", *inputs, 1.0, after=True)

    check_close(tables[0], word2vec_oracle(*copies, 1.0)[0], **F64, of="the table of centers")
    for got, copy, name in zip(after, copies, ("pairs", "negatives", "center_table", "context_table"), strict=False):
        check_unchanged(got, copy, of=name)
        check_equal(got.requires_grad, False, of=f"{name}.requires_grad after the call")
    for got, name in zip(tables, ("center_table", "context_table"), strict=True):
        check_equal(got.requires_grad, False, of=f"requires_grad of the new {name}")


GROUPS, NOUNS = 3, 4


def planted(generator, steps=60, batch=512, noise=2):
    """Nouns meet verbs of their own group only, and never each other; which ids they have is drawn."""
    vocabulary = 2 * GROUPS * NOUNS
    ids = torch.randperm(vocabulary, generator=generator).reshape(GROUPS, 2, NOUNS)
    group, word = integers(generator, 0, GROUPS, steps, batch), integers(generator, 0, NOUNS, 2, steps, batch)
    pairs = torch.stack([ids[group, 0, word[0]], ids[group, 1, word[1]]], dim=-1)
    turned = torch.rand(steps, batch, generator=generator) < 0.5
    pairs = torch.where(turned[..., None], pairs.flip(-1), pairs)
    return ids[:, 0], pairs, integers(generator, 0, vocabulary, steps, batch, noise)


@pytest.mark.exercise("train_word2vec", points=2)
def test_planted_structure_is_found(learner, torch_rng):
    """Nouns that never meet but keep the same company become neighbours."""
    nouns, pairs, negatives = planted(torch_rng)
    start = [normal(torch_rng, 24, 8, scale=0.1) for _ in range(2)]

    center, _ = learner.train_word2vec(pairs, negatives, *start, 10.0)

    # Over 400 draws the smallest gap between the furthest kin and the nearest stranger was 0.57 ± 0.04 (standard
    # deviation), so that a failure is 13 deviations away; with untrained tables the gap is −1.26, never above −1.
    vectors = F.normalize(center[nouns.flatten()], dim=-1)
    cosines = vectors @ vectors.T
    kin = torch.arange(12)[:, None] // NOUNS == torch.arange(12) // NOUNS
    nearest_stranger = cosines.masked_fill(kin, -2).amax(-1)
    furthest_kin = cosines.masked_fill(~kin, 2).amin(-1)
    check_that(
        bool((furthest_kin > nearest_stranger).all()), "each noun must lie nearer to its own group than to others"
    )


# --- nearest_neighbors ---


def neighbors_oracle(table, query, k, exclude=()):
    """A full sort in NumPy, by descending cosine and then by id."""
    table, query = table.double().numpy(), query.double().numpy()
    cosines = [float(row @ query / (np.linalg.norm(row) * np.linalg.norm(query))) for row in table]
    ranked = sorted((i for i in range(len(table)) if i not in exclude), key=lambda i: (-cosines[i], i))[:k]
    return torch.tensor(ranked), torch.tensor([cosines[i] for i in ranked], dtype=torch.float64)


def check_neighbors(got, expected, tolerance=F64):
    check_equal(got[0], expected[0], of="the ids")
    check_close(got[1], expected[1], **tolerance, of="the similarities")


@pytest.mark.exercise("nearest_neighbors")
def test_neighbors_by_hand(learner):
    """Cosines of 0.8, 0.6, 0 and −1 with rows of very different lengths: direction counts, length does not."""
    table = torch.tensor([[0.0, 2.0], [6.0, 8.0], [0.08, 0.06], [-9.0, 0.0]], dtype=torch.float64)

    found = learner.nearest_neighbors(table, torch.tensor([5.0, 0.0], dtype=torch.float64), 4)

    check_neighbors(found, (torch.tensor([2, 1, 0, 3]), torch.tensor([0.8, 0.6, 0.0, -1.0], dtype=torch.float64)))


@pytest.mark.exercise("nearest_neighbors", points=2)
@pytest.mark.parametrize(("rows", "channels", "k"), cases("V, C, k", (7, 3, 1), (30, 5, 4), (40, 2, 40), (5, 5, 3)))
def test_neighbors_equal_the_sort(learner, torch_rng, rows, channels, k):
    """Rows and query of any length: the k largest cosines, the largest first."""
    table = normal(torch_rng, rows, channels) * torch.exp(2 * normal(torch_rng, rows, 1))
    query = 3 * normal(torch_rng, channels)

    check_neighbors(learner.nearest_neighbors(table, query, k), neighbors_oracle(table, query, k))


@pytest.mark.exercise("nearest_neighbors")
def test_neighbors_in_float32(learner, torch_rng):
    """A float32 table gives float32 similarities and whole-number ids."""
    # Cosines of 1, 0.8, 0.6 and 0 (from 3-4-5 triangles) are far apart in float32 as well.
    table = torch.tensor([[3.0, 4.0], [0.0, 1.0], [4.0, 3.0], [7.0, 0.0]])[torch.randperm(4, generator=torch_rng)]
    query = torch.tensor([2.0, 0.0])

    ids, similarities = learner.nearest_neighbors(table, query, 3)

    check_dtype(similarities, torch.float32)
    expected = neighbors_oracle(table, query, 3)
    check_neighbors((ids, similarities), (expected[0], expected[1].float()), F32)


@pytest.mark.exercise("nearest_neighbors", points=2)
@pytest.mark.parametrize("kind", [tuple, list], ids=["tuple of ids", "list of ids"])
def test_excluded_rows_are_no_neighbors(learner, torch_rng, kind):
    """Excluded ids never appear, and there are k neighbours all the same."""
    table = normal(torch_rng, 12, 4)
    query = table[5]
    exclude = kind(neighbors_oracle(table, query, 3)[0].tolist())

    check_neighbors(learner.nearest_neighbors(table, query, 4, exclude), neighbors_oracle(table, query, 4, exclude))


@pytest.mark.exercise("nearest_neighbors")
@pytest.mark.parametrize("exclude", [(), (0, 4, 9)], ids=["all", "some excluded"])
def test_ties_go_to_the_smaller_id(learner, exclude):
    """Many rows with the same direction: the smaller ids come first."""
    # Lengths of 1, 2 and 4 along the axes: every cosine is exactly 1 or 0, however it is computed.
    table = torch.tensor([[1.0, 0.0], [0.0, 2.0], [4.0, 0.0], [0.0, 1.0]], dtype=torch.float64).repeat(15, 1)
    query = torch.tensor([2.0, 0.0], dtype=torch.float64)

    found = learner.nearest_neighbors(table, query, 40, exclude)

    check_neighbors(found, neighbors_oracle(table, query, 40, exclude))


@pytest.mark.exercise("nearest_neighbors")
def test_zero_vectors_are_similar_to_nothing(learner):
    """A row of zeros has similarity 0, and so has every row with a query of zeros: never NaN."""
    table = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [4.0, 0.0]], dtype=torch.float64)

    found = learner.nearest_neighbors(table, torch.tensor([1.0, 0.0], dtype=torch.float64), 4)
    nowhere = learner.nearest_neighbors(table, torch.zeros(2, dtype=torch.float64), 3)

    check_neighbors(found, (torch.tensor([2, 3, 1, 0]), torch.tensor([1.0, 1.0, 0.0, -1.0], dtype=torch.float64)))
    check_neighbors(nowhere, (torch.tensor([0, 1, 2]), torch.zeros(3, dtype=torch.float64)))


@pytest.mark.exercise("nearest_neighbors")
@pytest.mark.parametrize(
    ("k", "exclude"),
    [(7, ()), (4, (0, 2, 5)), (5, [1, 1, 3])],
    ids=["k 7 of 6 rows", "k 4 of 3 rows left", "k 5 of 4 rows left"],
)
def test_there_must_be_k_rows(learner, torch_rng, k, exclude):
    """More neighbours than there are rows left is a ValueError; exactly as many is not."""
    table, query = normal(torch_rng, 6, 3), normal(torch_rng, 3)
    left = 6 - len(set(exclude))

    check_raises(ValueError, learner.nearest_neighbors, table, query, k, exclude, says=f"for {k} of {left} rows")
    check_neighbors(
        learner.nearest_neighbors(table, query, left, exclude), neighbors_oracle(table, query, left, exclude)
    )


# --- analogy ---


def analogy_oracle(table, a, b, c, k=1):
    unit = table.double() / table.double().norm(dim=-1, keepdim=True)
    return neighbors_oracle(table, unit[b] - unit[a] + unit[c], k, (a, b, c))[0]


@pytest.mark.exercise("analogy")
def test_analogy_by_hand(learner):
    """The fourth corner of the parallelogram: c plus the step from a to b."""
    # Unit vectors: b − a + c = [0, 1, 0] − [1, 0, 0] + [0.6, 0, 0.8] = [−0.4, 1, 0.8], near row 1 and far from row 4.
    table = torch.tensor([[1.0, 0, 0], [-0.4, 1.0, 0.9], [0, 1.0, 0], [0.6, 0, 0.8], [1.6, -1.0, 0.8]]).double()

    check_equal(learner.analogy(table, 0, 2, 3), torch.tensor([1]))


@pytest.mark.exercise("analogy")
def test_analogy_never_answers_with_its_question(learner):
    """The tokens a, b and c are no answers, even where they lie nearest to b − a + c."""
    # a and b nearly agree, so that b − a + c is nearly c; b is next, then a.
    table = torch.tensor([[1.0, 0.1], [1.0, 0.2], [1.0, 0.3], [-1.0, 0.5], [0.0, -1.0]], dtype=torch.float64)

    check_equal(learner.analogy(table, 0, 1, 2, 2), torch.tensor([4, 3]))


@pytest.mark.exercise("analogy", points=2)
@pytest.mark.parametrize("k", cases("k", (1,), (5,)))
def test_analogy_equals_the_sort(learner, torch_rng, k):
    """Rows of very different lengths: the three are brought to length 1 before they are added up."""
    table = normal(torch_rng, 25, 4) * torch.exp(1.5 * normal(torch_rng, 25, 1))
    a, b, c = torch.randperm(25, generator=torch_rng)[:3].tolist()

    check_equal(learner.analogy(table, a, b, c, k), analogy_oracle(table, a, b, c, k))


@functools.cache
def real_table(folder, rows):
    """The first rows of SmolLM2's embedding table. In Q8_0, 32 numbers are a float16 scale and 32 signed bytes."""
    with next(Path(folder).glob("*.gguf")).open("rb") as file:
        data = file.read(2**21 + rows * 612)  # the header takes less than 2 MB, a row 18 blocks of 34 bytes
    name = b"token_embd.weight"
    place = data.find(len(name).to_bytes(8, "little") + name)
    for _ in range(int.from_bytes(data[8:16], "little")):  # what is told of each tensor: name, axes, type, offset
        place += 8 + int.from_bytes(data[place : place + 8], "little")
        place += 4 + 8 * data[place] + 12
    start = -(-place // 32) * 32  # the table is the first tensor; data begins at a multiple of 32
    blocks = np.frombuffer(data, [("scale", "<f2"), ("numbers", "i1", 32)], rows * 18, start)
    return torch.from_numpy(blocks["scale"][:, None].astype("f4") * blocks["numbers"]).reshape(rows, 576)


@pytest.mark.exercise("analogy")
@pytest.mark.parametrize(
    ("a", "b", "c", "expected"),
    [(384, 650, 1041, 874), (4649, 3432, 4521, 3697), (582, 808, 827, 1796)],
    ids=["he his she her", "France French Germany German", "one first two second"],
)
def test_analogies_in_a_real_model(learner, model, a, b, c, expected):
    """In SmolLM2's own table, he is to his as she is to her, and France to French as Germany to German."""
    table = real_table(model("smollm2"), 4736)  # ids of words with a space before them

    check_equal(learner.analogy(table, a, b, c), torch.tensor([expected]))


# --- tied_output_logits ---


@pytest.mark.exercise("tied_output_logits")
def test_logits_by_hand(learner):
    """One hidden vector, three tokens: three dot products."""
    table = torch.tensor([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]], dtype=torch.float64)

    logits = learner.tied_output_logits(torch.tensor([2.0, 4.0], dtype=torch.float64), table)

    check_close(logits, torch.tensor([10.0, -4.0, 8.0], dtype=torch.float64), **F64)


@pytest.mark.exercise("tied_output_logits")
@pytest.mark.parametrize("lead", [(4,), (2, 3), (1, 2, 2)], ids=named)
def test_logits_equal_a_linear_layer(learner, torch_rng, lead):
    """Any leading axes: the same as a linear layer whose weight is the table, also where V = C."""
    hidden, table = normal(torch_rng, *lead, 3), normal(torch_rng, 3 + len(lead) % 2, 3)

    check_close(learner.tied_output_logits(hidden, table), F.linear(hidden, table), **F64)


@pytest.mark.exercise("tied_output_logits", points=2)
def test_the_table_learns_at_the_output_as_well(learner, torch_rng):
    """Gradients reach the hidden vectors and the table."""
    inputs, cotangent = (normal(torch_rng, 2, 3, 4), normal(torch_rng, 5, 4)), normal(torch_rng, 2, 3, 5)

    gradients = learner.vjp("tied_output_logits", *inputs)(cotangent).inputs

    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    expected = gradients_of(F.linear(*leaves), leaves, cotangent)
    for got, gradient, name in zip(gradients, expected, ("hidden vectors", "table"), strict=True):
        check_close(got, gradient, **F64, of=f"the gradient of the {name}")


# --- sinusoidal_positions ---


def angles_of(positions, size, base):
    """A number at a time: position · base^(−2i/size)."""
    rows = [[p * base ** (-2 * i / size) for i in range(size // 2)] for p in positions.tolist()]
    return torch.tensor(rows, dtype=torch.float64).reshape(len(rows), size // 2)


def sinusoids_oracle(positions, channels, base=10000.0):
    """A number at a time: sine in even channels, cosine in odd ones."""
    angles = angles_of(positions, channels, base).tolist()
    rows = [[f(angle) for angle in row for f in (math.sin, math.cos)] for row in angles]
    return torch.tensor(rows, dtype=torch.float64).float()


@pytest.mark.exercise("sinusoidal_positions")
def test_sinusoids_by_hand(learner):
    """Base 16 and four channels: clocks of 1 and 1/4 radian per position, sine before cosine."""
    table = learner.sinusoidal_positions(torch.tensor([0, 2, 4]), 4, base=16.0)

    rows = [[math.sin(p), math.cos(p), math.sin(p / 4), math.cos(p / 4)] for p in (0, 2, 4)]
    check_close(table, torch.tensor(rows), **NEAR)


@pytest.mark.exercise("sinusoidal_positions", points=2)
@pytest.mark.parametrize(("channels", "base"), cases("C, base", (2, 10000.0), (6, 10000.0), (16, 10000.0), (10, 500.0)))
def test_sinusoids_equal_the_loop(learner, rng, channels, base):
    """Any number of channels, any base, positions in any order: the formula, in float32."""
    positions = torch.from_numpy(rng.permutation(40)[:7])

    table = learner.sinusoidal_positions(positions, channels, base)

    check_dtype(table, torch.float32)
    check_close(table, sinusoids_oracle(positions, channels, base), **NEAR)


@pytest.mark.exercise("sinusoidal_positions")
def test_default_base_is_ten_thousand(learner):
    """Without a base it is 10,000."""
    positions = torch.tensor([3, 11, 40])

    check_close(learner.sinusoidal_positions(positions, 8), sinusoids_oracle(positions, 8), **NEAR)


@pytest.mark.exercise("sinusoidal_positions")
def test_dot_products_depend_on_distance(learner, rng):
    """The dot product of two positions depends on their distance alone: Σ cos(distance · base^(−2i/C))."""
    first = torch.from_numpy(rng.permutation(30)[:6])
    distance = torch.from_numpy(rng.integers(1, 15, size=6))

    here, there = (learner.sinusoidal_positions(each, 12) for each in (first, first + distance))

    expected = angles_of(distance, 12, 10000.0).cos().sum(-1).float()
    # Sums of twelve products of entries that are right to 2e-5.
    check_close((here * there).sum(-1), expected, rtol=0, atol=2e-4, of="the dot products")


@pytest.mark.exercise("sinusoidal_positions", points=2)
def test_sinusoids_far_out(learner):
    """Positions up to a million are right to 1e-6: the angles need float64."""
    check_close(learner.sinusoidal_positions(FAR_POSITIONS, 8), sinusoids_oracle(FAR_POSITIONS, 8), **FAR)


@pytest.mark.exercise("sinusoidal_positions")
@pytest.mark.parametrize("channels", cases("C", (1,), (3,), (7,)))
def test_sinusoids_need_even_channels(learner, channels):
    """An odd number of channels is a ValueError."""
    positions = torch.tensor([0, 1, 9])

    check_raises(ValueError, learner.sinusoidal_positions, positions, channels, says=f"for {channels} channels")
    even = learner.sinusoidal_positions(positions, channels + 1)
    check_close(even, sinusoids_oracle(positions, channels + 1), **NEAR, of="one channel more")


# --- rotary_embedding ---

LAYOUTS = pytest.mark.parametrize("layout", ["half", "interleaved"])


def pairs_of(size, layout):
    """The channels of each pair."""
    half = size // 2
    return [(i, i + half) if layout == "half" else (2 * i, 2 * i + 1) for i in range(half)]


def rotary_oracle(x, positions, base=10000.0, layout="half"):
    """Each pair as a complex number, times e^(iθ)."""
    turns = torch.polar(torch.ones((), dtype=torch.float64), angles_of(positions, x.shape[-1], base))
    turned = torch.empty_like(x, dtype=torch.float64)
    for i, (first, second) in enumerate(pairs_of(x.shape[-1], layout)):
        number = torch.complex(x[..., first].double(), x[..., second].double()) * turns[:, i]
        turned[..., first], turned[..., second] = number.real, number.imag
    return turned.to(x.dtype)


@pytest.mark.exercise("rotary_embedding")
def test_rotary_by_hand(learner):
    """Position 2 with base (4/π)²: a quarter turn takes (u, v) to (−v, u), in either layout."""
    # For D = 4 the angles are 2 and 2 · base^(−1/2) = 2 · π/4. Only pair 1 is asked for: (2, 4) and (3, 4).
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0]], dtype=torch.float64)
    base = (4 / math.pi) ** 2

    half = learner.rotary_embedding(x, torch.tensor([2]), base, "half")
    interleaved = learner.rotary_embedding(x, torch.tensor([2]), base, "interleaved")

    check_close(half[0, [1, 3]], torch.tensor([-4.0, 2.0], dtype=torch.float64), **NEAR, of="channels 1 and 3, half")
    check_close(
        interleaved[0, 2:], torch.tensor([-4.0, 3.0], dtype=torch.float64), **NEAR, of="channels 2 and 3, interleaved"
    )


@pytest.mark.exercise("rotary_embedding")
@pytest.mark.parametrize(
    "case", REFERENCE["rotary"]["cases"], ids=lambda case: f"{case['layout']}, base {case['base']:.0f}"
)
def test_rotary_equals_transformers(learner, case):
    """The same as the transformers library, whose Llama is "half" and whose GPT-J is "interleaved"."""
    x, positions = torch.tensor(REFERENCE["rotary"]["x"]), torch.tensor(REFERENCE["rotary"]["positions"])

    turned = learner.rotary_embedding(x, positions, case["base"], case["layout"])

    # Their angles, up to 60 radians, are in float32: right to 4e-6, times entries of size 7.
    check_close(turned, torch.tensor(case["result"]), rtol=0, atol=5e-5)


@pytest.mark.exercise("rotary_embedding", points=2)
@LAYOUTS
@pytest.mark.parametrize(
    ("lead", "size", "base"), cases("leading, D, base", ((), 2, 10000.0), ((3,), 6, 10000.0), ((2, 4), 8, 500.0))
)
def test_rotary_equals_complex_numbers(learner, torch_rng, layout, lead, size, base):
    """Each pair is a complex number times e^(iθ): any leading axes, positions in any order."""
    x, positions = normal(torch_rng, *lead, 5, size), torch.randperm(40, generator=torch_rng)[:5]

    turned = learner.rotary_embedding(x, positions, base=base, layout=layout)

    check_close(turned, rotary_oracle(x, positions, base, layout), rtol=1e-5, atol=5e-5)  # room for angles in float32


@pytest.mark.exercise("rotary_embedding")
def test_rotary_defaults(learner, torch_rng):
    """Without more arguments the base is 10,000 and the layout "half"."""
    x, positions = normal(torch_rng, 2, 4, 8), torch.tensor([1, 7, 20, 33])

    check_close(learner.rotary_embedding(x, positions), rotary_oracle(x, positions), rtol=1e-5, atol=5e-5)


@pytest.mark.exercise("rotary_embedding")
@LAYOUTS
def test_scores_depend_on_distance(learner, torch_rng, layout):
    """Moving query and key by the same number of positions leaves their score alone."""
    query, key = normal(torch_rng, 2, 1, 8), normal(torch_rng, 2, 1, 8)
    positions = torch.tensor([0, 9, 23, 31])

    asking = learner.rotary_embedding(query.expand(2, 4, 8), positions + 6, layout=layout)
    asked = learner.rotary_embedding(key.expand(2, 4, 8), positions, layout=layout)

    expected = (rotary_oracle(query, torch.tensor([6]), layout=layout) * key).sum(-1).expand(2, 4)
    # Sums of eight products of entries that are right to 5e-5.
    check_close((asking * asked).sum(-1), expected, rtol=0, atol=1e-3, of="the scores at distance 6")


@pytest.mark.exercise("rotary_embedding")
@LAYOUTS
def test_rotary_behind_a_cache(learner, torch_rng, layout):
    """One new vector at position 37 is turned by 37, whatever its place in x."""
    x = normal(torch_rng, 3, 1, 6)

    turned = learner.rotary_embedding(x, torch.tensor([37]), layout=layout)

    check_close(turned, rotary_oracle(x, torch.tensor([37]), layout=layout), rtol=1e-5, atol=5e-5)


@pytest.mark.exercise("rotary_embedding", points=2)
@LAYOUTS
def test_rotary_far_out(learner, layout):
    """Positions up to a million are right to 1e-6 in float32: the angles need float64."""
    x = torch.ones(5, 8)

    turned = learner.rotary_embedding(x, FAR_POSITIONS, layout=layout)

    check_dtype(turned, torch.float32)
    check_close(turned, rotary_oracle(x, FAR_POSITIONS, layout=layout), **FAR)


@pytest.mark.exercise("rotary_embedding")
@LAYOUTS
def test_rotary_in_float64(learner, torch_rng, layout):
    """Vectors in float64 are turned in float64: right to eleven digits."""
    x, positions = normal(torch_rng, 2, 3, 8), torch.tensor([5, 100, 901])

    turned = learner.rotary_embedding(x, positions, layout=layout)

    check_dtype(turned, torch.float64)
    # Angles below 1,000 are right to 3e-13, entries are of size one to four; float32 would leave 1e-7.
    check_close(turned, rotary_oracle(x, positions, layout=layout), rtol=0, atol=1e-11)


@pytest.mark.exercise("rotary_embedding")
@pytest.mark.parametrize(
    ("dtype", "rounding"), [(torch.bfloat16, 2.0**-8), (torch.float16, 2.0**-11)], ids=["bfloat16", "float16"]
)
def test_rotary_keeps_the_dtype(learner, torch_rng, dtype, rounding):
    """The result has x's dtype; half precision is turned in float32 and rounded once, at the end."""
    x, positions = normal(torch_rng, 2, 3, 8).to(dtype), torch.tensor([5, 100, 901])

    turned = learner.rotary_embedding(x, positions)

    check_dtype(turned, dtype)
    exact = rotary_oracle(x.double(), positions)
    # One rounding is half a unit of the last of 8 or 11 bits; 1e-6 is for cosines rounded to float32.
    check_close(turned.double(), exact, rtol=rounding, atol=1e-6)


@pytest.mark.exercise("rotary_embedding")
@LAYOUTS
def test_rotary_gradients(learner, torch_rng, layout):
    """Gradients reach x: they are turned the other way. x itself is left as it was."""
    x, positions, cotangent = normal(torch_rng, 2, 3, 6), torch.tensor([2, 5, 11]), normal(torch_rng, 2, 3, 6)

    gradient = learner.vjp("rotary_embedding", x, positions, layout=layout)(cotangent).inputs[0]
    _, after, _ = learner.call("rotary_embedding", x.clone(), positions, layout=layout, after=True)

    check_close(gradient, rotary_oracle(cotangent, -positions, layout=layout), rtol=1e-5, atol=5e-5)
    check_unchanged(after[0], x, of="x")


@pytest.mark.exercise("rotary_embedding")
@pytest.mark.parametrize(
    ("size", "layout"),
    [(5, "half"), (7, "interleaved"), (6, "adjacent"), (6, "")],
    ids=["D 5, half", "D 7, interleaved", "layout adjacent", "empty layout"],
)
def test_rotary_refuses_what_it_cannot_pair(learner, torch_rng, size, layout):
    """An odd D or an unknown layout is a ValueError."""
    x, positions = normal(torch_rng, 2, 3, size), torch.tensor([0, 4, 8])

    check_raises(
        ValueError, learner.rotary_embedding, x, positions, 10000.0, layout, says=f"for D = {size}, {layout!r}"
    )
    even = learner.rotary_embedding(x[..., :4], positions, 10000.0, "interleaved")
    check_close(
        even, rotary_oracle(x[..., :4], positions, layout="interleaved"), **NEAR, of="four channels, interleaved"
    )


# --- alibi_bias ---


def alibi_oracle(num_heads, length):
    bias = torch.full((num_heads, length, length), -math.inf)
    for h, i in np.ndindex(num_heads, length):
        for j in range(i + 1):
            bias[h, i, j] = (j - i) / 2 ** (8 * (h + 1) / num_heads)
    return bias


@pytest.mark.exercise("alibi_bias")
def test_alibi_by_hand(learner):
    """Four heads have slopes 1/4, 1/16, 1/64 and 1/256; the last of three queries looks 2, 1 and 0 back."""
    bias = learner.alibi_bias(4, 3)

    expected = [[-2 / 4, -1 / 4, 0], [-2 / 16, -1 / 16, 0], [-2 / 64, -1 / 64, 0], [-2 / 256, -1 / 256, 0]]
    check_close(bias[:, 2], torch.tensor(expected), rtol=1e-6, of="the last row of each head")  # float32


@pytest.mark.exercise("alibi_bias")
@pytest.mark.parametrize(("num_heads", "length"), cases("H, T", (8, 5), (1, 4), (3, 1), (6, 7)))
def test_alibi_equals_the_loop(learner, num_heads, length):
    """Any number of heads and positions: the formula, −∞ for the future, in float32."""
    bias = learner.alibi_bias(num_heads, length)

    check_dtype(bias, torch.float32)
    check_close(bias, alibi_oracle(num_heads, length), rtol=1e-6)  # float32


@pytest.mark.exercise("alibi_bias")
def test_alibi_in_attention(learner, torch_rng):
    """Added to the scores it is causal mask and position in one."""
    query, key, value = normal(torch_rng, 3, 2, 4, 5, 3, dtype=torch.float32)

    bias = learner.alibi_bias(4, 5)

    context = F.scaled_dot_product_attention(query, key, value, attn_mask=torch.as_tensor(bias))
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=alibi_oracle(4, 5))
    check_close(context, expected, **F32, of="attention with the bias")


# --- yarn_scaling ---


def yarn_oracle(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    """A pair at a time; d(r) solves r · wavelength = length for the number of the pair."""
    low, high = (
        head_size / 2 * math.log(original_length / turns / (2 * math.pi), base) for turns in (beta_fast, beta_slow)
    )
    low, high = max(0, math.floor(low)), math.ceil(high)
    frequencies = []
    for i in range(head_size // 2):
        squeezed = min(1.0, max(0.0, (i - low) / (high - low)))
        frequencies.append(base ** (-2 * i / head_size) * (1 - squeezed + squeezed / factor))
    return torch.tensor(frequencies, dtype=torch.float64)


@pytest.mark.exercise("yarn_scaling")
def test_yarn_by_hand(learner):
    """Pairs 0 to 2 keep their speed, from pair 6 on all are four times slower, and between them there is a ramp."""
    # 12,868 is 2^11 · 2π; base 256 and D = 16 make pair i turn 2^(11 − i) times: 512 for pair 2, 32 for pair 6.
    frequencies, _ = learner.yarn_scaling(16, 4.0, 12868, 256.0, 511.0, 33.0)

    speeds = [1, 1, 1, 1 - 0.75 / 4, 1 - 1.5 / 4, 1 - 2.25 / 4, 1 / 4, 1 / 4]
    expected = torch.tensor([speed * 2.0**-i for i, speed in enumerate(speeds)], dtype=torch.float64)
    check_close(frequencies, expected, **F64, of="the frequencies")


@pytest.mark.exercise("yarn_scaling")
@pytest.mark.parametrize(
    "case",
    REFERENCE["yarn"],
    ids=lambda case: "D {head_size}, factor {factor:g}, length {original_length}".format(**case["arguments"]),
)
def test_yarn_equals_transformers(learner, case):
    """The same frequencies and attention factor as the transformers library."""
    frequencies, factor = learner.yarn_scaling(**case["arguments"])

    # Theirs are in float32, and eight digits were kept.
    check_close(frequencies.float(), torch.tensor(case["frequencies"]), rtol=1e-6, of="the frequencies")
    check_close(factor, case["attention_factor"], rtol=1e-9, of="the attention factor")


@pytest.mark.exercise("yarn_scaling")
@pytest.mark.parametrize(
    "arguments",
    [(64, 8.0, 4096), (128, 2.5, 8192, 500000.0), (32, 4.0, 2048, 10000.0, 16.0, 2.0), (16, 4.0, 150, 10000.0)],
    ids=["D 64", "D 128, base 500000", "D 32, bounds 16 and 2", "D 16, length 150"],
)
def test_yarn_equals_the_loop(learner, arguments):
    """Any head size, base, factor and bounds: the formula, in float64."""
    frequencies, factor = learner.yarn_scaling(*arguments)

    check_dtype(frequencies, torch.float64)
    check_close(frequencies, yarn_oracle(*arguments), **F64, of="the frequencies")
    check_close(factor, math.log(arguments[1]) / 10 + 1, **F64, of="the attention factor")


@pytest.mark.exercise("yarn_scaling")
def test_yarn_with_factor_one_changes_nothing(learner):
    """A factor of 1 gives the ordinary frequencies and leaves attention alone."""
    frequencies, factor = learner.yarn_scaling(64, 1.0, 2048)

    check_close(frequencies, angles_of(torch.tensor([1]), 64, 10000.0)[0], **F64, of="the frequencies")
    check_close(factor, 1.0, **F64, of="the attention factor")
