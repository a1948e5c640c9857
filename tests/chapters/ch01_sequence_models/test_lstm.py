"""Hidden suite of 1.2, LSTMs and GRUs. Oracles: torch's own LSTMCell, GRUCell and LSTM, packed sequences, closed forms.

Jacobians are checked against products of matrices and against torch's `jacobian` of its own cells.
"""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from grader.checks import check_close, check_equal, check_frequencies, check_that, check_unchanged, probe, prop

# float64: two sums of at most a dozen terms and three or four exponentials, each right to about 1e-15.
F64 = {"rtol": 1e-10, "atol": 1e-12}
# A dozen steps in a row. Gates and tanh contract, so that errors hardly grow.
STEPS = {"rtol": 1e-9, "atol": 1e-11}
# float32: sums of a dozen terms of size one, right to about 1e-6.
F32 = {"rtol": 1e-5, "atol": 1e-5}

CELL = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
LN3, LN9 = math.log(3), math.log(9)


def normal(generator, *shape, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(*shape, generator=generator, dtype=dtype)


def tensor(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def check_dtype(got, dtype, of):
    check_equal(str(getattr(got, "dtype", type(got).__name__)), str(dtype), of=f"the dtype of {of}")


def filled(module, generator):
    """Give every parameter of a module of torch's own a size that makes each gate count."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(normal(generator, *parameter.shape, scale=0.6))
    return module


def cell_and_weights(kind, generator, inputs, channels, dtype=torch.float64):
    """Return one of torch's cells and its four weights in the order in which the exercises take them."""
    cell = filled(kind(inputs, channels, dtype=dtype), generator)
    return cell, [getattr(cell, name).detach().clone() for name in CELL]


def state_of(generator, *shape, dtype=torch.float64):
    return normal(generator, *shape, dtype=dtype), normal(generator, *shape, scale=1.5, dtype=dtype)


def gradients_of(result, leaves, cotangent):
    return torch.autograd.grad((result * cotangent).sum(), leaves)


# --- lstm_cell ---


@pytest.mark.exercise("lstm_cell")
def test_lstm_cell_by_hand(learner):
    """One channel whose gates are known fractions: c is f · c + i · g, and h is o · tanh(c)."""
    # Pre-activations: i ln 9, so 9/10; f ln 3, so 3/4; g ln 2, so 3/5; o −ln 3, so 1/4. Half of each comes from x, the
    # rest from h and the two biases. New c: 3/4 · 2 + 9/10 · 3/5 = 2.04.
    wanted = tensor(LN9, LN3, math.log(2), -LN3)
    from_x, from_h, first, second = (share * wanted for share in (0.5, 0.25, 1.0, -0.75))

    h, c = learner.lstm_cell(
        tensor(2.0), (tensor(4.0), tensor(2.0)), from_x[:, None] / 2, from_h[:, None] / 4, first, second
    )

    check_close(c, tensor(2.04), **F64, of="the new cell state")
    check_close(h, tensor(math.tanh(2.04) / 4), **F64, of="the new hidden state")


@pytest.mark.exercise("lstm_cell")
def test_an_open_forget_gate_keeps_the_cell(learner):
    """With the forget gate open and the input gate shut, the cell state passes unchanged, whatever its size."""
    bias = torch.tensor([-60.0, -60.0, 60.0, 60.0, 5.0, -5.0, 60.0, -60.0], dtype=torch.float64)
    c = tensor(7.0, -3.0)
    state = tensor(0.5, 0.25), c

    h, kept = learner.lstm_cell(
        torch.ones(3).double(), state, torch.zeros(8, 3).double(), torch.zeros(8, 2).double(), bias, 0 * bias
    )

    check_close(kept, c, **F64, of="the new cell state")
    check_close(h, tensor(math.tanh(7.0), 0.0), **F64, of="the new hidden state, whose second channel is shut")


@pytest.mark.exercise("lstm_cell", points=2)
@pytest.mark.parametrize(("lead", "inputs", "channels"), [((4,), 3, 5), ((1,), 6, 2), ((), 4, 3), ((3,), 4, 4)])
def test_lstm_cell_equals_torch(learner, torch_rng, lead, inputs, channels):
    """Any sizes, a batch or a single vector: the same new state as torch's own cell with these weights."""
    cell, weights = cell_and_weights(nn.LSTMCell, torch_rng, inputs, channels)
    x, state = normal(torch_rng, *lead, inputs), state_of(torch_rng, *lead, channels)

    h, c = learner.lstm_cell(x, state, *weights)

    expected_h, expected_c = cell(x, state)
    check_close(c, expected_c, **F64, of="the new cell state")
    check_close(h, expected_h, **F64, of="the new hidden state")


@pytest.mark.exercise("lstm_cell")
def test_lstm_cell_takes_more_leading_axes(learner, torch_rng):
    """Further axes in front of the channels are only more of the same."""
    cell, weights = cell_and_weights(nn.LSTMCell, torch_rng, 3, 2)
    x, (h, c) = normal(torch_rng, 2, 4, 3), state_of(torch_rng, 2, 4, 2)

    got = learner.lstm_cell(x, (h, c), *weights)

    expected = cell(x.flatten(0, 1), (h.flatten(0, 1), c.flatten(0, 1)))
    for each, right, name in zip(got, expected, ("hidden", "cell"), strict=True):
        check_close(each, right.reshape(2, 4, 2), **F64, of=f"the new {name} state")


@pytest.mark.exercise("lstm_cell")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_lstm_cell_keeps_the_dtype(learner, torch_rng, dtype):
    """Both states come back in the dtype of x."""
    cell, weights = cell_and_weights(nn.LSTMCell, torch_rng, 3, 4, dtype)
    x, state = normal(torch_rng, 2, 3, dtype=dtype), state_of(torch_rng, 2, 4, dtype=dtype)

    h, c = learner.lstm_cell(x, state, *weights)

    check_dtype(h, dtype, "the new hidden state")
    check_dtype(c, dtype, "the new cell state")
    check_close([h, c], list(cell(x, state)), **F32, of="the new states")


@pytest.mark.exercise("lstm_cell")
def test_saturated_gates_are_finite(learner, torch_rng):
    """Pre-activations in the thousands shut or open the gates for good; nothing becomes NaN."""
    cell, weights = cell_and_weights(nn.LSTMCell, torch_rng, 3, 6)
    x, state = normal(torch_rng, 5, 3, scale=4000.0), state_of(torch_rng, 5, 6)

    h, c = learner.lstm_cell(x, state, *weights)

    # Sums in the thousands are right to 1e-12; a gate half open at such a size is possible and that much less exact.
    expected_h, expected_c = cell(x, state)
    check_close(c, expected_c, rtol=1e-9, atol=1e-10, of="the new cell state")
    check_close(h, expected_h, rtol=1e-9, atol=1e-10, of="the new hidden state")


@pytest.mark.exercise("lstm_cell")
def test_lstm_cell_leaves_its_arguments_alone(learner, torch_rng):
    """Input, both states and all weights are the same after the call."""
    cell, weights = cell_and_weights(nn.LSTMCell, torch_rng, 3, 2)
    x, (h, c) = normal(torch_rng, 2, 3), state_of(torch_rng, 2, 2)
    arguments = (x.clone(), (h.clone(), c.clone()), *[weight.clone() for weight in weights])

    got, after, _ = learner.call("lstm_cell", *arguments, after=True)

    check_close(list(got), list(cell(x, (h, c))), **F64, of="the new states")
    check_unchanged(after[1][0], h, of="h")
    check_unchanged(after[1][1], c, of="c")
    for changed, before, name in zip((after[0], *after[2:]), (x, *weights), ("x", *CELL), strict=True):
        check_unchanged(changed, before, of=name)


@pytest.mark.exercise("lstm_cell")
def test_lstm_cell_gradients(learner, torch_rng):
    """Gradients of both new states reach the input and all four weights."""
    cell, weights = cell_and_weights(nn.LSTMCell, torch_rng, 3, 4)
    x, state = normal(torch_rng, 2, 3), state_of(torch_rng, 2, 4)
    to_h, to_c = normal(torch_rng, 2, 4), normal(torch_rng, 2, 4)

    gradients = learner.vjp("lstm_cell", x, state, *weights)(to_h, to_c).inputs

    leaf = x.clone().requires_grad_()
    h, c = cell(leaf, state)
    leaves = [leaf, *[getattr(cell, name) for name in CELL]]
    expected = torch.autograd.grad((h * to_h).sum() + (c * to_c).sum(), leaves)
    got = (gradients[0], *gradients[2:])
    for gradient, right, name in zip(got, expected, ("x", *CELL), strict=True):
        check_close(gradient, right, **F64, of=f"the gradient of {name}")


# --- gru_cell ---


@pytest.mark.exercise("gru_cell")
def test_gru_cell_by_hand(learner):
    """One channel whose gates are known fractions: the new state is (1 − z) · n + z · h."""
    # r: ln 3, so 3/4. z: −ln 3, so 1/4. The state's part of n is 4 · 1 + 4 = 8; 3/4 of it is 6, and the input takes
    # 6 − ln 2 away: n = tanh(ln 2) = 3/5. New state: 3/4 · 3/5 + 1/4 · 4 = 1.45.
    weight_ih, weight_hh = tensor(1.0, 0.0, -3.0)[:, None], tensor(0.25, -0.5, 1.0)[:, None]
    bias_ih, bias_hh = tensor(LN3 - 3, 1.0, math.log(2)), tensor(0.0, 1 - LN3, 4.0)

    h = learner.gru_cell(tensor(2.0), tensor(4.0), weight_ih, weight_hh, bias_ih, bias_hh)

    check_close(h, tensor(1.45), **F64, of="the new state")


@pytest.mark.exercise("gru_cell")
@pytest.mark.parametrize("z", [1, 0])
def test_the_update_gate_keeps_or_replaces(learner, torch_rng, z):
    """With z at 1 the old state passes unchanged; with z at 0 the candidate takes its place."""
    _, weights = cell_and_weights(nn.GRUCell, torch_rng, 3, 2)
    weights[0][2:4], weights[1][2:4] = 0.0, 0.0
    weights[2][2:4], weights[3][2:4] = (30.0, 30.0) if z else (-30.0, -30.0)
    weights[1][4:] = 0.0  # the candidate does not see the state
    weights[3][4:] = 0.0
    x, h = normal(torch_rng, 4, 3), normal(torch_rng, 4, 2, scale=3.0)

    got = learner.gru_cell(x, h, *weights)

    candidate = torch.tanh(x @ weights[0][4:].T + weights[2][4:])
    check_close(got, h if z else candidate, **F64, of="the new state")


@pytest.mark.exercise("gru_cell", points=2)
@pytest.mark.parametrize(("lead", "inputs", "channels"), [((4,), 3, 5), ((1,), 6, 2), ((), 4, 3), ((3,), 4, 4)])
def test_gru_cell_equals_torch(learner, torch_rng, lead, inputs, channels):
    """Any sizes, a batch or a single vector: the same new state as torch's own cell with these weights."""
    cell, weights = cell_and_weights(nn.GRUCell, torch_rng, inputs, channels)
    x, h = normal(torch_rng, *lead, inputs), normal(torch_rng, *lead, channels)

    got = learner.gru_cell(x, h, *weights)

    check_close(got, cell(x, h), **F64, of="the new state")


@pytest.mark.exercise("gru_cell")
def test_gru_cell_takes_more_leading_axes(learner, torch_rng):
    """Further axes in front of the channels are only more of the same."""
    cell, weights = cell_and_weights(nn.GRUCell, torch_rng, 3, 2)
    x, h = normal(torch_rng, 2, 4, 3), normal(torch_rng, 2, 4, 2)

    got = learner.gru_cell(x, h, *weights)

    check_close(got, cell(x.flatten(0, 1), h.flatten(0, 1)).reshape(2, 4, 2), **F64, of="the new state")


@pytest.mark.exercise("gru_cell")
def test_the_reset_gate_acts_behind_the_product(learner, torch_rng):
    """The reset gate scales what the recurrent weights made of the state, each channel of the result by its own r."""
    _, weights = cell_and_weights(nn.GRUCell, torch_rng, 3, 4)
    x, h = normal(torch_rng, 2, 3), normal(torch_rng, 2, 4)
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    # z shut: the candidate is the new state.
    weight_ih[4:8], weight_hh[4:8], bias_ih[4:8], bias_hh[4:8] = 0.0, 0.0, -40.0, 0.0
    weight_ih[:4], weight_hh[:4], bias_hh[:4] = 0.0, 0.0, 0.0
    bias_ih[:4] = tensor(-40.0, 40.0, -LN3, LN9)  # r = 0, 1, 1/4, 9/10, whatever x and h are

    got = learner.gru_cell(x, h, *weights)

    share = tensor(0.0, 1.0, 0.25, 0.9)
    expected = torch.tanh(x @ weight_ih[8:].T + bias_ih[8:] + share * (h @ weight_hh[8:].T + bias_hh[8:]))
    check_close(got, expected, **F64, of="the new state")


@pytest.mark.exercise("gru_cell")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_gru_cell_keeps_the_dtype(learner, torch_rng, dtype):
    """The state comes back in the dtype of x."""
    cell, weights = cell_and_weights(nn.GRUCell, torch_rng, 3, 4, dtype)
    x, h = normal(torch_rng, 2, 3, dtype=dtype), normal(torch_rng, 2, 4, dtype=dtype)

    got = learner.gru_cell(x, h, *weights)

    check_dtype(got, dtype, "the new state")
    check_close(got, cell(x, h), **F32, of="the new state")


@pytest.mark.exercise("gru_cell")
def test_gru_cell_leaves_its_arguments_alone(learner, torch_rng):
    """Input, state and all weights are the same after the call."""
    cell, weights = cell_and_weights(nn.GRUCell, torch_rng, 3, 2)
    x, h = normal(torch_rng, 2, 3), normal(torch_rng, 2, 2)
    copies = [each.clone() for each in (x, h, *weights)]

    got, after, _ = learner.call("gru_cell", x, h, *weights, after=True)

    check_close(got, cell(*copies[:2]), **F64, of="the new state")
    for changed, before, name in zip(after, copies, ("x", "h", *CELL), strict=True):
        check_unchanged(changed, before, of=name)


@pytest.mark.exercise("gru_cell")
def test_gru_cell_gradients(learner, torch_rng):
    """Gradients reach the input, the old state and all four weights."""
    cell, weights = cell_and_weights(nn.GRUCell, torch_rng, 3, 4)
    x, h = normal(torch_rng, 2, 3), normal(torch_rng, 2, 4)
    cotangent = normal(torch_rng, 2, 4)

    gradients = learner.vjp("gru_cell", x, h, *weights)(cotangent).inputs

    leaves = [x.clone().requires_grad_(), h.clone().requires_grad_()]
    expected = gradients_of(cell(*leaves), [*leaves, *[getattr(cell, name) for name in CELL]], cotangent)
    for gradient, right, name in zip(gradients, expected, ("x", "h", *CELL), strict=True):
        check_close(gradient, right, **F64, of=f"the gradient of {name}")


# --- LSTM ---


def torch_lstm(generator, inputs, channels, layers, dtype=torch.float64):
    return filled(nn.LSTM(inputs, channels, layers, batch_first=True, dtype=dtype), generator)


def plain_state(module):
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def learners_lstm(learner, oracle):
    """Build the learner's module with the oracle's sizes and weights."""
    lstm = learner.LSTM(oracle.input_size, oracle.hidden_size, oracle.num_layers)
    if oracle.weight_ih_l0.dtype == torch.float64:
        lstm = lstm.double()
    lstm.load_state_dict(plain_state(oracle))
    return lstm


def check_run(got, expected, **close):
    outputs, (h, c) = got
    right, (right_h, right_c) = expected
    check_close(outputs, right, **close, of="the outputs")
    check_close(h, right_h, **close, of="the last hidden states")
    check_close(c, right_c, **close, of="the last cell states")


@pytest.mark.exercise("LSTM")
@pytest.mark.parametrize(("inputs", "channels", "layers"), [(3, 5, 1), (3, 5, 3), (4, 4, 2)])
def test_lstm_has_the_parameters_of_torch(learner, inputs, channels, layers):
    """The state_dict has the names and shapes of torch's own layer: above layer 0 the inputs are C wide."""
    state = learner.LSTM(inputs, channels, num_layers=layers).state_dict()

    shapes = {str(name): tuple(value.shape) for name, value in state.items()}
    expected = {name: tuple(value.shape) for name, value in nn.LSTM(inputs, channels, layers).state_dict().items()}
    check_equal(shapes, expected, of="the shapes in the state_dict")


@pytest.mark.exercise("LSTM")
@pytest.mark.parametrize(("inputs", "channels"), [(80, 25), (16, 49)])
def test_lstm_starts_with_small_random_weights(learner, inputs, channels):
    """Every number of an untrained layer is drawn uniformly between −1/√C and 1/√C."""
    state = learner.LSTM(inputs, channels, 2).state_dict()

    bound = 1 / math.sqrt(channels)
    values = torch.cat([value.detach().double().flatten() for value in state.values()])
    # float32 rounds the bound itself by 6e-8 of its size.
    check_that(bool((values.abs() <= bound * (1 + 1e-6)).all()), "no number may lie outside −1/√C … 1/√C")
    # More than 15,000 numbers in eight equal bins: a bound or a centre that is 15 % off is told from chance.
    counts = torch.histc(values, bins=8, min=-bound * (1 + 1e-6), max=bound * (1 + 1e-6))
    check_frequencies(counts.long().numpy(), [1 / 8] * 8, of="the weights in eighths of −1/√C … 1/√C")
    for name in CELL:
        part = torch.cat([state[f"{name}_l{layer}"].detach().double().flatten() for layer in range(2)])
        check_that(bool(part.unique().numel() > 0.9 * part.numel()), f"the numbers of {name} must differ")


@pytest.mark.exercise("LSTM")
def test_lstm_by_hand(learner):
    """One channel that counts: every gate open, every candidate tanh(ln 3 / 2 · x), so the cell adds up halves."""
    lstm = learner.LSTM(1, 1).double()
    lstm.load_state_dict(
        {
            "weight_ih_l0": tensor(0.0, 0.0, LN3 / 2, 0.0)[:, None],
            "weight_hh_l0": torch.zeros(4, 1).double(),
            "bias_ih_l0": tensor(30.0, 30.0, 0.0, 30.0),
            "bias_hh_l0": tensor(10.0, 10.0, 0.0, 10.0),
        }
    )
    x = torch.tensor([[[1.0], [1.0], [-1.0], [1.0]], [[-1.0], [-1.0], [-1.0], [-1.0]]], dtype=torch.float64)

    outputs, (h, c) = lstm(x)

    sums = torch.tensor([[0.5, 1.0, 0.5, 1.0], [-0.5, -1.0, -1.5, -2.0]], dtype=torch.float64)
    check_close(c, sums[:, -1].reshape(1, 2, 1), **F64, of="the last cell states")
    check_close(outputs, sums.tanh()[..., None], **F64, of="the outputs")
    check_close(h, sums[:, -1].tanh().reshape(1, 2, 1), **F64, of="the last hidden states")


@pytest.mark.exercise("LSTM", points=2)
@pytest.mark.parametrize(
    ("batch", "length", "inputs", "channels"), [(2, 5, 3, 4), (5, 2, 4, 4), (1, 7, 2, 3), (3, 1, 4, 2), (3, 3, 3, 3)]
)
def test_one_layer_equals_torch(learner, torch_rng, batch, length, inputs, channels):
    """One layer, any sizes: outputs and last states of torch's own layer with these weights."""
    oracle = torch_lstm(torch_rng, inputs, channels, 1)
    x = normal(torch_rng, batch, length, inputs)

    check_run(learners_lstm(learner, oracle)(x), oracle(x), **STEPS)


@pytest.mark.exercise("LSTM", points=2)
@pytest.mark.parametrize(("inputs", "channels", "layers"), [(4, 4, 2), (3, 4, 2), (2, 3, 3)])
def test_layers_equal_torch(learner, torch_rng, inputs, channels, layers):
    """Each further layer reads what the layer below said at every step, and starts from a state of its own."""
    oracle = torch_lstm(torch_rng, inputs, channels, layers)
    x = normal(torch_rng, 2, 5, inputs)

    check_run(learners_lstm(learner, oracle)(x), oracle(x), **STEPS)


@pytest.mark.exercise("LSTM", points=2)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_given_state_comes_first(learner, torch_rng, layers):
    """A state that is handed in stands before the first step, each layer's own part of it."""
    oracle = torch_lstm(torch_rng, 3, 4, layers)
    x, state = normal(torch_rng, 2, 3, 3), state_of(torch_rng, layers, 2, 4)
    copies = [each.clone() for each in state]

    got, after, _ = learner.call(learners_lstm(learner, oracle), x.clone(), state, after=True)

    check_run(got, oracle(x, tuple(copies)), **STEPS)
    for changed, before, name in zip(after[1], copies, "hc", strict=True):
        check_unchanged(changed, before, of=name)
    check_unchanged(after[0], x, of="x")


@pytest.mark.exercise("LSTM")
def test_a_text_may_come_in_pieces(learner, torch_rng):
    """Reading a sequence in two pieces, the state handed on, is reading it at once."""
    oracle = torch_lstm(torch_rng, 3, 4, 2)
    x = normal(torch_rng, 2, 6, 3)
    lstm = learners_lstm(learner, oracle)

    first, state = lstm(x[:, :4])
    second, _ = lstm(x[:, 4:], tuple(state))

    expected, _ = oracle(x)
    check_close(first, expected[:, :4], **STEPS, of="the outputs of the first piece")
    check_close(second, expected[:, 4:], **STEPS, of="the outputs of the second piece")


@pytest.mark.exercise("LSTM")
def test_lstm_keeps_the_dtype(learner, torch_rng):
    """Outputs and states come back in the dtype of x, float32 here; a state of zeros has it as well."""
    oracle = torch_lstm(torch_rng, 3, 4, 2, dtype=torch.float32)
    x = normal(torch_rng, 2, 5, 3, dtype=torch.float32)

    got = learners_lstm(learner, oracle)(x)

    check_run(got, oracle(x), **F32)
    for each, name in ((got[0], "the outputs"), (got[1][0], "h"), (got[1][1], "c")):
        check_dtype(each, torch.float32, name)


@probe
def lstm_gradients(learner, sizes, weights, x, cotangent):
    """Return the gradients of x and of the parameters, in the order of the weights."""
    import torch

    lstm = learner.LSTM(*sizes).double()
    lstm.load_state_dict(weights)
    x = x.clone().requires_grad_()
    parameters = dict(lstm.named_parameters())
    outputs, _ = lstm(x)
    return torch.autograd.grad((outputs * cotangent).sum(), [x, *[parameters[name] for name in weights]])


@pytest.mark.exercise("LSTM")
def test_gradients_reach_the_first_step(learner, torch_rng):
    """From the last output gradients go back through all layers to the first step, and to every parameter."""
    oracle = torch_lstm(torch_rng, 3, 4, 2)
    x, cotangent = normal(torch_rng, 2, 5, 3), torch.zeros(2, 5, 4).double()
    cotangent[:, -1] = normal(torch_rng, 2, 4)

    got = learner.run(lstm_gradients, (3, 4, 2), plain_state(oracle), x, cotangent)

    x.requires_grad_()
    expected = gradients_of(oracle(x)[0], [x, *oracle.parameters()], cotangent)
    names = ("x", *[name for name, _ in oracle.named_parameters()])
    for gradient, right, name in zip(got, expected, names, strict=True):
        # Sums over two sequences, five steps and sixteen gates.
        check_close(gradient, right, rtol=1e-8, atol=1e-10, of=f"the gradient of {name}")


# --- gradient_through_time ---


@prop
def linear_cell(weight):
    """h becomes W h + x."""
    return lambda x, state: (weight @ state[0] + x,)


@prop
def scaling_cell():
    """h becomes x · h, entry by entry: what every step passes on depends on its input."""
    return lambda x, state: (x * state[0],)


@prop
def turning_cell(weight):
    """h becomes tanh(W (x · h)): neither inputs nor steps may change places."""
    import torch

    return lambda x, state: (torch.tanh(weight @ (x * state[0])),)


@prop
def carrying_cell():
    """h is kept, and taken up by c, from where it comes back two steps later as well: h' = 2 h + 3 c, c' = h + x."""
    return lambda x, state: (2 * state[0] + 3 * state[1], state[0] + x)


@prop
def rnn_cell_of(weight_ih, weight_hh, bias_ih, bias_hh):
    """A plain RNN: tanh of both products."""
    import torch

    return lambda x, state: (torch.tanh(weight_ih @ x + bias_ih + weight_hh @ state[0] + bias_hh),)


@prop
def torch_cell(kind, weights):
    """torch's own cell, in the form that the exercise takes."""
    import torch

    inputs, channels = weights["weight_ih"].shape[1], weights["weight_hh"].shape[1]
    cell = getattr(torch.nn, kind)(inputs, channels, dtype=weights["weight_ih"].dtype)
    cell.load_state_dict(weights)
    if kind == "LSTMCell":
        return lambda x, state: cell(x, state)
    return lambda x, state: (cell(x, state[0]),)


def frobenius(jacobian):
    return float(jacobian.square().sum().sqrt())


# Products of at most 60 matrices in float64, each right to about 1e-15 of its size.
NORM = {"rtol": 1e-9}


@pytest.mark.exercise("gradient_through_time")
def test_norm_of_a_linear_cell_by_hand(learner):
    """Three steps that double the one channel and halve the other: √(8² + (1/8)²), whatever is added."""
    cell = learner.build(linear_cell, torch.diag(tensor(2.0, 0.5)))

    norm = learner.gradient_through_time(cell, (tensor(5.0, -7.0),), torch.ones(3, 2).double())

    check_close(norm, math.sqrt(64 + 1 / 64), **NORM, of="the norm")


@pytest.mark.exercise("gradient_through_time")
@pytest.mark.parametrize("channels", [1, 4, 9])
def test_no_steps_no_change(learner, channels):
    """With no inputs h_T is h_1: the Jacobian is the identity, and its norm √C."""
    cell = learner.build(linear_cell, 3 * torch.eye(channels).double())

    norm = learner.gradient_through_time(cell, (torch.ones(channels).double(),), torch.zeros(0, channels).double())

    check_close(norm, math.sqrt(channels), **NORM, of="the norm")


@pytest.mark.exercise("gradient_through_time")
def test_the_whole_jacobian_counts(learner, torch_rng):
    """Entries of opposite sign do not cancel: every entry of the Jacobian counts with its square."""
    weight = normal(torch_rng, 4, 4)
    weight[-1] = -weight[:-1].sum(0)  # the rows sum to zero
    cell = learner.build(linear_cell, weight)

    norm = learner.gradient_through_time(cell, (normal(torch_rng, 4),), normal(torch_rng, 2, 4))

    check_close(norm, frobenius(weight @ weight), **NORM, of="the norm")


@pytest.mark.exercise("gradient_through_time")
def test_every_input_is_read_once_and_in_order(learner, torch_rng):
    """The inputs are those of the steps 2 to T: each is given to the cell once, the first one first."""
    scaling, inputs = learner.build(scaling_cell), tensor(2.0, 3.0, 5.0, 7.0)[:, None]
    weight, h = normal(torch_rng, 3, 3), normal(torch_rng, 3)
    more = normal(torch_rng, 3, 3)

    norms = [
        learner.gradient_through_time(scaling, (tensor(1.0),), inputs),
        learner.gradient_through_time(learner.build(turning_cell, weight), (h,), more),
    ]

    jacobian = torch.eye(3).double()
    for x in more:
        h = torch.tanh(weight @ (x * h))
        jacobian = ((1 - h**2)[:, None] * weight * x) @ jacobian
    check_close(norms, [210.0, frobenius(jacobian)], **NORM, of="the norms of the two cells")


@pytest.mark.exercise("gradient_through_time", points=2)
@pytest.mark.parametrize("steps", [1, 4, 12])
def test_norm_of_an_rnn(learner, torch_rng, steps):
    """For a plain RNN it is the norm of a product of matrices diag(1 − h²) W, one for each step."""
    oracle, weights = cell_and_weights(nn.RNNCell, torch_rng, 3, 5)
    h, inputs = normal(torch_rng, 5), normal(torch_rng, steps, 3)

    norm = learner.gradient_through_time(learner.build(rnn_cell_of, *weights), (h,), inputs)

    jacobian = torch.eye(5).double()
    for x in inputs:
        h = oracle(x, h).detach()
        jacobian = (1 - h**2)[:, None] * weights[1] @ jacobian
    check_close(norm, frobenius(jacobian), **NORM, of="the norm")


@pytest.mark.exercise("gradient_through_time")
def test_every_way_through_the_state_counts(learner):
    """What h_1 wrote into another tensor of the state counts where it comes back; that tensor's own start does not."""
    # Two steps make h_3 = 7 h_1 + 6 c_1 and c_3 = 2 h_1 + 3 c_1, without the inputs; twice two of them h_5 = 61 h_1 + …
    cell, state = learner.build(carrying_cell), (tensor(1.0, 2.0), tensor(3.0, 4.0))

    norms = [learner.gradient_through_time(cell, state, torch.ones(steps, 2).double()) for steps in (2, 4)]

    check_close(norms, [7 * math.sqrt(2), 61 * math.sqrt(2)], **NORM, of="the norms for T = 3 and T = 5")


@pytest.mark.exercise("gradient_through_time", points=2)
@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell"])
def test_norm_of_gated_cells(learner, torch_rng, kind):
    """For an LSTM and a GRU: the norm of the Jacobian that torch finds for its own cells."""
    oracle, weights = cell_and_weights(getattr(nn, kind), torch_rng, 3, 4)
    h, c = state_of(torch_rng, 4)
    inputs = normal(torch_rng, 7, 3)
    cell = learner.build(torch_cell, kind, dict(zip(CELL, weights, strict=True)))

    norm = learner.gradient_through_time(cell, (h, c) if kind == "LSTMCell" else (h,), inputs)

    def last(start):
        state = (start, c) if kind == "LSTMCell" else start
        for x in inputs:
            state = oracle(x, state)
        return state[0] if kind == "LSTMCell" else state

    check_close(norm, frobenius(torch.autograd.functional.jacobian(last, h)), **NORM, of="the norm")


@pytest.mark.exercise("gradient_through_time")
@pytest.mark.parametrize("factor", [0.5, 1.25])
def test_norms_may_vanish_or_explode(learner, factor):
    """Sixty steps: what remains is exact however small or large it is."""
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)  # a rotation: it changes no length
    cell = learner.build(linear_cell, factor * turn)

    norm = learner.gradient_through_time(cell, (tensor(1.0, 1.0),), torch.zeros(60, 2).double())

    check_close(norm, math.sqrt(2) * factor**60, **NORM, of="the norm")


@pytest.mark.exercise("gradient_through_time")
def test_the_first_state_is_left_alone(learner, torch_rng):
    """State and inputs are the same after the call, and autograd does not follow the state then."""
    (h, c), inputs = state_of(torch_rng, 4), normal(torch_rng, 2, 4)
    arguments = learner.build(carrying_cell), (h.clone(), c.clone()), inputs.clone()

    norm, after, _ = learner.call("gradient_through_time", *arguments, after=True)

    check_close(norm, 7 * 2.0, **NORM, of="the norm")  # h_3 = 7 h_1 + …, and √4 = 2
    check_unchanged(after[1][0], h, of="h")
    check_unchanged(after[1][1], c, of="c")
    check_unchanged(after[2], inputs, of="inputs")
    turned_on = after[1][0].requires_grad or after[1][1].requires_grad
    check_that(not turned_on, "you turned requires_grad on for a tensor of the caller's; differentiate a copy")


# --- bidirectional ---


@prop
def running_sum():
    """A layer whose result is easy to see: the sum of what it has read."""
    return lambda x: x.cumsum(dim=1)


@prop
def torch_layer(weights):
    """One of torch's LSTM layers, outputs only."""
    import torch

    rows, inputs = weights["weight_ih_l0"].shape
    lstm = torch.nn.LSTM(inputs, rows // 4, batch_first=True, dtype=weights["weight_ih_l0"].dtype)
    lstm.load_state_dict(weights)
    return lambda x: lstm(x)[0]


def both_layers(learner, oracle):
    """The two directions of torch's bidirectional layer, each as a layer of its own on the learner's side."""
    state = plain_state(oracle)
    directions = ({name: state[f"{name}_l0{end}"] for name in CELL} for end in ("", "_reverse"))
    return [learner.build(torch_layer, {f"{name}_l0": each[name] for name in CELL}) for each in directions]


def packed_oracle(oracle, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(oracle(packed)[0], batch_first=True, total_length=x.shape[1])[0]


def bidirectional_oracle(generator, inputs, channels, dtype=torch.float64):
    return filled(nn.LSTM(inputs, channels, batch_first=True, bidirectional=True, dtype=dtype), generator)


@pytest.mark.exercise("bidirectional")
def test_bidirectional_by_hand(learner):
    """Sums from the left beside sums from the right, step by step, with zeros at the padding."""
    x = torch.tensor([[[1.0], [2.0], [4.0], [8.0]], [[3.0], [5.0], [60.0], [90.0]]], dtype=torch.float64)
    add_up = learner.build(running_sum)

    result = learner.bidirectional(add_up, add_up, x, torch.tensor([4, 2]))

    full = [[1.0, 15.0], [3.0, 14.0], [7.0, 12.0], [15.0, 8.0]]
    short = [[3.0, 8.0], [8.0, 5.0], [0.0, 0.0], [0.0, 0.0]]
    check_close(result, torch.tensor([full, short], dtype=torch.float64), **F64)


@pytest.mark.exercise("bidirectional")
def test_full_sequences_equal_torch(learner, torch_rng):
    """Without padding: the same as torch's own bidirectional layer."""
    oracle = bidirectional_oracle(torch_rng, 3, 4)
    x = normal(torch_rng, 2, 5, 3)

    result = learner.bidirectional(*both_layers(learner, oracle), x, torch.tensor([5, 5]))

    check_close(result, oracle(x)[0], **STEPS)


@pytest.mark.exercise("bidirectional", points=2)
@pytest.mark.parametrize("lengths", [[5, 2, 4], [1, 3, 6], [6, 6, 1], [2, 2, 3]], ids=str)
def test_padded_sequences_equal_torch(learner, torch_rng, lengths):
    """With padding: the same as torch's layer on packed sequences. The backward layer starts at the last real step."""
    oracle = bidirectional_oracle(torch_rng, 3, 4)
    x = normal(torch_rng, 3, 6, 3, scale=2.0)

    result = learner.bidirectional(*both_layers(learner, oracle), x, torch.tensor(lengths))

    check_close(result, packed_oracle(oracle, x, torch.tensor(lengths)), **STEPS)


@pytest.mark.exercise("bidirectional")
def test_the_padding_has_no_influence(learner, torch_rng):
    """Whatever stands at the padding, the result does not change."""
    oracle = bidirectional_oracle(torch_rng, 3, 4)
    layers, lengths = both_layers(learner, oracle), torch.tensor([2, 4])
    x = normal(torch_rng, 2, 4, 3)
    changed = x.clone()
    changed[0, 2:] = 1e4

    result = learner.bidirectional(*layers, changed, lengths)

    check_close(result, packed_oracle(oracle, x, lengths), **STEPS)


@pytest.mark.exercise("bidirectional")
def test_bidirectional_keeps_dtype_and_arguments(learner, torch_rng):
    """The result has the dtype of x; x and the lengths are the same after the call."""
    oracle = bidirectional_oracle(torch_rng, 3, 2, dtype=torch.float32)
    x, lengths = normal(torch_rng, 2, 4, 3, dtype=torch.float32), torch.tensor([4, 3])

    result, after, _ = learner.call(
        "bidirectional", *both_layers(learner, oracle), x.clone(), lengths.clone(), after=True
    )

    check_dtype(result, torch.float32, "the result")
    check_close(result, packed_oracle(oracle, x, lengths), **F32)
    check_unchanged(after[2], x, of="x")
    check_unchanged(after[3], lengths, of="lengths")


# --- forget_bias_init ---


def with_forget_bias(state, value, channels):
    """The slow way: every number on its own."""
    expected = {name: each.clone() for name, each in state.items()}
    for name, each in expected.items():
        for row in range(channels, 2 * channels):
            if "bias_ih" in name:
                each[row] = value
            if "bias_hh" in name:
                each[row] = 0.0
    return expected


def check_state(got, expected):
    check_that(isinstance(got, dict), "the result must be a dict from names to tensors")
    # Copied, not computed: the numbers are exact.
    check_close({str(name): each for name, each in got.items()}, expected, rtol=0.0, of="the new state_dict")


@pytest.mark.exercise("forget_bias_init")
def test_forget_bias_by_hand(learner):
    """The second quarter of bias_ih becomes the value, that of bias_hh zero: one layer of two channels."""
    state = {"bias_ih_l0": torch.arange(1.0, 9.0), "bias_hh_l0": torch.arange(11.0, 19.0)}

    new = learner.forget_bias_init(state, 2.5)

    first, second = [1.0, 2.0, 2.5, 2.5, 5.0, 6.0, 7.0, 8.0], [11.0, 12.0, 0.0, 0.0, 15.0, 16.0, 17.0, 18.0]
    check_state(new, {"bias_ih_l0": torch.tensor(first), "bias_hh_l0": torch.tensor(second)})


@pytest.mark.exercise("forget_bias_init")
@pytest.mark.parametrize("value", [(), (-3.0,), (0.5,)], ids=["default", "-3", "0.5"])
def test_weights_and_other_biases_stay(learner, torch_rng, value):
    """Weights and the biases of the other gates keep their numbers; the value is 1 if none is given."""
    state = plain_state(torch_lstm(torch_rng, 4, 4, 1))

    new = learner.forget_bias_init(state, *value)

    check_state(new, with_forget_bias(state, *(value or (1.0,)), 4))


@pytest.mark.exercise("forget_bias_init")
@pytest.mark.parametrize(("layers", "bidirectional"), [(3, False), (2, True)])
def test_every_layer_and_direction(learner, torch_rng, layers, bidirectional):
    """Every layer has a forget gate of its own, and so has every direction."""
    state = plain_state(filled(nn.LSTM(3, 5, layers, bidirectional=bidirectional), torch_rng))

    new = learner.forget_bias_init(state, 2.0)

    check_state(new, with_forget_bias(state, 2.0, 5))


@pytest.mark.exercise("forget_bias_init")
def test_the_module_is_left_alone(learner, torch_rng):
    """The tensors that are handed in are the same after the call: the new numbers are copies."""
    state = plain_state(torch_lstm(torch_rng, 3, 4, 2))
    copies = {name: each.clone() for name, each in state.items()}

    new, after, _ = learner.call("forget_bias_init", state, after=True)

    check_state(new, with_forget_bias(copies, 1.0, 4))
    for name, before in copies.items():
        check_unchanged(after[0].get(name), before, of=f"state[{name!r}]")
