"""Inputs near those that a suite uses: the same values elsewhere, repeated, scaled; small numbers a step away.

What is varied stays among the values that the suite itself considers valid: entries of an array are exchanged and
repeated (which makes ties and zero patterns), never invented, so that probabilities stay probabilities of a kind and
token ids stay in range. An input at which the solution raises is left out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from grader.author.replay import Frame, Tape
from grader.sandbox.codec import Decoder, Encoder
from grader.sandbox.link import Link
from grader.sandbox.wire import Closed, OutOfTime, WireError
from grader.text import is_tensor


def varied(link: Link, tapes: Sequence[Tape], wanted: int, seconds: float) -> list[Tape]:
    """Tapes of the solution's answers to varied questions. `link` is a worker with the solution."""
    calls = [call for tape in tapes for call in _calls(tape)]
    found: list[Tape] = []
    chance = random.Random(0)
    for attempt in range(3 * wanted if calls else 0):
        if len(found) == wanted:
            break
        tape = _asked(link, _variation(calls[attempt % len(calls)], chance), attempt, seconds)
        if tape is not None:
            found.append(tape)
        elif link.lost is not None:
            break
    return found


def _calls(tape: Tape) -> Iterator[tuple[Any, Any]]:
    """The plain calls by name in a tape, as values; those that pass a handle or a callback are left out."""
    for frame in tape.frames:
        if frame.asks and frame.tree[3] == "call":
            try:
                decoder = Decoder([bytearray(buffer) for buffer in frame.buffers], _no_reference)
                args, kwargs = decoder.decode(frame.tree[4]), decoder.decode(frame.tree[5])
            except WireError:
                continue
            if args and type(args[0]) is str:
                yield args, kwargs


def _no_reference(*_: Any) -> Any:
    raise WireError("a reference")


def _variation(call: tuple[Any, Any], chance: random.Random) -> tuple[Any, Any]:
    (name, *args), kwargs = call
    varied = {place: _vary(value, chance) for place, value in [*enumerate(args), *kwargs.items()]}
    return (name, *(varied[place] for place in range(len(args)))), {key: varied[key] for key in kwargs}


def _vary(value: Any, chance: random.Random) -> Any:
    if isinstance(value, bool):
        return chance.random() < 0.5
    if isinstance(value, int):
        step = chance.choice((-2, -1, 0, 0, 1, 2, 3))
        return value + step if value < 0 else max(min(value, 1), value + step)
    if isinstance(value, float):
        return value * chance.choice((0.5, 1.0, 1.0, 2.0))
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(_vary(item, chance) for item in value)
    if isinstance(value, np.ndarray) or is_tensor(value):
        return _vary_array(value, chance)
    return value


def _vary_array(value: Any, chance: random.Random) -> Any:
    """The entries shuffled, some repeated, or the whole scaled; a fifth of the time as it was."""
    import copy

    varied = copy.deepcopy(value.detach() if is_tensor(value) else value)
    flat = varied.reshape(-1)
    size = int(flat.shape[0])
    if size < 2 or (action := chance.random()) < 0.2:
        return varied
    order = list(range(size))
    if action < 0.6:
        chance.shuffle(order)
    else:
        for _ in range(1 + size // 4):
            order[chance.randrange(size)] = chance.randrange(size)
    return flat[order].reshape(tuple(value.shape))


def _asked(link: Link, call: tuple[Any, Any], number: int, seconds: float) -> Tape | None:
    """The solution's answer to one question; None where it raises."""
    encoder = Encoder(_no_reference)
    tape = Tape(f"varied {number}")
    link.limit(seconds)
    try:
        args, kwargs = encoder.encode(call[0], "arguments"), encoder.encode(call[1], "arguments")
        buffers = [bytes(buffer) for buffer in encoder.buffers]
        for tree, data in ((["do", 0, 1, "start", ["tuple", number, ["list"]], ["dict"], False], []),
                           (["do", 0, 2, "call", args, kwargs, True], buffers)):  # fmt: skip
            tape.frames.append(Frame(True, tree, data))
            link.stream.send(tree, data)
            answer, received = link.stream.receive()
            tape.frames.append(Frame(False, answer, [bytes(buffer) for buffer in received]))
    except (WireError, Closed, OutOfTime):
        return None
    return tape if answer[0] == "value" else None
