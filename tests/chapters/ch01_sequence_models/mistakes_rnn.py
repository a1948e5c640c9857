"""Classic wrong answers to the exercises of 1.1, each with the sentence that tells the learner which one it is."""

import numpy as np

from grader.checks import mistake

# --- rnn_cell ---


@mistake(
    "rnn_cell",
    says="You used one state for the whole batch; every sequence goes on from its own row of h.",
    patch=("h @ w_h", "h[:1] @ w_h"),
)
def one_state_for_the_batch(x, h, w_x, w_h, b):
    return np.array([np.tanh(row @ w_x + h[0] @ w_h + b) for row in x])


@mistake(
    "rnn_cell",
    says="You left the old state out: without it the cell has no memory.",
    patch=(" + h @ w_h", ""),
)
def forgets_the_state(x, h, w_x, w_h, b):
    return np.tanh(np.einsum("be,ec->bc", x, w_x) + b)


@mistake(
    "rnn_cell",
    says="You left out the bias.",
    patch=("h @ w_h + b)", "h @ w_h)"),
)
def forgets_the_bias(x, h, w_x, w_h, b):
    return np.tanh(np.concatenate([x, h], axis=1) @ np.concatenate([w_x, w_h]))


@mistake(
    "rnn_cell",
    says="You applied w_h the other way round: here weights are (inputs, outputs), not as torch stores them.",
    patch=("h @ w_h", "h @ w_h.T"),
)
def transposes_w_h(x, h, w_x, w_h, b):
    return np.tanh(np.einsum("be,ec->bc", x, w_x) + np.einsum("bc,dc->bd", h, w_h) + b)


@mistake(
    "rnn_cell",
    says="You left out the tanh, so the state is a plain sum and can grow without bound.",
    patch=("np.tanh(x @ w_x + h @ w_h + b)", "x @ w_x + h @ w_h + b"),
)
def no_tanh(x, h, w_x, w_h, b):
    return np.concatenate([x, h], axis=1) @ np.concatenate([w_x, w_h]) + b


@mistake(
    "rnn_cell",
    says="You bent the sum with a sigmoid, which is never negative; this cell uses tanh.",
    patch=("np.tanh(x @ w_x + h @ w_h + b)", "1 / (1 + np.exp(-(x @ w_x + h @ w_h + b)))"),
)
def sigmoid_for_tanh(x, h, w_x, w_h, b):
    total = np.concatenate([x, h], axis=1) @ np.concatenate([w_x, w_h]) + b
    return (1 + np.tanh(total / 2)) / 2


@mistake(
    "rnn_cell",
    says="You bent the parts one by one; input, state and bias are added first, and one tanh goes around the sum.",
    patch=("np.tanh(x @ w_x + h @ w_h + b)", "np.tanh(x @ w_x + b) + np.tanh(h @ w_h)"),
)
def two_tanhs(x, h, w_x, w_h, b):
    return np.array([np.tanh(old @ w_h) + np.tanh(new @ w_x + b) for new, old in zip(x, h, strict=True)])


@mistake(
    "rnn_cell",
    says="Your own tanh divides infinity by infinity where the sum is large.",
    patch=(
        "return np.tanh(x @ w_x + h @ w_h + b)",
        "up, down = np.exp(x @ w_x + h @ w_h + b), np.exp(-(x @ w_x + h @ w_h + b))\n"
        "    return (up - down) / (up + down)",
    ),
)
def tanh_that_overflows(x, h, w_x, w_h, b):
    total = np.concatenate([x, h], axis=1) @ np.concatenate([w_x, w_h]) + b
    return np.sinh(total) / np.cosh(total)


# --- rnn_forward ---


@mistake(
    "rnn_forward",
    says="You start from zeros, whatever h_0 holds.",
    patch=("h, states = h_0, []", "h, states = np.zeros_like(h_0), []"),
)
def starts_from_zeros(x, h_0, w_x, w_h, b, mask=None):
    states = np.zeros((x.shape[0], x.shape[1] + 1, b.shape[0]))
    for t in range(x.shape[1]):
        new = np.tanh(x[:, t] @ w_x + states[:, t] @ w_h + b)
        states[:, t + 1] = new if mask is None else np.where(mask[:, [t]], new, states[:, t])
    return states[:, 1:]


@mistake(
    "rnn_forward",
    says="Every one of your steps starts from h_0: the state is not handed on to the next step.",
    patch=(
        ("rnn_cell(x[:, t], h, w_x, w_h, b)", "rnn_cell(x[:, t], h_0, w_x, w_h, b)"),
        ("np.where(mask[:, t, None], new, h)", "np.where(mask[:, t, None], new, h_0)"),
    ),
)
def does_not_hand_on(x, h_0, w_x, w_h, b, mask=None):
    new = np.tanh(x @ w_x + (h_0 @ w_h)[:, None] + b)
    return new if mask is None else np.where(mask[:, :, None], new, h_0[:, None])


@mistake(
    "rnn_forward",
    says="At [:, t] you return the state before step t; what is asked for is the state after it.",
    patch=(
        "h = new if mask is None else np.where(mask[:, t, None], new, h)\n        states.append(h)",
        "states.append(h)\n        h = new if mask is None else np.where(mask[:, t, None], new, h)",
    ),
)
def one_step_late(x, h_0, w_x, w_h, b, mask=None):
    states = np.empty((*x.shape[:2], len(b)))
    states[:, 0] = h_0
    for t in range(x.shape[1] - 1):
        new = np.tanh(x[:, t] @ w_x + states[:, t] @ w_h + b)
        states[:, t + 1] = new if mask is None else np.where(mask[:, t, None], new, states[:, t])
    return states


@mistake(
    "rnn_forward",
    says="Padded steps change the state in your code; they must leave it as it was.",
    patch=("new if mask is None else np.where(mask[:, t, None], new, h)", "new"),
)
def steps_on_padding(x, h_0, w_x, w_h, b, mask=None):
    states = np.empty((*x.shape[:2], len(b)))
    for t in range(x.shape[1]):
        h_0 = states[:, t] = np.tanh(x[:, t] @ w_x + h_0 @ w_h + b)
    return states


@mistake(
    "rnn_forward",
    says="You set the state to zero at padding, and with it goes all that the sequence had said before.",
    patch=("np.where(mask[:, t, None], new, h)", "np.where(mask[:, t, None], new, 0.0)"),
)
def forgets_at_padding(x, h_0, w_x, w_h, b, mask=None):
    real = np.ones(x.shape[:2]) if mask is None else mask.astype(float)
    states, h = np.empty((*x.shape[:2], len(b))), h_0
    for t in range(x.shape[1]):
        states[:, t] = h = np.tanh(x[:, t] @ w_x + h @ w_h + b) * real[:, t : t + 1]
    return states


@mistake(
    "rnn_forward",
    says="You hide only the input at padded steps; the state still goes through w_h, the bias and tanh.",
    patch=(
        (
            "rnn_cell(x[:, t], h, w_x, w_h, b)",
            "rnn_cell(x[:, t] * (1 if mask is None else mask[:, [t]]), h, w_x, w_h, b)",
        ),
        ("new if mask is None else np.where(mask[:, t, None], new, h)", "new"),
    ),
)
def hides_the_input_only(x, h_0, w_x, w_h, b, mask=None):
    if mask is not None:
        x = np.where(mask[..., None], x, 0.0)
    states, h = [], h_0
    for step in np.swapaxes(x, 0, 1):
        h = np.tanh(step @ w_x + h @ w_h + b)
        states.append(h)
    return np.array(states).swapaxes(0, 1)


@mistake(
    "rnn_forward",
    says="Your mask is upside down: True means that the step is real.",
    patch=("np.where(mask[:, t, None], new, h)", "np.where(mask[:, t, None], h, new)"),
)
def mask_upside_down(x, h_0, w_x, w_h, b, mask=None):
    states = np.empty((*x.shape[:2], len(b)))
    for t in range(x.shape[1]):
        new = np.tanh(x[:, t] @ w_x + h_0 @ w_h + b)
        if mask is not None:
            new[mask[:, t]] = h_0[mask[:, t]]
        h_0 = states[:, t] = new
    return states


@mistake(
    "rnn_forward",
    says="You hand the first sequence's state on to the whole batch; every row keeps its own.",
    patch=("rnn_cell(x[:, t], h, w_x, w_h, b)", "rnn_cell(x[:, t], np.zeros_like(h) + h[0], w_x, w_h, b)"),
)
def hands_on_the_first_row(x, h_0, w_x, w_h, b, mask=None):
    states, h = [], h_0
    for t in range(x.shape[1]):
        new = np.tanh(x[:, t] @ w_x + (h[0] @ w_h)[None] + b)
        h = new if mask is None else np.where(mask[:, [t]], new, h)
        states.append(h[:, None])
    return np.concatenate(states, axis=1)


# --- rnn_backward ---


@mistake(
    "rnn_backward",
    says="You forgot the recurrent path: a state also acts through every later state, not only at its own step.",
    patch=("grad_h = grad_h + grad_states[:, t]", "grad_h = np.where(real, 0, grad_h) + grad_states[:, t]"),
)
def forgets_the_recurrent_path(grad_states, states, x, h_0, w_x, w_h, mask=None):
    gradients = {"x": np.zeros(x.shape), "w_x": 0.0, "w_h": 0.0, "b": 0.0}
    carried = np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        before = h_0 if t == 0 else states[:, t - 1]
        own = np.where(here, grad_states[:, t], grad_states[:, t] + carried)
        inside = own * (1 - states[:, t] ** 2) * here
        gradients["x"][:, t] = np.einsum("bc,ec->be", inside, w_x)
        gradients["w_x"] = gradients["w_x"] + np.einsum("be,bc->ec", x[:, t], inside)
        gradients["w_h"] = gradients["w_h"] + np.einsum("bd,bc->dc", before, inside)
        gradients["b"] = gradients["b"] + inside.sum(0)
        carried = np.where(here, np.einsum("bc,dc->bd", inside, w_h), own)
    gradients["h_0"] = carried
    return gradients


@mistake(
    "rnn_backward",
    says="You looked only at the gradient of the last state; every state has one of its own.",
    patch=("grad_h = grad_h + grad_states[:, t]", "grad_h = grad_states[:, -1] if t == x.shape[1] - 1 else grad_h"),
)
def only_the_last_gradient(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), grad_states[:, -1]
    for t in range(x.shape[1] - 1, -1, -1):
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2) * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="You left out the slope of tanh: the gradient must pass it at every step.",
    patch=("grad_h * (1 - states[:, t] ** 2)", "grad_h"),
)
def forgets_the_slope(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="You took tanh of the state once more for its slope; the state is already what tanh returned.",
    patch=("1 - states[:, t] ** 2", "1 - np.tanh(states[:, t]) ** 2"),
)
def slope_at_the_state(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried / np.cosh(states[:, t]) ** 2 * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="You took the slope of tanh from the state before the step; it belongs to the state that the step returned.",
    patch=("1 - states[:, t] ** 2", "1 - before**2"),
)
def slope_before_the_step(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - before[:, t] ** 2) * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="You overwrote the gradient of w_x at every step; it acts at all steps, so what they say adds up.",
    patch=('gradients["w_x"] += ', 'gradients["w_x"] = '),
)
def overwrites_w_x(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2) * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": x[:, 0].T @ inside[:, 0],
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="You overwrote the gradient of w_h at every step; it acts at all steps, so what they say adds up.",
    patch=('gradients["w_h"] += ', 'gradients["w_h"] = '),
)
def overwrites_w_h(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2) * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": h_0.T @ inside[:, 0],
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="You overwrote the gradient of b at every step; it acts at all steps, so what they say adds up.",
    patch=('gradients["b"] += ', 'gradients["b"] = '),
)
def overwrites_b(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2) * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside[:, 0].sum(0),
    }


@mistake(
    "rnn_backward",
    says="You overwrote the gradients of the weights at every step; the same weights act at all steps, so they add up.",
    patch=(
        ('gradients["w_x"] += ', 'gradients["w_x"] = '),
        ('gradients["w_h"] += ', 'gradients["w_h"] = '),
        ('gradients["b"] += ', 'gradients["b"] = '),
    ),
)
def overwrites_the_weights(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2) * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    first = inside[:, 0]
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": x[:, 0].T @ first,
        "w_h": h_0.T @ first,
        "b": first.sum(0),
    }


@mistake(
    "rnn_backward",
    says="For w_h you used the state after each step; the product is with the state that went into it.",
    patch=("before.T @ grad_sum", "states[:, t].T @ grad_sum"),
)
def state_after_the_step(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2) * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", states, inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="At the first step your index t - 1 is -1, the last state; what stood there before the first step is h_0.",
    patch=("states[:, t - 1] if t > 0 else h_0", "states[:, t - 1]"),
)
def wraps_around(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2) * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", np.roll(states, 1, axis=1), inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="Your gradient goes back through w_h as the state went forward; on the way back it is the transpose.",
    patch=("grad_sum @ w_h.T", "grad_sum @ w_h"),
)
def back_through_w_h_itself(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2) * here
        carried = np.where(here, np.einsum("bc,cd->bd", inside[:, t], w_h), carried)
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="You divided by the size of the batch; these gradients are sums (whoever wants a mean has it in grad_states).",
    patch=(
        ("x[:, t].T @ grad_sum", "x[:, t].T @ grad_sum / len(x)"),
        ("before.T @ grad_sum", "before.T @ grad_sum / len(x)"),
        ("grad_sum.sum(axis=0)", "grad_sum.mean(axis=0)"),
    ),
)
def mean_over_the_batch(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2) * here
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->bec", x, inside).mean(0),
        "w_h": np.einsum("btd,btc->bdc", before, inside).mean(0),
        "b": inside.sum(1).mean(0),
    }


@mistake(
    "rnn_backward",
    says="You ignored the mask: padded steps took part, although they only copied the state.",
    patch=("True if mask is None else mask[:, t, None]", "True"),
)
def ignores_the_mask(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        inside[:, t] = (carried + grad_states[:, t]) * (1 - states[:, t] ** 2)
        carried = inside[:, t] @ w_h.T
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="Your gradient dies at padded steps; the state was copied there, so its gradient passes unchanged.",
    patch=("np.where(real, grad_sum @ w_h.T, grad_h)", "grad_sum @ w_h.T"),
)
def stops_at_padding(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        if mask is not None:
            carried = carried * mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2)
        carried = inside[:, t] @ w_h.T
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="Padded steps still add to your gradients of the weights; a step that did not happen adds nothing.",
    patch=("np.where(real, grad_h * (1 - states[:, t] ** 2), 0)", "grad_h * (1 - states[:, t] ** 2)"),
)
def padding_adds_to_the_weights(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2)
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    return {
        "x": inside @ w_x.T,
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside.sum((0, 1)),
    }


@mistake(
    "rnn_backward",
    says="Padded steps still add to your gradients of the weights; a step that did not happen adds nothing.",
    patch=(
        ("np.where(real, grad_h * (1 - states[:, t] ** 2), 0)", "grad_h * (1 - states[:, t] ** 2)"),
        ("= grad_sum @ w_x.T", "= np.where(real, grad_sum @ w_x.T, 0)"),
    ),
)
def padding_adds_to_the_weights_only(grad_states, states, x, h_0, w_x, w_h, mask=None):
    inside, carried = np.zeros(states.shape), np.zeros(h_0.shape)
    before = np.concatenate([h_0[:, None], states[:, :-1]], axis=1)
    for t in range(x.shape[1] - 1, -1, -1):
        carried = carried + grad_states[:, t]
        here = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, [t]]
        inside[:, t] = carried * (1 - states[:, t] ** 2)
        carried = np.where(here, inside[:, t] @ w_h.T, carried)
    return {
        "x": (inside @ w_x.T) * (1 if mask is None else mask[..., None]),
        "h_0": carried,
        "w_x": np.einsum("bte,btc->ec", x, inside),
        "w_h": np.einsum("btd,btc->dc", before, inside),
        "b": inside.sum((0, 1)),
    }


# --- clip_grad_norm ---


@mistake(
    "clip_grad_norm",
    says="You clipped each array by itself, which turns the gradient; all share one factor, from their common length.",
    patch=(
        "return [gradient * factor for gradient in gradients], norm",
        "return [g * min(1.0, max_norm / (np.linalg.norm(g) + 1e-6)) for g in gradients], norm",
    ),
)
def clips_each_array(gradients, max_norm):
    clipped = []
    for gradient in gradients:
        length = np.sqrt(np.sum(np.square(gradient)))
        clipped.append(gradient * max_norm / (length + 1e-6) if length > max_norm else gradient.copy())
    return clipped, np.sqrt(sum(np.vdot(g, g) for g in gradients))


@mistake(
    "clip_grad_norm",
    says="You cut off single entries that are too large, which turns the gradient; multiply all by one factor.",
    patch=("gradient * factor for", "np.clip(gradient, -max_norm, max_norm) for"),
)
def clips_by_value(gradients, max_norm):
    clipped = [np.minimum(np.maximum(gradient, -max_norm), max_norm) for gradient in gradients]
    return clipped, np.linalg.norm(np.concatenate([gradient.ravel() for gradient in gradients]))


@mistake(
    "clip_grad_norm",
    says="You made short gradients longer; clipping only ever shortens.",
    patch=("min(1.0, max_norm / (norm + 1e-6))", "max_norm / (norm + 1e-6)"),
)
def stretches_short_gradients(gradients, max_norm):
    norm = np.linalg.norm([np.linalg.norm(gradient.ravel()) for gradient in gradients])
    return [max_norm * gradient / (norm + 1e-6) for gradient in gradients], norm


@mistake(
    "clip_grad_norm",
    says="You forgot the root: you compare the sum of the squares, not the length, with max_norm.",
    patch=(
        "np.sqrt(sum((gradient**2).sum() for gradient in gradients))",
        "sum((gradient**2).sum() for gradient in gradients)",
    ),
)
def forgets_the_root(gradients, max_norm):
    norm = np.float64(0.0)
    for gradient in gradients:
        norm += np.vdot(gradient, gradient)
    factor = 1.0 if norm <= max_norm else max_norm / (norm + 1e-6)
    return [factor * gradient for gradient in gradients], norm


@mistake(
    "clip_grad_norm",
    says="You added up the lengths of the arrays; the common length is the root of the sum of all squares.",
    patch=(
        "np.sqrt(sum((gradient**2).sum() for gradient in gradients))",
        "sum(np.sqrt((gradient**2).sum()) for gradient in gradients)",
    ),
)
def adds_up_lengths(gradients, max_norm):
    norm = np.sum([np.linalg.norm(gradient.ravel()) for gradient in gradients])
    factor = 1.0 if norm <= max_norm else max_norm / (norm + 1e-6)
    return [factor * gradient for gradient in gradients], norm


@mistake(
    "clip_grad_norm",
    says="You returned the norm after clipping; the log needs the one before, which shows how wild the step was.",
    patch=("gradients], norm", "gradients], norm * factor"),
)
def norm_after_clipping(gradients, max_norm):
    norm = np.linalg.norm(np.concatenate([gradient.ravel() for gradient in gradients]))
    clipped = [gradient * (1.0 if norm <= max_norm else max_norm / (norm + 1e-6)) for gradient in gradients]
    return clipped, np.linalg.norm(np.concatenate([gradient.ravel() for gradient in clipped]))


@mistake(
    "clip_grad_norm",
    says="You changed the caller's arrays; return new ones.",
    patch=(
        "return [gradient * factor for gradient in gradients], norm",
        "for gradient in gradients:\n        gradient *= factor\n    return gradients, norm",
    ),
)
def clips_in_place(gradients, max_norm):
    norm = np.linalg.norm(np.concatenate([gradient.ravel() for gradient in gradients]))
    if norm > max_norm:
        for gradient in gradients:
            np.multiply(gradient, max_norm / (norm + 1e-6), out=gradient)
    return list(gradients), norm


@mistake(
    "clip_grad_norm",
    says="You left out the 1e-6 in the divisor, without which gradients of zero become 0/0.",
    patch=("min(1.0, max_norm / (norm + 1e-6))", "min(1.0, max_norm / norm)"),
)
def no_epsilon(gradients, max_norm):
    norm = np.linalg.norm(np.concatenate([gradient.ravel() for gradient in gradients]))
    factor = np.minimum(1.0, max_norm / norm)
    return [gradient * factor for gradient in gradients], norm


# --- sequence_loss ---


@mistake(
    "sequence_loss",
    says="You divided by all places of the rectangle; only real tokens count, or padding makes the loss look small.",
    patch=("max(len(tokens), 1)", "mask.size"),
)
def averages_over_padding(logits, targets, mask):
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    safe = np.where(mask, targets, 0)[..., None]
    losses = np.where(mask, -np.take_along_axis(log_probs, safe, -1)[..., 0], 0.0)
    one_hot = np.eye(logits.shape[-1])[safe[..., 0]]
    gradient = (np.exp(log_probs) - one_hot) * mask[..., None] / losses.size
    return losses.mean(), gradient


@mistake(
    "sequence_loss",
    says="You let padded places into the sum as if they were tokens.",
    patch=(
        "real, tokens = logits[mask], targets[mask]",
        "mask = mask | True\n    real, tokens = logits[mask], targets[mask] % logits.shape[-1]",
    ),
)
def counts_padding_as_tokens(logits, targets, mask):
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    one_hot = np.eye(logits.shape[-1])[targets % logits.shape[-1]]
    return -(log_probs * one_hot).sum() / mask.size, (np.exp(log_probs) - one_hot) / mask.size


@mistake(
    "sequence_loss",
    says="You averaged every sequence first and then the averages, so a token of a short sequence counts more.",
    patch=(
        (
            "loss = -log_probs[rows, tokens].sum() / count",
            "shares = (mask / np.maximum(mask.sum(1), 1)[:, None])",
        ),
        ("grad_real[rows, tokens] -= 1", "grad_real[rows, tokens] -= 1\n    each = max(mask.any(1).sum(), 1)"),
        ("grad_real / count", "grad_real * shares[mask][:, None] / each"),
        (
            "return loss, grad_logits",
            "return -(log_probs[rows, tokens] * shares[mask]).sum() / each, grad_logits",
        ),
    ),
)
def mean_of_means(logits, targets, mask):
    losses, gradient = [], np.zeros(logits.shape)
    for row in range(len(logits)):
        scores, tokens = logits[row][mask[row]], targets[row][mask[row]]
        if len(tokens) == 0:
            continue
        shifted = scores - scores.max(-1, keepdims=True)
        log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        losses.append(-log_probs[np.arange(len(tokens)), tokens].mean())
        gradient[row, mask[row]] = (np.exp(log_probs) - np.eye(logits.shape[-1])[tokens]) / len(tokens)
    if not losses:
        return 0.0, gradient
    return np.mean(losses), gradient / len(losses)


@mistake(
    "sequence_loss",
    says="You added the losses up; what is asked for is their mean over the real tokens.",
    patch=("max(len(tokens), 1)", "1"),
)
def sums_the_losses(logits, targets, mask):
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    one_hot = np.eye(logits.shape[-1])[np.where(mask, targets, 0)] * mask[..., None]
    return -(log_probs * one_hot).sum(), np.exp(log_probs) * mask[..., None] - one_hot


@mistake(
    "sequence_loss",
    says="Your loss is a mean but your gradient is that of the sum: divide it by the number of real tokens as well.",
    patch=("grad_real / count", "grad_real"),
)
def gradient_of_the_sum(logits, targets, mask):
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    one_hot = np.eye(logits.shape[-1])[np.where(mask, targets, 0)] * mask[..., None]
    loss = -(log_probs * one_hot).sum() / max(mask.sum(), 1)
    return loss, np.exp(log_probs) * mask[..., None] - one_hot


@mistake(
    "sequence_loss",
    says="Your loss leaves padding out but your gradient does not: at padding it must be zero.",
    patch=(
        "return loss, grad_logits",
        "wide = logits - logits.max(axis=-1, keepdims=True)\n"
        "    wide = np.exp(wide) / np.exp(wide).sum(axis=-1, keepdims=True) / count\n"
        "    return loss, np.where(mask[..., None], grad_logits, wide)",
    ),
)
def gradient_at_padding(logits, targets, mask):
    probs = np.exp(logits - logits.max(-1, keepdims=True))
    probs = probs / probs.sum(-1, keepdims=True)
    count = max(mask.sum(), 1)
    one_hot = np.eye(logits.shape[-1])[np.where(mask, targets, 0)] * mask[..., None]
    top = logits.max(-1, keepdims=True)
    log_sum = top + np.log(np.exp(logits - top).sum(-1, keepdims=True))
    return ((log_sum - logits) * one_hot).sum() / count, (probs - one_hot) / count


@mistake(
    "sequence_loss",
    says="Your gradient points the other way: it is softmax minus one-hot, positive where a token got too much.",
    patch=("grad_real / count", "-grad_real / count"),
)
def gradient_upside_down(logits, targets, mask):
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    one_hot = np.eye(logits.shape[-1])[np.where(mask, targets, 0)] * mask[..., None]
    count = max(mask.sum(), 1)
    return -(log_probs * one_hot).sum() / count, (one_hot - np.exp(log_probs) * mask[..., None]) / count


def overflown(trace):
    """Recognise a loss that is not finite beside a gradient that no softmax gives.

    Where some logits of a row overflow, its softmax is NaN at these and 0 at the others; or 0 at all of them, if it is
    the exponential of logits minus an infinite logarithm, and then the gradient of that row is 0 and a single -1/N.
    """
    for gradient in gradients_without_loss(trace):
        undefined = np.isnan(gradient)
        torn = undefined.any(-1) & ~undefined.all(-1)
        if torn.any() or one_sided(gradient).any():
            return True
    return False


def right_but_for_the_loss(trace):
    """Recognise a loss that is not finite beside a right gradient of logits so far apart that softmax gives 0 and 1.

    Where a token has a probability of 0, its gradient is -1/N and that of the likeliest token 1/N.
    """
    for gradient in gradients_without_loss(trace):
        most, least = gradient.max(-1), gradient.min(-1)
        if (
            np.isfinite(gradient).all()
            and not one_sided(gradient).any()
            and (np.isclose(most, -least) & (most > 0)).any()
        ):
            return True
    return False


def one_sided(gradient):
    """Rows that are negative somewhere and positive nowhere."""
    return (gradient <= 0).all(-1) & (gradient < 0).any(-1)


def gradients_without_loss(trace):
    """The gradient wherever the loss beside it is infinite or NaN."""
    pairs = [each for each in trace if isinstance(each, tuple) and len(each) == 2]
    arrays = [(loss, np.asarray(each)) for loss, each in pairs if np.ndim(loss) == 0 and np.ndim(each) == 3]
    return [gradient for loss, gradient in arrays if not np.isfinite(loss)]


@mistake(
    "sequence_loss",
    says="You exponentiated the logits as they came, so large ones overflow; take each row's maximum out first.",
    patch=("real - real.max(axis=-1, keepdims=True)", "real"),
    recognise=overflown,
)
def softmax_overflows(logits, targets, mask):
    probs = np.exp(logits)
    probs = probs / probs.sum(-1, keepdims=True)
    safe, count = np.where(mask, targets, 0), max(mask.sum(), 1)
    losses = -np.log(np.take_along_axis(probs, safe[..., None], -1)[..., 0])
    gradient = (probs - np.eye(logits.shape[-1])[safe]) * mask[..., None]
    return (losses * mask).sum() / count, gradient / count


@mistake(
    "sequence_loss",
    says="You took the logarithm of a softmax; where a probability rounds to zero the loss becomes infinite.",
    patch=(
        "shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))",
        "np.log(np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True))",
    ),
    recognise=right_but_for_the_loss,
)
def logarithm_of_the_softmax(logits, targets, mask):
    probs = np.exp(logits - logits.max(-1, keepdims=True))
    probs = probs / probs.sum(-1, keepdims=True)
    safe, count = np.where(mask, targets, 0)[..., None], max(mask.sum(), 1)
    picked = np.take_along_axis(probs, safe, -1)[..., 0]
    gradient = np.where(mask[..., None], probs - np.eye(logits.shape[-1])[safe[..., 0]], 0.0)
    return -np.log(picked[mask]).sum() / count, gradient / count


def zero_by_zero(trace):
    """Recognise a loss of NaN whose gradient holds no number but zero: the batch without any real token."""
    pairs = [each for each in trace if isinstance(each, tuple) and len(each) == 2]
    undefined = [gradient for loss, gradient in pairs if np.ndim(loss) == 0 and np.isnan(loss)]
    return any(bool((np.isnan(each) | (each == 0)).all()) for each in undefined)


@mistake(
    "sequence_loss",
    says="Without any real token you divide zero by zero: loss and gradients are zero then.",
    patch=("max(len(tokens), 1)", "np.float64(len(tokens))"),
    recognise=zero_by_zero,
)
def nan_without_tokens(logits, targets, mask):
    shifted = logits - logits.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    one_hot = np.eye(logits.shape[-1])[np.where(mask, targets, 0)] * mask[..., None]
    gradient = (np.exp(log_probs) * mask[..., None] - one_hot) / mask.sum()
    return -(log_probs * one_hot).sum() / mask.sum(), gradient


# --- pad_and_mask ---


@mistake(
    "pad_and_mask",
    says="You took the mask from the ids: a token that happens to be the pad id is real; lengths decide.",
    patch=("return ids, mask", "return ids, ids != pad"),
)
def mask_from_the_ids(sequences, pad=0):
    longest = max(len(sequence) for sequence in sequences)
    ids = np.array([list(sequence) + [pad] * (longest - len(sequence)) for sequence in sequences])
    return ids, ids != pad


@mistake(
    "pad_and_mask",
    says="You put the padding in front; here sequences stand first.",
    patch=(
        ("ids[row, : len(sequence)] = sequence", "ids[row, ids.shape[1] - len(sequence) :] = sequence"),
        ("mask[row, : len(sequence)] = True", "mask[row, ids.shape[1] - len(sequence) :] = True"),
    ),
)
def pads_in_front(sequences, pad=0):
    longest = max(len(sequence) for sequence in sequences)
    ids = np.array([[pad] * (longest - len(sequence)) + list(sequence) for sequence in sequences])
    lengths = np.array([len(sequence) for sequence in sequences])
    return ids, np.arange(longest)[::-1] < lengths[:, None]


@mistake(
    "pad_and_mask",
    says="Your mask is upside down: True means that the token is real.",
    patch=("return ids, mask", "return ids, ~mask"),
)
def padding_is_true(sequences, pad=0):
    longest = max(len(sequence) for sequence in sequences)
    ids = np.array([list(sequence) + [pad] * (longest - len(sequence)) for sequence in sequences])
    return ids, np.arange(longest) >= np.array([len(sequence) for sequence in sequences])[:, None]


@mistake(
    "pad_and_mask",
    says="You cut all sequences to the shortest; the rectangle is as wide as the longest.",
    patch=(
        ("max(map(len, sequences))", "min(map(len, sequences))"),
        ("ids[row, : len(sequence)] = sequence", "ids[row] = sequence[: ids.shape[1]]"),
    ),
)
def cuts_to_the_shortest(sequences, pad=0):
    shortest = min(len(sequence) for sequence in sequences)
    ids = np.array([list(sequence)[:shortest] for sequence in sequences])
    return ids, np.ones(ids.shape, dtype=bool)
