"""Takes memory through Python objects without end."""

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "memory"


def misbehave():
    kept = []
    while True:
        kept.append(bytearray(10_000_000))
