"""Asks the network for help."""

import socket
import urllib.request

LEVELS = ("strict",)
STATUS = "failed"
SAYS = "Error"


def misbehave():
    try:
        socket.create_connection(("127.0.0.1", 22), 1)
    except OSError:
        return urllib.request.urlopen("http://1.1.1.1/", timeout=1).read()
    return "connected"
