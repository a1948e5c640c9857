"""Figures of 2.1: two words on their way from bytes to tokens, and one sentence in seven languages."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from figures import BLUE, INK, ORANGE, WIDTH
from solutions.ch02_transformer.tokenization import merge, train_bpe

# The example of Sennrich, Haddow and Birch (2016), one word a line.
CORPUS = "low\n" * 5 + "lower\n" * 2 + "newest\n" * 6 + "widest\n" * 3
MERGES = 8

# How article 1 of the Universal Declaration of Human Rights begins, and how many tokens of SmolLM2 that is, as counted
# with the class Tokenizer of this section and the model's own files.
ARTICLE = {
    "English": ("All human beings are born free and equal in dignity and rights.", 13),
    "German": ("Alle Menschen sind frei und gleich an Würde und Rechten geboren.", 24),
    "French": ("Tous les êtres humains naissent libres et égaux en dignité et en droits.", 26),
    "Spanish": ("Todos los seres humanos nacen libres e iguales en dignidad y derechos.", 26),
    "Chinese": ("人人生而自由，在尊严和权利上一律平等。", 29),
    "Russian": ("Все люди рождаются свободными и равными в своем достоинстве и правах.", 54),
    "Hindi": ("सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।", 92),
}


def merges() -> Figure:
    """How a word that was never seen and one that was are joined, rank after rank."""
    _, learnt = train_bpe(CORPUS, 256 + MERGES)
    figure = Figure(figsize=(WIDTH, 2.75))
    for place, word in enumerate(("lowest", "newest")):
        axes = figure.add_axes((0.01 + 0.5 * place, 0.02, 0.48, 0.86))
        rows = list(_steps(word, learnt))
        axes.set(xlim=(-3.1, 6.1), ylim=(5.6, -0.55))
        axes.set_axis_off()
        for row, (parts, says, joined) in enumerate(rows):
            axes.text(-0.2, row, says, ha="right", va="center", color=INK)
            _boxes(axes, parts, row, joined)
    figure.text(0.255, 0.95, "lowest, which the corpus does not have", ha="center", va="center", fontsize=9.5)
    figure.text(0.755, 0.95, "newest, which it has six times", ha="center", va="center", fontsize=9.5)
    return figure


def languages() -> Figure:
    """Tokens for one sentence, by language."""
    figure = Figure(figsize=(WIDTH, 2.45))
    axes = figure.add_axes((0.105, 0.03, 0.86, 0.84))
    names = list(ARTICLE)
    tokens = [ARTICLE[name][1] for name in names]
    axes.barh(names, tokens, height=0.66, color=BLUE)
    axes.barh(names[:1], tokens[:1], height=0.66, color=ORANGE)
    for row, name in enumerate(names):
        sentence, count = ARTICLE[name]
        axes.text(count + 1, row, f"{count} for {len(sentence)} characters", va="center")
    axes.set(xlim=(0, 122), ylim=(len(names) - 0.5, -0.5))
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title("tokens for one sentence", loc="left", x=-0.118)
    return figure


def _steps(word: str, learnt: list[tuple[bytes, bytes]]) -> Iterator[tuple[list[bytes], str, bytes]]:
    """The parts before any merge and after each one that changes them, what was done, and what was joined."""
    parts = [bytes([byte]) for byte in word.encode()]
    yield parts, "bytes", b""
    for rank, (left, right) in enumerate(learnt):
        after = merge(parts, (left, right))
        if after != parts:
            parts = after
            yield parts, f"rank {rank}:  {left.decode()} {right.decode()}", left + right


def _boxes(axes: Axes, parts: list[bytes], row: int, joined: bytes) -> None:
    """One box for each part, as wide as it has letters."""
    start = 0
    for part in parts:
        color = ORANGE if part == joined else BLUE
        box = FancyBboxPatch(
            (start + 0.1, row - 0.34), len(part) - 0.2, 0.68, boxstyle="round,pad=0,rounding_size=0.12", linewidth=1.3,
            edgecolor=color, facecolor="none",
        )  # fmt: skip
        axes.add_patch(box)
        axes.text(start + len(part) / 2, row, part.decode(), ha="center", va="center", color=color, fontsize=10)
        start += len(part)
