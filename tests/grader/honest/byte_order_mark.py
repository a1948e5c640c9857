"""Saved by an editor that puts a byte order mark first."""

ENCODING = "utf-8-sig"
LEVELS = ("process", "strict")

NAME = "größe"
