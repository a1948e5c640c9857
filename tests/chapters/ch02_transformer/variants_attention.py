"""Other correct answers to the cores of 2.3, named `<exercise>__<how>`: the suite must pass every one of them."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def scaled_dot_product_attention__additive(query, key, value, mask=None):
    scores = torch.einsum("...td,...sd->...ts", query, key) * query.size(-1) ** -0.5
    if mask is None:
        return torch.einsum("...ts,...se->...te", scores.softmax(-1), value)
    lowest = torch.finfo(scores.dtype).min
    weights = F.softmax(scores + torch.zeros_like(scores).masked_fill(mask.logical_not(), lowest), dim=-1)
    return torch.einsum("...ts,...se->...te", weights * mask.any(-1, keepdim=True), value)


def scaled_dot_product_attention__by_hand(query, key, value, mask=None):
    scores = torch.matmul(query / math.sqrt(query.shape[-1]), key.mT)
    allowed = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand(scores.shape)
    scores = torch.where(allowed, scores, -math.inf)
    peak = scores.amax(-1, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
    exponentials = torch.exp(scores - peak)
    total = exponentials.sum(-1, keepdim=True)
    return exponentials @ value / torch.where(total == 0, torch.ones_like(total), total)


def scaled_dot_product_attention__nan_to_num(query, key, value, mask=None):
    scores = (query @ key.transpose(-1, -2)).div(key.shape[-1] ** 0.5)
    if mask is not None:
        scores = scores.masked_fill(mask == False, float("-inf"))  # noqa: E712
    return torch.nan_to_num(torch.softmax(scores, -1), nan=0.0) @ value


def scaled_dot_product_attention__loop(query, key, value, mask=None):
    lead, queries, keys = query.shape[:-2], query.shape[-2], key.shape[-2]
    if mask is None:
        mask = torch.ones(queries, keys, dtype=torch.bool)
    mask = mask.expand(*lead, queries, keys)
    rows = []
    for index in np.ndindex(*lead, queries):
        seen = mask[index].nonzero().flatten()
        keys_seen, values_seen = key[index[:-1]][seen], value[index[:-1]][seen]
        if len(seen) == 0:
            rows.append((query[index].sum() + key.sum() + value.sum()) * 0 + torch.zeros(value.shape[-1]).to(query))
            continue
        weights = torch.softmax(keys_seen @ query[index] / math.sqrt(len(query[index])), dim=0)
        rows.append(weights @ values_seen)
    return torch.stack(rows).reshape(*lead, queries, value.shape[-1])


def causal_mask__arange(length, past=0):
    return torch.arange(past + length) <= torch.arange(past, past + length).unsqueeze(1)


def causal_mask__loop(length, past=0):
    mask = torch.zeros(length, past + length, dtype=torch.bool)
    for i in range(length):
        mask[i, : past + i + 1] = True
    return mask


def causal_mask__numpy(length, past=0):
    return torch.from_numpy(~np.triu(np.ones((length, past + length), dtype=bool), k=past + 1))


class MultiHeadAttention__loop(nn.Module):
    def __init__(self, hidden_size, num_heads):
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError("num_heads must divide hidden_size")
        self.num_heads, self.head_size = num_heads, hidden_size // num_heads
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(hidden_size, hidden_size, bias=False))

    def forward(self, x, mask=None):
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        length = x.shape[1]
        if mask is not None:
            mask = mask.expand(x.shape[0], self.num_heads, length, length)
        heads = []
        for h in range(self.num_heads):
            own = slice(h * self.head_size, (h + 1) * self.head_size)
            scores = q[..., own] @ k[..., own].transpose(1, 2) / self.head_size**0.5
            if mask is not None:
                scores = scores.masked_fill(~mask[:, h], -torch.inf)
            heads.append(torch.softmax(scores, -1).nan_to_num(0.0) @ v[..., own])
        return self.o_proj(torch.cat(heads, dim=-1))


class MultiHeadAttention__einsum(nn.Module):
    def __init__(self, hidden_size, num_heads):
        super().__init__()
        if hidden_size // num_heads * num_heads != hidden_size:
            raise ValueError("num_heads must divide hidden_size")
        self.h = num_heads
        self.q_proj = nn.Linear(hidden_size, hidden_size, False)
        self.k_proj = nn.Linear(hidden_size, hidden_size, False)
        self.v_proj = nn.Linear(hidden_size, hidden_size, False)
        self.o_proj = nn.Linear(hidden_size, hidden_size, False)

    def forward(self, x, mask=None):
        q, k, v = (layer(x).unflatten(-1, (self.h, -1)) for layer in (self.q_proj, self.k_proj, self.v_proj))
        scores = torch.einsum("bthd,bshd->bhts", q, k) * q.shape[-1] ** -0.5
        if mask is not None:
            scores = scores + torch.zeros(mask.shape).masked_fill(~mask, -1e9)
        weights = scores.softmax(-1)
        if mask is not None:
            weights = weights * mask
        return self.o_proj(torch.einsum("bhts,bshd->bthd", weights, v).flatten(2))


class MultiHeadAttention__library(nn.Module):
    def __init__(self, hidden_size, num_heads):
        super().__init__()
        if hidden_size % num_heads != 0:
            raise ValueError("num_heads must divide hidden_size")
        self.head_size = hidden_size // num_heads
        self.o_proj, self.v_proj, self.k_proj, self.q_proj = (
            nn.Linear(hidden_size, hidden_size, bias=False) for _ in range(4)
        )

    def split(self, x):
        return torch.stack(x.split(self.head_size, dim=-1), dim=1)

    def forward(self, x, mask=None):
        q, k, v = self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        heads = F.scaled_dot_product_attention(q, k, v, mask)
        return self.o_proj(torch.cat(heads.unbind(1), dim=-1))


def grouped_query_attention__grouped(query, key, value, mask=None):
    b, h, t, d = query.shape
    g, s = key.shape[1], key.shape[2]
    if h % g:
        raise ValueError("key-value heads must divide the query heads")
    scores = torch.einsum("bgrtd,bgsd->bgrts", query.reshape(b, g, h // g, t, d), key) / d**0.5
    if mask is not None:
        mask = mask.expand(b, h, t, s).reshape(b, g, h // g, t, s)
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(-1)
    if mask is not None:
        weights = weights.where(mask, 0.0)
    return torch.einsum("bgrts,bgse->bgrte", weights, value).reshape(b, h, t, -1)


def grouped_query_attention__loop(query, key, value, mask=None):
    h, g = query.shape[1], key.shape[1]
    if h // g * g != h:
        raise ValueError("key-value heads must divide the query heads")
    if mask is not None:
        mask = mask.expand(query.shape[0], h, query.shape[2], key.shape[2])
    heads = [
        scaled_dot_product_attention__nan_to_num(
            query[:, i], key[:, i * g // h], value[:, i * g // h], None if mask is None else mask[:, i]
        )
        for i in range(h)
    ]
    return torch.stack(heads, 1)


def grouped_query_attention__expand(query, key, value, mask=None):
    b, h = query.shape[:2]
    g = key.shape[1]
    if h % g != 0:
        raise ValueError("key-value heads must divide the query heads")
    key = key[:, :, None].expand(-1, -1, h // g, -1, -1).flatten(1, 2)
    value = value[:, :, None].expand(b, g, h // g, *value.shape[2:]).reshape(b, h, *value.shape[2:])
    return scaled_dot_product_attention__additive(query, key, value, mask)


def rms_norm__sqrt(x, weight, eps=1e-5):
    if x.dtype in (torch.float16, torch.bfloat16):
        return rms_norm__sqrt(x.float(), weight, eps).to(x.dtype)
    return (x / torch.sqrt(torch.mean(x**2, dim=-1, keepdim=True) + eps) * weight).to(x.dtype)


def rms_norm__norm(x, weight, eps=1e-5):
    wide = x if x.dtype == torch.float64 else x.float()
    mean_square = torch.linalg.vector_norm(wide, dim=-1, keepdim=True) ** 2 / x.shape[-1]
    return (weight * (wide * (mean_square + eps) ** -0.5).to(x.dtype)).to(x.dtype)


def rms_norm__loop(x, weight, eps=1e-5):
    rows = (x.float() if x.dtype.itemsize == 2 else x).reshape(-1, x.shape[-1])
    done = [row / ((row @ row) / len(row) + eps).sqrt() * weight for row in rows]
    return torch.stack(done).reshape(x.shape).to(x.dtype)


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return rms_norm__sqrt(x, self.weight, self.eps)


class TransformerBlock__own_norm(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention, self.feed_forward = attention, feed_forward
        self.attention_norm, self.feed_forward_norm = RMSNorm(hidden_size, eps), RMSNorm(hidden_size, eps)

    def forward(self, x, mask=None):
        attended = self.attention(self.attention_norm(x), mask)
        h = attended + x
        return self.feed_forward(self.feed_forward_norm(h)) + h


class TransformerBlock__clone(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.attention = attention
        self.feed_forward = feed_forward
        self.attention_norm = nn.RMSNorm((hidden_size,), eps)
        self.feed_forward_norm = nn.RMSNorm((hidden_size,), eps)

    def forward(self, x, mask=None):
        stream = x.clone()
        stream += self.attention(self.attention_norm(stream.clone()), mask)
        return torch.add(stream, self.feed_forward(self.feed_forward_norm(stream)))


class TransformerBlock__branches(nn.Module):
    def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
        super().__init__()
        self.feed_forward_norm = nn.RMSNorm(hidden_size, eps=eps)
        self.attention_norm = nn.RMSNorm(hidden_size, eps=eps)
        self.attention, self.feed_forward = attention, feed_forward

    def forward(self, x, mask=None):
        branches = (
            lambda h: self.attention(self.attention_norm(h), mask),
            lambda h: self.feed_forward(self.feed_forward_norm(h)),
        )
        for branch in branches:
            x = x + branch(x)
        return x
