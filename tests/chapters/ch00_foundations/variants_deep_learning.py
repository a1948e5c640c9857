"""Right answers to 0.3, above all to its cores, written as other people would: the suite must pass every one."""

import math

import numpy as np


class Value__closures:
    """As micrograd does it: every result keeps a function that hands its grad on."""

    def __init__(self, data, children=()):
        self.data = data
        self.grad = 0.0
        self._backward = lambda: None
        self._children = set(children)

    def _result(self, data, children, backward):
        out = Value__closures(data, children)
        out._backward = lambda: backward(out.grad)
        return out

    def __add__(self, other):
        other = other if isinstance(other, Value__closures) else Value__closures(other)

        def backward(grad):
            self.grad += grad
            other.grad += grad

        return self._result(self.data + other.data, (self, other), backward)

    def __mul__(self, other):
        other = other if isinstance(other, Value__closures) else Value__closures(other)

        def backward(grad):
            self.grad += other.data * grad
            other.grad += self.data * grad

        return self._result(self.data * other.data, (self, other), backward)

    def _unary(self, data, slope):
        def backward(grad):
            self.grad += slope * grad

        return self._result(data, (self,), backward)

    def __pow__(self, n):
        return self._unary(self.data**n, n * self.data ** (n - 1))

    def exp(self):
        return self._unary(math.e**self.data, math.e**self.data)

    def log(self):
        return self._unary(math.log(self.data), self.data**-1)

    def tanh(self):
        e = math.exp(2 * self.data)
        return self._unary((e - 1) / (e + 1), 4 * e / (e + 1) ** 2)

    def relu(self):
        return self._unary(0.0 if self.data < 0 else self.data, 1.0 if self.data > 0 else 0.0)

    def backward(self):
        topo, visited, stack = [], set(), [(self, iter(self._children))]
        visited.add(self)
        while stack:
            node, children = stack[-1]
            child = next((each for each in children if each not in visited), None)
            if child is None:
                topo.append(stack.pop()[0])
            else:
                visited.add(child)
                stack.append((child, iter(child._children)))
        for node in topo:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(topo):
            node._backward()

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __truediv__(self, other):
        return self * other**-1

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return other + (-self)

    def __rtruediv__(self, other):
        return other * self**-1


class Value__counted_uses:
    """No sorting: a Value passes its grad on when the last of its uses has reported."""

    def __init__(self, data, parents=()):
        self.data = float(data)
        self.grad = 0.0
        self.parents = parents

    @staticmethod
    def lift(other):
        return other if isinstance(other, Value__counted_uses) else Value__counted_uses(other)

    def __add__(self, other):
        other = Value__counted_uses.lift(other)
        return Value__counted_uses(self.data + other.data, [(self, 1), (other, 1)])

    def __mul__(self, other):
        other = Value__counted_uses.lift(other)
        return Value__counted_uses(self.data * other.data, [(self, other.data), (other, self.data)])

    def __pow__(self, exponent):
        power = self.data**exponent
        return Value__counted_uses(power, [(self, exponent * self.data ** (exponent - 1.0))])

    def exp(self):
        return Value__counted_uses(np.exp(self.data), [(self, np.exp(self.data))])

    def log(self):
        return Value__counted_uses(np.log(self.data), [(self, 1 / self.data)])

    def tanh(self):
        return Value__counted_uses(np.tanh(self.data), [(self, 1 / np.cosh(self.data) ** 2)])

    def relu(self):
        return self * (self.data > 0)

    def backward(self):
        uses, reached = {self: 0}, [self]
        for node in reached:
            node.grad = 0.0
            for parent, _ in node.parents:
                if parent not in uses:
                    uses[parent] = 0
                    reached.append(parent)
                uses[parent] += 1
        self.grad, ready = 1.0, [self]
        while ready:
            node = ready.pop()
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
                uses[parent] -= 1
                if uses[parent] == 0:
                    ready.append(parent)

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -self.lift(other)

    def __truediv__(self, other):
        other = self.lift(other)
        slopes = [(self, 1 / other.data), (other, -self.data / other.data**2)]
        return Value__counted_uses(self.data / other.data, slopes)

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return -self + other

    def __rtruediv__(self, other):
        return self.lift(other) / self


class Value__creation_order:
    """What is computed later depends on what was computed earlier, so the order of creation will do."""

    count = 0

    def __init__(self, data, parents=()):
        self.data = float(data)
        self.grad = 0.0
        self.parents = parents
        Value__creation_order.count += 1
        self.number = Value__creation_order.count

    def lift(self, other):
        return other if isinstance(other, Value__creation_order) else Value__creation_order(other)

    def __add__(self, other):
        other = self.lift(other)
        return Value__creation_order(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        other = self.lift(other)
        return Value__creation_order(self.data * other.data, ((self, other.data), (other, self.data)))

    def __pow__(self, exponent):
        return Value__creation_order(self.data**exponent, ((self, exponent * self.data**exponent / self.data),))

    def exp(self):
        return Value__creation_order(math.exp(self.data), ((self, math.exp(self.data)),))

    def log(self):
        return Value__creation_order(math.log(self.data), ((self, 1 / self.data),))

    def tanh(self):
        t = math.tanh(self.data)
        return Value__creation_order(t, ((self, (1 - t) * (1 + t)),))

    def relu(self):
        return Value__creation_order(max(0, self.data), ((self, 1.0 * (self.data > 0)),))

    def backward(self):
        ancestors, todo = {self}, [self]
        while todo:
            new = {parent for parent, _ in todo.pop().parents} - ancestors
            ancestors |= new
            todo.extend(new)
        for node in ancestors:
            node.grad = 1.0 if node is self else 0.0
        for node in sorted(ancestors, key=lambda each: -each.number):
            for parent, derivative in node.parents:
                parent.grad += derivative * node.grad

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + other * -1

    def __rsub__(self, other):
        return self * -1 + other

    def __truediv__(self, other):
        return self * self.lift(other) ** -1

    def __rtruediv__(self, other):
        return self**-1 * other


def linear_forward__loop(x, w, b):
    return np.stack([(x * w[:, o]).sum(-1) + b[o] for o in range(len(b))], axis=-1)


def linear_backward__einsum(grad_y, x, w):
    xs, gs = x.reshape(-1, len(w)), grad_y.reshape(-1, w.shape[1])
    return np.einsum("...o,io->...i", grad_y, w), np.einsum("ni,no->io", xs, gs), np.einsum("no->o", gs)


def linear_backward__loop(grad_y, x, w):
    grad_x, grad_w, grad_b = np.zeros(x.shape), np.zeros(w.shape), np.zeros(w.shape[1])
    for index in np.ndindex(*x.shape[:-1]):
        grad_x[index] = w @ grad_y[index]
        grad_w += np.outer(x[index], grad_y[index])
        grad_b += grad_y[index]
    return [grad_x, grad_w, grad_b]


def linear_backward__tensordot(grad_y, x, w):
    lead = tuple(range(x.ndim - 1))
    return np.matmul(grad_y, w.transpose()), np.tensordot(x, grad_y, (lead, lead)), grad_y.sum(axis=lead)


def linear_backward__ones(grad_y, x, w):
    rows = np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1).reshape(-1, len(w) + 1)
    both = rows.T @ grad_y.reshape(-1, w.shape[1])
    return (w @ grad_y[..., None])[..., 0], both[:-1], both[-1]


def relu__where(x):
    return np.where(x > 0, x, 0.0), np.where(x > 0, 1.0, 0.0)


def relu__heaviside(x):
    return x * (x > 0), np.heaviside(x, 0.0)


def silu__stable(x):
    e = np.exp(-np.abs(x))
    gate = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
    return x * gate, gate * (1 + x * (1 - gate))


def silu__tanh(x):
    gate = 0.5 * (1 + np.tanh(0.5 * x))
    return gate * x, gate + gate * (x - x * gate)


def gelu__loop(x, approximate="none"):
    values, slopes = np.empty(x.shape), np.empty(x.shape)
    if approximate not in {"none", "tanh"}:
        raise ValueError(approximate)
    for index in np.ndindex(*x.shape):
        z = float(x[index])
        if approximate == "none":
            below, density = math.erfc(-z / 2**0.5) / 2, math.exp(-z * z / 2) / (2 * math.pi) ** 0.5
        else:
            u = (2 / math.pi) ** 0.5 * (z + 0.044715 * z * z * z)
            below = 0.5 * (1 + math.tanh(u))
            density = 2 * below * (1 - below) * (2 / math.pi) ** 0.5 * (1 + 0.134145 * z * z)
        values[index], slopes[index] = z * below, below + z * density
    return values, slopes


def softmax_cross_entropy__one_hot(logits, targets):
    one_hot = np.eye(logits.shape[1])[targets]
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(axis=1, keepdims=True)
    losses = np.log(totals[:, 0]) - (one_hot * shifted).sum(axis=1)
    return np.mean(losses), (exponentials / totals - one_hot) / len(logits)


def softmax_cross_entropy__loop(logits, targets):
    loss, gradient = 0.0, np.zeros(logits.shape)
    for row, (scores, target) in enumerate(zip(logits, targets, strict=True)):
        top = max(scores)
        weights = [math.exp(score - top) for score in scores]
        total = math.fsum(weights)
        loss += (math.log(total) + top - scores[target]) / len(logits)
        for column, weight in enumerate(weights):
            gradient[row, column] = (weight / total - (column == target)) / len(logits)
    return loss, gradient


def softmax_cross_entropy__logaddexp(logits, targets):
    log_p = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
    picked = np.take_along_axis(log_p, targets[:, None], axis=1)
    gradient = np.exp(log_p)
    np.put_along_axis(gradient, targets[:, None], np.expm1(picked), axis=1)
    return -picked.sum() / picked.size, gradient / picked.size


def dropout__where(x, p, mask, training=True):
    return np.where(mask, x / (1.0 - p), 0.0) if training else x.copy()


def xavier_init__scaled(fan_in, fan_out, rng):
    return (2 * rng.random((fan_in, fan_out)) - 1) * np.sqrt(6 / (fan_in + fan_out))


def he_init__scaled(fan_in, fan_out, rng):
    return rng.standard_normal((fan_in, fan_out)) * np.sqrt(2.0 / fan_in)


def he_init__loop(fan_in, fan_out, rng):
    return np.array([[rng.normal() / (fan_in / 2) ** 0.5 for _ in range(fan_out)] for _ in range(fan_in)])


def sgd_momentum_step__in_place(w, gradient, velocity, lr, momentum=0.9):
    w, velocity = w.copy(), velocity.copy()
    velocity *= momentum
    velocity += gradient
    w -= lr * velocity
    return w, velocity


def adam_step__folded(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m = m + (1 - beta1) * (gradient - m)
    v = v + (1 - beta2) * (gradient * gradient - v)
    root = math.sqrt(1 - beta2**step)
    return w - lr * root / (1 - beta1**step) * m / (np.sqrt(v) + eps * root), m, v


def adamw_step__decay_first(
    w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01
):  # as torch does it
    w = w * (1 - lr * weight_decay)
    m = m + (1 - beta1) * (gradient - m)
    v = beta2 * v + (1 - beta2) * gradient * gradient
    denominator = np.sqrt(v) / math.sqrt(1 - beta2**step) + eps
    return w - lr / (1 - beta1**step) * m / denominator, m, v


def adamw_step__in_place(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    w, m, v = w.copy(), m.copy(), v.copy()
    m *= beta1
    m += gradient * (1 - beta1)
    v *= beta2
    v += np.square(gradient) * (1 - beta2)
    direction = (m / (1 - np.power(beta1, step))) / ((v / (1 - np.power(beta2, step))) ** 0.5 + eps)
    w -= lr * (direction + weight_decay * w)
    return w, m, v


def adamw_step__loop(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    new = [np.empty(w.shape) for _ in range(3)]
    for i in np.ndindex(*w.shape):
        mean = beta1 * m[i] + (1 - beta1) * gradient[i]
        square = beta2 * v[i] + (1 - beta2) * gradient[i] ** 2
        corrected = mean / (1 - beta1**step), square / (1 - beta2**step)
        moved = w[i] - lr * weight_decay * w[i] - lr * corrected[0] / (math.sqrt(corrected[1]) + eps)
        new[0][i], new[1][i], new[2][i] = moved, mean, square
    return tuple(new)


class MLP__layers:
    """Everything inlined, and the forward pass keeps what the way back needs."""

    def __init__(self, inputs, hidden, outputs, rng):
        self.parameters = {}
        for number, (fan_in, fan_out) in enumerate([(inputs, hidden), (hidden, outputs)], 1):
            self.parameters[f"w{number}"] = rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)
            self.parameters[f"b{number}"] = np.zeros(fan_out)

    def forward(self, x):
        self.hidden = x @ self.parameters["w1"] + self.parameters["b1"]
        self.hidden[self.hidden < 0] = 0
        return self.hidden @ self.parameters["w2"] + self.parameters["b2"]

    def loss_and_gradients(self, x, targets):
        logits = self.forward(x)
        log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        delta = (np.exp(log_p) - np.eye(logits.shape[1])[targets]) / len(x)
        back = delta @ self.parameters["w2"].T * (self.hidden > 0)
        loss = -log_p[range(len(x)), targets].mean()
        return loss, {
            "w2": self.hidden.T @ delta, "b2": delta.sum(0), "w1": x.T @ back, "b1": np.ones(len(x)) @ back
        }  # fmt: skip


class MLP__example_by_example:
    """One example at a time, gradients added up; the second layer's weights are drawn first."""

    def __init__(self, inputs, hidden, outputs, rng):
        w2 = rng.normal(scale=(2 / hidden) ** 0.5, size=(hidden, outputs))
        w1 = rng.normal(scale=(2 / inputs) ** 0.5, size=(inputs, hidden))
        self.parameters = {"b1": np.zeros(hidden), "b2": np.zeros(outputs), "w1": w1, "w2": w2}

    def forward(self, x):
        p = self.parameters
        return np.array([np.maximum(0, row @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"] for row in x])

    def loss_and_gradients(self, x, targets):
        p = self.parameters
        loss, gradients = 0.0, {name: np.zeros(w.shape) for name, w in p.items()}
        for row, target in zip(x, targets, strict=True):
            before = row @ p["w1"] + p["b1"]
            hidden = np.where(before > 0, before, 0.0)
            scores = hidden @ p["w2"] + p["b2"]
            weights = np.exp(scores - scores.max())
            probabilities = weights / weights.sum()
            loss -= np.log(probabilities[target]) / len(x)
            delta = probabilities / len(x)
            delta[target] -= 1 / len(x)
            back = (p["w2"] @ delta) * (before > 0)
            for name, slope in (
                ("w2", np.outer(hidden, delta)), ("b2", delta), ("w1", np.outer(row, back)), ("b1", back)
            ):  # fmt: skip
                gradients[name] += slope
        return float(loss), gradients


class MLP__parts:
    """Put together from the section's own functions."""

    def __init__(self, inputs, hidden, outputs, rng):
        self.parameters = {"b1": np.zeros((hidden,)), "b2": np.zeros((outputs,))}
        self.parameters["w1"] = he_init(inputs, hidden, rng)  # noqa: F821
        self.parameters["w2"] = he_init(hidden, outputs, rng)  # noqa: F821

    def _through(self, x):
        before = linear_forward(x, self.parameters["w1"], self.parameters["b1"])  # noqa: F821
        hidden, slope = relu(before)  # noqa: F821
        return hidden, slope, linear_forward(hidden, self.parameters["w2"], self.parameters["b2"])  # noqa: F821

    def forward(self, x):
        return self._through(x)[2]

    def loss_and_gradients(self, x, targets):
        hidden, slope, logits = self._through(x)
        loss, grad = softmax_cross_entropy(logits, targets)  # noqa: F821
        gradients = {}
        grad, gradients["w2"], gradients["b2"] = linear_backward(grad, hidden, self.parameters["w2"])  # noqa: F821
        grad, gradients["w1"], gradients["b1"] = linear_backward(grad * slope, x, self.parameters["w1"])  # noqa: F821
        return loss, gradients


def train__array_split(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    m = {name: np.zeros(w.shape) for name, w in model.parameters.items()}
    v = {name: np.zeros(w.shape) for name, w in model.parameters.items()}
    losses, step = [], 1
    for _ in range(epochs):
        permutation = rng.permutation(x.shape[0])
        for batch in np.split(permutation, range(batch_size, len(permutation), batch_size)):
            loss, gradients = model.loss_and_gradients(x[batch], targets[batch])
            losses.append(float(loss))
            new = {}
            for name, w in model.parameters.items():
                new[name], m[name], v[name] = adamw_step(  # noqa: F821
                    w, gradients[name], m[name], v[name], step, lr, 0.9, 0.999, 1e-8, weight_decay
                )
            model.parameters = new
            step += 1
    return losses


def train__in_place(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    state = {}
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(targets))
        shuffled_x, shuffled_targets = x[order], targets[order]
        for i in range(math.ceil(len(order) / batch_size)):
            part = slice(i * batch_size, (i + 1) * batch_size)
            loss, gradients = model.loss_and_gradients(shuffled_x[part], shuffled_targets[part])
            losses += [loss]
            for name, g in gradients.items():
                w = model.parameters[name]
                m, v = state.setdefault(name, [np.zeros_like(w), np.zeros_like(w)])
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                w *= 1 - lr * weight_decay
                w -= lr / (1 - 0.9 ** len(losses)) * m / (np.sqrt(v / (1 - 0.999 ** len(losses))) + 1e-8)
    return losses


def train__flat(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    """All parameters as one vector."""
    names = sorted(model.parameters)
    shapes = [model.parameters[name].shape for name in names]
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    flat = np.concatenate([model.parameters[name].ravel() for name in names])
    m = v = np.zeros(len(flat))
    losses = []
    for _ in range(epochs):
        left = list(rng.permutation(len(x)))
        while left:
            batch, left = left[:batch_size], left[batch_size:]
            loss, gradients = model.loss_and_gradients(x[batch], targets[batch])
            losses.append(loss)
            g = np.concatenate([gradients[name].ravel() for name in names])
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            hats = m / (1 - 0.9 ** len(losses)), v / (1 - 0.999 ** len(losses))
            flat = flat - lr * (hats[0] / (np.sqrt(hats[1]) + 1e-8) + weight_decay * flat)
            for name, part, shape in zip(names, np.split(flat, ends), shapes, strict=True):
                model.parameters[name] = part.reshape(shape)
    return losses
