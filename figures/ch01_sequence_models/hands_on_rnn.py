"""Figures of 1.5: a text in lanes, and one distribution at four temperatures."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from figures import BLUE, GREEN, INK, ORANGE, WIDTH
from solutions.ch01_sequence_models.hands_on_rnn import build_vocab, decode, encode, get_batch

TEXT = "to be, or not to be, that is "
LANES, WINDOW = 2, 4
WINDOWS = (BLUE, ORANGE, GREEN)

# Logits of five characters after "th": made up, as the lesson says.
CHARACTERS, LOGITS = ["e", "a", "i", "o", "r"], [3.0, 2.0, 1.5, 0.5, 0.0]
TEMPERATURES = (0.25, 0.5, 1.0, 2.0)


def lanes() -> Figure:
    """A text of 29 characters in two lanes, three windows of four in each, and the way of the state."""
    vocab = build_vocab(TEXT)
    ids = encode(TEXT, vocab)
    batches = [[decode(row, vocab) for row in get_batch(ids, LANES, WINDOW, step)[0]] for step in range(len(WINDOWS))]
    length = (len(TEXT) - 1) // LANES
    height = 2.3
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.axis("off")
    side, left = 0.38, 1.0
    for lane in range(LANES):
        bottom = 1.3 - 0.95 * lane
        axes.text(left - 0.15, bottom + side / 2, f"lane {lane}", ha="right", va="center")
        for place in range(length):
            step = place // WINDOW
            used = step < len(WINDOWS)
            character = batches[step][lane][place % WINDOW] if used else TEXT[lane * length + place]
            _cell(axes, left + side * place, bottom, side, character, WINDOWS[step] if used else INK)
        for step in range(len(WINDOWS) - 1):
            x = left + side * WINDOW * (step + 1)
            arrow = {"arrowstyle": "-|>", "mutation_scale": 9, "linewidth": 1.3, "color": INK}
            curve = {"connectionstyle": "arc3,rad=-0.6", "shrinkA": 0, "shrinkB": 0}
            axes.add_patch(
                FancyArrowPatch((x - 0.3, bottom + side + 0.04), (x + 0.3, bottom + side + 0.04), **arrow, **curve)
            )
            if lane == 0:
                axes.text(x, bottom + side + 0.25, "state", ha="center", va="bottom")
    for step, color in enumerate(WINDOWS):
        x = left + side * WINDOW * (step + 0.5)
        axes.text(x, 0.3, f"batch {step}", color=color, ha="center", va="top")
    axes.text(left + side * (length - 1), 0.3, "left over", ha="center", va="top")
    return figure


def temperature() -> Figure:
    """The same five logits as probabilities at four temperatures."""
    figure = Figure(figsize=(WIDTH, 2.3))
    for place, heat in enumerate(TEMPERATURES):
        axes = figure.add_axes((0.06 + 0.24 * place, 0.14, 0.2, 0.7))
        p = torch.softmax(torch.tensor(LOGITS, dtype=torch.float64) / heat, dim=0).tolist()
        axes.bar(range(len(p)), p, color=BLUE, width=0.7)
        for x, each in enumerate(p):
            axes.text(x, each + 0.02, f"{each:.2f}".lstrip("0"), ha="center", va="bottom", fontsize=8)
        axes.set(ylim=(0, 1.1))
        axes.set_xticks(range(len(p)), CHARACTERS)
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"] if place == 0 else ["", "", ""])
        axes.tick_params(axis="x", length=0)
        axes.set_title(f"temperature {heat:g}")
    return figure


def _cell(axes: Axes, x: float, y: float, side: float, character: str, color: str) -> None:
    axes.add_patch(Rectangle((x, y), side, side, edgecolor=color, facecolor="none", linewidth=1.2))
    axes.text(x + side / 2, y + side / 2, character.replace(" ", "␣"), color=color, ha="center", va="center")
