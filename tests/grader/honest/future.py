"""Begins with an import from the future."""

FIRST = "from __future__ import annotations"
LEVELS = ("process", "strict")

_softmax = softmax


def softmax(x: NoSuchName | None) -> ThisNeither:
    return _softmax(x)
