"""Runs out of time, and then tells its stack one byte after another, for ever."""

import os
import threading
import time

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "ran out of time"


def trickle():
    while True:
        for descriptor in range(3, 12):
            try:
                if descriptor != connection:
                    os.write(descriptor, b"x")
            except OSError:
                pass
        time.sleep(0.05)


def misbehave():
    global connection
    import socket

    sockets = [d for d in range(3, 12) if _is_socket(d)]
    connection = sockets[0] if sockets else -1
    threading.Thread(target=trickle, daemon=True).start()
    while True:
        time.sleep(1)


def _is_socket(descriptor):
    import stat

    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False
