"""The worker's end of the conversation: requests in, answers and callbacks out, from any thread.

Whoever waits for a message may be the one who reads the socket (leader and followers): a call from a single thread
costs no thread switch, and calls from several threads never take each other's messages.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from typing import Any

from grader.sandbox.wire import Frame, Stream

REQUESTS = 0  # the mailbox of the judge's own requests; every callback has another


class Channel:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._sending = threading.Lock()
        self._news = threading.Condition()
        self._reading = False
        self._mail: dict[int, deque[Frame]] = {REQUESTS: deque()}
        self._ids = itertools.count(1)

    def open(self) -> int:
        """A new mailbox, for the answers to one callback."""
        box = next(self._ids)
        self._mail[box] = deque()
        return box

    def close(self, box: int) -> None:
        self._mail.pop(box, None)

    def send(self, tree: Any, buffers: list[Any]) -> None:
        with self._sending:
            self._stream.send(tree, buffers)

    def wait(self, box: int) -> Frame:
        """The next message for this mailbox: a request, or what a callback returned."""
        while True:
            with self._news:
                self._news.wait_for(lambda: self._mail[box] or not self._reading)
                if self._mail[box]:
                    return self._mail[box].popleft()
                self._reading = True
            self._read_one()

    def _read_one(self) -> None:
        frame: Frame | None = None
        try:
            frame = self._stream.receive()
        finally:
            with self._news:
                self._reading = False
                if frame is not None and frame[0][1] in self._mail:
                    self._mail[frame[0][1]].append(frame)
                self._news.notify_all()
