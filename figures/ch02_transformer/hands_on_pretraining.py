"""Figures of 2.6: how the learning rate goes, and what was measured when the section was written."""

import numpy as np
from matplotlib.figure import Figure

from figures import BLUE, GREEN, INK, ORANGE, WIDTH, power_of_ten
from solutions.ch02_transformer.hands_on_pretraining import fit_scaling_law, lr_schedule

TOP, END, WARM_UP, STEPS = 0.010, 0.001, 100, 1000

# Measured with `main` on two cores: (seconds, bits per character of held-out text).
RACE = {
    "CharRNN": [(12, 2.505), (24, 2.305), (36, 2.237), (48, 2.198), (60, 2.183), (71, 2.151), (83, 2.127), (95, 2.106)],
    "TinyGPT": [(12, 2.9), (24, 2.562), (36, 2.462), (48, 2.361), (60, 2.22), (71, 2.17), (83, 2.1), (95, 2.066)],
}
# Parameters and held-out loss in nats of models with 8, 16, 32 and 64 channels after 500 steps each.
SIZES = [2744, 8560, 29408, 107968]
LOSSES = [2.620, 2.503, 2.266, 1.971]


def schedule() -> Figure:
    """The learning rate over a thousand steps: up in a line, down along half a cosine, then level."""
    steps = np.arange(1151)
    rates = [lr_schedule(int(step), TOP, END, WARM_UP, STEPS) for step in steps]
    figure = Figure(figsize=(WIDTH, 2.5))
    axes = figure.add_axes((0.085, 0.19, 0.9, 0.68))
    for step in (WARM_UP, STEPS):
        axes.axvline(step, color=INK, linewidth=0.9, dashes=(4, 3))
    axes.plot(steps, rates, color=BLUE, linewidth=1.8)
    axes.text(WARM_UP + 12, 0.0011, "W: the end of the warm-up", va="bottom")
    axes.text(STEPS - 12, 0.0095, "S: the last step", ha="right", va="bottom")
    axes.text(590, 0.0062, "half a cosine", color=BLUE)
    axes.text(1075, 0.0016, "level", color=BLUE, ha="center")
    axes.set(xlim=(0, 1150), ylim=(0, 0.0107), xlabel="step")
    axes.set_yticks([0, 0.005, 0.01], ["0", "0.005", "0.01"])
    axes.set_title("learning rate", loc="left", x=-0.075)
    return figure


def measured() -> Figure:
    """Left: two models racing for the same seconds. Right: the loss of four sizes and the law through them."""
    figure = Figure(figsize=(WIDTH, 3.0))
    race = figure.add_axes((0.055, 0.155, 0.42, 0.72))
    for (name, curve), color, marker in zip(RACE.items(), (ORANGE, BLUE), "so", strict=True):
        seconds, bits = zip(*curve, strict=True)
        race.plot(seconds, bits, f"{marker}-", color=color, markersize=4, linewidth=1.6)
        if name == "TinyGPT":
            race.text(seconds[0] + 3, bits[0], name, color=color, va="center")
        else:
            race.text(seconds[1] - 1, bits[1] - 0.06, name, color=color, ha="right", va="center")
    race.set(xlabel="seconds of training", xlim=(0, None))
    race.set_title("bits per character, held out", loc="left", x=-0.1)
    law = figure.add_axes((0.565, 0.155, 0.42, 0.72))
    E, A, alpha = fit_scaling_law(SIZES, LOSSES)
    grid = np.geomspace(SIZES[0] / 1.5, 30 * SIZES[-1], 200)
    law.plot(grid, E + A * grid**-alpha, color=GREEN, linewidth=1.6)
    law.plot(SIZES, LOSSES, "o", color=BLUE, markersize=5)
    law.axhline(E, color=INK, linewidth=0.9, dashes=(4, 3))
    law.text(grid[0], E + 0.02, f"E = {E:.2f}", va="bottom")
    exponent = f"-{alpha:.2f}".translate(str.maketrans("-.0123456789", "⁻·⁰¹²³⁴⁵⁶⁷⁸⁹"))
    law.text(SIZES[2], LOSSES[2] + 0.12, f"{E:.2f} + {A:.2f} N{exponent}", color=GREEN)
    law.set(xscale="log", xlabel="parameters N", ylim=(0, None))
    law.xaxis.set_major_formatter(power_of_ten)
    law.set_title("loss after 500 steps, nats", loc="left", x=-0.1)
    return figure
