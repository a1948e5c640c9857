"""The figures of the lessons: drawn by code, kept as SVG beside the lesson, the same bytes on every run.

`figures/chNN_slug/<module>.py` draws for the lesson `solutions/chNN_slug/<module>.md`. Every public function there
takes nothing, returns a matplotlib figure and is kept as `<module>_<function>.svg`: there is no list to keep up to
date. `python -m figures` draws all of them, `python -m figures NAME …` some.

An image does not know its page, which may be white or GitHub's dark #0d1117. So the background is transparent, and text
and colours keep a contrast of about 4 or more against both; the colours are Okabe and Ito's blue, vermilion and green,
which colour-blind readers tell apart, shifted a little towards the middle. Text stays text: searchable, and in the
reader's own sans-serif where DejaVu is missing. Write h² and 10⁻⁵ in Unicode: mathtext is placed glyph by glyph and
falls apart in another font.
"""

import importlib
import inspect
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib.style
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
INK = "#777b82"
BLUE, ORANGE, GREEN = "#0d7cc2", "#d55e00", "#00855f"
WIDTH = 7.0  # inches: 504 pt, which a browser shows as 672 pixels, the width of a column of text
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Helvetica", "Arial", "sans-serif"],
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "llm-from-scratch",
}


def style() -> AbstractContextManager[None]:
    """The figures' look and nothing of the user's own matplotlibrc."""
    return matplotlib.style.context(["default", STYLE])


def names() -> dict[str, Path]:
    """Every figure's name and the file it is kept in."""
    return {path.stem: path for path in _functions()}


def draw(name: str) -> bytes:
    """The SVG of one figure, as the code draws it now."""
    function = {path.stem: function for path, function in _functions().items()}[name]
    with style():
        figure, buffer = function(), io.BytesIO()
        save(figure, buffer)
    return buffer.getvalue()


def save(figure: Figure, path: Path | io.BytesIO) -> None:
    """Write a figure as SVG: without date or version, with ids that depend on its contents only."""
    with style():
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def power_of_ten(value: float, _position: int = 0) -> str:
    """A tick's label in plain text: 0.001 becomes 10⁻³."""
    exponent = f"{value:.0e}".partition("e")[2]
    return "10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _functions() -> dict[Path, Callable[[], Figure]]:
    """Where each figure is kept → what draws it."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("ch*/*.py")):
        module = importlib.import_module(f"figures.{file.parent.name}.{file.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                found[ROOT / "solutions" / file.parent.name / f"{file.stem}_{name}.svg"] = function
    return found
