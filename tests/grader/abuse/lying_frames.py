"""Raises with facts that cannot be true: lines without end, huge names, kinds that are no text."""

import sys

LEVELS = ("process", "strict")
STATUS = "failed"


def misbehave():
    worker = sys.modules["grader.sandbox.worker"]
    line = ["int", (10**4500).to_bytes(2000, "little")]

    def reply(self, kind, request, value):
        if kind == "error":
            frames = ["list", *([["list", line, "x" * 9000]] * 40)]
            self.channel.send(["error", request, "", ["list", "x" * 5000, "ValueError"], "\x1b[2J" * 5000, frames], [])
        else:
            original(self, kind, request, value)

    original, worker.Worker._reply = worker.Worker._reply, reply
    raise ValueError("x")
