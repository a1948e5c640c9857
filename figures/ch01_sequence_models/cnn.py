"""Figures of 1.3: two detectors and their maxima over time, and what dilations do to the reach of a stack."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures import BLUE, INK, ORANGE, WIDTH
from solutions.ch01_sequence_models.cnn import conv1d, max_over_time_pool, receptive_field

# The lesson's words: one channel for negation, one for praise or blame.
WORDS = {"not": (1, 0), "good": (0, 1), "it": (0, 0), "was": (0, 0), "bad": (0, -1)}
DETECTORS = {
    "denied praise": ([[1, 0], [0, 1]], -1, BLUE),  # rows are places of the kernel, columns are channels
    "plain blame": ([[0, 0], [-1, 0], [0, -1]], 0, ORANGE),
}
CELL = (0.46, 0.3)

POSITIONS, LAYERS = 8, 3


def detectors() -> Figure:
    """A text as numbers, the answers of a detector of width two and of one of width three, and their maxima."""
    height = 2.6
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.axis("off")
    top = 1.95
    for row, (word, vector) in enumerate(WORDS.items()):
        axes.text(1.15, top - row * CELL[1], word, ha="right", va="center")
        for channel, number in enumerate(vector):
            _number(axes, 1.5 + channel * CELL[0], top - row * CELL[1], number, INK)
    axes.text(1.5 + CELL[0] / 2, 2.42, "two channels", ha="center", va="center")
    axes.text(1.5 + 1.5 * CELL[0], 0.3, "the largest over time", ha="right", va="center")
    x = torch.tensor([list(WORDS.values())], dtype=torch.float64)
    for place, (name, (weight, bias, color)) in enumerate(DETECTORS.items()):
        _detector(axes, x, (3.5 + 1.9 * place, top), name, torch.tensor([weight]).double().mT, bias, color)
    return figure


def dilations() -> Figure:
    """What the last result of three causal layers of width two sees, without and with dilations."""
    figure = Figure(figsize=(WIDTH, 2.45))
    for place, (steps, title) in enumerate((((1, 1, 1), "dilations 1, 1, 1"), ((1, 2, 4), "dilations 1, 2, 4"))):
        axes = figure.add_axes((0.085 + 0.475 * place, 0.09, 0.43, 0.79))
        axes.set(xlim=(-0.4, POSITIONS - 0.6), ylim=(-0.55, LAYERS + 0.3))
        axes.axis("off")
        seen = receptive_field([2] * LAYERS, [1] * LAYERS, list(steps))
        axes.set_title(f"{title}: {seen} positions", loc="left", x=0.02)
        _stack(axes, steps)
        if place == 0:
            for layer, name in enumerate(("input", "layer 1", "layer 2", "layer 3")):
                axes.text(-0.5, layer, name, ha="right", va="center", fontsize=8)
        axes.text(POSITIONS - 1, -0.33, "now", ha="center", va="top", fontsize=8)
    return figure


def _number(axes: Axes, x: float, y: float, number: float, color: str, *, full: bool = False) -> None:
    width, height = CELL
    if full:
        axes.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, color=color, alpha=0.25, linewidth=0))
    look = {"facecolor": "none", "edgecolor": color, "linewidth": 0.8}
    axes.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, **look))
    axes.text(x, y, f"{number:.0f}".replace("-", "−"), ha="center", va="center", color=color)


def _detector(axes: Axes, x: torch.Tensor, corner, name: str, weight, bias: int, color: str) -> None:
    """The bracket of the winning window, the column of answers with the winner filled, and the maximum below it."""
    answers = conv1d(x, weight, torch.tensor([float(bias)]).double())
    winner, width, tall = int(answers.argmax()), weight.shape[-1], CELL[1]
    middle, top = corner
    bracket, reach = middle - CELL[0] / 2 - 0.14, tall / 2 - 0.04
    first, last = top - winner * tall + reach, top - (winner + width - 1) * tall - reach
    axes.plot(
        (bracket + 0.07, bracket, bracket, bracket + 0.07), (first, first, last, last), color=color, linewidth=1.4
    )
    shift = (width - 1) / 2  # a window's answer stands at the height of its middle
    for n, answer in enumerate(answers.flatten().tolist()):
        _number(axes, middle, top - (n + shift) * tall, answer, color, full=n == winner)
    axes.text(middle, 2.42, f"{name}, bias {bias}".replace("-", "−"), ha="center", va="center", color=color)
    pooled = float(max_over_time_pool(torch.relu(answers))[0, 0])
    _number(axes, middle, 0.3, pooled, color, full=True)


def _stack(axes: Axes, steps: tuple[int, ...]) -> None:
    """Dots for all positions of all layers; filled and joined where the last result depends on them."""
    seen = {POSITIONS - 1}
    dots = {LAYERS: seen}
    for layer in range(LAYERS, 0, -1):
        step = steps[layer - 1]
        for t in seen:
            for before in (t - step, t):
                axes.plot((before, t), (layer - 1, layer), color=BLUE, linewidth=1.1, zorder=1)
        seen = {before for t in seen for before in (t - step, t)}
        dots[layer - 1] = seen
    for layer, live in dots.items():
        for t in range(POSITIONS):
            if t in live:
                axes.plot(t, layer, "o", color=BLUE, markersize=7, zorder=2)
            else:
                axes.plot(t, layer, "o", markerfacecolor="none", markeredgecolor=INK, markersize=6, alpha=0.7)
