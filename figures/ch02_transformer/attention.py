"""Figures of 2.3: who listens to whom under three masks, and what √D is for."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures import BLUE, INK, ORANGE, WIDTH
from solutions.ch02_transformer.attention import causal_mask, scaled_dot_product_attention, sliding_window_mask

# The last three keys and the last query are those of the lesson's table; the others are made up in the same spirit.
TOKENS = ["we", "sat", "by", "the", "river", "bank"]
QUERIES = [(3, 0, 0, 1), (0, 1, 1, 2), (0, 1, 2, 1), (1, 0, 2, 0), (2, 1, 0, 1), (1, 2, 0, 1)]
KEYS = [(0, 1, 0, 2), (2, 0, 0, 1), (0, 0, 2, 0), (0, 0, 1, 0), (1, 2, 0, 1), (1, 0, 2, 1)]
LENGTH = len(TOKENS)
MASKS = {
    "no mask": torch.ones(LENGTH, LENGTH, dtype=torch.bool),
    "causal": causal_mask(LENGTH),
    "sliding window of 3": sliding_window_mask(LENGTH, window=3),
}

SIZES = [2**k for k in range(9)]
DRAWS, RIVALS = 8000, 10


def masks() -> Figure:
    """The attention weights of one sentence without a mask, with the causal one and with a sliding window."""
    height, side = 2.95, 0.285
    figure = Figure(figsize=(WIDTH, height))
    for place, (title, mask) in enumerate(MASKS.items()):
        axes = figure.add_axes((0.098 + 0.303 * place, 0.105, side, side * WIDTH / height))
        axes.set(xlim=(-0.5, LENGTH - 0.5), ylim=(LENGTH - 0.5, -0.5))
        axes.set_xticks(range(LENGTH), TOKENS, fontsize=8)
        axes.set_yticks(range(LENGTH), TOKENS if place == 0 else [""] * LENGTH, fontsize=8)
        axes.set_title(title, pad=22)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        _weights_as_squares(axes, mask)
    first = figure.axes[0]
    first.set_ylabel("query", labelpad=5)
    first.text(-0.63, -0.82, "key", ha="right", va="center")
    first.text(-0.63, LENGTH - 0.2, "last row", ha="right", va="center", fontsize=8)
    return figure


def saturation() -> Figure:
    """The largest of ten attention weights against the number of channels, with and without the root."""
    bare, scaled = zip(*map(_largest_weights, SIZES), strict=True)
    figure = Figure(figsize=(WIDTH, 2.9))
    axes = figure.add_axes((0.06, 0.155, 0.92, 0.73))
    axes.axhline(1 / RIVALS, color=INK, linewidth=0.9, dashes=(4, 3))
    axes.text(SIZES[0], 0.12, "ten equal weights")
    for weights, color, marker, says in (
        (bare, ORANGE, "s", "scores as they are"),
        (scaled, BLUE, "o", "divided by √D"),
    ):
        axes.plot(SIZES, weights, f"{marker}-", color=color, markersize=4, linewidth=1.6)
        axes.text(SIZES[-1], weights[-1] - 0.09, says, color=color, ha="right", va="top")
        axes.text(64, weights[6] + 0.035, f"{weights[6]:.2f}", color=color, ha="center")
    axes.set(xscale="log", ylim=(0, 1.04), xlabel="channels D")
    axes.set_xticks(SIZES, [str(size) for size in SIZES])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.minorticks_off()
    axes.set_title("largest weight among ten random keys, on average", loc="left", x=-0.055)
    return figure


def _weights_as_squares(axes: Axes, mask: torch.Tensor) -> None:
    """A square of each weight's area, grey where the mask hides the key, and the last row in digits below."""
    query, key = (torch.tensor(vectors, dtype=torch.float64) for vectors in (QUERIES, KEYS))
    weights = _weights(query, key, mask).numpy()
    seen, hidden = {"color": BLUE}, {"color": INK, "alpha": 0.22}
    for (row, column), weight in np.ndenumerate(weights):
        side = 0.95 * (weight**0.5 if mask[row, column] else 1)
        corner, look = (column - side / 2, row - side / 2), seen if mask[row, column] else hidden
        axes.add_patch(Rectangle(corner, side, side, linewidth=0, clip_on=False, **look))
        if row == LENGTH - 1 and mask[row, column]:
            axes.text(column, LENGTH - 0.2, f"{weight:.2f}".lstrip("0"), ha="center", va="center", fontsize=8)


def _largest_weights(channels: int) -> tuple[float, float]:
    """The mean, over many draws, of the largest weight of ten random keys: from bare scores, and scaled."""
    rng = np.random.default_rng(channels)
    query, key = (torch.from_numpy(rng.normal(size=(DRAWS, count, channels))) for count in (1, RIVALS))
    undone = query * channels**0.5  # what the function will divide by
    bare, scaled = (float(_weights(each, key).amax(-1).mean()) for each in (undone, query))
    return bare, scaled


def _weights(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """The weights by themselves: averages of the rows of an identity matrix."""
    return scaled_dot_product_attention(query, key, torch.eye(key.shape[-2], dtype=key.dtype), mask)
