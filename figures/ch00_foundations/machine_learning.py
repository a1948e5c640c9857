"""Figures of 0.2: a fit that learns its points by heart, and three ways to draw the border between two classes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import BLUE, GREEN, INK, ORANGE, WIDTH
from solutions.ch00_foundations.machine_learning import k_nearest_neighbors, linear_regression, logistic_regression_step

# Results are rounded before they are drawn, so that libraries which differ in the last bits draw the same bytes.
NOISE = 0.3
DEGREES = range(1, 13)
SHOWN = {1: GREEN, 3: BLUE, 12: ORANGE}
FINE = np.linspace(-1, 1, 161)

GRID = 121
CORNERS = (-1.8, 2.8, -1.5, 2.0)


def overfitting() -> Figure:
    """Fifteen noisy points under polynomials of three degrees, and the errors of all degrees, seen and unseen."""
    rng = np.random.default_rng(6)
    x = np.linspace(-1, 1, 15)
    y = (np.sin(3 * x) + NOISE * rng.normal(size=15)).round(2)
    fresh_x = rng.uniform(-1, 1, size=5000)
    fresh_y = np.sin(3 * fresh_x) + NOISE * rng.normal(size=5000)
    fits = {degree: linear_regression(_powers(x, degree), y) for degree in DEGREES}

    figure = Figure(figsize=(WIDTH, 3.0))
    curves = figure.add_axes((0.045, 0.15, 0.44, 0.74))
    curves.plot(x, y, "o", color=INK, markersize=4, markeredgewidth=0)
    for degree, color in SHOWN.items():
        curves.plot(FINE, _predicted(fits[degree], FINE).round(3), color=color, linewidth=1.5)
    curves.text(0.33, -0.06, "degree 1", color=GREEN)
    curves.text(-0.5, -1.1, "degree 3", color=BLUE)
    curves.text(0.27, 1.2, "degree 12", color=ORANGE)
    curves.set(xlim=(-1.06, 1.06), ylim=(-2.0, 1.6), xlabel="x", title="three fits to the same 15 points")
    curves.set_xticks([-1, 0, 1])
    curves.set_yticks([-1, 0, 1])

    seen = [_error(fit, x, y) for fit in fits.values()]
    unseen = [_error(fit, fresh_x, fresh_y) for fit in fits.values()]
    errors = figure.add_axes((0.56, 0.15, 0.43, 0.74))
    errors.axhline(NOISE, color=INK, linewidth=0.9, dashes=(4, 3))
    errors.text(12, NOISE - 0.012, "the noise itself", ha="right", va="top")
    errors.plot(DEGREES, unseen, "s-", color=ORANGE, markersize=4, linewidth=1.5)
    errors.plot(DEGREES, seen, "o-", color=BLUE, markersize=4, linewidth=1.5)
    errors.text(8.1, 0.505, "5,000 unseen points", color=ORANGE, ha="right")
    errors.text(2.9, 0.155, "the 15 points", color=BLUE)
    errors.set(ylim=(0, 0.68), xlabel="degree", title="typical error (root mean square)")
    errors.set_xticks([1, 3, 6, 9, 12])
    errors.set_yticks([0, 0.2, 0.4, 0.6])
    return figure


def borders() -> Figure:
    """The same points, divided by logistic regression, by the single nearest neighbour and by fifteen of them."""
    rng = np.random.default_rng(5)
    x, y = _two_moons(rng, 80)
    fresh_x, fresh_y = _two_moons(rng, 4000)
    weights = _logistic(x, y)
    models = {
        "logistic regression": lambda rows: (_with_ones(rows) @ weights > 0).astype(int),
        "1 neighbour": lambda rows: k_nearest_neighbors(x, y, rows, 1),
        "15 neighbours": lambda rows: k_nearest_neighbors(x, y, rows, 15),
    }

    height, side = 2.72, 0.32
    figure = Figure(figsize=(WIDTH, height))
    for place, (title, model) in enumerate(models.items()):
        axes = figure.add_axes((0.005 + 0.335 * place, 0.155, side, 0.74))
        _draw_regions(axes, model)
        for kind, color, marker in ((0, BLUE, "o"), (1, ORANGE, "s")):
            axes.plot(*x[y == kind].T, marker, color=color, markersize=3.6, markeredgewidth=0)
        wrong, wrong_fresh = (float((model(rows) != labels).mean()) for rows, labels in ((x, y), (fresh_x, fresh_y)))
        axes.set_title(title)
        axes.text(
            0.5, -0.04, f"wrong: {wrong:.0%} seen, {wrong_fresh:.0%} unseen", transform=axes.transAxes, ha="center",
            va="top", fontsize=8.5,
        )  # fmt: skip
    return figure


def _powers(x: np.ndarray, degree: int) -> np.ndarray:
    return x[:, None] ** np.arange(1, degree + 1)


def _predicted(fit: tuple[np.ndarray, float], x: np.ndarray) -> np.ndarray:
    weights, bias = fit
    return _powers(x, len(weights)) @ weights + bias


def _error(fit: tuple[np.ndarray, float], x: np.ndarray, y: np.ndarray) -> float:
    return round(float(np.sqrt(np.mean((_predicted(fit, x) - y) ** 2))), 3)


def _two_moons(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles that reach into one another, blurred; coordinates to two decimals."""
    y = rng.permutation(np.arange(count) % 2)
    angle = rng.uniform(0, np.pi, count)
    upper, lower = np.stack([np.cos(angle), np.sin(angle)]), np.stack([1 - np.cos(angle), 0.45 - np.sin(angle)])
    return (np.where(y == 0, upper, lower).T + 0.32 * rng.normal(size=(count, 2))).round(2), y


def _with_ones(rows: np.ndarray) -> np.ndarray:
    return np.column_stack([rows, np.ones(len(rows))])


def _logistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    weights = np.zeros(3)
    for _ in range(2000):
        weights = logistic_regression_step(weights, _with_ones(x), y, lr=1.0)
    return weights.round(3)


def _draw_regions(axes: Axes, model) -> None:
    """A faint wash where the model answers 1, and the border around it."""
    left, right, low, high = CORNERS
    across, up = np.linspace(left, right, GRID), np.linspace(low, high, GRID)
    rows = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    answers = model(rows).reshape(GRID, GRID).astype(float)
    axes.contourf(across, up, answers, levels=[0.5, 1.5], colors=[ORANGE], alpha=0.16)
    axes.contour(across, up, answers, levels=[0.5], colors=[INK], linewidths=1.1)
    axes.set(xlim=(left, right), ylim=(low, high), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
