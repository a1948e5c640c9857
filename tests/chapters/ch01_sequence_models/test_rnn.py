"""Hidden suite of 1.1, recurrent neural networks. Oracles: torch's RNN and RNNCell, autograd, clip_grad_norm_ and
cross_entropy; values by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grader.checks import check_close, check_equal, check_that, check_unchanged

# float64 carries 16 digits. At most eight steps in a row, each with sums of a dozen terms of size one, lose two or
# three of them; orders of summation that differ from torch's lose no more.
F64 = {"rtol": 1e-11, "atol": 1e-12}
LOG2, LOG3 = np.log(2), np.log(3)  # tanh(log 2) = 3/5, tanh(log 3) = 4/5
SHAPES = pytest.mark.parametrize(("B", "T", "E", "C"), [(1, 1, 2, 3), (3, 5, 2, 4), (2, 7, 4, 3), (4, 2, 3, 1)])


def weights(rng, E, C):
    """w_x, w_h and b of such a size that tanh bends but does not saturate."""
    return rng.normal(size=(E, C)) / E**0.5, rng.normal(size=(C, C)) / C**0.5, 0.3 * rng.normal(size=C)


def inputs(rng, B, T, E, C):
    """x, h_0, w_x, w_h and b."""
    return rng.normal(size=(B, T, E)), rng.uniform(-0.9, 0.9, size=(B, C)), *weights(rng, E, C)


def random_mask(rng, B, T):
    """Any pattern, also padding in front; every row has something real, something padded and a real step after it."""
    mask = rng.random((B, T)) < 0.5
    place = rng.integers(T - 1, size=B)
    mask[np.arange(B), place], mask[np.arange(B), place + 1] = False, True
    return mask


def with_weights(module, w_x, w_h, b, suffix=""):
    """One of torch's own modules with these weights; it keeps them transposed, and has a second bias."""
    names = (f"weight_ih{suffix}", f"weight_hh{suffix}", f"bias_ih{suffix}", f"bias_hh{suffix}")
    values = (w_x.T, w_h.T, b, np.zeros_like(b))
    module.load_state_dict({name: torch.tensor(value) for name, value in zip(names, values, strict=True)})
    return module.requires_grad_(False)


def torch_cell(w_x, w_h, b):
    cell = with_weights(nn.RNNCell(*w_x.shape, dtype=torch.float64), w_x, w_h, b)
    return lambda x, h: cell(torch.tensor(x), torch.tensor(h)).numpy()


def torch_rnn(x, h_0, w_x, w_h, b):
    rnn = with_weights(nn.RNN(*w_x.shape, batch_first=True, dtype=torch.float64), w_x, w_h, b, "_l0")
    return rnn(torch.tensor(x), torch.tensor(h_0)[None])[0].numpy()


def states_under(mask, x, h_0, w_x, w_h, b):
    """The states with padding, a sequence at a time: torch's cell is called at real steps only."""
    cell, states = torch_cell(w_x, w_h, b), np.empty((*mask.shape, len(b)))
    for row, step in np.ndindex(mask.shape):
        before = states[row, step - 1] if step else h_0[row]
        states[row, step] = cell(x[row, step], before) if mask[row, step] else before
    return states


def check_all_unchanged(after, before, names):
    for now, then, name in zip(after, before, names, strict=True):
        check_unchanged(now, then, of=name)


def pair(got, first, second):
    """Require a tuple of two, so that the judge can look at each by itself."""
    check_that(isinstance(got, tuple) and len(got) == 2, f"the result must be a tuple ({first}, {second})")
    return got


# --- rnn_cell ---


@pytest.mark.exercise("rnn_cell")
def test_cell_by_hand(learner):
    """The new state is the tanh of input part, state part and bias added up."""
    x, h = np.array([[1.0, 2.0]]), np.array([[-1.0]])
    w_x, w_h, b = np.array([[2 * LOG2], [LOG3]]), np.array([[LOG3]]), np.array([-LOG2])

    after = learner.rnn_cell(x, h, w_x, w_h, b)

    # 2 log 2 + 2 log 3 - log 3 - log 2 = log 6, and tanh(log 6) = (36 - 1) / (36 + 1)
    check_close(after, np.array([[35 / 37]]), **F64, of="the new state")


@pytest.mark.exercise("rnn_cell")
def test_cell_weighs_the_state(learner):
    """With input and bias at zero, the state part alone is left: each row of h times w_h."""
    h, w_h = np.array([[1.0, 2.0]]), np.array([[LOG2, LOG3], [0.0, -LOG3]])

    after = learner.rnn_cell(np.zeros((1, 3)), h, np.ones((3, 2)), w_h, np.zeros(2))

    # 1 · log 2 + 2 · 0 and 1 · log 3 - 2 · log 3
    check_close(after, np.array([[0.6, -0.8]]), **F64, of="the new state")


@pytest.mark.exercise("rnn_cell", points=2)
@pytest.mark.parametrize(("B", "E", "C"), [(1, 3, 2), (4, 2, 5), (3, 3, 3), (5, 4, 1)])
def test_cell_equals_torch(learner, rng, B, E, C):
    """Any batch and any widths: the same states as torch's own cell."""
    x, h, (w_x, w_h, b) = rng.normal(size=(B, E)), rng.normal(size=(B, C)), weights(rng, E, C)

    after = learner.rnn_cell(x, h, w_x, w_h, b)

    check_close(after, torch_cell(w_x, w_h, b)(x, h), **F64, of="the new states")


@pytest.mark.exercise("rnn_cell")
def test_cell_keeps_sequences_apart(learner, rng):
    """Every sequence of the batch goes on from its own state: equal inputs and different states stay different."""
    x, h, (w_x, w_h, b) = np.repeat(rng.normal(size=(1, 2)), 3, axis=0), rng.normal(size=(3, 4)), weights(rng, 2, 4)

    after = learner.rnn_cell(x, h, w_x, w_h, b)

    cell = torch_cell(w_x, w_h, b)
    alone = np.stack([cell(x[row], h[row]) for row in range(3)])
    check_close(after, alone, **F64, of="the new states of three sequences")


@pytest.mark.exercise("rnn_cell")
def test_cell_of_huge_sums(learner):
    """However large the sum, the state is between -1 and 1, and finite."""
    x, one = np.array([[1e4], [LOG2], [-1e4]]), np.ones((1, 1))

    after = learner.rnn_cell(x, np.zeros((3, 1)), one, one, np.zeros(1))

    check_close(after, np.array([[1.0], [0.6], [-1.0]]), **F64, of="the states after 10,000, log 2 and -10,000")


@pytest.mark.exercise("rnn_cell")
def test_cell_leaves_its_arguments_alone(learner, rng):
    """The old state, the input and the weights are the same after the step."""
    arguments = (rng.normal(size=(2, 3)), rng.normal(size=(2, 4)), *weights(rng, 3, 4))
    copies = [each.copy() for each in arguments]

    got, after, _ = learner.call("rnn_cell", *arguments, after=True)

    check_close(got, torch_cell(*copies[2:])(*copies[:2]), **F64)
    check_all_unchanged(after, copies, ("x", "h", "w_x", "w_h", "b"))


# --- rnn_forward ---


@pytest.mark.exercise("rnn_forward")
def test_forward_by_hand(learner):
    """Three steps of one channel: each state is computed from the one before it."""
    x = np.array([[[LOG2], [LOG3 - 0.3], [LOG2 - 0.4]]])
    one = np.ones((1, 1))

    states = learner.rnn_forward(x, 0 * one, one, 0.5 * one, np.zeros(1))

    # tanh(log 2) = 0.6; tanh(log 3 - 0.3 + 0.5 · 0.6) = 0.8; tanh(log 2 - 0.4 + 0.5 · 0.8) = 0.6
    check_close(states, np.array([[[0.6], [0.8], [0.6]]]), **F64, of="the states")


@pytest.mark.exercise("rnn_forward")
def test_forward_starts_from_h_0(learner):
    """The first step goes on from h_0, which need not be zero."""
    one = np.ones((1, 1))

    states = learner.rnn_forward(np.zeros((2, 1, 1)), np.array([[LOG2], [-LOG3]]), one, one, np.zeros(1))

    check_close(states, np.array([[[0.6]], [[-0.8]]]), **F64, of="the states after the first step")


@pytest.mark.exercise("rnn_forward", points=2)
@SHAPES
def test_forward_equals_torch(learner, rng, B, T, E, C):
    """Any batch, length and widths: all the states that torch's own RNN goes through."""
    arguments = inputs(rng, B, T, E, C)

    states = learner.rnn_forward(*arguments)

    check_close(states, torch_rnn(*arguments), **F64, of="the states")


@pytest.mark.exercise("rnn_forward")
def test_forward_never_looks_ahead(learner, rng):
    """Whatever comes later, the states up to now are the same."""
    x, *rest = inputs(rng, 2, 6, 3, 4)
    expected = torch_rnn(x, *rest)
    x[:, 4:] = 50.0

    states = learner.rnn_forward(x, *rest)

    check_that(isinstance(states, np.ndarray) and states.shape == (2, 6, 4), "the states must be an array (B, T, C)")
    check_close(states[:, :4], expected[:, :4], **F64, of="the first four states")


@pytest.mark.exercise("rnn_forward", points=2)
def test_forward_keeps_the_state_at_padding(learner, rng):
    """Padding behind a sequence does not change its state: the last one is that of the sequence run alone."""
    x, h_0, *parameters = inputs(rng, 3, 5, 2, 4)
    lengths = [3, 5, 1]
    mask = np.arange(5) < np.array(lengths)[:, None]

    states = learner.rnn_forward(x, h_0, *parameters, mask)

    expected = np.empty((3, 5, 4))
    for row, length in enumerate(lengths):
        alone = torch_rnn(x[row : row + 1, :length], h_0[row : row + 1], *parameters)[0]
        expected[row, :length], expected[row, length:] = alone, alone[-1]
    check_close(states, expected, **F64, of="the states of sequences of 3, 5 and 1 real steps")


@pytest.mark.exercise("rnn_forward")
@pytest.mark.parametrize(("B", "T", "E", "C"), [(3, 6, 2, 4), (1, 4, 3, 2), (5, 3, 2, 3)])
def test_forward_with_padding_anywhere(learner, rng, B, T, E, C):
    """Padding may stand in front and in between: such steps hand the state on, in front of everything h_0 itself."""
    arguments, mask = inputs(rng, B, T, E, C), random_mask(rng, B, T)
    mask[0, 0] = False

    states = learner.rnn_forward(*arguments, mask)

    check_close(states, states_under(mask, *arguments), **F64, of="the states")


@pytest.mark.exercise("rnn_forward")
def test_forward_ignores_what_stands_at_padding(learner, rng):
    """What x holds at padded steps has no influence, however large it is."""
    x, *rest = inputs(rng, 2, 5, 3, 2)
    mask = random_mask(rng, 2, 5)
    expected = states_under(mask, x, *rest)
    x[~mask] = 1e6

    states = learner.rnn_forward(x, *rest, mask=mask)

    check_close(states, expected, **F64, of="the states")


@pytest.mark.exercise("rnn_forward")
def test_forward_of_an_empty_sequence(learner, rng):
    """A sequence of nothing but padding stays at h_0, and one of nothing but real steps is as without a mask."""
    x, h_0, *parameters = inputs(rng, 2, 4, 3, 2)
    mask = np.array([[False] * 4, [True] * 4])

    states = learner.rnn_forward(x, h_0, *parameters, mask)

    expected = torch_rnn(x, h_0, *parameters)
    expected[0] = h_0[0]
    check_close(states, expected, **F64, of="the states")


@pytest.mark.exercise("rnn_forward")
def test_forward_leaves_its_arguments_alone(learner, rng):
    """Inputs, first states, weights and mask are the same after the call."""
    arguments = (*inputs(rng, 2, 4, 3, 2), random_mask(rng, 2, 4))
    copies = [each.copy() for each in arguments]

    got, after, _ = learner.call("rnn_forward", *arguments, after=True)

    check_close(got, states_under(copies[-1], *copies[:-1]), **F64)
    check_all_unchanged(after, copies, ("x", "h_0", "w_x", "w_h", "b", "mask"))


# --- rnn_backward ---

NAMES = ("x", "h_0", "w_x", "w_h", "b")


def by_autograd(arguments, mask, grad_states):
    """The states, and the gradients of (states · grad_states).sum(), by torch's autograd through the unrolled steps."""
    x, h, w_x, w_h, b = leaves = [torch.tensor(each, requires_grad=True) for each in arguments]
    states = []
    for step in range(x.shape[1]):
        new = torch.tanh(x[:, step] @ w_x + h @ w_h + b)
        h = new if mask is None else torch.where(torch.tensor(mask[:, step, None]), new, h)
        states.append(h)
    stacked = torch.stack(states, dim=1)
    gradients = torch.autograd.grad((stacked * torch.tensor(grad_states)).sum(), leaves)
    return stacked.detach().numpy(), dict(zip(NAMES, (each.numpy() for each in gradients), strict=True))


def backward(learner, arguments, grad_states, states, mask=None):
    """The learner's gradients: a dictionary, so that the judge can look at each by itself."""
    x, h_0, w_x, w_h, _ = arguments
    rest = () if mask is None else (mask,)
    got = learner.rnn_backward(grad_states, states, x, h_0, w_x, w_h, *rest)
    keys = ", ".join(repr(name) for name in NAMES)
    check_that(isinstance(got, dict) and set(got) == set(NAMES), f"the result must be a dict with the keys {keys}")
    return got


def check_gradients(got, expected):
    for name in ("b", "w_x", "x", "w_h", "h_0"):
        check_close(got[name], expected[name], **F64, of=f"the gradient of {name}")


@pytest.mark.exercise("rnn_backward")
def test_backward_of_one_step_by_hand(learner):
    """One step: the gradient passes tanh, whose slope is 1 - state², and then each product."""
    x, h_0 = np.array([[[2.0]]]), np.array([[0.5]])
    w_x, w_h = np.array([[3.0]]), np.array([[-4.0]])

    got = backward(learner, (x, h_0, w_x, w_h, None), np.array([[[10.0]]]), np.array([[[0.6]]]))

    # 10 · (1 - 0.36) = 6.4 reaches the sum inside tanh.
    expected = {"b": [6.4], "w_x": [[12.8]], "x": [[[19.2]]], "w_h": [[3.2]], "h_0": [[-25.6]]}
    check_gradients(got, {name: np.array(value) for name, value in expected.items()})


@pytest.mark.exercise("rnn_backward", points=2)
def test_backward_goes_back_in_time(learner):
    """A gradient at the last state alone reaches the earlier steps, through w_h and the slope of every step between."""
    x = np.array([[[1.0], [0.0], [5.0]]])
    states = np.array([[[0.0], [0.6], [0.8]]])  # slopes 1, 0.64 and 0.36
    grad_states = np.array([[[0.0], [0.0], [100.0]]])

    got = backward(learner, (x, np.array([[0.5]]), np.array([[1.0]]), np.array([[2.0]]), None), grad_states, states)

    # Inside tanh: 100 · 0.36 = 36 at the last step; 36 · 2 · 0.64 = 46.08 before it; 46.08 · 2 · 1 = 92.16 at first.
    expected = {
        "b": np.array([36 + 46.08 + 92.16]),
        "w_x": np.array([[5 * 36 + 0 * 46.08 + 1 * 92.16]]),
        "x": np.array([[[92.16], [46.08], [36.0]]]),
        "w_h": np.array([[0.6 * 36 + 0.0 * 46.08 + 0.5 * 92.16]]),  # each times the state before that step
        "h_0": np.array([[2 * 92.16]]),
    }
    check_gradients(got, expected)


@pytest.mark.exercise("rnn_backward", points=3)
@SHAPES
def test_backward_equals_autograd(learner, rng, B, T, E, C):
    """Any batch, length and widths, a gradient at every state: all five gradients as autograd has them."""
    arguments, grad_states = inputs(rng, B, T, E, C), rng.normal(size=(B, T, C))
    states, expected = by_autograd(arguments, None, grad_states)

    got = backward(learner, arguments, grad_states, states)

    check_gradients(got, expected)


@pytest.mark.exercise("rnn_backward")
@pytest.mark.parametrize("step", [0, 2, 4])
def test_backward_only_goes_back(learner, rng, step):
    """A loss at one step does not depend on later inputs: their gradients are zero, those of earlier ones are not."""
    arguments, grad_states = inputs(rng, 2, 5, 3, 4), np.zeros((2, 5, 4))
    grad_states[:, step] = rng.normal(size=(2, 4))
    states, expected = by_autograd(arguments, None, grad_states)

    got = backward(learner, arguments, grad_states, states)

    check_gradients(got, expected)


@pytest.mark.exercise("rnn_backward")
def test_backward_sums_over_the_batch(learner, rng):
    """A batch of the same sequence three times has three times the gradients of the weights: a sum, not a mean."""
    one = inputs(rng, 1, 4, 2, 3)
    grad_one = rng.normal(size=(1, 4, 3))
    states, expected = by_autograd(one, None, grad_one)
    x, h_0, *parameters = one

    three = (np.repeat(x, 3, axis=0), np.repeat(h_0, 3, axis=0), *parameters)
    got = backward(learner, three, np.repeat(grad_one, 3, axis=0), np.repeat(states, 3, axis=0))

    for name in ("b", "w_x", "w_h"):
        check_close(got[name], 3 * expected[name], **F64, of=f"the gradient of {name}")


@pytest.mark.exercise("rnn_backward", points=2)
def test_backward_passes_padding_by(learner, rng):
    """Padding behind a sequence hands the gradient of the last state back to the last real step, as it is."""
    arguments, grad_states = inputs(rng, 3, 5, 2, 4), np.zeros((3, 5, 4))
    grad_states[:, -1] = rng.normal(size=(3, 4))
    mask = np.arange(5) < np.array([[3], [5], [1]])
    states, expected = by_autograd(arguments, mask, grad_states)

    got = backward(learner, arguments, grad_states, states, mask)

    check_gradients(got, expected)


@pytest.mark.exercise("rnn_backward")
@pytest.mark.parametrize(("B", "T", "E", "C"), [(3, 6, 2, 4), (1, 4, 3, 2), (5, 3, 2, 3)])
def test_backward_with_padding_anywhere(learner, rng, B, T, E, C):
    """Padding anywhere, a gradient at every state, padded or not: as autograd has it, and zero for padded inputs."""
    arguments, mask = inputs(rng, B, T, E, C), random_mask(rng, B, T)
    mask[0, 0] = False
    grad_states = rng.normal(size=(B, T, C))
    states, expected = by_autograd(arguments, mask, grad_states)

    got = backward(learner, arguments, grad_states, states, mask)

    check_gradients(got, expected)


@pytest.mark.exercise("rnn_backward")
def test_backward_leaves_its_arguments_alone(learner, rng):
    """Gradients, states, inputs and weights are the same after the call."""
    arguments, mask, grad_states = inputs(rng, 2, 4, 3, 2), random_mask(rng, 2, 4), rng.normal(size=(2, 4, 2))
    states, expected = by_autograd(arguments, mask, grad_states)
    given = (grad_states, states, *arguments[:4], mask)
    copies = [each.copy() for each in given]

    got, after, _ = learner.call("rnn_backward", *given, after=True)

    check_close(got, expected, **F64)
    check_all_unchanged(after, copies, ("grad_states", "states", "x", "h_0", "w_x", "w_h", "mask"))


# --- clip_grad_norm ---


def gradients_of_norm(rng, norm, shapes=((3, 2), (4,), (1, 2, 2))):
    """Random gradients whose common length is this, and which have different lengths by themselves."""
    found = [place * rng.normal(size=shape) for place, shape in enumerate(shapes, start=1)]
    length = np.linalg.norm(np.concatenate([each.ravel() for each in found]))
    return [each * (norm / length) for each in found]


def clipped_by_torch(gradients, max_norm):
    """What torch's clip_grad_norm_ makes of these gradients, and the norm that it returns."""
    parameters = [torch.zeros(each.shape, dtype=torch.float64, requires_grad=True) for each in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    norm = nn.utils.clip_grad_norm_(parameters, max_norm)
    return [parameter.grad.numpy() for parameter in parameters], float(norm)


def clip(learner, gradients, max_norm):
    """The learner's clipped gradients, as a list, and norm."""
    clipped, norm = pair(learner.clip_grad_norm(gradients, max_norm), "clipped", "norm")
    check_that(isinstance(clipped, list), "the clipped gradients must be a list")
    return clipped, norm


@pytest.mark.exercise("clip_grad_norm")
def test_clip_by_hand(learner):
    """Gradients (2, 6) and (3, 0) have length 7 together; for a maximum of 3.5 all are halved."""
    clipped, norm = clip(learner, [np.array([2.0, 6.0]), np.array([[3.0, 0.0]])], 3.5)

    check_close(norm, 7.0, **F64, of="the norm before clipping")  # 4 + 36 + 9 = 49
    # 1e-6 in the divisor makes the factor smaller than a half by 1.4e-7 of it.
    check_close(clipped, [np.array([1.0, 3.0]), np.array([[1.5, 0.0]])], rtol=2e-7, of="the clipped gradients")


@pytest.mark.exercise("clip_grad_norm")
def test_the_norm_is_the_root_of_all_squares(learner, rng):
    """The norm that is returned is that of all gradients as one long vector, as it was before clipping."""
    for norm in (0.5, 20.0):
        _, got = clip(learner, gradients_of_norm(rng, norm), 1.0)

        check_close(got, norm, **F64, of="the norm before clipping")


@pytest.mark.exercise("clip_grad_norm", points=2)
@pytest.mark.parametrize("norm", [1.5, 10.0, 1e6])
@pytest.mark.parametrize("max_norm", [1.0, 0.25])
def test_clip_equals_torch(learner, rng, norm, max_norm):
    """Gradients that are too long: all are multiplied by the one factor max_norm / (norm + 1e-6), as in torch."""
    gradients = gradients_of_norm(rng, norm)
    expected, _ = clipped_by_torch(gradients, max_norm)

    clipped, _ = clip(learner, gradients, max_norm)

    check_close(clipped, expected, **F64, of="the clipped gradients")


@pytest.mark.exercise("clip_grad_norm")
@pytest.mark.parametrize("norm", [0.5, 1.99, 1e-9])
def test_short_gradients_stay_as_they_are(learner, rng, norm):
    """Gradients shorter than max_norm are not made longer."""
    gradients = gradients_of_norm(rng, norm)

    clipped, _ = clip(learner, gradients, 2.0)

    check_close(clipped, gradients, rtol=1e-12, of="the clipped gradients")  # unchanged, up to rounding


@pytest.mark.exercise("clip_grad_norm")
def test_one_long_gradient_shortens_the_others(learner, rng):
    """The direction stays: a short gradient is scaled like the long one beside it, so their ratio does not change."""
    gradients = [rng.uniform(10, 20, size=3), rng.uniform(0.01, 0.02, size=(2, 2))]
    expected, _ = clipped_by_torch(gradients, 1.0)

    clipped, _ = clip(learner, gradients, 1.0)

    check_close(clipped, expected, **F64, of="the clipped gradients")


@pytest.mark.exercise("clip_grad_norm")
def test_zero_gradients_are_no_problem(learner):
    """Gradients of zero stay zero, with norm 0 and without NaN; a zero beside a long one too."""
    clipped, norm = clip(learner, [np.zeros(2), np.zeros((1, 3))], 1.0)
    check_close(norm, 0.0, **F64, of="the norm of zeros")
    check_close(clipped, [np.zeros(2), np.zeros((1, 3))], **F64, of="clipped zeros")

    clipped, norm = clip(learner, [np.zeros(2), np.array([5.0])], 1.0)

    check_close(norm, 5.0, **F64, of="the norm of 0, 0 and 5")
    check_close(clipped, [np.zeros(2), np.array([5 / 5.000001])], **F64, of="0, 0 and 5 clipped to 1")


@pytest.mark.exercise("clip_grad_norm")
def test_clip_leaves_its_arguments_alone(learner, rng):
    """The gradients that were passed are not changed."""
    gradients = gradients_of_norm(rng, 5.0)
    expected, _ = clipped_by_torch(gradients, 1.0)

    got, after, _ = learner.call("clip_grad_norm", gradients, 1.0, after=True)

    check_close(pair(got, "clipped", "norm")[0], expected, **F64, of="the clipped gradients")
    check_unchanged(after[0], gradients, of="gradients")


# --- sequence_loss ---


def loss_by_torch(logits, targets, mask):
    """Cross-entropy of the real tokens by torch, averaged over them, and its gradient by autograd."""
    leaf = torch.tensor(logits, requires_grad=True)
    tokens = torch.tensor(np.where(mask, targets, -100))  # torch's cross_entropy leaves -100 out
    loss = F.cross_entropy(leaf.flatten(0, 1), tokens.flatten(), ignore_index=-100)
    return loss.item(), torch.autograd.grad(loss, leaf)[0].numpy()


def batch_with_padding(rng, B, T, V, scale=2.0):
    """logits, targets and a mask of sequences of different lengths, at least one of them shorter than T."""
    lengths = rng.integers(1, T + 1, size=B)
    lengths[:2] = T, T - 2
    return scale * rng.normal(size=(B, T, V)), rng.integers(V, size=(B, T)), np.arange(T) < lengths[:, None]


def loss_and_gradient(learner, logits, targets, mask):
    return pair(learner.sequence_loss(logits, targets, mask), "loss", "grad_logits")


@pytest.mark.exercise("sequence_loss")
def test_loss_by_hand(learner):
    """Without padding: the mean of -log softmax at the targets."""
    logits = np.log(np.array([[[1.0, 1.0, 2.0], [5.0, 2.0, 1.0]], [[1.0, 7.0, 8.0], [1.0, 1.0, 6.0]]]))

    loss, _ = loss_and_gradient(learner, logits, np.array([[2, 1], [2, 0]]), np.ones((2, 2), dtype=bool))

    # Probabilities 2/4, 2/8, 8/16 and 1/8: 1 + 2 + 1 + 3 halvings over four tokens.
    check_close(loss, 7 / 4 * LOG2, **F64, of="the loss")


@pytest.mark.exercise("sequence_loss")
def test_padding_does_not_count(learner):
    """Only real tokens count, in the sum and in the number it is divided by."""
    logits = np.log(np.array([[[1.0, 1.0], [1.0, 3.0]], [[3.0, 1.0], [1.0, 9.0]]]))
    mask = np.array([[True, True], [True, False]])

    loss, _ = loss_and_gradient(learner, logits, np.array([[0, 0], [1, 0]]), mask)

    # Probabilities 1/2, 1/4 and 1/4: 1 + 2 + 2 halvings over three tokens.
    check_close(loss, 5 / 3 * LOG2, **F64, of="the loss")


@pytest.mark.exercise("sequence_loss", points=2)
@pytest.mark.parametrize(("B", "T", "V"), [(2, 3, 4), (4, 6, 3), (5, 3, 2), (3, 4, 7)])
def test_loss_equals_torch(learner, rng, B, T, V):
    """Sequences of any lengths: the loss that torch's cross_entropy finds, every real token counting the same."""
    logits, targets, mask = batch_with_padding(rng, B, T, V)
    expected, _ = loss_by_torch(logits, targets, mask)

    loss, _ = loss_and_gradient(learner, logits, targets, mask)

    check_close(loss, expected, **F64, of="the loss")


@pytest.mark.exercise("sequence_loss", points=2)
@pytest.mark.parametrize(("B", "T", "V"), [(2, 3, 4), (4, 6, 3), (5, 3, 2), (3, 4, 7)])
def test_gradient_equals_autograd(learner, rng, B, T, V):
    """The gradient of the logits is that of autograd, and zero at padding."""
    logits, targets, mask = batch_with_padding(rng, B, T, V)
    _, expected = loss_by_torch(logits, targets, mask)

    _, gradient = loss_and_gradient(learner, logits, targets, mask)

    check_close(gradient, expected, **F64, of="the gradient of the logits")


@pytest.mark.exercise("sequence_loss")
def test_large_logits_do_not_overflow(learner, rng):
    """Logits in the thousands give a finite loss and gradient."""
    logits, targets, mask = batch_with_padding(rng, 3, 4, 5, scale=3000.0)
    expected = loss_by_torch(logits, targets, mask)

    got = loss_and_gradient(learner, logits, targets, mask)

    # Logits near 1e4 are exact to 2e-12, and so are losses in the thousands and the exponents of the gradient.
    check_close(got, expected, rtol=1e-10, atol=1e-10, of="loss and gradient")


@pytest.mark.exercise("sequence_loss")
def test_what_stands_at_padding_does_not_matter(learner, rng):
    """At padding targets may be -100 and logits anything: loss and gradient are the same."""
    logits, targets, mask = batch_with_padding(rng, 3, 5, 4)
    expected = loss_by_torch(logits, targets, mask)
    logits[~mask], targets[~mask] = 1e6, -100

    got = loss_and_gradient(learner, logits, targets, mask)

    check_close(got, expected, **F64, of="loss and gradient")


@pytest.mark.exercise("sequence_loss")
@pytest.mark.parametrize("kept", ["two sequences", "one token"])
def test_loss_where_little_is_real(learner, rng, kept):
    """A sequence of padding alone adds nothing, and one real token is enough."""
    logits, targets, mask = batch_with_padding(rng, 3, 4, 5)
    mask[0] = False
    if kept == "one token":
        mask[:] = False
        mask[1, 1] = True

    got = loss_and_gradient(learner, logits, targets, mask)

    check_close(got, loss_by_torch(logits, targets, mask), **F64, of="loss and gradient")


@pytest.mark.exercise("sequence_loss")
def test_loss_where_nothing_is_real(learner, rng):
    """A batch of padding alone has loss 0 and gradients 0, not NaN."""
    logits, targets, mask = batch_with_padding(rng, 3, 4, 5)
    got = loss_and_gradient(learner, logits, targets, mask)
    check_close(got, loss_by_torch(logits, targets, mask), **F64, of="loss and gradient with real tokens")
    mask[:] = False

    got = loss_and_gradient(learner, logits, targets, mask)

    check_close(got, (0.0, np.zeros_like(logits)), rtol=0, of="loss and gradient without any")


@pytest.mark.exercise("sequence_loss")
def test_loss_leaves_its_arguments_alone(learner, rng):
    """Logits, targets and mask are the same after the call."""
    arguments = batch_with_padding(rng, 3, 4, 5)
    copies = [each.copy() for each in arguments]

    got, after, _ = learner.call("sequence_loss", *arguments, after=True)

    check_close(got, loss_by_torch(*copies), **F64, of="loss and gradient")
    check_all_unchanged(after, copies, ("logits", "targets", "mask"))


# --- pad_and_mask ---


def padded(learner, sequences, *pad):
    return pair(learner.pad_and_mask(sequences, *pad), "ids", "mask")


@pytest.mark.exercise("pad_and_mask")
def test_pad_by_hand(learner):
    """Sequences stand first, zeros behind them, up to the longest; the mask is True at the sequences."""
    ids, mask = padded(learner, [[7, 8], [3, 4, 5, 6], [9]])

    check_equal(ids, np.array([[7, 8, 0, 0], [3, 4, 5, 6], [9, 0, 0, 0]]), of="the ids")
    check_equal(mask, np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], dtype=bool), of="the mask")


@pytest.mark.exercise("pad_and_mask")
@pytest.mark.parametrize("pad", [50, -1])
def test_pad_with_another_id(learner, rng, pad):
    """The places left over hold the id that was asked for."""
    sequences = [rng.integers(1, 40, size=length).tolist() for length in (2, 5, 3)]

    ids, mask = padded(learner, sequences, pad)

    check_equal(ids, np.array([row + [pad] * (5 - len(row)) for row in sequences]), of="the ids")
    check_equal(mask, np.array([[place < len(row) for place in range(5)] for row in sequences]), of="the mask")


@pytest.mark.exercise("pad_and_mask")
@pytest.mark.parametrize("pad", [0, 3])
def test_the_pad_id_may_be_a_token(learner, pad):
    """An id of a sequence is real, also when it happens to be the pad id."""
    sequences = [[pad, 1, pad], [2], [pad, pad, 5, pad]]

    ids, mask = padded(learner, sequences, pad)

    check_equal(ids, np.array([[pad, 1, pad, pad], [2, pad, pad, pad], [pad, pad, 5, pad]]), of="the ids")
    check_equal(mask, np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]], dtype=bool), of="the mask")


@pytest.mark.exercise("pad_and_mask")
@pytest.mark.parametrize("lengths", [(0, 3), (2, 0, 0, 1), (4,), (2, 2)], ids=str)
def test_pad_at_the_ends(learner, rng, lengths):
    """Empty sequences are padding alone; sequences of one length, or a single one, need none."""
    sequences = [rng.integers(1, 9, size=length).tolist() for length in lengths]

    ids, mask = padded(learner, sequences)

    longest = max(lengths)
    check_equal(ids, np.array([row + [0] * (longest - len(row)) for row in sequences]), of="the ids")
    check_equal(mask, np.array([[place < len(row) for place in range(longest)] for row in sequences]), of="the mask")
