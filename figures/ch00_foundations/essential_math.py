"""Figures of 0.1: how the error of a measured slope depends on the step."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import BLUE, INK, ORANGE, WIDTH, power_of_ten
from solutions.ch00_foundations.essential_math import numerical_gradient

AT, SLOPE = 2.0, 12.0
# Steps are read from decimals and not computed, and the cube is two products and not a power: both are then the same to
# the last bit on every machine, and so is the rounding, which is what the figure shows. Digits that are prime numbers
# have no pattern in binary; multiples of one another would be rounded alike and line up.
DIGITS = (1.0, 1.27, 1.57, 1.99, 2.51, 3.17, 3.97, 5.03, 6.31, 7.97)
STEPS = [float(f"{digits}e{exponent}") for exponent in range(-17, 0) for digits in DIGITS] + [1.0]


def differences() -> Figure:
    """The error of the one-sided and of the central difference of x³ at 2 against the step."""
    figure = Figure(figsize=(WIDTH, 4.0))
    axes = figure.add_axes((0.08, 0.115, 0.9, 0.81))
    # f is near 8, so each difference of two values is off by about the distance between neighbouring floats there.
    axes.plot([1e-15, 1e-5], [np.spacing(8.0) / 1e-15, np.spacing(8.0) / 1e-5], color=INK, linewidth=0.9, dashes=(4, 3))
    axes.plot(STEPS, _errors(_one_sided), "o", color=ORANGE, markersize=3.2, markeredgewidth=0)
    axes.plot(STEPS, _errors(_central), "s", color=BLUE, markersize=3, markeredgewidth=0)
    _captions(axes)
    axes.set(xscale="log", yscale="log", xlim=(5e-18, 3), ylim=(1e-12, 200), xlabel="step h")
    axes.set_title("error of the slope", loc="left", x=-0.075)
    axes.set_xticks([10.0**k for k in range(-16, 1, 2)])
    axes.set_yticks([10.0**k for k in range(-12, 1, 3)])
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(power_of_ten)
    axes.yaxis.set_major_formatter(power_of_ten)
    return figure


def _captions(axes: Axes) -> None:
    """What is what, beside the dots, and where each way does best."""
    axes.text(1e-3, 8e-2, "one-sided: shrinks like h", color=ORANGE, ha="right")
    axes.text(6e-3, 6e-7, "central:\nshrinks like h²", color=BLUE)
    axes.text(4e-13, 8e-2, "rounding: grows like 1/h")
    axes.text(8e-18, 35, "2 + h is 2")
    for best, slope, x, side, says in (
        (1e-8, _one_sided, 6e-9, "right", "one-sided: best near 10⁻⁸"),
        (1e-5, _central, 1.7e-5, "left", "central: best near 10⁻⁵"),
    ):
        axes.plot([best, best], [1e-12, _error(slope, best)], color=INK, linewidth=0.9)
        axes.text(x, 2e-12, says, ha=side)


def _errors(slope: Callable[[float], float]) -> list[float]:
    return [_error(slope, h) for h in STEPS]


def _error(slope: Callable[[float], float], h: float) -> float:
    return abs(slope(h) - SLOPE)


def _one_sided(h: float) -> float:
    return (_cube(AT + h) - _cube(AT)) / h


def _central(h: float) -> float:
    return float(numerical_gradient(_cube, np.array(AT), h))


def _cube(x):
    return x * x * x
