"""Starts threads without end."""

import threading
import time

LEVELS = ("strict",)
STATUS = "failed"
SAYS = "thread"


def misbehave():
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
