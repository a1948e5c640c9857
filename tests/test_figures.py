"""The figures are what the code draws: the same bytes on every run, and every image that a lesson shows is there."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
LESSONS = sorted((ROOT / "solutions").glob("ch*/*.md"))
FIGURES = sorted((ROOT / "solutions").glob("ch*/*.svg"))
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


def pinned(package):
    """The version of a package that constraints.txt names."""
    return re.search(rf"^{package}==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.M)[1]


@pytest.fixture(scope="module")
def figures():
    """The package that draws, where matplotlib is the version with which the committed files were drawn."""
    matplotlib = pytest.importorskip("matplotlib")
    if matplotlib.__version__ != (wanted := pinned("matplotlib")):
        pytest.skip(
            f"the figures are drawn with matplotlib {wanted} (constraints.txt), here is {matplotlib.__version__}"
        )
    return pytest.importorskip("figures")


def text(svg):
    """Without the line ends that git gives a checkout on Windows."""
    return svg.decode("utf-8").replace("\r\n", "\n")


def test_every_figure_has_its_code(figures):
    """The SVGs beside the lessons are the ones that the code draws: none is missing, none is left over."""
    assert sorted(figures.names().values()) == FIGURES


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_committed_figures_are_what_the_code_draws(figures, path):
    """Drawn now, a figure equals the committed file; if not: `python -m figures`, look at it, commit it.

    Places may differ by a hundredth of a point: another processor rounds sums of many terms in another way.
    """
    now, then = text(figures.draw(path.stem)), text(path.read_bytes())
    says = f"{path.name} is out of date: python -m figures {path.stem}"

    assert NUMBER.sub("0", now) == NUMBER.sub("0", then), says
    assert [*map(float, NUMBER.findall(now))] == pytest.approx([*map(float, NUMBER.findall(then))], rel=0, abs=0.01), (
        says
    )


def test_drawing_again_gives_the_same_bytes(figures):
    """In this process and in another with another hash seed, another order and another look set by the user."""
    program = (
        "import hashlib, matplotlib; matplotlib.rcParams.update({'font.size': 20, 'lines.linewidth': 9})\n"
        "import figures\n"
        "for name in reversed(figures.names()): print(name, hashlib.sha256(figures.draw(name)).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}, capture_output=True, text=True,
    )  # fmt: skip
    here = [f"{name} {hashlib.sha256(figures.draw(name)).hexdigest()}" for name in figures.names()]

    assert other.returncode == 0, other.stderr
    assert sorted(other.stdout.splitlines()) == sorted(here)
    assert here == [f"{name} {hashlib.sha256(figures.draw(name)).hexdigest()}" for name in figures.names()]


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_figures_suit_any_page(path):
    """Text stays text, the page shows through, nothing tells the date or the machine."""
    svg = path.read_text("utf-8")
    words = [each.text for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]

    assert words
    assert "<image" not in svg
    assert "dc:date" not in svg
    assert not {"#ffffff", "#000000", "white", "black"} & {*re.findall(r"(?:fill|stroke): (#?\w+)", svg)}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_images_exist_and_say_what_they_show(lesson):
    """Every image of a lesson is a file beside it, and has an alternative text for who cannot see it."""
    for says, target in IMAGE.findall(lesson.read_text("utf-8")):
        assert (lesson.parent / target).is_file(), f"{lesson.name} shows {target}, which does not exist"
        assert len(says.split()) >= 8, f"{lesson.name}: the alternative text of {target} says too little"


def test_every_figure_is_shown():
    """A figure stands beside a lesson because that lesson shows it."""
    shown = {lesson.parent / target for lesson in LESSONS for _, target in IMAGE.findall(lesson.read_text("utf-8"))}

    assert set(FIGURES) <= shown
