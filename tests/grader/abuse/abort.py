"""Aborts."""

import os

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "rashed"


def misbehave():
    os.abort()
