"""1.2 Long short-term memory (LSTMs) and GRUs: a state that is added to, behind gates that open and close.

Sources: Hochreiter and Schmidhuber (1997), Long Short-Term Memory, Neural Computation 9(8); Gers, Schmidhuber and
Cummins (2000), Learning to Forget, Neural Computation 12(10) (the forget gate); Cho et al. (2014), arXiv:1406.1078
(GRU); Jozefowicz, Zaremba and Sutskever (2015), An Empirical Exploration of Recurrent Network Architectures, ICML
(the bias of the forget gate); Schuster and Paliwal (1997), Bidirectional Recurrent Neural Networks, IEEE Transactions
on Signal Processing 45(11).

Axes:
    B  sequences of the batch      T  steps of a sequence      E  channels of the input
    C  channels of the state       L  layers

Weights lie as torch keeps them, (outputs, inputs), and are applied as `x @ weight.T`. The gates of one cell are stacked
along the outputs: first the C rows of the first gate, then the C rows of the second, and so on.
"""

import math

import torch
from torch import nn


def lstm_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
    """Take one step of a long short-term memory: forget a part, write a part, show a part.

    Torch's own cells and layers (`torch.nn.LSTMCell`, `torch.lstm_cell` ...) are forbidden.

    Args:
        x: (..., E) float tensor, the input of this step.
        state: tuple (h, c) of two (..., C) tensors, hidden state and cell state after the step before; left as it was.
        weight_ih: (4C, E) weights of the input: C rows each for input gate i, forget gate f, candidate g and output
            gate o, in this order, which is torch's.
        weight_hh: (4C, C) weights of the hidden state, stacked in the same way.
        bias_ih: (4C,) bias, stacked in the same way.
        bias_hh: (4C,) a second bias. Only the sum of the two matters; torch keeps both.

    Returns:
        tuple (h, c) of two (..., C) tensors of x's dtype: the new c is f · c + i · g and the new h is o · tanh(new c),
        all products entry by entry. i, f and o are the sigmoid, g is the tanh, of its C numbers in
        x weight_ihᵀ + bias_ih + h weight_hhᵀ + bias_hh. Pre-activations of any size, also in the thousands, give finite
        results.

    Example:
        >>> x, h, c = torch.zeros(1), torch.zeros(1), torch.tensor([1.25])
        >>> bias = torch.tensor([math.log(3), 0.0, math.log(3) / 2, -math.log(3)])  # i 3/4, f 1/2, g 1/2, o 1/4
        >>> h, c = lstm_cell(x, (h, c), torch.zeros(4, 1), torch.zeros(4, 1), bias, torch.zeros(4))
        >>> round(c.item(), 4), round(h.item(), 4)  # 1/2 · 1.25 + 3/4 · 1/2, and 1/4 · tanh(1)
        (1.0, 0.1904)

    Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).
    """
    # BEGIN SOLUTION
    h, c = state
    # One product for all four gates: four small ones would do the same work more slowly.
    gates = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh  # (..., 4C)
    i, f, g, o = gates.chunk(4, dim=-1)
    # The old memory reaches the new one through a product with f only: no matrix and no tanh stands in its way.
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c
    # END SOLUTION


def gru_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Take one step of a gated recurrent unit, in torch's variant, which resets after the product.

    Torch's own cells and layers (`torch.nn.GRUCell`, `torch.gru_cell` ...) are forbidden.

    Args:
        x: (..., E) float tensor, the input of this step.
        h: (..., C) tensor, the state after the step before; left as it was.
        weight_ih: (3C, E) weights of the input: C rows each for reset gate r, update gate z and candidate n, in this
            order, which is torch's.
        weight_hh: (3C, C) weights of the state, stacked in the same way.
        bias_ih: (3C,) bias added to the input's part, stacked in the same way.
        bias_hh: (3C,) bias added to the state's part, stacked in the same way. Here the two are not interchangeable.

    Returns:
        (..., C) tensor of x's dtype: (1 − z) · n + z · h, entry by entry. r and z are the sigmoid of their C numbers in
        x weight_ihᵀ + bias_ih + h weight_hhᵀ + bias_hh, and n = tanh(x W_inᵀ + b_in + r · (h W_hnᵀ + b_hn)), where
        W_in, W_hn, b_in and b_hn are the last C rows of the four weights. The reset gate scales what comes out of the
        product, its bias included. In Cho et al. (2014) it scales the state before the product, (r · h) W_hnᵀ + b_hn;
        torch's weights do not fit that form, so write torch's. z keeps the old state, as in Cho et al.; other texts
        call 1 − z by that name.

    Example:
        >>> x, h = torch.zeros(1), torch.tensor([4.0])
        >>> bias_ih = torch.tensor([0.0, math.log(3), math.log(3) / 2 - 1.0])  # r 1/2, z 3/4
        >>> weight_hh, bias_hh = torch.zeros(3, 1), torch.tensor([0.0, 0.0, 2.0])  # 1/2 · 2 lifts n to tanh(ln 3 / 2)
        >>> round(gru_cell(x, h, torch.zeros(3, 1), weight_hh, bias_ih, bias_hh).item(), 4)  # 1/4 · 1/2 + 3/4 · 4
        3.125

    Cho et al. (2014), section 2.3, equations 5 to 8, but for the place of the reset gate.
    """
    # BEGIN SOLUTION
    # The two parts stay apart, because the candidate needs the state's part alone, to reset it.
    r, z, n = (x @ weight_ih.T + bias_ih).chunk(3, dim=-1)
    r_state, z_state, n_state = (h @ weight_hh.T + bias_hh).chunk(3, dim=-1)
    r, z = torch.sigmoid(r + r_state), torch.sigmoid(z + z_state)
    n = torch.tanh(n + r * n_state)
    return (1 - z) * n + z * h
    # END SOLUTION


class LSTM(nn.Module):
    """Run layers of long short-term memory over a batch of sequences.

    Torch's own layers and cells (`torch.nn.LSTM`, `torch.nn.LSTMCell` ...) are forbidden: call your `lstm_cell`, whose
    checks must pass first.

    Args:
        input_size: E, channels of the input.
        hidden_size: C, channels of the state of every layer.
        num_layers: L, at least 1. Layer 0 reads the input, layer k the hidden states of layer k − 1.

    Its `state_dict` holds exactly what that of `torch.nn.LSTM` holds: for every layer k the parameters weight_ih_lk
    (4C, E), or (4C, C) above layer 0, weight_hh_lk (4C, C), bias_ih_lk (4C,) and bias_hh_lk (4C,), so that either loads
    the other's weights. The numbers of all of them are drawn uniformly between −1/√C and 1/√C. There is no dropout.

    Example:
        >>> lstm = LSTM(input_size=3, hidden_size=2, num_layers=2)
        >>> outputs, (h, c) = lstm(torch.ones(1, 5, 3))
        >>> tuple(outputs.shape), tuple(h.shape), tuple(c.shape), tuple(lstm.weight_ih_l1.shape)
        ((1, 5, 2), (2, 1, 2), (2, 1, 2), (8, 2))

    Graves (2013), Generating Sequences With Recurrent Neural Networks, arXiv:1308.0850 (stacked layers).
    """

    def __init__(self, input_size, hidden_size, num_layers=1):
        super().__init__()
        # BEGIN SOLUTION
        self.num_layers, self.hidden_size = num_layers, hidden_size
        bound = 1 / math.sqrt(hidden_size)
        for layer in range(num_layers):
            below = input_size if layer == 0 else hidden_size
            shapes = {"weight_ih": (below,), "weight_hh": (hidden_size,), "bias_ih": (), "bias_hh": ()}
            for name, columns in shapes.items():
                values = torch.empty(4 * hidden_size, *columns).uniform_(-bound, bound)
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(values))
        # END SOLUTION

    def forward(self, x, state=None):
        """Read the sequences from left to right.

        Args:
            x: (B, T, E) float tensor, T at least 1.
            state: tuple (h, c) of two (L, B, C) tensors, the state before the first step, left as it was; None means
                zeros of x's dtype.

        Returns:
            tuple (outputs, (h, c)): outputs is (B, T, C), the hidden states of the last layer at every step; h and c
            are (L, B, C), the state of every layer after the last step.
        """
        # BEGIN SOLUTION
        if state is None:
            zeros = x.new_zeros(self.num_layers, x.shape[0], self.hidden_size)
            state = zeros, zeros
        finals = []
        for layer, (h, c) in enumerate(zip(*state, strict=True)):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            weights = [getattr(self, f"{name}_l{layer}") for name in names]
            steps = []
            for step in x.unbind(dim=1):  # (B, E) or (B, C)
                h, c = lstm_cell(step, (h, c), *weights)
                steps.append(h)
            # What this layer said at every step is what the next one reads.
            x = torch.stack(steps, dim=1)  # (B, T, C)
            finals.append((h, c))
        h, c = (torch.stack(each) for each in zip(*finals, strict=True))  # (L, B, C)
        return x, (h, c)
        # END SOLUTION


def gradient_through_time(cell, state, inputs):
    """Measure how much of a gradient survives the way from the hidden state of step T back to that of step 1.

    Args:
        cell: callable, `cell(x, state)` takes one step: x is (E,), state a tuple of (C,) tensors whose first is the
            hidden state h, (h,) for a plain RNN or a GRU and (h, c) for an LSTM; returns the next state, such a tuple
            again. It is made of torch operations, so that autograd can follow it.
        state: tuple of (C,) float tensors, the state after step 1, left as it was, `requires_grad` included.
        inputs: (T − 1, E) tensor, the inputs of the steps 2 to T, in this order.

    Returns:
        number, a float or a tensor without axes: the Frobenius norm √Σ(∂h_T[j]/∂h_1[k])² of the whole (C, C) Jacobian
        of h_T with respect to h_1, found by automatic differentiation. The gradient takes every way from h_1 to h_T,
        also those through the other tensors of later states; the other tensors of the first state, such as c_1 of an
        LSTM, are constants. With no inputs h_T is h_1, and the norm √C.

    Example:
        >>> halve = lambda x, state: (state[0] / 2 + x,)
        >>> gradient_through_time(halve, (torch.zeros(4),), torch.ones(3, 4))  # T = 4: √(4 · (1/8)²)
        0.25

    Bengio, Simard and Frasconi (1994), Learning Long-Term Dependencies with Gradient Descent Is Difficult, IEEE
    Transactions on Neural Networks 5(2).
    """
    # BEGIN SOLUTION
    start = state[0].detach().clone().requires_grad_()
    state = (start, *state[1:])
    for x in inputs:
        state = cell(x, state)
    # One backward pass for each channel of h_T gives one row; the gradient of their sum would let them cancel.
    rows = [torch.autograd.grad(channel, start, retain_graph=True)[0] for channel in state[0]]
    return torch.stack(rows).norm().item()
    # END SOLUTION


def bidirectional(forward_layer, backward_layer, x, lengths):
    """Read every sequence in both directions, so that each step knows what came before it and what comes after.

    Args:
        forward_layer: callable, maps (B, T, E) to (B, T, C) from left to right: its result at a step depends on that
            step and those before it. Takes any number of sequences, at least one, of any length, at least one step.
        backward_layer: such a callable as well, for the other direction: give it the sequences the other way round.
        x: (B, T, E) float tensor; left as it was.
        lengths: (B,) integer tensor, number of real steps of each sequence, 1 to T. They stand first; what follows is
            padding and may hold any finite numbers.

    Returns:
        (B, T, 2C) tensor of x's dtype. At a real step the first C channels are the forward layer's result there. The
        last C are the backward layer's result there, after it has read from the sequence's last *real* step down to
        this one. At the padding all channels are zero.

    Example:
        >>> x = torch.tensor([[[1.0], [2.0], [4.0], [99.0]]])
        >>> add_up = lambda x: x.cumsum(dim=1)
        >>> bidirectional(add_up, add_up, x, torch.tensor([3])).tolist()
        [[[1.0, 7.0], [3.0, 6.0], [7.0, 4.0], [0.0, 0.0]]]

    Schuster and Paliwal (1997).
    """
    # BEGIN SOLUTION
    position = torch.arange(x.shape[1])
    real = position < lengths[:, None]  # (B, T)
    # Only the real steps change places. Turned as a whole, the padding would come first and fill the state.
    order = torch.where(real, lengths[:, None] - 1 - position, position)[..., None]  # (B, T, 1)
    backward = backward_layer(x.take_along_dim(order, dim=1))
    # The same exchange undoes itself: what was said about step t must stand at step t again.
    both = torch.cat([forward_layer(x), backward.take_along_dim(order, dim=1)], dim=-1)  # (B, T, 2C)
    return both.masked_fill(~real[..., None], 0.0)
    # END SOLUTION


def forget_bias_init(state, value=1.0):
    """Set the biases of every forget gate, so that an untrained LSTM remembers.

    Args:
        state: dict from names to float tensors, the `state_dict()` of an LSTM whose parameters are named as those of
            `torch.nn.LSTM`: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, bias_ih_l1 and so on, in a
            bidirectional one bias_ih_l0_reverse and so on as well. Every bias is (4C,), in the order i, f, g, o. The
            tensors are the module's own, so leave both dict and tensors as they were.
        value: what the two biases of every forget gate add up to afterwards.

    Returns:
        dict with the same names, shapes and dtypes, to be given to `load_state_dict`. In every layer and direction the
        forget gate's part of bias_ih is `value` and that of bias_hh is zero; every other number is as it was.

    Example:
        >>> state = {"bias_ih_l0": torch.full((4,), 7.0), "bias_hh_l0": torch.full((4,), 8.0)}
        >>> {name: tensor.tolist() for name, tensor in forget_bias_init(state).items()}
        {'bias_ih_l0': [7.0, 1.0, 7.0, 7.0], 'bias_hh_l0': [8.0, 0.0, 8.0, 8.0]}

    Gers et al. (2000); Jozefowicz et al. (2015).
    """
    # BEGIN SOLUTION
    new = {name: tensor.clone() for name, tensor in state.items()}
    for name, tensor in new.items():
        if name.startswith("bias"):
            # The cell adds its two biases, so that only one of them may bring the value.
            tensor.chunk(4)[1].fill_(value if name.startswith("bias_ih") else 0.0)
    return new
    # END SOLUTION
