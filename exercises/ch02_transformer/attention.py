"""2.3 The attention mechanism: every position asks all others a question and averages their answers by relevance.

Sources: Vaswani et al. (2017), Attention Is All You Need, arXiv:1706.03762, sections 3.1 to 3.3; Ba et al. (2016),
arXiv:1607.06450 (LayerNorm); Zhang and Sennrich (2019), arXiv:1910.07467 (RMSNorm); Xiong et al. (2020),
arXiv:2002.04745 (pre-norm); Shazeer (2020), arXiv:2002.05202 (SwiGLU); Ainslie et al. (2023), arXiv:2305.13245
(grouped queries); Milakov and Gimelshein (2018), arXiv:1805.02867, and Dao et al. (2022), arXiv:2205.14135 (online
softmax).

Axes:
    B  sequences of the batch      T  positions that ask (queries)      S  positions that are asked (keys and values)
    C  channels of the model       H  query heads                       G  key-value heads
    D  channels of one head        E  channels of one value             F  inner channels of the feed-forward layer
    M  channels of a memory        V  tokens of the vocabulary

A mask is a boolean tensor; True means "may attend". Weights without a bias are written (inputs, outputs) and applied
as `x @ w`; only the modules keep them the other way round, as `nn.Linear` does.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def scaled_dot_product_attention(query, key, value, mask=None):
    """Average the values, weighted by how well each key answers the query.

    Write it from products and a softmax: torch's own attention, such as
    `torch.nn.functional.scaled_dot_product_attention`, is forbidden.

    Args:
        query: (..., T, D) float tensor.
        key: (..., S, D) float tensor.
        value: (..., S, E) float tensor; E may differ from D.
        mask: boolean, broadcastable to (..., T, S), True where the query may attend to the key; None hides nothing.

    Returns:
        (..., T, E) tensor of the query's dtype: softmax(query keyᵀ / √D) value, the softmax over the keys. A query that
        may attend to no key at all gets zeros, and the gradients there are zero as well: never NaN. The arguments are
        left as they were.

    Example:
        >>> query = torch.tensor([[2.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
        >>> key = torch.tensor([[0.0, 5.0, 0.0, 0.0], [math.log(3), 0.0, 7.0, 0.0]], dtype=torch.float64)
        >>> value = torch.tensor([[0.0, 4.0], [8.0, 0.0]], dtype=torch.float64)
        >>> scaled_dot_product_attention(query, key, value).round(decimals=6).tolist()  # the weights are 1/4 and 3/4
        [[6.0, 1.0]]

    Vaswani et al. (2017), equation 1.
    """
    raise NotImplementedError


def causal_mask(length, past=0):
    """Let every position see itself and what came before, also when earlier positions sit in a cache.

    Args:
        length: T, number of new positions, which are the queries.
        past: number of earlier positions that are in the cache; their keys come first.

    Returns:
        (T, past + T) boolean tensor. Query i stands at position past + i and may attend to the keys 0 … past + i.

    Example:
        >>> causal_mask(2, past=1).tolist()
        [[True, True, False], [True, True, True]]
    """
    raise NotImplementedError


def padding_mask(lengths, max_length=None):
    """Hide the padding at the end of short sequences from every head and every query.

    Args:
        lengths: (B,) integer tensor, number of real tokens of each sequence; they stand first, the padding after them.
        max_length: S, the padded length in tokens, at least the longest of `lengths`; None takes that longest one.

    Returns:
        (B, 1, 1, S) boolean tensor, True at real tokens; the two axes of size one broadcast over heads and queries.

    Example:
        >>> padding_mask(torch.tensor([1, 3])).tolist()
        [[[[True, False, False]]], [[[True, True, True]]]]
    """
    raise NotImplementedError


def sliding_window_mask(length, window):
    """Let every position see itself and at most `window - 1` positions before it.

    Args:
        length: T, number of positions.
        window: how many positions each one sees at most, itself included; at least 1.

    Returns:
        (T, T) boolean tensor, True where the key is not later than the query and fewer than `window` positions back.

    Example:
        >>> sliding_window_mask(3, window=2).tolist()
        [[True, False, False], [True, True, False], [False, True, True]]

    Jiang et al. (2023), Mistral 7B, arXiv:2310.06825.
    """
    raise NotImplementedError


class MultiHeadAttention(nn.Module):
    """Attend several times side by side, each head on its own D = C / H channels.

    `torch.nn.MultiheadAttention` is forbidden; see `forward` for what is allowed.

    Args:
        hidden_size: C, channels of the model.
        num_heads: H, must divide hidden_size.

    Its `state_dict` holds exactly q_proj.weight, k_proj.weight, v_proj.weight and o_proj.weight, each (C, C), of four
    `nn.Linear` layers without bias. Head h owns the channels h·D … (h + 1)·D − 1 of all three projections, and the same
    place in the concatenation that o_proj reads. There is no dropout.

    Raises:
        ValueError: if num_heads does not divide hidden_size.

    Example:
        >>> mha = MultiHeadAttention(hidden_size=6, num_heads=2)
        >>> tuple(mha(torch.ones(1, 5, 6)).shape), sorted(mha.state_dict())
        ((1, 5, 6), ['k_proj.weight', 'o_proj.weight', 'q_proj.weight', 'v_proj.weight'])

    Vaswani et al. (2017), section 3.2.2.
    """

    def __init__(self, hidden_size, num_heads):
        super().__init__()
        raise NotImplementedError

    def forward(self, x, mask=None):
        """Let the positions of each sequence attend to one another.

        Args:
            x: (B, T, C) float tensor.
            mask: boolean, broadcastable to (B, H, T, T), True where the query may attend to the key; or None.

        Returns:
            (B, T, C) tensor of x's dtype. A position that may attend to nothing gets zeros.

        `torch.nn.functional.scaled_dot_product_attention` may do the attention itself: its boolean masks mean the same.
        """
        raise NotImplementedError


def cross_attention(x, memory, w_q, w_k, w_v, memory_mask=None):
    """Let one sequence ask another: queries from x, keys and values from the memory (one head).

    Args:
        x: (B, T, C) float tensor, the sequence that asks (a decoder's states).
        memory: (B, S, M) float tensor, the sequence that is asked (an encoder's output), M channels.
        w_q: (C, D) weight of the queries.
        w_k: (M, D) weight of the keys.
        w_v: (M, E) weight of the values.
        memory_mask: (B, S) boolean, True at real positions of the memory, False at its padding; None hides nothing.

    Returns:
        (B, T, E) tensor. Where the memory of a sequence is nothing but padding, zeros.

    Example:
        >>> x, memory = torch.zeros(1, 1, 2), torch.tensor([[[2.0], [4.0], [90.0]]])
        >>> w_q, w_k, w_v = torch.ones(2, 4), torch.ones(1, 4), torch.ones(1, 1)
        >>> cross_attention(x, memory, w_q, w_k, w_v, torch.tensor([[True, True, False]])).tolist()  # (2 + 4) / 2
        [[[3.0]]]

    `torch.nn.functional.scaled_dot_product_attention` may do the attention itself.

    Vaswani et al. (2017), section 3.2.3.
    """
    raise NotImplementedError


def grouped_query_attention(query, key, value, mask=None):
    """Attend with H query heads that share G key-value heads, so that the cache shrinks by H / G.

    Torch's own attention is forbidden: call your `scaled_dot_product_attention`, whose checks must pass first.

    Args:
        query: (B, H, T, D) float tensor.
        key: (B, G, S, D) float tensor; G divides H.
        value: (B, G, S, E) float tensor.
        mask: boolean, broadcastable to (B, H, T, S), True where the query may attend to the key; or None.

    Returns:
        (B, H, T, E) tensor. Neighbours share: query head h reads key-value head h // (H / G). A query that may attend
        to no key gets zeros.

    Raises:
        ValueError: if G does not divide H.

    Example:
        >>> query, key = torch.zeros(1, 4, 1, 2), torch.zeros(1, 2, 3, 2)
        >>> value = torch.tensor([10.0, 20.0]).reshape(1, 2, 1, 1).expand(1, 2, 3, 1)
        >>> grouped_query_attention(query, key, value).flatten().tolist()
        [10.0, 10.0, 20.0, 20.0]

    Ainslie et al. (2023), section 2.2. G = 1 is Shazeer's multi-query attention, G = H the ordinary kind.
    """
    raise NotImplementedError


def layer_norm(x, weight, bias, eps=1e-5):
    """Bring every vector to mean 0 and variance 1, then scale and shift each channel.

    Torch's own layer norms (`torch.nn.functional.layer_norm`, `torch.nn.LayerNorm` ...) are forbidden.

    Args:
        x: (..., C) float tensor. Half precision (float16, bfloat16) is computed in float32, other dtypes as they are.
        weight: (C,) gain per channel.
        bias: (C,) shift per channel.
        eps: added to the variance, inside the root.

    Returns:
        (..., C) tensor of x's dtype, whatever that of weight and bias. The variance is the biased one: it divides by
        C, not by C − 1.

    Example:
        >>> x = torch.tensor([1.0, 3.0], dtype=torch.float64)
        >>> layer_norm(x, torch.tensor([1.0, 10.0]), torch.tensor([0.0, 5.0]), eps=0.0).tolist()
        [-1.0, 15.0]

    Ba et al. (2016), Layer Normalization.
    """
    raise NotImplementedError


def rms_norm(x, weight, eps=1e-5):
    """Scale every vector to unit root mean square, then each channel by a learned weight.

    Torch's own RMS norms (`torch.nn.functional.rms_norm`, `torch.nn.RMSNorm` ...) are forbidden.

    Args:
        x: (..., C) float tensor, left as it was. Half precision (float16, bfloat16) is computed in float32, other
            dtypes as they are.
        weight: (C,) gain per channel.
        eps: added to the mean square, inside the root.

    Returns:
        (..., C) tensor of x's dtype, whatever that of the weight. The mean is not removed and nothing is added.

    Example:
        >>> x = torch.tensor([1.0, 7.0], dtype=torch.float64)  # mean square 25, root 5
        >>> rms_norm(x, torch.tensor([1.0, 10.0]), eps=0.0).round(decimals=6).tolist()
        [0.2, 14.0]

    Zhang and Sennrich (2019), equation 4.
    """
    raise NotImplementedError


def feed_forward(x, w_up, b_up, w_down, b_down):
    """Let every position think for itself: widen, rectify, narrow.

    Args:
        x: (..., C) float tensor.
        w_up: (C, F) weight, applied as x @ w_up.
        b_up: (F,) bias.
        w_down: (F, C) weight.
        b_down: (C,) bias.

    Returns:
        (..., C) tensor: relu(x w_up + b_up) w_down + b_down.

    Example:
        >>> x, w_up, w_down = torch.tensor([[2.0]]), torch.tensor([[1.0, -1.0]]), torch.tensor([[3.0], [5.0]])
        >>> feed_forward(x, w_up, torch.tensor([1.0, 1.0]), w_down, torch.tensor([0.5])).tolist()  # 3 · relu(3) + 0.5
        [[9.5]]

    Vaswani et al. (2017), equation 2.
    """
    raise NotImplementedError


def swiglu(x, w_gate, w_up, w_down):
    """Let every position think for itself, one projection gating the other.

    Args:
        x: (..., C) float tensor.
        w_gate: (C, F) weight whose output goes through SiLU, silu(z) = z · sigmoid(z).
        w_up: (C, F) weight of the plain branch.
        w_down: (F, C) weight back to the model's channels.

    Returns:
        (..., C) tensor: (silu(x w_gate) · (x w_up)) w_down, the middle product entry by entry. No biases.

    Example:
        >>> x = torch.tensor([[1.0]], dtype=torch.float64)
        >>> w_gate, w_up, w_down = (torch.tensor([[w]], dtype=torch.float64) for w in (2.0, 3.0, 10.0))
        >>> swiglu(x, w_gate, w_up, w_down).round(decimals=4).tolist()  # silu(2) = 1.7616
        [[52.8478]]

    Shazeer (2020), equation 6.
    """
    raise NotImplementedError


class TransformerBlock(nn.Module):
    """Add what attention and then a feed-forward layer have to say to the residual stream (pre-norm).

    Torch's own blocks (`torch.nn.TransformerEncoderLayer`, `torch.nn.TransformerDecoderLayer`) are forbidden.

    Args:
        hidden_size: C, channels of the model.
        attention: module or other callable, called as attention(x, mask) with x (B, T, C); returns (B, T, C).
        feed_forward: module or other callable, called as feed_forward(x) with x (B, T, C); returns (B, T, C).
        eps: of both norms.

    The parts are kept under their own names, `attention` and `feed_forward`. Each has a norm of its own in front:
    `attention_norm` and `feed_forward_norm`, `nn.RMSNorm` layers (or your own, with the one parameter `weight` (C,),
    at first ones). The feed-forward layer reads the stream after attention has written to it.

    Example:
        >>> block = TransformerBlock(2, attention=lambda x, mask: 0 * x, feed_forward=lambda x: x, eps=0.0)
        >>> block.double()(torch.tensor([[[1.0, 7.0]]], dtype=torch.float64)).tolist()  # 1 + 1/5, 7 + 7/5
        [[[1.2, 8.4]]]

    Xiong et al. (2020), figure 1b.
    """

    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        raise NotImplementedError

    def forward(self, x, mask=None):
        """Pass the stream through the block.

        Args:
            x: (B, T, C) float tensor, the residual stream; left as it was.
            mask: handed on to attention as it is.

        Returns:
            (B, T, C) tensor, the stream after both parts have added to it.
        """
        raise NotImplementedError


def encoder_block(x, parts, mask=None):
    """Pass a sequence through the encoder block of 2017, which normalises after each addition (post-norm).

    Args:
        x: (B, T, C) float tensor; left as it was.
        parts: dict of four callables: "attention", called as attention(x, mask); "feed_forward", "attention_norm" and
            "feed_forward_norm", called with one (B, T, C) tensor; all return (B, T, C).
        mask: handed on to attention as it is: an encoder hides padding, never the future.

    Returns:
        (B, T, C) tensor: h = attention_norm(x + attention(x)), then feed_forward_norm(h + feed_forward(h)).

    Example:
        >>> parts = {"attention": lambda x, mask: x + 1, "attention_norm": lambda x: 10 * x,
        ...          "feed_forward": lambda x: x + 2, "feed_forward_norm": lambda x: x / 2}
        >>> encoder_block(torch.tensor([[[1.0]]]), parts).tolist()  # h = 10 · (1 + 2) = 30, (30 + 32) / 2
        [[[31.0]]]

    Vaswani et al. (2017), section 3.1.
    """
    raise NotImplementedError


def count_parameters(config):
    """Count the parameters of a Llama-like model from its configuration alone.

    Args:
        config: dict with the names of Hugging Face's `config.json`: hidden_size (C), num_hidden_layers,
            num_attention_heads (H, divides C), num_key_value_heads (G), intermediate_size (F), vocab_size (V) and
            tie_word_embeddings (bool: the output layer is the embedding table itself).

    Returns:
        int. Counted are the token embedding (V, C); per layer q and o (C, C), k and v (C, G·D) with D = C / H, the
        gate, up and down matrices of SwiGLU and two RMSNorm weights (C,); one last RMSNorm; and the output layer (V, C)
        when it is not tied. There are no biases, and rotary positions have no parameters.

    Example:
        >>> config = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
        ...           "intermediate_size": 8, "vocab_size": 10, "tie_word_embeddings": True}
        >>> count_parameters(config)  # 40 + (16 + 8 + 8 + 16) + 3 · 32 + 8 + 4
        196
    """
    raise NotImplementedError


def online_softmax_attention(query, key, value, block_size):
    """Compute exact attention one tile of keys at a time, without ever holding all T × S scores.

    Torch's own attention is forbidden here as well.

    Args:
        query: (..., T, D) float tensor.
        key: (..., S, D) float tensor, S at least 1.
        value: (..., S, E) float tensor.
        block_size: number of keys of a tile; the last tile may be smaller, one tile may hold all keys.

    Returns:
        (..., T, E) tensor of the query's dtype: softmax(query keyᵀ / √D) value, stable for scores of any size. The
        (T, S) scores are neither built nor kept tile by tile: where T and S are large against the other axes and the
        block_size, the tensors held at any one time have fewer than T · S entries, all of them together.

    Example:
        >>> query, key = torch.zeros(1, 2), torch.zeros(3, 2)
        >>> online_softmax_attention(query, key, torch.tensor([[1.0], [2.0], [6.0]]), block_size=2).tolist()
        [[3.0]]

    Milakov and Gimelshein (2018), algorithm 3; Dao et al. (2022), algorithm 1.
    """
    raise NotImplementedError
