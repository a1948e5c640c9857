"""Returns a dictionary, half of whose keys have the same hash."""

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "not an answer"


class Key(int):
    def __hash__(self):
        return int(self) % 2**31


def misbehave():
    """Only the keys of the judge collide; here they are counted quickly, as pairs of a forged message."""
    import sys

    worker = sys.modules["grader.sandbox.worker"]
    numbers = [*(number * (2**61 - 1) for number in range(40_000)), *range(1, 45_000)]
    flat = []
    for number in numbers:
        flat += [["int", number.to_bytes(12, "little")] if number >= 2**63 else number, None]

    def reply(self, kind, request, value):
        self.channel.send(["value", request, "", ["dict", *flat], ["list"], None], [])

    worker.Worker._reply = reply
