"""Children that leave the group and the session, outlive their check, and keep the connection open to write on it."""

import os
import time

LEVELS = ("process", "strict")


def spawn():
    try:
        if os.fork():
            return
        os.setsid()
        if os.fork():
            os._exit(0)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for descriptor in range(3, 12):
                try:
                    os.write(descriptor, b"\0\0\0\1\0\0\0\0\xc3")
                except OSError:
                    pass
            time.sleep(0.05)
        os._exit(0)
    except OSError:
        pass


def softmax(x):
    spawn()
    return x


def mean_and_variance(x):
    return softmax(x)


def derivative(f, x):
    spawn()
    os._exit(0)
