"""Forks without end."""

import os

LEVELS = ("strict",)
STATUS = "failed"
SAYS = "not permitted"


def misbehave():
    while True:
        os.fork()
