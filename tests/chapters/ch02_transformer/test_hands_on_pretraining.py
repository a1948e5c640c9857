"""Hidden suite of 2.6, pretraining.

Oracles: the model written out in torch functions, in float64; a training loop of the judge's own with the same draws,
torch's gradients, and clipping, SGD and AdamW from the formulas; a product of matrices that counts itself, forward and
backward; SciPy's nnls for the scaling law. The parts are props made of torch's modules, with names of their own. (The
first use of torch's optimizers, schedulers or FlopCounterMode imports for a second or two: the judge does without.)
"""

import math
import pickle
import types

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import optimize

from grader.checks import check_close, check_equal, check_raises, check_that, check_unchanged, probe, prop

# float64: some tens of sums of a few dozen terms in a row, each right to about 1e-15.
F64 = {"rtol": 1e-9, "atol": 1e-11}


def normal(generator, *shape, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(*shape, generator=generator, dtype=dtype)


# --- TinyGPT ---


@prop
def torch_parts():
    """What TinyGPT is made of, in torch's own functions; the names of the weights are not those of section 2.3."""
    import types

    import torch
    import torch.nn.functional as F
    from torch import nn

    class Attention(nn.Module):
        def __init__(self, hidden_size, num_heads):
            super().__init__()
            self.num_heads = num_heads
            self.qkv = nn.Linear(hidden_size, 3 * hidden_size, bias=False)
            self.out = nn.Linear(hidden_size, hidden_size, bias=False)

        def forward(self, x, mask=None):
            heads = (each.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for each in self.qkv(x).chunk(3, dim=-1))
            return self.out(F.scaled_dot_product_attention(*heads, attn_mask=mask).transpose(1, 2).flatten(2))

    class Block(nn.Module):
        def __init__(self, hidden_size, attention, feed_forward, eps=1e-5):
            super().__init__()
            self.listen, self.think = attention, feed_forward
            self.norm1, self.norm2 = nn.RMSNorm(hidden_size, eps=eps), nn.RMSNorm(hidden_size, eps=eps)

        def forward(self, x, mask=None):
            x = x + self.listen(self.norm1(x), mask)
            return x + self.think(self.norm2(x))

    def causal_mask(length, past=0):
        return torch.ones(length, past + length, dtype=torch.bool).tril(past)

    return types.SimpleNamespace(TransformerBlock=Block, MultiHeadAttention=Attention, causal_mask=causal_mask)


SIZES = {"vocab_size": 11, "block_size": 7, "num_layers": 2, "num_heads": 2, "hidden_size": 8}


def shapes_of(vocab_size, block_size, num_layers, num_heads, hidden_size):
    """The state_dict of a TinyGPT of `torch_parts`."""
    channels, inner = hidden_size, 4 * hidden_size
    shapes = {"token_embedding.weight": (vocab_size, channels), "position_embedding.weight": (block_size, channels)}
    for layer in range(num_layers):
        block = {
            "listen.qkv.weight": (3 * channels, channels), "listen.out.weight": (channels, channels),
            "think.up.weight": (inner, channels), "think.up.bias": (inner,), "think.down.weight": (channels, inner),
            "think.down.bias": (channels,), "norm1.weight": (channels,), "norm2.weight": (channels,),
        }  # fmt: skip
        shapes |= {f"blocks.{layer}.{name}": shape for name, shape in block.items()}
    return shapes | {"norm.weight": (channels,)}


def weights_of(generator, **sizes):
    # Matrices that keep the size of what goes through, embeddings and gains of size one: every part counts.
    weights = {}
    for name, shape in shapes_of(**sizes).items():
        scale = 1.0 if len(shape) == 1 or "embedding" in name else shape[1] ** -0.5
        weights[name] = normal(generator, *shape, scale=scale)
    return weights


def gpt_oracle(weights, ids, num_layers, num_heads):
    """The logits, from the formulas."""
    channels = len(weights["norm.weight"])
    x = weights["token_embedding.weight"][ids] + weights["position_embedding.weight"][: ids.shape[1]]
    for layer in range(num_layers):
        own = {name.split(".", 2)[2]: each for name, each in weights.items() if name.startswith(f"blocks.{layer}.")}
        h = F.rms_norm(x, (channels,), own["norm1.weight"], eps=1e-5) @ own["listen.qkv.weight"].T
        query, key, value = (each.unflatten(-1, (num_heads, -1)).transpose(1, 2) for each in h.split(channels, dim=-1))
        context = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + context.transpose(1, 2).flatten(2) @ own["listen.out.weight"].T
        h = F.rms_norm(x, (channels,), own["norm2.weight"], eps=1e-5)
        h = F.gelu(h @ own["think.up.weight"].T + own["think.up.bias"])
        x = x + h @ own["think.down.weight"].T + own["think.down.bias"]
    return F.rms_norm(x, (channels,), weights["norm.weight"], eps=1e-5) @ weights["token_embedding.weight"].T


def learners_gpt(learner, weights, **sizes):
    model = learner.TinyGPT(learner.GPTConfig(**sizes), learner.build(torch_parts)).double()
    model.load_state_dict(weights)
    return model


def random_ids(generator, *shape):
    return torch.randint(SIZES["vocab_size"], shape, generator=generator)


@pytest.mark.exercise("TinyGPT")
@pytest.mark.parametrize("sizes", [SIZES, SIZES | {"num_layers": 3, "num_heads": 4, "block_size": 5}], ids=["2", "3"])
def test_gpt_has_these_weights(learner, sizes):
    """The state_dict holds two embeddings, what the blocks hold, and one norm: no second table for the output."""
    model = learner.TinyGPT(learner.GPTConfig(**sizes), learner.build(torch_parts))

    shapes = {str(name): tuple(weight.shape) for name, weight in model.state_dict().items()}
    check_equal(shapes, shapes_of(**sizes), of="the shapes in the state_dict")


@pytest.mark.exercise("TinyGPT")
def test_gpt_without_blocks(learner, torch_rng):
    """Without blocks: the sum of both embeddings, normalised, against every token's embedding."""
    sizes = SIZES | {"num_layers": 0}
    weights, ids = weights_of(torch_rng, **sizes), random_ids(torch_rng, 2, 4)

    logits = learners_gpt(learner, weights, **sizes)(ids)

    check_close(logits, gpt_oracle(weights, ids, 0, 2), **F64)


@pytest.mark.exercise("TinyGPT", points=3)
@pytest.mark.parametrize(
    ("layers", "heads", "batch", "length"), [(1, 1, 1, 1), (1, 2, 2, 4), (2, 4, 3, 7), (3, 2, 1, 6)]
)
def test_gpt_equals_torch(learner, torch_rng, layers, heads, batch, length):
    """Any number of blocks and heads, sequences as long as allowed or shorter: the formulas' logits."""
    sizes = SIZES | {"num_layers": layers, "num_heads": heads}
    weights, ids = weights_of(torch_rng, **sizes), random_ids(torch_rng, batch, length)

    logits = learners_gpt(learner, weights, **sizes)(ids)

    check_close(logits, gpt_oracle(weights, ids, layers, heads), **F64)


@pytest.mark.exercise("TinyGPT")
def test_gpt_does_not_see_the_future(learner, torch_rng):
    """Other tokens behind position t change nothing up to t."""
    weights, ids = weights_of(torch_rng, **SIZES), random_ids(torch_rng, 1, 6)
    other = ids.clone()
    other[:, 3:] = (ids[:, 3:] + 1) % SIZES["vocab_size"]
    model = learners_gpt(learner, weights, **SIZES)

    logits = model(other)

    check_close(logits[:, :3], gpt_oracle(weights, ids, 2, 2)[:, :3], **F64, of="the logits of the first three")


@pytest.mark.exercise("TinyGPT")
def test_gpt_gradients(learner, torch_rng):
    """Gradients reach every weight, the token embedding from both of its places."""
    weights, ids = weights_of(torch_rng, **SIZES), random_ids(torch_rng, 2, 5)
    cotangent = normal(torch_rng, 2, 5, SIZES["vocab_size"])

    gradients = learner.vjp(learners_gpt(learner, weights, **SIZES), ids)(cotangent).parameters

    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    (gpt_oracle(leaves, ids, 2, 2) * cotangent).sum().backward()
    got = {str(name): gradient for name, gradient in gradients.items()}
    check_equal(sorted(got), sorted(leaves), of="the names of the parameters")
    for name, leaf in leaves.items():
        check_close(got[name], leaf.grad, rtol=1e-8, atol=1e-9, of=f"the gradient of {name}")


@pytest.mark.exercise("TinyGPT")
def test_gpt_refuses_what_is_too_long(learner, torch_rng):
    """More tokens than block_size are a ValueError; block_size tokens are fine."""
    weights, ids = weights_of(torch_rng, **SIZES), random_ids(torch_rng, 1, 8)
    model = learners_gpt(learner, weights, **SIZES)

    check_raises(ValueError, model, ids, says="for 8 tokens where block_size is 7")
    check_close(model(ids[:, :7]), gpt_oracle(weights, ids[:, :7], 2, 2), **F64, of="the logits of seven tokens")


# --- initial_weights ---


@prop
def two_layers(inner, double):
    """Matrices and vectors with the names that matter, and values that show whether they were replaced."""
    import torch
    from torch import nn

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.o_proj = nn.Linear(8, 8, bias=False)
            self.up = nn.Linear(8, inner)
            self.down = nn.Linear(inner, 8)
            self.norm = nn.RMSNorm(8)

    model = nn.Sequential(nn.Embedding(5, 8), Layer(), Layer())
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(7.0)
    return model.double() if double else model


def initial_values(inner, num_layers, generator, double=False, std=0.02):
    """What two_layers must hold, from `torch.randn` in the order of the parameters."""
    values = {}
    for name, weight in two_layers(inner, double).named_parameters():
        if weight.dim() == 1:
            values[name] = torch.full_like(weight, 0.0 if name.endswith("bias") else 7.0, requires_grad=False)
        else:
            shrunk = "o_proj" in name or "down" in name
            drawn = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            values[name] = drawn * std / (2 * num_layers) ** (shrunk / 2)
    return values


# float32: a product or two, right to 1e-7 of themselves.
DRAWN = {"rtol": 1e-5, "atol": 1e-8}


@pytest.mark.exercise("initial_weights", points=2)
@pytest.mark.parametrize(("num_layers", "double"), [(2, False), (8, False), (3, True)])
def test_initial_values(learner, seed, num_layers, double):
    """The numbers of the generator, in the order of the parameters, each at its scale and in its dtype."""
    model = learner.build(two_layers, 32, double)

    weights = learner.initial_weights(model, num_layers, torch.Generator().manual_seed(seed))

    expected = initial_values(32, num_layers, torch.Generator().manual_seed(seed), double)
    check_close(weights, expected, **DRAWN, of="the weights")
    dtypes = {str(weight.dtype) for weight in weights.values()}
    check_equal(dtypes, {"torch.float64" if double else "torch.float32"}, of="the dtypes")


@pytest.mark.exercise("initial_weights")
@pytest.mark.parametrize("std", [0.125, 2.0])
def test_initial_values_of_another_spread(learner, seed, std):
    """Another standard deviation scales all matrices alike and nothing else."""
    model = learner.build(two_layers, 16, False)

    weights = learner.initial_weights(model, 2, torch.Generator().manual_seed(seed), std)

    expected = initial_values(16, 2, torch.Generator().manual_seed(seed), std=std)
    check_close(weights, expected, **DRAWN, of="the weights")


@pytest.mark.exercise("initial_weights")
def test_initial_vectors(learner, torch_rng):
    """Biases begin at zero, the gains of norms as they are."""
    weights = learner.initial_weights(learner.build(two_layers, 16, False), 3, torch_rng)

    expected = {name: value for name, value in initial_values(16, 3, torch.Generator()).items() if value.dim() == 1}
    check_close({name: weights[name] for name in expected}, expected, **DRAWN, of="the vectors")


@pytest.mark.exercise("initial_weights")
def test_initial_spreads(learner, torch_rng):
    """Standard deviations of 0.02, and of 0.02 / √(2·L) where a matrix writes to the residual stream."""
    weights = learner.initial_weights(learner.build(two_layers, 4096, False), 8, torch_rng)

    # 32,768 numbers: the standard deviation is right to 0.39 %, and 5 % are 12 of those: p < 1e-33 (normal tails).
    spreads = {name: float(weights[name].std()) for name in ("1.up.weight", "1.down.weight", "2.down.weight")}
    expected = {"1.up.weight": 0.02, "1.down.weight": 0.005, "2.down.weight": 0.005}
    check_close(spreads, expected, rtol=0.05, of="the standard deviations")


@pytest.mark.exercise("initial_weights")
def test_initial_weights_are_new(learner, torch_rng):
    """The model is left as it was, and the generator moves on: the second call draws other numbers."""
    model, generator = learner.build(two_layers, 8, False), torch.Generator()
    generator.set_state(torch_rng.get_state())

    first, second = (learner.initial_weights(model, 1, torch_rng) for _ in range(2))

    check_close(first, initial_values(8, 1, generator), **DRAWN, of="the first weights")
    check_close(second, initial_values(8, 1, generator), **DRAWN, of="the second weights")
    for name, weight in model.state_dict().items():
        check_unchanged(weight, torch.full_like(weight, 7.0), of=f"model: {name}")


# --- get_batch ---


def write_tokens(learner, tokens, name="tokens.bin"):
    learner.scratch.write(name, np.asarray(tokens).astype("<u2").tobytes())
    return name


def random_tokens(rng, count):
    return rng.integers(0, 65536, size=count)


def batch_oracle(tokens, batch_size, length, generator):
    starts = torch.randint(len(tokens) - length, (batch_size,), generator=generator).tolist()
    x = [[int(tokens[start + place]) for place in range(length)] for start in starts]
    y = [[int(tokens[start + place + 1]) for place in range(length)] for start in starts]
    return torch.tensor(x), torch.tensor(y)


@pytest.mark.exercise("get_batch")
def test_batch_by_hand(learner):
    """A file of five tokens and pieces of four: inputs are the first four, targets the last four."""
    path = write_tokens(learner, [3, 1, 4, 1, 5])

    x, y = learner.get_batch(path, 2, 4, torch.Generator())

    check_equal(x, torch.tensor([[3, 1, 4, 1], [3, 1, 4, 1]]), of="x")
    check_equal(y, torch.tensor([[1, 4, 1, 5], [1, 4, 1, 5]]), of="y")


@pytest.mark.exercise("get_batch", points=2)
@pytest.mark.parametrize(("count", "batch", "length"), [(40, 3, 5), (200, 16, 1), (300, 1, 64)])
def test_batch_of_random_places(learner, rng, torch_rng, count, batch, length):
    """The pieces begin where the generator says, in that order; the targets come one token later."""
    tokens = random_tokens(rng, count)
    state = torch_rng.get_state()

    x, y = learner.get_batch(write_tokens(learner, tokens), batch, length, torch_rng)

    generator = torch.Generator()
    generator.set_state(state)
    expected = batch_oracle(tokens, batch, length, generator)
    check_equal(x, expected[0], of="x")
    check_equal(y, expected[1], of="y")


@pytest.mark.exercise("get_batch")
def test_batch_is_int64(learner, torch_rng):
    """Both are int64 tensors, and ids above 32,767 stay what they are."""
    path = write_tokens(learner, [40000, 65535, 32768, 40000, 65535, 32768, 40000])

    x, y = learner.get_batch(path, 4, 6, torch_rng)

    check_equal([str(getattr(each, "dtype", type(each))) for each in (x, y)], ["torch.int64"] * 2, of="the dtypes")
    check_equal(x[0], torch.tensor([40000, 65535, 32768, 40000, 65535, 32768]), of="the first row of x")
    check_equal(y[3], torch.tensor([65535, 32768, 40000, 65535, 32768, 40000]), of="the last row of y")


@pytest.mark.exercise("get_batch")
def test_batches_follow_one_another(learner, rng, torch_rng):
    """Each call makes one draw: three batches in a row are the generator's three next ones."""
    tokens = random_tokens(rng, 500)
    path = write_tokens(learner, tokens)
    generator = torch.Generator()
    generator.set_state(torch_rng.get_state())

    batches = [learner.get_batch(path, 4, 3, torch_rng) for _ in range(3)]

    for number, (x, y) in enumerate(batches):
        expected = batch_oracle(tokens, 4, 3, generator)
        check_equal(x, expected[0], of=f"x of batch {number}")
        check_equal(y, expected[1], of=f"y of batch {number}")


@pytest.mark.exercise("get_batch")
def test_batch_may_begin_at_the_last_place(learner, torch_rng):
    """A file of T + 2 tokens has two places to begin, and the last token of the file is a target."""
    path = write_tokens(learner, [10, 11, 12, 13, 14])

    # Both places come, unless 60 fair coins agree: 2 · 2^-60.
    x, y = learner.get_batch(path, 60, 3, torch_rng)

    check_equal({tuple(row) for row in x.tolist()}, {(10, 11, 12), (11, 12, 13)}, of="the different pieces in x")
    check_equal({tuple(row) for row in y.tolist()}, {(11, 12, 13), (12, 13, 14)}, of="the different pieces in y")


@pytest.mark.exercise("get_batch")
@pytest.mark.parametrize("count", [1, 3, 4])
def test_batch_of_a_file_that_is_too_short(learner, torch_rng, count):
    """A file of T tokens or fewer has no piece with targets: ValueError."""
    short, enough = write_tokens(learner, range(count), "short.bin"), write_tokens(learner, range(5), "enough.bin")

    check_raises(ValueError, learner.get_batch, short, 2, 4, torch_rng, says=f"for pieces of 4 from {count} tokens")
    check_equal(learner.get_batch(enough, 1, 4, torch_rng)[1], torch.tensor([[1, 2, 3, 4]]), of="y of five tokens")


@probe
def quarters_held(module, count, seed):
    """How many quarters of a megabyte batches of a long file hold at most, in NumPy's and Python's memory."""
    import tracemalloc
    from pathlib import Path

    import numpy as np
    import torch

    path = Path("long.bin")
    (np.arange(count) % 60000).astype("<u2").tofile(path)
    generator = torch.Generator().manual_seed(seed)
    batches = [module.get_batch(path, 2, 3, generator)]  # what it imports is not counted
    tracemalloc.start()
    batches += [module.get_batch(path, 2, 3, generator) for _ in range(2)]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most // 250_000, batches


@pytest.mark.exercise("get_batch")
def test_batch_does_not_read_the_whole_file(learner, seed):
    """Two pieces of a file of two million bytes do not bring the whole file into memory."""
    count = 1_000_000

    quarters, batches = learner.run(quarters_held, count, seed)

    generator = torch.Generator().manual_seed(seed)
    for x, y in batches:
        expected = batch_oracle(np.arange(count) % 60000, 2, 3, generator)
        check_equal(x, expected[0], of="x")
        check_equal(y, expected[1], of="y")
    # The file has 2 MB; a batch of two short pieces needs a few kB.
    says = f"Your code held {quarters / 4} MB at one time for two pieces of three tokens: cut first, convert then."
    check_that(quarters < 2, says)


# --- configure_optimizer ---


@prop
def mixed_model(kind):
    """Small models with parameters of every kind."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.ModuleDict({"table": nn.Embedding(5, 3), "layer": nn.Linear(3, 4), "norm": nn.RMSNorm(4)})
    if kind == "shared":
        model["head"] = nn.Linear(3, 5)
        model["head"].weight = model["table"].weight
    if kind == "frozen":
        model["layer"].weight.requires_grad_(False)
        model["norm"].weight.requires_grad_(False)
    if kind == "axes":
        model["filter"] = nn.Conv1d(2, 3, kernel_size=4)
        model["scale"] = nn.Module()
        model["scale"].number = nn.Parameter(torch.tensor(1.0))
    return model.double()


@probe
def groups_made(module, model, lr, weight_decay, kwargs):
    """What the groups hold, as names, and their settings."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    optimizer = module.configure_optimizer(model, lr, weight_decay, **kwargs)
    settings = ("lr", "betas", "eps", "weight_decay")
    return [
        ([names[id(weight)] for weight in group["params"]], [group[name] for name in settings])
        for group in optimizer.param_groups
    ]


def check_groups(learner, kind, decayed, rest, lr=1e-3, weight_decay=0.1, **kwargs):
    groups = learner.run(groups_made, learner.build(mixed_model, kind), lr, weight_decay, kwargs)
    check_equal([names for names, _ in groups], [decayed, rest], of="the names in the two groups")
    return [settings for _, settings in groups]


@pytest.mark.exercise("configure_optimizer")
def test_optimizer_has_two_groups(learner):
    """Matrices, the embedding included, come first; biases and norms second."""
    check_groups(learner, "plain", ["table.weight", "layer.weight"], ["layer.bias", "norm.weight"])


@pytest.mark.exercise("configure_optimizer")
@pytest.mark.parametrize("kwargs", [{}, {"betas": (0.8, 0.99)}], ids=["default betas", "other betas"])
def test_optimizer_settings(learner, kwargs):
    """Weight decay for the first group only; learning rate, betas and eps are those of both."""
    names = ["table.weight", "layer.weight"], ["layer.bias", "norm.weight"]

    settings = check_groups(learner, "plain", *names, lr=3e-4, weight_decay=0.25, **kwargs)

    betas = kwargs.get("betas", (0.9, 0.95))
    got = [[lr, tuple(float(beta) for beta in pair), eps, decay] for lr, pair, eps, decay in settings]
    check_close(got, [[3e-4, betas, 1e-8, 0.25], [3e-4, betas, 1e-8, 0.0]], rtol=1e-12, of="lr, betas, eps, decay")


@pytest.mark.exercise("configure_optimizer")
def test_optimizer_with_a_shared_table(learner):
    """A parameter that two modules share is there once."""
    rest = ["layer.bias", "norm.weight", "head.bias"]
    check_groups(learner, "shared", ["table.weight", "layer.weight"], rest)


@pytest.mark.exercise("configure_optimizer")
def test_optimizer_leaves_out_what_is_frozen(learner):
    """Parameters that need no gradient are in neither group."""
    check_groups(learner, "frozen", ["table.weight"], ["layer.bias"])


@pytest.mark.exercise("configure_optimizer")
def test_optimizer_counts_axes(learner):
    """Two axes or more decay, as in a filter of three; one or none do not."""
    rest = ["layer.bias", "norm.weight", "filter.bias", "scale.number"]
    check_groups(learner, "axes", ["table.weight", "layer.weight", "filter.weight"], rest)


@probe
def optimized(module, model, gradients, lr, weight_decay, betas):
    """The parameters after steps with these gradients."""
    optimizer = module.configure_optimizer(model, lr, weight_decay, betas)
    for step in gradients:
        for name, weight in model.named_parameters():
            weight.grad = step[name].clone()
        optimizer.step()
    return {name: weight.detach() for name, weight in model.named_parameters()}


@pytest.mark.exercise("configure_optimizer", points=2)
def test_optimizer_steps_as_adamw(learner, torch_rng):
    """Six steps are AdamW's: the decay is not part of the gradient, and only matrices decay."""
    weights = {name: weight.detach() for name, weight in mixed_model("plain").named_parameters()}
    gradients = [{name: normal(torch_rng, *each.shape) for name, each in weights.items()} for _ in range(6)]
    lr, decay, (beta1, beta2) = 0.1, 0.5, (0.8, 0.9)

    got = learner.run(optimized, learner.build(mixed_model, "plain"), gradients, lr, decay, (beta1, beta2))

    expected = {}
    for name, weight in weights.items():
        w, m, v = weight.numpy().copy(), 0.0, 0.0
        for step, gradient in enumerate((each[name].numpy() for each in gradients), 1):
            w *= 1 - lr * (decay if w.ndim > 1 else 0.0)
            m, v = beta1 * m + (1 - beta1) * gradient, beta2 * v + (1 - beta2) * gradient**2
            w -= lr * m / (1 - beta1**step) / (np.sqrt(v / (1 - beta2**step)) + 1e-8)
        expected[name] = torch.from_numpy(w)
    check_close({str(name): each for name, each in got.items()}, expected, **F64, of="the parameters")


# --- lr_schedule ---


def schedule_oracle(steps, max_lr, min_lr, warmup_steps, total_steps):
    """The learning rates of the first steps: a line, half a turn of a pointer seen from the side, a constant."""
    rising = np.linspace(0, max_lr, warmup_steps + 2)[1:-1].tolist()
    turn = np.exp(1j * np.linspace(0, np.pi, total_steps - warmup_steps + 1))[:-1]
    falling = ((max_lr + min_lr) / 2 + (max_lr - min_lr) / 2 * turn.real).tolist()
    return (rising + falling + [min_lr] * steps)[:steps]


def learners_rates(learner, steps, *settings):
    return [learner.lr_schedule(step, *settings) for step in range(steps)]


# A handful of operations in float64.
RATES = {"rtol": 1e-12, "atol": 1e-15}


@pytest.mark.exercise("lr_schedule")
def test_schedule_by_hand(learner):
    """One step of warm-up, four on the way down: half of the top, the top, and a cosine to the last value."""
    rates = learners_rates(learner, 6, 1.0, 0.2, 1, 5)

    # cos(π/4) = √½, so a quarter of the way down the rate is 0.6 + 0.4 · √½.
    half = 0.4 * math.sqrt(0.5)
    check_close(rates, [0.5, 1.0, 0.6 + half, 0.6, 0.6 - half, 0.2], **RATES, of="the rates of steps 0 to 5")


@pytest.mark.exercise("lr_schedule")
def test_warm_up_is_a_line(learner):
    """The way up begins above zero and reaches the top at the step after it."""
    rates = learners_rates(learner, 10, 3e-3, 1e-4, 9, 500)

    check_close(rates, [3e-4 * number for number in range(1, 11)], **RATES, of="the rates of steps 0 to 9")


@pytest.mark.exercise("lr_schedule", points=2)
@pytest.mark.parametrize(
    "settings",
    [(1e-3, 1e-4, 5, 40), (0.5, 0.0, 0, 17), (2.0, 1.5, 20, 30)],
    ids=["usual", "no warm-up", "long warm-up"],
)
def test_schedule_of_any_length(learner, settings):
    """Every step, and some beyond the last: a line up, half a cosine down, a constant."""
    steps = settings[3] + 5

    check_close(learners_rates(learner, steps, *settings), schedule_oracle(steps, *settings), **RATES, of="the rates")


@pytest.mark.exercise("lr_schedule")
@pytest.mark.parametrize("step", [50, 51, 75, 1000])
def test_schedule_stays_at_the_end(learner, step):
    """From the last step on the rate is the last one: it does not rise again."""
    check_close(learner.lr_schedule(step, 1e-2, 1e-3, 10, 50), 1e-3, **RATES)
    check_close(learner.lr_schedule(30, 1e-2, 1e-3, 10, 50), 5.5e-3, **RATES, of="the rate in the middle")


@pytest.mark.exercise("lr_schedule")
def test_schedule_of_warm_up_alone(learner):
    """Where warm-up is all there is, the way up leads straight to the last rate."""
    rates = learners_rates(learner, 6, 1.0, 0.1, 4, 4)

    check_close(rates, [0.2, 0.4, 0.6, 0.8, 0.1, 0.1], **RATES, of="the rates of steps 0 to 5")


# --- Run ---


@prop
def workshop():
    """Models, optimizers and draws for small runs: what runs in the worker and in the judge alike."""
    import types

    import torch
    import torch.nn.functional as F
    from torch import nn

    vocab = 6

    def model(seed, dropout=0.0, buffers=False):
        generator = torch.Generator().manual_seed(seed)
        layers = [nn.Embedding(vocab, 4), nn.Dropout(dropout), nn.Linear(4, vocab)]
        made = nn.Sequential(*layers).double()
        with torch.no_grad():
            for weight in made.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
        if buffers:
            made.register_buffer("seen", torch.zeros(2, dtype=torch.float64))
        return made

    def optimizer(made, kind="adamw", lr=0.05):
        if kind == "sgd":
            return torch.optim.SGD(made.parameters(), lr=lr)
        if kind == "two groups":
            groups = [{"params": [weight]} for weight in made.parameters()]
            return torch.optim.SGD(groups, lr=lr, momentum=0.5)
        return torch.optim.AdamW(made.parameters(), lr=lr, betas=(0.8, 0.9), weight_decay=0.2)

    def draw(generator):
        x = torch.randint(vocab, (2, 5), generator=generator)
        return x, (3 * x + torch.randint(2, (2, 5), generator=generator)) % vocab

    def advance(run, steps):
        """Train on by steps; batch and learning rate depend on the run's own state."""
        for _ in range(steps):
            x, y = draw(run.generator)
            loss = F.cross_entropy(run.model(x).flatten(0, 1), y.flatten())
            run.optimizer.zero_grad()
            loss.backward()
            for group in run.optimizer.param_groups:
                group["lr"] *= 0.9
            run.optimizer.step()
            run.losses.append(loss.item())
            run.step += 1
            if hasattr(run.model, "seen"):
                run.model.seen += torch.tensor([1.0, loss.item()], dtype=torch.float64)

    def facts(run):
        return {
            "step": run.step,
            "losses": [float(loss) for loss in run.losses],
            "weights": {name: weight.detach().clone() for name, weight in run.model.state_dict().items()},
            "rates": [group["lr"] for group in run.optimizer.param_groups],
            "next draw": torch.randint(1000, (4,), generator=run.generator).tolist(),
        }

    return types.SimpleNamespace(model=model, optimizer=optimizer, draw=draw, advance=advance, facts=facts)


class ByHand:
    """The workshop's optimizers, from the formulas."""

    def __init__(self, parameters, kind, lr=0.05):
        self.kind, self.parameters = kind, list(parameters)
        # Groups differ in nothing but their number: each has a learning rate.
        self.param_groups = [{"lr": lr} for _ in (self.parameters if kind == "two groups" else [0])]
        self.count, self.first, self.second = 0, [0.0] * len(self.parameters), [0.0] * len(self.parameters)

    def zero_grad(self):
        for weight in self.parameters:
            weight.grad = None

    @torch.no_grad()
    def step(self):
        self.count += 1
        lr = self.param_groups[0]["lr"]
        for place, weight in enumerate(self.parameters):
            if self.kind == "adamw":
                weight *= 1 - lr * 0.2
                self.first[place] = 0.8 * self.first[place] + 0.2 * weight.grad
                self.second[place] = 0.9 * self.second[place] + 0.1 * weight.grad**2
                spread = (self.second[place] / (1 - 0.9**self.count)).sqrt() + 1e-8
                weight -= lr * self.first[place] / (1 - 0.8**self.count) / spread
            else:
                self.first[place] = (0.5 if self.kind == "two groups" else 0.0) * self.first[place] + weight.grad
                weight -= lr * self.first[place]


def judges_run(shop, seed, kind="adamw", buffers=False):
    """A run of the judge's own: the same fields, nothing of the learner's."""
    model = shop.model(seed, buffers=buffers)
    return types.SimpleNamespace(
        model=model,
        optimizer=ByHand(model.parameters(), kind),
        generator=torch.Generator().manual_seed(seed),
        step=0,
        losses=[],
    )


@probe
def interrupted(module, shop, seed, before, after, buffers=False):
    """Train, save, resume in a run with other states, train on with the objects that it was made of."""
    from pathlib import Path

    import torch

    def new_run(seed):
        model = shop.model(seed, buffers=buffers)
        return module.Run(model, shop.optimizer(model), torch.Generator().manual_seed(seed))

    old, path = new_run(seed), Path("run.pt")
    shop.advance(old, before)
    old.save_checkpoint(path)
    shop.advance(old, 2)  # what happens after saving is not part of it
    run = new_run(seed + 1)
    shop.advance(run, 3)
    model, optimizer, generator = run.model, run.optimizer, run.generator
    begins = run.resume(str(path))
    run.model, run.optimizer, run.generator = model, optimizer, generator
    shop.advance(run, after)
    return {**shop.facts(run), "first step": begins}


def check_facts(got, expected, *names):
    """Compare what a run holds. float64: AdamW in another order of operations, up to nine steps of it."""
    for name in names or expected:
        check_close(got[name], expected[name], rtol=1e-10, atol=1e-11, of=f"the {name} of the run")


def uninterrupted(seed, before, after=0, buffers=False):
    shop = workshop()
    run = judges_run(shop, seed, buffers=buffers)
    shop.advance(run, before + after)
    return {**shop.facts(run), "first step": before}


@pytest.mark.exercise("Run")
def test_resume_brings_back_step_and_losses(learner, seed):
    """A resumed run has the step and the losses of the saved one, of the moment when it was saved."""
    got = learner.run(interrupted, learner.build(workshop), seed, 4, 0)

    check_facts(got, uninterrupted(seed, 4), "first step", "step", "losses")


@pytest.mark.exercise("Run")
@pytest.mark.parametrize("buffers", [False, True], ids=["parameters", "buffers too"])
def test_resume_brings_back_the_model(learner, seed, buffers):
    """A resumed run has the saved weights, in the model it was made with; a model's buffers belong to it."""
    got = learner.run(interrupted, learner.build(workshop), seed, 3, 0, buffers)

    check_facts(got, uninterrupted(seed, 3, buffers=buffers), "first step", "weights")


@pytest.mark.exercise("Run")
def test_resume_brings_back_the_generator(learner, seed):
    """A resumed run goes on drawing where the saved one stopped."""
    got = learner.run(interrupted, learner.build(workshop), seed, 3, 0)

    check_facts(got, uninterrupted(seed, 3), "first step", "next draw")


@pytest.mark.exercise("Run", points=3)
@pytest.mark.parametrize(("before", "after"), [(1, 1), (5, 4), (0, 3)])
def test_interrupted_and_not_are_the_same(learner, seed, before, after):
    """Saved, resumed and trained on: weights, losses and learning rate as if nothing had happened."""
    got = learner.run(interrupted, learner.build(workshop), seed, before, after)

    check_facts(got, uninterrupted(seed, before, after))


@probe
def saved(module, shop, seed):
    """What a run holds after it has been saved, and has then trained on."""
    import torch

    model = shop.model(seed)
    run = module.Run(model, shop.optimizer(model), torch.Generator().manual_seed(seed))
    shop.advance(run, 2)
    run.save_checkpoint("run.pt")
    shop.advance(run, 2)
    return {**shop.facts(run), "first step": 2}


@pytest.mark.exercise("Run")
def test_saving_changes_nothing(learner, seed):
    """A run that is saved goes on as if it had not been, and the file is where it should be."""
    got = learner.run(saved, learner.build(workshop), seed)

    check_facts(got, uninterrupted(seed, 2, 2))
    check_that("run.pt" in learner.scratch.list(), "save_checkpoint must write the file that it was told: run.pt")


@probe
def saved_badly(module, shop, seed):
    """Save a run, then let saving fail halfway: something among the losses can't be written. What can be resumed?"""
    import contextlib

    import torch

    def new_run(seed):
        model = shop.model(seed)
        return module.Run(model, shop.optimizer(model), torch.Generator().manual_seed(seed))

    run = new_run(seed)
    shop.advance(run, 2)
    run.save_checkpoint("run.pt")
    shop.advance(run, 1)
    run.losses.append(lambda: "not a number")
    with contextlib.suppress(Exception):
        run.save_checkpoint("run.pt")
    again = new_run(seed + 1)
    begins = again.resume("run.pt")
    return {**shop.facts(again), "first step": begins}


@pytest.mark.exercise("Run")
def test_a_failed_save_leaves_the_old_file(learner, seed):
    """If saving fails halfway, the checkpoint that was there before can still be resumed."""
    got = learner.run(saved_badly, learner.build(workshop), seed)

    check_facts(got, uninterrupted(seed, 2))


@probe
def resumed_from(module, shop, seed, path):
    """Resume from a file that the suite has written."""
    import torch

    model = shop.model(seed)
    run = module.Run(model, shop.optimizer(model), torch.Generator().manual_seed(seed))
    begins = run.resume(path)
    return {**shop.facts(run), "first step": begins}


class Harm:
    """Pickled, it calls `open("harm.txt", "w")` when it is read."""

    def __reduce__(self):
        return open, ("harm.txt", "w")


@pytest.mark.exercise("Run")
@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_a_checkpoint_runs_no_code(learner, seed, kind):
    """A file in which somebody hid code is refused with an exception, and the code has not run."""
    shop = learner.build(workshop)
    check_facts(learner.run(interrupted, shop, seed, 1, 1), uninterrupted(seed, 1, 1))  # an honest file works
    names = ("model", "optimizer", "generator", "step", "losses")
    learner.scratch.write("other.pt", torch_file(dict.fromkeys(names, Harm())) if kind == "torch" else harm_alone())

    check_raises(Exception, learner.run, resumed_from, shop, seed, "other.pt", says="for a file that holds code")
    check_that("harm.txt" not in learner.scratch.list(), "The code in the file has run: it wrote harm.txt.")


def torch_file(state):
    import io

    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def harm_alone():
    return pickle.dumps(Harm())


# --- train ---


@prop
def rates(table):
    """A schedule that reads its learning rates from a list."""
    return lambda step: table[step]


@prop
def plain_work(draws):
    """A model of single logits, and batches from a list: for numbers by hand. It counts what it drew."""
    import types

    import torch

    drawn = []

    def draw(generator):
        drawn.append(len(drawn))
        return draws[drawn[-1]]

    def model():
        return torch.nn.Embedding.from_pretrained(torch.zeros(2, 2, dtype=torch.float64), freeze=False)

    return types.SimpleNamespace(model=model, draw=draw, drawn=drawn)


@probe
def trained_by_hand(module, work, rate, kwargs):
    """One step of SGD on the model of single logits."""
    import torch

    model = work.model()
    run = module.Run(model, torch.optim.SGD(model.parameters(), lr=100.0), torch.Generator())
    losses = module.train(run, work.draw, lambda step: rate, 1, **kwargs)
    return run.step, losses, model.weight.detach(), len(work.drawn)


@probe
def trained(module, shop, schedule, seed, stops, kind, kwargs):
    """Train in stages; what the run holds after each."""
    import torch

    model = shop.model(seed)
    run = module.Run(model, shop.optimizer(model, kind), torch.Generator().manual_seed(seed))
    found = []
    for until in stops:
        returned = module.train(run, shop.draw, schedule, until, **kwargs)
        state = run.generator.get_state()
        found.append({**shop.facts(run), "returned losses": list(returned)})
        run.generator.set_state(state)
    return found


def judges_training(seed, table, kind="adamw", accumulation=1, max_norm=1.0):
    """The same training in the judge: one gradient of the whole mean, clipped and followed by hand."""
    shop = workshop()
    run = judges_run(shop, seed, kind)
    parameters = list(run.model.parameters())
    for rate in table:
        batches = [shop.draw(run.generator) for _ in range(accumulation)]
        x, y = (torch.cat(each) for each in zip(*batches, strict=True))
        logits = run.model(x)
        loss = (torch.logsumexp(logits, -1) - logits.gather(-1, y[..., None])[..., 0]).mean()
        gradients = torch.autograd.grad(loss, parameters)
        norm = math.sqrt(sum(float(each.pow(2).sum()) for each in gradients))
        for weight, gradient in zip(parameters, gradients, strict=True):
            weight.grad = gradient * min(1.0, max_norm / (norm + 1e-6))
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        run.optimizer.step()
        run.losses.append(loss.item())
        run.step += 1
    return {**shop.facts(run), "returned losses": run.losses}


# float64, but a clipping that leaves out torch's 1e-6 beside the norm is right as well: 1e-6 of a gradient near 1.
TRAINED = {"rtol": 1e-5, "atol": 5e-6}


def check_training(learner, seed, table, kind="adamw", **kwargs):
    work = learner.build(workshop), learner.build(rates, table), seed, [len(table)], kind, kwargs
    (got,) = learner.run(trained, *work)
    expected = judges_training(seed, table, kind, **kwargs)
    for name in expected:
        check_close(got[name], expected[name], **TRAINED, of=f"the {name} of the run")


@pytest.mark.exercise("train")
def test_one_step_by_hand(learner):
    """One token with two possible successors: loss log 2, gradient ±1/2, so a rate of 3 moves the logits by 3/2."""
    work = learner.build(plain_work, [(torch.tensor([[1]]), torch.tensor([[0]]))])

    step, losses, weight, drawn = learner.run(trained_by_hand, work, 3.0, {})

    check_equal((step, drawn), (1, 1), of="steps and draws")
    check_close(losses, [math.log(2)], rtol=1e-9, of="the losses")
    check_close(weight, torch.tensor([[0.0, 0.0], [1.5, -1.5]]), rtol=1e-9, atol=1e-12, of="the logits")


@pytest.mark.exercise("train")
def test_losses_are_logged_before_the_update(learner, seed):
    """Every step logs its loss, from before its update, as a plain number."""
    table = [0.3, 0.2, 0.1, 0.05]
    (got,) = learner.run(trained, learner.build(workshop), learner.build(rates, table), seed, [4], "sgd", {})

    expected = judges_training(seed, table, "sgd")["losses"]
    check_close(got["returned losses"], expected, **TRAINED, of="the list that comes back")
    check_close(got["losses"], expected, **TRAINED, of="run.losses")
    check_equal(got["step"], 4, of="run.step")


@pytest.mark.exercise("train", points=2)
@pytest.mark.parametrize("kind", ["sgd", "two groups"])
def test_every_step_has_its_rate(learner, seed, kind):
    """The learning rate of a step is the schedule's, for every group of the optimizer."""
    check_training(learner, seed, [0.5, 0.0, 0.25, 1.5], kind)


@pytest.mark.exercise("train", points=2)
@pytest.mark.parametrize("max_norm", [0.05, 0.2, 50.0])
def test_gradients_are_clipped_as_a_whole(learner, seed, max_norm):
    """A gradient whose norm over all parameters is too large is scaled down; a small one is left alone."""
    check_training(learner, seed, [0.7] * 3, "sgd", max_norm=max_norm)


@pytest.mark.exercise("train")
def test_accumulation_by_hand(learner):
    """Two batches, one update: the mean of both losses and of both gradients."""
    draws = [(torch.tensor([[0]]), torch.tensor([[1]])), (torch.tensor([[1]]), torch.tensor([[1]]))]

    step, losses, weight, drawn = learner.run(
        trained_by_hand, learner.build(plain_work, draws), 4.0, {"accumulation": 2}
    )

    check_equal((step, drawn), (1, 2), of="steps and draws")
    check_close(losses, [math.log(2)], rtol=1e-9, of="the losses")
    # Each row's own gradient is (1/2, -1/2); half of that, since the loss is a mean; times the rate of 4.
    check_close(weight, torch.tensor([[-1.0, 1.0], [-1.0, 1.0]]), rtol=1e-9, atol=1e-12, of="the logits")


@pytest.mark.exercise("train", points=2)
@pytest.mark.parametrize(("accumulation", "max_norm"), [(3, 50.0), (4, 0.1)], ids=["no clipping", "clipping"])
def test_accumulation_is_a_larger_batch(learner, seed, accumulation, max_norm):
    """Several batches give the update that one batch of all of them would give, clipped once."""
    check_training(learner, seed, [0.6, 0.3, 0.6], "sgd", accumulation=accumulation, max_norm=max_norm)


@pytest.mark.exercise("train", points=3)
@pytest.mark.parametrize("accumulation", [1, 2])
def test_training_equals_another_loop(learner, seed, accumulation):
    """Eight steps of AdamW under a schedule: losses, weights, rate and generator as in an independent loop."""
    table = schedule_oracle(8, 0.1, 0.01, 3, 8)

    check_training(learner, seed, table, "adamw", accumulation=accumulation, max_norm=0.4)


@pytest.mark.exercise("train")
def test_training_goes_on(learner, seed):
    """Until is a step to stop at: three calls in a row are one training, and one that is there already does nothing."""
    table = [0.4, 0.3, 0.2, 0.5, 0.1]
    stops = [2, 2, 3, 1, 5]
    work = learner.build(workshop), learner.build(rates, table), seed, stops, "adamw", {}

    got = learner.run(trained, *work)

    for until, facts, done in zip(stops, got, (2, 2, 3, 3, 5), strict=True):
        expected = judges_training(seed, table[:done])
        for name in expected:
            check_close(facts[name], expected[name], **TRAINED, of=f"the {name} after the call with until={until}")


@probe
def trained_from(module, shop, seed, dropout, stale):
    """Train a model that stands in evaluation mode and has old gradients."""
    import torch

    model = shop.model(seed, dropout=dropout).eval()
    for weight in model.parameters():
        weight.grad = torch.full_like(weight, stale)
    run = module.Run(model, shop.optimizer(model, "sgd"), torch.Generator().manual_seed(seed))
    losses = module.train(run, shop.draw, lambda step: 0.5, 2)
    return {name: weight.detach() for name, weight in model.state_dict().items()}, losses


@pytest.mark.exercise("train")
def test_old_gradients_do_not_count(learner, seed):
    """Gradients that were there before the training are not part of its first update."""
    got, losses = learner.run(trained_from, learner.build(workshop), seed, 0.0, 30.0)

    expected = judges_training(seed, [0.5, 0.5], "sgd")
    check_close(got, expected["weights"], **TRAINED, of="the weights")
    check_close(losses, expected["losses"], **TRAINED, of="the losses")


@pytest.mark.exercise("train")
def test_training_is_training(learner, seed):
    """The model is put into training mode: with a dropout of everything, only the last bias learns."""
    got, _ = learner.run(trained_from, learner.build(workshop), seed, 1.0, 0.0)

    weights = {name: weight.detach() for name, weight in workshop().model(seed).state_dict().items()}
    for name in ("0.weight", "2.weight"):
        check_close(got[name], weights[name], **TRAINED, of=f"the weights {name}")
    shop, bias, generator = workshop(), weights["2.bias"].numpy().copy(), torch.Generator().manual_seed(seed)
    for _ in range(2):
        _, y = shop.draw(generator)
        share = np.bincount(y.flatten().numpy(), minlength=len(bias)) / y.numel()
        gradient = np.exp(bias) / np.exp(bias).sum() - share
        bias -= 0.5 * gradient * min(1.0, 1.0 / (np.linalg.norm(gradient) + 1e-6))
    check_close(got["2.bias"], torch.from_numpy(bias), **TRAINED, of="the last bias")


# --- estimate_loss ---


@prop
def observed_model(seed, dropout):
    """A model that remembers whether its logits were part of a graph."""
    import torch
    from torch import nn

    generator = torch.Generator().manual_seed(seed)

    class Observed(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.randn(6, 6, generator=generator, dtype=torch.float64))
            self.dropout = nn.Dropout(dropout)
            self.graphs = []

        def forward(self, x):
            logits = self.dropout(self.table[x])
            self.graphs.append(bool(logits.requires_grad))
            return logits

    return Observed()


@prop
def drawer(batch, length):
    """Pairs of random tokens."""
    import torch

    return lambda generator: tuple(torch.randint(6, (batch, length), generator=generator) for _ in range(2))


def table_of(seed):
    return torch.randn(6, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def loss_oracle(table, batches):
    """The mean of the batches' losses, token by token."""
    log_probabilities = torch.log_softmax(table, dim=-1)
    means = [-float(log_probabilities[x, y].mean()) for x, y in batches]
    return sum(means) / len(means)


@pytest.mark.exercise("estimate_loss")
def test_estimate_by_hand(learner):
    """Two batches, one sure to a quarter and one to a half: the mean of log 4 and log 2."""
    model = learner.build(observed_model, 0, 0.0)
    model.load_state_dict({"table": torch.log(torch.tensor([[1, 1, 2, 4, 4, 4], [2, 1, 1, 0.5, 1, 4.5]]).repeat(3, 1))})
    batches = iter([(torch.tensor([[0]]), torch.tensor([[3]])), (torch.tensor([[1]]), torch.tensor([[5]]))])

    loss = learner.estimate_loss(model, lambda generator: next(batches), torch.Generator(), 2)

    # 4 of 16 and 4.5 of 10.
    check_close(loss, (math.log(4) + math.log(10 / 4.5)) / 2, rtol=1e-6)  # the table came as float32


@pytest.mark.exercise("estimate_loss")
@pytest.mark.parametrize(("batches", "batch", "length"), [(1, 2, 3), (5, 1, 4), (3, 4, 1)])
def test_estimate_equals_the_mean(learner, seed, batches, batch, length):
    """As many batches as asked for, drawn one after another: the mean of their losses, as a plain number."""
    model = learner.build(observed_model, seed, 0.0)
    generator = torch.Generator().manual_seed(seed)

    loss = learner.estimate_loss(model, learner.build(drawer, batch, length), generator, batches)

    draw, again = drawer(batch, length), torch.Generator().manual_seed(seed)
    check_equal(type(loss).__name__, "float", of="the type of the result")
    check_close(loss, loss_oracle(table_of(seed), [draw(again) for _ in range(batches)]), rtol=1e-12)


@pytest.mark.exercise("estimate_loss", points=2)
@pytest.mark.parametrize("training", [True, False], ids=["in training mode", "in evaluation mode"])
def test_estimate_evaluates(learner, seed, training):
    """The model is measured in evaluation mode, and is afterwards in the mode it was in."""
    model = learner.build(observed_model, seed, 1.0)
    model.train(training)
    draw, generator = drawer(2, 3), torch.Generator().manual_seed(seed)

    loss = learner.estimate_loss(model, learner.build(drawer, 2, 3), torch.Generator().manual_seed(seed), 2)

    check_close(loss, loss_oracle(table_of(seed), [draw(generator) for _ in range(2)]), rtol=1e-12)
    x = torch.tensor([[1, 4]])
    expected = torch.zeros(1, 2, 6, dtype=torch.float64) if training else table_of(seed)[x]
    check_close(model(x).detach(), expected, **F64, of="what the model gives afterwards (its dropout drops everything)")


@probe
def estimated(module, model, draw, seed, batches):
    """The loss, and what is left of the model's gradient and weights."""
    import torch

    model.table.grad = torch.full_like(model.table, 5.0)
    loss = module.estimate_loss(model, draw, torch.Generator().manual_seed(seed), batches)
    return loss, model.table.grad, model.table.detach(), model.graphs


@pytest.mark.exercise("estimate_loss")
def test_estimate_teaches_nothing(learner, seed):
    """No graph is kept, and gradients and weights are as they were."""
    work = learner.build(observed_model, seed, 0.0), learner.build(drawer, 2, 3)

    loss, gradient, table, graphs = learner.run(estimated, *work, seed, 3)

    check_equal(graphs, [False] * 3, of="whether the logits of each batch were part of a graph")
    check_close(gradient, torch.full((6, 6), 5.0, dtype=torch.float64), rtol=0.0, of="the gradient")
    check_unchanged(table, table_of(seed), of="model")
    draw, generator = drawer(2, 3), torch.Generator().manual_seed(seed)
    check_close(loss, loss_oracle(table_of(seed), [draw(generator) for _ in range(3)]), rtol=1e-12)


# --- training_flops ---


class Product(torch.autograd.Function):
    """A product of matrices that counts the operations of itself and of its two gradients."""

    flops = 0

    @staticmethod
    def counted(a, b):
        (*batch, rows, inner), columns = a.shape, b.shape[-1]
        Product.flops += 2 * math.prod(batch) * rows * inner * columns
        return a @ b

    @staticmethod
    def forward(context, a, b):
        context.save_for_backward(a, b)
        return Product.counted(a, b)

    @staticmethod
    def backward(context, gradient):
        a, b = context.saved_tensors
        return Product.counted(gradient, b.mT), Product.counted(a.mT, gradient)


def counted_flops(vocab_size, block_size, num_layers, num_heads, hidden_size):
    """Forward and backward of one sequence, counted on the way, and the number of parameters."""
    shapes = shapes_of(vocab_size, block_size, num_layers, num_heads, hidden_size)
    weights = {name: torch.full(shape, 0.01, requires_grad=True) for name, shape in shapes.items()}
    product, Product.flops = Product.apply, 0
    x = weights["token_embedding.weight"][[0] * block_size] + weights["position_embedding.weight"]
    for layer in range(num_layers):
        own = {name.split(".", 2)[2]: each for name, each in weights.items() if name.startswith(f"blocks.{layer}.")}
        qkv = product(x, own["listen.qkv.weight"].T).unflatten(-1, (3, num_heads, -1)).permute(1, 2, 0, 3)
        query, key, value = qkv
        context = product(torch.softmax(product(query, key.mT), dim=-1), value)
        x = x + product(context.transpose(0, 1).flatten(1), own["listen.out.weight"].T)
        x = x + product(F.gelu(product(x, own["think.up.weight"].T)), own["think.down.weight"].T)
    product(x, weights["token_embedding.weight"].T).sum().backward()
    return Product.flops, sum(weight.numel() for weight in weights.values())


FLOP_SIZES = {
    "one block": (13, 6, 1, 1, 4), "two heads": (50, 16, 2, 2, 12), "long": (7, 64, 3, 1, 8), "wide": (90, 2, 2, 4, 32)
}  # fmt: skip


@pytest.mark.exercise("training_flops")
def test_flops_by_hand(learner):
    """One block of two channels, eight tokens in two sequences: every product counted by hand."""
    config = learner.GPTConfig(vocab_size=3, block_size=4, num_layers=1, num_heads=1, hidden_size=2)

    rule, exact = learner.training_flops(config, 8)

    # N: 3·2 + 4·2 tables, 12·4 matrices, 8 + 2 biases, 3·2 norms = 78. Products of a token, forward:
    # 48 with the matrices, 6 with the output table, 4·2 + 4·2 with keys and values: 70, times 2 and times 3.
    check_equal((int(rule), int(exact)), (6 * 78 * 8, 6 * 70 * 8), of="(rule, exact)")


@pytest.mark.exercise("training_flops", points=2)
@pytest.mark.parametrize("sizes", FLOP_SIZES.values(), ids=list(FLOP_SIZES))
def test_flops_equal_what_torch_does(learner, sizes):
    """The exact number counts the products of both passes; the rule is six times parameters times tokens."""
    names = ("vocab_size", "block_size", "num_layers", "num_heads", "hidden_size")
    config = learner.GPTConfig(**dict(zip(names, sizes, strict=True)))

    rule, exact = learner.training_flops(config, 3 * sizes[1])

    flops, parameters = counted_flops(*sizes)
    check_equal(int(exact), 3 * flops, of="the exact number")
    check_equal(int(rule), 6 * parameters * 3 * sizes[1], of="the rule of thumb")


@pytest.mark.exercise("training_flops")
def test_flops_of_a_large_model(learner):
    """The sizes of GPT-2 on ten billion tokens: whole numbers of any size, without rounding."""
    config = learner.GPTConfig(vocab_size=50257, block_size=1024, num_layers=12, num_heads=12, hidden_size=768)

    rule, exact = learner.training_flops(config, 10 * 2**30)

    tokens, table = 10 * 2**30, 50257 * 768
    parameters = table + 1024 * 768 + 12 * (12 * 768**2 + 7 * 768) + 768
    products = table + 12 * (12 * 768**2 + 2 * 1024 * 768)
    check_equal([rule, exact], [6 * parameters * tokens, 6 * products * tokens], of="rule and exact")


# --- fit_scaling_law ---


def law_oracle(sizes, losses, exponents):
    """For each exponent SciPy's non-negative least squares, then the best exponent."""
    sizes, losses = np.asarray(sizes, dtype=float), np.asarray(losses, dtype=float)
    found = []
    for alpha in exponents:
        powers = (sizes / sizes.max()) ** -alpha
        (E, scaled), residual = optimize.nnls(np.stack([np.ones_like(powers), powers], axis=1), losses)
        found.append((residual, E, scaled * sizes.max() ** alpha, alpha))
    return min(found)[1:]


# Two coefficients of a line through a few points; the smallest exponents make it nearly flat: 1e-16 times about 1e6.
LAW = {"rtol": 1e-7, "atol": 1e-9}


def check_law(got, expected):
    got = [float(each) for each in got]
    check_close(got[2], float(expected[2]), rtol=1e-9, of="alpha")
    check_close(got[0], float(expected[0]), **LAW, of="E")
    check_close(got[1], float(expected[1]), **LAW, of="A")


@pytest.mark.exercise("fit_scaling_law")
def test_law_by_hand(learner):
    """Losses of exactly 2 + 12/√N for N = 4, 9 and 36."""
    check_law(learner.fit_scaling_law([4, 9, 36], [8.0, 6.0, 4.0]), (2.0, 12.0, 0.5))


@pytest.mark.exercise("fit_scaling_law")
@pytest.mark.parametrize(
    ("E", "A", "alpha"), [(1.69, 406.4, 0.34), (0.8, 30.0, 0.07), (0.0, 5.0, 1.5), (3.0, 2.0, 2.0)]
)
def test_law_is_recovered(learner, E, A, alpha):
    """Losses that follow a law exactly give that law, in any order of the runs."""
    sizes = np.array([9e4, 1e3, 8e3, 2.7e4, 3e5]) if alpha < 1 else np.array([30.0, 2.0, 1.0, 9.0])

    law = learner.fit_scaling_law(sizes, E + A * sizes**-alpha)

    check_law(law, (E, A, alpha))


@pytest.mark.exercise("fit_scaling_law", points=2)
@pytest.mark.parametrize("runs", [4, 9])
def test_law_of_noisy_runs(learner, rng, runs):
    """Noisy losses: the smallest sum of squares, as SciPy finds it for every exponent."""
    sizes = 1e4 * 2.0 ** np.arange(runs)
    losses = 1.5 + 60 * sizes ** -rng.uniform(0.3, 0.5) + rng.normal(scale=0.01, size=runs)

    law = learner.fit_scaling_law(sizes.tolist(), losses.tolist())

    check_law(law, law_oracle(sizes, losses, np.arange(1, 201) / 100))


@pytest.mark.exercise("fit_scaling_law")
def test_law_with_nothing_irreducible(learner, rng):
    """Where the best line would have a negative E, E is 0 and A is the best for that."""
    # Close to 30 / N^0.3 − 0.5: the best line for 0.3 has an E near −0.5.
    sizes = np.array([1e2, 1e3, 4e3, 2e4])
    losses = 30 * sizes**-0.3 - 0.5 + rng.normal(scale=0.01, size=4)
    exponents = (0.25, 0.3)

    law = learner.fit_scaling_law(sizes, losses, exponents)

    check_close(float(law[0]), 0.0, **LAW, of="E")
    check_law(law, law_oracle(sizes, losses, exponents))


@pytest.mark.exercise("fit_scaling_law")
def test_law_of_runs_that_do_not_improve(learner):
    """Where larger models are worse, no power helps: A is 0 and E the mean of the losses."""
    E, A, _ = learner.fit_scaling_law([10, 20, 40], [1.0, 2.0, 4.5])

    check_close([float(E), float(A)], [2.5, 0.0], rtol=1e-12, of="E and A")


@pytest.mark.exercise("fit_scaling_law")
def test_law_of_very_large_models(learner):
    """Sizes from 10^7 to 10^11 lose no digits, whatever the exponent."""
    sizes = np.array([1e7, 1e8, 1e9, 1e10, 1e11])
    losses = 1.5 + 2e13 * sizes**-1.9

    law = learner.fit_scaling_law(sizes, losses)

    check_law(law, (1.5, 2e13, 1.9))


@pytest.mark.exercise("fit_scaling_law")
def test_law_tries_the_exponents_it_is_given(learner, rng):
    """Only the given exponents are tried."""
    sizes = np.array([2.0, 5.0, 11.0, 30.0])
    losses = 1.0 + 3.0 * sizes**-0.5 + rng.normal(scale=0.003, size=4)

    for exponents in ((0.2, 0.45, 0.9), (0.7,)):
        law = learner.fit_scaling_law(sizes, losses, exponents)
        check_law(law, law_oracle(sizes, losses, exponents))
