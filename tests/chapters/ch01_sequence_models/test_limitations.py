"""Hidden checks for 1.4 Limitations. Oracles: table 1 of Vaswani et al., slow loops, SciPy, closed forms."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import linalg, special

from grader.checks import check_close, check_equal, check_frequencies, check_raises, check_that, check_unchanged

CLOSE = {"rtol": 1e-12, "atol": 1e-12}  # float64 carries 16 digits; sums of a dozen terms near 1 lose one or two

# --- complexity_per_layer -------------------------------------------------------------------------

# Table 1, with exact fractions rounded up; the convolution's path is found by `layers_needed`.
TABLE = {
    "self_attention": lambda n, d, k, r: (n**2 * d, 1, 1),
    "recurrent": lambda n, d, k, r: (n * d**2, n, n),
    "convolutional": lambda n, d, k, r: (k * n * d**2, 1, layers_needed(n, k)),
    "restricted": lambda n, d, k, r: (r * n * d, 1, math.ceil(Fraction(n, r))),
}


def layers_needed(n, k):
    """Stack layers with dilations 1, k, k² … until the last position sees the first one, and count them."""
    seen, layers = {n - 1}, 0
    while 0 not in seen:
        seen = {max(0, position - tap * k**layers) for position in seen for tap in range(k)}
        layers += 1
    return layers


@pytest.mark.exercise("complexity_per_layer", points=2)
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("self_attention", (1200, 1, 1)),  # 20² · 3
        ("recurrent", (180, 20, 20)),  # 20 · 3²
        ("convolutional", (720, 1, 3)),  # 4 · 20 · 3²; 4² = 16 is too short, 4³ = 64 is not
        ("restricted", (300, 1, 4)),  # 5 · 20 · 3; 20 / 5
    ],
)
def test_the_table_by_hand(learner, kind, expected):
    """The four rows of the table for 20 positions of 3 channels."""
    check_equal(learner.complexity_per_layer(kind, 20, 3, k=4, r=5), expected)


@pytest.mark.exercise("complexity_per_layer", points=2)
@pytest.mark.parametrize("kind", list(TABLE))
def test_the_table_for_any_sizes(learner, rng, kind):
    """Any numbers of positions and channels, any kernel and neighbourhood: three whole numbers, exact."""
    n, d = (int(each) for each in rng.integers(30, 5000, size=2))
    k, r = int(rng.integers(2, 12)), int(rng.integers(2, 30))

    check_equal(learner.complexity_per_layer(kind, n, d, k, r), TABLE[kind](n, d, k, r))


@pytest.mark.exercise("complexity_per_layer")
@pytest.mark.parametrize(
    ("n", "k"), [(2, 3), (3, 3), (4, 3), (9, 3), (10, 3), (125, 5), (126, 5), (216, 6), (1024, 2), (1025, 2), (6, 9)]
)
def test_the_path_through_dilated_kernels(learner, n, k):
    """As many layers of convolution as it takes to reach, and not one more where n is a power of k."""
    check_equal(learner.complexity_per_layer("convolutional", n, 1, k=k), (k * n, 1, layers_needed(n, k)))


@pytest.mark.exercise("complexity_per_layer")
@pytest.mark.parametrize(("n", "r", "path"), [(12, 12, 1), (12, 1, 12), (12, 11, 2), (13, 4, 4), (12, 4, 3)])
def test_the_path_through_neighbourhoods(learner, n, r, path):
    """Restricted attention crosses the sequence in n / r layers, rounded up."""
    check_equal(learner.complexity_per_layer("restricted", n, 1, r=r), (r * n, 1, path))


@pytest.mark.exercise("complexity_per_layer")
@pytest.mark.parametrize("kind", ["attention", "Recurrent", ""])
def test_an_unknown_kind_is_refused(learner, kind):
    """Another kind of layer raises ValueError, and what is known does not."""
    check_raises(ValueError, learner.complexity_per_layer, kind, 8, 2, says=f"for the kind {kind!r}")
    check_equal(learner.complexity_per_layer("recurrent", 8, 2), (32, 8, 8))


# --- copy_task_batch ------------------------------------------------------------------------------


def check_layout(batch, rows, length, delay, num_symbols):
    """Require both arrays to be as the task says for whatever symbols stand at the start of the inputs."""
    check_that(isinstance(batch, tuple) and len(batch) == 2, "the result must be a tuple (inputs, targets)")
    inputs, targets = batch
    shape = (rows, length + delay + length)
    for name, array in (("inputs", inputs), ("targets", targets)):
        wanted = f"the {name} must be an integer array of shape {shape}"
        check_that(isinstance(array, np.ndarray), f"{wanted}; yours are no array")
        check_that(array.shape == shape, f"{wanted}; yours have shape {array.shape}")
        check_that(array.dtype.kind in "iu", f"{wanted}; yours hold {array.dtype}")
    symbols = inputs[:, :length]
    check_that(
        bool(((symbols >= 0) & (symbols < num_symbols)).all()), f"the symbols must be 0 … {num_symbols - 1}, no others"
    )
    blank = np.full((rows, length + delay), num_symbols)
    after = np.full((rows, delay + length), num_symbols)
    after[:, delay - 1] = num_symbols + 1
    check_equal(inputs[:, length:], after, of="the inputs after the symbols")
    check_equal(targets, np.concatenate([blank, symbols], axis=1), of="the targets")


@pytest.mark.exercise("copy_task_batch", points=2)
def test_one_copying_task(learner, rng):
    """Three symbols, a delay of four that ends in the marker, three blanks; the targets repeat the symbols."""
    batch = learner.copy_task_batch(rng, 1, 3, 4, 8)

    check_layout(batch, 1, 3, 4, 8)


@pytest.mark.exercise("copy_task_batch", points=2)
@pytest.mark.parametrize(
    ("rows", "length", "delay", "num_symbols"), [(40, 10, 20, 4), (300, 1, 1, 2), (60, 5, 1, 6), (200, 2, 3, 9)]
)
def test_copying_tasks_of_any_size(learner, rng, rows, length, delay, num_symbols):
    """Any number of sequences, symbols and positions, down to a delay that is nothing but the marker."""
    batch = learner.copy_task_batch(rng, rows, length, delay, num_symbols)

    check_layout(batch, rows, length, delay, num_symbols)


@pytest.mark.exercise("copy_task_batch")
def test_symbols_are_drawn_evenly_and_independently(learner, rng):
    """Every symbol is equally likely, whatever stands before it and in the other sequences."""
    inputs, _ = batch = learner.copy_task_batch(rng, 2000, 4, 2, 3)

    check_layout(batch, 2000, 4, 2, 3)
    # Pairs that do not overlap, so that the draws are independent: 4,000 of them. A blank among the symbols is caught
    # above with certainty; repeated rows and draws without replacement move a pair by 1/9 and more, and 25 / (1/9)²,
    # about 2,000 pairs, suffice for a power of 0.999. `check_frequencies` fails a right program once in a million.
    symbols = inputs[:, :4]
    for first, second, where in (
        (symbols[:, ::2], symbols[:, 1::2], "neighbours in a sequence"),
        (symbols[::2], symbols[1::2], "the same place in two sequences"),
    ):
        pairs = np.bincount((3 * first + second).ravel(), minlength=9)
        check_frequencies(pairs, np.full(9, 1 / 9), of=f"pairs of symbols, {where}")


@pytest.mark.exercise("copy_task_batch")
def test_chance_comes_from_the_generator_only(learner, seed):
    """Generators in the same state give the same batch; a generator that has moved on gives another."""
    one, same = np.random.default_rng(seed), np.random.default_rng(seed)

    first = learner.copy_task_batch(one, 20, 10, 2, 8)
    again = learner.copy_task_batch(same, 20, 10, 2, 8)
    next_ = learner.copy_task_batch(one, 20, 10, 2, 8)

    check_layout(first, 20, 10, 2, 8)
    check_layout(next_, 20, 10, 2, 8)
    check_equal(again, first, of="the batch from a generator in the same state")
    differ = int((first[0] != next_[0]).sum())  # of 200 symbols about 175; all equal with probability 8⁻²⁰⁰
    check_that(differ > 0, "the second batch from the same generator must not repeat the first")


# --- combine_steps --------------------------------------------------------------------------------


def steps(rng, *shape):
    """A stretch of the recurrence for every entry; multipliers on both sides of zero."""
    return rng.uniform(-2, 2, size=shape), rng.normal(size=shape)


@pytest.mark.exercise("combine_steps")
def test_two_steps_by_hand(learner):
    """First 2h + 3, then 5h + 7: together 10h + 22."""
    pair = learner.combine_steps((np.array([2.0]), np.array([3.0])), (np.array([5.0]), np.array([7.0])))

    check_close(pair, (np.array([10.0]), np.array([22.0])), rtol=0)  # small whole numbers are exact


@pytest.mark.exercise("combine_steps", points=2)
@pytest.mark.parametrize("shape", [(6,), (2, 5, 3)], ids=str)
def test_one_step_does_what_two_did(learner, rng, shape):
    """From any state the combined step arrives where the two steps arrive one after the other, entry by entry."""
    earlier, later, h = steps(rng, *shape), steps(rng, *shape), rng.normal(size=shape)

    pair = learner.combine_steps(earlier, later)

    # Two states fix a step: from 0 it arrives at b, from 1 at a + b.
    arrive = [later[0] * (earlier[0] * start + earlier[1]) + later[1] for start in (0.0, 1.0, h)]
    check_close(pair, (arrive[1] - arrive[0], arrive[0]), **CLOSE, of="the combined step")
    check_close(pair[0] * h + pair[1], arrive[2], **CLOSE, of="where it leads from a random state")


@pytest.mark.exercise("combine_steps")
def test_a_step_that_does_nothing(learner, rng):
    """Before or behind the step h ← 1·h + 0 every step stays what it is."""
    step, nothing = steps(rng, 4), (np.ones(4), np.zeros(4))

    check_close(learner.combine_steps(nothing, step), step, **CLOSE, of="a step with nothing before it")
    check_close(learner.combine_steps(step, nothing), step, **CLOSE, of="a step with nothing after it")


@pytest.mark.exercise("combine_steps")
def test_a_step_that_forgets(learner, rng):
    """A later step with a = 0 wipes out all that was before it; an earlier one does not stop the later from adding."""
    step, forget = steps(rng, 4), (np.zeros(4), rng.normal(size=4))

    check_close(learner.combine_steps(step, forget), forget, **CLOSE, of="a step and then forgetting")
    expected = (np.zeros(4), step[0] * forget[1] + step[1])
    check_close(learner.combine_steps(forget, step), expected, **CLOSE, of="forgetting and then a step")


@pytest.mark.exercise("combine_steps")
def test_combining_leaves_its_arguments_alone(learner, rng):
    """Both stretches are the same after the call."""
    earlier, later = steps(rng, 3), steps(rng, 3)
    copies = [tuple(array.copy() for array in pair) for pair in (earlier, later)]

    pair, after, _ = learner.call("combine_steps", earlier, later, after=True)

    (a, b), (c, d) = copies
    check_close(pair, (a * c, c * b + d), **CLOSE)
    for got, copy, name in zip(after, copies, ("earlier", "later"), strict=True):
        check_unchanged(got, copy, of=name)


# --- linear_recurrence_scan -----------------------------------------------------------------------

SCAN = {"rtol": 1e-12, "atol": 1e-12}  # float64, at most 33 sums in another order, of numbers below 10 or so


def one_after_the_other(a, b):
    """The loop that the scan replaces, for each step and entry."""
    h, states = np.zeros_like(b[:, 0]), []
    for t in range(b.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return np.stack(states, axis=1)


class Combine:
    """The associative operation of a linear recurrence, and how often it was asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self, earlier, later):
        self.calls += 1
        (a, b), (c, d) = earlier, later
        with np.errstate(all="ignore"):  # what a wrong program asks for can overflow
            return a * c, c * b + d


def recurrence(rng, batch, length, channels):
    """Multipliers between -1 and 1, some of them exactly 0: dividing by their product is no way out."""
    a, b = rng.uniform(-1, 1, size=(batch, length, channels)), rng.normal(size=(batch, length, channels))
    a[rng.random(a.shape) < 0.05] = 0.0
    return a, b


@pytest.mark.exercise("linear_recurrence_scan")
def test_scan_by_hand(learner):
    """Three steps: 4, then 2·4 + 1 = 9, then 10·9 + 5 = 95."""
    a, b = np.array([3.0, 2.0, 10.0]).reshape(1, 3, 1), np.array([4.0, 1.0, 5.0]).reshape(1, 3, 1)

    states = learner.linear_recurrence_scan(a, b, Combine())

    check_close(states, np.array([4.0, 9.0, 95.0]).reshape(1, 3, 1), rtol=0)  # small whole numbers are exact


@pytest.mark.exercise("linear_recurrence_scan")
@pytest.mark.parametrize("length", [1, 2, 4, 16])
def test_scan_of_a_power_of_two(learner, rng, length):
    """For 1, 2, 4 and 16 steps: the same states as the loop, for every sequence and channel."""
    a, b = recurrence(rng, 2, length, 3)

    states = learner.linear_recurrence_scan(a, b, Combine())

    check_close(states, one_after_the_other(a, b), **SCAN, of="the states")


@pytest.mark.exercise("linear_recurrence_scan", points=2)
@pytest.mark.parametrize("length", [3, 5, 6, 7, 12, 25])
def test_scan_of_any_length(learner, rng, length):
    """For any other number of steps: the same states as the loop."""
    a, b = recurrence(rng, 3, length, 2)

    states = learner.linear_recurrence_scan(a, b, Combine())

    check_close(states, one_after_the_other(a, b), **SCAN, of="the states")


@pytest.mark.exercise("linear_recurrence_scan", points=2)
@pytest.mark.parametrize(
    ("length", "rounds"), [(8, 3), (5, 3), (2, 1), (3, 2), (4, 2), (9, 4), (32, 5), (33, 6), (1, 0)]
)
def test_scan_takes_few_rounds(learner, rng, length, rounds):
    """One call of `combine` for each round, ⌈log2 T⌉ in all, and the states are right."""
    a, b = recurrence(rng, 1, length, 2)
    combine = Combine()

    states = learner.linear_recurrence_scan(a, b, combine)

    check_close(states, one_after_the_other(a, b), **SCAN, of="the states")
    check_that(
        combine.calls == rounds,
        f"for T = {length}, `combine` must be called {rounds} times; you called it {combine.calls} times",
    )


@pytest.mark.exercise("linear_recurrence_scan")
@pytest.mark.parametrize("length", [1, 7, 8])
def test_scan_of_another_recurrence(learner, rng, length):
    """With another associative `combine` it is another recurrence: h_t = max(h_{t−1} + a_t, b_t)."""
    a, b = rng.normal(size=(2, 2, length, 2))

    states = learner.linear_recurrence_scan(
        a, b, lambda earlier, later: (earlier[0] + later[0], np.maximum(earlier[1] + later[0], later[1]))
    )

    expected = b.copy()
    for t in range(1, length):
        expected[:, t] = np.maximum(expected[:, t - 1] + a[:, t], b[:, t])
    check_close(states, expected, **SCAN, of="the states")


@pytest.mark.exercise("linear_recurrence_scan")
def test_scan_leaves_its_arguments_alone(learner, rng):
    """The arrays a and b are the same after the call."""
    a, b = recurrence(rng, 2, 6, 2)
    copies = a.copy(), b.copy()

    states, after, _ = learner.call("linear_recurrence_scan", a, b, Combine(), after=True)

    check_close(states, one_after_the_other(*copies), **SCAN, of="the states")
    check_unchanged(after[0], copies[0], of="a")
    check_unchanged(after[1], copies[1], of="b")


# --- additive_attention ---------------------------------------------------------------------------


def attention_inputs(rng, batch, positions, channels, memory_channels, hidden):
    """Query, memory, w_query, w_memory and v: scores of size two or so, whose weights are neither equal nor 0 and 1."""
    shapes = (batch, channels), (batch, positions, memory_channels), (channels, hidden), (memory_channels, hidden)
    query, memory, w_query, w_memory = (rng.normal(size=shape) for shape in shapes)
    return query, memory, w_query, w_memory, 2 * rng.normal(size=hidden)


def look_back(query, memory, w_query, w_memory, v, mask=None):
    """The definition, one sequence and one position at a time, over the real positions only."""
    contexts, weights = np.zeros((len(memory), memory.shape[2])), np.zeros(memory.shape[:2])
    for b in range(len(memory)):
        real = [s for s in range(memory.shape[1]) if mask is None or mask[b, s]]
        if real:
            scores = [np.tanh(query[b] @ w_query + memory[b, s] @ w_memory) @ v for s in real]
            weights[b, real] = special.softmax(scores)
            contexts[b] = sum(weights[b, s] * memory[b, s] for s in real)
    return contexts, weights


def some_hidden(rng, batch, positions):
    """Each row hides one position at least and keeps one at least."""
    mask = rng.random((batch, positions)) < 0.6
    for row in mask:
        kept, hidden = rng.permutation(positions)[:2]
        row[kept], row[hidden] = True, False
    return mask


@pytest.mark.exercise("additive_attention")
def test_looking_back_by_hand(learner):
    """Two channels, three positions with scores 0, log 2 and log 5: weights 1/8, 2/8 and 5/8."""
    # tanh(±50) is ±1 in float64, so each channel says -1 or 1; the query shifts the second channel from 50 to 0.
    memory = np.array([[[-50.0, 50.0], [-50.0, -50.0], [50.0, 50.0]]])
    query, w_query, w_memory = np.array([[50.0]]), np.array([[0.0, -1.0]]), np.eye(2)
    # The hidden channels are (-1, 0), (-1, -1) and (1, 0).
    v = np.array([math.log(5) / 2, -math.log(2)])

    context, weights = learner.additive_attention(query, memory, w_query, w_memory, v)

    check_close(weights, np.array([[1 / 8, 2 / 8, 5 / 8]]), **CLOSE, of="the weights")
    # -50/8 - 100/8 + 250/8 and 50/8 - 100/8 + 250/8
    check_close(context, np.array([[12.5, 25.0]]), **CLOSE, of="the context")


@pytest.mark.exercise("additive_attention", points=2)
@pytest.mark.parametrize(
    "sizes", [(1, 6, 2, 3, 4), (3, 3, 3, 3, 3), (2, 5, 4, 3, 6), (4, 1, 2, 5, 1)], ids=lambda sizes: str(sizes)
)
def test_looking_back_in_any_size(learner, rng, sizes):
    """Every sequence asks its own memory, in any sizes B, S, C, M and A."""
    inputs = attention_inputs(rng, *sizes)

    got = learner.additive_attention(*inputs)

    check_close(got, look_back(*inputs), **CLOSE, of="(context, weights)")


@pytest.mark.exercise("additive_attention", points=2)
def test_padding_gets_no_weight(learner, rng):
    """True in the mask means real: padding has weight exactly 0 and the real positions share the whole."""
    inputs, mask = attention_inputs(rng, 4, 5, 3, 2, 4), some_hidden(rng, 4, 5)

    context, weights = learner.additive_attention(*inputs, mask)

    expected_context, expected = look_back(*inputs, mask)
    check_close(weights, expected, **CLOSE, of="the weights")
    check_equal(weights[~mask], np.zeros((~mask).sum()), of="the weights at padding")
    check_close(context, expected_context, **CLOSE, of="the context")


@pytest.mark.exercise("additive_attention")
def test_what_stands_at_padding_does_not_matter(learner, rng):
    """A sequence with padding gets what it would get alone, without the padding."""
    query, memory, *weights = attention_inputs(rng, 2, 6, 3, 2, 4)
    mask = np.array([[True] * 6, [True] * 4 + [False] * 2])
    expected = look_back(query[1:], memory[1:, :4], *weights)
    memory[1, 4:] = 1e6

    context, got = learner.additive_attention(query, memory, *weights, mask=mask)

    check_close(context[1:], expected[0], **CLOSE, of="the context of the padded sequence")
    check_close(got[1:, :4], expected[1], **CLOSE, of="the weights of its real positions")


@pytest.mark.exercise("additive_attention")
def test_a_memory_of_padding_only(learner, rng):
    """Without any real position context and weights are zero, not NaN, and the other sequences are not touched."""
    inputs, mask = attention_inputs(rng, 3, 4, 2, 3, 5), some_hidden(rng, 3, 4)
    mask[1] = False

    got = learner.additive_attention(*inputs, mask)

    check_close(got, look_back(*inputs, mask), **CLOSE, of="(context, weights)")


@pytest.mark.exercise("additive_attention")
@pytest.mark.parametrize("masked", [False, True])
def test_a_large_v_does_not_overflow(learner, rng, masked):
    """Scores in the thousands, of either sign, give finite weights that sum to one."""
    query, memory, w_query, w_memory, v = attention_inputs(rng, 3, 5, 2, 3, 4)
    mask = some_hidden(rng, 3, 5) if masked else None
    # The first sequence is so quiet that its scores stay of size one, and its weights ordinary.
    query[0], memory[0] = 0.0, memory[0] / 5000
    inputs = query, memory, w_query, w_memory, 5000 * v

    got = learner.additive_attention(*inputs, mask)

    # Scores of about 1e4 are right to 1e-11, and so is what the exponential makes of them.
    check_close(got, look_back(*inputs, mask), rtol=1e-9, atol=1e-9, of="(context, weights)")


@pytest.mark.exercise("additive_attention")
def test_looking_back_leaves_its_arguments_alone(learner, rng):
    """Query, memory, weights and mask are the same after the call."""
    inputs = (*attention_inputs(rng, 2, 4, 3, 2, 3), some_hidden(rng, 2, 4))
    copies = [array.copy() for array in inputs]

    got, after, _ = learner.call("additive_attention", *inputs, after=True)

    check_close(got, look_back(*copies), **CLOSE, of="(context, weights)")
    names = ("query", "memory", "w_query", "w_memory", "v", "mask")
    for array, copy, name in zip(after, copies, names, strict=True):
        check_unchanged(array, copy, of=name)


# --- effective_context ----------------------------------------------------------------------------


def reach(grads, threshold):
    """The definition, position by position from the end; exact where the norms are."""
    found = []
    for sequence in grads:
        influence = [math.hypot(*vector) for vector in sequence]
        felt = [t for t, each in enumerate(influence) if each > 0 and each >= threshold * max(influence)]
        found.append(len(sequence) - min(felt) if felt else 0)
    return np.array(found)


@pytest.mark.exercise("effective_context")
def test_context_by_hand(learner):
    """Norms √5, 2.5, 1, 0 and 10 at a threshold of a quarter: all from the second position on, which is at the edge."""
    grads = np.array([[[1.0, 2.0], [1.5, 2.0], [0.6, 0.8], [0.0, 0.0], [6.0, -8.0]]])

    # Felt are the second and the last: four from the second on. Two are felt, and its index is 1: all of these differ.
    check_equal(learner.effective_context(grads, 0.25), np.array([4]))
    grads[0, 0] = 3.0, 4.0
    check_equal(learner.effective_context(grads, 0.25), np.array([5]))


@pytest.mark.exercise("effective_context", points=2)
@pytest.mark.parametrize("threshold", [0.05, 0.4, 1.0])
def test_context_of_a_batch(learner, rng, threshold):
    """Each sequence is measured against its own largest influence, at any threshold."""
    decay = 0.8 ** np.arange(30)[::-1]
    grads = rng.normal(size=(6, 30, 4)) * decay[:, None] * 10.0 ** np.arange(-3, 3)[:, None, None]

    check_equal(learner.effective_context(grads, threshold), reach(grads, threshold))


@pytest.mark.exercise("effective_context")
def test_influence_is_a_length(learner):
    """Channels of opposite sign do not cancel: the influence is the norm over the channels."""
    grads = np.array([[[4.0, -4.0], [1.0, -1.0], [3.0, 3.0]], [[0.5, 0.5], [-3.0, 4.0], [-0.1, 0.2]]])

    check_equal(learner.effective_context(grads, 0.7), np.array([3, 2]))


@pytest.mark.exercise("effective_context")
def test_context_of_no_gradient(learner):
    """Where nothing is felt the context is 0; where only the last position is felt it is 1."""
    grads = np.zeros((3, 4, 2))
    grads[1, -1], grads[2, 0] = 1e-9, -1e-9

    check_equal(learner.effective_context(grads, 0.1), np.array([0, 1, 4]))


# --- seq2seq_bottleneck ---------------------------------------------------------------------------

LOST = {"rtol": 1e-9, "atol": 1e-12}  # shares of one; whoever diagonalises xᵀx is off by 1e-15 or so


def share_beyond(rows, width):
    """Eckart and Young: what the eigenvalues of xᵀx after the first `width` are of all of them."""
    eigenvalues = linalg.eigvalsh(rows.T @ rows)[::-1]
    return float(eigenvalues[width:].sum() / eigenvalues.sum())


@pytest.mark.exercise("seq2seq_bottleneck")
def test_bottleneck_by_hand(learner):
    """Two sentences of two positions, one number in the vector: 1/5 of the squares is lost, and 0 looking back."""
    # As rows (2, 0) and (0, 4): 4 of 20. As positions they have one channel, which one number holds.
    x = np.array([[[2.0], [0.0]], [[0.0], [4.0]]])

    check_close(learner.seq2seq_bottleneck(x, 1), (0.2, 0.0), **LOST, of="(fixed, attended)")


@pytest.mark.exercise("seq2seq_bottleneck", points=2)
@pytest.mark.parametrize(("shape", "width"), [((40, 5, 3), 2), ((6, 4, 5), 4), ((30, 1, 6), 2), ((3, 8, 2), 1)])
def test_bottleneck_of_any_size(learner, rng, shape, width):
    """Whole sentences lose the squares beyond the first W singular values of their rows, positions those of theirs."""
    x = rng.normal(size=shape) * np.arange(1, shape[2] + 1) + 0.5

    got = learner.seq2seq_bottleneck(x, width)

    expected = (share_beyond(x.reshape(shape[0], -1), width), share_beyond(x.reshape(-1, shape[2]), width))
    check_close(got, expected, **LOST, of="(fixed, attended)")


@pytest.mark.exercise("seq2seq_bottleneck")
@pytest.mark.parametrize(("symbols", "length", "width"), [(3, 3, 1), (3, 3, 3), (2, 5, 2), (4, 3, 3)])
def test_bottleneck_of_all_texts(learner, symbols, length, width):
    """All texts of T symbols out of N, one-hot: 1 − 1/N − (W − 1)/(N·T) is lost in one vector, 1 − W/N looking back."""
    texts = np.array(list(itertools.product(range(symbols), repeat=length)))

    got = learner.seq2seq_bottleneck(np.eye(symbols)[texts], width)

    # The second moments of the rows have the eigenvalue T/N once, for the mean, and 1/N T·(N − 1) times; sum T.
    expected = (1 - 1 / symbols - (width - 1) / (symbols * length), 1 - width / symbols)
    check_close(got, expected, **LOST, of="(fixed, attended)")


@pytest.mark.exercise("seq2seq_bottleneck")
def test_a_wide_vector_loses_nothing(learner, rng):
    """With C numbers looking back loses nothing, with T·C numbers one vector does not either."""
    x = rng.normal(size=(20, 3, 2))
    rows = x.reshape(20, 6)

    check_close(learner.seq2seq_bottleneck(x, 2), (share_beyond(rows, 2), 0.0), **LOST, of="(fixed, attended), W = C")
    check_close(learner.seq2seq_bottleneck(x, 6), (0.0, 0.0), **LOST, of="(fixed, attended), W = T·C")
