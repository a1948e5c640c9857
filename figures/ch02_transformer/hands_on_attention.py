"""Figures of 2.4: the head that was made up by hand, and what heads of SmolLM2 really do."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures import BLUE, INK, ORANGE, WIDTH
from solutions.ch02_transformer.hands_on_attention import (
    TOKENS,
    W_K,
    W_O,
    W_Q,
    W_V,
    X,
    attention_scores,
    attention_weights,
    contextualize,
    project_qkv,
)

LENGTH = len(TOKENS)
IT = TOKENS.index("it")
CHANNELS = ["creature", "event", "stands for\nsomebody", "glue"]

# Weights in thousandths, measured in SmolLM2 on the lesson's sentence: block 16, head 0; block 13, head 8; and the
# average of all 30 · 9 heads. Row by row, without the zeros above the diagonal.
MEASURED = {
    "16.0: the token before": """
        1000
        980 20
        57 940 3
        166 53 772 9
        153 0 39 803 6
        143 0 0 84 769 3
        265 0 0 0 92 639 4
        201 0 0 0 0 34 755 11""",
    "13.8: the cat": """
        1000
        829 171
        153 837 10
        79 804 109 9
        35 938 16 3 8
        33 825 61 16 51 14
        24 883 14 6 64 6 2
        115 362 90 226 80 20 22 85""",
    "all 270, averaged": """
        1000
        882 118
        778 133 89
        713 68 89 129
        630 60 61 161 88
        609 49 45 122 97 77
        634 44 27 62 48 84 101
        587 42 22 60 30 28 53 178""",
}


def walk() -> Figure:
    """The weights of the head made up by hand, and what they make of "it"."""
    height = 3.35
    figure = Figure(figsize=(WIDTH, height))
    query, key, value = project_qkv(X, W_Q, W_K, W_V, head_size=4)
    weights = attention_weights(attention_scores(query, key), np.tri(LENGTH, dtype=bool))
    side = 0.345
    left = figure.add_axes((0.105, 0.03, side, side * WIDTH / height))
    _map(left, weights[0], "the head made up by hand", labelled=True)
    left.add_patch(Rectangle((-0.5, IT - 0.5), LENGTH, 1, fill=False, color=ORANGE, linewidth=1.2))

    added = contextualize(weights, value, W_O)[IT]
    right = figure.add_axes((0.645, 0.08, 0.335, 0.67))
    places = np.arange(len(CHANNELS))
    right.barh(places - 0.2, X[IT], height=0.36, color=INK, label="before")
    right.barh(places + 0.2, X[IT] + added, height=0.36, color=ORANGE, label="after")
    for place, number in zip(places, X[IT] + added, strict=True):
        right.text(number + 0.06, place + 0.2, f"{number:.2f}", va="center", fontsize=8)
    right.set(ylim=(3.6, -0.6), xlim=(0, 3.7))
    right.set_yticks(places, CHANNELS)
    right.set_xticks([0, 1, 2, 3])
    right.tick_params(axis="y", length=0)
    _title(right, "“it” before and after attention")
    right.text(2.0, 1.62, "before", color=INK, va="center")
    right.text(2.0, 2.12, "after", color=ORANGE, va="center")
    return figure


def heads() -> Figure:
    """Two heads of SmolLM2 on the same sentence, and the average of all."""
    height, side = 2.78, 0.265
    figure = Figure(figsize=(WIDTH, height))
    for place, (title, text) in enumerate(MEASURED.items()):
        rows = [[int(number) / 1000 for number in line.split()] for line in text.split("\n") if line.strip()]
        weights = np.array([row + [0.0] * (LENGTH - len(row)) for row in rows])
        axes = figure.add_axes((0.108 + 0.308 * place, 0.04, side, side * WIDTH / height))
        _map(axes, weights, title, labelled=place == 0)
    return figure


def _title(axes: Axes, text: str) -> None:
    """A title that leaves room for slanted labels."""
    axes.annotate(text, (0.5, 1), (0, 46), "axes fraction", "offset points", ha="center", va="center", fontsize=9.5)


def _map(axes: Axes, weights: np.ndarray, title: str, labelled: bool) -> None:
    """A square of each weight's area; the rows are queries, the columns keys."""
    axes.set(xlim=(-0.5, LENGTH - 0.5), ylim=(LENGTH - 0.5, -0.5))
    axes.set_xticks(range(LENGTH), TOKENS, fontsize=7.5, rotation=60, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(LENGTH), TOKENS if labelled else [""] * LENGTH, fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _title(axes, title)
    for (row, column), weight in np.ndenumerate(weights):
        if column > row:
            axes.add_patch(Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, linewidth=0, color=INK, alpha=0.18))
        side = 0.95 * weight**0.5
        if weight > 0:
            axes.add_patch(Rectangle((column - side / 2, row - side / 2), side, side, linewidth=0, color=BLUE))
