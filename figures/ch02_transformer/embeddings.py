"""Figures of 2.2: words that never meet become neighbours, and positions as clocks of many speeds."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures import BLUE, GREEN, INK, ORANGE, WIDTH
from solutions.ch02_transformer.embeddings import sinusoidal_positions, train_word2vec

NOUNS = ["boat", "ship", "raft", "ferry", "soup", "stew", "bread", "cake", "dog", "wolf", "fox", "cat"]
GROUPS, MEMBERS = 3, 4
STEPS, BATCH, NEGATIVES, CHANNELS, RATE = 60, 512, 2, 8, 10.0

POSITIONS, PAIRS = torch.arange(161), 8


def planted() -> Figure:
    """The cosine similarities of twelve nouns before and after training on pairs of a noun and a verb."""
    before, after = _tables()
    height, side = 2.75, 0.34
    figure = Figure(figsize=(WIDTH, height))
    for place, (title, vectors) in enumerate((("before training", before), ("after 60 steps", after))):
        axes = figure.add_axes((0.10 + 0.53 * place, 0.03, side, side * WIDTH / height))
        axes.set(xlim=(-0.5, 11.5), ylim=(11.5, -0.5))
        axes.set_yticks(range(12), NOUNS if place == 0 else [""] * 12, fontsize=8)
        axes.set_xticks([])
        axes.set_title(title, pad=6)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        _cosines_as_squares(axes, vectors)
    figure.text(0.455, 0.52, "same direction", color=BLUE, ha="left", fontsize=8)
    figure.text(0.455, 0.44, "opposite", color=ORANGE, ha="left", fontsize=8)
    return figure


def clocks() -> Figure:
    """The sine channels of four pairs over 160 positions: each pair is a clock hand, slower than the one before."""
    table = sinusoidal_positions(POSITIONS, 2 * PAIRS).numpy()
    figure = Figure(figsize=(WIDTH, 2.9))
    looks = ((0, BLUE, 0.5), (1, ORANGE, 0.8), (2, GREEN, 1.0), (3, INK, 1.0))
    for row, (pair, color, width) in enumerate(looks):
        axes = figure.add_axes((0.16, 0.78 - 0.205 * row, 0.81, 0.165))
        axes.plot(POSITIONS.numpy(), table[:, 2 * pair].round(4), ".-", color=color, linewidth=width, markersize=2.5)
        axes.set(xlim=(0, int(POSITIONS[-1])), ylim=(-1.15, 1.15))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.text(-4, 0, _speed(pair), color=color, ha="right", va="center")
        axes.set_xticks([0, 40, 80, 120, 160], ["0", "40", "80", "120", "160"] if row == 3 else [""] * 5)
    figure.axes[-1].set_xlabel("position")
    return figure


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """The vectors of the nouns before and after: ids 0 to 11 are nouns, 12 to 23 the verbs of the same groups."""
    rng = np.random.default_rng(22)
    group = rng.integers(GROUPS, size=(STEPS, BATCH))
    noun, verb = (MEMBERS * group + rng.integers(MEMBERS, size=group.shape) for _ in range(2))
    pairs = np.stack([noun, verb + GROUPS * MEMBERS], axis=-1)
    turned = rng.random((STEPS, BATCH, 1)) < 0.5
    pairs = np.where(turned, pairs[..., ::-1], pairs)
    negatives = rng.integers(2 * GROUPS * MEMBERS, size=(STEPS, BATCH, NEGATIVES))
    start, contexts = rng.normal(scale=0.1, size=(2, 2 * GROUPS * MEMBERS, CHANNELS))
    arguments = (torch.from_numpy(each) for each in (pairs, negatives, start, contexts))
    trained, _ = train_word2vec(*arguments, RATE)
    return start[:12], trained[:12].numpy()


def _cosines(vectors: np.ndarray) -> np.ndarray:
    """All cosine similarities, to two decimals, so that the last bits of a machine do not show."""
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (unit @ unit.T).round(2)


def _cosines_as_squares(axes: Axes, vectors: np.ndarray) -> None:
    """A square of each cosine's size, blue where it is positive."""
    for (row, column), cosine in np.ndenumerate(_cosines(vectors)):
        side = 0.94 * abs(cosine) ** 0.5
        color = BLUE if cosine > 0 else ORANGE
        corner = (column - side / 2, row - side / 2)
        axes.add_patch(Rectangle(corner, side, side, linewidth=0, color=color, clip_on=False))
    for edge in (3.5, 7.5):
        axes.axhline(edge, color=INK, linewidth=0.7)
        axes.axvline(edge, color=INK, linewidth=0.7)


def _speed(pair: int) -> str:
    """How many positions one turn of a pair takes."""
    turn = 2 * np.pi * 10000.0 ** (pair / PAIRS)
    return f"channel {2 * pair}\n{turn:.3g} positions"
