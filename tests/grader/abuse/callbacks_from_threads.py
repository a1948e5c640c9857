"""Calls the suite's function from many threads, and returns before they are done."""

import threading

TARGET = "derivative"
LEVELS = ("process", "strict")
STATUS = ("failed", "broken")  # on a busy machine the time may end first


def call(f):
    try:
        while True:
            f(1.0)
    except BaseException:
        pass


def misbehave(f):
    for _ in range(8):
        threading.Thread(target=call, args=(f,), daemon=True).start()
    return 0.0
