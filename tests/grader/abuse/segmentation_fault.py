"""Reads address zero."""

import ctypes

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "rashed"


def misbehave():
    ctypes.string_at(0)
