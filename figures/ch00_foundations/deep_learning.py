"""Figures of 0.3: a graph with its numbers and grads, and signals on their way through thirty layers."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import BLUE, GREEN, INK, ORANGE, WIDTH, power_of_ten
from solutions.ch00_foundations.deep_learning import Value, he_init

PLACES = {"a": (0.0, 1.7), "b": (0.0, 0.0), "c": (2.6, 0.85), "d": (5.2, 0.85), "loss": (7.8, 0.85)}
FORMULAS = {"a": "a", "b": "b", "c": "c = a · b", "d": "d = c + a", "loss": "L = d²"}
# from, to, where the derivative is written, and how the edge is bent
EDGES = (
    ("a", "c", (1.28, 0.98), 0.0),
    ("b", "c", (1.28, 0.14), 0.0),
    ("c", "d", (3.9, 0.62), 0.0),
    ("a", "d", (2.6, 1.9), -0.25),
    ("d", "loss", (6.5, 0.62), 0.0),
)

DEPTH, CHANNELS, EXAMPLES = 30, 128, 64


def graph() -> Figure:
    """The lesson's example: numbers flow to the right, grads to the left."""
    loss, values = _example()
    loss.backward()
    slopes = {("c", "a"): values["b"].data, ("c", "b"): values["a"].data, ("d", "c"): 1.0, ("d", "a"): 1.0}
    slopes["loss", "d"] = 2 * values["d"].data

    figure = Figure(figsize=(WIDTH, 2.5))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(-0.75, 8.55), ylim=(-0.75, 2.55))
    axes.set_axis_off()
    for start, end, place, bend in EDGES:
        _edge(axes, PLACES[start], PLACES[end], bend)
        axes.text(*place, f"× {_number(slopes[end, start])}", color=INK, ha="center", va="center")
    for name, (x, y) in PLACES.items():
        axes.text(x, y + 0.37, FORMULAS[name], ha="center", va="center")
        axes.text(x, y + 0.08, _number(values[name].data), color=BLUE, ha="center", va="center", fontsize=11)
        axes.text(x, y - 0.26, _number(values[name].grad), color=ORANGE, ha="center", va="center", fontsize=11)
    axes.text(8.5, 2.35, "numbers, computed from left to right", color=BLUE, ha="right", va="center")
    axes.text(8.5, 2.08, "grads, computed from right to left", color=ORANGE, ha="right", va="center")
    return figure


def signals() -> Figure:
    """The size of what comes out of each layer, for three variances of the first weights."""
    figure = Figure(figsize=(WIDTH, 2.9))
    axes = figure.add_axes((0.075, 0.155, 0.905, 0.73))
    layers = np.arange(DEPTH + 1)
    for factor, color, marker, says, place in (
        (2.0, ORANGE, "s", "variance 4 / I", (19, 3e3, "right")),
        (1.0, GREEN, "o", "variance 2 / I", (19, 3.0, "left")),
        (0.5, BLUE, "^", "variance 1 / I", (19, 1e-5, "right")),
    ):
        axes.plot(layers, _sizes(factor), f"{marker}-", color=color, markersize=3.4, linewidth=1.2)
        axes.text(place[0], place[1], says, color=color, ha=place[2])
    axes.set(yscale="log", xlim=(-0.5, DEPTH + 0.5), ylim=(3e-6, 3e5), xlabel="layer")
    axes.set_yticks([10.0**k for k in range(-4, 5, 2)])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(power_of_ten)
    axes.set_title("size of the signal behind each ReLU (root mean square)", loc="left", x=-0.07)
    return figure


def _example() -> tuple[Value, dict[str, Value]]:
    a, b = Value(2.0), Value(-3.0)
    c = a * b
    d = c + a
    loss = d**2
    return loss, {"a": a, "b": b, "c": c, "d": d, "loss": loss}


def _edge(axes: Axes, start: tuple[float, float], end: tuple[float, float], bend: float) -> None:
    look = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.9, "connectionstyle": f"arc3,rad={bend}"}
    look |= {"shrinkA": 26, "shrinkB": 26, "mutation_scale": 9}
    if bend:  # it comes from above, where the formula stands
        end, look["shrinkB"] = (end[0] - 0.1, end[1] + 0.55), 0
    axes.annotate("", xy=end, xytext=start, arrowprops=look)


def _number(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _sizes(factor: float) -> list[float]:
    """Root mean squares behind each of the layers, whose weights have `factor` times the variance of `he_init`."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(EXAMPLES, CHANNELS))
    sizes = [_size(signal)]
    for _ in range(DEPTH):
        signal = np.maximum(signal @ (factor**0.5 * he_init(CHANNELS, CHANNELS, rng)), 0.0)
        sizes.append(_size(signal))
    return sizes


def _size(signal: np.ndarray) -> float:
    return float(np.sqrt((signal**2).mean()))
