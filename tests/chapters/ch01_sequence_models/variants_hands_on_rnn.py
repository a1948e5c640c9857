"""Other correct answers to the exercises of 1.5, named `<exercise>__<how>`: the suite must pass every one of them."""

import math
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def build_vocab__loop(text):
    vocab = []
    for character in text:
        if character not in vocab:
            vocab.append(character)
    vocab.sort(key=ord)
    return vocab


def build_vocab__counter(text):
    return [character for character, _ in sorted(Counter(text).items())]


def build_vocab__code_points(text):
    return list(map(chr, np.unique([ord(character) for character in text]).tolist()))


def encode__index(text, vocab):
    if missing := set(text) - set(vocab):
        raise KeyError(f"not in the vocabulary: {missing}")
    return torch.LongTensor([vocab.index(character) for character in text])


def encode__map(text, vocab):
    place = dict(zip(vocab, range(len(vocab)), strict=True))
    return torch.from_numpy(np.fromiter(map(place.__getitem__, text), dtype=np.int64, count=len(text)))


def decode__loop(ids, vocab):
    text = ""
    for id in ids:
        text += vocab[int(id)]
    return text


def decode__numpy(ids, vocab):
    return "".join(np.array(vocab, dtype=object)[ids.numpy()])


def get_batch__view(ids, batch_size, length, step):
    lane = (ids.numel() - 1) // batch_size
    if lane < length:
        raise ValueError("too few characters")
    start = step % (lane // length) * length
    inputs = ids[: lane * batch_size].view(batch_size, lane)
    targets = ids[1 : lane * batch_size + 1].view(batch_size, lane)
    return inputs[:, start : start + length], targets[:, start : start + length]


def get_batch__loop(ids, batch_size, length, step):
    lane = (len(ids) - 1) // batch_size
    batches = lane // length
    if not batches:
        raise ValueError("too few characters")
    while step >= batches:
        step -= batches
    windows = [ids[b * lane + step * length :][: length + 1] for b in range(batch_size)]
    return torch.stack([w[:-1] for w in windows]), torch.stack([w[1:] for w in windows])


def get_batch__strides(ids, batch_size, length, step):
    lane = (len(ids) - 1) // batch_size
    if lane // length == 0:
        raise ValueError(f"lanes of {lane} are shorter than {length}")
    start = (step - lane // length * (step // (lane // length))) * length
    windows = ids.contiguous().as_strided((batch_size, length + 1), (lane, 1), start)
    return [windows[:, :length], windows[:, 1:].contiguous()]


class CharRNN__head_inside(nn.Module):
    def __init__(self, vocab_size, embedding_size, hidden_size, parts):
        super().__init__()
        self.parts = parts
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        for name, columns in (("ih", [embedding_size]), ("hh", [hidden_size])):
            self.register_parameter(f"weight_{name}", nn.Parameter(torch.zeros(4 * hidden_size, *columns)))
            self.register_parameter(f"bias_{name}", nn.Parameter(torch.zeros(4 * hidden_size)))
        for parameter in (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh):
            nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids, state=None):
        if state is None:
            shape = len(ids), self.head.in_features
            state = [torch.zeros(shape, dtype=self.weight_ih.dtype), torch.zeros(shape, dtype=self.weight_ih.dtype)]
        h, c = state
        logits = []
        for t in range(ids.shape[1]):
            h, c = self.parts.lstm_cell(
                self.embedding(ids[:, t]),
                (h, c),
                weight_ih=self.weight_ih,
                weight_hh=self.weight_hh,
                bias_ih=self.bias_ih,
                bias_hh=self.bias_hh,
            )
            logits.append(self.head(h).unsqueeze(1))
        return torch.cat(logits, dim=1), (h, c)


class CharRNN__preallocated(nn.Module):
    def __init__(self, vocab_size, embedding_size, hidden_size, parts):
        super().__init__()
        self.hidden_size, self.step = hidden_size, parts.lstm_cell
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.head = nn.Linear(hidden_size, vocab_size)
        uniform = torch.distributions.Uniform(-1 / math.sqrt(hidden_size), 1 / math.sqrt(hidden_size))
        self.bias_hh = nn.Parameter(uniform.sample((4 * hidden_size,)))
        self.bias_ih = nn.Parameter(uniform.sample((4 * hidden_size,)))
        self.weight_hh = nn.Parameter(uniform.sample((4 * hidden_size, hidden_size)))
        self.weight_ih = nn.Parameter(uniform.sample((4 * hidden_size, embedding_size)))

    def forward(self, ids, state=None):
        batch, length = ids.shape
        x = F.embedding(ids.T, self.embedding.weight)
        if state is None:
            state = (x.new_zeros(batch, self.hidden_size), x.new_zeros(batch, self.hidden_size))
        hidden = x.new_zeros(length, batch, self.hidden_size)
        for t in range(length):
            state = self.step(x[t], state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
            hidden[t] = state[0]
        return F.linear(hidden, self.head.weight, self.head.bias).transpose(0, 1), state


class CharRNN__einsum(nn.Module):
    def __init__(self, vocab_size, embedding_size, hidden_size, parts):
        super().__init__()
        size, bound = hidden_size, hidden_size**-0.5
        self.cell = parts.lstm_cell
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.weight_ih = nn.Parameter((torch.rand(4 * size, embedding_size) * 2 - 1) * bound)
        self.weight_hh = nn.Parameter((torch.rand(4 * size, size) * 2 - 1) * bound)
        self.bias_ih = nn.Parameter((torch.rand(4 * size) * 2 - 1) * bound)
        self.bias_hh = nn.Parameter((torch.rand(4 * size) * 2 - 1) * bound)
        self.head = nn.Linear(size, vocab_size)

    def forward(self, ids, state=None):
        state = state or (self.bias_hh.new_zeros(ids.size(0), len(self.bias_hh) // 4),) * 2
        states = [state]
        for column in ids.unbind(1):
            x = self.embedding.weight[column]
            states.append(self.cell(x, states[-1], self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh))
        hidden = torch.stack([h for h, _ in states[1:]])
        return torch.einsum("tbc,vc->btv", hidden, self.head.weight) + self.head.bias, states[-1]


def train_step__by_hand(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    for parameter in model.parameters():
        parameter.grad = None
    logits, (h, c) = model(inputs, state)
    loss = -torch.log_softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).mean()
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = math.sqrt(sum((gradient**2).sum().item() for gradient in gradients))
    if norm > max_norm - 1e-6:
        for gradient in gradients:
            gradient.mul_(max_norm / (norm + 1e-6))
    optimizer.step()
    return float(loss.detach()), (h.detach(), c.detach())


def train_step__transposed(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    optimizer.zero_grad(set_to_none=False)
    if state is not None:
        state = tuple(each.detach() for each in state)
    logits, state = model(inputs, state)
    loss = nn.CrossEntropyLoss()(logits.transpose(1, 2), targets)
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], max_norm=max_norm)
    optimizer.step()
    return loss.detach().item(), [each.detach().clone() for each in state]


def train_step__autograd(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    parameters = list(model.parameters())
    logits, state = model(inputs, state)
    loss = F.nll_loss(F.log_softmax(logits.reshape(-1, logits.size(-1)), dim=-1), targets.reshape(-1))
    gradients = torch.autograd.grad(loss, parameters)
    factor = min(1.0, max_norm / (torch.cat([g.flatten() for g in gradients]).norm().item() + 1e-6))
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient * factor
    optimizer.step()
    optimizer.zero_grad()
    return loss.item(), tuple(each.data for each in state)


def bits_per_character__gather(logits, targets):
    log_p = torch.log_softmax(logits, dim=-1).gather(-1, targets.unsqueeze(-1))
    return float(-log_p.mean() / torch.log(torch.tensor(2.0, dtype=logits.dtype)))


def bits_per_character__loop(logits, targets):
    rows, ids = logits.reshape(-1, logits.shape[-1]).double(), targets.reshape(-1).tolist()
    bits = [(torch.logsumexp(row, dim=0) - row[id]).item() / math.log(2) for row, id in zip(rows, ids, strict=True)]
    return sum(bits) / len(bits)


def bits_per_character__numpy(logits, targets):
    logits = logits.double().numpy()
    logits = logits - logits.max(axis=-1, keepdims=True)
    came = np.take_along_axis(logits, targets.numpy()[..., None], axis=-1)[..., 0]
    return np.mean(np.log2(np.exp(logits).sum(axis=-1)) - came / np.log(2))


def bigram_baseline__loop(ids, vocab_size):
    counts = torch.ones(vocab_size, vocab_size, dtype=torch.float64)
    for a, b in zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True):
        counts[a, b] += 1
    return counts.log() - counts.sum(-1, keepdim=True).log()


def bigram_baseline__index_put(ids, vocab_size):
    counts = torch.ones(vocab_size, vocab_size, dtype=torch.float64)
    counts.index_put_((ids[:-1], ids[1:]), torch.ones((), dtype=torch.float64), accumulate=True)
    return torch.log_softmax(counts.log(), dim=1)


def sample__batched(model, prompt, length, temperature, generator):
    logits, state = None, None
    with torch.inference_mode():
        logits, state = model(prompt.unsqueeze(0), state)
        ids = []
        while True:
            p = F.softmax(logits[:, -1, :] / temperature, dim=-1)
            new = torch.multinomial(p, num_samples=1, generator=generator)
            ids.append(int(new))
            if len(ids) == length:
                break
            logits, state = model(new, state)
    return torch.tensor(ids)


@torch.no_grad()
def sample__preallocated(model, prompt, length, temperature, generator):
    written = torch.empty(length, dtype=torch.int64)
    logits, state = model(prompt.view(1, -1), None)
    for place in range(length):
        scores = logits[0, -1].div(temperature)
        p = torch.exp(scores - scores.logsumexp(dim=-1))
        written[place] = torch.multinomial(p, 1, generator=generator)[0]
        logits, state = model(written[place].reshape(1, 1), state)
    return written


def sample__concatenated(model, prompt, length, temperature, generator):
    text, state, read = prompt.clone(), None, 0
    for _ in range(length):
        with torch.no_grad():
            logits, state = model(text[None, read:], state)
        read = len(text)
        scaled = logits[0, -1] * (1.0 / temperature)
        weights = (scaled - scaled.max()).exp()
        text = torch.cat((text, torch.multinomial(weights / weights.sum(), 1, generator=generator)))
    return text[len(prompt) :]
