"""Figures of 1.1: the network unrolled in time, and what a long way back does to a gradient."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from figures import BLUE, GREEN, INK, ORANGE, WIDTH, power_of_ten
from solutions.ch01_sequence_models.rnn import rnn_backward, rnn_forward

STEPS, BATCH, CHANNELS, INPUT_SCALE = 100, 32, 64, 0.1
RADII = {0.9: (BLUE, "o"), 1.0: (GREEN, "^"), 1.5: (ORANGE, "s")}


def unrolled() -> Figure:
    """One cell with a loop, and the same cell drawn once for each of three steps, with the way back."""
    height = 2.75
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.axis("off")

    _cell(axes, 0.85, "cell")
    _arrow(axes, (0.85, 0.5), (0.85, 0.98), INK)
    _arrow(axes, (0.85, 1.62), (0.85, 2.15), INK)
    loop = {"connectionstyle": "arc3,rad=-2.6", "mutation_scale": 9, "linewidth": 1.3, "color": BLUE}
    axes.add_patch(FancyArrowPatch((1.27, 1.42), (1.27, 1.14), arrowstyle="-|>", **loop))
    axes.text(0.85, 0.36, "xₜ", ha="center", va="center")
    axes.text(0.85, 2.3, "read off hₜ", ha="center", va="center")
    axes.text(4.8, 2.6, "the same cell, the same weights, three times", ha="center", va="center")
    axes.text(2.0, 1.3, "=", ha="center", va="center", fontsize=14)

    axes.text(2.5, 1.38, "h₀", ha="center", va="center")
    for step, name in enumerate("₁₂₃"):
        x = 3.45 + 1.35 * step
        _cell(axes, x, "cell")
        _arrow(axes, (x, 0.5), (x, 0.98), INK)
        _arrow(axes, (x, 1.62), (x, 2.15), INK)
        axes.text(x, 0.36, f"x{name}", ha="center", va="center")
        axes.text(x, 2.3, f"read off h{name}", ha="center", va="center")
        start = 2.62 if step == 0 else x - 0.93
        _arrow(axes, (start, 1.38), (x - 0.44, 1.38), BLUE)
        _arrow(axes, (x - 0.44, 1.22), (start, 1.22), ORANGE, dashed=True)
        if step < 2:
            axes.text(x + 0.675, 1.5, f"h{name}", color=BLUE, ha="center", va="bottom")
    axes.text(4.3, 0.04, "forward: the state", color=BLUE, ha="right", va="bottom")
    axes.text(4.5, 0.04, "backward: its gradient", color=ORANGE, ha="left", va="bottom")
    return figure


def gradients() -> Figure:
    """The gradient of a state some steps back, for recurrent matrices of spectral radius below, at and above one."""
    figure = Figure(figsize=(WIDTH, 3.1))
    axes = figure.add_axes((0.075, 0.145, 0.9, 0.745))
    distances = np.arange(STEPS)
    for radius, (color, marker) in RADII.items():
        norms = _norms(radius)
        axes.plot(distances, radius**distances, color=color, linewidth=0.9, dashes=(4, 3))
        axes.plot(distances, norms, f"{marker}-", color=color, markersize=4, markevery=10, linewidth=1.6)
        axes.text(STEPS + 0.5, norms[-1], f"{radius}", color=color, va="center")
    axes.set(yscale="log", xlim=(0, STEPS + 6), ylim=(1e-7, 1e7), xlabel="steps back from the loss")
    axes.yaxis.set_major_formatter(power_of_ten)
    axes.set_yticks([1e-6, 1e-3, 1, 1e3, 1e6])
    axes.minorticks_off()
    axes.set_title(
        "length of the gradient of the state, by spectral radius (dashed: the radius alone)", loc="left", x=-0.06
    )
    return figure


def _cell(axes: Axes, x: float, text: str) -> None:
    box = FancyBboxPatch(
        (x - 0.3, 1.1), 0.6, 0.4, boxstyle="round,pad=0.1", edgecolor=INK, facecolor="none", linewidth=1.2
    )
    axes.add_patch(box)
    axes.text(x, 1.3, text, ha="center", va="center")


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str, *, dashed: bool = False
) -> None:
    look = {"mutation_scale": 9, "linewidth": 1.3, "color": color, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", linestyle=(0, (3, 2)) if dashed else "-", **look))


def _norms(radius: float) -> np.ndarray:
    """The mean length, over sequences, of a gradient of length 1 at the last state, carried 0, 1, 2 … steps back.

    The recurrent matrix is orthogonal times the radius: it stretches every direction alike, tanh does the rest.
    """
    rng = np.random.default_rng(1)
    w_h = radius * np.linalg.qr(rng.normal(size=(CHANNELS, CHANNELS)))[0]
    x, w_x = INPUT_SCALE * rng.normal(size=(BATCH, STEPS, CHANNELS)), np.eye(CHANNELS)
    states = rnn_forward(x, np.zeros((BATCH, CHANNELS)), w_x, w_h, np.zeros(CHANNELS))
    gradient = rng.normal(size=(BATCH, CHANNELS))
    gradient /= np.linalg.norm(gradient, axis=1, keepdims=True)
    norms = []
    for t in reversed(range(STEPS)):
        norms.append(np.linalg.norm(gradient, axis=1).mean())
        one = slice(t, t + 1)
        # Only the gradient of the state is of interest, and that does not need the state before.
        gradient = rnn_backward(gradient[:, None], states[:, one], x[:, one], states[:, t], w_x, w_h)["h_0"]
    return np.array(norms)
