"""Right answers to the exercises of 1.3 in other styles: the hidden suite must accept every one of them."""

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# --- conv1d ---


def conv1d__loop(x, weight, bias=None, stride=1, padding=0, dilation=1):
    batch, length, _ = x.shape
    results, _, width = weight.shape
    count = (length + 2 * padding - dilation * (width - 1) - 1) // stride + 1
    if count < 1:
        raise ValueError("no window fits")
    rows = []
    for n in range(count):
        y = x.new_zeros(batch, results)
        for k in range(width):
            place = n * stride + k * dilation - padding
            if 0 <= place < length:
                y = y + x[:, place] @ weight[:, :, k].T
        rows.append(y if bias is None else y + bias)
    return torch.stack(rows, dim=1)


def conv1d__windows(x, weight, bias=None, stride=1, padding=0, dilation=1):
    x = torch.cat([x.new_zeros(len(x), padding, x.shape[2]), x, x.new_zeros(len(x), padding, x.shape[2])], dim=1)
    reach = dilation * (weight.shape[2] - 1) + 1
    if x.shape[1] < reach:
        raise ValueError("no window fits")
    seen = x.unfold(1, reach, stride)[..., ::dilation]  # (B, N, C, K)
    y = torch.einsum("bnck,ock->bno", seen, weight)
    return y if bias is None else y + bias


def conv1d__gather(x, weight, bias=None, stride=1, padding=0, dilation=1):
    width = weight.shape[-1]
    x = F.pad(x.transpose(1, 2), (padding, padding))
    count = math.floor((x.shape[-1] - dilation * (width - 1) - 1) / stride) + 1
    if count <= 0:
        raise ValueError("no window fits")
    places = torch.arange(count)[:, None] * stride + torch.arange(width) * dilation
    flat = x[:, :, places].permute(0, 2, 1, 3).flatten(2)  # (B, N, C · K)
    return F.linear(flat, weight.flatten(1), bias)


def conv1d__matrix(x, weight, bias=None, stride=1, padding=0, dilation=1):
    """One large matrix that holds the kernel at every place."""
    length, width = x.shape[1], weight.shape[2]
    count = (length + 2 * padding - dilation * (width - 1) - 1) // stride + 1
    if count < 1:
        raise ValueError("no window fits")
    y = torch.zeros(x.shape[0], count, weight.shape[0], dtype=torch.float64)
    for k in range(width):
        place = np.zeros((count, length))
        for n in range(count):
            if 0 <= n * stride + k * dilation - padding < length:
                place[n, n * stride + k * dilation - padding] = 1
        y = y + torch.from_numpy(place) @ x.double() @ weight[:, :, k].double().T
    return (y if bias is None else y + bias.double()).to(x.dtype)


# --- causal_conv1d ---


def causal_conv1d__cut(x, weight, bias=None, dilation=1):
    past = dilation * (weight.shape[2] - 1)
    y = F.conv1d(x.transpose(1, 2), weight, bias, padding=past, dilation=dilation)
    return y[:, :, : x.shape[1]].transpose(1, 2)


def causal_conv1d__shifts(x, weight, bias=None, dilation=1):
    y = torch.zeros(x.shape[0], x.shape[1], weight.shape[0], dtype=x.dtype)
    for back in range(weight.shape[2]):
        if back * dilation < x.shape[1]:
            earlier = x[:, : x.shape[1] - back * dilation]
            y = y + F.pad(earlier @ weight[:, :, -1 - back].T, (0, 0, back * dilation, 0))
    return y if bias is None else y + bias


def causal_conv1d__loop(x, weight, bias=None, dilation=1):
    width, steps = weight.shape[2], []
    for t in range(x.shape[1]):
        y = 0 * x[:, t] @ weight[:, :, 0].T
        for k in range(width):
            place = t - (width - 1 - k) * dilation
            if place >= 0:
                y = y + torch.einsum("bc,oc->bo", x[:, place], weight[:, :, k])
        steps.append(y)
    y = torch.stack(steps, dim=1)
    return y if bias is None else y + bias


def causal_conv1d__own(x, weight, bias=None, dilation=1):
    front = x.new_zeros(x.shape[0], dilation * (weight.shape[2] - 1), x.shape[2])
    return conv1d__windows(torch.cat([front, x], dim=1), weight, bias, dilation=dilation)


# --- max_over_time_pool ---


def max_over_time_pool__where(x, mask=None):
    if mask is None:
        mask = torch.ones(x.shape[:2], dtype=torch.bool)
    best = torch.where(mask.unsqueeze(-1), x, torch.full_like(x, -torch.inf)).max(dim=1).values
    return torch.where(best == -torch.inf, torch.zeros_like(best), best)


def max_over_time_pool__lowest(x, mask=None):
    if mask is None:
        return torch.max(x, 1)[0]
    best = x.masked_fill(mask.logical_not()[..., None], torch.finfo(x.dtype).min).amax(1)
    return best.masked_fill(~mask.any(-1, keepdim=True), 0)


def max_over_time_pool__loop(x, mask=None):
    rows = []
    for b in range(x.shape[0]):
        real = x[b] if mask is None else x[b][mask[b]]
        rows.append(real.amax(0) if len(real) else x.new_zeros(x.shape[2]))
    return torch.stack(rows)


def max_over_time_pool__gather(x, mask=None):
    if mask is None:
        return x.gather(1, x.argmax(dim=1, keepdim=True))[:, 0]
    hidden = ~mask[:, :, None]
    best = x.masked_fill(hidden, float("-inf")).argmax(dim=1, keepdim=True)
    return x.masked_fill(hidden, 0.0).gather(1, best).squeeze(1)


# --- receptive_field ---


def receptive_field__downwards(kernels, strides, dilations):
    if not len(kernels) == len(strides) == len(dilations):
        raise ValueError("not equally long")
    reach = 1
    for i in range(len(kernels) - 1, -1, -1):
        reach = (reach - 1) * strides[i] + dilations[i] * (kernels[i] - 1) + 1
    return reach


def receptive_field__sum(kernels, strides, dilations):
    if len(kernels) != len(strides) or len(strides) != len(dilations):
        raise ValueError("not equally long")
    return 1 + sum(
        (k - 1) * d * math.prod(strides[:i]) for i, (k, d) in enumerate(zip(kernels, dilations, strict=True))
    )


def receptive_field__numpy(kernels, strides, dilations):
    if len({len(kernels), len(strides), len(dilations)}) != 1:
        raise ValueError("not equally long")
    steps = np.array([1, *itertools.accumulate(strides, lambda a, b: a * b)], dtype=int)[:-1]
    return (np.array(kernels, dtype=int) - 1) @ (np.array(dilations, dtype=int) * steps[: len(kernels)]) + 1


def receptive_field__recursive(kernels, strides, dilations):
    if (bool(kernels), bool(strides), bool(dilations)) not in {(True,) * 3, (False,) * 3}:
        raise ValueError("not equally long")
    if not kernels:
        return 1
    above = receptive_field__recursive(kernels[1:], strides[1:], dilations[1:])
    return (above - 1) * strides[0] + (kernels[0] - 1) * dilations[0] + 1


# --- TextCNN ---


class TextCNN__one_by_one(nn.Module):
    def __init__(self, vocab_size, hidden_size, num_filters, num_classes, widths=(3, 4, 5)):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.convs = nn.ModuleList([nn.Conv1d(hidden_size, num_filters, k) for k in widths])
        self.head = nn.Linear(num_filters * len(widths), num_classes)

    def forward(self, ids, lengths):
        rows = []
        for text, length in zip(ids, lengths.tolist(), strict=True):
            x = self.embedding(text[:length]).T[None]
            answers = []
            for conv in self.convs:
                ends = (conv.weight.shape[-1] - 1,) * 2
                answers.append(F.max_pool1d(F.relu(conv(F.pad(x, ends))), length + ends[0])[0, :, 0])
            rows.append(self.head(torch.cat(answers)))
        return torch.stack(rows)


class TextCNN__pool_first(nn.Module):
    def __init__(self, vocab_size, hidden_size, num_filters, num_classes, widths=(3, 4, 5)):
        super().__init__()
        self.head = nn.Linear(num_filters * len(widths), num_classes)
        self.convs = nn.ModuleList()
        for k in widths:
            self.convs.append(nn.Conv1d(hidden_size, num_filters, k))
        self.embedding = nn.Embedding(vocab_size, hidden_size)

    def forward(self, ids, lengths):
        x = self.embedding(ids)
        x = x.masked_fill(torch.arange(x.shape[1])[None, :, None] >= lengths[:, None, None], 0.0)
        answers = []
        for conv in self.convs:
            width = conv.weight.shape[-1]
            y = conv1d__windows(x, conv.weight, conv.bias, padding=width - 1)
            counts = torch.arange(y.shape[1])[None] <= lengths[:, None] + width - 2
            answers.append(max_over_time_pool__where(y, counts))
        return self.head(torch.cat(answers, dim=1).clamp(min=0))
