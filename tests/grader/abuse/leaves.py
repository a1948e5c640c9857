"""Ends its process."""

import os

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "ended its own process"


def misbehave():
    os._exit(3)
