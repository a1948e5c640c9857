"""Classic wrong answers to the exercises of 2.5, each with the sentence that tells the learner which one it is."""
# ruff: noqa: F821 (each stands in the solution's module, whose names it uses)

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.checks import mistake

# --- dequantize_q8_0 ---


@mistake(
    "dequantize_q8_0",
    says="You read the numbers without a sign: a byte of 255 stands for -1.",
    patch=("blocks[:, 2:].view(np.int8)", "blocks[:, 2:]"),
)
def without_a_sign(blocks):
    scale = np.ascontiguousarray(blocks[:, :2]).view(np.float16).astype(np.float32)
    return scale * blocks[:, 2:].astype(np.float32)


@mistake(
    "dequantize_q8_0",
    says="You took the offset of 128 for the sign; the bytes are in two's complement.",
    patch=("blocks[:, 2:].view(np.int8)", "(blocks[:, 2:] - 128.0).astype(np.float32)"),
)
def offset_of_128(blocks):
    scale = np.frombuffer(blocks[:, :2].tobytes(), dtype="<f2").astype(np.float32)
    return scale[:, None] * (blocks[:, 2:].astype(np.int16) - 128).astype(np.float32)


# --- dequantize_q4_1 ---


@mistake(
    "dequantize_q4_1",
    says="You put the two numbers of a byte next to each other; they are sixteen places apart.",
    patch=(
        "np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], axis=1)",
        "np.stack([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], axis=2).reshape(-1, 32)",
    ),
)
def neighbours(blocks):
    head = np.ascontiguousarray(blocks[:, :4]).view(np.float16).astype(np.float32)
    numbers = np.empty((len(blocks), 32), dtype=np.float32)
    numbers[:, 0::2], numbers[:, 1::2] = blocks[:, 4:] % 16, blocks[:, 4:] // 16
    return head[:, :1] * numbers + head[:, 1:]


@mistake(
    "dequantize_q4_1",
    says="You took the high four bits for the first half; the low ones come first.",
    patch=("[blocks[:, 4:] & 15, blocks[:, 4:] >> 4]", "[blocks[:, 4:] >> 4, blocks[:, 4:] & 15]"),
)
def high_bits_first(blocks):
    head = np.ascontiguousarray(blocks[:, :4]).view(np.float16).astype(np.float32)
    numbers = np.empty((len(blocks), 32), dtype=np.float32)
    numbers[:, 16:], numbers[:, :16] = blocks[:, 4:] % 16, blocks[:, 4:] // 16
    return head[:, :1] * numbers + head[:, 1:]


@mistake(
    "dequantize_q4_1",
    says="You subtracted the minimum; it is added, and it is a negative number already.",
    patch=("scale * numbers + minimum", "scale * numbers - minimum"),
)
def minimum_subtracted(blocks):
    head = np.ascontiguousarray(blocks[:, :4]).view(np.float16).astype(np.float32)
    numbers = np.hstack([blocks[:, 4:] % 16, blocks[:, 4:] // 16]).astype(np.float32)
    return head[:, :1] * numbers - head[:, 1:]


@mistake(
    "dequantize_q4_1",
    says="You moved the numbers by 8 as the kind Q4_0 does; here the minimum says where they begin.",
    patch=("scale * numbers + minimum", "scale * (numbers - np.float32(8)) + minimum"),
)
def moved_by_eight(blocks):
    head = np.ascontiguousarray(blocks[:, :4]).view(np.float16).astype(np.float32)
    numbers = np.hstack([blocks[:, 4:] % 16, blocks[:, 4:] // 16]).astype(np.float32) - 8
    return head[:, :1] * numbers + head[:, 1:]


@mistake(
    "dequantize_q4_1",
    says="You exchanged scale and minimum: the scale comes first.",
    patch=("scale, minimum = blocks", "minimum, scale = blocks"),
)
def scale_for_minimum(blocks):
    head = np.ascontiguousarray(blocks[:, :4]).view(np.float16).astype(np.float32)
    numbers = np.hstack([blocks[:, 4:] % 16, blocks[:, 4:] // 16]).astype(np.float32)
    return head[:, 1:] * numbers + head[:, :1]


@mistake(
    "dequantize_q4_1",
    says="You computed in float16, which rounds the results and ends at 65504.",
    patch=('.view("<f2").astype(np.float32)', '.view("<f2")'),
)
def in_half_precision(blocks):
    head = np.ascontiguousarray(blocks[:, :4]).view(np.float16)
    numbers = np.hstack([blocks[:, 4:] % 16, blocks[:, 4:] // 16]).astype(np.float16)
    return head[:, :1] * numbers + head[:, 1:]


# --- load_gguf_weights ---


@mistake(
    "load_gguf_weights",
    says="You left the rows of queries and keys in the file's order, in which pairs are neighbours.",
    patch=("if kind in heads:", "if kind in heads and not heads:"),
)
def not_put_back(gguf, config):
    weights = {}
    for name, tensor in gguf.tensors.items():
        *block, kind, _ = name.split(".")
        place = ["layers", block[1], GGUF_NAMES[kind]] if block else [GGUF_NAMES[kind]]
        weights[".".join([*place, "weight"])] = torch.tensor(values_of(tensor))
    return weights


@mistake(
    "load_gguf_weights",
    says="You shuffled the rows of queries and keys once more; undo the file's order instead.",
    patch=(
        "values.reshape(heads[kind], -1, 2, values.shape[-1])",
        "values.reshape(heads[kind], 2, -1, values.shape[-1])",
    ),
)
def shuffled_again(gguf, config):
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    weights = {}
    for name, tensor in gguf.tensors.items():
        values, parts = torch.tensor(values_of(tensor)), name.split(".")
        if parts[-2] in heads:
            size = len(values) // heads[parts[-2]]
            halves = [head.split(size // 2) for head in values.split(size)]
            values = torch.cat([torch.stack(half, dim=1).flatten(0, 1) for half in halves])
        place = ["layers", parts[1]] if len(parts) == 4 else []
        weights[".".join([*place, GGUF_NAMES[parts[-2]], "weight"])] = values
    return weights


@mistake(
    "load_gguf_weights",
    says="You cut the keys into as many heads as the queries have; they have num_key_value_heads.",
    patch=('"attn_k": config.num_key_value_heads', '"attn_k": config.num_attention_heads'),
)
def keys_cut_as_queries(gguf, config):
    weights = {}
    for name, tensor in gguf.tensors.items():
        values, parts = torch.tensor(values_of(tensor)), name.split(".")
        if parts[-2] in ("attn_q", "attn_k"):
            pairs = values.unflatten(0, (config.num_attention_heads, -1, 2))
            values = torch.cat([pairs[:, :, 0], pairs[:, :, 1]], dim=1).flatten(0, 1)
        place = ["layers", parts[1]] if len(parts) == 4 else []
        weights[".".join([*place, GGUF_NAMES[parts[-2]], "weight"])] = values
    return weights


@mistake(
    "load_gguf_weights",
    says="You cut the keys into as many heads as the queries have; they have num_key_value_heads.",
    patch=(
        "values.reshape(heads[kind], -1, 2, values.shape[-1])",
        "values.reshape(config.num_attention_heads, config.head_dim // 2, 2, config.hidden_size)",
    ),
)
def keys_of_the_queries_size(gguf, config):
    weights = {}
    for name, tensor in gguf.tensors.items():
        values, parts = torch.tensor(values_of(tensor)), name.split(".")
        if parts[-2] in ("attn_q", "attn_k"):
            pairs = values.view(config.num_attention_heads, config.head_dim // 2, 2, config.hidden_size)
            values = torch.cat([pairs[:, :, 0], pairs[:, :, 1]], dim=1).flatten(0, 1)
        place = ["layers", parts[1]] if len(parts) == 4 else []
        weights[".".join([*place, GGUF_NAMES[parts[-2]], "weight"])] = values
    return weights


@mistake(
    "load_gguf_weights",
    says="You put the rows of the values in another order too; only what rotates was permuted, queries and keys.",
    patch=(
        '"attn_k": config.num_key_value_heads}',
        '"attn_k": config.num_key_value_heads, "attn_v": config.num_key_value_heads}',
    ),
)
def values_moved_too(gguf, config):
    weights = {}
    for name, tensor in gguf.tensors.items():
        values, parts = torch.tensor(values_of(tensor)), name.split(".")
        if parts[-2] in ("attn_q", "attn_k", "attn_v"):
            heads = config.num_attention_heads if parts[-2] == "attn_q" else config.num_key_value_heads
            pairs = values.unflatten(0, (heads, -1, 2))
            values = torch.cat([pairs[:, :, 0], pairs[:, :, 1]], dim=1).flatten(0, 1)
        place = ["layers", parts[1]] if len(parts) == 4 else []
        weights[".".join([*place, GGUF_NAMES[parts[-2]], "weight"])] = values
    return weights


# --- KVCache ---


@mistake(
    "KVCache",
    says="You put the new positions before the old ones; the oldest come first.",
    patch=(
        ("torch.cat([self.keys[layer], key], dim=2)", "torch.cat([key, self.keys[layer]], dim=2)"),
        ("torch.cat([self.values[layer], value], dim=2)", "torch.cat([value, self.values[layer]], dim=2)"),
    ),
)
class newest_first:
    def __init__(self, num_layers):
        self.kept = [[] for _ in range(num_layers)]

    @property
    def length(self):
        return sum(key.shape[2] for key, _ in self.kept[-1])

    def update(self, layer, key, value):
        self.kept[layer].insert(0, (key, value))
        keys, values = zip(*self.kept[layer], strict=True)
        return torch.cat(keys, dim=2), torch.cat(values, dim=2)

    def truncate(self, length):
        for layer, pieces in enumerate(self.kept):
            if pieces:
                self.kept[layer] = [tuple(torch.cat(each, dim=2)[:, :, :length] for each in zip(*pieces, strict=True))]


@mistake(
    "KVCache",
    says="All your layers share one store; each layer needs keys and values of its own.",
    patch=("if self.keys[layer] is not None:", "layer = -1\n        if self.keys[layer] is not None:"),
)
class one_store:
    def __init__(self, num_layers):
        self.kept = None

    @property
    def length(self):
        return 0 if self.kept is None else self.kept[0].size(2)

    def update(self, layer, key, value):
        new = (key, value)
        self.kept = new if self.kept is None else tuple(map(torch.cat, zip(self.kept, new, strict=True), (2, 2)))
        return self.kept

    def truncate(self, length):
        if self.kept is not None:
            self.kept = tuple(tensor[:, :, :length] for tensor in self.kept)


@mistake(
    "KVCache",
    says="Your update gives back the new positions only; attention needs all of them.",
    patch=(
        ("if self.keys[layer] is not None:", "new = key, value\n        if self.keys[layer] is not None:"),
        ("        return key, value", "        return new"),
    ),
)
class gives_back_the_new:
    def __init__(self, num_layers):
        self.kept = [[] for _ in range(num_layers)]

    @property
    def length(self):
        return sum(key.shape[2] for key, _ in self.kept[-1])

    def update(self, layer, key, value):
        self.kept[layer].append((key, value))
        return key, value

    def truncate(self, length):
        for layer, pieces in enumerate(self.kept):
            if pieces:
                self.kept[layer] = [tuple(torch.cat(each, dim=2)[:, :, :length] for each in zip(*pieces, strict=True))]


@mistake(
    "KVCache",
    says="Your length counts the first layer, which in the middle of a pass is ahead of the others.",
    patch=(
        "0 if self.keys[-1] is None else self.keys[-1].shape[2]",
        "0 if self.keys[0] is None else self.keys[0].shape[2]",
    ),
)
class length_of_the_first_layer:
    def __init__(self, num_layers):
        self.kept = [[] for _ in range(num_layers)]

    @property
    def length(self):
        return sum(key.shape[2] for key, _ in self.kept[0])

    def update(self, layer, key, value):
        self.kept[layer].append((key, value))
        keys, values = zip(*self.kept[layer], strict=True)
        return torch.cat(keys, dim=2), torch.cat(values, dim=2)

    def truncate(self, length):
        for layer, pieces in enumerate(self.kept):
            if pieces:
                self.kept[layer] = [tuple(torch.cat(each, dim=2)[:, :, :length] for each in zip(*pieces, strict=True))]


@mistake(
    "KVCache",
    says="Your truncate keeps the newest positions; the oldest ones are to be kept.",
    patch=("tensor[:, :, :length]", "tensor[:, :, -length:]"),
)
class keeps_the_newest:
    def __init__(self, num_layers):
        self.kept = [[] for _ in range(num_layers)]

    @property
    def length(self):
        return sum(key.shape[2] for key, _ in self.kept[-1])

    def update(self, layer, key, value):
        self.kept[layer].append((key, value))
        keys, values = zip(*self.kept[layer], strict=True)
        return torch.cat(keys, dim=2), torch.cat(values, dim=2)

    def truncate(self, length):
        for layer, pieces in enumerate(self.kept):
            if pieces:
                whole = [torch.cat(each, dim=2) for each in zip(*pieces, strict=True)]
                self.kept[layer] = [tuple(each[:, :, max(0, each.shape[2] - length) :] for each in whole)]


# --- LlamaBlock ---


@mistake(
    "LlamaBlock",
    says="You rotated the values too; only queries and keys turn.",
    patch=(
        ("query, key = (\n", "query, key, value = (\n"),
        ("for heads in (query, key)\n", "for heads in (query, key, value)\n"),
    ),
)
class values_rotated(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, (batch, length, _) = self.input_layernorm(x), x.shape
        q, k, v = (
            self.parts.rotary_embedding(
                layer(h).reshape(batch, length, -1, self.config.head_dim).swapaxes(1, 2),
                positions,
                self.config.rope_theta,
            )
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        heads = self.parts.grouped_query_attention(q, k, v, mask)
        x = x + self.o_proj(heads.swapaxes(1, 2).reshape(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n)) + x


@mistake(
    "LlamaBlock",
    says="Your keys do not turn; both queries and keys are rotated by their positions.",
    patch=(
        ("query, key = (\n", "(query,) = (\n"),
        ("for heads in (query, key)\n", "for heads in (query,)\n"),
    ),
)
class keys_not_rotated(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, (batch, length, _) = self.input_layernorm(x), x.shape
        q, k, v = (
            layer(h).reshape(batch, length, -1, self.config.head_dim).swapaxes(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        q = self.parts.rotary_embedding(q, positions, self.config.rope_theta)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        heads = self.parts.grouped_query_attention(q, k, v, mask)
        x = x + self.o_proj(heads.swapaxes(1, 2).reshape(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n)) + x


@mistake(
    "LlamaBlock",
    says='You rotate in the layout "interleaved"; these weights need "half".',
    patch=('layout="half")\n            for', 'layout="interleaved")\n            for'),
)
class interleaved(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, (batch, length, _) = self.input_layernorm(x), x.shape
        q, k, v = (
            layer(h).reshape(batch, length, -1, self.config.head_dim).swapaxes(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        q = self.parts.rotary_embedding(q, positions, self.config.rope_theta, "interleaved")
        k = self.parts.rotary_embedding(k, positions, self.config.rope_theta, "interleaved")
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        heads = self.parts.grouped_query_attention(q, k, v, mask)
        x = x + self.o_proj(heads.swapaxes(1, 2).reshape(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n)) + x


@mistake(
    "LlamaBlock",
    says="You rotate with the base of 2017, 10000; the configuration says with which one the model was trained.",
    patch=(", base=self.config.rope_theta", ""),
)
class base_of_2017(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, (batch, length, _) = self.input_layernorm(x), x.shape
        q, k, v = (
            layer(h).reshape(batch, length, -1, self.config.head_dim).swapaxes(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = self.parts.rotary_embedding(q, positions), self.parts.rotary_embedding(k, positions)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        heads = self.parts.grouped_query_attention(q, k, v, mask)
        x = x + self.o_proj(heads.swapaxes(1, 2).reshape(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n)) + x


@mistake(
    "LlamaBlock",
    says="You cut heads out of time: the channels are cut first, then the axes of heads and time change places.",
    patch=(
        (
            "projection(h).unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2)",
            "projection(h).reshape(len(x), -1, x.shape[1], self.config.head_dim)",
        ),
    ),
)
class heads_cut_from_time(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, size = self.input_layernorm(x), self.config.head_dim
        q = self.q_proj(h).view(x.shape[0], self.config.num_attention_heads, x.shape[1], size)
        k = self.k_proj(h).view(x.shape[0], self.config.num_key_value_heads, x.shape[1], size)
        v = self.v_proj(h).view(x.shape[0], self.config.num_key_value_heads, x.shape[1], size)
        q = self.parts.rotary_embedding(q, positions, self.config.rope_theta)
        k = self.parts.rotary_embedding(k, positions, self.config.rope_theta)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        heads = self.parts.grouped_query_attention(q, k, v, mask)
        x = x + self.o_proj(torch.cat(heads.unbind(1), dim=-1))
        n = self.post_attention_layernorm(x)
        return self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n)) + x


@mistake(
    "LlamaBlock",
    says="The mask never reaches attention, so every position sees the future.",
    patch=("(query, key, value, mask)", "(query, key, value)"),
)
class mask_forgotten(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, (batch, length, _) = self.input_layernorm(x), x.shape
        q, k, v = (
            layer(h).reshape(batch, length, -1, self.config.head_dim).swapaxes(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        q = self.parts.rotary_embedding(q, positions, self.config.rope_theta)
        k = self.parts.rotary_embedding(k, positions, self.config.rope_theta)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        heads = self.parts.grouped_query_attention(q, k, v)
        x = x + self.o_proj(heads.swapaxes(1, 2).reshape(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n)) + x


@mistake(
    "LlamaBlock",
    says="You applied SiLU to the wrong branch: the gate goes through it, the other stays as it is.",
    patch=("F.silu(self.gate_proj(h)) * self.up_proj(h)", "self.gate_proj(h) * F.silu(self.up_proj(h))"),
)
class wrong_branch_gated(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, (batch, length, _) = self.input_layernorm(x), x.shape
        q, k, v = (
            layer(h).reshape(batch, length, -1, self.config.head_dim).swapaxes(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        q = self.parts.rotary_embedding(q, positions, self.config.rope_theta)
        k = self.parts.rotary_embedding(k, positions, self.config.rope_theta)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        heads = self.parts.grouped_query_attention(q, k, v, mask)
        x = x + self.o_proj(heads.swapaxes(1, 2).reshape(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return self.down_proj(F.silu(self.up_proj(n)) * self.gate_proj(n)) + x


@mistake(
    "LlamaBlock",
    says="You joined the heads without bringing time back before them.",
    patch=("context.transpose(1, 2).flatten(2)", "context.reshape(x.shape)"),
)
class heads_not_brought_back(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, (batch, length, _) = self.input_layernorm(x), x.shape
        q, k, v = (
            layer(h).reshape(batch, length, -1, self.config.head_dim).swapaxes(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        q = self.parts.rotary_embedding(q, positions, self.config.rope_theta)
        k = self.parts.rotary_embedding(k, positions, self.config.rope_theta)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        heads = self.parts.grouped_query_attention(q, k, v, mask)
        x = x + self.o_proj(heads.contiguous().view(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n)) + x


@mistake(
    "LlamaBlock",
    says="You put unrotated keys into the cache.",
    patch=(
        ("query, key = (\n", "(query,) = (\n"),
        ("for heads in (query, key)\n", "for heads in (query,)\n"),
        (
            "        context = ",
            "        places = positions if cache is None else torch.arange(key.shape[2])\n"
            "        key = self.parts.rotary_embedding(key, places, base=self.config.rope_theta)\n"
            "        context = ",
        ),
    ),
)
class cached_before_they_turn(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, (batch, length, _) = self.input_layernorm(x), x.shape
        q, k, v = (
            layer(h).reshape(batch, length, -1, self.config.head_dim).swapaxes(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        places = positions
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
            places = torch.arange(k.size(2))
        q = self.parts.rotary_embedding(q, positions, self.config.rope_theta)
        k = self.parts.rotary_embedding(k, places, self.config.rope_theta)
        heads = self.parts.grouped_query_attention(q, k, v, mask)
        x = x + self.o_proj(heads.swapaxes(1, 2).reshape(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n)) + x


@mistake(
    "LlamaBlock",
    says="You put unrotated keys into the cache.",
    patch=(
        ("query, key = (\n", "(query,) = (\n"),
        ("for heads in (query, key)\n", "for heads in (query,)\n"),
        (
            "        context = ",
            "        key = self.parts.rotary_embedding(key, positions, base=self.config.rope_theta)\n"
            "        context = ",
        ),
    ),
)
class all_turned_by_the_new_positions(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, (batch, length, _) = self.input_layernorm(x), x.shape
        q, k, v = (
            layer(h).reshape(batch, length, -1, self.config.head_dim).swapaxes(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        q, k = (self.parts.rotary_embedding(each, positions, self.config.rope_theta) for each in (q, k))
        heads = self.parts.grouped_query_attention(q, k, v, mask)
        x = x + self.o_proj(heads.swapaxes(1, 2).reshape(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n)) + x


@mistake(
    "LlamaBlock",
    says="Your second norm reads the stream from before attention; it belongs behind what attention has added.",
    patch=(
        ("x = x + self.o_proj(", "after = x + self.o_proj("),
        ("return x + self.down_proj(", "return after + self.down_proj("),
    ),
)
class second_norm_reads_x(nn.Module):
    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.parts, self.layer = config, parts, layer
        hidden, kv = config.hidden_size, config.head_dim * config.num_key_value_heads
        self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps, parts.rms_norm)
        self.q_proj, self.o_proj = nn.Linear(hidden, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.k_proj, self.v_proj = nn.Linear(hidden, kv, bias=False), nn.Linear(hidden, kv, bias=False)
        self.gate_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, hidden, bias=False)

    def forward(self, x, positions, mask=None, cache=None):
        h, (batch, length, _) = self.input_layernorm(x), x.shape
        q, k, v = (
            layer(h).reshape(batch, length, -1, self.config.head_dim).swapaxes(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        q = self.parts.rotary_embedding(q, positions, self.config.rope_theta)
        k = self.parts.rotary_embedding(k, positions, self.config.rope_theta)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        heads = self.parts.grouped_query_attention(q, k, v, mask)
        n = self.post_attention_layernorm(x)
        x = x + self.o_proj(heads.swapaxes(1, 2).reshape(batch, length, -1))
        return self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n)) + x


# --- Llama ---


@mistake(
    "Llama",
    says="With a cache your positions begin at 0 again; new tokens stand behind those of the cache.",
    patch=("torch.arange(past, past + length)", "torch.arange(length)"),
)
class positions_from_zero(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config, self.parts = config, parts
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([LlamaBlock(config, parts, i) for i in range(config.num_hidden_layers)])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, parts.rms_norm)

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        x = self.embed_tokens(ids) if ids is not None else inputs_embeds
        count, states = x.shape[1], [x]
        mask = self.parts.causal_mask(count, 0 if cache is None else cache.length)
        for block in self.layers:
            x = block(x, torch.arange(count), mask, cache)
            states.append(x)
        logits = self.norm(x) @ self.embed_tokens.weight.T
        return (logits, states) if hidden_states else logits


@mistake(
    "Llama",
    says="You left out the last norm, between the last block and the output layer.",
    patch=("F.linear(self.norm(stream[-1])", "F.linear(stream[-1]"),
)
class without_the_last_norm(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config, self.parts = config, parts
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([LlamaBlock(config, parts, i) for i in range(config.num_hidden_layers)])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, parts.rms_norm)

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        x = self.embed_tokens(ids) if ids is not None else inputs_embeds
        past, count, states = 0 if cache is None else cache.length, x.shape[1], [x]
        for block in self.layers:
            x = block(x, torch.arange(count) + past, self.parts.causal_mask(count, past), cache)
            states.append(x)
        logits = x @ self.embed_tokens.weight.T
        return (logits, states) if hidden_states else logits


@mistake(
    "Llama",
    says="You multiplied the embeddings by √C, as the Transformer of 2017 does; a Llama takes them as they are.",
    patch=("self.embed_tokens(ids) if", "self.embed_tokens(ids) * self.config.hidden_size**0.5 if"),
)
class embeddings_scaled(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config, self.parts = config, parts
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([LlamaBlock(config, parts, i) for i in range(config.num_hidden_layers)])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, parts.rms_norm)

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        scale = torch.tensor(float(self.config.hidden_size)).sqrt()
        x = scale * self.embed_tokens(ids) if ids is not None else inputs_embeds
        past, count, states = 0 if cache is None else cache.length, x.shape[1], [x]
        for block in self.layers:
            x = block(x, torch.arange(count) + past, self.parts.causal_mask(count, past), cache)
            states.append(x)
        logits = self.norm(x) @ self.embed_tokens.weight.T
        return (logits, states) if hidden_states else logits


@mistake(
    "Llama",
    says="Your blocks get no mask, so every position sees the future.",
    patch=("layer(stream[-1], positions, mask, cache)", "layer(stream[-1], positions, None, cache)"),
)
class sees_the_future(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config, self.parts = config, parts
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([LlamaBlock(config, parts, i) for i in range(config.num_hidden_layers)])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, parts.rms_norm)

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        x = self.embed_tokens(ids) if ids is not None else inputs_embeds
        past, count, states = 0 if cache is None else cache.length, x.shape[1], [x]
        for block in self.layers:
            x = block(x, torch.arange(count) + past, cache=cache)
            states.append(x)
        logits = self.norm(x) @ self.embed_tokens.weight.T
        return (logits, states) if hidden_states else logits


@mistake(
    "Llama",
    says="You normalised the stream that is returned; the last norm belongs to the logits only.",
    patch=("return (logits, stream)", "return (logits, [*stream[:-1], self.norm(stream[-1])])"),
)
class stream_normalised_at_the_end(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config, self.parts = config, parts
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([LlamaBlock(config, parts, i) for i in range(config.num_hidden_layers)])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, parts.rms_norm)

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        x = self.embed_tokens(ids) if ids is not None else inputs_embeds
        past, count, states = 0 if cache is None else cache.length, x.shape[1], []
        for block in self.layers:
            states.append(x)
            x = block(x, torch.arange(count) + past, self.parts.causal_mask(count, past), cache)
        x = self.norm(x)
        logits = x @ self.embed_tokens.weight.T
        return (logits, [*states, x]) if hidden_states else logits


@mistake(
    "Llama",
    says="The cache never reaches your blocks, so new tokens do not see the ones before them.",
    patch=("layer(stream[-1], positions, mask, cache)", "layer(stream[-1], positions, mask)"),
)
class cache_not_handed_on(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config, self.parts = config, parts
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([LlamaBlock(config, parts, i) for i in range(config.num_hidden_layers)])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, parts.rms_norm)

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        x = self.embed_tokens(ids) if ids is not None else inputs_embeds
        past, count, states = 0 if cache is None else cache.length, x.shape[1], [x]
        for block in self.layers:
            x = block(x, torch.arange(count) + past, self.parts.causal_mask(count, past))
            states.append(x)
        logits = self.norm(x) @ self.embed_tokens.weight.T
        return (logits, states) if hidden_states else logits


@mistake(
    "Llama",
    says="Your mask knows nothing of the cache: causal_mask(T, past).",
    patch=("causal_mask(length, past)", "causal_mask(length)"),
)
class mask_without_the_past(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config, self.parts = config, parts
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([LlamaBlock(config, parts, i) for i in range(config.num_hidden_layers)])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, parts.rms_norm)

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        x = self.embed_tokens(ids) if ids is not None else inputs_embeds
        past, count, states = 0 if cache is None else cache.length, x.shape[1], [x]
        for block in self.layers:
            x = block(x, torch.arange(count) + past, self.parts.causal_mask(count), cache)
            states.append(x)
        logits = self.norm(x) @ self.embed_tokens.weight.T
        return (logits, states) if hidden_states else logits


# --- greedy_generate ---


@mistake(
    "greedy_generate",
    says="The token that ended the text became part of it; it only says that the text is over.",
    patch=(
        (
            "        if best in stop_ids:\n            break\n        written.append(best)\n",
            "        written.append(best)\n",
        ),
        (
            "if cache is None else [best]",
            "if cache is None else [best]\n        if best in stop_ids:\n            break",
        ),
    ),
)
def stop_token_kept(model, ids, max_new_tokens, stop_ids=(), cache=None):
    new, unread = [], list(ids)
    for _ in range(max_new_tokens):
        new.append(model(torch.tensor([unread]), cache)[0, -1].argmax().item())
        if new[-1] in stop_ids:
            break
        unread = new[-1:] if cache is not None else [*ids, *new]
    return new


@mistake(
    "greedy_generate",
    says="You give the model the whole text again although the cache holds it: it reads everything twice.",
    patch=("[*ids, *written] if cache is None else [best]", "[*ids, *written]"),
)
def all_of_it_again(model, ids, max_new_tokens, stop_ids=(), cache=None):
    text = list(ids)
    for _ in range(max_new_tokens):
        token = model(torch.tensor(text)[None], cache)[0, -1].argmax().item()
        if token in stop_ids:
            break
        text.append(token)
    return text[len(ids) :]


@mistake(
    "greedy_generate",
    says="Without a cache the model forgets: give it the whole text then, not only the newest token.",
    patch=("[*ids, *written] if cache is None else [best]", "[best]"),
)
def only_the_newest(model, ids, max_new_tokens, stop_ids=(), cache=None):
    new, unread = [], list(ids)
    for _ in range(max_new_tokens):
        token = model(torch.tensor([unread]), cache)[0, -1].argmax().item()
        if token in stop_ids:
            break
        new.append(token)
        unread = [token]
    return new


@mistake(
    "greedy_generate",
    says="You read the logits of the first position; what comes next stands at the last one.",
    patch=("[0, -1].argmax()", "[0, 0].argmax()"),
)
def first_position(model, ids, max_new_tokens, stop_ids=(), cache=None):
    new, unread = [], list(ids)
    for _ in range(max_new_tokens):
        token = model(torch.tensor([unread]), cache).squeeze(0)[0].argmax().item()
        if token in stop_ids:
            break
        new.append(token)
        unread = [token] if cache is not None else [*ids, *new]
    return new


@mistake(
    "greedy_generate",
    says="Your result begins with the prompt; only the new tokens are asked for.",
    patch=("return written", "return [*ids, *written]"),
)
def prompt_returned(model, ids, max_new_tokens, stop_ids=(), cache=None):
    text, unread = list(ids), list(ids)
    for _ in range(max_new_tokens):
        token = model(torch.tensor([unread]), cache)[0, -1].argmax().item()
        if token in stop_ids:
            break
        text.append(token)
        unread = [token] if cache is not None else text
    return text


# --- encode_chat ---


@mistake(
    "encode_chat",
    says="You let special tokens come from the messages: somebody who types <|im_end|> can speak as somebody else.",
    patch=(
        "tokenizer.encode(f\"{message['role']}\\n{message['content']}\")",
        "tokenizer.encode(f\"{message['role']}\\n{message['content']}\", allow_special=True)",
    ),
)
def text_believed(tokenizer, messages):
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SYSTEM_MESSAGE}, *messages]
    turns = "".join(f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in messages)
    return tokenizer.encode(turns + "<|im_start|>assistant\n", allow_special=True)


@mistake(
    "encode_chat",
    says="The model's own system message is missing where the conversation begins without one.",
    patch=("if messages[0]", "if not messages[0]"),
)
def no_system_message(tokenizer, messages):
    def mark(text):
        return tokenizer.encode(text, allow_special=True)

    if messages[0]["role"] == "system":
        messages = [{"role": "system", "content": SYSTEM_MESSAGE}, *messages]
    ids = []
    for message in messages:
        ids += mark("<|im_start|>")
        ids += tokenizer.encode(message["role"] + "\n" + message["content"])
        ids += mark("<|im_end|>") + tokenizer.encode("\n")
    return ids + mark("<|im_start|>") + tokenizer.encode("assistant\n")


@mistake(
    "encode_chat",
    says="The newline after each <|im_end|> is missing.",
    patch=('end, *tokenizer.encode("\\n")]', "end]"),
)
def no_newline_after_a_turn(tokenizer, messages):
    def mark(text):
        return tokenizer.encode(text, allow_special=True)

    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SYSTEM_MESSAGE}, *messages]
    ids = []
    for message in messages:
        ids += mark("<|im_start|>")
        ids += tokenizer.encode(message["role"] + "\n" + message["content"])
        ids += mark("<|im_end|>")
    return ids + mark("<|im_start|>") + tokenizer.encode("assistant\n")


@mistake(
    "encode_chat",
    says="You did not open the answer: at the end the model must read that the assistant speaks now.",
    patch=('return [*ids, start, *tokenizer.encode("assistant\\n")]', "return ids"),
)
def answer_not_opened(tokenizer, messages):
    def mark(text):
        return tokenizer.encode(text, allow_special=True)

    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SYSTEM_MESSAGE}, *messages]
    ids = []
    for message in messages:
        ids += mark("<|im_start|>")
        ids += tokenizer.encode(message["role"] + "\n" + message["content"])
        ids += mark("<|im_end|>") + tokenizer.encode("\n")
    return ids


# --- chat ---


@mistake(
    "chat",
    says="You decoded token by token: a letter may be split over two tokens, so decode them together.",
    patch=(
        "tokenizer.decode(greedy_generate(model, ids, max_new_tokens, stop_ids, cache))",
        '"".join(tokenizer.decode([id]) for id in greedy_generate(model, ids, max_new_tokens, stop_ids, cache))',
    ),
)
def decoded_one_by_one(model, tokenizer, messages, max_new_tokens=256):
    cache, text = KVCache(model.config.num_hidden_layers), ""
    (stop,) = tokenizer.encode("<|im_end|>", allow_special=True)
    for token in greedy_generate(model, encode_chat(tokenizer, messages), max_new_tokens, (stop,), cache):
        text += tokenizer.decode([token])
    return text


@mistake(
    "chat",
    says="You encoded the mark that ends a turn as ordinary text, so you stop at its letters and not at the mark.",
    patch=('tokenizer.encode("<|im_end|>", allow_special=True)', 'tokenizer.encode("<|im_end|>")'),
)
def stops_at_letters(model, tokenizer, messages, max_new_tokens=256):
    stop_ids, cache = set(tokenizer.encode("<|im_end|>")), KVCache(model.config.num_hidden_layers)
    prompt = encode_chat(tokenizer, messages)
    return tokenizer.decode(greedy_generate(model, prompt, max_new_tokens, stop_ids, cache=cache))
