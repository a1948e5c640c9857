"""Plots of a class as SVG inside a page: the same numbers give the same bytes; the page gives the colours."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

# Colours as matplotlib writes them → what the page calls them, in light and dark.
INK, PAGE = "#010101", "#020202"
_COLOURS = {
    INK: "currentColor", PAGE: "var(--page)", "#030303": "var(--bar)", "#040404": "var(--accent)",
    "#050505": "var(--failed)", "#060606": "var(--faint)", "#070707": "var(--blocked)",
}  # fmt: skip
BAR, PARTLY, FAILED, TODO, WAITED = "#030303", "#040404", "#050505", "#060606", "#070707"
OUTCOMES = {  # told apart without colour as well
    "passed": (BAR, ""), "partly": (PARTLY, "///"), "failed": (FAILED, "xxx"), "todo": (TODO, "..."),
    "not run or blocked": (WAITED, "---"),
}  # fmt: skip
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none", "font.size": 9, "axes.facecolor": "none", "axes.spines.top": False,
    "axes.spines.right": False, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "text.color": INK,
}  # fmt: skip


def scores(shares: Sequence[float]) -> str:
    """How the scores are spread: a histogram in steps of a twentieth, and a box with median and quartiles."""
    with _figure("scores", 2.8) as (figure, done):
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
        _histogram(above, np.clip(shares, 0, 1) * 100, np.arange(0, 101, 5))
        below.boxplot(
            np.asarray(shares) * 100, orientation="horizontal", widths=0.6, patch_artist=True, tick_labels=[""],
            boxprops={"facecolor": PARTLY, "edgecolor": INK}, medianprops={"color": INK, "linewidth": 2},
            whiskerprops={"color": INK}, capprops={"color": INK}, flierprops={"markeredgecolor": INK},
        )  # fmt: skip
        below.set_xlabel("score in % of the points")
        return done(f"Histogram and box plot of {len(shares)} scores; the table above has the numbers.")


def exercises(shares: Mapping[str, Mapping[str, float]]) -> str:
    """What became of each exercise: exercise → outcome → share of the class."""
    with _figure("exercises", 0.7 + 0.24 * len(shares)) as (figure, done):
        axes = figure.subplots()
        names, left = list(shares), np.zeros(len(shares))
        for outcome, (colour, hatch) in OUTCOMES.items():
            width = np.array([shares[name].get(outcome, 0.0) for name in names]) * 100
            axes.barh(names, width, left=left, color=colour, hatch=hatch, edgecolor=PAGE, linewidth=0.5, label=outcome)
            left += width
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel("% of those graded")
        legend = axes.legend(
            ncols=len(OUTCOMES), loc="lower center", bbox_to_anchor=(0.4, 1.0), frameon=False, fontsize=8
        )
        for text in legend.get_texts():
            text.set_color(INK)
        return done(f"Bars for {len(names)} exercises: how many passed, partly passed, failed or left each to do.")


def histogram(name: str, values: Sequence[float], label: str) -> str:
    """How often which value comes."""
    with _figure(name, 2.2) as (figure, done):
        axes = figure.subplots()
        _histogram(axes, np.asarray(values), np.linspace(0, max(values, default=0) * 1.001 or 1, 21))
        axes.set_xlabel(label)
        return done(f"Histogram of {len(values)} values: {label}.")


def _histogram(axes: Any, values: np.ndarray[Any, Any], edges: np.ndarray[Any, Any]) -> None:
    axes.hist(values, bins=edges, color=BAR, edgecolor=PAGE, linewidth=0.5)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("how many")


@contextmanager
def _figure(name: str, height: float) -> Iterator[tuple[Figure, Callable[[str], str]]]:
    """A figure, and what turns it into SVG once it is drawn; whatever the user's own settings are."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_SETTINGS, "svg.hashsalt": name})
        figure = Figure(figsize=(7, height), layout="constrained", facecolor="none")
        yield figure, lambda says: _svg(figure, name, says)


def _svg(figure: Figure, name: str, says: str) -> str:
    """The drawing without what only a file of its own needs, its ids made different from those of other drawings."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", drawn)
    for colour, called in _COLOURS.items():
        drawn = drawn.replace(colour, called)
    return drawn.replace("<svg ", f'<svg class="plot" role="img" aria-label={quoteattr(says)} ', 1)
