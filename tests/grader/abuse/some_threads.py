"""Leaves busy threads behind."""

import threading

LEVELS = ("process", "strict")
STATUS = ("failed", "broken")  # on a busy machine the time may end first


def spin():
    while True:
        pass


def misbehave():
    for _ in range(8):
        threading.Thread(target=spin, daemon=True).start()
