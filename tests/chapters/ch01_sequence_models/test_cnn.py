"""Hidden suite of 1.3, CNNs in NLP. Oracles: torch's own convolutions and pooling, slow loops, sets of positions.

`TextCNN` is judged against torch's own `Conv1d` with the same weights, one text at a time and without padding.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grader.checks import check_close, check_equal, check_raises, check_unchanged, probe

# float64: sums of at most a few dozen products of size one, each right to about 1e-15.
F64 = {"rtol": 1e-10, "atol": 1e-12}
# float32: the same sums are right to about 1e-6.
F32 = {"rtol": 1e-5, "atol": 1e-5}
# Chosen or copied, not computed.
EXACT = {"rtol": 0.0}


def normal(generator, *shape, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(*shape, generator=generator, dtype=dtype)


def row(*numbers):
    """One sequence of one channel, (1, T, 1)."""
    return torch.tensor(numbers, dtype=torch.float64).reshape(1, -1, 1)


def kernel(*numbers):
    """A kernel from one channel to one, (1, 1, K)."""
    return torch.tensor(numbers, dtype=torch.float64).reshape(1, 1, -1)


def check_dtype(got, dtype, of):
    check_equal(str(getattr(got, "dtype", type(got).__name__)), str(dtype), of=f"the dtype of {of}")


def torch_conv(x, weight, bias=None, **options):
    return F.conv1d(x.transpose(1, 2), weight, bias, **options).transpose(1, 2)


def torch_causal(x, weight, bias=None, dilation=1):
    """Padded on both sides by all that the kernel reaches; the first T windows are the causal ones."""
    past = dilation * (weight.shape[-1] - 1)
    return torch_conv(x, weight, bias, padding=past, dilation=dilation)[:, : x.shape[1]]


def sizes_of(generator, batch, length, channels, results, width, dtype=torch.float64):
    """A batch of sequences with a kernel and a bias."""
    return (
        normal(generator, batch, length, channels, dtype=dtype),
        normal(generator, results, channels, width, dtype=dtype),
        normal(generator, results, dtype=dtype),
    )


# --- conv1d ---


@pytest.mark.exercise("conv1d")
def test_conv1d_by_hand(learner):
    """The kernel lies over each window as it is written: 3 · before + 2 · here + 1 · after."""
    y = learner.conv1d(row(1, 0, 0, 10, 100), kernel(3, 2, 1))

    # 3·1 + 0 + 0, then 1·10, then 2·10 + 1·100.
    check_close(y, row(3, 10, 120), **F64)


@pytest.mark.exercise("conv1d")
def test_conv1d_sums_over_channels(learner):
    """Every result sums over the channels of the window, and each channel of the result has a kernel of its own."""
    x = torch.tensor([[[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]], dtype=torch.float64)
    weight = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 5.0], [7.0, 0.0]]], dtype=torch.float64)

    y = learner.conv1d(x, weight, torch.tensor([0.5, -1.0], dtype=torch.float64))

    # First: channel 0 of the window's first position, channel 1 of its second. Second: 5 · x₀ behind, 7 · x₁ in front.
    expected = [[1 + 20 + 0.5, 5 * 2 + 7 * 10 - 1], [2 + 30 + 0.5, 5 * 3 + 7 * 20 - 1]]
    check_close(y, torch.tensor([expected], dtype=torch.float64), **F64)


@pytest.mark.exercise("conv1d", points=2)
@pytest.mark.parametrize(
    ("batch", "length", "channels", "results", "width"),
    [(2, 7, 3, 5, 3), (1, 4, 2, 2, 4), (3, 5, 4, 2, 1), (2, 6, 3, 3, 2), (3, 3, 3, 3, 3)],
)
def test_conv1d_equals_torch(learner, torch_rng, batch, length, channels, results, width):
    """Any sizes, also a kernel as wide as the sequence: the same numbers as torch's own convolution."""
    x, weight, bias = sizes_of(torch_rng, batch, length, channels, results, width)

    check_close(learner.conv1d(x, weight, bias), torch_conv(x, weight, bias), **F64, of="the result with a bias")
    check_close(learner.conv1d(x, weight), torch_conv(x, weight), **F64, of="the result without a bias")


@pytest.mark.exercise("conv1d")
@pytest.mark.parametrize("padding", [1, 2, 5])
def test_padding(learner, torch_rng, padding):
    """Padding puts zeros on both sides, the same number of them before and behind."""
    x, weight, bias = sizes_of(torch_rng, 2, 5, 3, 4, 3)

    y = learner.conv1d(x, weight, bias, padding=padding)

    check_close(y, torch_conv(x, weight, bias, padding=padding), **F64)


@pytest.mark.exercise("conv1d")
@pytest.mark.parametrize(("length", "stride"), [(9, 2), (10, 2), (9, 3), (10, 3), (11, 3), (4, 5)])
def test_stride(learner, torch_rng, length, stride):
    """With a stride windows begin at 0, stride, 2 · stride …, as long as the whole window lies within the sequence."""
    x, weight, bias = sizes_of(torch_rng, 2, length, 3, 2, 3)

    y = learner.conv1d(x, weight, bias, stride=stride)

    check_close(y, torch_conv(x, weight, bias, stride=stride), **F64)


@pytest.mark.exercise("conv1d")
@pytest.mark.parametrize(("width", "dilation"), [(3, 2), (2, 4), (4, 3), (3, 5)])
def test_dilation(learner, torch_rng, width, dilation):
    """With a dilation the entries of the kernel lie that many positions apart."""
    x, weight, bias = sizes_of(torch_rng, 2, 11, 3, 2, width)

    y = learner.conv1d(x, weight, bias, dilation=dilation)

    check_close(y, torch_conv(x, weight, bias, dilation=dilation), **F64)


@pytest.mark.exercise("conv1d", points=2)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_everything_together(learner, torch_rng, stride, padding, dilation):
    """Stride, padding and dilation at once: what torch gives."""
    x, weight, bias = sizes_of(torch_rng, 2, 10, 2, 3, 3)

    y = learner.conv1d(x, weight, bias, stride=stride, padding=padding, dilation=dilation)

    check_close(y, torch_conv(x, weight, bias, stride=stride, padding=padding, dilation=dilation), **F64)


@pytest.mark.exercise("conv1d")
@pytest.mark.parametrize(("width", "padding", "dilation"), [(4, 0, 1), (3, 0, 2), (6, 1, 1), (2, 1, 5)])
def test_no_window_fits(learner, torch_rng, width, padding, dilation):
    """A kernel that reaches over more than the padded sequence raises ValueError; one position more and it fits."""
    x, weight, bias = sizes_of(torch_rng, 2, 4, 3, 2, width)
    options = {"padding": padding, "dilation": dilation}

    # As many positions as one window needs, and one less.
    longer = F.pad(x, (0, 0, 0, dilation * (width - 1) + 1 - 4 - 2 * padding))
    check_raises(ValueError, learner.conv1d, longer[:, :-1], weight, bias, **options)
    check_close(learner.conv1d(longer, weight, bias, **options), torch_conv(longer, weight, bias, **options), **F64)


@pytest.mark.exercise("conv1d")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_conv1d_keeps_the_dtype(learner, torch_rng, dtype):
    """The result has the dtype of x."""
    x, weight, bias = sizes_of(torch_rng, 2, 6, 3, 4, 3, dtype)

    y = learner.conv1d(x, weight, bias, padding=1)

    check_dtype(y, dtype, "the result")
    check_close(y, torch_conv(x, weight, bias, padding=1), **F32)


@pytest.mark.exercise("conv1d")
def test_conv1d_leaves_its_arguments_alone(learner, torch_rng):
    """Sequences, kernel and bias are the same after the call."""
    arguments = sizes_of(torch_rng, 2, 5, 3, 4, 2)
    copies = [each.clone() for each in arguments]

    y, after, _ = learner.call("conv1d", *arguments, after=True)

    check_close(y, torch_conv(*copies), **F64)
    for changed, before, name in zip(after, copies, ("x", "weight", "bias"), strict=True):
        check_unchanged(changed, before, of=name)


@pytest.mark.exercise("conv1d")
def test_conv1d_gradients(learner, torch_rng):
    """Gradients reach the sequences, the kernel and the bias."""
    x, weight, bias = sizes_of(torch_rng, 2, 7, 3, 2, 3)
    options = {"stride": 2, "padding": 1, "dilation": 2}
    cotangent = normal(torch_rng, *torch_conv(x, weight, bias, **options).shape)

    gradients = learner.vjp("conv1d", x, weight, bias, **options)(cotangent).inputs

    leaves = [each.clone().requires_grad_() for each in (x, weight, bias)]
    expected = torch.autograd.grad((torch_conv(*leaves, **options) * cotangent).sum(), leaves)
    for gradient, right, name in zip(gradients, expected, ("x", "weight", "bias"), strict=True):
        check_close(gradient, right, **F64, of=f"the gradient of {name}")


# --- causal_conv1d ---


@pytest.mark.exercise("causal_conv1d")
def test_causal_by_hand(learner):
    """A single 1 in the input is heard at once with the last entry, and then with the ones before it."""
    x, weight = row(0, 1, 0, 0, 0, 0), kernel(5, 7, 9)

    y = [learner.causal_conv1d(x, weight, dilation=dilation) for dilation in (1, 2)]

    check_close(y[0], row(0, 9, 7, 5, 0, 0), **F64, of="the result")
    check_close(y[1], row(0, 9, 0, 7, 0, 5), **F64, of="the result with dilation 2")


@pytest.mark.exercise("causal_conv1d", points=2)
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_causal_equals_torch(learner, torch_rng, width, dilation):
    """Torch's own convolution, cut to the windows that end at a position of the sequence."""
    x, weight, bias = sizes_of(torch_rng, 2, 8, 3, 4, width)

    check_close(
        learner.causal_conv1d(x, weight, bias, dilation=dilation), torch_causal(x, weight, bias, dilation), **F64
    )


@pytest.mark.exercise("causal_conv1d")
def test_the_future_does_not_leak(learner, torch_rng):
    """No result depends on a later position; the position itself does count."""
    x, weight, bias = sizes_of(torch_rng, 2, 7, 3, 4, 3)
    changed = x.clone()
    changed[:, 4:] = normal(torch_rng, 2, 3, 3, scale=1e6)

    y = learner.causal_conv1d(changed, weight, bias, dilation=2)

    expected = torch_causal(x, weight, bias, 2)
    check_close(y[:, :4], expected[:, :4], **F64, of="the results before the change")
    # Sums of numbers of size 10⁶.
    expected = torch_causal(changed, weight, bias, 2)
    check_close(y[:, 4:], expected[:, 4:], rtol=1e-9, atol=1e-7, of="the results from the change on")


@pytest.mark.exercise("causal_conv1d")
@pytest.mark.parametrize(("length", "width", "dilation"), [(1, 4, 1), (3, 4, 2), (2, 2, 7), (5, 3, 4)])
def test_a_kernel_wider_than_the_sequence(learner, torch_rng, length, width, dilation):
    """Where the kernel reaches back beyond the beginning it finds zeros, however far."""
    x, weight, bias = sizes_of(torch_rng, 2, length, 3, 2, width)

    y = learner.causal_conv1d(x, weight, bias, dilation=dilation)

    check_close(y, torch_causal(x, weight, bias, dilation), **F64)


@pytest.mark.exercise("causal_conv1d")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_causal_keeps_dtype_and_arguments(learner, torch_rng, dtype):
    """The result has the dtype of x, a bias is not required, and the arguments are the same after the call."""
    x, weight, _ = sizes_of(torch_rng, 2, 6, 3, 4, 3, dtype)

    y, after, _ = learner.call("causal_conv1d", x.clone(), weight.clone(), after=True)

    check_dtype(y, dtype, "the result")
    check_close(y, torch_causal(x, weight), **F32)
    check_unchanged(after[0], x, of="x")
    check_unchanged(after[1], weight, of="weight")


@pytest.mark.exercise("causal_conv1d")
def test_causal_gradients(learner, torch_rng):
    """Gradients reach the sequences, the kernel and the bias."""
    x, weight, bias = sizes_of(torch_rng, 2, 5, 3, 2, 3)
    cotangent = normal(torch_rng, 2, 5, 2)

    gradients = learner.vjp("causal_conv1d", x, weight, bias, dilation=2)(cotangent).inputs

    leaves = [each.clone().requires_grad_() for each in (x, weight, bias)]
    expected = torch.autograd.grad((torch_causal(*leaves, 2) * cotangent).sum(), leaves)
    for gradient, right, name in zip(gradients, expected, ("x", "weight", "bias"), strict=True):
        check_close(gradient, right, **F64, of=f"the gradient of {name}")


# --- max_over_time_pool ---


def slow_max(x, mask):
    """The largest real number of each channel, one channel at a time."""
    result = torch.zeros(x.shape[0], x.shape[2], dtype=x.dtype)
    for b, sequence in enumerate(x):
        if mask[b].any():
            result[b] = torch.stack([max(column[mask[b]]) for column in sequence.T])
    return result


@pytest.mark.exercise("max_over_time_pool")
def test_max_by_hand(learner):
    """Without a mask each channel keeps its own largest number, wherever that stands."""
    x = torch.tensor([[[1.0, 8.0], [5.0, -2.0], [3.0, 0.0]], [[-4.0, -1.0], [-6.0, -3.0], [-2.0, -9.0]]])

    check_close(learner.max_over_time_pool(x), torch.tensor([[5.0, 8.0], [-2.0, -1.0]]), **EXACT)


@pytest.mark.exercise("max_over_time_pool")
def test_padding_does_not_win(learner):
    """Where all real answers are negative the largest of them counts, not the padding."""
    x = torch.tensor([[[-3.0, 1.0], [-2.0, -5.0], [0.0, 9.0], [0.0, 0.0]]])

    pooled = learner.max_over_time_pool(x, torch.tensor([[True, True, False, False]]))

    check_close(pooled, torch.tensor([[-2.0, 1.0]]), **EXACT)


@pytest.mark.exercise("max_over_time_pool", points=2)
@pytest.mark.parametrize(("batch", "length", "channels"), [(3, 5, 4), (4, 4, 4), (2, 9, 1), (1, 1, 3), (5, 2, 6)])
def test_any_position_may_be_real(learner, torch_rng, batch, length, channels):
    """The mask may hide any positions, in every sequence others: the maximum of the rest."""
    x = normal(torch_rng, batch, length, channels) - 2
    mask = torch.rand(batch, length, generator=torch_rng) < 0.5
    mask[torch.arange(batch), torch.randint(length, (batch,), generator=torch_rng)] = True

    check_close(learner.max_over_time_pool(x, mask), slow_max(x, mask), **EXACT)


@pytest.mark.exercise("max_over_time_pool")
def test_nothing_real_gives_zeros(learner, torch_rng):
    """A sequence without any real position gets zeros; the others are not touched by it."""
    x = normal(torch_rng, 3, 4, 5) - 3
    mask = torch.tensor([[True, False, True, False], [False] * 4, [False, True, True, True]])

    check_close(learner.max_over_time_pool(x, mask), slow_max(x, mask), **EXACT)


@pytest.mark.exercise("max_over_time_pool")
@pytest.mark.parametrize("padding", [math.inf, -math.inf, math.nan, 3e38], ids=str)
def test_what_stands_at_the_padding_does_not_matter(learner, torch_rng, padding):
    """Infinities, NaN or the largest float at the padding change nothing."""
    x = normal(torch_rng, 3, 4, 2, dtype=torch.float32)
    mask = torch.tensor([[True, True, False, False], [True, False, True, False], [False] * 4])
    expected = slow_max(x, mask)
    x[~mask] = padding

    check_close(learner.max_over_time_pool(x, mask), expected, **EXACT)


@pytest.mark.exercise("max_over_time_pool")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_very_negative_answers(learner, torch_rng, dtype):
    """Real answers may be as negative as 10³⁷ below zero and still count; dtype and arguments stay as they were."""
    x = -(1e37 + 1e36 * torch.rand(2, 5, 3, generator=torch_rng, dtype=dtype))
    mask = torch.tensor([[True, True, True, False, False], [True] * 5])

    pooled, after, _ = learner.call("max_over_time_pool", x.clone(), mask.clone(), after=True)

    check_dtype(pooled, dtype, "the result")
    check_close(pooled, slow_max(x, mask), **EXACT)
    check_unchanged(after[0], x, of="x")
    check_unchanged(after[1], mask, of="mask")


@pytest.mark.exercise("max_over_time_pool")
def test_the_gradient_goes_to_the_winner(learner, torch_rng):
    """The gradient of each channel goes to its largest real position; where nothing is real it is zero, not NaN."""
    x, cotangent = normal(torch_rng, 3, 4, 2), normal(torch_rng, 3, 2)
    mask = torch.tensor([[True, True, True, False], [False] * 4, [True, False, False, True]])

    gradient = learner.vjp("max_over_time_pool", x, mask)(cotangent).inputs[0]

    expected = torch.zeros_like(x)
    for b in (0, 2):
        for c in range(2):
            winner = max(mask[b].nonzero().flatten().tolist(), key=lambda t, b=b, c=c: float(x[b, t, c]))
            expected[b, winner, c] = cotangent[b, c]
    check_close(gradient, expected, **F64, of="the gradient of x")


# --- receptive_field ---


def seen_positions(kernels, strides, dilations):
    """The slow way: from one result downwards, every single position that any layer reads."""
    seen = {0}
    for kernel_width, stride, dilation in reversed(list(zip(kernels, strides, dilations, strict=True))):
        seen = {position * stride + k * dilation for position in seen for k in range(kernel_width)}
    return max(seen) - min(seen) + 1


@pytest.mark.exercise("receptive_field")
@pytest.mark.parametrize(("kernel_width", "dilation", "expected"), [(3, 1, 3), (5, 1, 5), (3, 4, 9), (1, 6, 1)])
def test_one_layer(learner, kernel_width, dilation, expected):
    """One layer sees its kernel's width, stretched by the dilation: from the first entry to the last."""
    check_equal(learner.receptive_field([kernel_width], [1], [dilation]), expected, of="the receptive field")


@pytest.mark.exercise("receptive_field")
@pytest.mark.parametrize("kernels", [[3, 3], [3, 3, 3, 3], [5, 2, 4], [2] * 9, [1, 1, 3]], ids=str)
def test_plain_layers_add_up(learner, kernels):
    """Without strides and dilations each layer adds its width less one: windows of neighbours overlap."""
    ones = [1] * len(kernels)

    check_equal(learner.receptive_field(kernels, ones, ones), sum(kernels) - len(kernels) + 1, of="the receptive field")


@pytest.mark.exercise("receptive_field")
@pytest.mark.parametrize("kernel_width", [2, 3, 5])
def test_growing_dilations(learner, kernel_width):
    """With dilations 1, K, K² … a stack of L layers sees exactly K to the power of L positions."""
    reached = [
        learner.receptive_field([kernel_width] * layers, [1] * layers, [kernel_width**i for i in range(layers)])
        for layers in range(1, 8)
    ]

    check_equal(reached, [kernel_width**layers for layers in range(1, 8)], of="the receptive fields of 1 to 7 layers")


@pytest.mark.exercise("receptive_field")
@pytest.mark.parametrize(
    ("kernels", "strides"),
    [([3, 3], [2, 1]), ([3, 3], [1, 2]), ([3, 3, 3], [1, 2, 1]), ([4, 4, 2], [2, 3, 5])],
    ids=str,
)
def test_strides_below_count(learner, kernels, strides):
    """A stride spreads the layers above it; the last layer's own stride adds nothing."""
    ones = [1] * len(kernels)

    check_equal(
        learner.receptive_field(kernels, strides, ones),
        seen_positions(kernels, strides, ones),
        of="the receptive field",
    )


@pytest.mark.exercise("receptive_field", points=2)
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_random_stacks(learner, rng, layers):
    """Any widths, strides and dilations: from the first to the last position that one result depends on."""
    drawn = [[rng.integers(1, top, size=layers).tolist() for top in (6, 4, 5)] for _ in range(8)]

    got = [learner.receptive_field(*stack) for stack in drawn]

    check_equal(got, [seen_positions(*stack) for stack in drawn], of="the receptive fields")


@pytest.mark.exercise("receptive_field")
def test_no_layers_and_uneven_lists(learner):
    """Without layers a position sees itself; lists of different lengths raise ValueError."""
    check_equal(learner.receptive_field([], [], []), 1, of="the receptive field of no layers")
    check_raises(ValueError, learner.receptive_field, [3, 3], [1, 1], [1])
    check_raises(ValueError, learner.receptive_field, [3, 3], [1], [1, 1])
    check_raises(ValueError, learner.receptive_field, [3], [1, 1], [1, 1])


# --- TextCNN ---

SIZES = {"vocab_size": 11, "hidden_size": 4, "num_filters": 6, "num_classes": 3}


def weights_of(generator, vocab_size, hidden_size, num_filters, num_classes, widths=(3, 4, 5), bias=0.0):
    """Weights of a size that makes every detector count; `bias` moves those of the detectors."""
    state = {"embedding.weight": normal(generator, vocab_size, hidden_size)}
    for i, width in enumerate(widths):
        state[f"convs.{i}.weight"] = normal(generator, num_filters, hidden_size, width, scale=0.5)
        state[f"convs.{i}.bias"] = normal(generator, num_filters) + bias
    state["head.weight"] = normal(generator, num_classes, len(widths) * num_filters)
    state["head.bias"] = normal(generator, num_classes)
    return state


def one_text(state, ids, widths):
    """The scores of one text without padding: torch's embedding, its own Conv1d, ReLU, maximum, head."""
    x = F.embedding(ids, state["embedding.weight"]).T  # (C, T)
    answers = []
    for i, width in enumerate(widths):
        weight, bias = state[f"convs.{i}.weight"], state[f"convs.{i}.bias"]
        conv = nn.Conv1d(weight.shape[1], weight.shape[0], width, padding=width - 1, dtype=weight.dtype)
        y = torch.func.functional_call(conv, {"weight": weight, "bias": bias}, (x[None],))
        answers.append(torch.relu(y[0]).amax(dim=-1))
    return F.linear(torch.cat(answers), state["head.weight"], state["head.bias"])


def texts_apart(state, ids, lengths, widths=(3, 4, 5)):
    return torch.stack([one_text(state, text[:length], widths) for text, length in zip(ids, lengths, strict=True)])


def learners_model(learner, state, sizes, **options):
    model = learner.TextCNN(**sizes, **options)
    if state["head.bias"].dtype == torch.float64:
        model = model.double()
    model.load_state_dict(state)
    return model


def texts(generator, batch, length):
    return torch.randint(SIZES["vocab_size"], (batch, length), generator=generator)


@pytest.mark.exercise("TextCNN")
@pytest.mark.parametrize("widths", [(3, 4, 5), (2,), (1, 7)], ids=str)
def test_parameters_of_the_model(learner, torch_rng, widths):
    """The state_dict has the names and shapes that the docstring names: one convolution for each width, in order."""
    options = {} if widths == (3, 4, 5) else {"widths": widths}
    state = learner.TextCNN(**SIZES, **options).state_dict()

    shapes = {str(name): tuple(value.shape) for name, value in state.items()}
    expected = {name: tuple(value.shape) for name, value in weights_of(torch_rng, **SIZES, widths=widths).items()}
    check_equal(shapes, expected, of="the shapes in the state_dict")


@pytest.mark.exercise("TextCNN")
def test_a_detector_by_hand(learner):
    """One detector that waits for token 1 followed by token 2: only the text that has them in this order scores."""
    state = {
        "embedding.weight": torch.eye(3, dtype=torch.float64)[:, 1:],  # token 0 is zero, 1 and 2 have a channel each
        "convs.0.weight": torch.eye(2, dtype=torch.float64)[None],
        "convs.0.bias": torch.tensor([-1.0], dtype=torch.float64),
        "head.weight": torch.tensor([[10.0], [-10.0]], dtype=torch.float64),
        "head.bias": torch.tensor([1.0, 2.0], dtype=torch.float64),
    }
    sizes = {"vocab_size": 3, "hidden_size": 2, "num_filters": 1, "num_classes": 2}
    model = learners_model(learner, state, sizes, widths=(2,))

    scores = model(torch.tensor([[0, 1, 2, 0], [0, 2, 1, 0], [1, 0, 2, 0]]), torch.tensor([4, 4, 4]))

    check_close(scores, torch.tensor([[11.0, -8.0], [1.0, 2.0], [1.0, 2.0]], dtype=torch.float64), **F64)


@pytest.mark.exercise("TextCNN", points=2)
@pytest.mark.parametrize("widths", [(3, 4, 5), (2,), (5, 1, 3, 3)], ids=str)
def test_model_equals_torch(learner, torch_rng, widths):
    """Without padding in the batch: what torch's own Conv1d, a maximum and the head make of these weights."""
    state = weights_of(torch_rng, **SIZES, widths=widths)
    ids, lengths = texts(torch_rng, 4, 8), torch.tensor([8, 8, 8, 8])

    scores = learners_model(learner, state, SIZES, widths=widths)(ids, lengths)

    check_close(scores, texts_apart(state, ids, lengths, widths), **F64, of="the scores")


@pytest.mark.exercise("TextCNN")
def test_one_token_is_a_text(learner, torch_rng):
    """A text may be shorter than every detector: the windows reach beyond both of its ends."""
    state = weights_of(torch_rng, **SIZES)
    ids = texts(torch_rng, 5, 1)

    scores = learners_model(learner, state, SIZES)(ids, torch.ones(5, dtype=torch.long))

    check_close(scores, texts_apart(state, ids, [1] * 5), **F64, of="the scores")


@pytest.mark.exercise("TextCNN", points=2)
@pytest.mark.parametrize("bias", [-1.5, 0.0, 4.0])
def test_each_text_scores_as_if_alone(learner, torch_rng, bias):
    """Padding changes nothing, whatever ids it holds: neither its vectors nor the bias of empty windows are heard."""
    state = weights_of(torch_rng, **SIZES, bias=bias)
    # With a large bias empty windows answer strongly; embeddings below zero let all real answers stay below theirs.
    if bias > 0:
        state["embedding.weight"], state["convs.0.weight"] = (
            -state["embedding.weight"].abs(),
            state["convs.0.weight"].abs(),
        )
    ids, lengths = texts(torch_rng, 6, 9), torch.tensor([9, 1, 4, 2, 6, 3])

    scores = learners_model(learner, state, SIZES)(ids, lengths)

    check_close(scores, texts_apart(state, ids, lengths), **F64, of="the scores")


@pytest.mark.exercise("TextCNN")
def test_model_in_float32(learner, torch_rng):
    """The model as it is built is float32; ids and lengths are the same after the call."""
    state = {name: value.float() for name, value in weights_of(torch_rng, **SIZES).items()}
    ids, lengths = texts(torch_rng, 3, 6), torch.tensor([6, 2, 4])
    model = learners_model(learner, state, SIZES)

    scores, after, _ = learner.call(model, ids.clone(), lengths.clone(), after=True)

    check_dtype(scores, torch.float32, "the scores")
    check_close(scores, texts_apart(state, ids, lengths), **F32, of="the scores")
    check_unchanged(after[0], ids, of="ids")
    check_unchanged(after[1], lengths, of="lengths")


@probe
def model_gradients(learner, sizes, state, ids, lengths, cotangent):
    """Return the gradients of the parameters by their names."""
    model = learner.TextCNN(**sizes).double()
    model.load_state_dict(state)
    (model(ids, lengths) * cotangent).sum().backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.exercise("TextCNN")
def test_model_gradients(learner, torch_rng):
    """Gradients reach every parameter, through the windows that won."""
    state = weights_of(torch_rng, **SIZES)
    ids, lengths, cotangent = texts(torch_rng, 3, 7), torch.tensor([7, 3, 5]), normal(torch_rng, 3, 3)

    got = learner.run(model_gradients, SIZES, state, ids, lengths, cotangent)

    leaves = {name: value.clone().requires_grad_() for name, value in state.items()}
    expected = torch.autograd.grad((texts_apart(leaves, ids, lengths) * cotangent).sum(), list(leaves.values()))
    for (name, _), right in zip(leaves.items(), expected, strict=True):
        check_close(got.get(name), right, **F64, of=f"the gradient of {name}")
