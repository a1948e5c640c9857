"""2.6 Hands-on: Pretraining. A language model of your own parts, trained from random numbers in a minute or two.

Sources: Radford et al. (2019), Language Models are Unsupervised Multitask Learners (GPT-2: the model and its first
weights); Brown et al. (2020), Language Models are Few-Shot Learners, arXiv:2005.14165, appendix B (optimizer, schedule,
clipping); Loshchilov and Hutter, arXiv:1608.03983 (cosine) and arXiv:1711.05101 (AdamW); Kaplan et al. (2020), Scaling
Laws for Neural Language Models, arXiv:2001.08361; Hoffmann et al. (2022), Training Compute-Optimal Large Language
Models, arXiv:2203.15556.

Axes:
    B  sequences of a batch        T  tokens of a sequence                  C  channels of the model
    H  heads                       L  blocks                                V  tokens of the vocabulary

What the earlier sections taught comes in an argument `parts`, an object with these attributes, yours where they pass
their checks:
    parts.TransformerBlock(hidden_size, attention, feed_forward)         2.3; a module, called as block(x, mask)
    parts.MultiHeadAttention(hidden_size, num_heads)                     2.3; a module, called as attention(x, mask)
    parts.causal_mask(length)                                            2.3; (T, T) boolean, True = may attend
and, for `main` alone, 1.5's read_corpus, build_vocab, encode, decode, CharRNN, train_step, bits_per_character,
bigram_baseline, held_out_bits, and its get_batch under the name `lanes`.

`grader run ch02/hands_on_pretraining` gathers the parts and calls `main`.
"""

import math
import os
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# --- the model ---


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a `TinyGPT`. (Given.)

    Args:
        vocab_size: V.
        block_size: the longest sequence, in tokens.
        num_layers: L.
        num_heads: H, divides C.
        hidden_size: C.
    """

    vocab_size: int
    block_size: int
    num_layers: int
    num_heads: int
    hidden_size: int


class FeedForward(nn.Module):
    """GPT-2's feed-forward layer: C channels up to 4·C, GELU, and down again, with biases. (Given.)"""

    def __init__(self, hidden_size):
        super().__init__()
        self.up = nn.Linear(hidden_size, 4 * hidden_size)
        self.down = nn.Linear(4 * hidden_size, hidden_size)

    def forward(self, x):
        return self.down(F.gelu(self.up(x)))


class TinyGPT(nn.Module):
    """A language model like GPT-2 in small: two embeddings, blocks, a last norm, and the tied output layer.

    Args:
        config: GPTConfig; kept as `config`.
        parts: see the module's docstring.

    Its `state_dict` holds exactly: token_embedding.weight (V, C) and position_embedding.weight (block_size, C) of two
    `nn.Embedding`; what the blocks hold, as blocks.0.… and so on, of an `nn.ModuleList` of L
    `parts.TransformerBlock(C, attention, feed_forward)`, each with a `parts.MultiHeadAttention(C, H)` and a
    `FeedForward(C)` of its own; and norm.weight (C,) of an `nn.RMSNorm` with eps 1e-5. The output layer is tied: it
    is the table of the token embedding, and there is no other.

    What values the weights begin with is not the model's affair: see `initial_weights`.

    Example:
        >>> import types
        >>> parts = types.SimpleNamespace(MultiHeadAttention=lambda channels, heads: nn.Identity(),
        ...     TransformerBlock=lambda channels, attention, feed_forward: feed_forward)
        >>> model = TinyGPT(GPTConfig(vocab_size=9, block_size=5, num_layers=2, num_heads=1, hidden_size=4), parts)
        >>> sum(weight.numel() for weight in model.parameters())  # 36 + 20 + 2 · (64 + 16 + 64 + 4) + 4
        356
    """

    def __init__(self, config, parts):
        super().__init__()
        raise NotImplementedError

    def forward(self, ids):
        """Say for every position how likely each token comes next.

        Args:
            ids: (B, T) int64 tensor of tokens, at positions 0 … T − 1.

        Returns:
            (B, T, V) tensor of logits: the products of the normalised stream with every token's embedding. The stream
            begins as the sum of the embeddings of token and position. Position t has seen the tokens up to and
            including t and no others.

        Raises:
            ValueError: if T is more than block_size.
        """
        raise NotImplementedError


def initial_weights(model, num_layers, generator, std=0.02):
    """Draw the values that GPT-2 begins with.

    Args:
        model: nn.Module; left as it was.
        num_layers: L, number of blocks.
        generator: torch.Generator that all random numbers come from.
        std: standard deviation of a matrix. GPT-2's 0.02 is for 768 channels and more.

    Returns:
        dict from the names of `model.named_parameters()` to new tensors of the same shapes and dtypes. In the order of
        `model.named_parameters()`: a parameter of two axes is drawn from a normal distribution of mean 0 and standard
        deviation std; if its name ends in "o_proj.weight" or "down.weight", the standard deviation is std / √(2·L),
        since it writes to the residual stream as one of 2·L layers. Each is one draw of its whole shape, in its dtype,
        of standard normal numbers from the generator, times the standard deviation. A parameter of one axis is not
        drawn: it is zeros if its name ends in "bias", and what it is in the model otherwise.

    Example:
        >>> weights = initial_weights(nn.Linear(100, 100), 1, torch.Generator().manual_seed(0))
        >>> round(float(weights["weight"].std()), 2), float(weights["bias"].abs().max())
        (0.02, 0.0)

    Radford et al. (2019), section 2.3.
    """
    raise NotImplementedError


# --- the data ---


def save_tokens(path, ids):
    """Write token ids below 65,536 to a file, two bytes each, little-endian, and nothing else. (Given.)"""
    np.asarray(ids).astype("<u2").tofile(path)


def get_batch(path, batch_size, length, generator):
    """Draw pieces of a text from a file of tokens, without reading the rest of the file.

    Args:
        path: text or Path, a file of N token ids as `save_tokens` writes it: unsigned, two bytes each, little-endian.
        batch_size: B.
        length: T, tokens of a piece.
        generator: torch.Generator, advanced by exactly one draw.

    Returns:
        x, y: two (B, T) int64 tensors, the inputs and the targets: y is what comes one token later in the file. The
        pieces begin at the places `torch.randint(N - length, (batch_size,), generator=generator)`, in this order.
        The file is memory-mapped: what is held in memory does not grow with N.

    Raises:
        ValueError: if N is not more than T.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "tokens.bin"
        >>> save_tokens(path, [50, 51, 52, 53])
        >>> x, y = get_batch(path, 2, 3, torch.Generator())  # there is only one place to begin
        >>> x.tolist(), y.tolist()
        ([[50, 51, 52], [50, 51, 52]], [[51, 52, 53], [51, 52, 53]])
    """
    raise NotImplementedError


# --- the optimizer ---


def configure_optimizer(model, lr, weight_decay, betas=(0.9, 0.95)):
    """Make an AdamW that pulls matrices towards zero and leaves biases and norms alone.

    Args:
        model: nn.Module.
        lr: learning rate.
        weight_decay: of the matrices.
        betas: decay rates of AdamW's two averages.

    Returns:
        torch.optim.AdamW with two groups. The first has the parameters of two or more axes, embeddings included, and
        the given weight_decay; the second has all others and weight_decay 0. Inside a group they keep the order of
        `model.parameters()`. Each parameter is in one group once, also where two modules share it; those that need no
        gradient are in neither. eps is torch's default, 1e-8.

    Example:
        >>> adamw = configure_optimizer(nn.Linear(3, 2), lr=0.5, weight_decay=0.1)
        >>> [(group["weight_decay"], [list(each.shape) for each in group["params"]]) for group in adamw.param_groups]
        [(0.1, [[2, 3]]), (0.0, [[2]])]

    Loshchilov and Hutter (2019); Brown et al. (2020), appendix B.
    """
    raise NotImplementedError


def lr_schedule(step, max_lr, min_lr, warmup_steps, total_steps):
    """Say how large the learning rate is at a step: up in a line, down along half a cosine.

    Args:
        step: index of the step, from 0.
        max_lr: the largest learning rate.
        min_lr: the last one.
        warmup_steps: W, number of steps on the way up; may be 0.
        total_steps: S, at least W.

    Returns:
        float. Before step W: max_lr · (step + 1) / (W + 1). From step S on: min_lr. In between half a period of a
        cosine, from max_lr at step W towards min_lr at step S.

    Example:
        >>> [lr_schedule(step, max_lr=8.0, min_lr=2.0, warmup_steps=3, total_steps=7) for step in (0, 1, 2, 3, 5, 7)]
        [2.0, 4.0, 6.0, 8.0, 5.0, 2.0]

    Loshchilov and Hutter (2017), equation 5.
    """
    raise NotImplementedError


# --- the run ---


@dataclass
class Run:
    """A training run: everything that decides how it goes on.

    Args:
        model: nn.Module.
        optimizer: torch.optim.Optimizer of its parameters.
        generator: torch.Generator that the batches are drawn with.
        step: int, number of updates so far.
        losses: list of float, the loss of each of these steps.

    The fields are given; you write how a run is put on the disk and taken up again.

    Example:
        >>> import tempfile
        >>> def new_run(value):
        ...     model = nn.Linear(1, 1, bias=False)
        ...     nn.init.constant_(model.weight, value)
        ...     return Run(model, torch.optim.SGD(model.parameters(), lr=value), torch.Generator())
        >>> old, new, path = new_run(5.0), new_run(1.0), Path(tempfile.mkdtemp()) / "run.pt"
        >>> old.step, old.losses = 2, [0.75, 0.5]
        >>> old.save_checkpoint(path)
        >>> new.resume(path)
        2
        >>> new.losses, new.model.weight.item(), new.optimizer.param_groups[0]["lr"]
        ([0.75, 0.5], 5.0, 5.0)
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    step: int = 0
    losses: list = field(default_factory=list)

    def save_checkpoint(self, path):
        """Write the run to a file: the states of model, optimizer and generator, the step and the losses.

        Args:
            path: text or Path. A file that is there already is replaced in one go, once the new one is complete: if
                saving fails halfway, with whatever exception, the old file is still there and whole. Other files that
                help with that may be made in the same folder.

        The run itself is left as it was. How the file is laid out is up to you; `resume` reads it.
        """
        raise NotImplementedError

    def resume(self, path):
        """Become the run that was saved: trained on, it must give the same bits as if it had never stopped.

        Args:
            path: text or Path, a file that `save_checkpoint` wrote, perhaps in another process. This run has a model
                and an optimizer of the same kinds and sizes, whatever their states.

        Returns:
            int, the step at which the run goes on.

        Model, optimizer, generator and the model's parameters stay the objects they were; their states are replaced.
        A file that somebody else has made must not be able to run code when it is read: where it holds more than
        data, that is an exception (see `weights_only` of `torch.load`).
        """
        raise NotImplementedError


def train(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    """Train a run on, step by step, until it has made a given number of updates.

    Args:
        run: Run; its model is called as model(x) with x (B, T) int64 and returns logits (B, T, V).
        draw: called as draw(run.generator); returns x and y, two (B, T) int64 tensors, inputs and targets.
        schedule: called as schedule(step) with the number of updates before this one; returns the learning rate.
        until: the value of run.step to stop at. A run that is already there is left alone: nothing is drawn.
        accumulation: number of batches that go into one update, at least 1.
        max_norm: the largest norm of the gradient, over all parameters together.

    Returns:
        run.losses, the whole list. The run is changed: its model (which is put into training mode), optimizer,
        generator, step and losses.

    One step draws `accumulation` batches, one after another, and makes one update of the optimizer, at the scheduled
    learning rate (of all its groups), with the gradient of the mean of their losses; gradients that were there before
    do not count. A batch's loss is the mean cross-entropy over all B·T targets, in nats. The gradient is clipped once,
    as a whole, as `torch.nn.utils.clip_grad_norm_` does it, which you may use. The mean of the losses, from before
    the update, is appended to run.losses as a float, and run.step counts on.

    Example:
        >>> model = nn.Embedding.from_pretrained(torch.zeros(2, 2), freeze=False)  # logits of the next token, by token
        >>> run = Run(model, torch.optim.SGD(model.parameters()), torch.Generator())
        >>> x, y = torch.tensor([[0]]), torch.tensor([[1]])
        >>> losses = train(run, lambda generator: (x, y), lambda step: 2.0, until=1)
        >>> run.step, round(losses[0], 4), model.weight.tolist()  # loss log 2, gradient (1/2, -1/2) in row 0
        (1, 0.6931, [[-1.0, 1.0], [0.0, 0.0]])
    """
    raise NotImplementedError


@torch.no_grad()
def estimate_loss(model, draw, generator, batches):
    """Measure a model's loss on several batches, without teaching it anything.

    Args:
        model: nn.Module, called as model(x) with x (B, T) int64; returns logits (B, T, V).
        draw: called as draw(generator); returns x and y, two (B, T) int64 tensors.
        generator: torch.Generator.
        batches: number of batches, at least 1.

    Returns:
        float: the mean of the batches' losses, each the mean cross-entropy in nats. The model is called in evaluation
        mode and without a graph for gradients; afterwards it is in the mode it was in, and its gradients are untouched.

    Example:
        >>> model = nn.Embedding.from_pretrained(torch.log(torch.tensor([[1.0, 3.0], [1.0, 1.0]])))
        >>> x, y = torch.tensor([[0, 1]]), torch.tensor([[1, 1]])
        >>> round(estimate_loss(model, lambda generator: (x, y), None, 3), 4)  # -(log 3/4 + log 1/2) / 2
        0.4904
    """
    raise NotImplementedError


# --- the bill, and what it buys ---


def training_flops(config, tokens):
    """Count what training costs: by the rule of thumb, and product by product.

    Args:
        config: GPTConfig of a `TinyGPT` (with `FeedForward` layers and an attention of four (C, C) matrices without
            bias, as in section 2.3).
        tokens: D, number of tokens that the model is trained on, in sequences of block_size, which divides D.

    Returns:
        rule, exact: two int, floating-point operations of forward and backward pass together.

        rule is 6·N·D, with N the number of parameters, all of them, the tied table counted once.

        exact counts the matrix products: 2·m·k·n operations for (m, k) @ (k, n), and twice as many again in the
        backward pass, for the gradients of both factors. The products are those with the matrices of the blocks, with
        the output table, and in attention queries with keys and weights with values, of every head and over all
        T × T pairs, T = block_size: the hidden ones are computed like the others. Everything else, such as the look-up
        in the embeddings, biases, norms and softmax, counts as nothing.

    Example:
        >>> config = GPTConfig(vocab_size=5, block_size=4, num_layers=1, num_heads=1, hidden_size=2)
        >>> training_flops(config, tokens=4)  # N = 10 + 8 + 48 + 14 + 2 = 82; exact = 6 · 4 · (48 + 10 + 2 · 4 · 2)
        (1968, 1776)

    Kaplan et al. (2020), section 2.1; Chowdhery et al. (2022), PaLM, arXiv:2204.02311, appendix B.
    """
    raise NotImplementedError


EXPONENTS = tuple(number / 100 for number in range(1, 201))


def fit_scaling_law(sizes, losses, exponents=EXPONENTS):
    """Fit L(N) = E + A · N^−alpha to the losses of models of several sizes.

    Args:
        sizes: N of each run, number of parameters, positive; at least three different ones. An array or list.
        losses: the loss of each run, positive.
        exponents: the values of alpha to try, rising.

    Returns:
        E, A, alpha: three floats, E the irreducible loss. For one alpha, E ≥ 0 and A ≥ 0 are those with the smallest
        sum of the squares of E + A · N^−alpha − L over the runs; alpha is the one of `exponents` with the smallest
        such sum. N may be 10^10 and more.

    Example:
        >>> E, A, alpha = fit_scaling_law([1, 4, 16], [9.0, 6.0, 4.5])  # 3 + 6, 3 + 6/2, 3 + 6/4
        >>> round(E, 6), round(A, 6), alpha
        (3.0, 6.0, 0.5)

    Hoffmann et al. (2022), approach 3, in one variable and with plain squares.
    """
    raise NotImplementedError


# --- what `grader run` does (given) ---

SECONDS = 95.0  # for each of the two models
GPT_SIZES = {"block_size": 64, "num_layers": 2, "num_heads": 4, "hidden_size": 64}
BATCH_SIZE, TOP_RATE, LAST_RATE = 16, 1e-2, 2e-4
SCALING_CHANNELS, SCALING_STEPS = (8, 16, 32, 64), 500


def new_run(config, parts, rate, seed):
    """Return a fresh `Run` of a TinyGPT; the seed decides its first weights and all of its batches."""
    model, generator = TinyGPT(config, parts), torch.Generator().manual_seed(seed)
    # So few channels need wider weights than GPT-2's: 1/√C keeps the size of what goes through.
    model.load_state_dict(initial_weights(model, config.num_layers, generator, std=config.hidden_size**-0.5))
    return Run(model, configure_optimizer(model, rate, weight_decay=0.1, betas=(0.9, 0.99)), generator)


@torch.no_grad()
def gpt_bits(model, ids, bits_per_character):
    """Return what a TinyGPT needs for a text, in bits per character.

    Its windows overlap by half, and only their second halves count: each character is guessed from at least half a
    window of text before it, as a network that carries a state along would have it.
    """
    length = model.config.block_size
    starts = torch.arange(0, len(ids) - length, length // 2)
    found = []
    for some in starts.split(64):
        windows = ids[some[:, None] + torch.arange(length + 1)]
        logits = model(windows[:, :-1])[:, length // 2 :]
        found.append(len(some) * bits_per_character(logits, windows[:, length // 2 + 1 :]))
    return sum(found) / len(starts)


@torch.no_grad()
def write(model, ids, count, temperature, generator):
    """Let a TinyGPT go on with a text, one drawn character at a time, each from the last window of what is there."""
    ids = ids.tolist()
    for _ in range(count):
        logits = model(torch.tensor([ids[-model.config.block_size :]]))[0, -1]
        drawn = torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1, generator=generator)
        ids.append(int(drawn))
    return torch.tensor(ids[-count:])


def best_threads(advance):
    """Return with how many threads a scratch model trains fastest here: of 1, 2 and 4, as far as there are cores."""
    needed = {}
    for threads in (count for count in (1, 2, 4) if count <= (os.cpu_count() or 1)):
        torch.set_num_threads(threads)
        advance(0.0)
        began = time.perf_counter()
        advance(0.0)
        needed[threads] = time.perf_counter() - began
    return min(needed, key=needed.get)


def race(advance, measure, threads, seconds):
    """Let several models train in turns until each has had its time; measuring them is not counted.

    Args:
        advance: dict from names to functions; advance[name](done) trains a little, done being the share of the time
            that has been used, from 0 to 1.
        measure: dict from the same names to functions without arguments that return bits per character.
        threads: dict from the same names to the number of threads that each may use.
        seconds: the time that each has.

    Returns:
        dict from names to lists of pairs (seconds used, bits per character).
    """
    spent, curves = dict.fromkeys(advance, 0.0), {name: [(0.0, measure[name]())] for name in advance}
    while min(spent.values()) < seconds:
        name = min(spent, key=spent.get)  # whoever has used less
        torch.set_num_threads(threads[name])
        began = time.perf_counter()
        advance[name](spent[name] / seconds)
        spent[name] += time.perf_counter() - began
        if spent[name] >= seconds * len(curves[name]) / 8:
            curves[name].append((spent[name], measure[name]()))
            print(f"  {name}: {curves[name][-1][1]:.3f} bits per character after {spent[name]:4.0f} s", flush=True)
    return curves


def main(parts, folder):
    """Pretrain a TinyGPT, race it against 1.5's network, fit a scaling law to smaller ones, leave texts and curves."""
    torch.manual_seed(0)  # the network of 1.5 takes its first weights from there
    folder, began = Path(folder), time.perf_counter()
    name, text = parts.read_corpus()
    vocab = parts.build_vocab(text)
    ids = parts.encode(text, vocab)
    train_ids, held_out = ids[: len(ids) * 9 // 10], ids[len(ids) * 9 // 10 :]
    tokens = folder / "tokens.bin"
    save_tokens(tokens, train_ids)
    draw = partial(get_batch, tokens, BATCH_SIZE, GPT_SIZES["block_size"])
    print(f"Text: {name}, {len(ids):,} characters, {len(vocab)} different ones. The last tenth is held out.")

    config = GPTConfig(vocab_size=len(vocab), **GPT_SIZES)
    threads = {
        "TinyGPT": best_threads(gpt_racer(new_run(config, parts, TOP_RATE, seed=1), draw)),
        "CharRNN": best_threads(rnn_racer(parts.CharRNN(len(vocab), 32, 128), train_ids, parts)),
    }
    run = new_run(config, parts, TOP_RATE, seed=0)
    rnn = parts.CharRNN(len(vocab), embedding_size=32, hidden_size=128)
    for each, model in ("TinyGPT", run.model), ("CharRNN", rnn):
        size = sum(weight.numel() for weight in model.parameters())
        print(f"{each}: {size:,} parameters, fastest here with threads: {threads[each]}.")
    first = estimate_loss(run.model, draw, torch.Generator().manual_seed(1), 4)
    print(f"TinyGPT's loss before all training: {first:.3f} nats; log V = {math.log(len(vocab)):.3f}.")
    print(f"Each trains for {SECONDS:.0f} s, in turns …", flush=True)
    curves = race(
        {"TinyGPT": gpt_racer(run, draw), "CharRNN": rnn_racer(rnn, train_ids, parts)},
        {
            "TinyGPT": lambda: gpt_bits(run.model, held_out[:30000], parts.bits_per_character),
            "CharRNN": lambda: parts.held_out_bits(rnn, held_out[:30000]),
        },
        threads,
        SECONDS,
    )

    run.save_checkpoint(folder / "run.pt")
    again = new_run(config, parts, TOP_RATE, seed=1)
    again.resume(folder / "run.pt")
    losses = [train(each, draw, lambda step: LAST_RATE, run.step + 3)[-3:] for each in (again, run)]
    print(f"Saved, resumed, three steps more: {'the same' if losses[0] == losses[1] else 'OTHER'} losses, to the bit.")
    gpt = gpt_bits(again.model, held_out, parts.bits_per_character)
    table = parts.bigram_baseline(train_ids, len(vocab))
    bigrams = parts.held_out_bits(lambda inputs, state: (table[inputs], None), held_out)
    other = parts.held_out_bits(rnn, held_out)
    print(
        f"\nBits per character, the whole held-out text: TinyGPT {gpt:.3f}, CharRNN {other:.3f}, bigrams {bigrams:.3f}."
    )
    print(f"At equal time {'TinyGPT' if gpt < other else 'CharRNN'} wins by {abs(gpt - other):.3f}.")
    flops = training_flops(config, run.step * BATCH_SIZE * config.block_size)
    print(f"TinyGPT's training took {flops[1]:.2e} operations in products (6·N·D says {flops[0]:.2e}).\n")

    prompt, pages = held_out[: config.block_size], []
    for temperature in (0.5, 0.8):
        written = write(run.model, prompt, 500, temperature, torch.Generator().manual_seed(0))
        pages.append(
            f"=== temperature {temperature}: behind ▶ TinyGPT goes on ===\n\n"
            f"{parts.decode(prompt, vocab)}▶{parts.decode(written, vocab)}\n"
        )
        print(pages[-1])
    (folder / "samples.txt").write_text("\n".join(pages), encoding="utf-8")
    torch.set_num_threads(threads["TinyGPT"])
    law = scaling_law(parts, len(vocab), draw, held_out)
    draw_curves(curves, bigrams, run, law, folder / "curves.png")
    print(f"Written: {folder / 'samples.txt'}. The whole run took {time.perf_counter() - began:.0f} s.")


def gpt_racer(run, draw, steps=20):
    """What advances a TinyGPT: the schedule counts thousandths of the time, since it is time that is given."""

    def advance(done):
        thousandth = int(1000 * done)
        train(run, draw, lambda step: lr_schedule(thousandth, TOP_RATE, LAST_RATE, 50, 1000), run.step + steps)

    return advance


def rnn_racer(rnn, ids, parts, rate=0.015, batch_size=32, length=64, steps=10):
    """What advances 1.5's network, with the numbers of 1.5: lanes, Adam, and a rate that falls along a line."""
    optimizer, step, state = torch.optim.Adam(rnn.parameters(), lr=rate), 0, None
    batches = (len(ids) - 1) // batch_size // length

    def advance(done):
        nonlocal step, state
        optimizer.param_groups[0]["lr"] = rate * (1 - 0.98 * min(done, 1.0))
        for _ in range(steps):
            state = None if step % batches == 0 else state
            _, state = parts.train_step(rnn, optimizer, *parts.lanes(ids, batch_size, length, step), state)
            step += 1

    return advance


def scaling_law(parts, vocab_size, draw, held_out, patience=60.0):
    """Train models of growing size on equally many tokens and fit a law to their losses; stop if that takes too long.

    Returns:
        sizes, losses (nats on the held-out text), and the law's (E, A, alpha), None where there are too few runs.
    """
    print(f"A scaling law: {SCALING_STEPS} steps each for models of growing size.")
    sizes, losses, began = [], [], time.perf_counter()
    for channels in SCALING_CHANNELS:
        if time.perf_counter() - began > patience:
            print("  (This machine is slow today: no larger models.)")
            break
        run = new_run(GPTConfig(vocab_size, GPT_SIZES["block_size"], 2, 2, channels), parts, TOP_RATE, seed=2)
        train(run, draw, lambda step: lr_schedule(step, TOP_RATE, LAST_RATE, 30, SCALING_STEPS), SCALING_STEPS)
        sizes.append(sum(weight.numel() for weight in run.model.parameters()))
        losses.append(gpt_bits(run.model, held_out[:30000], parts.bits_per_character) * math.log(2))
        print(f"  {sizes[-1]:7,} parameters: {losses[-1]:.3f} nats", flush=True)
    law = fit_scaling_law(sizes, losses) if len(sizes) > 2 else None
    if law:
        print(f"  L = {law[0]:.2f} + {law[1]:.3g} / N^{law[2]:.2f}\n")
    return sizes, losses, law


def draw_curves(curves, bigrams, run, scaling, path):
    """Draw bits per character against seconds, the loss of every step with its schedule, and the scaling law."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        print("No picture: that needs matplotlib (pip install matplotlib).")
        return
    colors = {"TinyGPT": "#0d7cc2", "CharRNN": "#d55e00"}
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    bits, loss, law = figure.subplots(1, 3)
    for name, curve in curves.items():
        bits.plot(*zip(*curve[1:], strict=True), "o-", color=colors[name], label=f"{name}: {curve[-1][1]:.2f} at last")
    bits.axhline(bigrams, color="#777b82", linestyle="--", label=f"bigrams: {bigrams:.2f}")
    bits.set(xlabel="seconds of training", title="bits per character, held-out text", xlim=(0, None))
    loss.plot(run.losses, color="#9aa0a8", linewidth=0.6, label="every batch")
    width = max(1, len(run.losses) // 50)
    means = [sum(run.losses[at : at + width]) / width for at in range(0, len(run.losses) - width + 1, width)]
    places = [width * (place + 0.5) for place in range(len(means))]
    loss.plot(places, means, color=colors["TinyGPT"], label=f"mean of {width}")
    loss.set(xlabel="step", title="TinyGPT's loss while it trains, nats")
    sizes, losses, found = scaling
    law.plot(sizes, losses, "o", color=colors["TinyGPT"], label="trained")
    if found:
        E, A, alpha = found
        grid = [sizes[0] * (10 * sizes[-1] / sizes[0]) ** (place / 60) for place in range(61)]
        fitted = [E + A * size**-alpha for size in grid]
        law.plot(grid, fitted, color="#777b82", label=f"{E:.2f} + {A:.3g} / N^{alpha:.2f}")
        law.axhline(E, color="#777b82", linestyle=":", label="E, which no size removes")
    law.set(xlabel="parameters N", xscale="log", title=f"loss after {SCALING_STEPS} steps, nats")
    for axes in (bits, loss, law):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)
    print(f"Drawn: {path}")
