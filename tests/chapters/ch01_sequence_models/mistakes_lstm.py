"""Classic wrong answers to the exercises of 1.2, each with the sentence that tells the learner which one it is."""

import math

import torch
from torch import nn

from grader.checks import mistake

# --- lstm_cell ---

ORDER = "i, f, g, o = gates.chunk(4, dim=-1)"
CELL = "c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)"
SHOWN = "return torch.sigmoid(o) * torch.tanh(c), c"


@mistake(
    "lstm_cell",
    says="You took the runs for i, f, o, g; in torch's order the candidate stands third and the output gate last.",
    patch=(ORDER, "i, f, o, g = gates.chunk(4, dim=-1)"),
)
def candidate_last(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    size = h.shape[-1]
    gates = torch.nn.functional.linear(x, weight_ih, bias_ih) + torch.nn.functional.linear(h, weight_hh, bias_hh)
    i, f, o = gates[..., : 3 * size].sigmoid().split(size, dim=-1)
    c = f * c + i * gates[..., 3 * size :].tanh()
    return o * c.tanh(), c


@mistake(
    "lstm_cell",
    says="You took the runs for i, g, f, o; in torch's order the forget gate comes before the candidate.",
    patch=(ORDER, "i, g, f, o = gates.chunk(4, dim=-1)"),
)
def candidate_second(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    parts = zip(weight_ih.chunk(4), weight_hh.chunk(4), (bias_ih + bias_hh).chunk(4), strict=True)
    i, g, f, o = (x @ w.T + h @ u.T + b for w, u, b in parts)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@mistake(
    "lstm_cell",
    says="Your input gate and your forget gate have changed places: in torch's order i comes first.",
    patch=(ORDER, "f, i, g, o = gates.chunk(4, dim=-1)"),
)
def forget_gate_first(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    parts = zip(weight_ih.chunk(4), weight_hh.chunk(4), (bias_ih + bias_hh).chunk(4), strict=True)
    f, i, g, o = (x @ w.T + h @ u.T + b for w, u, b in parts)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@mistake(
    "lstm_cell",
    says="You show the cell as it is; its tanh belongs before the output gate, because the cell itself has no bounds.",
    patch=(SHOWN, "return torch.sigmoid(o) * c, c"),
)
def no_tanh_on_the_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    parts = zip(weight_ih.chunk(4), weight_hh.chunk(4), (bias_ih + bias_hh).chunk(4), strict=True)
    i, f, g, o = (x @ w.T + h @ u.T + b for w, u, b in parts)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return c * o.sigmoid(), c


@mistake(
    "lstm_cell",
    says="Your candidate goes through a sigmoid, so that the cell can only grow; tanh lets it write both signs.",
    patch=("torch.tanh(g)", "torch.sigmoid(g)"),
)
def sigmoid_on_the_candidate(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    i, f, g, o = (x @ weight_ih.T + h @ weight_hh.T + bias_ih + bias_hh).sigmoid().chunk(4, dim=-1)
    c = f * c + i * g
    return o * torch.tanh(c), c


@mistake(
    "lstm_cell",
    says="Your candidate has no tanh: what is written into the cell must lie between −1 and 1.",
    patch=("torch.tanh(g)", "g"),
)
def bare_candidate(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    parts = zip(weight_ih.chunk(4), weight_hh.chunk(4), (bias_ih + bias_hh).chunk(4), strict=True)
    i, f, g, o = (x @ w.T + h @ u.T + b for w, u, b in parts)
    c = f.sigmoid() * c + i.sigmoid() * g
    return o.sigmoid() * c.tanh(), c


@mistake(
    "lstm_cell",
    says="Your hidden state shows the cell of the step before; it must show the new one.",
    patch=((CELL, f"old, {CELL.replace(' = ', ' = c, ')}"), (SHOWN, "return torch.sigmoid(o) * torch.tanh(old), c")),
)
def shows_the_old_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    parts = zip(weight_ih.chunk(4), weight_hh.chunk(4), (bias_ih + bias_hh).chunk(4), strict=True)
    i, f, g, o = (x @ w.T + h @ u.T + b for w, u, b in parts)
    return o.sigmoid() * c.tanh(), f.sigmoid() * c + i.sigmoid() * g.tanh()


@mistake(
    "lstm_cell",
    says="You return the two states in the order (c, h); the hidden state comes first.",
    patch=(SHOWN, "return c, torch.sigmoid(o) * torch.tanh(c)"),
)
def cell_state_first(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    parts = zip(weight_ih.chunk(4), weight_hh.chunk(4), (bias_ih + bias_hh).chunk(4), strict=True)
    i, f, g, o = (x @ w.T + h @ u.T + b for w, u, b in parts)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return c, o.sigmoid() * c.tanh()


@mistake(
    "lstm_cell",
    says="You took the state apart as (c, h); the hidden state comes first, and it is h that goes through the weights.",
    patch=("h, c = state", "c, h = state"),
)
def state_taken_the_other_way_round(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    parts = zip(weight_ih.chunk(4), weight_hh.chunk(4), (bias_ih + bias_hh).chunk(4), strict=True)
    i, f, g, o = (x @ w.T + state[1] @ u.T + b for w, u, b in parts)
    c = f.sigmoid() * state[0] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@mistake(
    "lstm_cell",
    says="You left out one of the two biases; torch adds both.",
    patch=("h @ weight_hh.T + bias_hh", "h @ weight_hh.T"),
)
def one_bias(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    parts = zip(weight_ih.chunk(4), weight_hh.chunk(4), bias_ih.chunk(4), strict=True)
    i, f, g, o = (x @ w.T + h @ u.T + b for w, u, b in parts)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# --- gru_cell ---

CANDIDATE = "n = torch.tanh(n + r * n_state)"


@mistake(
    "gru_cell",
    says="You reset the state before the product, as in Cho et al. (2014); torch resets what comes out of it.",
    patch=(CANDIDATE, "n = torch.tanh(n + (r * h) @ weight_hh.chunk(3)[2].T + bias_hh.chunk(3)[2])"),
)
def reset_before_the_product(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[-1]
    gates = x @ weight_ih[: 2 * size].T + h @ weight_hh[: 2 * size].T + (bias_ih + bias_hh)[: 2 * size]
    r, z = gates.sigmoid().split(size, dim=-1)
    bias = bias_ih[2 * size :] + bias_hh[2 * size :]
    n = torch.tanh(x @ weight_ih[2 * size :].T + (h * r) @ weight_hh[2 * size :].T + bias)
    return n + z * (h - n)


@mistake(
    "gru_cell",
    says="Your update gate works the other way round: here z is the share of the old state.",
    patch=("(1 - z) * n + z * h", "z * n + (1 - z) * h"),
)
def update_gate_reversed(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[-1]
    mine, theirs = x @ weight_ih.T + bias_ih, h @ weight_hh.T + bias_hh
    r, z = (mine + theirs)[..., : 2 * size].sigmoid().split(size, dim=-1)
    n = torch.tanh(mine[..., 2 * size :] + r * theirs[..., 2 * size :])
    return torch.lerp(h, n, z)


@mistake(
    "gru_cell",
    says="You took the runs for z, r, n; in torch's order the reset gate comes first.",
    patch=(("r, z, n = (x", "z, r, n = (x"), ("r_state, z_state, n_state =", "z_state, r_state, n_state =")),
)
def update_gate_first(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[-1]
    mine, theirs = x @ weight_ih.T + bias_ih, h @ weight_hh.T + bias_hh
    z, r = (mine + theirs)[..., : 2 * size].sigmoid().split(size, dim=-1)
    n = torch.tanh(mine[..., 2 * size :] + r * theirs[..., 2 * size :])
    return n + z * (h - n)


@mistake(
    "gru_cell",
    says="The state's bias of the candidate stands outside the reset gate; r scales the product with its bias.",
    patch=(CANDIDATE, "bias = bias_hh.chunk(3)[2]\n    n = torch.tanh(n + r * (n_state - bias) + bias)"),
)
def bias_outside_the_reset(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[-1]
    mine, theirs = x @ weight_ih.T + bias_ih + bias_hh, h @ weight_hh.T
    r, z = (mine + theirs)[..., : 2 * size].sigmoid().split(size, dim=-1)
    n = torch.tanh(mine[..., 2 * size :] + r * theirs[..., 2 * size :])
    return n + z * (h - n)


@mistake(
    "gru_cell",
    says="Your reset gate scales the input's part as well; it may only touch what comes from the state.",
    patch=(CANDIDATE, "n = torch.tanh(r * (n + n_state))"),
)
def input_reset_as_well(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[-1]
    total = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
    r, z = total[..., : 2 * size].sigmoid().split(size, dim=-1)
    n = torch.tanh(r * total[..., 2 * size :])
    return n + z * (h - n)


@mistake(
    "gru_cell",
    says="Your reset gate is computed and never used: the candidate must see the state's part through it.",
    patch=(CANDIDATE, "n = torch.tanh(n + n_state)"),
)
def never_reset(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[-1]
    total = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
    z, n = total[..., size : 2 * size].sigmoid(), total[..., 2 * size :].tanh()
    return n + z * (h - n)


# --- LSTM ---


@mistake(
    "LSTM",
    says="Each of your layers reads the input of the whole network; layer k must read the states of layer k − 1.",
    patch=(
        ("x = torch.stack(steps, dim=1)", "outputs = torch.stack(steps, dim=1)"),
        ("return x, (h, c)", "return outputs, (h, c)"),
    ),
)
class every_layer_reads_the_input(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.sizes = num_layers, hidden_size
        bound = hidden_size**-0.5
        for k in range(num_layers):
            for name, *shape in (
                ("weight_ih", 4 * hidden_size, hidden_size if k else input_size),
                ("weight_hh", 4 * hidden_size, hidden_size),
                ("bias_ih", 4 * hidden_size),
                ("bias_hh", 4 * hidden_size),
            ):
                setattr(self, f"{name}_l{k}", nn.Parameter((2 * torch.rand(shape) - 1) * bound))

    def forward(self, x, state=None):
        layers, size = self.sizes
        hs, cs = [], []
        for k in range(layers):
            weights = [getattr(self, f"{n}_l{k}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            h = x.new_zeros(len(x), size) if state is None else state[0][k]
            c = x.new_zeros(len(x), size) if state is None else state[1][k]
            outputs = []
            for t in range(x.shape[1]):
                h, c = lstm_cell(x[:, t], (h, c), *weights)  # noqa: F821
                outputs.append(h)
            hs.append(h)
            cs.append(c)
        return torch.stack(outputs, 1), (torch.stack(hs), torch.stack(cs))


@mistake(
    "LSTM",
    says="Every step starts again from the first state; a step must start from what the step before left.",
    patch=(
        "h, c = lstm_cell(step, (h, c), *weights)\n                steps.append(h)",
        "new = lstm_cell(step, (h, c), *weights)\n                steps.append(new[0])\n            h, c = new",
    ),
)
class state_not_carried(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.sizes = num_layers, hidden_size
        bound = hidden_size**-0.5
        for k in range(num_layers):
            for name, *shape in (
                ("weight_ih", 4 * hidden_size, hidden_size if k else input_size),
                ("weight_hh", 4 * hidden_size, hidden_size),
                ("bias_ih", 4 * hidden_size),
                ("bias_hh", 4 * hidden_size),
            ):
                setattr(self, f"{name}_l{k}", nn.Parameter((2 * torch.rand(shape) - 1) * bound))

    def forward(self, x, state=None):
        layers, size = self.sizes
        hs, cs = [], []
        for k in range(layers):
            weights = [getattr(self, f"{n}_l{k}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            first = x.new_zeros(2, len(x), size) if state is None else torch.stack([state[0][k], state[1][k]])
            pairs = [lstm_cell(x[:, t], (first[0], first[1]), *weights) for t in range(x.shape[1])]  # noqa: F821
            x = torch.stack([h for h, _ in pairs], 1)
            hs.append(pairs[-1][0])
            cs.append(pairs[-1][1])
        return x, (torch.stack(hs), torch.stack(cs))


@mistake(
    "LSTM",
    says="The state that is handed in is ignored: zeros are only for the case that there is none.",
    patch=("if state is None:", "if True:"),
)
class given_state_ignored(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.sizes = num_layers, hidden_size
        bound = hidden_size**-0.5
        for k in range(num_layers):
            for name, *shape in (
                ("weight_ih", 4 * hidden_size, hidden_size if k else input_size),
                ("weight_hh", 4 * hidden_size, hidden_size),
                ("bias_ih", 4 * hidden_size),
                ("bias_hh", 4 * hidden_size),
            ):
                setattr(self, f"{name}_l{k}", nn.Parameter((2 * torch.rand(shape) - 1) * bound))

    def forward(self, x, state=None):
        layers, size = self.sizes
        hs, cs = [], []
        for k in range(layers):
            weights = [getattr(self, f"{n}_l{k}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            h = c = x.new_zeros(len(x), size)
            outputs = []
            for t in range(x.shape[1]):
                h, c = lstm_cell(x[:, t], (h, c), *weights)  # noqa: F821
                outputs.append(h)
            x = torch.stack(outputs, 1)
            hs.append(h)
            cs.append(c)
        return x, (torch.stack(hs), torch.stack(cs))


@mistake(
    "LSTM",
    says="Your upper layers go on from the last state of the layer below; every layer starts from a state of its own.",
    patch=(
        "for layer, (h, c) in enumerate(zip(*state, strict=True)):",
        "h, c = state[0][0], state[1][0]\n        for layer in range(self.num_layers):",
    ),
)
class state_handed_upwards(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.sizes = num_layers, hidden_size
        bound = hidden_size**-0.5
        for k in range(num_layers):
            for name, *shape in (
                ("weight_ih", 4 * hidden_size, hidden_size if k else input_size),
                ("weight_hh", 4 * hidden_size, hidden_size),
                ("bias_ih", 4 * hidden_size),
                ("bias_hh", 4 * hidden_size),
            ):
                setattr(self, f"{name}_l{k}", nn.Parameter((2 * torch.rand(shape) - 1) * bound))

    def forward(self, x, state=None):
        layers, size = self.sizes
        hs, cs = [], []
        h = x.new_zeros(len(x), size) if state is None else state[0][0]
        c = x.new_zeros(len(x), size) if state is None else state[1][0]
        for k in range(layers):
            weights = [getattr(self, f"{n}_l{k}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            outputs = []
            for t in range(x.shape[1]):
                h, c = lstm_cell(x[:, t], (h, c), *weights)  # noqa: F821
                outputs.append(h)
            x = torch.stack(outputs, 1)
            hs.append(h)
            cs.append(c)
        return x, (torch.stack(hs), torch.stack(cs))


@mistake(
    "LSTM",
    says="You return the state of the last layer only; h and c hold the last state of every layer, layer 0 first.",
    patch=("finals.append((h, c))", "finals = [(h, c)]"),
)
class state_of_the_last_layer(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.sizes = num_layers, hidden_size
        bound = hidden_size**-0.5
        for k in range(num_layers):
            for name, *shape in (
                ("weight_ih", 4 * hidden_size, hidden_size if k else input_size),
                ("weight_hh", 4 * hidden_size, hidden_size),
                ("bias_ih", 4 * hidden_size),
                ("bias_hh", 4 * hidden_size),
            ):
                setattr(self, f"{name}_l{k}", nn.Parameter((2 * torch.rand(shape) - 1) * bound))

    def forward(self, x, state=None):
        layers, size = self.sizes
        for k in range(layers if state is None else len(state[0])):
            weights = [getattr(self, f"{n}_l{k}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            h = x.new_zeros(len(x), size) if state is None else state[0][k]
            c = x.new_zeros(len(x), size) if state is None else state[1][k]
            outputs = []
            for t in range(x.shape[1]):
                h, c = lstm_cell(x[:, t], (h, c), *weights)  # noqa: F821
                outputs.append(h)
            x = torch.stack(outputs, 1)
        return x, (h[None], c[None])


@mistake(
    "LSTM",
    says="Your outputs are the cell states; what a layer says, to you and to the layer above, is its hidden state.",
    patch=("steps.append(h)", "steps.append(c)"),
)
class cells_for_outputs(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.sizes = num_layers, hidden_size
        bound = hidden_size**-0.5
        for k in range(num_layers):
            for name, *shape in (
                ("weight_ih", 4 * hidden_size, hidden_size if k else input_size),
                ("weight_hh", 4 * hidden_size, hidden_size),
                ("bias_ih", 4 * hidden_size),
                ("bias_hh", 4 * hidden_size),
            ):
                setattr(self, f"{name}_l{k}", nn.Parameter((2 * torch.rand(shape) - 1) * bound))

    def forward(self, x, state=None):
        layers, size = self.sizes
        hs, cs = [], []
        for k in range(layers):
            weights = [getattr(self, f"{n}_l{k}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            h = x.new_zeros(len(x), size) if state is None else state[0][k]
            c = x.new_zeros(len(x), size) if state is None else state[1][k]
            outputs = []
            for t in range(x.shape[1]):
                h, c = lstm_cell(x[:, t], (h, c), *weights)  # noqa: F821
                outputs.append(c)
            x = torch.stack(outputs, 1)
            hs.append(h)
            cs.append(c)
        return x, (torch.stack(hs), torch.stack(cs))


@mistake(
    "LSTM",
    says="All your layers use the weights of layer 0; each has four parameters of its own.",
    patch=('getattr(self, f"{name}_l{layer}")', 'getattr(self, f"{name}_l0")'),
)
class one_layer_again_and_again(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.sizes = num_layers, hidden_size
        bound = hidden_size**-0.5
        for k in range(num_layers):
            for name, *shape in (
                ("weight_ih", 4 * hidden_size, hidden_size if k else input_size),
                ("weight_hh", 4 * hidden_size, hidden_size),
                ("bias_ih", 4 * hidden_size),
                ("bias_hh", 4 * hidden_size),
            ):
                setattr(self, f"{name}_l{k}", nn.Parameter((2 * torch.rand(shape) - 1) * bound))

    def forward(self, x, state=None):
        layers, size = self.sizes
        weights = self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0
        hs, cs = [], []
        for k in range(layers):
            h = x.new_zeros(len(x), size) if state is None else state[0][k]
            c = x.new_zeros(len(x), size) if state is None else state[1][k]
            outputs = []
            for t in range(x.shape[1]):
                h, c = lstm_cell(x[:, t], (h, c), *weights)  # noqa: F821
                outputs.append(h)
            x = torch.stack(outputs, 1)
            hs.append(h)
            cs.append(c)
        return x, (torch.stack(hs), torch.stack(cs))


@mistake(
    "LSTM",
    says="You take the first axis for time; x is (B, T, E), sequences first.",
    patch=(
        ("x.unbind(dim=1)", "x.unbind(dim=0)"),
        ("torch.stack(steps, dim=1)", "torch.stack(steps, dim=0)"),
        ("x.shape[0]", "x.shape[1]"),
    ),
)
class time_first(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.sizes = num_layers, hidden_size
        bound = hidden_size**-0.5
        for k in range(num_layers):
            for name, *shape in (
                ("weight_ih", 4 * hidden_size, hidden_size if k else input_size),
                ("weight_hh", 4 * hidden_size, hidden_size),
                ("bias_ih", 4 * hidden_size),
                ("bias_hh", 4 * hidden_size),
            ):
                setattr(self, f"{name}_l{k}", nn.Parameter((2 * torch.rand(shape) - 1) * bound))

    def forward(self, x, state=None):
        layers, size = self.sizes
        hs, cs = [], []
        for k in range(layers):
            weights = [getattr(self, f"{n}_l{k}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            h = x.new_zeros(x.size(1), size) if state is None else state[0][k]
            c = x.new_zeros(x.size(1), size) if state is None else state[1][k]
            outputs = []
            for step in x:
                h, c = lstm_cell(step, (h, c), *weights)  # noqa: F821
                outputs.append(h)
            x = torch.stack(outputs)
            hs.append(h)
            cs.append(c)
        return x, (torch.stack(hs), torch.stack(cs))


# --- gradient_through_time ---

ROWS = "rows = [torch.autograd.grad(channel, start, retain_graph=True)[0] for channel in state[0]]"
NORM = "torch.stack(rows).norm()"
STEP = "        state = cell(x, state)"


@mistake(
    "gradient_through_time",
    says="You differentiate the sum of h_T: its channels can cancel. Each channel gives a row of the Jacobian.",
    patch=(ROWS, "rows = [torch.autograd.grad(state[0].sum(), start)[0]]"),
)
def gradient_of_the_sum(cell, state, inputs):
    h = state[0].clone().detach().requires_grad_(True)
    now = (h, *state[1:])
    for x in inputs.unbind(0):
        now = cell(x, now)
    (gradient,) = torch.autograd.grad(now[0], h, torch.ones_like(h))
    return math.sqrt(float((gradient**2).sum()))


@mistake(
    "gradient_through_time",
    says="Your rows pile up: backward adds to .grad, so that each row also holds all the rows before it.",
    patch=(ROWS, "rows = [channel.backward(retain_graph=True) or start.grad.clone() for channel in state[0]]"),
)
def rows_pile_up(cell, state, inputs):
    h = state[0].clone().detach().requires_grad_(True)
    now = (h, *state[1:])
    for x in inputs:
        now = cell(x, now)
    total = 0.0
    for k in range(len(h)):
        now[0][k].backward(retain_graph=True)
        total += float((h.grad**2).sum())
    return math.sqrt(total)


@mistake(
    "gradient_through_time",
    says="You cut the graph at every step, so that only the last one is differentiated.",
    patch=(STEP, "        start = state[0].detach().requires_grad_()\n        state = cell(x, (start, *state[1:]))"),
)
def only_the_last_step(cell, state, inputs):
    h = state[0].clone().detach().requires_grad_(True)
    now = (h, *state[1:])
    for x in inputs:
        h = now[0].detach().clone().requires_grad_(True)
        now = cell(x, (h, *(each.detach() for each in now[1:])))
    rows = torch.stack([torch.autograd.grad(now[0][k], h, retain_graph=True)[0] for k in range(len(h))])
    return torch.linalg.norm(rows).item()


@mistake(
    "gradient_through_time",
    says="You cut the way through the cell state, which is the very way on which an LSTM's gradient survives.",
    patch=(STEP, f"{STEP}\n        state = (state[0], *[each.detach() for each in state[1:]])"),
)
def cell_state_cut_off(cell, state, inputs):
    h = state[0].clone().detach().requires_grad_(True)
    now = (h, *state[1:])
    for x in inputs:
        first, *rest = cell(x, now)
        now = (first, *(each.detach() for each in rest))
    rows = torch.stack([torch.autograd.grad(k, h, retain_graph=True)[0] for k in now[0]])
    return torch.linalg.norm(rows).item()


@mistake(
    "gradient_through_time",
    says="You also differentiated with respect to the other tensors of the first state; asked is what h_1 alone does.",
    patch=(
        (
            "    state = (start, *state[1:])",
            "    first = state = (start, *(each.clone().requires_grad_() for each in state[1:]))",
        ),
        (
            ROWS,
            "options = {'retain_graph': True, 'materialize_grads': True}\n"
            "    rows = [torch.cat(torch.autograd.grad(channel, first, **options)) for channel in state[0]]",
        ),
    ),
)
def other_starts_as_well(cell, state, inputs):
    first = now = tuple(each.clone().detach().requires_grad_(True) for each in state)
    for x in inputs:
        now = cell(x, now)
    total = 0.0
    for channel in now[0]:
        for row in torch.autograd.grad(channel, first, retain_graph=True, allow_unused=True):
            total += 0.0 if row is None else float((row**2).sum())
    return math.sqrt(total)


@mistake(
    "gradient_through_time",
    says="You took the largest singular value; the Frobenius norm is the root of the sum of all squares.",
    patch=(NORM, "torch.linalg.matrix_norm(torch.stack(rows), ord=2)"),
)
def spectral_norm(cell, state, inputs):
    h = state[0].clone().detach().requires_grad_(True)
    now = (h, *state[1:])
    for x in inputs:
        now = cell(x, now)
    rows = torch.stack([torch.autograd.grad(k, h, retain_graph=True)[0] for k in now[0]])
    return float(torch.linalg.svdvals(rows)[0])


@mistake(
    "gradient_through_time",
    says="You left out the root: the norm is the root of the sum of the squares.",
    patch=(NORM, "torch.stack(rows).square().sum()"),
)
def squared_norm(cell, state, inputs):
    h = state[0].clone().detach().requires_grad_(True)
    now = (h, *state[1:])
    for x in inputs:
        now = cell(x, now)
    return sum(float((torch.autograd.grad(k, h, retain_graph=True)[0] ** 2).sum()) for k in now[0])


@mistake(
    "gradient_through_time",
    says="You run one step too few: the state is the one after step 1, and every input is a step behind it.",
    patch=("for x in inputs:", "for x in inputs[1:]:"),
)
def one_step_too_few(cell, state, inputs):
    h = state[0].clone().detach().requires_grad_(True)
    now = (h, *state[1:])
    for t in range(1, len(inputs)):
        now = cell(inputs[t], now)
    rows = torch.stack([torch.autograd.grad(k, h, retain_graph=True)[0] for k in now[0]])
    return torch.linalg.norm(rows).item()


# --- bidirectional ---

ORDER_OF_STEPS = "torch.where(real, lengths[:, None] - 1 - position, position)[..., None]"
TURNED = "backward_layer(x.take_along_dim(order, dim=1))"
TURNED_BACK = "backward.take_along_dim(order, dim=1)"


@mistake(
    "bidirectional",
    says="You did not turn the backward results round again: what was said about a step must stand at that step.",
    patch=(TURNED_BACK, "backward"),
)
def not_turned_back(forward_layer, backward_layer, x, lengths):
    rows = []
    for sequence, n in zip(x, lengths.tolist(), strict=True):
        real = sequence[None, :n]
        out = torch.cat([forward_layer(real), backward_layer(real.flip(1))], dim=-1)[0]
        rows.append(nn.functional.pad(out, (0, 0, 0, len(sequence) - n)))
    return torch.stack(rows)


@mistake(
    "bidirectional",
    says="You turned the padding round as well, so the backward layer reads it first; turn the real steps only.",
    patch=(ORDER_OF_STEPS, "(x.shape[1] - 1 - position).expand(len(x), -1)[..., None]"),
)
def padding_turned_as_well(forward_layer, backward_layer, x, lengths):
    both = torch.cat([forward_layer(x), backward_layer(x.flip(1)).flip(1)], dim=-1)
    for row, n in enumerate(lengths.tolist()):
        both[row, n:] = 0.0
    return both


@mistake(
    "bidirectional",
    says="Both of your layers read from left to right; the backward layer must start at the last real step.",
    patch=((TURNED, "backward_layer(x)"), (TURNED_BACK, "backward")),
)
def never_turned(forward_layer, backward_layer, x, lengths):
    both = torch.cat([forward_layer(x), backward_layer(x)], dim=-1)
    for row, n in enumerate(lengths.tolist()):
        both[row, n:] = 0.0
    return both


@mistake(
    "bidirectional",
    says="What your layers said about the padding is still there: at the padding all channels are zero.",
    patch=("both.masked_fill(~real[..., None], 0.0)", "both"),
)
def padding_left_as_it_is(forward_layer, backward_layer, x, lengths):
    turned = x.clone()
    for row, n in enumerate(lengths.tolist()):
        turned[row, :n] = x[row, :n].flip(0)
    backward = backward_layer(turned)
    back = backward.clone()
    for row, n in enumerate(lengths.tolist()):
        back[row, :n] = backward[row, :n].flip(0)
    return torch.cat([forward_layer(x), back], dim=-1)


@mistake(
    "bidirectional",
    says="Your two directions have changed places: the forward layer's channels come first.",
    patch=(
        "[forward_layer(x), backward.take_along_dim(order, dim=1)]",
        "[backward.take_along_dim(order, dim=1), forward_layer(x)]",
    ),
)
def backward_first(forward_layer, backward_layer, x, lengths):
    rows = []
    for sequence, n in zip(x, lengths.tolist(), strict=True):
        real = sequence[None, :n]
        out = torch.cat([backward_layer(real.flip(1)).flip(1), forward_layer(real)], dim=-1)[0]
        rows.append(nn.functional.pad(out, (0, 0, 0, len(sequence) - n)))
    return torch.stack(rows)


# --- forget_bias_init ---


@mistake(
    "forget_bias_init",
    says="You set both biases to the value; the cell adds them, so that the forget gate gets it twice.",
    patch=('value if name.startswith("bias_ih") else 0.0', "value"),
)
def value_twice(state, value=1.0):
    new = {}
    for name, tensor in state.items():
        new[name] = tensor.detach().clone()
        if "bias" in name:
            size = len(tensor) // 4
            new[name][size : 2 * size] = value
    return new


@mistake(
    "forget_bias_init",
    says="You left the second bias as it was; the cell adds it, so that the forget gate does not get the value.",
    patch=('if name.startswith("bias"):', 'if name.startswith("bias_ih"):'),
)
def second_bias_left(state, value=1.0):
    new = {}
    for name, tensor in state.items():
        new[name] = tensor.detach().clone()
        if "bias_ih" in name:
            size = len(tensor) // 4
            new[name][size : 2 * size] = value
    return new


@mistake(
    "forget_bias_init",
    says="You set the biases of all four gates; only the forget gate's quarter may change.",
    patch=("tensor.chunk(4)[1]", "tensor"),
)
def all_four_gates(state, value=1.0):
    new = {}
    for name, tensor in state.items():
        new[name] = tensor.detach().clone()
        if "bias" in name:
            new[name] = torch.full_like(tensor, value if "ih" in name else 0.0)
    return new


@mistake(
    "forget_bias_init",
    says="You set the first quarter, which is the input gate's; the forget gate's is the second.",
    patch=("tensor.chunk(4)[1]", "tensor.chunk(4)[0]"),
)
def input_gate_set(state, value=1.0):
    new = {}
    for name, tensor in state.items():
        new[name] = tensor.detach().clone()
        if "bias" in name:
            new[name][: len(tensor) // 4] = value if "ih" in name else 0.0
    return new


@mistake(
    "forget_bias_init",
    says="You set one layer only; every layer and direction has a forget gate of its own.",
    patch=('if name.startswith("bias"):', 'if name in ("bias_ih_l0", "bias_hh_l0"):'),
)
def first_layer_only(state, value=1.0):
    new = {name: tensor.detach().clone() for name, tensor in state.items()}
    size = len(new["bias_ih_l0"]) // 4
    new["bias_ih_l0"][size : 2 * size] = value
    new["bias_hh_l0"][size : 2 * size] = 0.0
    return new


@mistake(
    "forget_bias_init",
    says="You wrote into the tensors that you were given; they are the module's own, so change copies.",
    patch=("tensor.clone() for", "tensor for"),
)
def writes_into_the_module(state, value=1.0):
    for name in state:
        if "bias" in name:
            size = len(state[name]) // 4
            state[name][size : 2 * size] = value if "ih" in name else 0.0
    return state
