"""Threads that outlive their check and go on answering, changing results and printing during the next one."""

import os
import sys
import threading
import time

LEVELS = ("process", "strict")


def haunt():
    while True:
        try:
            frame = sys._current_frames()[threading.main_thread().ident]
            while frame is not None:
                if "value" in frame.f_locals:
                    frame.f_locals["value"] = True
                frame = frame.f_back
            print("passed")
            for descriptor in range(3, 12):
                os.write(descriptor, b"\0\0\0\1\0\0\0\0\xc3")
        except Exception:
            pass
        time.sleep(0.01)


def softmax(x):
    threading.Thread(target=haunt, daemon=True).start()
    return x


def mean_and_variance(x):
    time.sleep(0.05)
    return softmax(x)


denoise = mean_and_variance


def derivative(f, x):
    softmax(x)
    return f(x)
