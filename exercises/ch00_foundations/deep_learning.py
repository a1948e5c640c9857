"""0.3 Deep-learning fundamentals: networks that learn because every part can say how its inputs moved the loss.

Sources: Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors; Glorot and Bengio
(2010), Understanding the difficulty of training deep feedforward neural networks; He et al. (2015), arXiv:1502.01852
(initialisation for ReLU); Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting;
Kingma and Ba (2014), arXiv:1412.6980 (Adam); Loshchilov and Hutter (2017), arXiv:1711.05101 (AdamW); Hendrycks and
Gimpel (2016), arXiv:1606.08415 (GELU and SiLU).

Axes:
    B  examples of the batch        N  examples of a data set
    I  inputs of a layer            O  outputs of a layer
    K  hidden channels of the MLP   V  classes, such as ten digits or the tokens of a vocabulary
    ...  any number of leading axes, also none

Arrays are float64; class numbers are integers. Weights are written (inputs, outputs) and applied as `x @ w`. The
gradient of a loss with respect to an array has that array's shape. Functions return new arrays and leave their
arguments as they were, unless a docstring says otherwise. NumPy's warnings cost nothing.
"""

import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])  # given: the error function, entry by entry, which NumPy lacks


class Value:
    """A number that remembers how it was computed, so that `backward` can find its derivatives.

    Args:
        data: the number, kept as the float `data`.
        parents: pairs (Value, float): what this one was computed from, and its derivative with respect to that. Pass
            them when an operation makes a new Value.

    `grad` is a float, 0.0 at first. Given are the constructor, `lift`, unary minus, - and /, which are put together
    from what you write: +, *, ** and the four functions, each returning a new Value, and `backward`.

    Example:
        >>> a, b = Value(3.0), Value(2.0)
        >>> loss = a * b + a ** 2
        >>> loss.backward()
        >>> loss.data, a.grad, b.grad  # the slopes are b + 2a and a
        (15.0, 8.0, 3.0)

    Rumelhart, Hinton and Williams (1986).
    """

    def __init__(self, data, parents=()):
        self.data = float(data)
        self.grad = 0.0
        self.parents = parents

    @staticmethod
    def lift(other):
        """Make a Value of a plain number and leave a Value as it is."""
        return other if isinstance(other, Value) else Value(other)

    def __add__(self, other):
        """Return self + other, which is a Value or a plain number."""
        raise NotImplementedError

    def __mul__(self, other):
        """Return self * other, which is a Value or a plain number."""
        raise NotImplementedError

    def __pow__(self, exponent):
        """Return self ** exponent, where the exponent is a plain number other than 0."""
        raise NotImplementedError

    def exp(self):
        """Return e to the power of self."""
        raise NotImplementedError

    def log(self):
        """Return the natural logarithm of self, which is positive."""
        raise NotImplementedError

    def tanh(self):
        """Return the hyperbolic tangent of self."""
        raise NotImplementedError

    def relu(self):
        """Return self where it is positive and 0 elsewhere; at 0 the derivative is 0."""
        raise NotImplementedError

    def backward(self):
        """Set `grad` of every Value that self was computed from, self included, to the derivative of self.

        What `grad` held before, from an earlier call, is replaced. A Value used several times adds up what comes back
        along all its uses. Each Value is visited once, and graphs may be 10,000 operations deep: Python's own
        recursion ends near 1,000.
        """
        raise NotImplementedError

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -self.lift(other)

    def __truediv__(self, other):
        return self * self.lift(other) ** -1

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return -self + other

    def __rtruediv__(self, other):
        return self**-1 * other


def linear_forward(x, w, b):
    """Send every vector through an affine layer.

    Args:
        x: (..., I) array.
        w: (I, O) array of weights.
        b: (O,) array of biases.

    Returns:
        (..., O) array: x w + b.

    Example:
        >>> linear_forward(np.array([1.0, 2.0]), np.array([[1.0, 0.0], [3.0, 1.0]]), np.array([0.5, 0.0])).tolist()
        [7.5, 2.0]
    """
    raise NotImplementedError


def linear_backward(grad_y, x, w):
    """Turn the gradient at the outputs of y = x w + b into the gradients at everything that went in.

    Args:
        grad_y: (..., O) array, the gradient of the loss with respect to y.
        x: (..., I) array that went in, with the same leading axes.
        w: (I, O) array of weights.

    Returns:
        (grad_x, grad_w, grad_b): arrays of shapes (..., I), (I, O) and (O,). Every vector of the leading axes went
        through the same w and b, so their contributions to these two are summed (not averaged).

    Example:
        >>> grad_y, x, w = np.array([[1.0], [10.0]]), np.array([[2.0], [3.0]]), np.array([[4.0]])
        >>> grad_x, grad_w, grad_b = linear_backward(grad_y, x, w)
        >>> grad_x.tolist(), grad_w.tolist(), grad_b.tolist()
        ([[4.0], [40.0]], [[32.0]], [11.0])
    """
    raise NotImplementedError


def relu(x):
    """Cut off what is negative, and say how steep that is.

    Args:
        x: array of any shape.

    Returns:
        (value, slope): two float arrays of x's shape, max(x, 0) and its derivative, which is 0 at 0.

    Example:
        >>> value, slope = relu(np.array([-2.0, 3.0]))
        >>> value.tolist(), slope.tolist()
        ([0.0, 3.0], [0.0, 1.0])
    """
    raise NotImplementedError


def silu(x):
    """Let each entry pass in the measure of its own sigmoid, and say how steep that is.

    Args:
        x: array of any shape.

    Returns:
        (value, slope): two arrays of x's shape, x · sigmoid(x) and its derivative; both finite also for entries of
        ±1000.

    Example:
        >>> value, slope = silu(np.array([0.0, math.log(3)]))  # the sigmoid of log 3 is 3/4
        >>> value.round(6).tolist(), slope.round(6).tolist()
        ([0.0, 0.823959], [0.5, 0.95599])

    Hendrycks and Gimpel (2016), section 2.
    """
    raise NotImplementedError


def gelu(x, approximate="none"):
    """Let each entry pass in the measure of the normal distribution below it, and say how steep that is.

    Args:
        x: array of any shape.
        approximate: "none" for the exact x · Φ(x), where Φ(x) = (1 + erf(x / √2)) / 2; "tanh" for
            x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2.

    Returns:
        (value, slope): two arrays of x's shape, the GELU in that form and the derivative of the same form.

    Raises:
        ValueError: approximate is neither "none" nor "tanh".

    Example:
        >>> [array.round(6).tolist() for array in gelu(np.array([0.0, 1.0]))]
        [[0.0, 0.841345], [0.5, 1.083315]]

    Hendrycks and Gimpel (2016), section 2.
    """
    raise NotImplementedError


def softmax_cross_entropy(logits, targets):
    """Return the mean surprise at the right classes, and its gradient with respect to the scores.

    Args:
        logits: (B, V) array of finite scores, of any size; left as it was.
        targets: (B,) integer array, the right class of each row.

    Returns:
        (loss, gradient): the float mean over the B rows of -log softmax(logits)[b, targets[b]], in nats, and the (B, V)
        array of its derivatives. Both are finite and right also where the scores of a row lie thousands apart.

    Example:
        >>> loss, gradient = softmax_cross_entropy(np.log([[1.0, 3.0], [1.0, 1.0]]), np.array([1, 0]))
        >>> round(loss, 6), gradient.round(6).tolist()  # -(log 3/4 + log 1/2) / 2
        (0.490415, [[0.125, -0.125], [-0.25, 0.25]])
    """
    raise NotImplementedError


def dropout(x, p, mask, training=True):
    """Silence some entries while training, and make up for it in those that remain.

    Args:
        x: array of any shape.
        p: float in [0, 1), the probability with which each entry of the mask was drawn False.
        mask: boolean array of x's shape, True where the entry is kept.
        training: whether the network is being trained.

    Returns:
        Array of x's shape. In training, kept entries are divided by the probability to be kept, so that the expected
        value over all masks is x, and the others are 0. Otherwise x as it is (the same array will do).

    Example:
        >>> dropout(np.array([3.0, 6.0]), 0.25, np.array([True, False])).tolist()
        [4.0, 0.0]

    Srivastava et al. (2014), in the "inverted" form that all libraries use.
    """
    raise NotImplementedError


def xavier_init(fan_in, fan_out, rng):
    """Draw weights that keep the size of signals and of gradients about equal, for layers followed by tanh or nothing.

    Args:
        fan_in: I, the number of inputs.
        fan_out: O, the number of outputs.
        rng: numpy.random.Generator, the only source of randomness.

    Returns:
        (I, O) array, uniform on [-a, a] with a = √(6 / (I + O)), that is with variance 2 / (I + O).

    Example:
        >>> xavier_init(2, 3, np.random.default_rng(0)).shape
        (2, 3)

    Glorot and Bengio (2010), equation 16.
    """
    raise NotImplementedError


def he_init(fan_in, fan_out, rng):
    """Draw weights that keep the size of signals through a ReLU, which silences half of them.

    Args:
        fan_in: I, the number of inputs.
        fan_out: O, the number of outputs.
        rng: numpy.random.Generator, the only source of randomness.

    Returns:
        (I, O) array, normal with mean 0 and variance 2 / I.

    Example:
        >>> he_init(2, 3, np.random.default_rng(0)).shape
        (2, 3)

    He et al. (2015), equation 10.
    """
    raise NotImplementedError


def sgd_momentum_step(w, gradient, velocity, lr, momentum=0.9):
    """Make one step of gradient descent with momentum.

    Args:
        w: array of parameters.
        gradient: array of w's shape.
        velocity: array of w's shape, zeros before the first step.
        lr: learning rate of this step.
        momentum: float in [0, 1), how much of the old velocity is kept.

    Returns:
        (w, velocity): new arrays. The velocity is momentum · velocity + gradient, without the learning rate; w moves
        against the new velocity by lr times as much.

    Example:
        >>> w, velocity = sgd_momentum_step(np.array([1.0]), np.array([4.0]), np.array([2.0]), lr=0.125, momentum=0.5)
        >>> w.tolist(), velocity.tolist()
        ([0.375], [5.0])
    """
    raise NotImplementedError


def adam_step(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Make one step of Adam, in which every parameter has a step size of its own.

    Args:
        w: array of parameters.
        gradient: array of w's shape.
        m: array of w's shape, running mean of the gradients, zeros before the first step.
        v: array of w's shape, running mean of their squares, zeros before the first step.
        step: int, the number of this step; the first is 1.
        lr: learning rate.
        beta1: float in [0, 1), how much of m is kept.
        beta2: float in [0, 1), how much of v is kept.
        eps: added to the root of the corrected v.

    Returns:
        (w, m, v): new arrays. m and v are returned as they are kept, uncorrected; w moves by
        -lr · m̂ / (√v̂ + eps), where m̂ = m / (1 - beta1^step) and v̂ = v / (1 - beta2^step).

    Example:
        >>> w, m, v = adam_step(np.array([1.0]), np.array([-4.0]), np.zeros(1), np.zeros(1), step=1, lr=0.5)
        >>> w.round(6).tolist(), m.round(6).tolist(), v.round(6).tolist()
        ([1.5], [-0.4], [0.016])

    Kingma and Ba (2014), algorithm 1.
    """
    raise NotImplementedError


def adamw_step(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    """Make one step of AdamW: Adam, and beside it a pull of every weight towards zero.

    Args:
        w: array of parameters.
        gradient: array of w's shape.
        m: array of w's shape, running mean of the gradients, zeros before the first step.
        v: array of w's shape, running mean of their squares, zeros before the first step.
        step: int, the number of this step; the first is 1.
        lr: learning rate.
        beta1: float in [0, 1), how much of m is kept.
        beta2: float in [0, 1), how much of v is kept.
        eps: added to the root of the corrected v.
        weight_decay: strength of the pull.

    Returns:
        (w, m, v): new arrays. m becomes beta1 · m + (1 - beta1) · gradient, v likewise with beta2 and the squared
        gradient; both are returned as they are kept, uncorrected. w moves by
        -lr · m̂ / (√v̂ + eps) - lr · weight_decay · w, where m̂ = m / (1 - beta1^step), v̂ = v / (1 - beta2^step) and
        the w of the second term is the old one. The decay touches neither m nor v.

    Example:
        >>> zeros = np.zeros(1)
        >>> w, m, v = adamw_step(np.array([2.0]), np.array([-4.0]), zeros, zeros, step=1, lr=0.5, weight_decay=0.25)
        >>> w.round(6).tolist(), m.round(6).tolist(), v.round(6).tolist()  # 2 + 0.5 - 0.5 · 0.25 · 2
        ([2.25], [-0.4], [0.016])

    Loshchilov and Hutter (2017), algorithm 2, with the learning rate in the decay as torch has it.
    """
    raise NotImplementedError


class MLP:
    """A network of two layers with a ReLU between them: logits = relu(x w1 + b1) w2 + b2.

    Args:
        inputs: I, entries of an example.
        hidden: K, hidden channels.
        outputs: V, classes.
        rng: numpy.random.Generator, the only source of randomness.

    The attribute `parameters` is a dict of the four arrays w1 (I, K), b1 (K,), w2 (K, V) and b2 (V,). Both methods read
    it at every call, so that whoever puts other arrays into it, or another dict in its place, changes the network. At
    first the weights are normal with mean 0 and variance 2 / fan_in (I for w1, K for w2), the biases zero.

    Example:
        >>> mlp = MLP(inputs=4, hidden=3, outputs=2, rng=np.random.default_rng(0))
        >>> {name: array.shape for name, array in sorted(mlp.parameters.items())}
        {'b1': (3,), 'b2': (2,), 'w1': (4, 3), 'w2': (3, 2)}
        >>> mlp.forward(np.zeros((5, 4))).shape
        (5, 2)
    """

    def __init__(self, inputs, hidden, outputs, rng):
        raise NotImplementedError

    def forward(self, x):
        """Score every class for every example.

        Args:
            x: (B, I) array.

        Returns:
            (B, V) array of logits.
        """
        raise NotImplementedError

    def loss_and_gradients(self, x, targets):
        """Return the loss on a batch and how it depends on every parameter.

        Args:
            x: (B, I) array.
            targets: (B,) integer array, the right class of each example.

        Returns:
            (loss, gradients): the float mean cross-entropy of the softmax of the logits, in nats, and a dict with the
            keys of `parameters` whose arrays are its derivatives. The parameters stay as they are.
        """
        raise NotImplementedError


def train(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    """Train a model in place with AdamW on shuffled batches.

    Args:
        model: an `MLP`, or anything else with a dict of arrays `parameters` and a method
            `loss_and_gradients(x, targets)` that returns the loss and a dict of gradients with the same names.
        x: (N, I) array of examples.
        targets: (N,) integer array of classes.
        rng: numpy.random.Generator. At the start of every epoch `rng.permutation(N)` gives the order of the examples of
            that epoch, and nothing else is drawn.
        epochs: how often every example is seen.
        batch_size: the order is cut into batches of this many examples; the last one may be smaller and counts too.
        lr: learning rate of AdamW; its betas are 0.9 and 0.999, its eps is 1e-8.
        weight_decay: that of AdamW, for all parameters, biases too.

    Returns:
        List of floats, the loss of every batch just before its update, in order. Afterwards `model.parameters` holds
        the trained arrays. Every parameter has its own m and v; the steps of AdamW are counted from 1 through all
        epochs.

    Example:
        >>> model = MLP(inputs=2, hidden=8, outputs=2, rng=np.random.default_rng(0))
        >>> x, targets = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]]), np.array([0, 1, 0])
        >>> losses = train(model, x, targets, np.random.default_rng(1), epochs=100, batch_size=2, lr=0.03)
        >>> len(losses), losses[-1] < 0.1, model.forward(x).argmax(axis=1).tolist()
        (200, True, [0, 1, 0])
    """
    raise NotImplementedError


def main(folder):
    """Train your network on handwritten digits, say how well it reads unseen ones, and leave a picture in `folder`."""
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits

    digits = load_digits()  # part of scikit-learn, no download
    x, targets = digits.data / 16, digits.target  # 1797 images of 8×8 pixels from 0 to 16
    order = np.random.default_rng(0).permutation(len(x))
    seen, unseen = order[:1437], order[1437:]
    model = MLP(inputs=64, hidden=64, outputs=10, rng=np.random.default_rng(1))
    losses = train(model, x[seen], targets[seen], np.random.default_rng(2))
    guesses = model.forward(x[unseen]).argmax(axis=1)
    right = guesses == targets[unseen]
    print(f"{len(losses)} steps of AdamW: the loss fell from {losses[0]:.2f} to {np.mean(losses[-45:]):.2f}")
    print(f"held-out digits read correctly: {right.sum()} of {len(right)}, {right.mean():.1%}")

    figure = Figure(figsize=(8, 7), layout="constrained")
    curve, grid = figure.subfigures(2, 1, height_ratios=[1, 2])
    axes = curve.subplots()
    axes.semilogy(losses, linewidth=0.8)
    axes.set(xlabel="step", ylabel="batch loss, in nats", title=f"accuracy on unseen digits: {right.mean():.1%}")
    # The wrong ones come first, so that you can see what was hard.
    shown = np.argsort(right, kind="stable")[:40]
    grid.suptitle("unseen digits and what the network read; red, with the truth, where it was wrong")
    for axes, i in zip(grid.subplots(4, 10).flat, shown, strict=True):
        axes.imshow(x[unseen[i]].reshape(8, 8), cmap="gray_r")
        axes.set_axis_off()
        truth = "" if right[i] else f" not {targets[unseen[i]]}"
        axes.set_title(f"{guesses[i]}{truth}", color="black" if right[i] else "red", fontsize=9)
    figure.savefig(folder / "digits.png", dpi=150)
    print(f"loss curve and digits: {folder / 'digits.png'}")
