"""Classic wrong answers to the exercises of 1.3, each with the sentence that tells the learner which one it is."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from grader.checks import mistake

# --- conv1d ---

TAP = "x[:, k * dilation : k * dilation + starts : stride] @ weight[:, :, k].T"


@mistake(
    "conv1d",
    says="You turn the kernel round: its first entry must meet the first position of the window.",
    patch=("weight[:, :, k].T", "weight[:, :, width - 1 - k].T"),
)
def true_convolution(x, weight, bias=None, stride=1, padding=0, dilation=1):
    x, width = F.pad(x, (0, 0, padding, padding)), weight.shape[2]
    last = x.shape[1] - dilation * (width - 1)
    if last < 1:
        raise ValueError("no window fits")
    turned = weight.flip(-1)
    y = [
        torch.einsum("bkc,ock->bo", x[:, n : n + dilation * (width - 1) + 1 : dilation], turned)
        for n in range(0, last, stride)
    ]
    return torch.stack(y, dim=1) + (0 if bias is None else bias)


@mistake(
    "conv1d",
    says="You put zeros on one side of the sequence only; padding stands before it and behind it.",
    patch=("(0, 0, padding, padding)", "(0, 0, padding, 0)"),
)
def padding_in_front_only(x, weight, bias=None, stride=1, padding=0, dilation=1):
    x = torch.cat([x.new_zeros(x.shape[0], padding, x.shape[2]), x], dim=1)
    width = weight.shape[2]
    last = x.shape[1] - dilation * (width - 1)
    if last < 1:
        raise ValueError("no window fits")
    y = [
        torch.einsum("bkc,ock->bo", x[:, n : n + dilation * (width - 1) + 1 : dilation], weight)
        for n in range(0, last, stride)
    ]
    return torch.stack(y, dim=1) + (0 if bias is None else bias)


@mistake(
    "conv1d",
    says="Your padding adds as many zeros altogether as it should add on each side.",
    patch=("(0, 0, padding, padding)", "(0, 0, padding // 2, padding - padding // 2)"),
)
def padding_split(x, weight, bias=None, stride=1, padding=0, dilation=1):
    front, behind = (x.new_zeros(x.shape[0], each, x.shape[2]) for each in (padding // 2, padding - padding // 2))
    x, width = torch.cat([front, x, behind], dim=1), weight.shape[2]
    last = x.shape[1] - dilation * (width - 1)
    if last < 1:
        raise ValueError("no window fits")
    y = [
        torch.einsum("bkc,ock->bo", x[:, n : n + dilation * (width - 1) + 1 : dilation], weight)
        for n in range(0, last, stride)
    ]
    return torch.stack(y, dim=1) + (0 if bias is None else bias)


@mistake(
    "conv1d",
    says="You leave out the last place at which a window can begin.",
    patch=(
        (TAP, "x[:, k * dilation : k * dilation + starts - 1 : stride] @ weight[:, :, k].T"),
        ("if starts < 1:", "if starts < 2:"),
    ),
)
def last_window_missing(x, weight, bias=None, stride=1, padding=0, dilation=1):
    x, width = F.pad(x, (0, 0, padding, padding)), weight.shape[2]
    span = dilation * (width - 1) + 1
    y = [
        torch.einsum("bkc,ock->bo", x[:, n : n + span : dilation], weight) for n in range(0, x.shape[1] - span, stride)
    ]
    if not y:
        raise ValueError("no window fits")
    return torch.stack(y, dim=1) + (0 if bias is None else bias)


@mistake(
    "conv1d",
    says="Stride and dilation have changed places: the stride lies between windows, the dilation inside them.",
    patch=("width = weight.shape[-1]", "width, stride, dilation = weight.shape[-1], dilation, stride"),
)
def stride_and_dilation_swapped(x, weight, bias=None, stride=1, padding=0, dilation=1):
    x, width = F.pad(x, (0, 0, padding, padding)), weight.shape[2]
    last = x.shape[1] - stride * (width - 1)
    if last < 1:
        raise ValueError("no window fits")
    y = [
        torch.einsum("bkc,ock->bo", x[:, n : n + stride * (width - 1) + 1 : stride], weight)
        for n in range(0, last, dilation)
    ]
    return torch.stack(y, dim=1) + (0 if bias is None else bias)


@mistake(
    "conv1d",
    says="You add the bias once for every entry of the kernel; a window gets it once.",
    patch=("y + bias", "y + width * bias"),
)
def bias_for_every_entry(x, weight, bias=None, stride=1, padding=0, dilation=1):
    x = F.pad(x, (0, 0, padding, padding))
    starts = x.shape[1] - dilation * (weight.shape[2] - 1)
    if starts < 1:
        raise ValueError("no window fits")
    y = 0
    for k in range(weight.shape[2]):
        y = y + F.linear(x[:, k * dilation :][:, :starts:stride], weight[:, :, k], bias)
    return y


@mistake(
    "conv1d",
    says="You lay the window and the kernel out flat in different orders: one with the channels inside, one with time.",
    patch=(TAP, "x[:, k * dilation : k * dilation + starts : stride] @ weight.reshape(-1, width, x.shape[2])[:, k].T"),
)
def flattened_in_different_orders(x, weight, bias=None, stride=1, padding=0, dilation=1):
    x, width = F.pad(x, (0, 0, padding, padding)), weight.shape[2]
    last = x.shape[1] - dilation * (width - 1)
    if last < 1:
        raise ValueError("no window fits")
    flat = [x[:, n : n + dilation * (width - 1) + 1 : dilation].flatten(1) for n in range(0, last, stride)]
    return F.linear(torch.stack(flat, dim=1), weight.flatten(1), bias)


# --- causal_conv1d ---

PADDED = "padded = F.pad(x.transpose(1, 2), (past, 0))"


@mistake(
    "causal_conv1d",
    says="You put half of the zeros before the sequence and half behind it, so that every position sees the future.",
    patch=(PADDED, "padded = F.pad(x.transpose(1, 2), (past // 2, past - past // 2))"),
)
def padding_on_both_sides(x, weight, bias=None, dilation=1):
    past = dilation * (weight.shape[2] - 1)
    y = F.conv1d(x.mT, weight, bias, padding=past, dilation=dilation).mT
    return y[:, past - past // 2 :][:, : x.shape[1]]


@mistake(
    "causal_conv1d",
    says="You put all zeros behind the sequence: every position sees itself and what comes after.",
    patch=("(past, 0)", "(0, past)"),
)
def padding_behind(x, weight, bias=None, dilation=1):
    y = F.conv1d(x.mT, weight, bias, padding=dilation * (weight.shape[2] - 1), dilation=dilation).mT
    return y[:, y.shape[1] - x.shape[1] :]


@mistake(
    "causal_conv1d",
    says="You padded both sides and kept all results: those beyond the end of the sequence must be cut off.",
    patch=("(past, 0)", "(past, past)"),
)
def tail_kept(x, weight, bias=None, dilation=1):
    return F.conv1d(x.mT, weight, bias, padding=dilation * (weight.shape[2] - 1), dilation=dilation).mT


@mistake(
    "causal_conv1d",
    says="Your padding does not count the dilation, so results are missing as soon as the kernel is stretched.",
    patch=("past = dilation * (weight.shape[-1] - 1)", "past = weight.shape[-1] - 1"),
)
def padding_without_dilation(x, weight, bias=None, dilation=1):
    front = x.new_zeros(len(x), weight.shape[2] - 1, x.shape[2])
    return F.conv1d(torch.cat([front, x], dim=1).mT, weight, bias, 1, 0, dilation).mT


@mistake(
    "causal_conv1d",
    says="Your kernel ends one position too early: a position must see itself as well.",
    patch=("(past, 0)", "(past + 1, -1)"),
)
def present_not_seen(x, weight, bias=None, dilation=1):
    before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
    past = dilation * (weight.shape[2] - 1)
    return F.conv1d(before.mT, weight, bias, padding=past, dilation=dilation).mT[:, : x.shape[1]]


@mistake(
    "causal_conv1d",
    says="You turn the kernel round: its last entry belongs to the present position.",
    patch=("padded, weight, bias", "padded, weight.flip(-1), bias"),
)
def first_entry_is_now(x, weight, bias=None, dilation=1):
    y = 0 if bias is None else bias
    for k in range(weight.shape[2]):
        shifted = F.pad(x, (0, 0, k * dilation, 0))[:, : x.shape[1]]
        y = y + shifted @ weight[:, :, k].T
    return y


# --- max_over_time_pool ---

FILLED = "x.masked_fill(~mask[:, :, None], -math.inf)"


@mistake(
    "max_over_time_pool",
    says="You take the maximum over all positions: the padding can win.",
    patch=(FILLED, "x"),
)
def padding_wins(x, mask=None):
    best = torch.max(x, dim=1).values
    if mask is None:
        return best
    return best.masked_fill(~mask.any(1)[:, None], 0)


@mistake(
    "max_over_time_pool",
    says="You set the padding to zero; zero still wins where all real answers are negative.",
    patch=(FILLED, "x.masked_fill(~mask[:, :, None], 0.0)"),
)
def zeros_win(x, mask=None):
    if mask is not None:
        x = torch.where(mask[..., None], x, torch.zeros_like(x))
    return torch.max(x, dim=1)[0]


@mistake(
    "max_over_time_pool",
    says="You fill the padding with a finite number such as −10⁹; real answers may be more negative than that.",
    patch=(FILLED, "x.masked_fill(~mask[:, :, None], -1e9)"),
)
def finite_filling(x, mask=None):
    if mask is None:
        mask = torch.ones(x.shape[:2], dtype=torch.bool)
    filled = torch.where(mask[..., None], x, torch.full_like(x, -1e9))
    return filled.max(dim=1).values * mask.any(dim=1)[:, None]


@mistake(
    "max_over_time_pool",
    says="A sequence without any real position gets your filling instead of zeros.",
    patch=("torch.where(mask.any(dim=1, keepdim=True), pooled, 0.0)", "pooled"),
)
def nothing_real_not_handled(x, mask=None):
    if mask is None:
        return x.max(dim=1).values
    return torch.where(mask.unsqueeze(-1), x, torch.full_like(x, -math.inf)).max(dim=1).values


@mistake(
    "max_over_time_pool",
    says="You took the mean over time; a pattern that occurs once would drown in a long text.",
    patch=(
        ("return x.amax(dim=1)", "return x.mean(dim=1)"),
        ("-math.inf).amax(dim=1)", "0.0).sum(dim=1) / mask.sum(dim=1, keepdim=True)"),
    ),
)
def mean_over_time(x, mask=None):
    if mask is None:
        mask = torch.ones(x.shape[:2], dtype=torch.bool)
    total = torch.where(mask[..., None], x, torch.zeros_like(x)).sum(1)
    return total / mask.sum(1).clamp(min=1)[:, None]


# --- receptive_field ---

GROWS = "reach += (kernel - 1) * dilation * step"


@mistake(
    "receptive_field",
    says="Each of your layers adds its whole width; neighbouring windows overlap in all positions but one.",
    patch=(("reach = step = 1", "reach, step = 0, 1"), (GROWS, "reach += kernel * dilation * step")),
)
def whole_widths(kernels, strides, dilations):
    if len({len(kernels), len(strides), len(dilations)}) > 1:
        raise ValueError("not equally long")
    total = 0
    for i, width in enumerate(kernels):
        total += width * dilations[i] * math.prod(strides[:i])
    return total


@mistake(
    "receptive_field",
    says="You count a layer's own stride for the layer itself; it spreads only the layers above.",
    patch=((GROWS, "step *= stride"), ("\n        step *= stride\n    return", f"\n        {GROWS}\n    return")),
)
def own_stride_counts(kernels, strides, dilations):
    if not len(kernels) == len(strides) == len(dilations):
        raise ValueError("not equally long")
    layers = range(len(kernels))
    return 1 + sum((kernels[i] - 1) * dilations[i] * math.prod(strides[: i + 1]) for i in layers)


@mistake(
    "receptive_field",
    says="Your strides do not count; each one spreads all the layers above it.",
    patch=("dilation * step", "dilation"),
)
def strides_ignored(kernels, strides, dilations):
    if not len(kernels) == len(strides) == len(dilations):
        raise ValueError("not equally long")
    return sum((k - 1) * d for k, d in zip(kernels, dilations, strict=True)) + 1


@mistake(
    "receptive_field",
    says="Only the stride directly below counts in your stack; the strides of all lower layers multiply.",
    patch=("step *= stride", "step = stride"),
)
def strides_do_not_multiply(kernels, strides, dilations):
    if not len(kernels) == len(strides) == len(dilations):
        raise ValueError("not equally long")
    below = [1, *strides]
    return 1 + sum((k - 1) * d * below[i] for i, (k, d) in enumerate(zip(kernels, dilations, strict=True)))


@mistake(
    "receptive_field",
    says="Your dilations do not count; a dilated kernel reaches over the gaps between its entries as well.",
    patch=("(kernel - 1) * dilation * step", "(kernel - 1) * step"),
)
def dilations_ignored(kernels, strides, dilations):
    if not len(kernels) == len(strides) == len(dilations):
        raise ValueError("not equally long")
    return 1 + sum((kernels[i] - 1) * math.prod(strides[:i]) for i in range(len(kernels)))


@mistake(
    "receptive_field",
    says="You went through the stack from the top; the strides that spread a layer are those below it.",
    patch=(
        "zip(kernels, strides, dilations, strict=True)",
        "zip(kernels[::-1], strides[::-1], dilations[::-1], strict=True)",
    ),
)
def from_the_top(kernels, strides, dilations):
    if not len(kernels) == len(strides) == len(dilations):
        raise ValueError("not equally long")
    return 1 + sum((kernels[i] - 1) * dilations[i] * math.prod(strides[i + 1 :]) for i in range(len(kernels)))


# --- TextCNN ---


@mistake(
    "TextCNN",
    says="The vectors at the padding reach into the last windows of a short text; they must be zero.",
    patch=("(self.embedding(ids) * real[:, :, None])", "self.embedding(ids)"),
)
class padding_is_read(nn.Module):
    def __init__(self, vocab_size, hidden_size, num_filters, num_classes, widths=(3, 4, 5)):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.convs = nn.ModuleList([nn.Conv1d(hidden_size, num_filters, k) for k in widths])
        self.head = nn.Linear(num_filters * len(widths), num_classes)

    def forward(self, ids, lengths):
        x, answers = self.embedding(ids).mT, []
        for conv in self.convs:
            k = conv.weight.shape[-1]
            y = F.relu(conv(F.pad(x, (k - 1, k - 1))))
            answers.append(torch.stack([y[b, :, : n + k - 1].amax(1) for b, n in enumerate(lengths.tolist())]))
        return self.head(torch.cat(answers, dim=1))


@mistake(
    "TextCNN",
    says="Windows without any real token take part in the maximum; their bias alone can win it.",
    patch=("(y * counts)", "y"),
)
class empty_windows_count(nn.Module):
    def __init__(self, vocab_size, hidden_size, num_filters, num_classes, widths=(3, 4, 5)):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.convs = nn.ModuleList([nn.Conv1d(hidden_size, num_filters, k) for k in widths])
        self.head = nn.Linear(num_filters * len(widths), num_classes)

    def forward(self, ids, lengths):
        x = self.embedding(ids)
        x = torch.where((torch.arange(ids.shape[1]) < lengths[:, None])[..., None], x, torch.zeros_like(x)).mT
        answers = []
        for conv in self.convs:
            k = conv.weight.shape[-1]
            answers.append(conv(F.pad(x, (k - 1, k - 1))).amax(-1).relu())
        return self.head(torch.cat(answers, dim=1))


@mistake(
    "TextCNN",
    says="Your answers go into the head without the ReLU: a detector that found nothing still speaks.",
    patch=(
        ("torch.relu(conv(x))", "conv(x)"),
        ("(y * counts).amax(dim=-1)", "y.masked_fill(~counts, -math.inf).amax(dim=-1)"),
    ),
)
class no_relu(nn.Module):
    def __init__(self, vocab_size, hidden_size, num_filters, num_classes, widths=(3, 4, 5)):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.convs = nn.ModuleList([nn.Conv1d(hidden_size, num_filters, k) for k in widths])
        self.head = nn.Linear(num_filters * len(widths), num_classes)

    def forward(self, ids, lengths):
        rows = []
        for text, n in zip(ids, lengths.tolist(), strict=True):
            x = self.embedding(text[:n]).T[None]
            found = [
                conv(F.pad(x, (conv.weight.shape[-1] - 1,) * 2)).max(dim=-1).values.flatten() for conv in self.convs
            ]
            rows.append(torch.cat(found))
        return self.head(torch.stack(rows))


@mistake(
    "TextCNN",
    says="You average over the windows; of each detector only its strongest answer is kept.",
    patch=("(y * counts).amax(dim=-1)", "(y * counts).sum(dim=-1) / counts.sum(dim=-1)"),
)
class mean_of_the_windows(nn.Module):
    def __init__(self, vocab_size, hidden_size, num_filters, num_classes, widths=(3, 4, 5)):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.convs = nn.ModuleList([nn.Conv1d(hidden_size, num_filters, k) for k in widths])
        self.head = nn.Linear(num_filters * len(widths), num_classes)

    def forward(self, ids, lengths):
        rows = []
        for text, n in zip(ids, lengths.tolist(), strict=True):
            x = self.embedding(text[:n]).T[None]
            found = [
                F.relu(conv(F.pad(x, (conv.weight.shape[-1] - 1,) * 2))).mean(dim=-1).flatten() for conv in self.convs
            ]
            rows.append(torch.cat(found))
        return self.head(torch.stack(rows))


@mistake(
    "TextCNN",
    says="The answers come in another order than `widths`, so that the head reads each with another one's weights.",
    patch=("torch.cat(answers, dim=-1)", "torch.cat(answers[::-1], dim=-1)"),
)
class widths_in_another_order(nn.Module):
    def __init__(self, vocab_size, hidden_size, num_filters, num_classes, widths=(3, 4, 5)):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.convs = nn.ModuleList([nn.Conv1d(hidden_size, num_filters, k) for k in widths])
        self.head = nn.Linear(num_filters * len(widths), num_classes)

    def forward(self, ids, lengths):
        rows = []
        for text, n in zip(ids, lengths.tolist(), strict=True):
            x = self.embedding(text[:n]).T[None]
            found = [
                F.relu(conv(F.pad(x, (conv.weight.shape[-1] - 1,) * 2))).amax(dim=-1).flatten() for conv in self.convs
            ]
            found.reverse()
            rows.append(torch.cat(found))
        return self.head(torch.stack(rows))
