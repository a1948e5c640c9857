"""Hidden suite of 2.3, the attention mechanism. Oracles: torch's own attention, norms and encoder layer, slow loops."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grader.checks import check_close, check_equal, check_raises, check_that, check_unchanged, probe, prop

# float64: a handful of sums of at most a dozen terms and one exponential, each right to about 1e-15.
F64 = {"rtol": 1e-10, "atol": 1e-12}
# float32: three or four matrix products in a row, each a sum of a dozen terms of size one, right to about 1e-6.
F32 = {"rtol": 1e-5, "atol": 1e-5}


def normal(generator, *shape, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(*shape, generator=generator, dtype=dtype)


def random_mask(generator, *shape):
    """Hide about half of the keys; every query keeps one at least and loses one at least."""
    mask = torch.rand(shape, generator=generator) < 0.5
    kept = torch.randint(shape[-1], (*shape[:-1], 1), generator=generator)
    return mask.scatter(-1, kept, True).scatter(-1, (kept + 1) % shape[-1], False)


def lower_triangle(length):
    return torch.tensor([[key <= query for key in range(length)] for query in range(length)])


def gradients_of(result, leaves, cotangent):
    """Return the vector-Jacobian products. (Handing the cotangent to torch imports half a second of modules.)"""
    return torch.autograd.grad((result * cotangent).sum(), leaves)


def check_dtype(got, dtype):
    check_equal(str(getattr(got, "dtype", type(got).__name__)), str(dtype), of="the dtype of the result")


# --- scaled_dot_product_attention ---


def attention_inputs(generator, lead=(2,), queries=3, keys=5, channels=4, values=2):
    # Queries of size two spread the weights: they are neither all equal nor all at one key.
    query = normal(generator, *lead, queries, channels, scale=2.0)
    return query, normal(generator, *lead, keys, channels), normal(generator, *lead, keys, values)


@pytest.mark.exercise("scaled_dot_product_attention")
def test_attention_by_hand(learner):
    """Two queries, two keys, weights that can be computed by hand."""
    # Scores divided by √4: first query 0 and 4 · (ln 2 / 2) / 2 = ln 2, so weights 1/3 and 2/3; second query 0 and 0.
    query = torch.tensor([[4.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    key = torch.tensor([[0.0, 1.0, 2.0, 3.0], [math.log(2) / 2, 3.0, 2.0, 1.0]], dtype=torch.float64)
    value = torch.tensor([[3.0, 0.0, 6.0], [9.0, 3.0, 0.0]], dtype=torch.float64)

    context = learner.scaled_dot_product_attention(query, key, value)

    check_close(context, torch.tensor([[7.0, 2.0, 2.0], [6.0, 1.5, 3.0]], dtype=torch.float64), **F64)


@pytest.mark.exercise("scaled_dot_product_attention")
def test_weights_of_a_query_sum_to_one(learner, torch_rng):
    """The weights of every query sum to one over the keys: if all values are equal, the result is that value."""
    query, key, _ = attention_inputs(torch_rng)
    value = torch.tensor([4.0, -3.0], dtype=torch.float64).expand(2, 5, 2)

    context = learner.scaled_dot_product_attention(query, key, value)

    check_close(context, torch.tensor([4.0, -3.0], dtype=torch.float64).expand(2, 3, 2), **F64)


@pytest.mark.exercise("scaled_dot_product_attention", points=2)
@pytest.mark.parametrize(
    ("lead", "queries", "keys", "channels", "values"),
    [((), 3, 5, 4, 2), ((2,), 1, 4, 3, 3), ((2, 3), 4, 2, 9, 5), ((1, 2), 4, 4, 4, 4)],
)
def test_attention_equals_torch(learner, torch_rng, lead, queries, keys, channels, values):
    """Any leading axes, lengths and widths: the same result as torch's own attention."""
    query, key, value = attention_inputs(torch_rng, lead, queries, keys, channels, values)

    context = learner.scaled_dot_product_attention(query, key, value)

    check_close(context, F.scaled_dot_product_attention(query, key, value), **F64)


@pytest.mark.exercise("scaled_dot_product_attention")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_attention_keeps_the_dtype(learner, torch_rng, dtype):
    """The result has the query's dtype, with a mask as well."""
    query, key, value = (tensor.to(dtype) for tensor in attention_inputs(torch_rng))
    mask = random_mask(torch_rng, 3, 5)

    context = learner.scaled_dot_product_attention(query, key, value, mask)

    check_dtype(context, dtype)
    check_close(context, F.scaled_dot_product_attention(query, key, value, attn_mask=mask), **F32)


@pytest.mark.exercise("scaled_dot_product_attention", points=2)
@pytest.mark.parametrize("shape", [(3, 5), (2, 1, 1, 5), (2, 4, 3, 5)], ids=["T S", "B 1 1 S", "B H T S"])
def test_attention_under_a_mask(learner, torch_rng, shape):
    """True means "may attend": hidden keys get no weight and the others share the whole of it."""
    query, key, value = attention_inputs(torch_rng, lead=(2, 4))
    mask = random_mask(torch_rng, *shape)

    context = learner.scaled_dot_product_attention(query, key, value, mask)

    check_close(context, F.scaled_dot_product_attention(query, key, value, attn_mask=mask), **F64)


@pytest.mark.exercise("scaled_dot_product_attention")
def test_hidden_keys_have_no_influence(learner, torch_rng):
    """Whatever stands at hidden positions, the result does not change."""
    query, key, value = attention_inputs(torch_rng, queries=5)
    mask = lower_triangle(5)
    before = learner.scaled_dot_product_attention(query, key, value, mask)
    check_close(before[:, 0], value[:, 0], **F64, of="what the first query gets, which sees one key only")
    key[:, 3:], value[:, 3:] = 1e4, 1e6

    after = learner.scaled_dot_product_attention(query, key, value, mask)

    # Weights of zero are exactly zero; only the order of the sums may differ.
    check_close(after[:, :3], before[:, :3], rtol=1e-12, atol=1e-12, of="the first three results")


@pytest.mark.exercise("scaled_dot_product_attention")
def test_large_scores_do_not_overflow(learner, torch_rng):
    """Scores in the thousands give finite results: the largest one wins."""
    query, key, value = attention_inputs(torch_rng)
    query = 1e5 * query

    context = learner.scaled_dot_product_attention(query, key, value)

    # The scores are about 1e5 and right to 1e-11, and so is every weight.
    check_close(context, F.scaled_dot_product_attention(query, key, value), rtol=1e-8, atol=1e-8)


@pytest.mark.exercise("scaled_dot_product_attention", points=2)
def test_a_query_that_sees_nothing_gets_zeros(learner, torch_rng):
    """A fully masked row gives zeros, not NaN and not an average; the other rows are as always."""
    query, key, value = attention_inputs(torch_rng)
    mask = random_mask(torch_rng, 2, 3, 5)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    mask[1, 2] = False
    expected[1, 2] = 0.0

    context = learner.scaled_dot_product_attention(query, key, value, mask)

    check_close(context, expected, **F64)


@pytest.mark.exercise("scaled_dot_product_attention")
def test_attention_leaves_its_arguments_alone(learner, torch_rng):
    """Query, key, value and mask are the same after the call."""
    inputs = (*attention_inputs(torch_rng), random_mask(torch_rng, 3, 5))
    copies = [tensor.clone() for tensor in inputs]

    context, after, _ = learner.call("scaled_dot_product_attention", *inputs, after=True)

    check_close(context, F.scaled_dot_product_attention(*copies), **F64)
    for got, copy, name in zip(after, copies, ("query", "key", "value", "mask"), strict=True):
        check_unchanged(got, copy, of=name)


@pytest.mark.exercise("scaled_dot_product_attention")
def test_attention_gradients(learner, torch_rng):
    """Gradients reach query, key and value through the weights."""
    inputs = attention_inputs(torch_rng)
    mask = random_mask(torch_rng, 3, 5)
    cotangent = normal(torch_rng, 2, 3, 2)

    pull = learner.vjp("scaled_dot_product_attention", *inputs, mask)

    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    expected = gradients_of(F.scaled_dot_product_attention(*leaves, attn_mask=mask), leaves, cotangent)
    for got, gradient, name in zip(pull(cotangent).inputs, expected, ("query", "key", "value"), strict=False):
        check_close(got, gradient, **F64, of=f"the gradient of the {name}")


@pytest.mark.exercise("scaled_dot_product_attention")
def test_gradients_of_a_fully_masked_row(learner, torch_rng):
    """A query that sees nothing has gradient zero and leaves the gradients of the others alone: no NaN in training."""
    inputs = attention_inputs(torch_rng, lead=())
    mask = random_mask(torch_rng, 3, 5)
    mask[1] = False
    cotangent = normal(torch_rng, 3, 2)

    pull = learner.vjp("scaled_dot_product_attention", *inputs, mask)

    # The oracle never sees the masked query: it is left out, and its gradient is put back as zeros.
    seen = [0, 2]
    query, key, value = leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    context = F.scaled_dot_product_attention(query[seen], key, value, attn_mask=mask[seen])
    expected = gradients_of(context, leaves, cotangent[seen])
    for got, gradient, name in zip(pull(cotangent).inputs, expected, ("query", "key", "value"), strict=False):
        check_close(got, gradient, **F64, of=f"the gradient of the {name}")


# --- masks ---


@pytest.mark.exercise("causal_mask")
def test_causal_mask_by_hand(learner):
    """Four positions: each sees itself and what came before, as booleans."""
    mask = learner.causal_mask(4)

    check_equal(mask, torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]], dtype=torch.bool))


@pytest.mark.exercise("causal_mask")
@pytest.mark.parametrize("length", [1, 2, 7])
def test_causal_mask_of_any_length(learner, length):
    """Query i sees exactly the keys 0 … i."""
    check_equal(learner.causal_mask(length), lower_triangle(length))


@pytest.mark.exercise("causal_mask")
@pytest.mark.parametrize("past", [0, 1, 5])
def test_one_new_position_sees_the_whole_cache(learner, past):
    """A single new position sees all of the past and itself: one row of True."""
    check_equal(learner.causal_mask(1, past), torch.ones(1, past + 1, dtype=torch.bool))


@pytest.mark.exercise("causal_mask", points=2)
@pytest.mark.parametrize(("length", "past"), [(3, 1), (2, 5), (4, 4)])
def test_causal_mask_behind_a_cache(learner, length, past):
    """Behind a cache the mask is the last rows of the mask of the whole sequence."""
    check_equal(learner.causal_mask(length, past=past), lower_triangle(past + length)[past:])


@pytest.mark.exercise("padding_mask")
def test_padding_mask_by_hand(learner):
    """Sequences of 2, 4 and 1 tokens: True at the real tokens, which stand first."""
    mask = learner.padding_mask(torch.tensor([2, 4, 1]))

    check_equal(mask, torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], dtype=torch.bool).reshape(3, 1, 1, 4))


@pytest.mark.exercise("padding_mask")
@pytest.mark.parametrize("max_length", [3, 5, 6])
def test_padding_mask_of_a_given_length(learner, max_length):
    """The padded length can be given: longer than the longest sequence, or just as long."""
    mask = learner.padding_mask(torch.tensor([3, 1]), max_length)

    expected = [[position < length for position in range(max_length)] for length in (3, 1)]
    check_equal(mask, torch.tensor(expected).reshape(2, 1, 1, max_length))


@pytest.mark.exercise("padding_mask")
def test_an_empty_sequence_is_all_padding(learner):
    """A sequence of no tokens is hidden altogether."""
    mask = learner.padding_mask(torch.tensor([0, 2]))

    check_equal(mask, torch.tensor([[False, False], [True, True]]).reshape(2, 1, 1, 2))


@pytest.mark.exercise("padding_mask")
def test_padding_mask_broadcasts_over_heads_and_queries(learner, torch_rng):
    """Attention under the mask is attention over the short sequence alone, for every head and query."""
    query, key, value = attention_inputs(torch_rng, lead=(2, 3), queries=4)

    mask = learner.padding_mask(torch.tensor([5, 2]))

    context = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    short = F.scaled_dot_product_attention(query[1], key[1, :, :2], value[1, :, :2])
    check_close(context[1], short, **F64, of="attention over the sequence of two tokens")


@pytest.mark.exercise("sliding_window_mask")
def test_sliding_window_by_hand(learner):
    """Five positions, a window of three: itself and two before."""
    rows = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]

    check_equal(learner.sliding_window_mask(5, window=3), torch.tensor(rows, dtype=torch.bool))


@pytest.mark.exercise("sliding_window_mask")
@pytest.mark.parametrize(("length", "window"), [(1, 1), (4, 1), (6, 2), (7, 4), (6, 5)])
def test_sliding_window_of_any_size(learner, length, window):
    """Every position sees at most `window` positions, itself the last of them."""
    expected = torch.zeros(length, length, dtype=torch.bool)
    for query in range(length):
        expected[query, max(0, query + 1 - window) : query + 1] = True

    check_equal(learner.sliding_window_mask(length, window), expected)


@pytest.mark.exercise("sliding_window_mask")
@pytest.mark.parametrize("window", [4, 9])
def test_a_wide_window_is_the_causal_mask(learner, window):
    """A window as long as the sequence, or longer, hides only the future."""
    check_equal(learner.sliding_window_mask(4, window), lower_triangle(4))


# --- MultiHeadAttention ---

PROJECTIONS = ("q_proj.weight", "k_proj.weight", "v_proj.weight", "o_proj.weight")


def projection_weights(generator, hidden_size):
    # Variance 1 / C keeps what goes in and what comes out at the same size.
    return {
        name: normal(generator, hidden_size, hidden_size, scale=hidden_size**-0.5, dtype=torch.float32)
        for name in PROJECTIONS
    }


def learners_attention(learner, weights, num_heads):
    mha = learner.MultiHeadAttention(len(weights["q_proj.weight"]), num_heads)
    mha.load_state_dict(weights)
    return mha


def torch_mha(weights, num_heads):
    """Return torch's own module with these weights, called with this course's masks."""
    mha = nn.MultiheadAttention(len(weights["q_proj.weight"]), num_heads, bias=False, batch_first=True)
    q, k, v, o = (weights[name] for name in PROJECTIONS)
    mha.load_state_dict({"in_proj_weight": torch.cat([q, k, v]), "out_proj.weight": o})

    def attend(x, mask=None):
        if mask is not None:
            mask = ~mask.expand(len(x), num_heads, x.shape[1], x.shape[1]).flatten(0, 1)
        return mha(x, x, x, attn_mask=mask, need_weights=False)[0]

    return mha, attend


@pytest.mark.exercise("MultiHeadAttention")
def test_mha_has_four_weights(learner):
    """The module holds four square weights, q_proj, k_proj, v_proj and o_proj, and no biases."""
    weights = learner.MultiHeadAttention(6, 3).state_dict()

    shapes = {str(name): tuple(weight.shape) for name, weight in weights.items()}
    check_equal(shapes, dict.fromkeys(PROJECTIONS, (6, 6)), of="the shapes in the state_dict")


@pytest.mark.exercise("MultiHeadAttention", points=2)
@pytest.mark.parametrize(("num_heads", "batch", "length"), [(1, 1, 4), (2, 3, 5), (4, 2, 3), (12, 1, 2), (3, 2, 1)])
def test_mha_equals_torch(learner, torch_rng, num_heads, batch, length):
    """Any number of heads: the same result as torch's own multi-head attention with these weights."""
    weights = projection_weights(torch_rng, 12)
    x = normal(torch_rng, batch, length, 12, scale=2.0, dtype=torch.float32)

    context = learners_attention(learner, weights, num_heads)(x)

    check_close(context, torch_mha(weights, num_heads)[1](x), **F32)
    check_dtype(context, torch.float32)


@pytest.mark.exercise("MultiHeadAttention")
def test_a_head_owns_a_run_of_channels(learner, torch_rng):
    """The second of three heads reads and writes the channels D … 2·D − 1, and no others."""
    weights = projection_weights(torch_rng, 6)
    weights["o_proj.weight"] = torch.eye(6)
    x = normal(torch_rng, 1, 4, 6, scale=2.0, dtype=torch.float32)
    q, k, v = (x @ weights[name][2:4].T for name in PROJECTIONS[:3])

    context = learners_attention(learner, weights, 3)(x)

    check_close(context[..., 2:4], F.scaled_dot_product_attention(q, k, v), **F32, of="channels 2 and 3 of the result")


@pytest.mark.exercise("MultiHeadAttention", points=2)
@pytest.mark.parametrize("shape", [(4, 4), (2, 1, 1, 4), (2, 3, 4, 4)], ids=["T T", "B 1 1 T", "B H T T"])
def test_mha_under_a_mask(learner, torch_rng, shape):
    """Masks for all sequences, for each sequence or for each head: True means "may attend"."""
    weights = projection_weights(torch_rng, 6)
    x = normal(torch_rng, 2, 4, 6, scale=2.0, dtype=torch.float32)
    mask = random_mask(torch_rng, *shape)

    context = learners_attention(learner, weights, 3)(x, mask)

    check_close(context, torch_mha(weights, 3)[1](x, mask), **F32)


@pytest.mark.exercise("MultiHeadAttention")
def test_mha_position_that_sees_nothing(learner, torch_rng):
    """A position that may attend to nothing gets zeros; the others are as always."""
    weights = projection_weights(torch_rng, 6)
    x = normal(torch_rng, 2, 4, 6, scale=2.0, dtype=torch.float32)
    mask = random_mask(torch_rng, 2, 1, 4, 4)
    expected = torch_mha(weights, 2)[1](x, mask).detach()
    mask[0, :, 1] = False
    expected[0, 1] = 0.0

    check_close(learners_attention(learner, weights, 2)(x, mask), expected, **F32)


@pytest.mark.exercise("MultiHeadAttention")
def test_mha_does_not_see_the_future(learner, torch_rng):
    """Under a causal mask, no result depends on a later position; without a mask, every one does."""
    mha = learners_attention(learner, projection_weights(torch_rng, 6), 2)
    x = normal(torch_rng, 1, 5, 6, dtype=torch.float32)
    changed = x.clone()
    changed[:, 3:] += 3.0

    before, after = mha(x, lower_triangle(5)), mha(changed, lower_triangle(5))

    check_close(after[:, :3], before[:, :3], **F32, of="the first three results")
    moved = (mha(changed) - mha(x)).abs().amax(-1)
    check_that(bool((moved > 1e-3).all()), "without a mask every position must feel a change at the end")


@pytest.mark.exercise("MultiHeadAttention")
def test_mha_gradients(learner, torch_rng):
    """Gradients reach x and all four weights."""
    weights = projection_weights(torch_rng, 6)
    x = normal(torch_rng, 2, 3, 6, scale=2.0, dtype=torch.float32)
    cotangent = normal(torch_rng, 2, 3, 6, dtype=torch.float32)

    gradients = learner.vjp(learners_attention(learner, weights, 2), x)(cotangent)

    mha, attend = torch_mha(weights, 2)
    x.requires_grad_()
    (attend(x) * cotangent).sum().backward()
    expected = dict(zip(PROJECTIONS, [*mha.in_proj_weight.grad.chunk(3), mha.out_proj.weight.grad], strict=True))
    # Sums of six rows of products of size ten.
    check_close(gradients.inputs[0], x.grad, rtol=1e-4, atol=1e-4, of="the gradient of x")
    check_close(dict(gradients.parameters), expected, rtol=1e-4, atol=1e-4, of="the gradients of the weights")


@pytest.mark.exercise("MultiHeadAttention")
@pytest.mark.parametrize(("hidden_size", "num_heads"), [(6, 4), (8, 3), (2, 4)])
def test_heads_must_divide_the_channels(learner, hidden_size, num_heads):
    """A number of heads that does not divide the channels is a ValueError."""
    check_raises(ValueError, learner.MultiHeadAttention, hidden_size, num_heads)
    fitting = learner.MultiHeadAttention(hidden_size, 2).state_dict()
    check_equal(fitting["q_proj.weight"].shape, torch.Size([hidden_size, hidden_size]), of="the shape of q_proj.weight")


# --- cross_attention ---


def cross_inputs(generator):
    x, memory = normal(generator, 2, 3, 4, scale=2.0), normal(generator, 2, 5, 6)
    w_q, w_k, w_v = normal(generator, 4, 9, scale=0.5), normal(generator, 6, 9, scale=0.5), normal(generator, 6, 2)
    return x, memory, w_q, w_k, w_v


def cross_oracle(x, memory, w_q, w_k, w_v):
    """One query of one sequence at a time, over the real positions only."""
    contexts = torch.zeros(len(x), x.shape[1], w_v.shape[1], dtype=x.dtype)
    for b, real in enumerate(memory):
        for t, row in enumerate(x[b]):
            weights = torch.softmax((real @ w_k) @ (row @ w_q) / math.sqrt(w_q.shape[1]), dim=0)
            contexts[b, t] = weights @ (real @ w_v)
    return contexts


@pytest.mark.exercise("cross_attention")
def test_cross_attention_by_hand(learner):
    """One memory slot: every query gets exactly its value, whatever it asks."""
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]], dtype=torch.float64)
    memory = torch.tensor([[[2.0, 1.0, 0.0]]], dtype=torch.float64)
    w_v = torch.tensor([[1.0, 0.0], [0.0, 5.0], [7.0, 7.0]], dtype=torch.float64)

    context = learner.cross_attention(x, memory, x[0], torch.ones(3, 2, dtype=torch.float64), w_v)

    check_close(context, torch.tensor([[[2.0, 5.0], [2.0, 5.0]]], dtype=torch.float64), **F64)


@pytest.mark.exercise("cross_attention")
def test_cross_attention_equals_the_loop(learner, torch_rng):
    """Queries come from x, keys and values from the memory; the scores are divided by √D."""
    inputs = cross_inputs(torch_rng)

    check_close(learner.cross_attention(*inputs), cross_oracle(*inputs), **F64)


@pytest.mark.exercise("cross_attention")
def test_padding_of_the_memory_is_hidden(learner, torch_rng):
    """Positions where memory_mask is False get no weight, for every query of that sequence."""
    x, memory, *weights = cross_inputs(torch_rng)
    mask = torch.tensor([[True, True, True, False, False], [True, False, True, True, True]])

    context = learner.cross_attention(x, memory, *weights, mask)

    expected = [cross_oracle(x[b, None], memory[b, None, mask[b]], *weights) for b in range(2)]
    check_close(context, torch.cat(expected), **F64)


@pytest.mark.exercise("cross_attention")
def test_a_memory_of_padding_gives_zeros(learner, torch_rng):
    """A sequence whose memory is nothing but padding gets zeros; the other one is as always."""
    inputs = cross_inputs(torch_rng)
    mask = torch.tensor([[False] * 5, [True] * 5])

    context = learner.cross_attention(*inputs, mask)

    expected = cross_oracle(*inputs)
    expected[0] = 0.0
    check_close(context, expected, **F64)


# --- grouped_query_attention ---


def grouped_inputs(generator, num_heads, num_kv_heads):
    query = normal(generator, 2, num_heads, 3, 4, scale=2.0)
    return query, normal(generator, 2, num_kv_heads, 5, 4), normal(generator, 2, num_kv_heads, 5, 2)


def grouped_oracle(query, key, value, mask=None):
    """Head by head, each with its own key-value head."""
    group = query.shape[1] // key.shape[1]
    contexts = []
    for head in range(query.shape[1]):
        own = None if mask is None else mask.expand(len(query), query.shape[1], 3, 5)[:, head]
        kv = head // group
        contexts.append(F.scaled_dot_product_attention(query[:, head], key[:, kv], value[:, kv], attn_mask=own))
    return torch.stack(contexts, dim=1)


@pytest.mark.exercise("grouped_query_attention")
def test_neighbouring_heads_share(learner):
    """Six query heads, three key-value heads: the heads read 0, 0, 1, 1, 2, 2."""
    # Keys of zero give equal weights, so that each head returns the constant of the values it reads.
    value = torch.tensor([1.0, 2.0, 4.0]).reshape(1, 3, 1, 1).expand(1, 3, 5, 1)

    context = learner.grouped_query_attention(torch.ones(1, 6, 1, 4), torch.zeros(1, 3, 5, 4), value)

    check_close(context, torch.tensor([1.0, 1.0, 2.0, 2.0, 4.0, 4.0]).reshape(1, 6, 1, 1), rtol=1e-6)  # float32


@pytest.mark.exercise("grouped_query_attention")
@pytest.mark.parametrize("num_heads", [1, 4])
def test_one_key_value_head_for_each_query_head(learner, torch_rng, num_heads):
    """With as many key-value heads as query heads it is ordinary attention."""
    query, key, value = grouped_inputs(torch_rng, num_heads, num_heads)

    context = learner.grouped_query_attention(query, key, value)

    check_close(context, F.scaled_dot_product_attention(query, key, value), **F64)


@pytest.mark.exercise("grouped_query_attention", points=2)
@pytest.mark.parametrize(("num_heads", "num_kv_heads"), [(4, 1), (4, 2), (6, 2), (6, 3), (8, 2)])
def test_grouped_attention_equals_the_loop(learner, torch_rng, num_heads, num_kv_heads):
    """Any number of groups: head by head, the same as attention with the key-value head of its group."""
    query, key, value = grouped_inputs(torch_rng, num_heads, num_kv_heads)

    context = learner.grouped_query_attention(query, key, value)

    check_close(context, grouped_oracle(query, key, value), **F64)
    check_dtype(context, torch.float64)


@pytest.mark.exercise("grouped_query_attention")
@pytest.mark.parametrize("shape", [(3, 5), (2, 1, 1, 5), (2, 6, 3, 5)], ids=["T S", "B 1 1 S", "B H T S"])
def test_grouped_attention_under_a_mask(learner, torch_rng, shape):
    """The mask counts query heads: one for all, one for each sequence or one for each query head."""
    query, key, value = grouped_inputs(torch_rng, 6, 2)
    mask = random_mask(torch_rng, *shape)

    context = learner.grouped_query_attention(query, key, value, mask)

    check_close(context, grouped_oracle(query, key, value, mask), **F64)


@pytest.mark.exercise("grouped_query_attention")
def test_grouped_query_that_sees_nothing(learner, torch_rng):
    """A query that may attend to no key gets zeros, in that head only."""
    query, key, value = grouped_inputs(torch_rng, 4, 2)
    mask = random_mask(torch_rng, 2, 4, 3, 5)
    expected = grouped_oracle(query, key, value, mask)
    mask[1, 2, 0] = False
    expected[1, 2, 0] = 0.0

    check_close(learner.grouped_query_attention(query, key, value, mask), expected, **F64)


@pytest.mark.exercise("grouped_query_attention")
def test_shared_heads_collect_gradients(learner, torch_rng):
    """A shared key-value head collects the gradients of all its query heads."""
    inputs = grouped_inputs(torch_rng, 6, 2)
    cotangent = normal(torch_rng, 2, 6, 3, 2)

    gradients = learner.vjp("grouped_query_attention", *inputs)(cotangent).inputs

    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    expected = gradients_of(grouped_oracle(*leaves), leaves, cotangent)
    for got, gradient, name in zip(gradients, expected, ("query", "key", "value"), strict=True):
        check_close(got, gradient, **F64, of=f"the gradient of the {name}")


@pytest.mark.exercise("grouped_query_attention")
@pytest.mark.parametrize(("num_heads", "num_kv_heads"), [(6, 4), (8, 3), (2, 4)])
def test_groups_must_be_equal(learner, torch_rng, num_heads, num_kv_heads):
    """A number of key-value heads that does not divide the query heads is a ValueError."""
    check_raises(ValueError, learner.grouped_query_attention, *grouped_inputs(torch_rng, num_heads, num_kv_heads))
    shared = grouped_inputs(torch_rng, num_heads, 1)  # one key-value head for all divides any number
    check_close(learner.grouped_query_attention(*shared), grouped_oracle(*shared), **F64, of="the output of one group")


# --- norms ---

HALF = pytest.mark.parametrize(
    ("dtype", "weights"),
    [(torch.float16, torch.float16), (torch.bfloat16, torch.bfloat16), (torch.float16, torch.float32)],
    ids=["float16", "bfloat16", "float16 with float32 weights"],
)
# Roundings to 11 bits (float16) or 8 (bfloat16), one at the end and two for whoever multiplies by the weight after it.
ROUNDED = {torch.float16: {"rtol": 4e-3, "atol": 2e-3}, torch.bfloat16: {"rtol": 3e-2, "atol": 2e-2}}


def large_vectors(generator, dtype):
    """Entries near ±300, whose squares do not fit float16, beside an ordinary vector."""
    scale = torch.tensor([[300.0], [0.0], [300.0]], dtype=torch.float64)
    signs = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, -1.0], dtype=torch.float64)
    return (scale * signs + normal(generator, 3, 6)).to(dtype)


@pytest.mark.exercise("layer_norm")
def test_layer_norm_by_hand(learner):
    """[1, 1, 4, 10] has mean 4 and variance 13.5; with eps 2.5 the divisor is 4."""
    # (9 + 9 + 0 + 36) / 4 = 13.5 and √(13.5 + 2.5) = 4.
    x = torch.tensor([1.0, 1.0, 4.0, 10.0], dtype=torch.float64)
    weight = torch.tensor([4.0, 8.0, 5.0, 2.0], dtype=torch.float64)
    bias = torch.tensor([0.0, 1.0, 7.0, -1.0], dtype=torch.float64)

    check_close(learner.layer_norm(x, weight, bias, eps=2.5), torch.tensor([-3.0, -5.0, 7.0, 2.0]), **F64)


@pytest.mark.exercise("layer_norm")
@pytest.mark.parametrize("shape", [(6,), (4, 3), (2, 3, 5)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_layer_norm_equals_torch(learner, torch_rng, shape, dtype):
    """Every vector of the last axis for itself, with the default eps: the same as torch."""
    x = normal(torch_rng, *shape, scale=3.0, dtype=dtype) + 1.0
    weight, bias = normal(torch_rng, shape[-1], dtype=dtype), normal(torch_rng, shape[-1], dtype=dtype)

    result = learner.layer_norm(x, weight, bias)

    check_close(result, F.layer_norm(x, shape[-1:], weight, bias), **(F64 if dtype == torch.float64 else F32))
    check_dtype(result, dtype)


@pytest.mark.exercise("layer_norm")
@pytest.mark.parametrize("scale", [1e-3, 1e-2])
def test_layer_norm_eps_is_inside_the_root(learner, torch_rng, scale):
    """For small vectors eps counts: it is added to the variance, before the root, and 1e-5 by default."""
    x = normal(torch_rng, 3, 4, scale=scale)
    one, zero = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)

    check_close(learner.layer_norm(x, one, zero), F.layer_norm(x, (4,)), **F64)
    check_close(learner.layer_norm(x, one, zero, scale**2), F.layer_norm(x, (4,), eps=scale**2), **F64)


@pytest.mark.exercise("layer_norm")
def test_layer_norm_of_a_constant_vector(learner, torch_rng):
    """A vector without variance gives the bias, not NaN."""
    bias = normal(torch_rng, 4)

    result = learner.layer_norm(torch.full((2, 4), 7.0, dtype=torch.float64), normal(torch_rng, 4), bias)

    check_close(result, bias.expand(2, 4), **F64)


@pytest.mark.exercise("layer_norm")
@HALF
def test_layer_norm_in_half_precision(learner, torch_rng, dtype, weights):
    """Half precision is computed in float32, where 300² fits, and the result has x's dtype."""
    x, weight, bias = (
        large_vectors(torch_rng, dtype),
        normal(torch_rng, 6).to(weights),
        normal(torch_rng, 6).to(weights),
    )

    result = learner.layer_norm(x, weight, bias)

    check_dtype(result, dtype)
    check_close(result.double(), F.layer_norm(x.double(), (6,), weight.double(), bias.double()), **ROUNDED[dtype])


@pytest.mark.exercise("rms_norm")
def test_rms_norm_by_hand(learner):
    """[1, 3, 5, 1] has mean square 9; with eps 0 it is divided by 3."""
    x = torch.tensor([1.0, 3.0, 5.0, 1.0], dtype=torch.float64)
    weight = torch.tensor([3.0, 1.0, 6.0, 0.0], dtype=torch.float64)

    result = learner.rms_norm(x, weight, eps=0.0)

    check_close(result, torch.tensor([1.0, 1.0, 10.0, 0.0], dtype=torch.float64), **F64)


@pytest.mark.exercise("rms_norm", points=2)
@pytest.mark.parametrize("shape", [(6,), (4, 3), (2, 3, 5)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_rms_norm_equals_torch(learner, torch_rng, shape, dtype):
    """Every vector of the last axis for itself, with the default eps: the same as torch, in the same dtype."""
    x = normal(torch_rng, *shape, scale=3.0, dtype=dtype) + 1.0
    weight = normal(torch_rng, shape[-1], dtype=dtype)

    result = learner.rms_norm(x, weight)

    expected = F.rms_norm(x, shape[-1:], weight, eps=1e-5)
    check_close(result, expected, **(F64 if dtype == torch.float64 else F32))
    check_dtype(result, dtype)


@pytest.mark.exercise("rms_norm")
@pytest.mark.parametrize("scale", [1e-3, 1e-2])
def test_rms_norm_eps_is_inside_the_root(learner, torch_rng, scale):
    """For small vectors eps counts: it is added to the mean square, before the root, and 1e-5 by default."""
    x = normal(torch_rng, 3, 4, scale=scale)
    one = torch.ones(4, dtype=torch.float64)

    check_close(learner.rms_norm(x, one), F.rms_norm(x, (4,), eps=1e-5), **F64)
    check_close(learner.rms_norm(x, one, scale**2), F.rms_norm(x, (4,), eps=scale**2), **F64)


@pytest.mark.exercise("rms_norm")
def test_rms_norm_of_a_zero_vector(learner, torch_rng):
    """A vector of zeros gives zeros, not NaN, and leaves its neighbours alone."""
    x = normal(torch_rng, 3, 4)
    x[1] = 0.0
    weight = normal(torch_rng, 4)

    check_close(learner.rms_norm(x, weight), F.rms_norm(x, (4,), weight, eps=1e-5), **F64)


@pytest.mark.exercise("rms_norm")
def test_rms_norm_ignores_the_scale_but_not_the_mean(learner, torch_rng):
    """Without eps, a thousandfold vector gives the same; a shifted one does not."""
    x, weight = normal(torch_rng, 2, 6), torch.ones(6, dtype=torch.float64)
    expected = F.rms_norm(x, (6,), weight, eps=0.0)

    check_close(learner.rms_norm(1000.0 * x, weight, 0.0), expected, **F64, of="the norm of 1000·x")
    shifted = F.rms_norm(x + 2.0, (6,), weight, eps=0.0)
    check_close(learner.rms_norm(x + 2.0, weight, 0.0), shifted, **F64, of="the norm of x + 2")


@pytest.mark.exercise("rms_norm")
def test_rms_norm_gradients(learner, torch_rng):
    """Gradients reach x, through the divisor as well, and the weight; x itself is left as it was."""
    inputs = normal(torch_rng, 3, 4), normal(torch_rng, 4)
    cotangent = normal(torch_rng, 3, 4)

    gradients = learner.vjp("rms_norm", *inputs)(cotangent).inputs
    _, after, _ = learner.call("rms_norm", inputs[0].clone(), inputs[1], after=True)

    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    expected = gradients_of(F.rms_norm(leaves[0], (4,), leaves[1], eps=1e-5), leaves, cotangent)
    for got, gradient, name in zip(gradients, expected, ("x", "weight"), strict=True):
        check_close(got, gradient, **F64, of=f"the gradient of {name}")
    check_unchanged(after[0], inputs[0])


@pytest.mark.exercise("rms_norm")
@HALF
def test_rms_norm_in_half_precision(learner, torch_rng, dtype, weights):
    """Half precision is computed in float32, where 300² fits, and the result has x's dtype."""
    x, weight = large_vectors(torch_rng, dtype), normal(torch_rng, 6).to(weights)

    result = learner.rms_norm(x, weight)

    check_dtype(result, dtype)
    check_close(result.double(), F.rms_norm(x.double(), (6,), weight.double(), eps=1e-5), **ROUNDED[dtype])


# --- feed-forward layers ---


@pytest.mark.exercise("feed_forward")
def test_feed_forward_by_hand(learner):
    """Two hidden units of which one is rectified to zero."""
    # x w_up + b_up = [1 + 4 + 1, −1 − 2 + 1] = [6, −2] → [6, 0]; times w_down: [6, 12]; plus b_down: [5, 14].
    x = torch.tensor([1.0, 2.0])
    w_up, b_up = torch.tensor([[1.0, -1.0], [2.0, -1.0]]), torch.tensor([1.0, 1.0])
    w_down, b_down = torch.tensor([[1.0, 2.0], [50.0, 60.0]]), torch.tensor([-1.0, 2.0])

    result = learner.feed_forward(x, w_up, b_up, w_down, b_down)

    check_close(result, torch.tensor([5.0, 14.0]), rtol=1e-6)  # small integers, exact in float32


@pytest.mark.exercise("feed_forward")
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_feed_forward_equals_torch(learner, torch_rng, shape):
    """The same as torch's Linear, ReLU, Linear; every position for itself."""
    x, w_up, b_up = normal(torch_rng, *shape), normal(torch_rng, 4, 7), normal(torch_rng, 7)
    w_down, b_down = normal(torch_rng, 7, 4), normal(torch_rng, 4)

    result = learner.feed_forward(x, w_up, b_up, w_down, b_down)

    check_close(result, F.linear(F.relu(F.linear(x, w_up.T, b_up)), w_down.T, b_down), **F64)


@pytest.mark.exercise("feed_forward")
def test_feed_forward_with_every_unit_closed(learner, torch_rng):
    """Where the bias closes every hidden unit, only the last bias is left, negative entries included."""
    x, w_up, b_up = normal(torch_rng, 3, 4), normal(torch_rng, 4, 7), torch.full((7,), -1e3, dtype=torch.float64)
    b_down = torch.tensor([1.0, -2.0, 3.0, -4.0], dtype=torch.float64)

    result = learner.feed_forward(x, w_up, b_up, normal(torch_rng, 7, 4), b_down)

    check_close(result, b_down.expand(3, 4), **F64)


@pytest.mark.exercise("swiglu")
def test_swiglu_by_hand(learner):
    """Gate ln 3 has sigmoid 3/4, gate 0 is closed."""
    # silu(ln 3) = 3/4 ln 3, times the branch 4 is 3 ln 3; the second unit has silu(0) = 0. Then w_down: 1 and 2 times.
    x = torch.tensor([[1.0]], dtype=torch.float64)
    w_gate = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64)
    w_up = torch.tensor([[4.0, 9.0]], dtype=torch.float64)
    w_down = torch.tensor([[1.0, 2.0], [8.0, 8.0]], dtype=torch.float64)

    expected = torch.tensor([[3 * math.log(3), 6 * math.log(3)]], dtype=torch.float64)
    check_close(learner.swiglu(x, w_gate, w_up, w_down), expected, **F64)


@pytest.mark.exercise("swiglu")
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_swiglu_equals_the_formula(learner, torch_rng, shape):
    """(silu(x w_gate) · (x w_up)) w_down for every position, silu(z) = z / (1 + e^−z)."""
    x, w_gate, w_up, w_down = (normal(torch_rng, *s) for s in (shape, (4, 7), (4, 7), (7, 4)))

    result = learner.swiglu(x, w_gate, w_up, w_down)

    gate = x @ w_gate
    check_close(result, (gate / (1 + torch.exp(-gate)) * (x @ w_up)) @ w_down, **F64)


@pytest.mark.exercise("swiglu")
def test_swiglu_far_from_zero(learner):
    """A gate of 1000 passes a thousandfold, a gate of −1000 closes: no overflow, no NaN."""
    x, ones = torch.tensor([[1.0], [-1.0]], dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)

    result = learner.swiglu(x, 1000.0 * ones, 2.0 * ones, 3.0 * ones)

    check_close(result, torch.tensor([[6000.0], [0.0]], dtype=torch.float64), **F64)


@pytest.mark.exercise("swiglu")
def test_swiglu_gradients(learner, torch_rng):
    """Gradients reach x and all three weights, through the gate as well."""
    inputs = [normal(torch_rng, *shape) for shape in ((3, 4), (4, 7), (4, 7), (7, 4))]
    cotangent = normal(torch_rng, 3, 4)

    gradients = learner.vjp("swiglu", *inputs)(cotangent).inputs

    x, w_gate, w_up, w_down = leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    expected = gradients_of((F.silu(x @ w_gate) * (x @ w_up)) @ w_down, leaves, cotangent)
    for got, gradient, name in zip(gradients, expected, ("x", "w_gate", "w_up", "w_down"), strict=True):
        check_close(got, gradient, **F64, of=f"the gradient of {name}")


# --- blocks ---


@prop
def linear_part(weight):
    """A module that multiplies by a matrix and ignores the mask."""
    import torch

    class Part(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(weight)

        def forward(self, x, mask=None):
            return x @ self.weight

    return Part()


@prop
def attention_part(state, num_heads):
    """torch's multi-head attention under this course's masks."""
    import torch

    class Part(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.MultiheadAttention(len(state["out_proj.weight"]), num_heads, batch_first=True)
            self.inner.load_state_dict(state)

        def forward(self, x, mask=None):
            return self.inner(x, x, x, attn_mask=None if mask is None else ~mask, need_weights=False)[0]

    return Part()


@prop
def feed_forward_part(state):
    """Two linear layers with a ReLU between them."""
    import torch

    class Part(torch.nn.Module):
        def __init__(self):
            super().__init__()
            inner, channels = state["linear1.weight"].shape
            self.linear1 = torch.nn.Linear(channels, inner)
            self.linear2 = torch.nn.Linear(inner, channels)
            self.load_state_dict(state)

        def forward(self, x):
            return self.linear2(torch.relu(self.linear1(x)))

    return Part()


@prop
def layer_norm_part(weight, bias):
    """torch's LayerNorm with these parameters."""
    import torch

    norm = torch.nn.LayerNorm(len(weight))
    norm.load_state_dict({"weight": weight, "bias": bias})
    return norm


def encoder_layer(generator, norm_first):
    """Return torch's own block, 8 channels and 2 heads, with weights of a size that makes every part count."""
    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True, norm_first=norm_first)
    if norm_first:
        layer.norm1, layer.norm2 = nn.RMSNorm(8, eps=1e-5), nn.RMSNorm(8, eps=1e-5)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.copy_(normal(generator, *weight.shape, scale=0.5, dtype=torch.float32))
    return layer


def parts_of(layer):
    attention = {name: tensor.detach() for name, tensor in layer.self_attn.state_dict().items()}
    inner = {name: tensor.detach() for name, tensor in layer.state_dict().items() if name.startswith("linear")}
    return attention, inner


def learners_block(learner, layer):
    attention, inner = parts_of(layer)
    block = learner.TransformerBlock(
        8, learner.build(attention_part, attention, 2), learner.build(feed_forward_part, inner)
    )
    norms = {"attention_norm.weight": layer.norm1.weight, "feed_forward_norm.weight": layer.norm2.weight}
    state = {f"attention.inner.{name}": tensor for name, tensor in attention.items()}
    state |= {f"feed_forward.{name}": tensor for name, tensor in inner.items()}
    block.load_state_dict(state | {name: weight.detach() for name, weight in norms.items()})
    return block


def linear_block(learner, attention, feed_forward, **kwargs):
    parts = learner.build(linear_part, attention), learner.build(linear_part, feed_forward)
    return learner.TransformerBlock(len(attention), *parts, **kwargs)


@pytest.mark.exercise("TransformerBlock")
def test_block_has_two_parts_and_two_norms(learner):
    """The block keeps its parts under their names and gives each a norm of its own, with weights of one."""
    weights = linear_block(learner, torch.eye(4), 2 * torch.eye(4)).state_dict()

    expected = {
        "attention.weight": torch.eye(4),
        "attention_norm.weight": torch.ones(4),
        "feed_forward.weight": 2 * torch.eye(4),
        "feed_forward_norm.weight": torch.ones(4),
    }
    check_close({str(name): weight for name, weight in weights.items()}, expected, rtol=0.0, of="the state_dict")


@pytest.mark.exercise("TransformerBlock")
def test_silent_parts_leave_the_stream_alone(learner, torch_rng):
    """Where both parts answer zero, the stream passes through unchanged: nothing normalises it."""
    x = normal(torch_rng, 2, 3, 4, scale=3.0, dtype=torch.float32)

    result = linear_block(learner, torch.zeros(4, 4), torch.zeros(4, 4))(x)

    check_close(result, x, rtol=1e-6)  # float32; adding zero is exact


@pytest.mark.exercise("TransformerBlock")
def test_attention_adds_to_the_stream(learner, torch_rng):
    """With a silent feed-forward layer: x plus what attention makes of the normalised x."""
    x = normal(torch_rng, 2, 3, 4, scale=3.0, dtype=torch.float32)
    weight = normal(torch_rng, 4, 4, dtype=torch.float32)

    result = linear_block(learner, weight, torch.zeros(4, 4))(x)

    check_close(result, x + F.rms_norm(x, (4,), eps=1e-5) @ weight, **F32)


@pytest.mark.exercise("TransformerBlock")
def test_feed_forward_reads_what_attention_wrote(learner, torch_rng):
    """The feed-forward layer reads the normalised stream after attention has added to it."""
    x = normal(torch_rng, 2, 3, 4, scale=3.0, dtype=torch.float32)
    first, second = normal(torch_rng, 4, 4, dtype=torch.float32), normal(torch_rng, 4, 4, dtype=torch.float32)

    result = linear_block(learner, first, second)(x)

    stream = x + F.rms_norm(x, (4,), eps=1e-5) @ first
    check_close(result, stream + F.rms_norm(stream, (4,), eps=1e-5) @ second, **F32)


@pytest.mark.exercise("TransformerBlock")
@pytest.mark.parametrize("eps", [None, 0.5])
def test_block_hands_eps_to_both_norms(learner, torch_rng, eps):
    """Both norms use the block's eps, 1e-5 if none is given."""
    # A stream as small as the root of eps, so that eps counts; weights of one tenth keep it small for the second norm.
    scale = 3e-3 if eps is None else 1.0
    x = normal(torch_rng, 2, 3, 4, scale=scale, dtype=torch.float32)
    first, second = (normal(torch_rng, 4, 4, scale=0.1 * scale, dtype=torch.float32) for _ in range(2))

    result = linear_block(learner, first, second, **({} if eps is None else {"eps": eps}))(x)

    eps = 1e-5 if eps is None else eps
    stream = x + F.rms_norm(x, (4,), eps=eps) @ first
    expected = stream + F.rms_norm(stream, (4,), eps=eps) @ second
    check_close(result / scale, expected / scale, **F32)


@pytest.mark.exercise("TransformerBlock", points=2)
def test_block_equals_torch(learner, torch_rng):
    """The same as torch's encoder layer with its norms first, with a causal mask and without."""
    layer = encoder_layer(torch_rng, norm_first=True)
    x = normal(torch_rng, 2, 4, 8, scale=2.0, dtype=torch.float32)
    block = learners_block(learner, layer)

    check_close(block(x), layer(x), **F32, of="the result without a mask")
    check_close(block(x, lower_triangle(4)), layer(x, ~lower_triangle(4)), **F32, of="the result under a causal mask")


@pytest.mark.exercise("TransformerBlock")
def test_block_does_not_see_the_future(learner, torch_rng):
    """Under a causal mask, no result depends on a later position; without a mask, the first one feels the last."""
    block = learners_block(learner, encoder_layer(torch_rng, norm_first=True))
    x = normal(torch_rng, 1, 5, 8, scale=2.0, dtype=torch.float32)
    changed = x.clone()
    changed[:, 3:] = normal(torch_rng, 1, 2, 8, scale=9.0, dtype=torch.float32)

    before, after = block(x, lower_triangle(5)), block(changed, lower_triangle(5))

    check_close(after[:, :3], before[:, :3], **F32, of="the first three results")
    moved = (block(changed) - block(x))[:, 0].abs().max()
    check_that(bool(moved > 1e-3), "without a mask the first position must feel a change at the end")


@pytest.mark.exercise("TransformerBlock")
def test_block_gradients(learner, torch_rng):
    """Gradients reach x and every parameter, the two norms' included."""
    layer = encoder_layer(torch_rng, norm_first=True)
    x = normal(torch_rng, 2, 3, 8, scale=2.0, dtype=torch.float32)
    cotangent = normal(torch_rng, 2, 3, 8, dtype=torch.float32)

    gradients = learner.vjp(learners_block(learner, layer), x)(cotangent)

    x.requires_grad_()
    (layer(x) * cotangent).sum().backward()
    # Sums over six positions and twelve inner channels of products of size ten.
    check_close(gradients.inputs[0], x.grad, rtol=1e-4, atol=1e-4, of="the gradient of x")
    for name, weight in (("attention_norm", layer.norm1.weight), ("feed_forward_norm", layer.norm2.weight)):
        got = gradients.parameters[f"{name}.weight"]
        check_close(got, weight.grad, rtol=1e-4, atol=1e-4, of=f"the gradient of {name}.weight")


@pytest.mark.exercise("TransformerBlock")
def test_block_leaves_x_alone(learner, torch_rng):
    """The block adds to a stream of its own: x is the same after the call."""
    block = linear_block(learner, torch.eye(4), torch.eye(4))
    x = normal(torch_rng, 2, 3, 4, dtype=torch.float32)
    copy = x.clone()

    result, after, _ = learner.call(block, x, after=True)

    stream = copy + F.rms_norm(copy, (4,), eps=1e-5)
    check_close(result, stream + F.rms_norm(stream, (4,), eps=1e-5), **F32)
    check_unchanged(after[0], copy)


@pytest.mark.exercise("encoder_block")
def test_encoder_block_by_hand(learner):
    """Four simple functions in the place of the parts: add, normalise, add, normalise."""
    # 2 + 3 · 2 = 8, and the first norm makes it 7; 7 + (7 + 5) = 19, and the second norm makes it 38.
    parts = {
        "attention": lambda x, mask: 3 * x,
        "attention_norm": lambda x: x - 1,
        "feed_forward": lambda x: x + 5,
        "feed_forward_norm": lambda x: 2 * x,
    }

    check_close(learner.encoder_block(torch.tensor([[[2.0]]]), parts), torch.tensor([[[38.0]]]), rtol=1e-6)  # integers


@pytest.mark.exercise("encoder_block")
@pytest.mark.parametrize("hides", [False, True])
def test_encoder_block_equals_torch(learner, torch_rng, hides):
    """The same as torch's encoder layer with its norms last, with a mask and without."""
    layer = encoder_layer(torch_rng, norm_first=False)
    attention, inner = parts_of(layer)
    parts = {
        "attention": learner.build(attention_part, attention, 2),
        "attention_norm": learner.build(layer_norm_part, layer.norm1.weight.detach(), layer.norm1.bias.detach()),
        "feed_forward": learner.build(feed_forward_part, inner),
        "feed_forward_norm": learner.build(layer_norm_part, layer.norm2.weight.detach(), layer.norm2.bias.detach()),
    }
    x = normal(torch_rng, 2, 4, 8, scale=2.0, dtype=torch.float32)
    mask = random_mask(torch_rng, 4, 4) if hides else None

    result = learner.encoder_block(x, parts, mask)

    check_close(result, layer(x, None if mask is None else ~mask), **F32)


@pytest.mark.exercise("encoder_block")
def test_encoder_block_hands_the_mask_on(learner):
    """Attention gets x and the mask as they are, once; without a mask it gets None."""
    seen = []

    def attention(x, mask):
        seen.append((x, mask))
        return 0 * x

    parts = dict.fromkeys(("attention_norm", "feed_forward_norm", "feed_forward"), lambda x: x)
    parts["attention"] = attention
    x, mask = torch.arange(6.0).reshape(1, 3, 2), torch.tensor([[True, False, True]]).reshape(1, 1, 1, 3)

    results = learner.encoder_block(x, parts, mask), learner.encoder_block(x, parts)

    check_equal(len(seen), 2, of="the number of calls of attention")
    check_equal(seen[0][0], torch.arange(6.0).reshape(1, 3, 2), of="what attention was given")
    check_equal(seen[0][1], torch.tensor([[True, False, True]]).reshape(1, 1, 1, 3), of="the mask that attention got")
    check_that(seen[1][1] is None, "without a mask attention must get None")
    expected = 2 * torch.arange(6.0).reshape(1, 3, 2)
    check_close(list(results), [expected, expected], rtol=1e-6)  # small integers, exact in float32


@pytest.mark.exercise("encoder_block")
def test_encoder_block_leaves_x_alone(learner):
    """The block adds to a sequence of its own: x is the same after the call."""
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    names = ("attention", "attention_norm", "feed_forward", "feed_forward_norm")
    parts = {
        name: learner.build(linear_part, factor * torch.eye(2))
        for name, factor in zip(names, (9, 2, 3, 1), strict=True)
    }

    result, after, _ = learner.call("encoder_block", x.clone(), parts, after=True)

    check_close(result, 80 * x, rtol=1e-6)  # 2 · (1 + 9) = 20 and 20 · (1 + 3); small integers, exact in float32
    check_unchanged(after[0], x)


# --- count_parameters ---


def config_of(hidden, layers, heads, kv_heads, inner, vocabulary, tied):
    names = "hidden_size num_hidden_layers num_attention_heads num_key_value_heads intermediate_size vocab_size"
    sizes = dict(zip(names.split(), (hidden, layers, heads, kv_heads, inner, vocabulary), strict=True))
    return sizes | {"tie_word_embeddings": tied}


def built_model(config):
    """Return the layers that such a model is made of."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    kv_size = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes = [(hidden, hidden), (hidden, kv_size), (hidden, kv_size), (hidden, hidden)]
    shapes += [(hidden, inner), (hidden, inner), (inner, hidden)]
    layers = [nn.Embedding(config["vocab_size"], hidden), nn.RMSNorm(hidden)]
    for _ in range(config["num_hidden_layers"]):
        layers += [nn.Linear(*shape, bias=False) for shape in shapes] + [nn.RMSNorm(hidden), nn.RMSNorm(hidden)]
    head = nn.Linear(hidden, config["vocab_size"], bias=False)
    if config["tie_word_embeddings"]:
        head.weight = layers[0].weight
    return nn.ModuleList([*layers, head])


@pytest.mark.exercise("count_parameters")
@pytest.mark.parametrize("tied", [True, False])
def test_a_small_model_by_hand(learner, tied):
    """Two layers of six channels, counted by hand."""
    # Table 5 · 6 = 30. A layer: q, o 2 · 36; k, v 2 · 6 · 2 (one head of two channels); SwiGLU 3 · 6 · 4; norms 12:
    # 72 + 24 + 72 + 12 = 180. Two layers, the last norm and one or two tables: 360 + 6 + 30 = 396, or 426.
    config = config_of(6, 2, 3, 1, 4, 5, tied)

    check_equal(learner.count_parameters(config), 396 if tied else 426, of="the number of parameters")


@pytest.mark.exercise("count_parameters")
@pytest.mark.parametrize(
    ("config", "published"),
    [
        (config_of(576, 30, 9, 3, 1536, 49152, True), 134_515_008),  # SmolLM2-135M
        (config_of(2048, 22, 32, 4, 5632, 32000, False), 1_100_048_384),  # TinyLlama-1.1B
        (config_of(4096, 32, 32, 32, 11008, 32000, False), 6_738_415_616),  # Llama-2-7B
        (config_of(4096, 32, 32, 8, 14336, 32000, False), 7_241_732_096),  # Mistral-7B
    ],
    ids=["SmolLM2-135M", "TinyLlama-1.1B", "Llama-2-7B", "Mistral-7B"],
)
def test_published_models(learner, config, published):
    """The counts of SmolLM2-135M, TinyLlama-1.1B, Llama-2-7B and Mistral-7B are the published ones."""
    check_equal(learner.count_parameters(config), published, of="the number of parameters")


@pytest.mark.exercise("count_parameters")
def test_count_equals_the_built_model(learner, rng):
    """For any sizes the count is that of the model when its layers are built."""
    for tied in (True, False):
        kv_heads, group, head, layers, inner, vocabulary = (int(size) for size in rng.integers(2, 6, size=6))
        heads = kv_heads * group
        config = config_of(heads * head, layers, heads, kv_heads, 10 * inner, 7 * vocabulary, tied)
        expected = sum(weight.numel() for weight in built_model(config).parameters())

        check_equal(learner.count_parameters(config), expected, of=f"the number of parameters of {config}")


# --- online_softmax_attention ---


@probe
def entries_along_the_way(learner, query, key, value, block_size):
    """Return the entries of the largest tensor made on the way, and of all that were held at one time together."""
    from weakref import ref

    from torch import Tensor
    from torch.overrides import TorchFunctionMode

    largest, most, alive = 0, 0, []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, operation, types, args=(), kwargs=None):
            nonlocal largest, most, alive
            made = operation(*args, **(kwargs or {}))
            for tensor in made if isinstance(made, (tuple, list)) else (made,):
                if isinstance(tensor, Tensor):
                    largest = max(largest, tensor.numel())
                    alive.append(ref(tensor))
            held = {}  # by storage, so that a view counts once
            alive = [each for each in alive if each() is not None]
            for tensor in (each() for each in alive):
                storage = tensor.untyped_storage()
                held[storage.data_ptr()] = storage.nbytes() // tensor.element_size()
            most = max(most, sum(held.values()))
            return made

    with Watch():
        learner.online_softmax_attention(query, key, value, block_size)
    return largest, most


@pytest.mark.exercise("online_softmax_attention")
def test_online_softmax_by_hand(learner):
    """Two tiles of one key each, weights that can be computed by hand, in both orders."""
    # D = 1, scores 0 and ln 3: weights 1/4 and 3/4, so 8 · 1/4 + 4 · 3/4 = 5.
    query, key = torch.ones(1, 1, dtype=torch.float64), torch.tensor([[0.0], [math.log(3)]], dtype=torch.float64)
    value = torch.tensor([[8.0], [4.0]], dtype=torch.float64)

    rising = learner.online_softmax_attention(query, key, value, 1)
    falling = learner.online_softmax_attention(query, key.flip(0), value.flip(0), 1)

    check_close(rising, torch.tensor([[5.0]], dtype=torch.float64), **F64, of="the result with the larger score last")
    check_close(falling, torch.tensor([[5.0]], dtype=torch.float64), **F64, of="the result with the larger score first")


@pytest.mark.exercise("online_softmax_attention")
@pytest.mark.parametrize("block_size", [1, 2, 3, 4, 7, 100])
def test_tiles_of_any_size_give_exact_attention(learner, torch_rng, block_size):
    """Seven keys in tiles of any size, a smaller last one included: the same as torch's attention."""
    query, key, value = attention_inputs(torch_rng, lead=(2, 3), queries=4, keys=7, channels=9)

    context = learner.online_softmax_attention(query, key, value, block_size)

    check_close(context, F.scaled_dot_product_attention(query, key, value), **F64)
    check_dtype(context, torch.float64)


@pytest.mark.exercise("online_softmax_attention")
@pytest.mark.parametrize("slope", [800.0, -800.0, 0.0])
def test_online_softmax_is_stable(learner, slope):
    """Scores that rise or fall by hundreds from key to key, or are far from zero, neither overflow nor vanish."""
    query = torch.tensor([[1.0], [-1.0], [0.0]], dtype=torch.float64)
    key = torch.arange(6, dtype=torch.float64)[:, None] * slope - 3000.0
    value = torch.tensor([[5.0], [4.0], [3.0], [2.0], [1.0], [8.0]], dtype=torch.float64)
    # The first or the last key wins outright, by e^800; where all scores are equal, all share.
    first, last, shared = 5.0, 8.0, 23.0 / 6.0
    expected = {800.0: [last, first, shared], -800.0: [first, last, shared], 0.0: [shared] * 3}[slope]

    context = learner.online_softmax_attention(query, key, value, 2)

    check_close(context, torch.tensor(expected, dtype=torch.float64)[:, None], **F64)


@pytest.mark.exercise("online_softmax_attention", points=2)
def test_the_scores_are_never_built(learner, torch_rng):
    """With 96 queries and 96 keys in tiles of 4, the tensors held at one time never reach 96 · 96 entries."""
    query, key, value = (normal(torch_rng, 96, 4) for _ in range(3))

    context = learner.online_softmax_attention(query, key, value, 4)
    check_close(context, F.scaled_dot_product_attention(query, key, value), **F64)
    largest, held = learner.run(entries_along_the_way, query, key, value, 4)

    check_that(largest > 0, "the result must be computed with torch")
    table = 96 * 96
    check_that(largest < table, f"You built the whole T × S score table ({largest} entries); go tile by tile.")
    # A tile has 96 · 4 scores; ten tensors of that size are less than half of the table.
    check_that(held < table, f"You kept what every tile gave ({held} entries at one time); sum it up tile by tile.")
