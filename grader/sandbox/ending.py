"""How a worker ended: why, where its code was, and what it left behind. Nothing is asked of the worker itself."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress

STACK_LIMIT = 1 << 14
STACK_LINE = re.compile(r'File "([^"\n]{1,200})", line (\d{1,7}) in ([\w<>]{1,100})')


class WorkerLost(Exception):
    """The worker cannot answer any more.

    `why` is "time", "crash", "memory" or "protocol"; `stack` is where it was, innermost first: file, line, function.
    """

    def __init__(self, why: str, text: str, stack: Sequence[tuple[str, int, str]] = ()) -> None:
        super().__init__(text)
        self.why = why
        self.stack = tuple(stack)


class CannotCross(Exception):
    """A value of the learner's that exceeds a bound or has no form in which it could cross; the text names its path."""


def crash(status: int | None, stack: Sequence[tuple[str, int, str]]) -> WorkerLost:
    """What a wait status says about a worker that is gone."""
    if status is None:
        return WorkerLost("protocol", "closed its connection", stack)
    if not os.WIFSIGNALED(status):
        return WorkerLost("crash", "ended its own process in the middle of the check", stack)
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL:
        return WorkerLost("memory", "was killed by the system, most likely for want of memory", stack)
    return WorkerLost("crash", f"crashed: {signal.strsignal(number) or number}", stack)


def read_stack(sock: socket.socket, wait: float) -> list[tuple[str, int, str]]:
    """What a worker's fault handler wrote, innermost first: file, line, function. Hostile text."""
    until, text = time.monotonic() + wait, b""
    with sock, suppress(OSError):  # the end of the time included
        while len(text) < STACK_LIMIT:
            sock.settimeout(max(until - time.monotonic(), 0))
            if not (part := sock.recv(4096)):
                break
            text += part
    found = STACK_LINE.findall(text.decode("utf-8", "replace"))
    return [(file, int(line), name) for file, line, name in found]


def flatten(folder: str) -> None:
    """Empty a folder whose tree may be deeper than a path may be long: what is inside a folder moves up first."""
    waiting, moved = [folder], 0
    with suppress(OSError):
        while waiting:
            current = waiting.pop()
            os.chmod(current, 0o700)
            for entry in list(os.scandir(current)):
                if entry.is_dir(follow_symlinks=False):
                    moved += 1
                    waiting.append(os.path.join(folder, f".{moved}.moved"))
                    os.rename(entry.path, waiting[-1])
                else:
                    os.unlink(entry.path)
