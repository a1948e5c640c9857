"""Sleeps."""

import time

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "ran out of time"


def misbehave():
    time.sleep(3600)
