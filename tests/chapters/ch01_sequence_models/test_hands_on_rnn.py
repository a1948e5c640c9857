"""Hidden suite of 1.5, a character-level RNN. Oracles: torch's own LSTM, cross-entropy, autograd, randint and
multinomial, closed forms, and slow loops over single characters written here.

A cell, a small model and an optimizer travel to the learner's side as props; the judge runs the same models by itself.
"""

import itertools
import math

import pytest
import torch
from torch import nn

from grader.checks import (
    check_close,
    check_equal,
    check_frequencies,
    check_raises,
    check_that,
    check_unchanged,
    probe,
    prop,
)

# float64: a few steps in a row, sums of a dozen terms and some exponentials, each right to about 1e-15.
F64 = {"rtol": 1e-9, "atol": 1e-11}
# float32: a dozen steps that contract, sums of a dozen terms of size one, right to about 1e-6.
F32 = {"rtol": 1e-5, "atol": 1e-5}


def normal(generator, *shape, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(*shape, generator=generator, dtype=dtype)


def whole(generator, high, *shape):
    return torch.randint(high, shape, generator=generator)


def one_number(generator, low, high):
    return int(torch.randint(low, high, (), generator=generator))


def gradients_of(result, leaves, cotangent):
    return torch.autograd.grad((result * cotangent).sum(), leaves)


def check_dtype(got, dtype, of="the result"):
    check_equal(str(getattr(got, "dtype", type(got).__name__)), str(dtype), of=f"the dtype of {of}")


def check_pair(result, of):
    """Require two tensors, as a tuple or a list."""
    good = isinstance(result, tuple | list) and len(result) == 2 and all(isinstance(x, torch.Tensor) for x in result)
    check_that(good, f"{of} must be a tuple of two tensors")
    return tuple(result)


# --- build_vocab, encode, decode ---


@pytest.mark.exercise("build_vocab")
def test_vocab_by_hand(learner):
    """The characters of "banana": a, b and n, each once, as a list."""
    check_equal(learner.build_vocab("banana"), ["a", "b", "n"])


@pytest.mark.exercise("build_vocab")
def test_vocab_keeps_blanks_and_breaks(learner):
    """Spaces, tabs and line breaks are characters like any other."""
    check_equal(learner.build_vocab("so,\n\tto be \n"), ["\t", "\n", " ", ",", "b", "e", "o", "s", "t"])


@pytest.mark.exercise("build_vocab")
def test_vocab_keeps_both_cases(learner):
    """A capital is another character than its small letter, and comes before it."""
    check_equal(learner.build_vocab("To be or Not to Be"), [" ", "B", "N", "T", "b", "e", "o", "r", "t"])


@pytest.mark.exercise("build_vocab")
def test_vocab_in_order_of_code_points(learner, torch_rng):
    """Any characters at all come in ascending order of their code points, whatever their order in the text."""
    points = [*(20 + 37 * torch.randperm(400, generator=torch_rng)[:60]).tolist(), 0x1F600, 0x1F41D, 0xDF, 0x2014]
    text = "".join(chr(point) * (1 + point % 3) for point in points)

    check_equal(learner.build_vocab(text), [chr(point) for point in sorted(points)])


VOCAB = ["t", "o", " ", "b", "e", "\n", "T", "ß"]


@pytest.mark.exercise("encode")
def test_encode_by_hand(learner):
    """Each character becomes its place in the vocabulary, as int64."""
    ids = learner.encode("To be\nto", VOCAB)

    check_equal(ids, torch.tensor([6, 1, 2, 3, 4, 5, 0, 1]))
    check_dtype(ids, torch.int64)


@pytest.mark.exercise("encode")
def test_encode_any_text(learner, torch_rng):
    """Any text over any vocabulary, in the order in which the vocabulary stands."""
    vocab = [chr(60 + 7 * place) for place in torch.randperm(50, generator=torch_rng).tolist()]
    places = whole(torch_rng, 50, 300)

    check_equal(learner.encode("".join(vocab[place] for place in places.tolist()), vocab), places)


@pytest.mark.exercise("encode")
@pytest.mark.parametrize("text", ["tobet!", "B"])
def test_encode_refuses_unknown_characters(learner, text):
    """A character that is not in the vocabulary raises KeyError; the others do not."""
    check_equal(learner.encode("bet", VOCAB), torch.tensor([3, 4, 0]))
    check_raises(KeyError, learner.encode, text, VOCAB, says="where a character is not in the vocabulary")


@pytest.mark.exercise("encode")
def test_encode_nothing(learner):
    """No text is no ids: an empty int64 tensor; one character is one id."""
    check_equal(learner.encode("ß", VOCAB), torch.tensor([7]))
    nothing = learner.encode("", VOCAB)

    check_equal(tuple(nothing.shape), (0,), of="the shape of the result for an empty text")
    check_dtype(nothing, torch.int64)


@pytest.mark.exercise("decode")
def test_decode_by_hand(learner):
    """Each id becomes the character at its place, with nothing put between them."""
    check_equal(learner.decode(torch.tensor([6, 1, 2, 3, 4, 5, 0, 1]), VOCAB), "To be\nto")


@pytest.mark.exercise("decode")
def test_decode_any_ids(learner, torch_rng):
    """Any ids over any vocabulary, in the order in which the vocabulary stands."""
    vocab = [chr(60 + 7 * place) for place in torch.randperm(50, generator=torch_rng).tolist()]
    ids = whole(torch_rng, 50, 300)
    text = ""
    for id in ids.tolist():
        text += vocab[id]

    check_equal(learner.decode(ids, vocab), text)


@pytest.mark.exercise("decode")
def test_decode_keeps_blanks(learner):
    """Blanks and line breaks at the ends stay, and no ids are no text."""
    check_equal(learner.decode(torch.tensor([2, 5, 3, 2, 5]), VOCAB), " \nb \n")
    check_equal(learner.decode(torch.zeros(0, dtype=torch.int64), VOCAB), "")


# --- get_batch ---


def lanes(ids, batch_size, length, step):
    """One character at a time: the oracle."""
    ids = ids.tolist()
    lane = (len(ids) - 1) // batch_size
    batch = step % (lane // length)
    inputs, targets = [], []
    for row in range(batch_size):
        start = row * lane + batch * length
        inputs.append([ids[start + place] for place in range(length)])
        targets.append([ids[start + place + 1] for place in range(length)])
    return torch.tensor(inputs), torch.tensor(targets)


def check_batch(result, expected):
    inputs, targets = check_pair(result, "the result")
    check_equal(inputs, expected[0], of="the inputs")
    check_equal(targets, expected[1], of="the targets")


@pytest.mark.exercise("get_batch")
def test_batch_by_hand(learner):
    """Fourteen characters in two lanes of six, windows of three: the first batch."""
    result = learner.get_batch(torch.arange(10, 24), 2, 3, 0)

    check_batch(result, torch.tensor([[[10, 11, 12], [16, 17, 18]], [[11, 12, 13], [17, 18, 19]]]).unbind())


@pytest.mark.exercise("get_batch")
def test_batches_go_on_in_their_lanes(learner, torch_rng):
    """Side by side, the batches of one pass are the lanes: each row goes on where it stopped."""
    ids = whole(torch_rng, 50, 3 * 24 + 1)

    batches = [check_pair(learner.get_batch(ids, 3, 6, step), "the result") for step in range(4)]

    shapes = [tuple(tensor.shape) for pair in batches for tensor in pair]
    check_equal(shapes, [(3, 6)] * 8, of="the shapes of the inputs and targets of four batches")
    check_equal(torch.cat([inputs for inputs, _ in batches], dim=1), ids[:-1].reshape(3, 24), of="the inputs in a row")
    check_equal(torch.cat([each for _, each in batches], dim=1), ids[1:].reshape(3, 24), of="the targets in a row")


@pytest.mark.exercise("get_batch", points=2)
@pytest.mark.parametrize(
    ("count", "batch_size", "length"),
    [(40, 4, 3), (41, 4, 5), (42, 4, 5), (60, 1, 7), (57, 7, 1), (33, 2, 16), (300, 5, 8), (101, 10, 10)],
)
def test_batches_of_any_size(learner, torch_rng, count, batch_size, length):
    """Any number of characters, lanes and places: the same windows as cut out one character at a time."""
    ids = whole(torch_rng, 90, count)
    step = one_number(torch_rng, 0, (count - 1) // batch_size // length)

    result, after, _ = learner.call("get_batch", ids.clone(), batch_size, length, step, after=True)

    check_batch(result, lanes(ids, batch_size, length, step))
    check_unchanged(after[0], ids, of="ids")


@pytest.mark.exercise("get_batch")
@pytest.mark.parametrize("step", [3, 4, 5, 7, 30])
def test_batches_begin_again(learner, torch_rng, step):
    """After the last batch of a pass comes the first again."""
    ids = whole(torch_rng, 90, 70)  # lanes of 17, three batches of five places

    check_batch(learner.get_batch(ids, 4, 5, step), lanes(ids, 4, 5, step))


@pytest.mark.exercise("get_batch")
def test_every_lane_has_a_last_target(learner, torch_rng):
    """Where the lanes would use up the whole text, they are one shorter: the last character is only ever a target."""
    ids = whole(torch_rng, 90, 48)  # 12 a lane would leave the last lane without its last target

    for step in (0, 1, 2):
        check_batch(learner.get_batch(ids, 4, 5, step), lanes(ids, 4, 5, step))


@pytest.mark.exercise("get_batch")
@pytest.mark.parametrize(("count", "enough"), [(12, 13), (9, 100), (1, 13), (3, 14)])
def test_batch_refuses_a_short_text(learner, count, enough):
    """Three lanes of four places need thirteen characters; fewer raise ValueError."""
    check_batch(learner.get_batch(torch.arange(enough), 3, 4, 0), lanes(torch.arange(enough), 3, 4, 0))
    check_raises(ValueError, learner.get_batch, torch.arange(count), 3, 4, 0, says="for a text of too few characters")


# --- CharRNN ---


@prop
def lstm_parts():
    """What 1.2 teaches, written anew."""
    import types

    import torch
    from torch.nn.functional import linear

    def lstm_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
        h, c = state
        i, f, g, o = (linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    return types.SimpleNamespace(lstm_cell=lstm_cell)


@prop
def strange_parts():
    """Another cell behind the same name: it adds up, and uses each of its arguments in a way of its own."""
    import types

    def lstm_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
        h, c = state
        size = h.shape[-1]
        new_c = 0.5 * c + x @ weight_ih[:size].T + bias_ih[-size:]
        return (new_c - h @ weight_hh[size : 2 * size].T * 0.25 + bias_hh[:size]).sin(), new_c

    return types.SimpleNamespace(lstm_cell=lstm_cell)


CELL = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
SIZES = {"vocab_size": 7, "embedding_size": 3, "hidden_size": 4}


def shapes_of(vocab_size, embedding_size, hidden_size):
    return {
        "embedding.weight": (vocab_size, embedding_size),
        "weight_ih": (4 * hidden_size, embedding_size),
        "weight_hh": (4 * hidden_size, hidden_size),
        "bias_ih": (4 * hidden_size,),
        "bias_hh": (4 * hidden_size,),
        "head.weight": (vocab_size, hidden_size),
        "head.bias": (vocab_size,),
    }


def random_weights(generator, sizes=SIZES, dtype=torch.float32):
    return {name: normal(generator, *shape, scale=0.7, dtype=dtype) for name, shape in shapes_of(**sizes).items()}


def learners_rnn(learner, weights=None, sizes=SIZES, parts=lstm_parts):
    model = learner.CharRNN(*sizes.values(), learner.build(parts))
    if weights is not None:
        if weights["bias_ih"].dtype == torch.float64:
            model.double()
        model.load_state_dict(weights)
    return model


def oracle_rnn(weights, ids, state=None):
    """torch's own LSTM between the two tables."""
    embedding, head, bias = weights["embedding.weight"], weights["head.weight"], weights["head.bias"]
    lstm = nn.LSTM(embedding.shape[1], head.shape[1], batch_first=True, dtype=head.dtype)
    if state is not None:
        state = tuple(each[None] for each in state)
    inner = {f"{name}_l0": weights[name] for name in CELL}
    outputs, (h, c) = torch.func.functional_call(lstm, inner, (embedding[ids], state))
    return outputs @ head.T + bias, (h[0], c[0])


def check_reading(result, expected, close=F32):
    good = isinstance(result, tuple | list) and len(result) == 2
    check_that(good, "the model must return a tuple of two things, the logits and the state")
    check_close(result[0], expected[0], **close, of="the logits")
    h, c = check_pair(result[1], "the state that the model returns")
    check_close(h, expected[1][0], **close, of="the hidden state h after the last place")
    check_close(c, expected[1][1], **close, of="the cell state c after the last place")


@pytest.mark.exercise("CharRNN")
@pytest.mark.parametrize("sizes", [(7, 3, 4), (5, 6, 2)])
def test_rnn_has_these_weights(learner, sizes):
    """Embedding, the cell's four parameters and the head, under their names, and nothing else."""
    sizes = dict(zip(SIZES, sizes, strict=True))

    weights = learners_rnn(learner, sizes=sizes).state_dict()

    shapes = {str(name): tuple(weight.shape) for name, weight in weights.items()}
    check_equal(shapes, shapes_of(**sizes), of="the shapes in the state_dict")


@pytest.mark.exercise("CharRNN")
def test_rnn_without_a_state(learner, torch_rng):
    """Where the cell lets nothing out, every place gets the bias of the head as its logits."""
    weights = random_weights(torch_rng) | {"weight_ih": torch.zeros(16, 3), "weight_hh": torch.zeros(16, 4)}
    weights |= {"bias_ih": torch.full((16,), -60.0), "bias_hh": torch.zeros(16)}

    logits = learners_rnn(learner, weights)(torch.tensor([[3, 0, 6], [1, 1, 2]]))[0]

    check_close(logits, weights["head.bias"].expand(2, 3, 7), **F32, of="the logits")


@pytest.mark.exercise("CharRNN", points=3)
@pytest.mark.parametrize(
    ("sizes", "batch", "length"), [((7, 3, 4), 2, 5), ((4, 5, 6), 3, 4), ((9, 4, 4), 4, 4), ((3, 2, 5), 1, 9)]
)
def test_rnn_equals_torch(learner, torch_rng, sizes, batch, length):
    """Any sizes: logits at every place and the state after the last, as from torch's own LSTM with these weights."""
    sizes = dict(zip(SIZES, sizes, strict=True))
    weights = random_weights(torch_rng, sizes)
    ids = whole(torch_rng, sizes["vocab_size"], batch, length)

    result = learners_rnn(learner, weights, sizes)(ids)

    check_reading(result, oracle_rnn(weights, ids))


@pytest.mark.exercise("CharRNN", points=2)
def test_rnn_goes_on_from_a_state(learner, torch_rng):
    """With a state given, reading begins there, each row with its own; a single place is enough."""
    weights = random_weights(torch_rng)
    model = learners_rnn(learner, weights)
    for length in (1, 3):
        ids = whole(torch_rng, 7, 2, length)
        state = normal(torch_rng, 2, 4, dtype=torch.float32), normal(torch_rng, 2, 4, dtype=torch.float32)

        check_reading(model(ids, state), oracle_rnn(weights, ids, state))


@pytest.mark.exercise("CharRNN")
def test_two_windows_are_one_text(learner, torch_rng):
    """A text read in two windows, the state handed on, gives the logits of the text read at once."""
    weights = random_weights(torch_rng)
    model = learners_rnn(learner, weights)
    ids = whole(torch_rng, 7, 3, 9)

    first, state = model(ids[:, :4])
    second = model(ids[:, 4:], state)

    logits, last = oracle_rnn(weights, ids)
    check_close(first, logits[:, :4], **F32, of="the logits of the first window")
    check_reading(second, (logits[:, 4:], last))


@pytest.mark.exercise("CharRNN")
def test_rnn_leaves_the_state_alone(learner, torch_rng):
    """The state that is given is the same after the call."""
    weights = random_weights(torch_rng)
    ids = whole(torch_rng, 7, 2, 3)
    h, c = normal(torch_rng, 2, 4, dtype=torch.float32), normal(torch_rng, 2, 4, dtype=torch.float32)

    result, after, _ = learner.call(learners_rnn(learner, weights), ids, (h.clone(), c.clone()), after=True)

    check_reading(result, oracle_rnn(weights, ids, (h, c)))
    check_unchanged(after[1][0], h, of="h")
    check_unchanged(after[1][1], c, of="c")


@pytest.mark.exercise("CharRNN", points=2)
def test_the_cell_is_the_one_given(learner, torch_rng):
    """Another cell in `parts` is what the model then steps with, the four parameters in their places."""
    weights = random_weights(torch_rng, dtype=torch.float64)
    ids = whole(torch_rng, 7, 2, 4)
    start = normal(torch_rng, 2, 4), normal(torch_rng, 2, 4)

    result = learners_rnn(learner, weights, parts=strange_parts)(ids, start)

    cell, state, hidden = strange_parts().lstm_cell, start, []
    for place in range(4):
        state = cell(weights["embedding.weight"][ids[:, place]], state, *[weights[name] for name in CELL])
        hidden.append(state[0] @ weights["head.weight"].T + weights["head.bias"])
    check_reading(result, (torch.stack(hidden, dim=1), state), F64)


@pytest.mark.exercise("CharRNN")
def test_rnn_in_double_precision(learner, torch_rng):
    """After `model.double()` everything is float64, the zeros that reading begins with as well."""
    weights = random_weights(torch_rng, dtype=torch.float64)
    ids = whole(torch_rng, 7, 2, 6)

    result = learners_rnn(learner, weights)(ids)

    check_reading(result, oracle_rnn(weights, ids), F64)
    check_dtype(result[0], torch.float64, "the logits")


@prop
def logits_only(model):
    """The model without the state that it returns."""
    from torch import nn

    class LogitsOnly(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, ids):
            return self.model(ids)[0]

    return LogitsOnly()


@pytest.mark.exercise("CharRNN", points=2)
def test_rnn_gradients(learner, torch_rng):
    """The logits' gradients reach every parameter, through all steps."""
    weights = random_weights(torch_rng, dtype=torch.float64)
    ids = whole(torch_rng, 7, 2, 6)
    cotangent = normal(torch_rng, 2, 6, 7)

    pull = learner.vjp(learner.build(logits_only, learners_rnn(learner, weights)), ids)
    got = {name.removeprefix("model."): gradient for name, gradient in pull(cotangent).parameters.items()}

    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    logits, _ = oracle_rnn(leaves, ids)
    expected = dict(zip(leaves, gradients_of(logits, list(leaves.values()), cotangent), strict=True))
    check_close(got, expected, **F64, of="the gradients")


@pytest.mark.exercise("CharRNN")
def test_rnn_begins_with_these_numbers(learner):
    """The cell's numbers spread evenly between −1/√C and 1/√C; embedding and head begin as torch makes them."""
    sizes = {"vocab_size": 60, "embedding_size": 50, "hidden_size": 64}

    weights = learners_rnn(learner, sizes=sizes).state_dict()

    # 12,800 and 16,384 numbers, 256 for each bias, in ten bins. A wider spread lies beyond the ends; half as wide, or
    # zeros, leave outer bins empty, and 256 times KL(0, 0.1) = 0.105 is 27, more than check_frequencies allows.
    for name in CELL:
        check_spread(weights[name], 1 / 8, f"{name}: how many of its numbers lie in each tenth of −1/8 … 1/8")
    check_spread(weights["head.weight"], 1 / 8, "head.weight: how many of its numbers lie in each tenth of −1/8 … 1/8")
    tenths = torch.special.ndtri(torch.arange(1, 10, dtype=torch.float64) / 10)
    counts = torch.bincount(torch.bucketize(weights["embedding.weight"].double().flatten(), tenths), minlength=10)
    check_frequencies(counts.numpy(), [0.1] * 10, of="embedding.weight: how many numbers lie in each tenth of a normal")


def check_spread(weight, bound, of):
    check_that(bool(weight.abs().max() <= bound * (1 + 1e-6)), f"{of}: some lie beyond")
    tenth = ((weight.double().flatten() / bound + 1) * 5).long().clamp(0, 9)
    check_frequencies(torch.bincount(tenth, minlength=10).numpy(), [0.1] * 10, of=of)


# --- train_step ---


@prop
def small_model(weights):
    """A recurrent network with two states, h and c: float64 as its weights are."""
    import torch
    from torch import nn

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.inner, self.head = (nn.Parameter(weights[name].clone()) for name in weights)

        def forward(self, inputs, state=None):
            zeros = self.inner.new_zeros(len(inputs), len(self.inner))
            h, c = (zeros, zeros) if state is None else state
            logits = []
            for place in range(inputs.shape[1]):
                h = torch.tanh(self.table[inputs[:, place]] + (h + c) @ self.inner)
                c = 0.75 * c + h
                logits.append(h @ self.head)
            return torch.stack(logits, dim=1), (h, c)

    return Small()


@prop
def sgd(model, lr, momentum, leftover=0.0):
    """torch's own optimizer over the model's parameters, which may hold gradients from before."""
    import torch

    for parameter in model.parameters():
        if leftover:
            parameter.grad = torch.full_like(parameter, leftover)
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)


@probe
def training(module, model, optimizer, windows, further):
    """Take one step for each window and hand the state on; return what came back, and the weights afterwards."""
    losses, kinds, states, state = [], [], [], None
    for inputs, targets in windows:
        loss, state = module.train_step(model, optimizer, inputs, targets, state, **further)
        losses.append(float(loss))
        kinds.append(type(loss).__name__)
        states.append([each.clone() for each in state])
    attached = [bool(each.requires_grad) for each in state]
    weights = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    return {"losses": losses, "kinds": kinds, "states": states, "attached": attached, "weights": weights}


def small_weights(generator, vocab_size=5, size=3):
    shapes = {"table": (vocab_size, size), "inner": (size, size), "head": (size, vocab_size)}
    return {name: normal(generator, *shape, scale=0.6) for name, shape in shapes.items()}


def some_windows(generator, count, batch=2, length=4, vocab_size=5):
    ids = whole(generator, vocab_size, batch, count * length + 1)
    cuts = [slice(step * length, (step + 1) * length) for step in range(count)]
    return [(ids[:, :-1][:, cut], ids[:, 1:][:, cut]) for cut in cuts]


def trained(weights, windows, lr, momentum=0.0, max_norm=1.0):
    """The oracle: autograd for the gradients, the update rule of SGD written out."""
    model = small_model(weights)
    parameters, speeds = list(model.parameters()), None
    losses, states, norms, state = [], [], [], None
    for inputs, targets in windows:
        logits, state = model(inputs, state)
        of_each = -torch.log_softmax(logits, dim=-1).gather(-1, targets[..., None])
        gradients = torch.autograd.grad(of_each.mean(), parameters)
        norms.append(math.sqrt(sum(float(gradient.pow(2).sum()) for gradient in gradients)))
        gradients = [gradient * min(1.0, max_norm / (norms[-1] + 1e-6)) for gradient in gradients]
        speeds = gradients if speeds is None else [momentum * v + g for v, g in zip(speeds, gradients, strict=True)]
        with torch.no_grad():
            for parameter, speed in zip(parameters, speeds, strict=True):
                parameter -= lr * speed
        state = tuple(each.detach() for each in state)
        losses.append(of_each.mean().item())
        states.append(list(state))
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    return {"losses": losses, "states": states, "weights": weights, "norms": norms}


def run_training(learner, weights, windows, lr, momentum=0.0, leftover=0.0, **further):
    model = learner.build(small_model, weights)
    optimizer = learner.build(sgd, model, lr, momentum, leftover)
    return learner.run(training, model, optimizer, windows, further)


@pytest.mark.exercise("train_step")
def test_the_loss_of_ignorance(learner):
    """A model that gives every character the same logit has the loss ln V, as a float."""
    weights = {"table": torch.zeros(5, 3), "inner": torch.zeros(3, 3), "head": torch.zeros(3, 5)}
    weights = {name: weight.double() for name, weight in weights.items()}

    got = run_training(learner, weights, [(torch.tensor([[0, 1, 2]]), torch.tensor([[1, 2, 4]]))], lr=0.1)

    check_close(got["losses"], [math.log(5)], **F64, of="the loss")
    check_equal(got["kinds"], ["float"], of="the type of the loss")


@pytest.mark.exercise("train_step")
@pytest.mark.parametrize(("batch", "length"), [(1, 1), (2, 4), (3, 5)])
def test_the_loss_is_a_mean_before_the_update(learner, torch_rng, batch, length):
    """The loss is the mean over all places of the batch, in nats, measured before the weights move."""
    weights, windows = small_weights(torch_rng), some_windows(torch_rng, 1, batch, length)

    got = run_training(learner, weights, windows, lr=0.5)

    check_close(got["losses"], trained(weights, windows, 0.5)["losses"], **F64, of="the loss")


@pytest.mark.exercise("train_step", points=2)
def test_one_step_of_the_optimizer(learner, torch_rng):
    """One call moves every weight by one step of the optimizer along the gradient of the loss."""
    weights, windows = small_weights(torch_rng), some_windows(torch_rng, 1)

    got = run_training(learner, weights, windows, lr=0.3, max_norm=100.0)

    check_close(got["weights"], trained(weights, windows, 0.3, max_norm=100.0)["weights"], **F64, of="the weights")


@pytest.mark.exercise("train_step")
def test_old_gradients_do_not_count(learner, torch_rng):
    """Gradients that the parameters still hold from before have no influence."""
    weights, windows = small_weights(torch_rng), some_windows(torch_rng, 1)

    got = run_training(learner, weights, windows, lr=0.3, leftover=0.4, max_norm=100.0)

    check_close(got["weights"], trained(weights, windows, 0.3, max_norm=100.0)["weights"], **F64, of="the weights")


@pytest.mark.exercise("train_step", points=2)
@pytest.mark.parametrize(("max_norm", "size"), [(0.05, 1.0), (0.3, 4.0), (None, 30.0)])
def test_long_gradients_are_clipped(learner, torch_rng, max_norm, size):
    """Gradients that are together longer than max_norm, 1 if nothing else is said, are shortened to it as a whole."""
    weights = small_weights(torch_rng)
    weights["table"] *= 0.2  # far from where tanh is flat
    weights["head"] *= size
    windows = some_windows(torch_rng, 1)
    # Against all targets: a model that is sure of something else has long gradients.
    inputs = windows[0][0]
    windows = [(inputs, small_model(weights)(inputs)[0].argmin(dim=-1))]
    expected = trained(weights, windows, 1.0, max_norm=max_norm or 1.0)
    assert expected["norms"][0] > 1.2 * (max_norm or 1.0)  # else the check would not be about clipping

    got = run_training(learner, weights, windows, lr=1.0, **({} if max_norm is None else {"max_norm": max_norm}))

    check_close(got["weights"], expected["weights"], **F64, of="the weights")


@pytest.mark.exercise("train_step", points=2)
def test_the_state_is_handed_on(learner, torch_rng):
    """The state after one window is where the next one begins, and its numbers come back as the model gave them."""
    weights, windows = small_weights(torch_rng), some_windows(torch_rng, 3)

    got = run_training(learner, weights, windows, lr=0.2)

    expected = trained(weights, windows, 0.2)
    check_close(got["states"], expected["states"], **F64, of="the states after each window")
    check_close(got["losses"], expected["losses"], **F64, of="the losses of three windows")


@pytest.mark.exercise("train_step")
def test_the_state_is_cut_off(learner, torch_rng):
    """The state that comes back is cut off from the graph: no tensor of it asks for gradients."""
    weights, windows = small_weights(torch_rng), some_windows(torch_rng, 1)

    got = run_training(learner, weights, windows, lr=0.2)

    check_close(got["states"], trained(weights, windows, 0.2)["states"], **F64, of="the state")
    check_equal(got["attached"], [False, False], of="requires_grad of the two tensors of the state")


@pytest.mark.exercise("train_step", points=2)
def test_many_steps(learner, torch_rng):
    """Eight windows with momentum and clipping: weights and losses as from the update rule written out."""
    weights, windows = small_weights(torch_rng), some_windows(torch_rng, 8)

    got = run_training(learner, weights, windows, lr=0.2, momentum=0.8, max_norm=0.5)

    expected = trained(weights, windows, 0.2, 0.8, 0.5)
    check_close(got["losses"], expected["losses"], **F64, of="the losses of eight windows")
    check_close(got["weights"], expected["weights"], **F64, of="the weights")


# --- bits_per_character ---


def check_number(got, expected, close, of="the bits per character"):
    kind = type(got).__name__
    check_that(isinstance(got, float), f"the result must be a float; yours is {kind}")
    check_close(float(got), expected, **close, of=of)


@pytest.mark.exercise("bits_per_character")
def test_bits_by_hand(learner):
    """Probabilities of 1/2, 1/8 and 1/4 for what came need 1, 3 and 2 bits: 2 on average."""
    p = torch.tensor([[4, 2, 1, 1], [1, 4, 1, 2], [2, 2, 2, 2]], dtype=torch.float64) / 8

    check_number(learner.bits_per_character(p.log() + 3.0, torch.tensor([0, 2, 3])), 2.0, F64)


@pytest.mark.exercise("bits_per_character")
@pytest.mark.parametrize("vocab_size", [2, 64, 100])
def test_bits_of_ignorance(learner, vocab_size):
    """Equal logits, whatever they are, need log₂ V bits."""
    logits = torch.full((6, vocab_size), -2.5, dtype=torch.float64)

    check_number(learner.bits_per_character(logits, torch.arange(6) % vocab_size), math.log2(vocab_size), F64)


@pytest.mark.exercise("bits_per_character", points=2)
@pytest.mark.parametrize(
    ("lead", "vocab_size"), [((5,), 4), ((2, 3), 5), ((3, 3), 3), ((1, 6), 2), ((2, 3, 4), 6), ((1,), 9)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_bits_of_any_shape(learner, torch_rng, lead, vocab_size, dtype):
    """Any leading axes: the mean over all places of −log₂ of the softmax over the last axis."""
    logits = normal(torch_rng, *lead, vocab_size, scale=3.0, dtype=dtype)
    targets = whole(torch_rng, vocab_size, *lead)

    bits = learner.bits_per_character(logits, targets)

    p = torch.softmax(logits.double(), dim=-1).gather(-1, targets[..., None])
    # float32: a mean of at most two dozen numbers of size one to ten.
    check_number(bits, float(-p.log2().mean()), F64 if dtype == torch.float64 else {"rtol": 3e-6, "atol": 3e-6})


@pytest.mark.exercise("bits_per_character")
def test_bits_of_large_logits(learner):
    """Logits in the thousands give finite bits: what was held impossible is dear, what was certain is free."""
    logits = torch.tensor([[3000.0, 0.0, -3000.0], [-5000.0, 2000.0, 0.0]], dtype=torch.float64)

    check_number(learner.bits_per_character(logits, torch.tensor([2, 1])), 3000 / math.log(2), F64)


# --- bigram_baseline ---


def counted(ids, vocab_size):
    counts = [[1] * vocab_size for _ in range(vocab_size)]
    ids = ids.tolist()
    for left, right in itertools.pairwise(ids):
        counts[left][right] += 1
    rows = [[math.log(count / sum(row)) for count in row] for row in counts]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.exercise("bigram_baseline")
def test_bigrams_by_hand(learner):
    """After 0 came 1 twice, after 1 came 0 once and 2 once, after 2 came nothing: one added to each count."""
    table = learner.bigram_baseline(torch.tensor([0, 1, 0, 1, 2]), 3)

    expected = torch.tensor([[1 / 5, 3 / 5, 1 / 5], [2 / 5, 1 / 5, 2 / 5], [1 / 3, 1 / 3, 1 / 3]], dtype=torch.float64)
    check_close(table, expected.log(), **F64, of="the table of logarithms")
    check_dtype(table, torch.float64, "the table")


@pytest.mark.exercise("bigram_baseline", points=2)
@pytest.mark.parametrize(("count", "vocab_size"), [(50, 4), (400, 7), (9, 12), (1, 3), (2, 2)])
def test_bigrams_of_any_text(learner, torch_rng, count, vocab_size):
    """Any text: the same table as counted pair by pair, finite also where a pair never came."""
    ids = whole(torch_rng, vocab_size, count)

    table, after, _ = learner.call("bigram_baseline", ids.clone(), vocab_size, after=True)

    check_close(table, counted(ids, vocab_size), **F64, of="the table of logarithms")
    check_unchanged(after[0], ids, of="ids")


@pytest.mark.exercise("bigram_baseline")
def test_bigrams_are_probabilities(learner, torch_rng):
    """The probabilities of each row sum to one, also in rows of characters that never came."""
    ids = whole(torch_rng, 5, 60)

    table = learner.bigram_baseline(ids, 8)

    check_equal(tuple(table.shape), (8, 8), of="the shape of the table")
    check_close(table.exp().sum(dim=1), torch.ones(8, dtype=torch.float64), **F64, of="the sums of the rows")


# --- sample ---


@prop
def rambling_model(weights):
    """A model whose logits depend on everything that it has read; it writes down how it was called."""
    import torch
    from torch import nn

    class Rambling(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.inner, self.head = (nn.Parameter(weights[name].clone()) for name in weights)
            self.read, self.recording = [], []

        def forward(self, ids, state=None):
            self.read.append(ids.tolist())
            self.recording.append(torch.is_grad_enabled())
            h = self.inner.new_zeros(1, len(self.inner)) if state is None else state[0]
            logits = []
            for place in range(ids.shape[1]):
                h = torch.cos(self.table[ids[:, place]] + h @ self.inner)
                logits.append(h @ self.head)
            return torch.stack(logits, dim=1), (h, h)

    return Rambling()


def rambling_weights(generator, vocab_size=6, size=4):
    shapes = {"table": (vocab_size, size), "inner": (size, size), "head": (size, vocab_size)}
    return {name: 1.3 * normal(generator, *shape) for name, shape in shapes.items()}


def written(weights, prompt, length, temperature, generator):
    """The oracle: reads the whole text anew for every character."""
    model, text = rambling_model(weights), prompt
    with torch.no_grad():
        for _ in range(length):
            logits = model(text[None])[0][0, -1]
            p = torch.exp(torch.log_softmax(logits / temperature, dim=-1))
            text = torch.cat([text, torch.multinomial(p, 1, generator=generator)])
    return text[len(prompt) :]


def generators(generator):
    """Two generators in one state: for the learner and for the oracle."""
    seed = one_number(generator, 0, 2**31)
    return torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


@prop
def next_model(vocab_size):
    """Sure that each character is followed by the next, and the last by the first."""
    import torch

    class Next(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(1000.0))

        def forward(self, ids, state=None):
            return self.scale * torch.nn.functional.one_hot((ids + 1) % vocab_size, vocab_size), (ids[:, -1:],) * 2

    return Next()


@pytest.mark.exercise("sample")
def test_sample_by_hand(learner):
    """A model that is sure that 0 1 2 3 4 come in a circle goes on after the prompt's last character."""
    drawn = learner.sample(learner.build(next_model, 5), torch.tensor([2, 0, 3]), 7, 1.0, torch.Generator())

    check_equal(drawn, torch.tensor([4, 0, 1, 2, 3, 4, 0]))
    check_dtype(drawn, torch.int64)


@pytest.mark.exercise("sample", points=2)
@pytest.mark.parametrize("length", [1, 5, 40])
def test_sample_depends_on_all_that_was_read(learner, torch_rng, length):
    """Nearly frozen, every character is the likeliest one after everything before it, prompt and own writing."""
    weights, prompt = rambling_weights(torch_rng), whole(torch_rng, 6, 5)
    own, oracle = generators(torch_rng)

    drawn = learner.sample(learner.build(rambling_model, weights), prompt, length, 1e-6, own)

    check_equal(drawn, written(weights, prompt, length, 1e-6, oracle))


@pytest.mark.exercise("sample", points=3)
@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.5])
@pytest.mark.parametrize("letters", [1, 4])
def test_sample_draws_as_said(learner, torch_rng, temperature, letters):
    """With the generator given: the same characters as torch.multinomial draws from softmax(logits / temperature)."""
    weights, prompt = rambling_weights(torch_rng), whole(torch_rng, 6, letters)
    own, oracle = generators(torch_rng)

    drawn = learner.sample(learner.build(rambling_model, weights), prompt, 60, temperature, own)

    # In float64 a probability is right to 1e-16: that 60 draws hang on it happens once in 1e13 runs.
    check_equal(drawn, written(weights, prompt, 60, temperature, oracle))


@prop
def fixed_model(logits):
    """The same logits after anything."""
    import torch

    class Fixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.logits = torch.nn.Parameter(logits.clone())

        def forward(self, ids, state=None):
            return self.logits.expand(*ids.shape, -1), (ids[:, -1:],) * 2

    return Fixed()


@pytest.mark.exercise("sample")
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sample_at_a_temperature(learner, torch_rng, temperature):
    """Probabilities of 0.6, 0.3 and 0.1 are raised to the power 1 / temperature and brought back to the sum one."""
    p = torch.tensor([0.1, 0.6, 0.3], dtype=torch.float64)
    own, _ = generators(torch_rng)

    drawn = learner.sample(learner.build(fixed_model, p.log() - 2.0), torch.tensor([0]), 900, temperature, own)

    powers = p ** (1 / temperature)
    # At 0.5 the middle one has 0.78, at 1 it has 0.6, at 2 it has 0.47: 0.13 apart at least. Of 900 draws a share that
    # is 0.13 off is seen with more than 0.999 (KL ≥ 0.035, times 900 is 31, against a bound of 16).
    good = isinstance(drawn, torch.Tensor) and drawn.ndim == 1 and drawn.dtype == torch.int64
    check_that(good, "the result must be a tensor of ids, int64, with one axis")
    check_equal(len(drawn), 900, of="the number of characters drawn")
    check_that(bool(((drawn >= 0) & (drawn < 3)).all()), "every character drawn must be one of 0, 1 and 2")
    check_frequencies(torch.bincount(drawn, minlength=3).numpy(), (powers / powers.sum()).numpy())


@pytest.mark.exercise("sample")
def test_sample_reads_everything_once(learner, torch_rng):
    """The model reads the prompt in one call, then in each further call the one character that was drawn last."""
    weights, prompt = rambling_weights(torch_rng), torch.tensor([3, 1, 5])
    model = learner.build(rambling_model, weights)
    own, oracle = generators(torch_rng)

    drawn, after, _ = learner.call("sample", model, prompt.clone(), 6, 1.0, own, after=True)

    expected = written(weights, prompt, 6, 1.0, oracle)
    check_equal(drawn, expected)
    check_unchanged(after[1], prompt, of="prompt")
    read = model.read
    # Reading the last character drawn, whose continuation nobody needs, does no harm.
    check_equal(read[:6], [[[3, 1, 5]], *[[[id]] for id in expected[:-1].tolist()]], of="what the model read, by call")
    check_that(len(read) <= 7, "for six characters the model must be called six times")


@pytest.mark.exercise("sample")
def test_sample_records_no_gradients(learner, torch_rng):
    """While it writes, autograd records nothing."""
    weights, prompt = rambling_weights(torch_rng), torch.tensor([2, 4])
    model = learner.build(rambling_model, weights)
    own, oracle = generators(torch_rng)

    drawn = learner.sample(model, prompt, 5, 1.0, own)

    check_equal(drawn, written(weights, prompt, 5, 1.0, oracle))
    check_equal(sorted(set(model.recording)), [False], of="whether gradients were recorded while the model was called")
