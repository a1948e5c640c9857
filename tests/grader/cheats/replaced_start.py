"""Answers the beginning of each check with nonsense of several kinds; the judge must take it in its stride."""

import itertools
import sys

LEVELS = ("process", "strict")

NONSENSE = itertools.cycle([
    ("refused", ["passed"]), ("value", [None, ["list"], 1]), ("value", [None, ["list"], ["list", 1]]),
    ("error", [["list", "passed"], "x", ["list"]]), ("passed", [True]), ("value", [None, ["list"], ["handle", 1, "object", "x"]]),
])  # fmt: skip
try:
    worker = sys.modules["grader.sandbox.worker"]
    original = worker.Worker._reply

    def reply(self, kind, request, value):
        kind, tree = next(NONSENSE)
        self.channel.send([kind, request, "", *tree], [])

    worker.Worker._reply = reply
except KeyError:
    pass
