"""Classic wrong answers to 0.3: each as a patch of the solution, and as somebody else would write it."""

import math

import numpy as np

from grader.checks import mistake

# --- Value ----------------------------------------------------------------------------------------


@mistake(
    "Value",
    says="A Value that is used twice keeps only the grad of one use: what comes back must be added up.",
    patch=("parent.grad += derivative * node.grad", "parent.grad = derivative * node.grad"),
)
class overwrites:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = float(data), 0.0, parents

    def _with(self, other, result, mine, yours):
        return overwrites(result, [(self, mine), (other, yours)])

    def _other(self, other):
        return other if hasattr(other, "parents") else overwrites(other)

    def __add__(self, other):
        other = self._other(other)
        return self._with(other, self.data + other.data, 1, 1)

    def __mul__(self, other):
        other = self._other(other)
        return self._with(other, self.data * other.data, other.data, self.data)

    def __pow__(self, n):
        return overwrites(self.data**n, [(self, n * self.data ** (n - 1))])

    def exp(self):
        return overwrites(math.exp(self.data), [(self, math.exp(self.data))])

    def log(self):
        return overwrites(math.log(self.data), [(self, 1 / self.data)])

    def tanh(self):
        return overwrites(math.tanh(self.data), [(self, 1 - math.tanh(self.data) ** 2)])

    def relu(self):
        return self * float(self.data > 0)

    def backward(self):
        order, seen, todo = [], set(), [(self, 0)]
        while todo:
            node, done = todo.pop()
            if done:
                order.insert(0, node)
            elif node not in seen:
                seen.add(node)
                node.grad = 0.0
                todo += [(node, 1)] + [(each[0], 0) for each in node.parents]
        self.grad = 1.0
        for node in order:
            for parent, slope in node.parents:
                parent.grad = node.grad * slope

    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + -self._other(other)
    __truediv__ = lambda self, other: self * self._other(other) ** -1
    __radd__ = lambda self, other: self + other
    __rmul__ = lambda self, other: self * other
    __rsub__ = lambda self, other: -self + other
    __rtruediv__ = lambda self, other: self**-1 * other


@mistake(
    "Value",
    says="backward passes a grad on before all that depends on that Value has reported; sort the graph first.",
    patch=(
        ("stack.append((node, True))", "order.insert(0, node)"),
        ("if parents_done:\n                order.append(node)\n            elif id", "if id"),
    ),
)
class passed_on_too_early:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = float(data), 0.0, parents

    def _other(self, other):
        return other if hasattr(other, "parents") else passed_on_too_early(other)

    def __add__(self, other):
        other = self._other(other)
        return passed_on_too_early(self.data + other.data, [(self, 1), (other, 1)])

    def __mul__(self, other):
        other = self._other(other)
        return passed_on_too_early(self.data * other.data, [(self, other.data), (other, self.data)])

    def __pow__(self, n):
        return passed_on_too_early(self.data**n, [(self, n * self.data ** (n - 1))])

    def exp(self):
        return passed_on_too_early(math.exp(self.data), [(self, math.exp(self.data))])

    def log(self):
        return passed_on_too_early(math.log(self.data), [(self, 1 / self.data)])

    def tanh(self):
        return passed_on_too_early(math.tanh(self.data), [(self, 1 - math.tanh(self.data) ** 2)])

    def relu(self):
        return passed_on_too_early(max(0, self.data), [(self, float(self.data > 0))])

    def backward(self):
        found, todo = {}, [self]
        while todo:
            node = todo.pop()
            if node not in found:
                found[node] = node.grad = 0.0
                todo += [each[0] for each in node.parents]
        self.grad = 1.0
        for node in found:
            for parent, slope in node.parents:
                parent.grad += node.grad * slope

    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + -self._other(other)
    __truediv__ = lambda self, other: self * self._other(other) ** -1
    __radd__ = lambda self, other: self + other
    __rmul__ = lambda self, other: self * other
    __rsub__ = lambda self, other: -self + other
    __rtruediv__ = lambda self, other: self**-1 * other


@mistake(
    "Value",
    says="Grads of an earlier call are still there and are added to: backward must start from zeros.",
    patch=("node.grad = 0.0", "pass"),
)
class old_grads_kept:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = float(data), 0.0, parents

    def _other(self, other):
        return other if hasattr(other, "parents") else old_grads_kept(other)

    def __add__(self, other):
        other = self._other(other)
        return old_grads_kept(self.data + other.data, [(self, 1), (other, 1)])

    def __mul__(self, other):
        other = self._other(other)
        return old_grads_kept(self.data * other.data, [(self, other.data), (other, self.data)])

    def __pow__(self, n):
        return old_grads_kept(self.data**n, [(self, n * self.data ** (n - 1))])

    def exp(self):
        return old_grads_kept(math.exp(self.data), [(self, math.exp(self.data))])

    def log(self):
        return old_grads_kept(math.log(self.data), [(self, 1 / self.data)])

    def tanh(self):
        return old_grads_kept(math.tanh(self.data), [(self, 1 - math.tanh(self.data) ** 2)])

    def relu(self):
        return old_grads_kept(max(0, self.data), [(self, float(self.data > 0))])

    def backward(self):
        self.grad = 1.0
        order, seen, todo = [], set(), [(self, 0)]
        while todo:
            node, done = todo.pop()
            if done:
                order.insert(0, node)
            elif node not in seen:
                seen.add(node)
                todo += [(node, 1)] + [(each[0], 0) for each in node.parents]
        for node in order:
            for parent, slope in node.parents:
                parent.grad += node.grad * slope

    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + -self._other(other)
    __truediv__ = lambda self, other: self * self._other(other) ** -1
    __radd__ = lambda self, other: self + other
    __rmul__ = lambda self, other: self * other
    __rsub__ = lambda self, other: -self + other
    __rtruediv__ = lambda self, other: self**-1 * other


@mistake(
    "Value",
    says="backward calls itself for every operand, and Python ends that near 1,000: keep a list of what is to do.",
    patch=(
        (
            "order, seen, stack = [], set(), [(self, False)]\n        while stack:\n"
            "            node, parents_done = stack.pop()\n"
            "            if parents_done:\n                order.append(node)\n            elif id(node) not in seen:",
            "order, seen = [], set()\n\n        def visit(node):\n            if id(node) not in seen:",
        ),
        (
            "stack.append((node, True))\n                stack.extend((parent, False) for parent, _ in node.parents)\n",
            "for parent, _ in node.parents:\n                    visit(parent)\n"
            "                order.append(node)\n\n        visit(self)\n",
        ),
    ),
)
class recursive:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = float(data), 0.0, parents

    def _other(self, other):
        return other if hasattr(other, "parents") else recursive(other)

    def __add__(self, other):
        other = self._other(other)
        return recursive(self.data + other.data, [(self, 1), (other, 1)])

    def __mul__(self, other):
        other = self._other(other)
        return recursive(self.data * other.data, [(self, other.data), (other, self.data)])

    def __pow__(self, n):
        return recursive(self.data**n, [(self, n * self.data ** (n - 1))])

    def exp(self):
        return recursive(math.exp(self.data), [(self, math.exp(self.data))])

    def log(self):
        return recursive(math.log(self.data), [(self, 1 / self.data)])

    def tanh(self):
        return recursive(math.tanh(self.data), [(self, 1 - math.tanh(self.data) ** 2)])

    def relu(self):
        return recursive(max(0, self.data), [(self, float(self.data > 0))])

    def _sorted(self, found):
        if self not in found:
            self.grad = 0.0
            found[self] = None
            for parent, _ in self.parents:
                parent._sorted(found)
            del found[self]
            found[self] = None
        return found

    def backward(self):
        order = list(self._sorted({}))
        self.grad = 1.0
        for node in order[::-1]:
            for parent, slope in node.parents:
                parent.grad += node.grad * slope

    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + -self._other(other)
    __truediv__ = lambda self, other: self * self._other(other) ** -1
    __radd__ = lambda self, other: self + other
    __rmul__ = lambda self, other: self * other
    __rsub__ = lambda self, other: -self + other
    __rtruediv__ = lambda self, other: self**-1 * other


@mistake(
    "Value",
    says="In a product each factor gets its own number as its slope; it must be the other one's.",
    patch=("((self, other.data), (other, self.data))", "((self, self.data), (other, other.data))"),
)
class own_factor:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = float(data), 0.0, parents

    def _other(self, other):
        return other if hasattr(other, "parents") else own_factor(other)

    def __add__(self, other):
        other = self._other(other)
        return own_factor(self.data + other.data, [(self, 1), (other, 1)])

    def __mul__(self, other):
        other = self._other(other)
        return own_factor(self.data * other.data, [(each, each.data) for each in (self, other)])

    def __pow__(self, n):
        return own_factor(self.data**n, [(self, n * self.data ** (n - 1))])

    def exp(self):
        return own_factor(math.exp(self.data), [(self, math.exp(self.data))])

    def log(self):
        return own_factor(math.log(self.data), [(self, 1 / self.data)])

    def tanh(self):
        return own_factor(math.tanh(self.data), [(self, 1 - math.tanh(self.data) ** 2)])

    def relu(self):
        return own_factor(max(0, self.data), [(self, float(self.data > 0))])

    def backward(self):
        order, seen, todo = [], set(), [(self, 0)]
        while todo:
            node, done = todo.pop()
            if done:
                order.insert(0, node)
            elif node not in seen:
                seen.add(node)
                node.grad = 0.0
                todo += [(node, 1)] + [(each[0], 0) for each in node.parents]
        self.grad = 1.0
        for node in order:
            for parent, slope in node.parents:
                parent.grad += node.grad * slope

    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + -self._other(other)
    __truediv__ = lambda self, other: self * self._other(other) ** -1
    __radd__ = lambda self, other: self + other
    __rmul__ = lambda self, other: self * other
    __rsub__ = lambda self, other: -self + other
    __rtruediv__ = lambda self, other: self**-1 * other


@mistake(
    "Value",
    says="backward goes by the number of steps from the result, but a grad may be complete only after longer ways.",
    patch=(
        ("node, parents_done = stack.pop()", "node, parents_done = stack.pop(0)"),
        ("stack.append((node, True))", "order.insert(0, node)"),
        ("if parents_done:\n                order.append(node)\n            elif id", "if id"),
    ),
)
class breadth_first:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = float(data), 0.0, parents

    def _other(self, other):
        return other if hasattr(other, "parents") else breadth_first(other)

    def __add__(self, other):
        other = self._other(other)
        return breadth_first(self.data + other.data, [(self, 1), (other, 1)])

    def __mul__(self, other):
        other = self._other(other)
        return breadth_first(self.data * other.data, [(self, other.data), (other, self.data)])

    def __pow__(self, n):
        return breadth_first(self.data**n, [(self, n * self.data ** (n - 1))])

    def exp(self):
        return breadth_first(math.exp(self.data), [(self, math.exp(self.data))])

    def log(self):
        return breadth_first(math.log(self.data), [(self, 1 / self.data)])

    def tanh(self):
        return breadth_first(math.tanh(self.data), [(self, 1 - math.tanh(self.data) ** 2)])

    def relu(self):
        return breadth_first(max(0, self.data), [(self, float(self.data > 0))])

    def backward(self):
        found, queue = {self}, [self]
        for node in queue:
            node.grad = 0.0
            for parent, _ in node.parents:
                if parent not in found:
                    found.add(parent)
                    queue.append(parent)
        self.grad = 1.0
        for node in queue:
            for parent, slope in node.parents:
                parent.grad += node.grad * slope

    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + -self._other(other)
    __truediv__ = lambda self, other: self * self._other(other) ** -1
    __radd__ = lambda self, other: self + other
    __rmul__ = lambda self, other: self * other
    __rsub__ = lambda self, other: -self + other
    __rtruediv__ = lambda self, other: self**-1 * other


@mistake(
    "Value",
    says="You changed one of the operands and returned it; an operation gives a new Value.",
    patch=(
        "return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))",
        "self.data += other.data\n        return self",
    ),
)
class changed_operand:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = float(data), 0.0, parents

    def _other(self, other):
        return other if hasattr(other, "parents") else changed_operand(other)

    def __add__(self, other):
        self.data = self.data + self._other(other).data
        return self

    def __mul__(self, other):
        other = self._other(other)
        return changed_operand(self.data * other.data, [(self, other.data), (other, self.data)])

    def __pow__(self, n):
        return changed_operand(self.data**n, [(self, n * self.data ** (n - 1))])

    def exp(self):
        return changed_operand(math.exp(self.data), [(self, math.exp(self.data))])

    def log(self):
        return changed_operand(math.log(self.data), [(self, 1 / self.data)])

    def tanh(self):
        return changed_operand(math.tanh(self.data), [(self, 1 - math.tanh(self.data) ** 2)])

    def relu(self):
        return changed_operand(max(0, self.data), [(self, float(self.data > 0))])

    def backward(self):
        order, seen, todo = [], set(), [(self, 0)]
        while todo:
            node, done = todo.pop()
            if done:
                order.insert(0, node)
            elif node not in seen:
                seen.add(node)
                node.grad = 0.0
                todo += [(node, 1)] + [(each[0], 0) for each in node.parents]
        self.grad = 1.0
        for node in order:
            for parent, slope in node.parents:
                parent.grad += node.grad * slope

    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + -self._other(other)
    __truediv__ = lambda self, other: self * self._other(other) ** -1
    __radd__ = lambda self, other: self + other
    __rmul__ = lambda self, other: self * other
    __rsub__ = lambda self, other: -self + other
    __rtruediv__ = lambda self, other: self**-1 * other


@mistake(
    "Value",
    says="You changed one of the operands and returned it; an operation gives a new Value.",
    patch=(
        (
            "return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))",
            "self.data += other.data\n        return self",
        ),
        (
            "return Value(self.data * other.data, ((self, other.data), (other, self.data)))",
            "self.data *= other.data\n        return self",
        ),
    ),
)
class changed_operands:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = float(data), 0.0, parents

    def _other(self, other):
        return other if hasattr(other, "parents") else changed_operands(other)

    def __add__(self, other):
        self.data = self.data + self._other(other).data
        return self

    def __mul__(self, other):
        self.data = self._other(other).data * self.data
        return self

    def __pow__(self, n):
        return changed_operands(self.data**n, [(self, n * self.data ** (n - 1))])

    def exp(self):
        return changed_operands(math.exp(self.data), [(self, math.exp(self.data))])

    def log(self):
        return changed_operands(math.log(self.data), [(self, 1 / self.data)])

    def tanh(self):
        return changed_operands(math.tanh(self.data), [(self, 1 - math.tanh(self.data) ** 2)])

    def relu(self):
        return changed_operands(max(0, self.data), [(self, float(self.data > 0))])

    def backward(self):
        order, seen, todo = [], set(), [(self, 0)]
        while todo:
            node, done = todo.pop()
            if done:
                order.insert(0, node)
            elif node not in seen:
                seen.add(node)
                node.grad = 0.0
                todo += [(node, 1)] + [(each[0], 0) for each in node.parents]
        self.grad = 1.0
        for node in order:
            for parent, slope in node.parents:
                parent.grad += node.grad * slope

    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + -self._other(other)
    __truediv__ = lambda self, other: self * self._other(other) ** -1
    __radd__ = lambda self, other: self + other
    __rmul__ = lambda self, other: self * other
    __rsub__ = lambda self, other: -self + other
    __rtruediv__ = lambda self, other: self**-1 * other


# --- linear_forward, linear_backward --------------------------------------------------------------


@mistake("linear_forward", says="The bias is missing.", patch=("x @ w + b", "x @ w"))
def no_bias(x, w, b):
    return np.einsum("...i,io->...o", x, w)


@mistake(
    "linear_backward",
    says="The gradient of the bias still has the axes of the batch: all vectors shared one bias, so sum over them.",
    patch=("grad_rows.sum(axis=0)", "grad_y"),
)
def bias_not_summed(grad_y, x, w):
    flat_x, flat_y = x.reshape(-1, w.shape[0]), grad_y.reshape(-1, w.shape[1])
    return np.einsum("...o,io->...i", grad_y, w), np.einsum("bi,bo->io", flat_x, flat_y), 1.0 * grad_y


@mistake(
    "linear_backward",
    says="You summed the gradient of the bias over one leading axis only; a batch may have several, or none.",
    patch=("grad_rows.sum(axis=0)", "grad_y.sum(axis=0)"),
)
def one_axis_summed(grad_y, x, w):
    flat_x, flat_y = x.reshape(-1, w.shape[0]), grad_y.reshape(-1, w.shape[1])
    return np.einsum("...o,io->...i", grad_y, w), np.einsum("bi,bo->io", flat_x, flat_y), np.add.reduce(grad_y, 0)


@mistake(
    "linear_backward",
    says="You averaged over the batch; the mean, if there is one, belongs to the loss and is in grad_y already.",
    patch=("rows.T @ grad_rows, grad_rows.sum(axis=0)", "rows.T @ grad_rows / len(rows), grad_rows.mean(axis=0)"),
)
def averaged(grad_y, x, w):
    flat_x, flat_y = x.reshape(-1, w.shape[0]), grad_y.reshape(-1, w.shape[1])
    n = flat_x.shape[0]
    return np.einsum("...o,io->...i", grad_y, w), np.einsum("bi,bo->io", flat_x, flat_y) / n, flat_y.sum(0) / n


@mistake(
    "linear_backward",
    says="On the way back w must be transposed: outputs are turned into inputs.",
    patch=("grad_y @ w.T", "grad_y @ w"),
)
def w_as_forward(grad_y, x, w):
    flat_x, flat_y = x.reshape(-1, w.shape[0]), grad_y.reshape(-1, w.shape[1])
    return np.dot(grad_y, w), np.einsum("bi,bo->io", flat_x, flat_y), flat_y.sum(0)


@mistake(
    "linear_backward",
    says="Your gradient of w is transposed: it must have the shape of w, (I, O).",
    patch=("rows.T @ grad_rows", "grad_rows.T @ rows"),
)
def gradient_transposed(grad_y, x, w):
    flat_x, flat_y = x.reshape(-1, w.shape[0]), grad_y.reshape(-1, w.shape[1])
    return np.einsum("...o,io->...i", grad_y, w), np.einsum("bi,bo->oi", flat_x, flat_y), flat_y.sum(0)


# --- activations ----------------------------------------------------------------------------------


@mistake("relu", says="At 0 the slope is 0; yours is 1 there.", patch=("x > 0", "x >= 0"))
def corner_open(x):
    return np.where(x < 0, 0.0, x), np.where(x < 0, 0.0, 1.0)


@mistake(
    "relu",
    says="Your slope consists of truth values, which cannot be subtracted or negated like numbers.",
    patch=("(x > 0).astype(float)", "x > 0"),
)
def truth_values(x):
    return np.maximum(0, x), np.greater(x, 0)


@mistake(
    "silu",
    says="Your slope is that of the sigmoid alone; x stands in front of it, so the product rule applies.",
    patch=("gate + x * gate * (1 - gate)", "gate * (1 - gate)"),
)
def slope_of_the_sigmoid(x):
    s = (1 + np.tanh(x / 2)) / 2
    return x * s, s - s * s


@mistake(
    "silu",
    says="You took the gate as a constant: its own slope, times x, is missing.",
    patch=("gate + x * gate * (1 - gate)", "gate"),
)
def gate_as_a_constant(x):
    s = (1 + np.tanh(x / 2)) / 2
    return x * s, s


@mistake(
    "silu",
    says="Your sigmoid divides one huge number by another: for large entries that is inf / inf, which is nan.",
    patch=("1 / (1 + np.exp(-x))", "np.exp(x) / (1 + np.exp(x))"),
)
def overflowing_sigmoid(x):
    with np.errstate(all="ignore"):
        e = np.exp(x)
        s = e / (e + 1)
    return x * s, s + x * s * (1 - s)


@mistake(
    "gelu",
    says="You gave the tanh form where the exact one was asked; they differ in the fourth digit.",
    patch=('if approximate == "none":', 'if approximate == "none":\n        return gelu(x, "tanh")'),
)
def tanh_for_exact(x, approximate="none"):
    if approximate not in ("none", "tanh"):
        raise ValueError("approximate must be none or tanh")
    scale = np.sqrt(2 / np.pi)
    t = np.tanh(scale * x * (1 + 0.044715 * x * x))
    return 0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * scale * (1 + 0.134145 * x * x)


@mistake(
    "gelu",
    says="The slope of the tanh form is that of the exact form; differentiate the form that was asked.",
    patch=(
        "(1 - t**2) / 2 * scale * (1 + 3 * 0.044715 * x**2)\n",
        "None\n        return x * below, gelu(x)[1]\n",
    ),
)
def slope_of_the_other_form(x, approximate="none"):
    if approximate not in ("none", "tanh"):
        raise ValueError("approximate must be none or tanh")
    normal = (1 + np.vectorize(math.erf, otypes=[float])(x * 0.5**0.5)) / 2
    slope = normal + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    if approximate == "none":
        return x * normal, slope
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * x * (1 + 0.044715 * x * x))), slope


@mistake(
    "gelu",
    says="The error function takes x / √2; you gave it x.",
    patch=("erf(x / math.sqrt(2))", "erf(x)"),
)
def root_forgotten(x, approximate="none"):
    if approximate == "none":
        half = 0.5 + 0.5 * np.vectorize(math.erf, otypes=[float])(x)
        return half * x, half + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    if approximate != "tanh":
        raise ValueError("approximate must be none or tanh")
    scale = np.sqrt(2 / np.pi)
    t = np.tanh(scale * x * (1 + 0.044715 * x * x))
    return 0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * scale * (1 + 0.134145 * x * x)


# --- softmax_cross_entropy ------------------------------------------------------------------------


@mistake(
    "softmax_cross_entropy",
    says="Your loss is a mean over the batch, your gradient is not: it lacks the division by B.",
    patch=("gradient / len(targets)", "gradient"),
)
def gradient_not_divided(logits, targets):
    total = np.logaddexp.reduce(logits, axis=1, keepdims=True)
    right = np.eye(logits.shape[1])[targets]
    return float(((total - logits) * right).sum(1).mean()), np.exp(logits - total) - right


@mistake(
    "softmax_cross_entropy",
    says="You summed over the batch, both loss and gradient; the loss is the mean over the rows.",
    patch=(("targets].mean()", "targets].sum()"), ("gradient / len(targets)", "gradient")),
)
def summed_over_the_batch(logits, targets):
    total = np.logaddexp.reduce(logits, axis=1, keepdims=True)
    right = np.eye(logits.shape[1])[targets]
    return float(((total - logits) * right).sum()), np.exp(logits - total) - right


@mistake(
    "softmax_cross_entropy",
    says="Your gradient is made of the probabilities alone; at the right class it lacks the −1.",
    patch=("gradient[rows, targets] -= 1", "pass"),
)
def one_hot_forgotten(logits, targets):
    total = np.logaddexp.reduce(logits, axis=1, keepdims=True)
    right = np.eye(logits.shape[1])[targets]
    return float(((total - logits) * right).sum(1).mean()), np.exp(logits - total) / len(logits)


@mistake(
    "softmax_cross_entropy",
    says="You exponentiate the scores as they are, so large ones overflow.",
    patch=("logits - logits.max(axis=1, keepdims=True)", "logits - 0.0"),
)
def overflows(logits, targets):
    with np.errstate(all="ignore"):
        weights = np.exp(logits)
        total = weights.sum(axis=1, keepdims=True)
        log_p = logits - np.log(total)
    right = np.eye(logits.shape[1])[targets]
    return -float(np.take_along_axis(log_p, targets[:, None], 1).mean()), (np.exp(log_p) - right) / len(logits)


@mistake(
    "softmax_cross_entropy",
    says="You exponentiate the scores as they are, so large ones overflow.",
    patch=(
        ("logits - logits.max(axis=1, keepdims=True)", "np.exp(logits)"),
        ("shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))", "np.log(shifted / shifted.sum(1)[:, None])"),
    ),
)
def overflows_before_the_division(logits, targets):
    with np.errstate(all="ignore"):
        weights = np.exp(logits)
        p = weights / weights.sum(axis=1, keepdims=True)
        loss = -float(np.log(p[np.arange(len(p)), targets]).mean())
    return loss, (p - np.eye(logits.shape[1])[targets]) / len(logits)


@mistake(
    "softmax_cross_entropy",
    says="You took the logarithm of probabilities that had become 0; compute the log-softmax directly.",
    patch=(
        "shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))",
        "np.log(np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True))",
    ),
)
def log_of_zero(logits, targets):
    weights = np.exp(logits - logits.max(1)[:, None])
    p = weights / weights.sum(1)[:, None]
    right = np.eye(logits.shape[1])[targets]
    with np.errstate(all="ignore"):
        return -float(np.log(p[right == 1]).mean()), (p - right) / len(logits)


@mistake(
    "softmax_cross_entropy",
    says="Your gradient is divided by B·V, by the number of entries; the loss is a mean over the B rows only.",
    patch=("gradient / len(targets)", "gradient / gradient.size"),
)
def divided_by_everything(logits, targets):
    total = np.logaddexp.reduce(logits, axis=1, keepdims=True)
    right = np.eye(logits.shape[1])[targets]
    return float(((total - logits) * right).sum(1).mean()), (np.exp(logits - total) - right) / right.size


# --- dropout --------------------------------------------------------------------------------------


@mistake(
    "dropout",
    says="You scale when the network is used; inverted dropout scales in training, and then never again.",
    patch=(("return x\n", "return x * (1 - p)\n"), ("x * mask / (1 - p)", "x * mask")),
)
def scales_at_test_time(x, p, mask, training=True):
    return np.where(mask, x, 0.0) if training else x - p * x


@mistake(
    "dropout",
    says="What is kept must grow, so that the mean stays the same: the division by 1 − p is missing.",
    patch=("x * mask / (1 - p)", "x * mask"),
)
def not_scaled(x, p, mask, training=True):
    return np.where(mask, x, 0.0) if training else x


@mistake(
    "dropout",
    says="You divided by p, the probability to be silenced; divide by the probability to be kept.",
    patch=("x * mask / (1 - p)", "x * mask / p"),
)
def divided_by_p(x, p, mask, training=True):
    with np.errstate(all="ignore"):
        return mask * x * np.divide(1.0, p) if training else x


@mistake(
    "dropout",
    says="You silenced what the mask keeps: True means kept.",
    patch=("x * mask / (1 - p)", "x * ~mask / (1 - p)"),
)
def mask_inverted(x, p, mask, training=True):
    return np.where(mask, 0.0, x / (1 - p)) if training else x


@mistake(
    "dropout",
    says="You silence entries also when the network is not being trained.",
    patch=("if not training:", "if p == 0:"),
)
def always_on(x, p, mask, training=True):
    return np.where(mask, x / (1 - p), 0.0) if p > 0 else x


# --- initialisation -------------------------------------------------------------------------------


@mistake(
    "xavier_init",
    says="Your bound is √(2 / (I + O)): that is the standard deviation wanted; uniform numbers on [−a, a] have a/√3.",
    patch=("6 / (fan_in + fan_out)", "2 / (fan_in + fan_out)"),
)
def deviation_as_bound(fan_in, fan_out, rng):
    a = (2 / (fan_in + fan_out)) ** 0.5
    return rng.random((fan_in, fan_out)) * 2 * a - a


@mistake(
    "xavier_init",
    says="fan_in and fan_out are swapped: the array must be (I, O).",
    patch=("size=(fan_in, fan_out)", "size=(fan_out, fan_in)"),
)
def transposed_shape(fan_in, fan_out, rng):
    a = (6 / (fan_in + fan_out)) ** 0.5
    return (rng.random(fan_in * fan_out) * 2 * a - a).reshape(fan_out, fan_in)


@mistake(
    "xavier_init",
    says="You used only one of the two fans; Glorot's compromise needs both.",
    patch=("6 / (fan_in + fan_out)", "6 / (2 * fan_in)"),
)
def one_fan(fan_in, fan_out, rng):
    a = (3 / fan_in) ** 0.5
    return rng.random((fan_in, fan_out)) * 2 * a - a


@mistake(
    "he_init",
    says="fan_in and fan_out are swapped: the variance is 2 / I, for I products are summed in each output.",
    patch=("2 / fan_in", "2 / fan_out"),
)
def fans_swapped(fan_in, fan_out, rng):
    return rng.standard_normal((fan_in, fan_out)) * (2 / fan_out) ** 0.5


@mistake(
    "he_init",
    says="2 / I is the variance; NumPy's normal takes the standard deviation.",
    patch=("math.sqrt(2 / fan_in)", "2 / fan_in"),
)
def variance_as_deviation(fan_in, fan_out, rng):
    return 2 * rng.standard_normal((fan_in, fan_out)) / fan_in


@mistake(
    "he_init",
    says="Your variance is 1 / I; a ReLU silences half of its inputs, and the 2 makes up for it.",
    patch=("2 / fan_in", "1 / fan_in"),
)
def factor_two_forgotten(fan_in, fan_out, rng):
    return rng.standard_normal((fan_in, fan_out)) * fan_in**-0.5


# --- optimizers -----------------------------------------------------------------------------------


@mistake(
    "sgd_momentum_step",
    says="The learning rate went into your velocity; here it scales the step only.",
    patch=(
        ("momentum * velocity + gradient", "momentum * velocity + lr * gradient"),
        ("w - lr * velocity", "w - velocity"),
    ),
)
def rate_in_the_velocity(w, gradient, velocity, lr, momentum=0.9):
    new = lr * gradient + velocity * momentum
    return w - new, new


@mistake(
    "sgd_momentum_step",
    says="The learning rate went into your velocity; here it scales the step only.",
    patch=(
        ("momentum * velocity + gradient", "momentum * velocity - lr * gradient"),
        ("w - lr * velocity", "w + velocity"),
    ),
)
def rate_in_a_downhill_velocity(w, gradient, velocity, lr, momentum=0.9):
    new = velocity * momentum - gradient * lr
    return new + w, new


@mistake(
    "sgd_momentum_step",
    says="The learning rate scales the step twice, in the velocity and in the movement; here it is in the latter only.",
    patch=("momentum * velocity + gradient", "momentum * velocity + lr * gradient"),
)
def rate_twice(w, gradient, velocity, lr, momentum=0.9):
    new = lr * gradient + velocity * momentum
    return w - new * lr, new


@mistake(
    "sgd_momentum_step",
    says="You moved with the old velocity; first renew it, then move.",
    patch=("velocity = momentum * velocity + gradient\n    return w - lr * velocity, velocity",
           "return w - lr * velocity, momentum * velocity + gradient"),
)  # fmt: skip
def old_velocity(w, gradient, velocity, lr, momentum=0.9):
    moved = w - lr * velocity
    return moved, gradient + velocity * momentum


@mistake(
    "sgd_momentum_step",
    says="You damped the gradient by 1 − momentum, which makes a running mean; here the velocity is a running sum.",
    patch=("* velocity + gradient", "* velocity + (1 - momentum) * gradient"),
)
def damped(w, gradient, velocity, lr, momentum=0.9):
    new = gradient + momentum * (velocity - gradient)
    return w - lr * new, new


@mistake(
    "adam_step",
    says="The bias correction is missing: m and v begin at zero and are too small at first.",
    patch=("m / (1 - beta1**step), v / (1 - beta2**step)", "m, v"),
)
def adam_uncorrected(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = gradient + beta1 * (m - gradient), gradient**2 + beta2 * (v - gradient**2)
    return w - lr * m / (eps + v**0.5), m, v


@mistake(
    "adam_step",
    says="You added eps under the root; it belongs to the root itself.",
    patch=("(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat + eps)"),
)
def adam_eps_under_the_root(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = gradient + beta1 * (m - gradient), gradient**2 + beta2 * (v - gradient**2)
    return w - lr * m / (1 - beta1**step) * (v / (1 - beta2**step) + eps) ** -0.5, m, v


@mistake(
    "adam_step",
    says="You returned m and v corrected; then they are corrected again and again at every step.",
    patch=("+ eps), m, v", "+ eps), m_hat, v_hat"),
)
def adam_corrected_returned(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m = (gradient + beta1 * (m - gradient)) / (1 - beta1**step)
    v = (gradient**2 + beta2 * (v - gradient**2)) / (1 - beta2**step)
    return w - lr * m / (eps + v**0.5), m, v


@mistake(
    "adamw_step",
    says="The bias correction is missing: m and v begin at zero and are too small at first.",
    patch=("m / (1 - beta1**step), v / (1 - beta2**step)", "m, v"),
)
def uncorrected(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    m, v = gradient + beta1 * (m - gradient), gradient**2 + beta2 * (v - gradient**2)
    return w * (1 - lr * weight_decay) - lr * m / (eps + v**0.5), m, v


@mistake(
    "adamw_step",
    says="You added the decay to the gradient: that is Adam with L2, in which m and v see it and √v̂ divides it.",
    patch=(
        ("m = beta1 * m", "gradient = gradient + weight_decay * w\n    m = beta1 * m"),
        (" - lr * weight_decay * w, m", ", m"),
    ),
)
def coupled(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    g = w * weight_decay + gradient
    m, v = g + beta1 * (m - g), g**2 + beta2 * (v - g**2)
    return w - lr * m / (1 - beta1**step) / (eps + (v / (1 - beta2**step)) ** 0.5), m, v


@mistake(
    "adamw_step",
    says="Your decay ignores the learning rate: it takes lr · weight_decay of w.",
    patch=("- lr * weight_decay * w", "- weight_decay * w"),
)
def decay_without_rate(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    m, v = gradient + beta1 * (m - gradient), gradient**2 + beta2 * (v - gradient**2)
    return w * (1 - weight_decay) - lr * m / (1 - beta1**step) / (eps + (v / (1 - beta2**step)) ** 0.5), m, v


@mistake(
    "adamw_step",
    says="Your decay takes its share of the weights after the step; it takes it of those before.",
    patch=(
        "return w - lr * m_hat / (np.sqrt(v_hat) + eps) - lr * weight_decay * w, m, v",
        "w = w - lr * m_hat / (np.sqrt(v_hat) + eps)\n    return w - lr * weight_decay * w, m, v",
    ),
)
def decay_of_the_new_weights(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    m, v = gradient + beta1 * (m - gradient), gradient**2 + beta2 * (v - gradient**2)
    moved = w - lr * m / (1 - beta1**step) / (eps + (v / (1 - beta2**step)) ** 0.5)
    return moved * (1 - lr * weight_decay), m, v


@mistake(
    "adamw_step",
    says="The decay is missing: this is plain Adam.",
    patch=(" - lr * weight_decay * w", ""),
)
def no_decay(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    m, v = gradient + beta1 * (m - gradient), gradient**2 + beta2 * (v - gradient**2)
    return w - lr * m / (1 - beta1**step) / (eps + (v / (1 - beta2**step)) ** 0.5), m, v


@mistake(
    "adamw_step",
    says="You added eps under the root; it belongs to the root itself.",
    patch=("(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat + eps)"),
)
def eps_under_the_root(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    m, v = gradient + beta1 * (m - gradient), gradient**2 + beta2 * (v - gradient**2)
    step_size = lr / (1 - beta1**step)
    return w * (1 - lr * weight_decay) - step_size * m * (v / (1 - beta2**step) + eps) ** -0.5, m, v


@mistake(
    "adamw_step",
    says="You returned m and v corrected; then they are corrected again and again at every step.",
    patch=("weight_decay * w, m, v", "weight_decay * w, m_hat, v_hat"),
)
def corrected_returned(w, gradient, m, v, step, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    m = (gradient + beta1 * (m - gradient)) / (1 - beta1**step)
    v = (gradient**2 + beta2 * (v - gradient**2)) / (1 - beta2**step)
    return w * (1 - lr * weight_decay) - lr * m / (eps + v**0.5), m, v


# --- MLP ------------------------------------------------------------------------------------------


@mistake(
    "MLP",
    says="The gradient went back through the ReLU as if it were open everywhere; where it was shut nothing comes back.",
    patch=("grad_hidden * (before > 0)", "grad_hidden"),
)
class relu_ignored_on_the_way_back:
    def __init__(self, inputs, hidden, outputs, rng):
        self.parameters = {
            "w1": rng.standard_normal((inputs, hidden)) * (2 / inputs) ** 0.5, "b1": np.zeros(hidden),
            "w2": rng.standard_normal((hidden, outputs)) * (2 / hidden) ** 0.5, "b2": np.zeros(outputs),
        }  # fmt: skip

    def forward(self, x):
        w1, b1, w2, b2 = (self.parameters[name] for name in ("w1", "b1", "w2", "b2"))
        return np.maximum(x @ w1 + b1, 0) @ w2 + b2

    def loss_and_gradients(self, x, targets):
        w1, b1, w2 = (self.parameters[name] for name in ("w1", "b1", "w2"))
        loss, g = softmax_cross_entropy(self.forward(x), targets)  # noqa: F821
        h, gh = np.maximum(x @ w1 + b1, 0), g @ w2.T
        return loss, {"w1": x.T @ gh, "b1": gh.sum(0), "w2": h.T @ g, "b2": g.sum(0)}


@mistake(
    "MLP",
    says="There is nothing between your two layers: without a ReLU they are one.",
    patch=(
        ('np.maximum(x @ p["w1"] + p["b1"], 0.0)', '(x @ p["w1"] + p["b1"])'),
        ("hidden = np.maximum(before, 0.0)", "hidden = before"),
        ("grad_hidden * (before > 0)", "grad_hidden"),
    ),
)
class no_relu:
    def __init__(self, inputs, hidden, outputs, rng):
        self.parameters = {
            "w1": rng.standard_normal((inputs, hidden)) * (2 / inputs) ** 0.5, "b1": np.zeros(hidden),
            "w2": rng.standard_normal((hidden, outputs)) * (2 / hidden) ** 0.5, "b2": np.zeros(outputs),
        }  # fmt: skip

    def forward(self, x):
        w1, b1, w2, b2 = (self.parameters[name] for name in ("w1", "b1", "w2", "b2"))
        return x @ w1 @ w2 + b1 @ w2 + b2

    def loss_and_gradients(self, x, targets):
        w1, b1, w2 = (self.parameters[name] for name in ("w1", "b1", "w2"))
        loss, g = softmax_cross_entropy(self.forward(x), targets)  # noqa: F821
        h, gh = x @ w1 + b1, g @ w2.T
        return loss, {"w1": x.T @ gh, "b1": gh.sum(0), "w2": h.T @ g, "b2": g.sum(0)}


@mistake(
    "MLP",
    says="Your network begins with weights of variance 1, far too large: scale them by the number of inputs.",
    patch=(("math.sqrt(2 / inputs)", "1.0"), ("math.sqrt(2 / hidden)", "1.0")),
)
class unscaled_weights:
    def __init__(self, inputs, hidden, outputs, rng):
        self.parameters = {
            "w1": rng.standard_normal((inputs, hidden)), "b1": np.zeros(hidden),
            "w2": rng.standard_normal((hidden, outputs)), "b2": np.zeros(outputs),
        }  # fmt: skip

    def forward(self, x):
        w1, b1, w2, b2 = (self.parameters[name] for name in ("w1", "b1", "w2", "b2"))
        return np.maximum(x @ w1 + b1, 0) @ w2 + b2

    def loss_and_gradients(self, x, targets):
        w1, b1, w2 = (self.parameters[name] for name in ("w1", "b1", "w2"))
        loss, g = softmax_cross_entropy(self.forward(x), targets)  # noqa: F821
        h = np.maximum(x @ w1 + b1, 0)
        gh = np.where(h > 0, g @ w2.T, 0.0)
        return loss, {"w1": x.T @ gh, "b1": gh.sum(0), "w2": h.T @ g, "b2": g.sum(0)}


@mistake(
    "MLP",
    says="fan_in and fan_out are swapped in your first weights: what counts is the number of inputs of each layer.",
    patch=(
        ("math.sqrt(2 / inputs)", "math.sqrt(2 / hidden)"),
        ("2 / hidden), size=(hidden", "2 / outputs), size=(hidden"),
    ),
)
class first_fans_swapped:
    def __init__(self, inputs, hidden, outputs, rng):
        self.parameters = {
            "w1": rng.standard_normal((inputs, hidden)) * (2 / hidden) ** 0.5, "b1": np.zeros(hidden),
            "w2": rng.standard_normal((hidden, outputs)) * (2 / outputs) ** 0.5, "b2": np.zeros(outputs),
        }  # fmt: skip

    def forward(self, x):
        w1, b1, w2, b2 = (self.parameters[name] for name in ("w1", "b1", "w2", "b2"))
        return np.maximum(x @ w1 + b1, 0) @ w2 + b2

    def loss_and_gradients(self, x, targets):
        w1, b1, w2 = (self.parameters[name] for name in ("w1", "b1", "w2"))
        loss, g = softmax_cross_entropy(self.forward(x), targets)  # noqa: F821
        h = np.maximum(x @ w1 + b1, 0)
        gh = np.where(h > 0, g @ w2.T, 0.0)
        return loss, {"w1": x.T @ gh, "b1": gh.sum(0), "w2": h.T @ g, "b2": g.sum(0)}


@mistake(
    "MLP",
    says="Your forward returns probabilities; logits are asked for, and the softmax belongs to the loss.",
    patch=(
        'return np.maximum(x @ p["w1"] + p["b1"], 0.0) @ p["w2"] + p["b2"]',
        'e = np.exp(np.maximum(x @ p["w1"] + p["b1"], 0.0) @ p["w2"] + p["b2"])\n'
        "        return e / e.sum(axis=1, keepdims=True)",
    ),
)
class softmax_at_the_end:
    def __init__(self, inputs, hidden, outputs, rng):
        self.parameters = {
            "w1": rng.standard_normal((inputs, hidden)) * (2 / inputs) ** 0.5, "b1": np.zeros(hidden),
            "w2": rng.standard_normal((hidden, outputs)) * (2 / hidden) ** 0.5, "b2": np.zeros(outputs),
        }  # fmt: skip

    def forward(self, x):
        w1, b1, w2, b2 = (self.parameters[name] for name in ("w1", "b1", "w2", "b2"))
        z = np.maximum(x @ w1 + b1, 0) @ w2 + b2
        e = np.exp(z)
        return e / e.sum(axis=1)[:, None]

    def loss_and_gradients(self, x, targets):
        w1, b1, w2, b2 = (self.parameters[name] for name in ("w1", "b1", "w2", "b2"))
        h = np.maximum(x @ w1 + b1, 0)
        loss, g = softmax_cross_entropy(h @ w2 + b2, targets)  # noqa: F821
        gh = np.where(h > 0, g @ w2.T, 0.0)
        return loss, {"w1": x.T @ gh, "b1": gh.sum(0), "w2": h.T @ g, "b2": g.sum(0)}


@mistake(
    "MLP",
    says="Your forward returns probabilities; logits are asked for, and the softmax belongs to the loss.",
    patch=(
        (
            'return np.maximum(x @ p["w1"] + p["b1"], 0.0) @ p["w2"] + p["b2"]',
            'e = np.exp(np.maximum(x @ p["w1"] + p["b1"], 0.0) @ p["w2"] + p["b2"])\n'
            "        return e / e.sum(axis=1, keepdims=True)",
        ),
        (
            'softmax_cross_entropy(hidden @ p["w2"] + p["b2"], targets)',
            "softmax_cross_entropy(self.forward(x), targets)",
        ),
    ),
)
class softmax_twice:
    def __init__(self, inputs, hidden, outputs, rng):
        self.parameters = {
            "w1": rng.standard_normal((inputs, hidden)) * (2 / inputs) ** 0.5, "b1": np.zeros(hidden),
            "w2": rng.standard_normal((hidden, outputs)) * (2 / hidden) ** 0.5, "b2": np.zeros(outputs),
        }  # fmt: skip

    def forward(self, x):
        w1, b1, w2, b2 = (self.parameters[name] for name in ("w1", "b1", "w2", "b2"))
        z = np.maximum(x @ w1 + b1, 0) @ w2 + b2
        e = np.exp(z)
        return e / e.sum(axis=1)[:, None]

    def loss_and_gradients(self, x, targets):
        w1, b1, w2 = (self.parameters[name] for name in ("w1", "b1", "w2"))
        h = np.maximum(x @ w1 + b1, 0)
        loss, g = softmax_cross_entropy(self.forward(x), targets)  # noqa: F821
        gh = np.where(h > 0, g @ w2.T, 0.0)
        return loss, {"w1": x.T @ gh, "b1": gh.sum(0), "w2": h.T @ g, "b2": g.sum(0)}


# --- train ----------------------------------------------------------------------------------------


@mistake(
    "train",
    says="The examples are not shuffled: every epoch shows the same batches in the same order.",
    patch=("order = rng.permutation(len(x))", "order = np.arange(len(x))"),
)
def not_shuffled(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    state = {name: (0.0 * w, 0.0 * w) for name, w in model.parameters.items()}
    losses, t = [], 0
    for _ in range(epochs):
        for begin in range(0, len(x), batch_size):
            t += 1
            loss, slopes = model.loss_and_gradients(x[begin : begin + batch_size], targets[begin : begin + batch_size])
            losses += [float(loss)]
            for name in slopes:
                model.parameters[name], *state[name] = adamw_step(  # noqa: F821
                    model.parameters[name], slopes[name], *state[name], t, lr=lr, weight_decay=weight_decay
                )
    return losses


@mistake(
    "train",
    says="You shuffled once and kept that order; every epoch begins with a new one.",
    patch=(
        "    for _ in range(epochs):\n        order = rng.permutation(len(x))\n",
        "    order = rng.permutation(len(x))\n    for _ in range(epochs):\n",
    ),
)
def shuffled_once(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    state = {name: (0.0 * w, 0.0 * w) for name, w in model.parameters.items()}
    losses, t = [], 0
    once = rng.permutation(len(x))
    x, targets = x[once], targets[once]
    for _ in range(epochs):
        for begin in range(0, len(x), batch_size):
            t += 1
            loss, slopes = model.loss_and_gradients(x[begin : begin + batch_size], targets[begin : begin + batch_size])
            losses += [float(loss)]
            for name in slopes:
                model.parameters[name], *state[name] = adamw_step(  # noqa: F821
                    model.parameters[name], slopes[name], *state[name], t, lr=lr, weight_decay=weight_decay
                )
    return losses


@mistake(
    "train",
    says="The examples are shuffled, the targets are not: they no longer belong together.",
    patch=("targets[batch]", "targets[start : start + batch_size]"),
)
def targets_left_behind(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    state = {name: (0.0 * w, 0.0 * w) for name, w in model.parameters.items()}
    losses, t = [], 0
    for _ in range(epochs):
        mixed = x[rng.permutation(len(x))]
        for begin in range(0, len(x), batch_size):
            t += 1
            end = begin + batch_size
            loss, slopes = model.loss_and_gradients(mixed[begin:end], targets[begin:end])
            losses += [float(loss)]
            for name in slopes:
                model.parameters[name], *state[name] = adamw_step(  # noqa: F821
                    model.parameters[name], slopes[name], *state[name], t, lr=lr, weight_decay=weight_decay
                )
    return losses


@mistake(
    "train",
    says="The last batch of an epoch is left out when it is smaller than the others.",
    patch=("range(0, len(x), batch_size)", "range(0, len(x) - batch_size + 1, batch_size)"),
)
def last_batch_dropped(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    state = {name: (0.0 * w, 0.0 * w) for name, w in model.parameters.items()}
    losses, t = [], 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for number in range(len(x) // batch_size):
            t += 1
            batch = order[number * batch_size : (number + 1) * batch_size]
            loss, slopes = model.loss_and_gradients(x[batch], targets[batch])
            losses += [float(loss)]
            for name in slopes:
                model.parameters[name], *state[name] = adamw_step(  # noqa: F821
                    model.parameters[name], slopes[name], *state[name], t, lr=lr, weight_decay=weight_decay
                )
    return losses


@mistake(
    "train",
    says="The number of the step begins again in every epoch; AdamW counts all steps since the beginning.",
    patch=("len(losses), lr", "start // batch_size + 1, lr"),
)
def steps_counted_by_epoch(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    state = {name: (0.0 * w, 0.0 * w) for name, w in model.parameters.items()}
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for t, begin in enumerate(range(0, len(x), batch_size), 1):
            batch = order[begin : begin + batch_size]
            loss, slopes = model.loss_and_gradients(x[batch], targets[batch])
            losses += [float(loss)]
            for name in slopes:
                model.parameters[name], *state[name] = adamw_step(  # noqa: F821
                    model.parameters[name], slopes[name], *state[name], t, lr=lr, weight_decay=weight_decay
                )
    return losses


@mistake(
    "train",
    says="You count the steps of AdamW from 0, but the correction of step 0 divides by zero; the first step is 1.",
    patch=("len(losses), lr", "len(losses) - 1, lr"),
)
def steps_counted_from_zero(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    state = {name: (0.0 * w, 0.0 * w) for name, w in model.parameters.items()}
    losses, t = [], 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for begin in range(0, len(x), batch_size):
            batch = order[begin : begin + batch_size]
            loss, slopes = model.loss_and_gradients(x[batch], targets[batch])
            losses += [float(loss)]
            for name in slopes:
                model.parameters[name], *state[name] = adamw_step(  # noqa: F821
                    model.parameters[name], slopes[name], *state[name], t, lr=lr, weight_decay=weight_decay
                )
            t += 1
    return losses


@mistake(
    "train",
    says="m and v are forgotten: every step begins with zeros again.",
    patch=("model.parameters[name], moments[name] = w, (m, v)", "model.parameters[name] = w"),
)
def moments_forgotten(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    losses, t = [], 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for begin in range(0, len(x), batch_size):
            t += 1
            batch = order[begin : begin + batch_size]
            loss, slopes = model.loss_and_gradients(x[batch], targets[batch])
            losses += [float(loss)]
            for name, w in list(model.parameters.items()):
                model.parameters[name] = adamw_step(  # noqa: F821
                    w, slopes[name], 0.0 * w, 0.0 * w, t, lr=lr, weight_decay=weight_decay
                )[0]
    return losses


@mistake(
    "train",
    says="Your losses are those after each update; note each one before it.",
    patch=(
        ("            losses.append(loss)\n", "            losses.append(0.0)\n"),
        (
            "    return losses",
            "            losses[-1] = model.loss_and_gradients(x[batch], targets[batch])[0]\n    return losses",
        ),
    ),
)
def losses_after_the_step(model, x, targets, rng, epochs=20, batch_size=32, lr=3e-3, weight_decay=0.01):
    state = {name: (0.0 * w, 0.0 * w) for name, w in model.parameters.items()}
    losses, t = [], 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for begin in range(0, len(x), batch_size):
            t += 1
            batch = order[begin : begin + batch_size]
            _, slopes = model.loss_and_gradients(x[batch], targets[batch])
            for name in slopes:
                model.parameters[name], *state[name] = adamw_step(  # noqa: F821
                    model.parameters[name], slopes[name], *state[name], t, lr=lr, weight_decay=weight_decay
                )
            losses += [float(model.loss_and_gradients(x[batch], targets[batch])[0])]
    return losses
