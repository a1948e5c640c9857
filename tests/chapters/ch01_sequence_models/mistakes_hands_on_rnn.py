"""Classic wrong answers to the exercises of 1.5, each with the sentence that tells the learner which one it is."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from grader.checks import mistake

# --- build_vocab, encode, decode ---


@mistake(
    "build_vocab",
    says="Your characters stand in the order in which they first appear; the ids must not depend on that.",
    patch=("sorted(set(text))", "list(dict.fromkeys(text))"),
)
def order_of_appearance(text):
    vocab = []
    for character in text:
        if character not in vocab:
            vocab.append(character)
    return vocab


@mistake(
    "build_vocab",
    says="You sorted by how often a character comes; the order is that of the characters themselves.",
    patch=("sorted(set(text))", "sorted(dict.fromkeys(text), key=lambda character: -text.count(character))"),
)
def order_of_frequency(text):
    counts = {}
    for character in text:
        counts[character] = counts.get(character, 0) + 1
    return [character for character, _ in sorted(counts.items(), key=lambda pair: pair[1], reverse=True)]


@mistake(
    "build_vocab",
    says="You threw away blanks or line breaks: they are characters as well, and the network must learn to write them.",
    patch=("set(text)", 'set("".join(text.split()))'),
)
def without_blanks(text):
    return sorted({character for character in text if not character.isspace()})


@mistake(
    "build_vocab",
    says="You changed the case of the letters: a capital is a character of its own.",
    patch=("set(text)", "set(text.lower())"),
)
def small_letters(text):
    return sorted({character.lower() for character in text})


@mistake(
    "build_vocab",
    says="Your list holds characters more than once: the vocabulary needs each of them once.",
    patch=("sorted(set(text))", "sorted(text)"),
)
def with_repetitions(text):
    vocab = list(text)
    vocab.sort()
    return vocab


@mistake(
    "encode",
    says="Your ids are code points; the id of a character is its place in the vocabulary.",
    patch=("[ids[character] for character in text]", "[ids[character] and ord(character) for character in text]"),
)
def code_points(text, vocab):
    for character in text:
        if character not in vocab:
            raise KeyError(character)
    return torch.tensor([0 if character == vocab[0] else ord(character) for character in text], dtype=torch.int64)


@mistake(
    "encode",
    says="You give a character that is not in the vocabulary the id of another one, where nobody will notice.",
    patch=("ids[character] for", "ids.get(character, 0) for"),
)
def unknown_is_zero(text, vocab):
    return torch.tensor([vocab.index(c) if c in vocab else 0 for c in text], dtype=torch.long)


@mistake(
    "encode",
    says="You sorted the vocabulary that you were given; the ids are places in the list as it stands.",
    patch=("enumerate(vocab)", "enumerate(sorted(vocab))"),
)
def sorts_the_vocab(text, vocab):
    table = sorted(vocab)
    return torch.tensor([{c: i for i, c in enumerate(table)}[c] for c in text], dtype=torch.long)


@mistake(
    "decode",
    says="You put blanks between the characters; the blanks of the text are among the ids already.",
    patch=('"".join', '" ".join'),
)
def joined_with_blanks(ids, vocab):
    text = ""
    for place, id in enumerate(ids.tolist()):
        text += (" " if place else "") + vocab[id]
    return text


@mistake(
    "decode",
    says="You cut blanks off the ends of the text.",
    patch=("for id in ids.tolist())", "for id in ids.tolist()).strip()"),
)
def stripped(ids, vocab):
    characters = [vocab[id] for id in ids.tolist()]
    while characters and characters[0].isspace():
        characters.pop(0)
    while characters and characters[-1].isspace():
        characters.pop()
    return "".join(characters)


# --- get_batch ---


@mistake(
    "get_batch",
    says="Your targets are the inputs themselves; a target is the character that comes after.",
    patch=("ids[places + 1]", "ids[places]"),
)
def target_not_shifted(ids, batch_size, length, step):
    lane = (len(ids) - 1) // batch_size
    if lane < length:
        raise ValueError("too short")
    start = step % (lane // length) * length
    inputs = ids[: lane * batch_size].view(batch_size, lane)[:, start : start + length]
    return inputs, inputs.clone()


@mistake(
    "get_batch",
    says="Your targets are two characters further on; it must be the next one.",
    patch=("ids[places + 1]", "ids[(places + 2).clamp(max=len(ids) - 1)]"),
)
def target_too_far(ids, batch_size, length, step):
    lane = (len(ids) - 1) // batch_size
    if lane < length:
        raise ValueError("too short")
    start = step % (lane // length) * length
    padded = torch.cat([ids, ids[-1:]])
    rows = [(b * lane + start, b * lane + start + length) for b in range(batch_size)]
    return torch.stack([ids[a:z] for a, z in rows]), torch.stack([padded[a + 2 : z + 2] for a, z in rows])


@mistake(
    "get_batch",
    says="Your rows take neighbouring windows of the text; row b of the next batch must go on where row b stopped.",
    patch=(
        "lane * torch.arange(batch_size) + step % batches * length",
        "length * torch.arange(batch_size) + step % batches * length * batch_size",
    ),
)
def neighbouring_windows(ids, batch_size, length, step):
    lane = (len(ids) - 1) // batch_size
    if lane < length:
        raise ValueError("too short")
    size = batch_size * length
    start = step % (lane // length) * size
    chunk = ids[start : start + size + 1]
    return chunk[:-1].reshape(batch_size, length), chunk[1:].reshape(batch_size, length)


@mistake(
    "get_batch",
    says="You dealt the characters out to the lanes one by one; a lane is a run of text.",
    patch=(
        ("lane * torch.arange(batch_size) + step % batches * length", "torch.arange(batch_size)"),
        ("+ torch.arange(length)", "+ (step % batches * length + torch.arange(length)) * batch_size"),
    ),
)
def dealt_out(ids, batch_size, length, step):
    lane = (len(ids) - 1) // batch_size
    if lane < length:
        raise ValueError("too short")
    start = step % (lane // length) * length
    inputs = ids[: lane * batch_size].reshape(lane, batch_size).T
    targets = ids[1 : lane * batch_size + 1].reshape(lane, batch_size).T
    return inputs[:, start : start + length], targets[:, start : start + length]


@mistake(
    "get_batch",
    says="Your windows move on by one character a batch; each must begin where the last one ended.",
    patch=("step % batches * length", "step % batches"),
)
def windows_overlap(ids, batch_size, length, step):
    lane = (len(ids) - 1) // batch_size
    if lane < length:
        raise ValueError("too short")
    start = step % (lane // length)
    rows = [ids[b * lane + start :] for b in range(batch_size)]
    return torch.stack([row[:length] for row in rows]), torch.stack([row[1 : length + 1] for row in rows])


@mistake(
    "get_batch",
    says="Your lanes divide N, not N − 1: the last place of the last lane may have no character after it.",
    patch=("(len(ids) - 1) // batch_size", "len(ids) // batch_size"),
)
def lanes_of_the_whole_text(ids, batch_size, length, step):
    lane = ids.numel() // batch_size
    if lane < length:
        raise ValueError("too short")
    start = step % (lane // length) * length
    places = torch.tensor([[b * lane + start + t for t in range(length)] for b in range(batch_size)])
    return ids[places], ids[places + 1]


# --- CharRNN ---


@mistake(
    "CharRNN",
    says="You begin at zeros although a state was given: what the last window knew is lost.",
    patch=("if state is None:", "if True:"),
)
class forgets_the_state(nn.Module):
    def __init__(self, vocab_size, embedding_size, hidden_size, parts):
        super().__init__()
        b = hidden_size**-0.5
        self.parts, self.hidden_size = parts, hidden_size
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.weight_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size, embedding_size) - b)
        self.weight_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size, hidden_size) - b)
        self.bias_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.bias_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids, state=None):
        h = c = torch.zeros(ids.shape[0], self.hidden_size, dtype=self.weight_hh.dtype)
        out = []
        for t in range(ids.shape[1]):
            h, c = self.parts.lstm_cell(
                self.embedding(ids[:, t]), (h, c), self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
            )
            out.append(self.head(h))
        return torch.stack(out, 1), (h, c)


@mistake(
    "CharRNN",
    says="You read the logits off the cell state c; what a cell shows to the outside is h.",
    patch=("hidden.append(state[0])", "hidden.append(state[1])"),
)
class reads_the_cell_state(nn.Module):
    def __init__(self, vocab_size, embedding_size, hidden_size, parts):
        super().__init__()
        b = hidden_size**-0.5
        self.parts, self.hidden_size = parts, hidden_size
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.weight_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size, embedding_size) - b)
        self.weight_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size, hidden_size) - b)
        self.bias_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.bias_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids, state=None):
        zeros = torch.zeros(ids.shape[0], self.hidden_size, dtype=self.weight_hh.dtype)
        h, c = (zeros, zeros) if state is None else state
        out = []
        for t in range(ids.shape[1]):
            h, c = self.parts.lstm_cell(
                self.embedding(ids[:, t]), (h, c), self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
            )
            out.append(self.head(c))
        return torch.stack(out, 1), (h, c)


@mistake(
    "CharRNN",
    says="Your hidden states are stacked along the batch and reshaped: places and lanes change their roles.",
    patch=(
        "torch.stack(hidden, dim=1)",
        "torch.stack(hidden).reshape(len(ids), len(hidden), -1)",
    ),
)
class mixes_time_and_batch(nn.Module):
    def __init__(self, vocab_size, embedding_size, hidden_size, parts):
        super().__init__()
        b = hidden_size**-0.5
        self.parts, self.hidden_size = parts, hidden_size
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.weight_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size, embedding_size) - b)
        self.weight_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size, hidden_size) - b)
        self.bias_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.bias_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids, state=None):
        zeros = torch.zeros(ids.shape[0], self.hidden_size, dtype=self.weight_hh.dtype)
        h, c = (zeros, zeros) if state is None else state
        out = []
        for t in range(ids.shape[1]):
            h, c = self.parts.lstm_cell(
                self.embedding(ids[:, t]), (h, c), self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
            )
            out.append(self.head(h))
        return torch.cat(out).view(*ids.shape, -1), (h, c)


@mistake(
    "CharRNN",
    says="Every step of your window begins at the same state: hand the new state on to the next step.",
    patch=(
        ("state = self.cell(", "last = self.cell("),
        ("hidden.append(state[0])", "hidden.append(last[0])"),
        ("dim=1)), state", "dim=1)), last"),
    ),
)
class no_recurrence(nn.Module):
    def __init__(self, vocab_size, embedding_size, hidden_size, parts):
        super().__init__()
        b = hidden_size**-0.5
        self.parts, self.hidden_size = parts, hidden_size
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.weight_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size, embedding_size) - b)
        self.weight_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size, hidden_size) - b)
        self.bias_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.bias_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids, state=None):
        zeros = torch.zeros(ids.shape[0], self.hidden_size, dtype=self.weight_hh.dtype)
        start = (zeros, zeros) if state is None else state
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        steps = [self.parts.lstm_cell(self.embedding(each), start, *weights) for each in ids.T]
        return self.head(torch.stack([h for h, _ in steps], 1)), steps[-1]


@mistake(
    "CharRNN",
    says="The state crosses from lane to lane: your first loop runs over the batch, where it should run over time.",
    patch=(("x.unbind(dim=1)", "x.unbind(dim=0)"), ("torch.stack(hidden, dim=1)", "torch.stack(hidden, dim=0)")),
)
class steps_over_the_batch(nn.Module):
    def __init__(self, vocab_size, embedding_size, hidden_size, parts):
        super().__init__()
        b = hidden_size**-0.5
        self.parts, self.hidden_size = parts, hidden_size
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.weight_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size, embedding_size) - b)
        self.weight_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size, hidden_size) - b)
        self.bias_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.bias_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids, state=None):
        zeros = torch.zeros(ids.shape[0], self.hidden_size, dtype=self.weight_hh.dtype)
        state = (zeros, zeros) if state is None else state
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        out = []
        for row in self.embedding(ids):
            state = self.parts.lstm_cell(row, state, *weights)
            out.append(state[0])
        return self.head(torch.stack(out)), state


@mistake(
    "CharRNN",
    says="Your head scores the last place only; training needs the scores of the next character at every place.",
    patch=("hidden.append(state[0])", "hidden = [state[0]]"),
)
class last_place_only(nn.Module):
    def __init__(self, vocab_size, embedding_size, hidden_size, parts):
        super().__init__()
        b = hidden_size**-0.5
        self.parts, self.hidden_size = parts, hidden_size
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.weight_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size, embedding_size) - b)
        self.weight_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size, hidden_size) - b)
        self.bias_ih = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.bias_hh = nn.Parameter(2 * b * torch.rand(4 * hidden_size) - b)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids, state=None):
        zeros = torch.zeros(ids.shape[0], self.hidden_size, dtype=self.weight_hh.dtype)
        h, c = (zeros, zeros) if state is None else state
        for t in range(ids.shape[1]):
            h, c = self.parts.lstm_cell(
                self.embedding(ids[:, t]), (h, c), self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
            )
        return self.head(h)[:, None], (h, c)


# --- train_step ---


@mistake(
    "train_step",
    says="You never clear the gradients: those of earlier calls are still in them.",
    patch=("optimizer.zero_grad()", "pass"),
)
def gradients_pile_up(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    logits, new = model(inputs, state)
    loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
    loss.backward()
    torch.nn.utils.clip_grad_norm_(list(model.parameters()), max_norm)
    optimizer.step()
    return float(loss), (new[0].detach(), new[1].detach())


@mistake(
    "train_step",
    says="You hand on the state with its graph: the next window's backward pass would run into this one.",
    patch=("each.detach() for each in state", "each for each in state"),
)
def state_with_its_graph(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    logits, state = model(inputs, state)
    loss = F.cross_entropy(logits.transpose(1, 2), targets)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return loss.item(), state


@mistake(
    "train_step",
    says="The gradients that moved the weights were not clipped: one steep place can throw the weights far away.",
    patch=("nn.utils.clip_grad_norm_(model.parameters(), max_norm)", "pass"),
)
def no_clipping(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    optimizer.zero_grad()
    logits, state = model(inputs, state)
    loss = F.cross_entropy(logits.transpose(1, 2), targets)
    loss.backward()
    optimizer.step()
    return loss.item(), tuple(s.detach() for s in state)


@mistake(
    "train_step",
    says="The gradients that moved the weights were not clipped: one steep place can throw the weights far away.",
    patch=(
        ("    nn.utils.clip_grad_norm_(model.parameters(), max_norm)\n", ""),
        (
            "    optimizer.step()\n",
            "    optimizer.step()\n    nn.utils.clip_grad_norm_(model.parameters(), max_norm)\n",
        ),
    ),
)
def clips_too_late(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    optimizer.zero_grad()
    logits, state = model(inputs, state)
    loss = F.cross_entropy(logits.transpose(1, 2), targets)
    loss.backward()
    optimizer.step()
    norm = torch.sqrt(sum((p.grad**2).sum() for p in model.parameters()))
    for p in model.parameters():
        p.grad *= torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    return loss.item(), tuple(s.detach() for s in state)


@mistake(
    "train_step",
    says="You clip every single number; the gradients of all parameters must be shortened together, by one factor.",
    patch=("clip_grad_norm_(", "clip_grad_value_("),
)
def clips_each_number(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    optimizer.zero_grad()
    logits, state = model(inputs, state)
    loss = F.cross_entropy(logits.transpose(1, 2), targets)
    loss.backward()
    for p in model.parameters():
        p.grad = p.grad.clamp(-max_norm, max_norm)
    optimizer.step()
    return loss.item(), tuple(s.detach() for s in state)


@mistake(
    "train_step",
    says="Your loss is a sum over the places; as a mean its size does not depend on the batch.",
    patch=("targets.flatten())", 'targets.flatten(), reduction="sum")'),
)
def sum_over_places(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    optimizer.zero_grad()
    logits, state = model(inputs, state)
    loss = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).sum()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return loss.item(), tuple(s.detach() for s in state)


@mistake(
    "train_step",
    says="You do not give the model the state of the window before: it begins at zeros every time.",
    patch=("logits, state = model(inputs, state)", "logits, state = model(inputs, None)"),
)
def state_not_given(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    optimizer.zero_grad()
    logits, (h, c) = model(inputs)
    loss = F.cross_entropy(logits.transpose(1, 2), targets)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return loss.item(), (h.detach(), c.detach())


@mistake(
    "train_step",
    says="You measured the loss again after the update; what is wanted is the loss that was minimised.",
    patch=(
        (
            "    logits, state = model(inputs, state)\n",
            "    before = state\n    logits, state = model(inputs, state)\n",
        ),
        (
            "return loss.item(), ",
            "return F.cross_entropy(model(inputs, before)[0].flatten(0, 1), targets.flatten()).item(), ",
        ),
    ),
)
def loss_after_the_update(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    optimizer.zero_grad()
    logits, new = model(inputs, state)
    F.cross_entropy(logits.transpose(1, 2), targets).backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    with torch.no_grad():
        loss = F.cross_entropy(model(inputs, state)[0].transpose(1, 2), targets)
    return loss.item(), tuple(s.detach() for s in new)


# --- bits_per_character ---


@mistake(
    "bits_per_character",
    says="Your result is in nats; a bit is ln 2 nats.",
    patch=(" / math.log(2)", ""),
)
def in_nats(logits, targets):
    return float(-logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).mean())


@mistake(
    "bits_per_character",
    says="You multiplied by ln 2 where you have to divide: there are more bits than nats.",
    patch=("/ math.log(2)", "* math.log(2)"),
)
def wrong_way_round(logits, targets):
    log_p = torch.log_softmax(logits, dim=-1).gather(-1, targets[..., None])
    return math.log(2) * -log_p.mean().item()


@mistake(
    "bits_per_character",
    says="You added up the bits of all characters; what is wanted is how many one character needs on average.",
    patch=("targets.flatten())", 'targets.flatten(), reduction="sum")'),
)
def bits_in_all(logits, targets):
    return float(-logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).sum() / math.log(2))


@mistake(
    "bits_per_character",
    says="That is the perplexity, 2 to the power of the bits; what is wanted is the exponent.",
    patch=("return nats.item() / math.log(2)", "return math.exp(min(nats.item(), 700.0))"),
)
def perplexity(logits, targets):
    bits = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).mean().item() / math.log(2)
    return 2.0 ** min(bits, 700.0 / math.log(2))


@mistake(
    "bits_per_character",
    says="You took the mean of the probabilities and its logarithm after that; each character's logarithm comes first.",
    patch=(
        "nats = F.cross_entropy(logits.flatten(end_dim=-2), targets.flatten())",
        "nats = -logits.softmax(-1).gather(-1, targets[..., None]).mean().log()",
    ),
)
def mean_before_the_logarithm(logits, targets):
    p = torch.softmax(logits, dim=-1)
    came = (p * F.one_hot(targets, p.shape[-1])).sum(-1)
    return -math.log2(came.mean())


@mistake(
    "bits_per_character",
    says="Your softmax runs over the wrong axis: the probabilities of the V characters at one place sum to one.",
    patch=(
        "F.cross_entropy(logits.flatten(end_dim=-2), targets.flatten())",
        "F.nll_loss(logits.log_softmax(0).flatten(end_dim=-2), targets.flatten())",
    ),
)
def softmax_over_places(logits, targets):
    log_p = logits - torch.logsumexp(logits, dim=0, keepdim=True)
    return -log_p.gather(-1, targets[..., None]).mean().item() / math.log(2)


@mistake(
    "bits_per_character",
    says="You used the logits as if they were logarithms of probabilities; a softmax has to make them so.",
    patch=("F.cross_entropy(", "F.nll_loss("),
)
def without_softmax(logits, targets):
    return -logits.gather(-1, targets[..., None]).double().mean().item() / math.log(2)


# --- bigram_baseline ---


@mistake(
    "bigram_baseline",
    says="Your table is turned round: the row is the character that came first, the column the one that followed.",
    patch=("ids[:-1] * vocab_size + ids[1:]", "ids[1:] * vocab_size + ids[:-1]"),
)
def turned_round(ids, vocab_size):
    counts = torch.ones(vocab_size, vocab_size, dtype=torch.float64)
    for left, right in zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True):
        counts[right, left] += 1
    return (counts / counts.sum(1, keepdim=True)).log()


@mistake(
    "bigram_baseline",
    says="Your columns sum to one; each row must, since it answers what follows its character.",
    patch=("counts.sum(dim=1, keepdim=True)", "counts.sum(dim=0, keepdim=True)"),
)
def columns_sum_to_one(ids, vocab_size):
    counts = torch.ones(vocab_size, vocab_size, dtype=torch.float64)
    for left, right in zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True):
        counts[left, right] += 1
    return torch.log_softmax(counts.log(), dim=0)


@mistake(
    "bigram_baseline",
    says="You left out the smoothing: a pair that never came gets −∞ or NaN, and costs infinitely much.",
    patch=(".double() + 1", ".double()"),
)
def no_smoothing(ids, vocab_size):
    counts = torch.zeros(vocab_size, vocab_size, dtype=torch.float64)
    for left, right in zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True):
        counts[left, right] += 1
    return (counts / counts.sum(1, keepdim=True)).log()


@mistake(
    "bigram_baseline",
    says="Your table holds probabilities; wanted are their logarithms, which can stand where logits do.",
    patch=("torch.log(counts / counts.sum(dim=1, keepdim=True))", "counts / counts.sum(dim=1, keepdim=True)"),
)
def no_logarithm(ids, vocab_size):
    counts = torch.ones(vocab_size, vocab_size, dtype=torch.float64)
    for left, right in zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True):
        counts[left, right] += 1
    return torch.softmax(counts.log(), dim=1)


@mistake(
    "bigram_baseline",
    says="You divided by the sum of the whole table, so your rows are no distributions of what comes next.",
    patch=("counts.sum(dim=1, keepdim=True)", "counts.sum()"),
)
def joint_probabilities(ids, vocab_size):
    counts = torch.ones(vocab_size**2, dtype=torch.float64)
    counts += torch.bincount(ids[:-1] * vocab_size + ids[1:], minlength=vocab_size**2)
    return (counts.log() - counts.sum().log()).reshape(vocab_size, vocab_size)


# --- sample ---


@mistake(
    "sample",
    says="You multiplied the logits by the temperature; heat has to flatten them.",
    patch=("logits[0, -1] / temperature", "logits[0, -1] * temperature"),
)
def multiplied(model, prompt, length, temperature, generator):
    out, state, ids = [], None, prompt.reshape(1, -1)
    for _ in range(length):
        with torch.no_grad():
            logits, state = model(ids, state)
        ids = torch.multinomial((logits[:, -1] * temperature).softmax(-1), 1, generator=generator)
        out.append(ids.item())
    return torch.tensor(out)


@mistake(
    "sample",
    says="The temperature has no effect on your draws: it has to divide the logits, before the softmax.",
    patch=("logits[0, -1] / temperature", "logits[0, -1]"),
)
def no_temperature(model, prompt, length, temperature, generator):
    out, state, ids = [], None, prompt.reshape(1, -1)
    for _ in range(length):
        with torch.no_grad():
            logits, state = model(ids, state)
        ids = torch.multinomial(logits[:, -1].softmax(-1), 1, generator=generator)
        out.append(ids.item())
    return torch.tensor(out)


@mistake(
    "sample",
    says="The temperature has no effect on your draws: it has to divide the logits, before the softmax.",
    patch=("torch.softmax(logits[0, -1] / temperature, dim=-1)", "torch.softmax(logits[0, -1], dim=-1) / temperature"),
)
def after_the_softmax(model, prompt, length, temperature, generator):
    out, state, ids = [], None, prompt.reshape(1, -1)
    for _ in range(length):
        with torch.no_grad():
            logits, state = model(ids, state)
        p = logits[0, -1].softmax(-1).div(temperature)
        ids = torch.multinomial(p, 1, generator=generator).view(1, 1)
        out.append(ids.item())
    return torch.tensor(out)


@mistake(
    "sample",
    says="You always take the likeliest character; it has to be drawn, or the text runs in circles.",
    patch=(
        "= torch.multinomial(probabilities, 1, generator=generator)",
        "= probabilities.argmax(dim=-1, keepdim=True)",
    ),
)
def likeliest(model, prompt, length, temperature, generator):
    out, state, ids = [], None, prompt.reshape(1, -1)
    for _ in range(length):
        with torch.no_grad():
            logits, state = model(ids, state)
        ids = logits[:, -1].topk(1).indices
        out.append(ids.item())
    return torch.tensor(out)


@mistake(
    "sample",
    says="Your model reads only the last character of the prompt: it must read all of it.",
    patch=("prompt[None], None, []", "prompt[None, -1:], None, []"),
)
def last_of_the_prompt(model, prompt, length, temperature, generator):
    out, state, ids = [], None, prompt[-1].view(1, 1)
    for _ in range(length):
        with torch.no_grad():
            logits, state = model(ids, state)
        ids = torch.multinomial((logits[:, -1] / temperature).softmax(-1), 1, generator=generator)
        out.append(ids.item())
    return torch.tensor(out)


@mistake(
    "sample",
    says="You do not hand the state on: for your model every character is the first one.",
    patch=("logits, state = model(ids, state)", "logits, _ = model(ids, state)"),
)
def state_not_handed_on(model, prompt, length, temperature, generator):
    out, ids = [], prompt.reshape(1, -1)
    for _ in range(length):
        with torch.no_grad():
            logits = model(ids, None)[0]
        ids = torch.multinomial((logits[:, -1] / temperature).softmax(-1), 1, generator=generator)
        out.append(ids.item())
    return torch.tensor(out)


@mistake(
    "sample",
    says="Your model reads the whole text again at every step, although the state already holds it.",
    patch=("ids = drawn[None]", "ids = torch.cat([ids, drawn[None]], dim=1)"),
)
def reads_all_again(model, prompt, length, temperature, generator):
    state, text = None, prompt
    for _ in range(length):
        with torch.no_grad():
            logits, state = model(text.unsqueeze(0), state)
        p = (logits[0, -1] / temperature).softmax(-1)
        text = torch.cat([text, torch.multinomial(p, 1, generator=generator)])
    return text[prompt.numel() :]


@mistake(
    "sample",
    says="Your result begins with the prompt; only the new characters are wanted.",
    patch=("return torch.cat(written)", "return torch.cat([prompt, *written])"),
)
def prompt_in_the_result(model, prompt, length, temperature, generator):
    out, state, ids = prompt.tolist(), None, prompt.reshape(1, -1)
    for _ in range(length):
        with torch.no_grad():
            logits, state = model(ids, state)
        ids = torch.multinomial((logits[:, -1] / temperature).softmax(-1), 1, generator=generator)
        out.append(ids.item())
    return torch.tensor(out)


@mistake(
    "sample",
    says="You draw without the generator that was given, so the same seed does not give the same text.",
    patch=("= torch.multinomial(probabilities, 1, generator=generator)", "= torch.multinomial(probabilities, 1)"),
)
def another_generator(model, prompt, length, temperature, generator):
    out, state, ids = [], None, prompt.reshape(1, -1)
    for _ in range(length):
        with torch.no_grad():
            logits, state = model(ids, state)
        ids = torch.multinomial((logits[:, -1] / temperature).softmax(-1), num_samples=1)
        out.append(ids.item())
    return torch.tensor(out)


@mistake(
    "sample",
    says="Autograd records every step of your writing, and keeps all of it in memory: nothing will be trained here.",
    patch=("with torch.no_grad():", "with torch.enable_grad():"),
)
def records_gradients(model, prompt, length, temperature, generator):
    out, state, ids = [], None, prompt.reshape(1, -1)
    for _ in range(length):
        logits, state = model(ids, state)
        ids = torch.multinomial((logits[:, -1] / temperature).softmax(-1), 1, generator=generator)
        out.append(ids.item())
    return torch.tensor(out)
