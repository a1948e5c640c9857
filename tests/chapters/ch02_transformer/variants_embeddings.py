"""Other correct answers to the exercises of 2.2, named `<exercise>__<how>`: the suite must pass every one of them."""

import math

import numpy as np
import torch
import torch.nn.functional as F


def embedding_lookup__index_select(table, ids):
    flat = ids.flatten()
    for each in flat.tolist():
        if not 0 <= each < table.size(0):
            raise IndexError(f"no row {each}")
    return torch.index_select(table, 0, flat).reshape(*ids.shape, table.shape[1])


def embedding_lookup__one_hot(table, ids):
    if torch.any((ids < 0) | (ids > table.shape[0] - 1)):
        raise IndexError("id outside the table")
    return F.one_hot(ids, table.shape[0]).to(table.dtype) @ table


def embedding_lookup__rows(table, ids):
    rows = []
    for each in ids.reshape(-1).tolist():
        if each < 0:
            raise IndexError(each)
        rows.append(table[each])  # raises IndexError beyond the end
    flat = torch.stack(rows) if rows else table[:0]
    return flat.view(*ids.shape, table.shape[-1])


def embedding_gradient__loop(ids, upstream, vocab_size, padding_id=None):
    gradient = torch.zeros((vocab_size, upstream.shape[-1]), dtype=upstream.dtype)
    for each, vector in zip(ids.flatten().tolist(), upstream.flatten(0, -2) if ids.dim() else [upstream], strict=True):
        if each != padding_id:
            gradient[each] += vector
    return gradient


def embedding_gradient__one_hot(ids, upstream, vocab_size, padding_id=None):
    hot = F.one_hot(ids.reshape(-1), vocab_size).to(upstream)
    if padding_id is not None:
        hot[:, padding_id] = 0
    return hot.transpose(0, 1) @ upstream.reshape(-1, upstream.size(-1))


def embedding_gradient__scatter(ids, upstream, vocab_size, padding_id=None):
    channels = upstream.shape[-1]
    index = ids.reshape(-1, 1).expand(-1, channels)
    gradient = torch.zeros(vocab_size, channels, dtype=upstream.dtype)
    gradient = gradient.scatter_add(0, index, upstream.reshape(-1, channels))
    return gradient if padding_id is None else gradient * (torch.arange(vocab_size) != padding_id)[:, None]


def embedding_gradient__numpy(ids, upstream, vocab_size, padding_id=None):
    gradient = np.zeros((vocab_size, upstream.shape[-1]), dtype=upstream.numpy().dtype)
    np.add.at(gradient, ids.numpy(), upstream.numpy())
    if padding_id is not None:
        gradient[padding_id] = 0
    return torch.from_numpy(gradient)


def skipgram_pairs__places(tokens, window):
    length = len(tokens)
    return [(tokens[i], tokens[j]) for i in range(length) for j in range(length) if i != j and abs(i - j) <= window]


def negative_sampling_loss__softplus(center, context, negatives):
    real = torch.einsum("bc,bc->b", center, context)
    noise = torch.matmul(negatives, center.unsqueeze(-1)).squeeze(-1)
    return (F.softplus(-real) + F.softplus(noise).sum(dim=1)).sum() / center.shape[0]


def negative_sampling_loss__cross_entropy(center, context, negatives):
    scores = torch.bmm(torch.cat([context.unsqueeze(1), negatives], dim=1), center.unsqueeze(2)).squeeze(2)
    answers = torch.zeros_like(scores)
    answers[:, 0] = 1.0
    return F.binary_cross_entropy_with_logits(scores, answers, reduction="none").sum(1).mean()


def negative_sampling_loss__loop(center, context, negatives):
    total = 0.0
    for v, u, noise in zip(center, context, negatives, strict=True):
        total = total + torch.logaddexp(torch.zeros_like(v[0]), -(u @ v))
        for n in noise:
            total = total + torch.logaddexp(torch.zeros_like(v[0]), n @ v)
    return total / len(center)


def negative_sampling_loss__signs(center, context, negatives):
    everything = torch.cat([context[:, None], -negatives], dim=1)
    return -F.logsigmoid((everything * center[:, None]).sum(-1)).sum(-1).mean(0)


def cbow_forward__loop(contexts, mask, table, output):
    rows = []
    for ids, real in zip(contexts, mask, strict=True):
        kept = table[ids[real]]
        rows.append(output @ kept.mean(0) if len(kept) else output @ table[0] * 0)
    return torch.stack(rows)


def train_word2vec__by_hand(pairs, negatives, center_table, context_table, learning_rate):
    center, context = center_table.clone(), context_table.clone()
    for batch, noise in zip(pairs, negatives, strict=True):
        everything = torch.cat([batch[:, 1:], noise], dim=1)
        answers = torch.zeros(everything.shape, dtype=center.dtype)
        answers[:, 0] = 1
        v, u = center[batch[:, 0]], context[everything]
        slopes = (torch.sigmoid((u * v[:, None]).sum(-1)) - answers) / len(batch)
        d_center = torch.einsum("bk,bkc->bc", slopes, u)
        d_context = slopes[..., None] * v[:, None]
        center = center.index_add(0, batch[:, 0], d_center, alpha=-learning_rate)
        context = context.index_add(0, everything.flatten(), d_context.flatten(0, 1), alpha=-learning_rate)
    return center, context


def train_word2vec__optimizer(pairs, negatives, center_table, context_table, learning_rate):
    a = center_table.clone().requires_grad_(True)
    b = context_table.clone().requires_grad_(True)
    for batch, noise in zip(pairs, negatives, strict=True):
        a.grad = b.grad = None
        real = (a[batch[:, 0]] * b[batch[:, 1]]).sum(-1)
        noise = (a[batch[:, 0]][:, None] * b[noise]).sum(-1)
        (F.softplus(-real) + F.softplus(noise).sum(-1)).mean().backward()
        with torch.no_grad():
            a -= learning_rate * a.grad
            b -= learning_rate * b.grad
    return a.detach(), b.detach()


def nearest_neighbors__sorted(table, query, k, exclude=()):
    length = float(query.norm())
    rated = []
    for i, row in enumerate(table):
        if i not in exclude:
            size = float(row.norm()) * length
            rated.append((-(float(row @ query) / size if size else 0.0), i))
    if len(rated) < k:
        raise ValueError("not enough rows")
    rated = sorted(rated)[:k]
    return torch.tensor([i for _, i in rated]), torch.tensor([-s for s, _ in rated], dtype=table.dtype)


def nearest_neighbors__kept_first(table, query, k, exclude=()):
    kept = torch.tensor([i for i in range(table.shape[0]) if i not in set(exclude)], dtype=torch.long)
    if k > kept.numel():
        raise ValueError(f"{k} of {kept.numel()}")
    similarity = F.normalize(table[kept], dim=1) @ F.normalize(query, dim=0)
    order = (-similarity).argsort(stable=True)[:k]
    return kept[order], similarity[order]


def nearest_neighbors__numpy(table, query, k, exclude=()):
    t, q = table.numpy(), query.numpy()
    norms = np.linalg.norm(t, axis=1) * np.linalg.norm(q)
    similarity = np.divide(t @ q, norms, out=np.zeros(len(t), dtype=t.dtype), where=norms > 0)
    allowed = np.setdiff1d(np.arange(len(t)), np.array(exclude, dtype=int))
    if len(allowed) < k:
        raise ValueError("k is too large")
    order = allowed[np.lexsort((allowed, -similarity[allowed]))][:k]
    return torch.from_numpy(order), torch.from_numpy(similarity[order])


def analogy__numpy(table, a, b, c, k=1):
    unit = F.normalize(table, dim=1)
    scores = (unit @ (unit[b] - unit[a] + unit[c])).clone()
    scores[[a, b, c]] = -torch.inf
    return scores.argsort(descending=True, stable=True)[:k]


def tied_output_logits__einsum(hidden, table):
    return torch.einsum("...c,vc->...v", hidden, table)


def sinusoidal_positions__loop(positions, channels, base=10000.0):
    if channels % 2:
        raise ValueError("channels must be even")
    table = torch.zeros(len(positions), channels)
    for row, position in enumerate(positions.tolist()):
        for i in range(channels // 2):
            angle = position / base ** (2 * i / channels)
            table[row, 2 * i], table[row, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


def sinusoidal_positions__exp(positions, channels, base=10000.0):
    if channels & 1:
        raise ValueError("odd")
    steps = torch.exp(torch.arange(0, channels, 2).double() * (-math.log(base) / channels))
    table = torch.empty(positions.shape[0], channels, dtype=torch.float64)
    table[:, 0::2] = torch.sin(positions.double().unsqueeze(1) * steps)
    table[:, 1::2] = torch.cos(positions.double().unsqueeze(1) * steps)
    return table.to(torch.float32)


def sinusoidal_positions__phase(positions, channels, base=10000.0):
    if channels % 2 == 1:
        raise ValueError("odd")
    channel = np.arange(channels)
    angles = positions.numpy()[:, None] / np.power(base, 2 * (channel // 2) / channels)
    return torch.from_numpy(np.where(channel % 2 == 0, np.sin(angles), np.cos(angles)).astype(np.float32))


def rotary_embedding__rotate_half(x, positions, base=10000.0, layout="half"):
    d = x.shape[-1]
    if d % 2 or layout not in {"half", "interleaved"}:
        raise ValueError("layout")
    frequencies = 1.0 / base ** (torch.arange(0, d, 2).double() / d)
    angles = torch.outer(positions.double(), frequencies)
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    if layout == "half":
        angles = torch.cat([angles, angles], dim=-1)
        rotated = torch.cat([-wide[..., d // 2 :], wide[..., : d // 2]], dim=-1)
    else:
        angles = angles.repeat_interleave(2, dim=-1)
        rotated = torch.stack([-wide[..., 1::2], wide[..., ::2]], dim=-1).flatten(-2)
    return (wide * angles.cos().to(wide.dtype) + rotated * angles.sin().to(wide.dtype)).to(x.dtype)


def rotary_embedding__complex(x, positions, base=10000.0, layout="half"):
    d = x.size(-1)
    if d % 2 == 1 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    angles = positions[:, None].double() / base ** (torch.arange(d // 2).double() * 2 / d)
    turns = torch.polar(torch.ones_like(angles), angles)
    wide = x.double()
    pairs = torch.stack(wide.chunk(2, -1), -1) if layout == "half" else wide.unflatten(-1, (-1, 2))
    turned = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turns)
    return (torch.cat(turned.unbind(-1), -1) if layout == "half" else turned.flatten(-2)).to(x.dtype)


def rotary_embedding__matrices(x, positions, base=10000.0, layout="half"):
    d = x.shape[-1]
    if d % 2 or layout not in ("half", "interleaved"):
        raise ValueError("layout")
    matrices = torch.zeros(len(positions), d, d, dtype=torch.float64)
    for t, position in enumerate(positions.tolist()):
        for i in range(d // 2):
            angle = position * base ** (-2 * i / d)
            first, second = (i, i + d // 2) if layout == "half" else (2 * i, 2 * i + 1)
            matrices[t, first, first] = matrices[t, second, second] = math.cos(angle)
            matrices[t, second, first], matrices[t, first, second] = math.sin(angle), -math.sin(angle)
    return torch.einsum("tij,...tj->...ti", matrices, x.double()).to(x.dtype)


def rotary_embedding__reordered(x, positions, base=10000.0, layout="half"):
    d = x.shape[-1]
    if layout not in ("half", "interleaved") or d % 2:
        raise ValueError("layout")
    if layout == "interleaved":  # through the other layout and back
        back = torch.arange(d).reshape(2, -1).T.flatten()
        order = torch.cat([torch.arange(0, d, 2), torch.arange(1, d, 2)])
        return rotary_embedding__reordered(x[..., order], positions, base)[..., back]
    angles = positions.unsqueeze(-1) * torch.pow(base, -torch.arange(0, d, 2, dtype=torch.float64) / d)
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    u, v = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat([u * cos - v * sin, v * cos + u * sin], -1).type_as(x)


def alibi_bias__loop(num_heads, length):
    bias = torch.zeros(num_heads, length, length)
    for h in range(num_heads):
        for i in range(length):
            for j in range(length):
                bias[h, i, j] = (j - i) * 2 ** (-8 / num_heads * (h + 1)) if j <= i else float("-inf")
    return bias


def yarn_scaling__numpy(head_size, factor, original_length, base=10000.0, beta_fast=32.0, beta_slow=1.0):
    def dimension(turns):
        return head_size * np.log(original_length / (turns * 2 * np.pi)) / (2 * np.log(base))

    low = max(np.floor(dimension(beta_fast)), 0)
    high = min(np.ceil(dimension(beta_slow)), head_size - 1)
    keep = 1 - np.clip((np.arange(head_size // 2) - low) / (high - low), 0, 1)
    plain = 1.0 / base ** (np.arange(0, head_size, 2) / head_size)
    return torch.from_numpy(plain / factor * (1 - keep) + plain * keep), float(0.1 * np.log(factor) + 1.0)
