"""Closes every descriptor and lives on."""

import os
import time

LEVELS = ("process", "strict")
STATUS = "broken"


def misbehave():
    os.closerange(0, 200)
    time.sleep(60)
