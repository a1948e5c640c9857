"""Figures of 1.4: how a scan reaches the beginning in three rounds, and what one vector loses of a longer text."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures import BLUE, INK, ORANGE, WIDTH
from solutions.ch01_sequence_models.limitations import copy_task_batch, seq2seq_bottleneck

STEPS = 6
BOX = (0.74, 0.36)  # width and height of a stretch, in units of positions and of rounds

SYMBOLS = 8
LENGTHS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]
TEXTS = 6000


def scan() -> Figure:
    """Which steps each position has combined after each round of a scan over six steps."""
    figure = Figure(figsize=(WIDTH, 3.15))
    axes = figure.add_axes((0.02, 0.02, 0.97, 0.9))
    axes.set(xlim=(-1.75, STEPS - 0.5), ylim=(3.35, -0.3))
    axes.axis("off")
    axes.set_title("steps that each position has combined", loc="left", x=0.195, pad=7)
    reach = [[t, t] for t in range(STEPS)]
    _row(axes, 0, "before", reach, frozenset(range(STEPS)))
    for number, step in enumerate((1, 2, 4), start=1):
        for t in range(step, STEPS):
            _arrow(axes, number, t - step, t)
        reach = [[reach[t - step][0], t] if t >= step else each for t, each in enumerate(reach)]
        _row(axes, number, f"round {number}: join t − {step}", reach, frozenset(range(step, STEPS)))
    return figure


def bottleneck() -> Figure:
    """The share of random one-hot texts that is lost in eight numbers: for the whole text, and for each position."""
    rng = np.random.default_rng(0)
    fixed, attended = zip(*(_lost(rng, length) for length in LENGTHS), strict=True)
    figure = Figure(figsize=(WIDTH, 2.9))
    axes = figure.add_axes((0.06, 0.155, 0.92, 0.73))
    axes.axhline(1 - 1 / SYMBOLS, color=INK, linewidth=0.9, dashes=(4, 3))
    axes.text(1, 1 - 1 / SYMBOLS + 0.025, "nothing but the average text is kept: 7/8")
    for lost, color, marker, at, says in (
        (fixed, ORANGE, "s", (7, 0.57), "one vector for the whole text"),
        (attended, BLUE, "o", (7, 0.045), "one vector for each position"),
    ):
        axes.plot(LENGTHS, lost, f"{marker}-", color=color, markersize=4, linewidth=1.6, clip_on=False)
        axes.text(*at, says, color=color)
    axes.set(xlim=(0.5, LENGTHS[-1] + 0.5), ylim=(0, 1), xlabel="length T of the text, of 8 possible symbols")
    axes.set_xticks([1, 4, 8, 12, 16, 24, 32])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_title("share that is lost in vectors of 8 numbers", loc="left", x=-0.055)
    return figure


def _lost(rng: np.random.Generator, length: int) -> tuple[float, float]:
    inputs, _ = copy_task_batch(rng, TEXTS, length, 1, SYMBOLS)
    return seq2seq_bottleneck(np.eye(SYMBOLS)[inputs[:, :length]], width=SYMBOLS)


def _row(axes: Axes, number: int, says: str, reach: list[list[int]], changed: frozenset[int]) -> None:
    """One box for each position, filled where it reaches back to the beginning."""
    width, height = BOX
    axes.text(-0.6, number, says, ha="right", va="center")
    for t, (first, last) in enumerate(reach):
        color = BLUE if first == 0 else INK
        corner = (t - width / 2, number - height / 2)
        style = {"linewidth": 1.1, "edgecolor": color, "linestyle": "-" if t in changed else (0, (2, 2))}
        axes.add_patch(Rectangle(corner, width, height, facecolor="none", **style))
        says = f"{first}" if first == last else f"{first} … {last}"
        axes.text(t, number, says, ha="center", va="center", color=color)


def _arrow(axes: Axes, number: int, start: int, end: int) -> None:
    half = BOX[1] / 2
    look = {"arrowstyle": "->", "color": ORANGE, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (end - 0.12, number - half - 0.02), (start + 0.1, number - 1 + half + 0.02), arrowprops=look)
