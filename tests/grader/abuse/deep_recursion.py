"""Recurs until the stack of the process is full, with the limit raised."""

import sys

LEVELS = ("process", "strict")
STATUS = "broken"


def dive(n):
    return [*map(dive, [n + 1])]


def misbehave():
    sys.setrecursionlimit(10**9)
    return dive(0)
