"""Figures of 2.5: what one block of the model file says, and the first token's life in the residual stream."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures import BLUE, INK, ORANGE, WIDTH, power_of_ten
from solutions.ch02_transformer.hands_on_llama import dequantize_q4_1

# The first block of blk.0.attn_q in SmolLM2-135M-Instruct.Q4_1.gguf: columns 0 to 31 of the file's first row.
BLOCK = bytes.fromhex("0f30d8b9458765406f65164b677664502267655a")

# Lengths in the residual stream after 0 to 30 blocks, for a conversation that asks why the sky is blue (60 tokens): of
# its first token, and the median of the others. `main` draws the same from whatever the model says then.
FIRST = [3.3, 98.7, 345.0, 810.5, 806.3, 800.8, 792.3, 783.8, 772.1, 631.9, 152.3, 180.8, 25101.9, 25094.1, 25082.3,
         25070.1, 25053.8, 25040.1, 25025.9, 25017.9, 25011.3, 25011.1, 25018.9, 25013.0, 25015.7, 24987.0, 24990.5,
         24984.4, 24754.9, 10689.6, 6134.4]  # fmt: skip
OTHERS = [2.7, 44.0, 69.2, 82.0, 87.9, 93.6, 97.6, 103.9, 116.2, 130.0, 142.6, 145.7, 144.7, 145.3, 150.8, 159.0, 173.7,
          185.2, 189.6, 196.8, 214.9, 239.3, 277.7, 311.9, 360.8, 420.3, 476.3, 522.1, 619.0, 684.5, 660.8]  # fmt: skip


def block() -> Figure:
    """The twenty bytes of a block, and the 32 weights that they are on their grid of sixteen levels."""
    figure = Figure(figsize=(WIDTH, 3.3))
    _bytes(figure.add_axes((0.075, 0.77, 0.85, 0.2)))
    axes = figure.add_axes((0.075, 0.13, 0.85, 0.5))
    scale, minimum = (float(number) for number in np.frombuffer(BLOCK[:4], dtype="<f2"))
    for level in range(16):
        axes.axhline(scale * level + minimum, color=INK, linewidth=0.6, alpha=0.45)
    weights = dequantize_q4_1(np.frombuffer(BLOCK, dtype=np.uint8)[None])[0]
    for start, color, marker, says in ((0, BLUE, "o", "low four bits"), (16, ORANGE, "s", "high four bits")):
        places = np.arange(start, start + 16)
        axes.plot(places, weights[places], marker, color=color, markersize=4.5, clip_on=False)
        axes.text(start + 7.5, 1.26, says, color=color, ha="center")
    for level in (0, 15):
        axes.text(32, scale * level + minimum, f"q = {level}", fontsize=8, va="center")
    axes.set(xlim=(-0.7, 31.7), ylim=(minimum - 0.03, 15 * scale + minimum + 0.03), xlabel="number in the block")
    axes.set_xticks([0, 15, 16, 31])
    axes.set_yticks([minimum, 0, 15 * scale + minimum], ["−0.73", "0", "1.17"])
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def sink() -> Figure:
    """The length of the first token's vector and that of the others, block after block."""
    figure = Figure(figsize=(WIDTH, 2.9))
    axes = figure.add_axes((0.07, 0.155, 0.91, 0.73))
    blocks = range(len(FIRST))
    axes.semilogy(blocks, FIRST, "s-", color=ORANGE, markersize=3.5, linewidth=1.6)
    axes.semilogy(blocks, OTHERS, "o-", color=BLUE, markersize=3.5, linewidth=1.6)
    axes.text(13, 11000, "the first token", color=ORANGE, va="top")
    axes.text(13, 90, "the others (median)", color=BLUE, va="top")
    axes.set(xlabel="blocks passed", xlim=(-0.5, 30.5), ylim=(1.5, 70000))
    axes.yaxis.set_major_formatter(power_of_ten)
    axes.set_yticks([10, 100, 1000, 10000])
    axes.set_xticks(range(0, 31, 5))
    axes.minorticks_off()
    axes.set_title("length of the vector in the residual stream", loc="left", x=-0.055)
    return figure


def _bytes(axes: Axes) -> None:
    """The bytes in hexadecimal: scale, minimum, and sixteen bytes with two numbers each."""
    axes.set(xlim=(-0.05, 20.05), ylim=(0, 2))
    axes.axis("off")
    for place, byte in enumerate(BLOCK):
        axes.add_patch(Rectangle((place, 0.1), 1, 0.9, fill=False, edgecolor=INK, linewidth=0.8))
        high, low = f"{byte:02x}"
        packed = place >= 4
        axes.text(place + 0.36, 0.53, high, ha="center", va="center", color=ORANGE if packed else INK)
        axes.text(place + 0.64, 0.53, low, ha="center", va="center", color=BLUE if packed else INK)
    for middle, says in ((1, "d = 0.127"), (3, "m = −0.73"), (12, "32 numbers of four bits, two in a byte")):
        axes.text(middle, 1.45, says, ha="center", va="center", fontsize=8)
