"""1.1 Recurrent neural networks: one small network, applied at every step, that hands its own state on to itself.

Sources: Elman (1990), Finding structure in time; Werbos (1990), Backpropagation through time: what it does and how to
do it; Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks, arXiv:1211.5063.

Axes:
    B  sequences of the batch      T  time steps                    V  tokens of the vocabulary
    E  channels of one input       C  channels of the state

Arrays are float64 unless a docstring says otherwise, hold finite numbers and have no axis of length 0. Weights are
written (inputs, outputs) and applied as `x @ w`. A mask is a boolean array; True means "is real", False "is padding".
No function changes its arguments.
"""

import numpy as np


def rnn_cell(x, h, w_x, w_h, b):
    """Take one step: mix the new input with the old state into the new state.

    Args:
        x: (B, E) array, the input of this step.
        h: (B, C) array, the state before it; every sequence of the batch has its own.
        w_x: (E, C) weights of the input.
        w_h: (C, C) weights of the state.
        b: (C,) bias. (`torch.nn.RNNCell` keeps two biases and adds both; one does the same.)

    Returns:
        (B, C) array, the state after the step: tanh(x w_x + h w_h + b), also where the argument of tanh is huge.

    Example:
        >>> x, h = np.array([[1.0]]), np.array([[2.0]])
        >>> w_x, w_h, b = np.array([[np.log(2)]]), np.array([[np.log(3)]]), np.array([-np.log(3)])
        >>> rnn_cell(x, h, w_x, w_h, b).round(6).tolist()  # tanh(log 6) = (36 - 1) / (36 + 1)
        [[0.945946]]

    Elman (1990).
    """
    # BEGIN SOLUTION
    return np.tanh(x @ w_x + h @ w_h + b)
    # END SOLUTION


def rnn_forward(x, h_0, w_x, w_h, b, mask=None):
    """Run `rnn_cell` along the sequences, each step from the state that the last one left.

    Args:
        x: (B, T, E) array of inputs.
        h_0: (B, C) array, the states before the first step.
        w_x, w_h, b: as in `rnn_cell`; the same at every step.
        mask: (B, T) booleans, True where a step is real; padding may stand anywhere, also in front. None means that
            all steps are real.

    Returns:
        (B, T, C) array: at [:, t] the states after step t. A padded step leaves the state of its sequence exactly as it
        was, whatever x holds there: the state after it is the state before it. So [:, -1] holds each sequence's state
        after its last real step, or its h_0 if there was none.

    Example:
        >>> one = np.array([[1.0]])
        >>> x = np.array([[[np.log(2)], [5.0], [np.log(3)]]])
        >>> mask = np.array([[True, False, True]])
        >>> rnn_forward(x, 0 * one, one, 0 * one, np.zeros(1), mask).round(6).tolist()  # tanh(log 2), kept, tanh(log 3)
        [[[0.6], [0.6], [0.8]]]
    """
    # BEGIN SOLUTION
    h, states = h_0, []
    for t in range(x.shape[1]):
        new = rnn_cell(x[:, t], h, w_x, w_h, b)
        # Sequences end at different steps: each row decides for itself whether this step happened.
        h = new if mask is None else np.where(mask[:, t, None], new, h)
        states.append(h)
    return np.stack(states, axis=1)  # (B, T, C)
    # END SOLUTION


def rnn_backward(grad_states, states, x, h_0, w_x, w_h, mask=None):
    """Back-propagate through time: from the gradients of all states to those of the inputs, h_0 and the weights.

    Args:
        grad_states: (B, T, C) array: how the loss depends on each state *directly*, through what is read off at that
            step. What a state does to later states is not in it; that is for you to add.
        states: (B, T, C) array, what `rnn_forward` returned.
        x: (B, T, E) array of inputs, as `rnn_forward` got them.
        h_0: (B, C) array, likewise.
        w_x: (E, C) weights of the input.
        w_h: (C, C) weights of the state.
        mask: (B, T) booleans or None, likewise. A padded step copies the state, so the gradient of the state after it
            belongs to the state before it, unchanged; the step adds nothing to the weights, and its x gets gradient 0.

    Returns:
        dict with the keys "x", "h_0", "w_x", "w_h" and "b": the gradient of the loss with respect to each, of its
        shape ("b" is the (C,) bias). The gradients of the weights and of the bias are sums over all sequences and
        steps, not means.

    Example:
        >>> x, w = np.array([[[np.log(2)]]]), np.array([[1.0]])  # one step: the state is tanh(log 2) = 0.6
        >>> gradients = rnn_backward(np.array([[[1.0]]]), np.array([[[0.6]]]), x, np.array([[0.0]]), w, 2 * w)
        >>> gradients["x"].round(6).tolist(), gradients["h_0"].round(6).tolist()  # 1 - 0.36, times the weight
        ([[[0.64]]], [[1.28]])

    Werbos (1990).
    """
    # BEGIN SOLUTION
    gradients = {"x": np.zeros_like(x), "w_x": np.zeros_like(w_x), "w_h": np.zeros_like(w_h), "b": np.zeros(len(w_h))}
    grad_h = np.zeros_like(h_0)
    for t in reversed(range(x.shape[1])):
        before = states[:, t - 1] if t > 0 else h_0
        real = True if mask is None else mask[:, t, None]
        # A state is read twice: at its own step, and by the step after it.
        grad_h = grad_h + grad_states[:, t]
        grad_sum = np.where(real, grad_h * (1 - states[:, t] ** 2), 0)  # tanh' is 1 - tanh²
        gradients["x"][:, t] = grad_sum @ w_x.T
        # The same weights work at every step, so every step has its say.
        gradients["w_x"] += x[:, t].T @ grad_sum
        gradients["w_h"] += before.T @ grad_sum
        gradients["b"] += grad_sum.sum(axis=0)
        grad_h = np.where(real, grad_sum @ w_h.T, grad_h)
    return gradients | {"h_0": grad_h}
    # END SOLUTION


def clip_grad_norm(gradients, max_norm):
    """Shorten gradients whose common length is too large, without turning them.

    Args:
        gradients: list of arrays of any shapes, the gradients of all parameters.
        max_norm: float, positive: the length that they may have *together*.

    Returns:
        (clipped, norm): norm is a number, the length before clipping of all arrays as one long vector: the root of
        the sum of all squares. clipped is a list of arrays, in the same order: each gradient times the same factor
        max_norm / (norm + 1e-6), or unchanged if that factor is larger than 1.

    Example:
        >>> clipped, norm = clip_grad_norm([np.array([3.0]), np.array([[0.0, 4.0]])], max_norm=1.0)
        >>> [gradient.round(4).tolist() for gradient in clipped], float(norm)
        ([[0.6], [[0.0, 0.8]]], 5.0)

    Pascanu, Mikolov and Bengio (2013), algorithm 1; 1e-6 as in `torch.nn.utils.clip_grad_norm_`.
    """
    # BEGIN SOLUTION
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    # Never longer than before: a small gradient is good news and stays small.
    factor = min(1.0, max_norm / (norm + 1e-6))
    return [gradient * factor for gradient in gradients], norm
    # END SOLUTION


def sequence_loss(logits, targets, mask):
    """Return the mean cross-entropy over the real tokens of a batch, and its gradient.

    Args:
        logits: (B, T, V) array of scores, of any size.
        targets: (B, T) integers: the token to predict at each step, 0 to V - 1. At padding anything may stand, also
            numbers that are no token, such as -100.
        mask: (B, T) booleans, True where a token is real.

    Returns:
        (loss, grad_logits): loss is a number in nats, the sum of -log softmax(logits)[target] over the real tokens of
        the whole batch divided by their number: every real token counts the same, whatever the length of its sequence.
        grad_logits is the (B, T, V) gradient of that loss, 0 at padding. Without any real token both are 0, never NaN.

    Example:
        >>> logits = np.log(np.array([[[1.0, 3.0], [1.0, 9.0]]]))
        >>> loss, grad = sequence_loss(logits, np.array([[0, -100]]), np.array([[True, False]]))
        >>> round(float(loss), 6), grad.round(6).tolist()  # log 4; softmax is (1/4, 3/4), the target has a 1 taken off
        (1.386294, [[[-0.75, 0.75], [0.0, 0.0]]])
    """
    # BEGIN SOLUTION
    # Padding leaves before anything is computed: N real tokens are left, in one row after the other.
    real, tokens = logits[mask], targets[mask]  # (N, V) and (N,)
    count, rows = max(len(tokens), 1), np.arange(len(tokens))
    shifted = real - real.max(axis=-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    loss = -log_probs[rows, tokens].sum() / count
    grad_real = np.exp(log_probs)
    grad_real[rows, tokens] -= 1
    grad_logits = np.zeros_like(logits)
    grad_logits[mask] = grad_real / count
    return loss, grad_logits
    # END SOLUTION


def pad_and_mask(sequences, pad=0):
    """Put token sequences of different lengths into one rectangle, and say which entries are real.

    Args:
        sequences: list of B lists of integer token ids. Some may be empty, but not all of them.
        pad: int, the id that fills what is left. It may be an ordinary token's id, and occur in the sequences as well.

    Returns:
        (ids, mask): ids is a (B, T) array of integers, T being the length of the longest sequence; each row holds its
        sequence first and then `pad`. mask is a (B, T) array of booleans, True where an id comes from a sequence.

    Example:
        >>> ids, mask = pad_and_mask([[5, 0, 7], [4]], pad=0)
        >>> ids.tolist(), mask.tolist()
        ([[5, 0, 7], [4, 0, 0]], [[True, True, True], [True, False, False]])
    """
    # BEGIN SOLUTION
    ids = np.full((len(sequences), max(map(len, sequences))), pad)
    mask = np.zeros(ids.shape, dtype=bool)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
        # The length decides what is real, never the id: pad may be somebody's token.
        mask[row, : len(sequence)] = True
    return ids, mask
    # END SOLUTION
