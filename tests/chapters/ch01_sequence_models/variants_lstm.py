"""Other correct answers to the exercises of 1.2, named `<exercise>__<how>`: the suite must pass every one of them."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def lstm_cell__four_products(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    size = h.shape[-1]

    def gate(k):
        rows = slice(k * size, (k + 1) * size)
        return x @ weight_ih[rows].T + bias_ih[rows] + h @ weight_hh[rows].T + bias_hh[rows]

    i, f, g, o = gate(0).sigmoid(), gate(1).sigmoid(), gate(2).tanh(), gate(3).sigmoid()
    new_c = f * c + i * g
    return o * new_c.tanh(), new_c


def lstm_cell__one_matrix(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    both = torch.cat([x, state[0]], dim=-1)
    gates = F.linear(both, torch.cat([weight_ih, weight_hh], dim=1), bias_ih + bias_hh)
    i, f, g, o = gates.unflatten(-1, (4, -1)).unbind(-2)
    c = torch.addcmul(f.sigmoid() * state[1], i.sigmoid(), g.tanh())
    h = o.sigmoid() * c.tanh()
    return [h, c]


def lstm_cell__einsum_in_double(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = (each.double() for each in state)
    weight_ih, weight_hh = weight_ih.double(), weight_hh.double()
    gates = torch.einsum("...i,gi->...g", x.double(), weight_ih) + torch.einsum("...c,gc->...g", h, weight_hh)
    i, f, g, o = torch.tensor_split(gates + bias_ih + bias_hh, 4, dim=-1)
    c = c * torch.special.expit(f) + torch.tanh(g) * torch.special.expit(i)
    return (torch.tanh(c) * torch.special.expit(o)).to(x.dtype), c.to(x.dtype)


def lstm_cell__sigmoid_from_tanh(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    size = c.size(-1)
    gates = torch.matmul(x, weight_ih.t()) + torch.matmul(h, weight_hh.t()) + (bias_ih + bias_hh)
    opened = 0.5 + 0.5 * torch.tanh(0.5 * gates)
    i, f, o = opened[..., :size], opened[..., size : 2 * size], opened[..., -size:]
    c = f * c + i * torch.tanh(gates[..., 2 * size : 3 * size])
    return o * torch.tanh(c), c


def gru_cell__three_products(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    w_r, w_z, w_n = weight_ih.chunk(3)
    u_r, u_z, u_n = weight_hh.chunk(3)
    b_r, b_z, b_n = bias_ih.chunk(3)
    d_r, d_z, d_n = bias_hh.chunk(3)
    r = torch.sigmoid(x @ w_r.T + h @ u_r.T + b_r + d_r)
    z = torch.sigmoid(x @ w_z.T + h @ u_z.T + b_z + d_z)
    n = torch.tanh(x @ w_n.T + b_n + r * (h @ u_n.T + d_n))
    return n + z * (h - n)


def gru_cell__lerp(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[-1]
    mine, old = F.linear(x, weight_ih, bias_ih), F.linear(h, weight_hh, bias_hh)
    r, z = (mine + old)[..., : 2 * size].sigmoid().split(size, dim=-1)
    n = (mine[..., 2 * size :] + r * old[..., 2 * size :]).tanh()
    return torch.lerp(n, h, z)


def gru_cell__einsum_in_double(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    mine = torch.einsum("...i,gi->...g", x.double(), weight_ih.double()) + bias_ih
    old = torch.einsum("...c,gc->...g", h.double(), weight_hh.double()) + bias_hh
    (r, z, n), (r_old, z_old, n_old) = (each.unflatten(-1, (3, -1)).unbind(-2) for each in (mine, old))
    r, z = 1 / (1 + torch.exp(-(r + r_old))), 1 / (1 + torch.exp(-(z + z_old)))
    return ((1 - z) * torch.tanh(n + r * n_old) + z * h).to(x.dtype)


class LSTM__steps_outside(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.size, self.layers = hidden_size, num_layers
        bound = hidden_size**-0.5
        for layer in range(num_layers):
            below = hidden_size if layer else input_size
            for name, shape in (
                ("weight_ih", (4 * hidden_size, below)),
                ("weight_hh", (4 * hidden_size, hidden_size)),
                ("bias_ih", (4 * hidden_size,)),
                ("bias_hh", (4 * hidden_size,)),
            ):
                parameter = nn.Parameter(torch.empty(shape))
                nn.init.uniform_(parameter, -bound, bound)
                setattr(self, f"{name}_l{layer}", parameter)

    def weights(self, layer):
        return [self.get_parameter(f"{n}_l{layer}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

    def forward(self, x, state=None):
        if state is None:
            zeros = torch.zeros(self.layers, x.size(0), self.size, dtype=x.dtype)
            state = (zeros, zeros.clone())
        hs, cs = list(state[0]), list(state[1])
        outputs = []
        for t in range(x.size(1)):
            below = x[:, t]
            for layer in range(self.layers):
                hs[layer], cs[layer] = lstm_cell__one_matrix(below, (hs[layer], cs[layer]), *self.weights(layer))
                below = hs[layer]
            outputs.append(below.unsqueeze(1))
        return torch.cat(outputs, dim=1), (torch.stack(hs), torch.stack(cs))


class LSTM__input_at_once(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.hidden_size = hidden_size
        bound = 1 / math.sqrt(hidden_size)
        for layer in range(num_layers):
            sizes = [
                (4 * hidden_size, input_size),
                (4 * hidden_size, hidden_size),
                (4 * hidden_size,),
                (4 * hidden_size,),
            ]
            for name, size in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), sizes, strict=True):
                self.register_parameter(f"{name}_l{layer}", nn.Parameter((2 * torch.rand(size) - 1) * bound))
            input_size = hidden_size
        self.num_layers = num_layers

    def forward(self, x, state=None):
        x = x.transpose(0, 1)
        h_last, c_last = [], []
        for k in range(self.num_layers):
            h, c = (x.new_zeros(x.shape[1], self.hidden_size),) * 2 if state is None else (state[0][k], state[1][k])
            p = {name: getattr(self, f"{name}_l{k}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
            read = x @ p["weight_ih"].T + p["bias_ih"] + p["bias_hh"]
            outputs = []
            for step in read:
                i, f, g, o = (step + h @ p["weight_hh"].T).chunk(4, -1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
                outputs.append(h)
            x = torch.stack(outputs)
            h_last.append(h)
            c_last.append(c)
        return x.transpose(0, 1), (torch.stack(h_last), torch.stack(c_last))


class LSTM__sequence_by_sequence(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        rng = np.random.default_rng()
        bound = 1 / np.sqrt(hidden_size)
        for k in range(num_layers):
            rows = 4 * hidden_size
            columns = {"weight_ih": [input_size if k == 0 else hidden_size], "weight_hh": [hidden_size]}
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                values = rng.uniform(-bound, bound, size=[rows, *columns.get(name, [])])
                setattr(self, f"{name}_l{k}", nn.Parameter(torch.tensor(values, dtype=torch.float32)))

    def forward(self, x, state=None):
        all_outputs, all_h, all_c = [], [], []
        for b, sequence in enumerate(x):
            hs, cs = [], []
            for k in range(self.num_layers):
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                weights = [getattr(self, f"{name}_l{k}") for name in names]
                h, c = (
                    torch.zeros_like(weights[3][: self.hidden_size]) if state is None else s[k, b]
                    for s in state or (0, 0)
                )
                outputs = []
                for step in sequence:
                    h, c = lstm_cell__four_products(step, (h, c), *weights)
                    outputs.append(h)
                sequence = torch.stack(outputs)
                hs.append(h)
                cs.append(c)
            all_outputs.append(sequence)
            all_h.append(torch.stack(hs))
            all_c.append(torch.stack(cs))
        return torch.stack(all_outputs), (torch.stack(all_h, dim=1), torch.stack(all_c, dim=1))


def gradient_through_time__jacobian(cell, state, inputs):
    def last(h):
        now = (h, *state[1:])
        for x in inputs:
            now = cell(x, now)
        return now[0]

    return float(torch.linalg.matrix_norm(torch.autograd.functional.jacobian(last, state[0])))


def gradient_through_time__jacrev(cell, state, inputs):
    def last(h):
        now = (h, *state[1:])
        for t in range(inputs.shape[0]):
            now = cell(inputs[t], now)
        return now[0]

    return torch.sqrt((torch.func.jacrev(last)(state[0]) ** 2).sum())


def gradient_through_time__forward_mode(cell, state, inputs):
    def last(h):
        now = (h, *state[1:])
        for x in inputs.unbind(0):
            now = cell(x, now)
        return now[0]

    return torch.func.jacfwd(last)(state[0]).norm()


def gradient_through_time__backward(cell, state, inputs):
    h = state[0].clone().requires_grad_(True)
    now = [h, *state[1:]]
    for x in inputs:
        now = cell(x, now)
    total = 0.0
    for k in range(len(h)):
        h.grad = None
        now[0][k].backward(retain_graph=True)
        total += (h.grad**2).sum().item()
    return math.sqrt(total)


def gradient_through_time__product_of_steps(cell, state, inputs):
    sizes = [len(each) for each in state]
    now = torch.cat([each.detach() for each in state])
    whole = torch.eye(len(now), dtype=now.dtype)
    for x in inputs:

        def step(flat, x=x):
            return torch.cat(list(cell(x, tuple(flat.split(sizes))))[: len(sizes)])

        whole = torch.autograd.functional.jacobian(step, now) @ whole
        now = step(now).detach()
    return torch.linalg.norm(whole[: sizes[0], : sizes[0]]).item()


def bidirectional__loop(forward_layer, backward_layer, x, lengths):
    rows = []
    for sequence, n in zip(x, lengths.tolist(), strict=True):
        real = sequence[None, :n]
        both = torch.cat([forward_layer(real), backward_layer(real.flip(1)).flip(1)], dim=-1)
        rows.append(F.pad(both[0], (0, 0, 0, len(sequence) - n)))
    return torch.stack(rows)


def bidirectional__gather(forward_layer, backward_layer, x, lengths):
    steps = x.size(1)
    # Everything is turned and then moved to the left by its padding, round the end.
    index = (lengths[:, None] - 1 - torch.arange(steps)) % steps
    turned = x[torch.arange(len(x))[:, None], index]
    back = backward_layer(turned)[torch.arange(len(x))[:, None], index]
    result = torch.cat((forward_layer(x), back), 2)
    result[torch.arange(steps) >= lengths[:, None]] = 0
    return result


def forget_bias_init__slices(state, value=1.0):
    new = dict(state)
    for name in list(new):
        if "bias_ih" in name or "bias_hh" in name:
            i, _f, g, o = new[name].split(len(new[name]) // 4)
            new[name] = torch.cat([i, torch.full_like(i, value if "bias_ih" in name else 0.0), g, o])
    return new
