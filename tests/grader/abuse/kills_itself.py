"""Kills its own process."""

import os
import signal

LEVELS = ("process", "strict")
STATUS = "broken"


def misbehave():
    os.kill(os.getpid(), signal.SIGKILL)
    os.abort()
