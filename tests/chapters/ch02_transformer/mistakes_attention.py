"""Classic wrong answers to the exercises of 2.3, each with the sentence that tells the learner which one it is."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from grader.checks import mistake


def gives(*numbers):
    """Recognise a vector of these numbers in the check by hand, whatever else is wrong beside it."""
    expected = torch.tensor(numbers, dtype=torch.float64)

    def recognise(trace):
        vectors = (each.double() for each in trace if isinstance(each, torch.Tensor) and each.shape == expected.shape)
        return any(torch.allclose(vector, expected, rtol=1e-5, atol=1e-6) for vector in vectors)

    return recognise


# --- scaled_dot_product_attention ---


@mistake(
    "scaled_dot_product_attention",
    says="You left out the scaling: the scores must be divided by the root of the number of channels.",
    patch=(" / math.sqrt(query.shape[-1])", ""),
)
def no_scaling(query, key, value, mask=None):
    scores = torch.einsum("...td,...sd->...ts", query, key)
    if mask is not None:
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    return (weights if mask is None else weights * mask) @ value


@mistake(
    "scaled_dot_product_attention",
    says="You divided by D; the scale is √D.",
    patch=("math.sqrt(query.shape[-1])", "query.shape[-1]"),
)
def scaled_by_d(query, key, value, mask=None):
    weights = (query / key.size(-1)) @ key.mT
    if mask is not None:
        weights = weights.masked_fill(mask.logical_not(), -1e30)
    weights = F.softmax(weights, dim=-1)
    if mask is not None:
        weights = weights * mask
    return weights @ value


@mistake(
    "scaled_dot_product_attention",
    says="You applied the mask after the softmax: hidden keys still took part in the sum, so weight is lost.",
    patch=("scores.masked_fill(~mask, -math.inf)", "scores"),
)
def mask_after_softmax(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT * query.shape[-1] ** -0.5, dim=-1)
    if mask is not None:
        weights = weights * mask
    return weights @ value


@mistake(
    "scaled_dot_product_attention",
    says="Your softmax runs over the queries; each query must share out its own weight over the keys.",
    patch=(
        ("torch.softmax(scores, dim=-1)", "torch.softmax(scores, dim=-2)"),
        (
            "torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-1)",
            "torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-2)",
        ),
    ),
)
def softmax_over_queries(query, key, value, mask=None):
    scores = key @ query.mT / query.shape[-1] ** 0.5  # (..., S, T)
    if mask is None:
        return scores.softmax(-1).mT @ value
    weights = torch.softmax(torch.where(mask.mT, scores, -math.inf), dim=-1)
    return torch.where(mask.mT, weights, 0.0).mT @ value


@mistake(
    "scaled_dot_product_attention",
    says="Your mask is upside down: True means that the query may attend.",
    patch=(
        ("scores.masked_fill(~mask, -math.inf)", "scores.masked_fill(mask, -math.inf)"),
        ("weights.masked_fill(~mask, 0.0)", "weights.masked_fill(mask, 0.0)"),
    ),
)
def mask_upside_down(query, key, value, mask=None):
    scores = torch.einsum("...td,...sd->...ts", query, key) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, -math.inf, scores)
    return scores.softmax(-1).nan_to_num(0.0) @ value


@mistake(
    "scaled_dot_product_attention",
    says="You replaced hidden scores by 0. That is an ordinary score, and e⁰ = 1 is a fair share of the weight.",
    patch=(
        ("scores.masked_fill(~mask, -math.inf)", "scores.masked_fill(~mask, 0.0)"),
        ("weights.masked_fill(~mask, 0.0) @ value", "weights @ value"),
    ),
)
def masked_with_zero(query, key, value, mask=None):
    scores = query @ key.mT / query.shape[-1] ** 0.5
    return F.softmax(scores if mask is None else scores * mask, dim=-1) @ value


@mistake(
    "scaled_dot_product_attention",
    says="A query whose keys are all hidden gives 0/0 = NaN in your softmax; it attends to nothing and must get zeros.",
    patch=("weights.masked_fill(~mask, 0.0) @ value", "weights @ value"),
)
def nan_where_nothing_is_seen(query, key, value, mask=None):
    scores = torch.einsum("...td,...sd->...ts", query, key) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, -math.inf)
    return scores.softmax(-1) @ value


@mistake(
    "scaled_dot_product_attention",
    says="A large negative number in place of −∞ lets a query that sees nothing average all that it must not see.",
    patch=(("-math.inf", "-1e9"), ("weights.masked_fill(~mask, 0.0) @ value", "weights @ value")),
)
def average_where_nothing_is_seen(query, key, value, mask=None):
    scores = query @ key.mT / query.shape[-1] ** 0.5
    if mask is not None:
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    return F.softmax(scores, dim=-1) @ value


# --- masks ---


@mistake(
    "causal_mask",
    says="Your mask hides each position from itself as well; it may see itself and what came before.",
    patch=("diagonal=past", "diagonal=past - 1"),
)
def strictly_causal(length, past=0):
    return torch.arange(past + length) < torch.arange(past, past + length)[:, None]


@mistake(
    "causal_mask",
    says="Your mask shows the future and hides the past: True means that the query may attend.",
    patch=("return torch.ones(", "return ~torch.ones("),
)
def true_means_hidden(length, past=0):
    return torch.arange(past + length) > torch.arange(past, past + length)[:, None]


@mistake(
    "causal_mask",
    says="Behind a cache the first query is not the first position: query i stands at position past + i.",
    patch=("tril(diagonal=past)", "tril()"),
)
def aligned_at_the_start(length, past=0):
    return torch.arange(past + length) <= torch.arange(length)[:, None]


@mistake(
    "padding_mask",
    says="You count one token too many: of a sequence of n tokens the positions 0 … n − 1 are real.",
    patch=("torch.arange(max_length) <", "torch.arange(max_length) <="),
)
def one_token_too_many(lengths, max_length=None):
    size = int(lengths.max()) if max_length is None else max_length
    rows = [[position <= length for position in range(size)] for length in lengths.tolist()]
    return torch.tensor(rows).reshape(-1, 1, 1, size)


@mistake(
    "padding_mask",
    says="Your mask marks the padding; True belongs to the real tokens.",
    patch=("torch.arange(max_length) <", "torch.arange(max_length) >="),
)
def marks_the_padding(lengths, max_length=None):
    size = int(lengths.max()) if max_length is None else max_length
    rows = [[position >= length for position in range(size)] for length in lengths.tolist()]
    return torch.tensor(rows).reshape(-1, 1, 1, size)


@mistake(
    "padding_mask",
    says="You put the padding in front; here the real tokens come first.",
    patch=("torch.arange(max_length) < lengths", "torch.arange(max_length).flip(0) < lengths"),
)
def padding_in_front(lengths, max_length=None):
    size = int(lengths.max()) if max_length is None else max_length
    rows = [[position >= size - length for position in range(size)] for length in lengths.tolist()]
    return torch.tensor(rows).reshape(-1, 1, 1, size)


@mistake(
    "sliding_window_mask",
    says="Your window is one too wide: the position itself counts as one of the `window` positions.",
    patch=("distance < window", "distance <= window"),
)
def window_without_itself(length, window):
    full = torch.ones(length, length, dtype=torch.bool)
    return full.tril() & full.triu(-window)


@mistake(
    "sliding_window_mask",
    says="Your window looks forward as well: a position must not see what comes later.",
    patch=("(distance >= 0)", "(distance > -window)"),
)
def window_on_both_sides(length, window):
    full = torch.ones(length, length, dtype=torch.bool)
    return full.tril(window - 1) & full.triu(1 - window)


# --- MultiHeadAttention ---


@mistake(
    "MultiHeadAttention",
    says="You reshaped (B, T, C) straight to (B, H, T, D): that cuts time. Cut the channels first, then move the axis.",
    patch=(
        "reshape(batch, length, self.num_heads, -1).transpose(1, 2)  #",
        "reshape(batch, self.num_heads, length, -1)  #",
    ),
)
class heads_cut_from_time(nn.Module):
    def __init__(self, hidden_size, num_heads):
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError
        self.heads = num_heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(hidden_size, hidden_size, bias=False) for _ in range(4)
        )

    def forward(self, x, mask=None):
        b, t, c = x.shape
        shape = b, self.heads, t, c // self.heads
        q, k, v = self.q_proj(x).view(shape), self.k_proj(x).view(shape), self.v_proj(x).view(shape)
        context = F.scaled_dot_product_attention(q, k, v, mask)
        return self.o_proj(context.permute(0, 2, 1, 3).flatten(2))


@mistake(
    "MultiHeadAttention",
    says="You joined the heads without moving their axis back behind time, so the channels of several positions mix.",
    patch=("context.transpose(1, 2).reshape(x.shape)", "context.reshape(x.shape)"),
)
class heads_joined_across_time(nn.Module):
    def __init__(self, hidden_size, num_heads):
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError
        self.heads = num_heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(hidden_size, hidden_size, bias=False) for _ in range(4)
        )

    def forward(self, x, mask=None):
        q, k, v = (torch.stack(f(x).chunk(self.heads, -1), 1) for f in (self.q_proj, self.k_proj, self.v_proj))
        context = F.scaled_dot_product_attention(q, k, v, mask)
        return self.o_proj(context.contiguous().view(x.shape))


@mistake(
    "MultiHeadAttention",
    says="You reshaped straight to (B, H, T, D) and straight back: both cut time; the axis of heads must move.",
    patch=(
        (
            "reshape(batch, length, self.num_heads, -1).transpose(1, 2)  #",
            "reshape(batch, self.num_heads, length, -1)  #",
        ),
        ("context.transpose(1, 2).reshape(x.shape)", "context.reshape(x.shape)"),
    ),
)
class heads_never_moved(nn.Module):
    def __init__(self, hidden_size, num_heads):
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError
        self.heads = num_heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(hidden_size, hidden_size, bias=False) for _ in range(4)
        )

    def forward(self, x, mask=None):
        b, t, c = x.shape
        q, k, v = (f(x).view(b, self.heads, t, c // self.heads) for f in (self.q_proj, self.k_proj, self.v_proj))
        return self.o_proj(F.scaled_dot_product_attention(q, k, v, mask).view(b, t, c))


@mistake(
    "MultiHeadAttention",
    says="You dealt the channels out to the heads in turn; each head owns a run of D neighbouring channels.",
    patch=(
        (
            "reshape(batch, length, self.num_heads, -1).transpose(1, 2)  #",
            "reshape(batch, length, -1, self.num_heads).permute(0, 3, 1, 2)  #",
        ),
        ("context.transpose(1, 2).reshape(x.shape)", "context.permute(0, 2, 3, 1).reshape(x.shape)"),
    ),
)
class channels_dealt_out(nn.Module):
    def __init__(self, hidden_size, num_heads):
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError
        self.heads = num_heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(hidden_size, hidden_size, bias=False) for _ in range(4)
        )

    def forward(self, x, mask=None):
        q, k, v = (
            torch.stack([f(x)[..., h :: self.heads] for h in range(self.heads)], dim=1)
            for f in (self.q_proj, self.k_proj, self.v_proj)
        )
        context = F.scaled_dot_product_attention(q, k, v, mask)
        return self.o_proj(torch.stack(context.unbind(1), dim=-1).flatten(-2))


@mistake(
    "MultiHeadAttention",
    says="You scaled by the width of the model; each head's scores are sums over its own D channels.",
    patch=("attn_mask=mask)", "attn_mask=mask, scale=x.shape[-1] ** -0.5)"),
)
class scaled_by_the_model_width(nn.Module):
    def __init__(self, hidden_size, num_heads):
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError
        self.heads = num_heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(hidden_size, hidden_size, bias=False) for _ in range(4)
        )

    def forward(self, x, mask=None):
        q, k, v = (
            f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.q_proj, self.k_proj, self.v_proj)
        )
        scores = q @ k.mT / math.sqrt(x.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return self.o_proj((scores.softmax(-1).nan_to_num(0.0) @ v).transpose(1, 2).flatten(2))


@mistake(
    "MultiHeadAttention",
    says="Your heads never meet: the concatenation must still go through o_proj.",
    patch=("self.o_proj(context.transpose(1, 2).reshape(x.shape))", "context.transpose(1, 2).reshape(x.shape)"),
)
class no_output_projection(nn.Module):
    def __init__(self, hidden_size, num_heads):
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError
        self.heads = num_heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(hidden_size, hidden_size, bias=False) for _ in range(4)
        )

    def forward(self, x, mask=None):
        q, k, v = (torch.stack(f(x).chunk(self.heads, -1), 1) for f in (self.q_proj, self.k_proj, self.v_proj))
        return torch.cat(F.scaled_dot_product_attention(q, k, v, mask).unbind(1), dim=-1)


# --- cross_attention ---


@mistake(
    "cross_attention",
    says="You left the memory's padding visible: positions where memory_mask is False must get no weight.",
    patch=("attn_mask=mask)", "attn_mask=None)"),
)
def padding_seen(x, memory, w_q, w_k, w_v, memory_mask=None):
    scores = (x @ w_q) @ (memory @ w_k).mT / math.sqrt(w_q.shape[1])
    return scores.softmax(-1) @ (memory @ w_v)


@mistake(
    "cross_attention",
    says="Your mask is upside down: memory_mask is True at the real positions.",
    patch=("else memory_mask[:, None, :]", "else ~memory_mask[:, None, :]"),
)
def padding_only(x, memory, w_q, w_k, w_v, memory_mask=None):
    scores = (x @ w_q) @ (memory @ w_k).mT / math.sqrt(w_q.shape[1])
    if memory_mask is not None:
        scores = scores.masked_fill(memory_mask.unsqueeze(1), -math.inf)
    return scores.softmax(-1).nan_to_num(0.0) @ (memory @ w_v)


@mistake(
    "cross_attention",
    says="You scaled by the channels of x; the scores are sums over the D channels of queries and keys.",
    patch=("attn_mask=mask)", "attn_mask=mask, scale=x.shape[-1] ** -0.5)"),
)
def scaled_by_the_channels_of_x(x, memory, w_q, w_k, w_v, memory_mask=None):
    scores = (x @ w_q) @ (memory @ w_k).mT / math.sqrt(len(w_q))
    if memory_mask is not None:
        scores = scores.masked_fill(~memory_mask.unsqueeze(1), -math.inf)
    return scores.softmax(-1).nan_to_num(0.0) @ (memory @ w_v)


# --- grouped_query_attention ---


@mistake(
    "grouped_query_attention",
    says="You repeated the key-value heads as 0 1 0 1; neighbouring query heads share one: 0 0 1 1.",
    patch=(
        ("key.repeat_interleave(group, dim=1)", "key.repeat(1, group, 1, 1)"),
        ("value.repeat_interleave(group, dim=1)", "value.repeat(1, group, 1, 1)"),
    ),
)
def heads_tiled(query, key, value, mask=None):
    h, g = query.shape[1], key.shape[1]
    if h % g:
        raise ValueError
    order = [head % g for head in range(h)]
    return scaled_dot_product_attention(query, key[:, order], value[:, order], mask)  # noqa: F821


@mistake(
    "grouped_query_attention",
    says="You repeated the key-value heads as 0 1 0 1; neighbouring query heads share one: 0 0 1 1.",
    patch=(
        ("if num_heads % num_kv_heads != 0:", "if False:"),
        ("key.repeat_interleave(group, dim=1)", "key.repeat(1, group, 1, 1)"),
        ("value.repeat_interleave(group, dim=1)", "value.repeat(1, group, 1, 1)"),
    ),
)
def heads_tiled_and_not_counted(query, key, value, mask=None):
    copies = query.shape[1] // key.shape[1]
    key, value = torch.tile(key, (1, copies, 1, 1)), torch.tile(value, (1, copies, 1, 1))
    return scaled_dot_product_attention(query, key, value, mask)  # noqa: F821


@mistake(
    "grouped_query_attention",
    says="You repeated the keys as 0 1 0 1 and the values as 0 0 1 1; both must be 0 0 1 1.",
    patch=("key.repeat_interleave(group, dim=1)", "key.repeat(1, group, 1, 1)"),
)
def keys_tiled(query, key, value, mask=None):
    h, g = query.shape[1], key.shape[1]
    if h % g:
        raise ValueError
    value = value[:, [head // (h // g) for head in range(h)]]
    return scaled_dot_product_attention(query, torch.cat([key] * (h // g), dim=1), value, mask)  # noqa: F821


@mistake(
    "grouped_query_attention",
    says="Your keys and your values are repeated in different orders: a head reads the values of another head's keys.",
    patch=("value.repeat_interleave(group, dim=1)", "value.repeat(1, group, 1, 1)"),
)
def values_tiled(query, key, value, mask=None):
    h, g = query.shape[1], key.shape[1]
    if h % g:
        raise ValueError
    key = key[:, [head // (h // g) for head in range(h)]]
    return scaled_dot_product_attention(query, key, torch.cat([value] * (h // g), dim=1), mask)  # noqa: F821


@mistake(
    "grouped_query_attention",
    says="The mask is lost on the way: hand it on to the attention.",
    patch=("scaled_dot_product_attention(query, key, value, mask)", "scaled_dot_product_attention(query, key, value)"),
)
def mask_lost(query, key, value, mask=None):
    h, g = query.shape[1], key.shape[1]
    if h % g:
        raise ValueError
    grouped = query.unflatten(1, (g, h // g))
    scores = torch.einsum("bgrtd,bgsd->bgrts", grouped, key) * query.shape[-1] ** -0.5
    return torch.einsum("bgrts,bgse->bgrte", scores.softmax(-1), value).flatten(1, 2)


# --- norms ---


@mistake(
    "layer_norm",
    says="Your variance divides by C − 1; LayerNorm's divides by C.",
    patch=("centred.pow(2).mean(dim=-1, keepdim=True)", "wide.var(dim=-1, keepdim=True)"),
    recognise=gives(-12 / 20.5**0.5, 1 - 24 / 20.5**0.5, 7, 12 / 20.5**0.5 - 1),  # variance 18
)
def unbiased_variance(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return centred * torch.rsqrt(centred.square().sum(-1, keepdim=True) / (x.shape[-1] - 1) + eps) * weight + bias


@mistake(
    "layer_norm",
    says="You added eps to the standard deviation; it belongs to the variance, inside the root.",
    patch=("torch.sqrt(variance + eps)", "(torch.sqrt(variance) + eps)"),
    recognise=gives(-12 / (13.5**0.5 + 2.5), 1 - 24 / (13.5**0.5 + 2.5), 7, 12 / (13.5**0.5 + 2.5) - 1),
)
def layer_norm_eps_outside(x, weight, bias, eps=1e-5):
    deviation, mean = torch.std_mean(x, dim=-1, correction=0, keepdim=True)
    return weight * (x - mean) / (deviation + eps) + bias


@mistake(
    "layer_norm",
    says="You normalised the whole tensor at once; every vector of the last axis has a mean and a variance of its own.",
    patch=(
        ("wide.mean(dim=-1, keepdim=True)", "wide.mean()"),
        ("centred.pow(2).mean(dim=-1, keepdim=True)", "centred.pow(2).mean()"),
    ),
)
def one_mean_for_all(x, weight, bias, eps=1e-5):
    dtype, x = x.dtype, x.float() if x.dtype.itemsize == 2 else x
    return ((x - x.mean()) * torch.rsqrt(x.var(correction=0) + eps) * weight + bias).to(dtype)


@mistake(
    "layer_norm",
    says="You squared in half precision, and 300² does not fit float16: widen x first, narrow the result.",
    patch=("x.to(torch.promote_types(x.dtype, torch.float32))", "x"),
)
def layer_norm_overflows(x, weight, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    deviation = (centred * centred).mean(-1, keepdim=True).add(eps).sqrt()
    return (weight * (centred / deviation) + bias).type_as(x)


@mistake(
    "rms_norm",
    says="You removed the mean first: that is LayerNorm. RMSNorm divides and leaves the mean where it is.",
    patch=("mean_square = wide", "wide = wide - wide.mean(dim=-1, keepdim=True)\n    mean_square = wide"),
    recognise=gives(-4.5 / 2.75**0.5, 0.5 / 2.75**0.5, 15 / 2.75**0.5, 0),  # mean 2.5, variance 2.75
)
def mean_removed(x, weight, eps=1e-5):
    return F.layer_norm(x, x.shape[-1:], weight.to(x.dtype), None, eps)


@mistake(
    "rms_norm",
    says="You added eps to the root; it belongs inside, to the mean square.",
    patch=("torch.rsqrt(mean_square + eps)", "(torch.rsqrt(mean_square) ** -1 + eps) ** -1"),
)
def rms_norm_eps_outside(x, weight, eps=1e-5):
    wide = x.float() if x.dtype.itemsize == 2 else x
    return (weight * wide / (wide.square().mean(-1, keepdim=True).sqrt() + eps)).to(x.dtype)


@mistake(
    "rms_norm",
    says="You divided by the length of the vector: take the mean of the squares, not their sum.",
    patch=("wide.pow(2).mean(dim=-1, keepdim=True)", "wide.pow(2).sum(dim=-1, keepdim=True)"),
    recognise=gives(0.5, 0.5, 5, 0),  # length 6
)
def divided_by_the_length(x, weight, eps=1e-5):
    return weight * x / torch.sqrt((x * x).sum(-1, keepdim=True) + eps)


@mistake(
    "rms_norm",
    says="You divided by the mean square itself; its root is missing.",
    patch=("torch.rsqrt(mean_square + eps)", "(mean_square + eps).reciprocal()"),
    recognise=gives(1 / 3, 1 / 3, 10 / 3, 0),
)
def root_missing(x, weight, eps=1e-5):
    return weight * x / ((x * x).sum(-1, keepdim=True) / x.shape[-1] + eps)


@mistake(
    "rms_norm",
    says="You normalised the whole tensor at once; every vector of the last axis has a mean square of its own.",
    patch=("mean(dim=-1, keepdim=True)", "mean()"),
)
def one_mean_square_for_all(x, weight, eps=1e-5):
    wide = x.float() if x.dtype.itemsize == 2 else x
    return (weight * wide / ((wide * wide).sum() / x.numel() + eps).sqrt()).to(x.dtype)


@mistake(
    "rms_norm",
    says="You squared in half precision, and 300² does not fit float16: widen x first, narrow the result.",
    patch=("x.to(torch.promote_types(x.dtype, torch.float32))", "x"),
)
def rms_norm_overflows(x, weight, eps=1e-5):
    return (weight * x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)).type_as(x)


# --- feed-forward layers ---


@mistake(
    "feed_forward",
    says="Nothing bends: without the ReLU two linear layers are one linear layer.",
    patch=("torch.relu(x @ w_up + b_up)", "(x @ w_up + b_up)"),
)
def nothing_bends(x, w_up, b_up, w_down, b_down):
    return x @ (w_up @ w_down) + b_up @ w_down + b_down


@mistake(
    "feed_forward",
    says="The bias b_up is missing: it decides where each hidden unit bends.",
    patch=("torch.relu(x @ w_up + b_up)", "torch.relu(x @ w_up)"),
)
def first_bias_missing(x, w_up, b_up, w_down, b_down):
    return F.linear(F.linear(x, w_up.T).clamp(min=0), w_down.T, b_down)


@mistake(
    "feed_forward",
    says="The bias b_down is missing.",
    patch=("@ w_down + b_down", "@ w_down"),
)
def last_bias_missing(x, w_up, b_up, w_down, b_down):
    return F.linear(F.linear(x, w_up.T, b_up).clamp(min=0), w_down.T)


@mistake(
    "feed_forward",
    says="Your ReLU stands at the end; it belongs between the two layers, on the hidden units.",
    patch=("torch.relu(x @ w_up + b_up) @ w_down + b_down", "torch.relu((x @ w_up + b_up) @ w_down + b_down)"),
)
def relu_at_the_end(x, w_up, b_up, w_down, b_down):
    return F.linear(F.linear(x, w_up.T, b_up), w_down.T, b_down).clamp(min=0)


@mistake(
    "feed_forward",
    says="Your ReLU bends x itself; it belongs between the two layers, on the hidden units.",
    patch=("torch.relu(x @ w_up + b_up)", "(torch.relu(x) @ w_up + b_up)"),
)
def relu_at_the_start(x, w_up, b_up, w_down, b_down):
    return F.linear(F.linear(x.clamp(min=0), w_up.T, b_up), w_down.T, b_down)


@mistake(
    "feed_forward",
    says="You rectified the output as well; only the hidden units pass through the ReLU.",
    patch=(
        "torch.relu(x @ w_up + b_up) @ w_down + b_down",
        "torch.relu(torch.relu(x @ w_up + b_up) @ w_down + b_down)",
    ),
)
def output_rectified(x, w_up, b_up, w_down, b_down):
    hidden = F.linear(x, w_up.T, b_up).clamp(min=0)
    return F.linear(hidden, w_down.T, b_down).clamp(min=0)


@mistake(
    "feed_forward",
    says="You added the bias after the ReLU; it decides where the ReLU bends, so it belongs before.",
    patch=("torch.relu(x @ w_up + b_up)", "(torch.relu(x @ w_up) + b_up)"),
)
def bias_after_the_relu(x, w_up, b_up, w_down, b_down):
    return (x @ w_up).clamp(min=0) @ w_down + b_up @ w_down + b_down


@mistake(
    "swiglu",
    says="You gated the wrong branch: SiLU belongs to x w_gate, and x w_up stays as it is.",
    patch=("F.silu(x @ w_gate) * (x @ w_up)", "F.silu(x @ w_up) * (x @ w_gate)"),
)
def branches_swapped(x, w_gate, w_up, w_down):
    up = x @ w_up
    return (up * torch.sigmoid(up) * (x @ w_gate)) @ w_down


@mistake(
    "swiglu",
    says="Your gate is a plain sigmoid, that is GLU; SiLU is z · sigmoid(z).",
    patch=("F.silu(x @ w_gate)", "torch.sigmoid(x @ w_gate)"),
)
def plain_sigmoid(x, w_gate, w_up, w_down):
    return F.glu(torch.cat([x @ w_up, x @ w_gate], dim=-1), dim=-1) @ w_down


@mistake(
    "swiglu",
    says="Your gate is a GELU, that is GEGLU; SwiGLU uses SiLU.",
    patch=("F.silu(x @ w_gate)", "F.gelu(x @ w_gate)"),
)
def gelu_gate(x, w_gate, w_up, w_down):
    gate = x @ w_gate
    return (0.5 * gate * (1 + torch.erf(gate / math.sqrt(2))) * (x @ w_up)) @ w_down


# --- blocks ---


@mistake(
    "TransformerBlock",
    says="You normalised the stream after each addition: that is post-norm. Here the norm stands in the branch.",
    patch=(
        (
            "x = x + self.attention(self.attention_norm(x), mask)",
            "x = self.attention_norm(x + self.attention(x, mask))",
        ),
        ("x + self.feed_forward(self.feed_forward_norm(x))", "self.feed_forward_norm(x + self.feed_forward(x))"),
    ),
)
class post_norm(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(hidden_size, eps), attention
        self.feed_forward_norm, self.feed_forward = nn.RMSNorm(hidden_size, eps), feed_forward

    def forward(self, x, mask=None):
        h = self.attention(x, mask) + x
        h = self.attention_norm(h)
        return self.feed_forward_norm(self.feed_forward(h) + h)


@mistake(
    "TransformerBlock",
    says="The residual connections are missing: each part adds to the stream, it does not replace it.",
    patch=(
        ("x = x + self.attention(", "x = self.attention("),
        ("x + self.feed_forward(", "self.feed_forward("),
    ),
)
class no_residual(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(hidden_size, eps), attention
        self.feed_forward_norm, self.feed_forward = nn.RMSNorm(hidden_size, eps), feed_forward

    def forward(self, x, mask=None):
        h = self.attention(self.attention_norm(x), mask)
        return self.feed_forward(self.feed_forward_norm(h))


@mistake(
    "TransformerBlock",
    says="You add to the normalised stream; the norm is for the branch only, the stream itself stays as it is.",
    patch=(
        (
            "x = x + self.attention(self.attention_norm(x), mask)",
            "x = self.attention_norm(x)\n        x = self.feed_forward_norm(x + self.attention(x, mask))",
        ),
        ("x + self.feed_forward(self.feed_forward_norm(x))", "x + self.feed_forward(x)"),
    ),
)
class stream_normalised(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(hidden_size, eps), attention
        self.feed_forward_norm, self.feed_forward = nn.RMSNorm(hidden_size, eps), feed_forward

    def forward(self, x, mask=None):
        normed = self.attention_norm(x)
        normed = self.feed_forward_norm(normed + self.attention(normed, mask))
        return self.feed_forward(normed) + normed


@mistake(
    "TransformerBlock",
    says="Both parts read the same input; the feed-forward layer must read what attention has added to.",
    patch=(
        ("x = x + self.attention(", "h = x + self.attention("),
        ("x + self.feed_forward(", "h + self.feed_forward("),
    ),
)
class side_by_side(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(hidden_size, eps), attention
        self.feed_forward_norm, self.feed_forward = nn.RMSNorm(hidden_size, eps), feed_forward

    def forward(self, x, mask=None):
        attended = self.attention(self.attention_norm(x), mask)
        return attended + self.feed_forward(self.feed_forward_norm(x)) + x


@mistake(
    "TransformerBlock",
    says="Attention reads the bare stream; its norm, attention_norm, must stand in front of it.",
    patch=("self.attention(self.attention_norm(x), mask)", "self.attention(x, mask)"),
)
class attention_not_normalised(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(hidden_size, eps), attention
        self.feed_forward_norm, self.feed_forward = nn.RMSNorm(hidden_size, eps), feed_forward

    def forward(self, x, mask=None):
        h = self.attention(x, mask) + x
        return self.feed_forward(self.feed_forward_norm(h)) + h


@mistake(
    "TransformerBlock",
    says="The feed-forward layer reads the bare stream; its norm, feed_forward_norm, must stand in front of it.",
    patch=("self.feed_forward(self.feed_forward_norm(x))", "self.feed_forward(x)"),
)
class feed_forward_not_normalised(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(hidden_size, eps), attention
        self.feed_forward_norm, self.feed_forward = nn.RMSNorm(hidden_size, eps), feed_forward

    def forward(self, x, mask=None):
        h = self.attention(self.attention_norm(x), mask) + x
        return self.feed_forward(h) + h


@mistake(
    "TransformerBlock",
    says="Your sum is written into the caller's x; add into a new tensor instead.",
    patch=("x = x + self.attention(", "x += self.attention("),
)
class callers_stream_changed(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(hidden_size, eps), attention
        self.feed_forward_norm, self.feed_forward = nn.RMSNorm(hidden_size, eps), feed_forward

    def forward(self, x, mask=None):
        x.add_(self.attention(self.attention_norm(x), mask))
        return self.feed_forward(self.feed_forward_norm(x)) + x


@mistake(
    "TransformerBlock",
    says="The mask never reaches attention, so every position sees the future.",
    patch=("self.attention_norm(x), mask)", "self.attention_norm(x), None)"),
)
class mask_not_handed_on(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(hidden_size, eps), attention
        self.feed_forward_norm, self.feed_forward = nn.RMSNorm(hidden_size, eps), feed_forward

    def forward(self, x, mask=None):
        h = self.attention(self.attention_norm(x), mask=None) + x
        return self.feed_forward(self.feed_forward_norm(h)) + h


@mistake(
    "TransformerBlock",
    says="You use the same norm twice; each part has one of its own, with weights of its own.",
    patch=("x + self.feed_forward(self.feed_forward_norm(x))", "x + self.feed_forward(self.attention_norm(x))"),
)
class one_norm_for_both(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(hidden_size, eps), attention
        self.feed_forward_norm, self.feed_forward = nn.RMSNorm(hidden_size, eps), feed_forward

    def forward(self, x, mask=None):
        norm = self.attention_norm
        h = self.attention(norm(x), mask) + x
        return self.feed_forward(norm(h)) + h


@mistake(
    "encoder_block",
    says="You normalised before each part: that is pre-norm. Here the norm comes after the addition.",
    patch=(
        (
            'parts["attention_norm"](x + parts["attention"](x, mask))',
            'x + parts["attention"](parts["attention_norm"](x), mask)',
        ),
        (
            'parts["feed_forward_norm"](h + parts["feed_forward"](h))',
            'h + parts["feed_forward"](parts["feed_forward_norm"](h))',
        ),
    ),
)
def pre_norm(x, parts, mask=None):
    h = parts["attention"](parts["attention_norm"](x), mask) + x
    return parts["feed_forward"](parts["feed_forward_norm"](h)) + h


@mistake(
    "encoder_block",
    says="You normalised the branch before adding it; the sum is what must be normalised.",
    patch=(
        (
            'parts["attention_norm"](x + parts["attention"](x, mask))',
            'x + parts["attention_norm"](parts["attention"](x, mask))',
        ),
        (
            'parts["feed_forward_norm"](h + parts["feed_forward"](h))',
            'h + parts["feed_forward_norm"](parts["feed_forward"](h))',
        ),
    ),
)
def branch_normalised(x, parts, mask=None):
    h = x + parts["attention_norm"](parts["attention"](x, mask))
    return parts["feed_forward_norm"](parts["feed_forward"](h)) + h


@mistake(
    "encoder_block",
    says="The residual connections are missing: each part adds to what it read.",
    patch=(("x + parts", "parts"), ("h + parts", "parts")),
)
def encoder_without_residual(x, parts, mask=None):
    h = parts["attention_norm"](parts["attention"](x, mask))
    return parts["feed_forward_norm"](parts["feed_forward"](h))


@mistake(
    "encoder_block",
    says="Your sum is written into the caller's x; add into a new tensor instead.",
    patch=(
        'h = parts["attention_norm"](x + parts["attention"](x, mask))',
        'x += parts["attention"](x, mask)\n    h = parts["attention_norm"](x)',
    ),
)
def callers_sequence_changed(x, parts, mask=None):
    h = parts["attention_norm"](x.add_(parts["attention"](x, mask)))
    return parts["feed_forward_norm"](parts["feed_forward"](h) + h)


# --- count_parameters ---


@mistake(
    "count_parameters",
    says="You gave keys and values as many heads as the queries; they have num_key_value_heads.",
    patch=("2 * hidden * kv_size", "2 * hidden * hidden"),
)
def full_key_value_heads(config):
    c, f, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    tables = 1 if config["tie_word_embeddings"] else 2
    return tables * config["vocab_size"] * c + layers * (4 * c * c + 3 * c * f + 2 * c) + c


@mistake(
    "count_parameters",
    says="SwiGLU has three matrices: gate, up and down.",
    patch=('3 * hidden * config["intermediate_size"]', '2 * hidden * config["intermediate_size"]'),
)
def two_matrices(config):
    c, f, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    kv = c * config["num_key_value_heads"] // config["num_attention_heads"]
    tables = 1 if config["tie_word_embeddings"] else 2
    return tables * config["vocab_size"] * c + layers * (2 * c * (c + kv) + 2 * c * f + 2 * c) + c


@mistake(
    "count_parameters",
    says="You counted tied tables twice: the output layer is the embedding table itself.",
    patch=('embedding if config["tie_word_embeddings"] else 2 * embedding', "2 * embedding"),
)
def tied_table_twice(config):
    c, f, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    kv = c * config["num_key_value_heads"] // config["num_attention_heads"]
    return 2 * config["vocab_size"] * c + layers * (2 * c * (c + kv) + 3 * c * f + 2 * c) + c


@mistake(
    "count_parameters",
    says="You forgot the output layer: when it is not tied it is a second table of V × C.",
    patch=('embedding if config["tie_word_embeddings"] else 2 * embedding', "embedding"),
)
def output_layer_forgotten(config):
    c, f, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    kv = c * config["num_key_value_heads"] // config["num_attention_heads"]
    return config["vocab_size"] * c + layers * (2 * c * (c + kv) + 3 * c * f + 2 * c) + c


@mistake(
    "count_parameters",
    says="You forgot the last norm, the one behind all layers.",
    patch=("(attention + swiglu_layer + norms) + hidden", "(attention + swiglu_layer + norms)"),
)
def last_norm_forgotten(config):
    c, f, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    kv = c * config["num_key_value_heads"] // config["num_attention_heads"]
    tables = 1 if config["tie_word_embeddings"] else 2
    return tables * config["vocab_size"] * c + layers * (2 * c * (c + kv) + 3 * c * f + 2 * c)


# --- online_softmax_attention ---


@mistake(
    "online_softmax_attention",
    says="When the peak moved you converted the sum of the weights but not the weighted sum of the values.",
    patch=("context = context * convert + weights", "context = context + weights"),
)
def values_not_converted(query, key, value, block_size):
    peak = torch.full_like(query[..., 0], -math.inf)
    total, context = torch.zeros_like(peak), 0.0
    for keys, values in zip(key.split(block_size, -2), value.split(block_size, -2), strict=True):
        scores = query @ keys.mT * query.shape[-1] ** -0.5
        old, peak = peak, torch.maximum(peak, scores.amax(-1))
        weights = (scores - peak[..., None]).exp()
        total = total * (old - peak).exp() + weights.sum(-1)
        context = context + weights @ values
    return context / total[..., None]


@mistake(
    "online_softmax_attention",
    says="When the peak moved you converted the weighted sum of the values but not the sum of the weights.",
    patch=("total = total * convert + weights", "total = total + weights"),
)
def total_not_converted(query, key, value, block_size):
    peak = torch.full_like(query[..., 0], -math.inf)
    total, context = torch.zeros_like(peak), 0.0
    for keys, values in zip(key.split(block_size, -2), value.split(block_size, -2), strict=True):
        scores = query @ keys.mT * query.shape[-1] ** -0.5
        old, peak = peak, torch.maximum(peak, scores.amax(-1))
        weights = (scores - peak[..., None]).exp()
        total = total + weights.sum(-1)
        context = context * (old - peak).exp()[..., None] + weights @ values
    return context / total[..., None]


@mistake(
    "online_softmax_attention",
    says="You took the softmax of each tile for itself and averaged the tiles: a tile of small scores must count less.",
    patch=(
        "new_peak = torch.maximum(peak, scores.amax(dim=-1, keepdim=True))",
        "peak = new_peak = scores.logsumexp(dim=-1, keepdim=True)",
    ),
)
def tiles_averaged(query, key, value, block_size):
    tiles = [
        torch.softmax(query @ keys.mT / math.sqrt(query.shape[-1]), dim=-1) @ values
        for keys, values in zip(key.split(block_size, -2), value.split(block_size, -2), strict=True)
    ]
    return torch.stack(tiles).mean(0)


@mistake(
    "online_softmax_attention",
    says="You dropped the last tile when it is smaller than the others.",
    patch=("range(0, key.shape[-2], block_size)", "range(0, max(key.shape[-2] - block_size, 0) + 1, block_size)"),
)
def last_tile_dropped(query, key, value, block_size):
    kept = max(key.shape[-2] // block_size, 1) * block_size
    outputs = []
    for row in range(query.shape[-2]):
        scores = query[..., row : row + 1, :] @ key[..., :kept, :].mT / math.sqrt(query.shape[-1])
        outputs.append(scores.softmax(-1) @ value[..., :kept, :])
    return torch.cat(outputs, dim=-2)
