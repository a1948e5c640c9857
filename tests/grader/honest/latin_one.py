"""Saved in an encoding that its first line names."""

FIRST = "# -*- coding: latin-1 -*-"
ENCODING = "latin-1"
LEVELS = ("process", "strict")

NAME = "größe"
assert len(NAME) == 5
