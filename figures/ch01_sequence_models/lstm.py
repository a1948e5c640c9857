"""Figures of 1.2: the inside of one LSTM cell, and how much of a gradient comes through it."""

import math

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from figures import BLUE, GREEN, INK, ORANGE, WIDTH, power_of_ten
from solutions.ch01_sequence_models.lstm import forget_bias_init, gradient_through_time, lstm_cell

CHANNELS, DRAWS = 16, 3
LENGTHS = [1, 2, 5, 10, 20, 40, 70, 100]

CELL_LINE, GATE_LINE, INPUT_LINE = 3.6, 1.5, 0.55
FORGET, WRITE, CANDIDATE, SHOW = 2.2, 4.2, 5.6, 8.4


def cell() -> Figure:
    """The cell state runs along the top; three gates multiply, one candidate is added, h is read off at the end."""
    figure = Figure(figsize=(WIDTH, 2.35))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set(xlim=(-1.1, 11.4), ylim=(0.25, 4.3))
    axes.set_aspect("equal")
    axes.axis("off")
    for start, end in ((0.55, FORGET - 0.22), (FORGET + 0.22, CANDIDATE - 0.22)):
        axes.plot([start, end], [CELL_LINE, CELL_LINE], color=BLUE, linewidth=2.2, solid_capstyle="butt")
    _arrow(axes, (CANDIDATE + 0.22, CELL_LINE), (10.75, CELL_LINE), BLUE, 2.2)
    _line(axes, [(0.9, INPUT_LINE), (SHOW, INPUT_LINE)])
    for x, name, says in ((FORGET, "f", "σ"), (WRITE, "i", "σ"), (CANDIDATE, "g", "tanh"), (SHOW, "o", "σ")):
        _arrow(axes, (x, INPUT_LINE), (x, GATE_LINE - 0.26), INK)
        _box(axes, (x, GATE_LINE), says)
        axes.text(x - 0.16, GATE_LINE + 0.52, name, color=ORANGE, ha="right", va="center", weight="bold")
    _arrow(axes, (FORGET, GATE_LINE + 0.26), (FORGET, CELL_LINE - 0.22), ORANGE)
    _line(axes, [(WRITE, GATE_LINE + 0.26), (WRITE, 2.65)], ORANGE)
    _arrow(axes, (WRITE, 2.65), (CANDIDATE - 0.22, 2.65), ORANGE)
    _arrow(axes, (CANDIDATE, GATE_LINE + 0.26), (CANDIDATE, 2.65 - 0.22), ORANGE)
    _arrow(axes, (CANDIDATE, 2.65 + 0.22), (CANDIDATE, CELL_LINE - 0.22), ORANGE)
    _line(axes, [(9.7, CELL_LINE), (9.7, 3.13)], BLUE)
    _box(axes, (9.7, 2.87), "tanh")
    _arrow(axes, (9.7, 2.61), (9.7, 2.24), BLUE)
    _line(axes, [(SHOW, GATE_LINE + 0.26), (SHOW, 2.02)], ORANGE)
    _arrow(axes, (SHOW, 2.02), (9.7 - 0.22, 2.02), ORANGE)
    _line(axes, [(9.7, 1.8), (9.7, INPUT_LINE)])
    _arrow(axes, (9.7, INPUT_LINE), (10.75, INPUT_LINE), INK)
    for place, sign in (
        ((FORGET, CELL_LINE), "×"),
        ((CANDIDATE, CELL_LINE), "+"),
        ((CANDIDATE, 2.65), "×"),
        ((9.7, 2.02), "×"),
    ):
        _sign(axes, place, sign)
    axes.text(0.45, CELL_LINE, "c before", color=BLUE, ha="right", va="center")
    axes.text(10.85, CELL_LINE, "c", color=BLUE, va="center")
    axes.text(0.8, INPUT_LINE, "h before, x", ha="right", va="center")
    axes.text(10.85, INPUT_LINE, "h", va="center")
    for x, says in ((FORGET, "forget"), ((WRITE + CANDIDATE) / 2, "write"), (9.05, "show")):
        axes.text(x, 4.05, says, ha="center", va="center")
    return figure


def gradient() -> Figure:
    """The norm of ∂h_T/∂h_1 against T, for plain RNNs and for LSTMs whose forget gates start more or less open."""
    figure = Figure(figsize=(WIDTH, 3.5))
    axes = figure.add_axes((0.075, 0.13, 0.745, 0.77))
    for norms, color, style, says in (
        (_norms_of_lstms(3.0), BLUE, "o-", "LSTM, bias 3"),
        (_norms_of_lstms(1.0), GREEN, "o-", "LSTM, bias 1"),
        (_norms_of_rnns(orthogonal=True), ORANGE, "s--", "RNN, orthogonal"),
        (_norms_of_lstms(0.0), INK, "o-", "LSTM, bias 0"),
        (_norms_of_rnns(orthogonal=False), ORANGE, "s-", "RNN"),
    ):
        shown = [(length, norm) for length, norm in zip(LENGTHS, norms, strict=True) if norm > 1e-27]
        axes.plot(*zip(*shown, strict=True), style, color=color, markersize=3.5, linewidth=1.5)
        length, norm = shown[-1]
        axes.text(length + 1.5, norm, says, color=color, va="center")
    axes.set(yscale="log", xlim=(0, 101), ylim=(1e-26, 50), xlabel="T, the step whose state is asked about step 1")
    axes.set_yticks([1, 1e-5, 1e-10, 1e-15, 1e-20, 1e-25])
    axes.yaxis.set_major_formatter(power_of_ten)
    axes.minorticks_off()
    axes.set_title("norm of ∂h_T/∂h_1 for 16 channels, by the bias of the forget gate", loc="left", x=-0.09)
    return figure


def _norms_of_lstms(forget_bias: float) -> list[float]:
    def prepared(generator: torch.Generator):
        names = {"weight_ih_l0": 2, "weight_hh_l0": 2, "bias_ih_l0": 1, "bias_hh_l0": 1}
        state = {name: _uniform(generator, 4 * CHANNELS, axes) for name, axes in names.items()}
        weights = forget_bias_init(state, forget_bias).values()
        return lambda x, state: lstm_cell(x, state, *weights), 2

    return _norms(prepared)


def _norms_of_rnns(orthogonal: bool) -> list[float]:
    def prepared(generator: torch.Generator):
        weight_ih, weight_hh = (_uniform(generator, CHANNELS, 2) for _ in range(2))
        bias = _uniform(generator, CHANNELS, 1)
        if orthogonal:
            weight_hh = torch.linalg.qr(weight_hh).Q
        return lambda x, state: (torch.tanh(weight_ih @ x + weight_hh @ state[0] + bias),), 1

    return _norms(prepared)


def _norms(prepared) -> list[float]:
    """For each length the geometric mean over several draws of weights and inputs."""
    logarithms = [0.0] * len(LENGTHS)
    for draw in range(DRAWS):
        generator = torch.Generator().manual_seed(draw)
        cell, tensors = prepared(generator)
        inputs = torch.randn(LENGTHS[-1], CHANNELS, generator=generator, dtype=torch.float64)
        state = cell(inputs[0], (torch.zeros(CHANNELS, dtype=torch.float64),) * tensors)
        for place, length in enumerate(LENGTHS):
            logarithms[place] += math.log(gradient_through_time(cell, state, inputs[1:length])) / DRAWS
    return [math.exp(each) for each in logarithms]


def _uniform(generator: torch.Generator, rows: int, axes: int) -> torch.Tensor:
    """Numbers as torch's layers start with: uniform between −1/√C and 1/√C."""
    shape = (rows, CHANNELS)[:axes]
    return (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) / math.sqrt(CHANNELS)


def _arrow(axes: Axes, start, end, color: str, width: float = 1.2) -> None:
    look = {"arrowstyle": "-|>", "color": color, "linewidth": width, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    axes.annotate("", end, start, arrowprops=look)


def _line(axes: Axes, points, color: str = INK) -> None:
    axes.plot(*zip(*points, strict=True), color=color, linewidth=1.2, solid_capstyle="butt")


def _box(axes: Axes, centre, says: str) -> None:
    width = 0.84
    corner = (centre[0] - width / 2 + 0.08, centre[1] - 0.18)
    look = {"boxstyle": "round,pad=0.08", "facecolor": "none", "edgecolor": INK, "linewidth": 1.1}
    axes.add_patch(FancyBboxPatch(corner, width - 0.16, 0.36, **look))
    axes.text(*centre, says, ha="center", va="center")


def _sign(axes: Axes, centre, says: str) -> None:
    axes.add_patch(Circle(centre, 0.22, facecolor="none", edgecolor=INK, linewidth=1.1))
    axes.text(*centre, says, ha="center", va="center")
