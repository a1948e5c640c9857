"""Other right ways to write the exercises of 2.5: the suite must accept all of them."""
# ruff: noqa: F821 (they stand behind the solution's module, whose names they use)

import struct

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def dequantize_q8_0__struct(blocks):
    rows = [struct.unpack("<e32b", block.tobytes()) for block in blocks]
    table = np.array(rows, dtype=np.float32)
    return table[:, 1:] * table[:, :1]


def dequantize_q8_0__torch(blocks):
    raw = torch.from_numpy(np.array(blocks))
    scale = raw[:, :2].contiguous().view(torch.float16).float()
    return (scale * raw[:, 2:].contiguous().view(torch.int8)).numpy()


def dequantize_q4_1__loop(blocks):
    result = np.empty((len(blocks), 32), dtype=np.float32)
    for row, block in zip(result, blocks, strict=True):
        scale, minimum = struct.unpack("<ee", bytes(block[:4]))
        for place, byte in enumerate(block[4:].tolist()):
            row[place] = scale * (byte % 16) + minimum
            row[place + 16] = scale * (byte // 16) + minimum
    return result


def dequantize_q4_1__record(blocks):
    """A block as a record: NumPy knows where its fields begin."""
    layout = np.dtype([("scale", "<f2"), ("minimum", "<f2"), ("packed", "u1", 16)])
    fields = np.ascontiguousarray(blocks).view(layout)[:, 0]
    numbers = np.stack([np.bitwise_and(fields["packed"], 0x0F), np.right_shift(fields["packed"], 4)], axis=1)
    wide = fields["scale"].astype(np.float64)[:, None, None] * numbers + fields["minimum"][:, None, None]
    return wide.reshape(-1, 32).astype(np.float32)


def dequantize_q4_1__torch(blocks):
    raw = torch.from_numpy(np.array(blocks))
    head = raw[:, :4].contiguous().view(torch.float16).float()
    numbers = torch.cat([raw[:, 4:] % 16, raw[:, 4:].div(16, rounding_mode="floor")], dim=1)
    return torch.addcmul(head[:, 1:].expand(-1, 32), head[:, :1].expand(-1, 32), numbers.float()).numpy()


def load_gguf_weights__numpy(gguf, config):
    weights = {}
    for name in gguf.tensors:
        values, kind = values_of(gguf.tensors[name]), name.split(".")[-2]
        if kind == "attn_q" or kind == "attn_k":
            heads = config.num_attention_heads if kind == "attn_q" else config.num_key_value_heads
            rows = np.arange(len(values)).reshape(heads, -1)
            order = np.concatenate([rows[:, 0::2], rows[:, 1::2]], axis=1).reshape(-1)
            values = values[order]
        new = name.replace(kind, GGUF_NAMES[kind]).replace("blk.", "layers.")
        weights[new] = torch.as_tensor(values)
    return weights


def load_gguf_weights__by_rows(gguf, config):
    size = config.hidden_size // config.num_attention_heads
    weights = {}
    for name, tensor in gguf.tensors.items():
        *before, kind, end = name.replace("blk", "layers").split(".")
        values = torch.tensor(values_of(tensor))
        if kind in ("attn_q", "attn_k"):
            restored = torch.zeros_like(values)
            for row in range(len(values)):
                head, place = divmod(row, size)
                restored[head * size + place // 2 + (size // 2 if place % 2 else 0)] = values[row]
            values = restored
        weights[".".join([*before, GGUF_NAMES[kind], end])] = values
    return weights


def load_gguf_weights__chunks(gguf, config):
    def restored(values, heads):
        return torch.cat([torch.cat([head[::2], head[1::2]]) for head in values.chunk(heads)])

    weights = {}
    for name, tensor in sorted(gguf.tensors.items()):
        values = torch.from_numpy(values_of(tensor))
        if ".attn_q." in name:
            values = restored(values, config.num_attention_heads)
        if ".attn_k." in name:
            values = restored(values, config.num_key_value_heads)
        parts = name.split(".")
        kind = GGUF_NAMES[parts[-2]]
        weights[f"{kind}.weight" if len(parts) == 2 else f"layers.{parts[1]}.{kind}.weight"] = values
    return weights


class KVCache__pieces:
    """Keeps the pieces and joins them when asked."""

    def __init__(self, num_layers):
        self.pieces = [[] for _ in range(num_layers)]

    @property
    def length(self):
        return sum(key.shape[-2] for key, _ in self.pieces[-1])

    def update(self, layer, key, value):
        self.pieces[layer].append((key, value))
        return tuple(torch.cat(each, dim=-2) for each in zip(*self.pieces[layer], strict=True))

    def truncate(self, length):
        for pieces in self.pieces:
            if pieces:
                keys, values = (torch.cat(each, dim=-2)[..., :length, :] for each in zip(*pieces, strict=True))
                pieces[:] = [(keys, values)]


class KVCache__buffer:
    """Room ahead, doubled when it is full: as fast programs do it."""

    def __init__(self, num_layers):
        self.room = {}
        self.used = [0] * num_layers

    @property
    def length(self):
        return min(self.used)

    def update(self, layer, key, value):
        used, new = self.used[layer], torch.stack([key, value])
        total = used + key.shape[2]
        if layer not in self.room or self.room[layer].shape[3] < total:
            bigger = new.new_empty(*new.shape[:3], 2 * total, new.shape[-1])
            if used:
                bigger[:, :, :, :used] = self.room[layer][:, :, :, :used]
            self.room[layer] = bigger
        self.room[layer][:, :, :, used:total] = new
        self.used[layer] = total
        return self.room[layer][0, :, :, :total].clone(), self.room[layer][1, :, :, :total].clone()

    def truncate(self, length):
        self.used = [min(used, length) for used in self.used]


class KVCache__dictionary:
    def __init__(self, num_layers):
        self.last, self.store = num_layers - 1, {}

    @property
    def length(self):
        return self.store[self.last][0].size(2) if self.last in self.store else 0

    def update(self, layer, key, value):
        if layer in self.store:
            old_key, old_value = self.store[layer]
            key, value = torch.cat((old_key, key), 2), torch.cat((old_value, value), 2)
        self.store[layer] = key, value
        return [key, value]

    def truncate(self, length):
        self.store = {layer: (key[:, :, :length], value[:, :, :length]) for layer, (key, value) in self.store.items()}


class LlamaBlock__methods(nn.Module):
    """Attention and feed-forward layer as methods, heads by reshape."""

    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.heads, self.groups, self.size = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        self.theta, self.parts, self.index = config.rope_theta, parts, layer
        c, f = config.hidden_size, config.intermediate_size
        shapes = {"q_proj": (c, self.heads * self.size), "k_proj": (c, self.groups * self.size),
                  "v_proj": (c, self.groups * self.size), "o_proj": (self.heads * self.size, c),
                  "gate_proj": (c, f), "up_proj": (c, f), "down_proj": (f, c)}  # fmt: skip
        for name, shape in shapes.items():
            setattr(self, name, nn.Linear(*shape, bias=False))
        self.input_layernorm = RMSNorm(c, config.rms_norm_eps, parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(c, config.rms_norm_eps, parts.rms_norm)

    def attend(self, h, positions, mask, cache):
        b, t, _ = h.shape
        q = self.q_proj(h).reshape(b, t, self.heads, self.size).permute(0, 2, 1, 3)
        k = self.k_proj(h).reshape(b, t, self.groups, self.size).permute(0, 2, 1, 3)
        v = self.v_proj(h).reshape(b, t, self.groups, self.size).permute(0, 2, 1, 3)
        q = self.parts.rotary_embedding(q, positions, self.theta)
        k = self.parts.rotary_embedding(k, positions, self.theta)
        if cache:
            k, v = cache.update(self.index, k, v)
        heads = self.parts.grouped_query_attention(q, k, v, mask=mask)
        return self.o_proj(heads.permute(0, 2, 1, 3).reshape(b, t, -1))

    def think(self, n):
        gate = self.gate_proj(n)
        return self.down_proj(gate * torch.sigmoid(gate) * self.up_proj(n))

    def forward(self, x, positions, mask=None, cache=None):
        x = self.attend(self.input_layernorm(x), positions, mask, cache) + x
        return self.think(self.post_attention_layernorm(x)) + x


class LlamaBlock__own_parts(nn.Module):
    """Norm, rotation and attention written out here; nothing of `parts` is called."""

    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.config, self.layer = config, layer
        c, f, kv = config.hidden_size, config.intermediate_size, config.num_key_value_heads * config.head_dim
        self.input_layernorm = nn.RMSNorm(c, config.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(c, config.rms_norm_eps)
        self.q_proj, self.o_proj = nn.Linear(c, c, False), nn.Linear(c, c, False)
        self.k_proj, self.v_proj = nn.Linear(c, kv, False), nn.Linear(c, kv, False)
        self.gate_proj, self.up_proj, self.down_proj = (
            nn.Linear(c, f, False),
            nn.Linear(c, f, False),
            nn.Linear(f, c, False),
        )

    def turn(self, heads, positions):
        size = self.config.head_dim
        frequencies = self.config.rope_theta ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
        angles = torch.outer(positions.double(), frequencies).float()
        cos, sin = angles.cos(), angles.sin()
        first, second = heads[..., : size // 2], heads[..., size // 2 :]
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)

    def forward(self, x, positions, mask=None, cache=None):
        h, g = self.input_layernorm(x), self.config.num_key_value_heads
        q, k, v = (
            torch.stack(layer(h).split(self.config.head_dim, -1), 1)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = self.turn(q, positions), self.turn(k, positions)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)
        scores = torch.einsum("bgrtd,bgsd->bgrts", q.unflatten(1, (g, -1)), k) * self.config.head_dim**-0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        heads = torch.einsum("bgrts,bgsd->btgrd", scores.softmax(-1), v)
        x = x + self.o_proj(heads.flatten(2))
        n = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(n)) * self.up_proj(n))


class LlamaBlock__einops_style(nn.Module):
    """The cache is given rotated keys by position arguments; intermediate steps in place on tensors of its own."""

    def __init__(self, config, parts, layer=0):
        super().__init__()
        self.c, self.parts, self.layer = config, parts, layer

        def linear(inputs, outputs):
            return nn.Linear(inputs, outputs, bias=False)

        self.input_layernorm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps, rms_norm=parts.rms_norm)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps, rms_norm=parts.rms_norm)
        self.q_proj = linear(config.hidden_size, config.hidden_size)
        self.k_proj = linear(config.hidden_size, config.num_key_value_heads * config.head_dim)
        self.v_proj = linear(config.hidden_size, config.num_key_value_heads * config.head_dim)
        self.o_proj = linear(config.hidden_size, config.hidden_size)
        self.gate_proj = linear(config.hidden_size, config.intermediate_size)
        self.up_proj = linear(config.hidden_size, config.intermediate_size)
        self.down_proj = linear(config.intermediate_size, config.hidden_size)

    def forward(self, x, positions, mask=None, cache=None):
        stream = x.clone()
        normed = self.input_layernorm(stream.clone())

        def split(y):
            return y.view(*y.shape[:2], -1, self.c.head_dim).transpose(1, 2)

        keys = self.parts.rotary_embedding(split(self.k_proj(normed)), positions, layout="half", base=self.c.rope_theta)
        values = split(self.v_proj(normed))
        if cache is not None:
            keys, values = cache.update(self.layer, key=keys, value=values)
        queries = self.parts.rotary_embedding(split(self.q_proj(normed)), positions, self.c.rope_theta, "half")
        context = self.parts.grouped_query_attention(queries, keys, values, mask)
        stream += self.o_proj(torch.cat(list(context.unbind(1)), -1))
        normed = self.post_attention_layernorm(stream.clone())
        return torch.add(stream, self.down_proj(self.up_proj(normed) * nn.functional.silu(self.gate_proj(normed))))


class Llama__loop(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config = config
        self.parts = parts
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList()
        for index in range(config.num_hidden_layers):
            self.layers.append(LlamaBlock(config, parts, layer=index))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, parts.rms_norm)

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        x = inputs_embeds
        if x is None:
            x = F.embedding(ids, self.embed_tokens.weight)
        start = cache.length if cache is not None else 0
        states = []
        for block in self.layers:
            states.append(x)
            x = block(x, start + torch.arange(x.shape[1]), self.parts.causal_mask(x.shape[1], past=start), cache=cache)
        states.append(x)
        logits = torch.einsum("btc,vc->btv", self.norm(x), self.embed_tokens.weight)
        if hidden_states:
            return logits, states
        return logits


class Llama__own_mask(nn.Module):
    """The mask made here; the stream in a tuple."""

    def __init__(self, config, parts):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([LlamaBlock(config, parts, i) for i in range(config.num_hidden_layers)])
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        stream = [self.embed_tokens(ids) if ids is not None else inputs_embeds]
        past = 0 if cache is None else int(cache.length)
        positions = torch.arange(past, past + stream[0].size(1))
        mask = torch.arange(past + stream[0].size(1))[None, :] <= positions[:, None]
        for block in self.layers:
            stream.append(block(stream[-1], positions, mask, cache))
        logits = self.norm(stream[-1]) @ self.embed_tokens.weight.t()
        return [logits, stream] if hidden_states else logits


class Llama__no_mask_for_one(nn.Module):
    """One new token sees everything there is, so that it needs no mask."""

    def __init__(self, config, parts):
        super().__init__()
        self.config, self.parts = config, parts
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(LlamaBlock(config, parts, i) for i in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, parts.rms_norm)

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        x = self.embed_tokens(ids) if inputs_embeds is None else inputs_embeds
        new, old = x.shape[1], 0 if cache is None else cache.length
        mask = None if new == 1 else self.parts.causal_mask(new + old)[old:]
        states = [x]
        for block in self.layers:
            states += [block(states[-1], torch.arange(new) + old, mask, cache)]
        logits = nn.functional.linear(self.norm(states[-1]), self.embed_tokens.weight)
        return (logits, states) if hidden_states else logits


@torch.no_grad()
def greedy_generate__text(model, ids, max_new_tokens, stop_ids=(), cache=None):
    text, read = [*ids], 0
    while len(text) - len(ids) < max_new_tokens:
        logits = model(torch.tensor([text[read:]]), cache=cache)
        token = torch.argmax(logits[:, -1, :], dim=-1).item()
        if token in stop_ids:
            break
        if cache is not None:
            read = len(text)
        text.append(token)
    return text[len(ids) :]


@torch.inference_mode()
def greedy_generate__two_loops(model, ids, max_new_tokens, stop_ids=(), cache=None):
    stop, found = set(stop_ids), []
    unread = torch.tensor(ids).unsqueeze(0)
    for _ in range(max_new_tokens):
        scores = model(unread, cache).squeeze(0)[-1].tolist()
        token = scores.index(max(scores))
        if token in stop:
            return found
        found.append(token)
        newest = torch.tensor([[token]])
        unread = newest if cache is not None else torch.cat([unread, newest], dim=1)
    return found


def greedy_generate__recursive(model, ids, max_new_tokens, stop_ids=(), cache=None):
    if max_new_tokens == 0:
        return []
    with torch.no_grad():
        token = int(model(torch.tensor(ids)[None], cache)[0][-1].topk(1).indices)
    if token in stop_ids:
        return []
    rest = [token] if cache is not None else [*ids, token]
    return [token, *greedy_generate__recursive(model, rest, max_new_tokens - 1, stop_ids, cache)]


def encode_chat__by_mark(tokenizer, messages):
    turns = list(messages)
    if turns[0]["role"] != "system":
        turns.insert(0, {"role": "system", "content": SYSTEM_MESSAGE})
    ids = []
    for turn in turns:
        ids.extend(tokenizer.encode("<|im_start|>", allow_special=True))
        ids.extend(tokenizer.encode(turn["role"] + "\n" + turn["content"], allow_special=False))
        ids.extend(tokenizer.encode("<|im_end|>\n", allow_special=True))
    return ids + tokenizer.encode("<|im_start|>assistant\n", allow_special=True)


def chat__steps(model, tokenizer, messages, max_new_tokens=256):
    (end,) = tokenizer.encode("<|im_end|>", True)
    cache, answer = KVCache(model.config.num_hidden_layers), []
    unread = encode_chat(tokenizer, messages)
    while len(answer) < max_new_tokens:
        unread = greedy_generate(model, unread, 1, {end}, cache)
        if not unread:
            break
        answer += unread
    return tokenizer.decode(answer)
