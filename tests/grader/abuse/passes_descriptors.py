"""Passes descriptors to the judge along with what it says, hoping that they pile up there."""

import array
import os
import socket

LEVELS = ("process", "strict")
STATUS = "failed"


def misbehave():
    null = os.open("/dev/null", os.O_RDONLY)
    for descriptor in range(3, 12):
        try:
            sock = socket.socket(fileno=os.dup(descriptor))
            for _ in range(50):
                sock.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 50))])
        except OSError:
            pass
    return None
