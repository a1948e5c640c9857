"""Saved with the line ends of Windows, and none after the last line."""

NEWLINE = "\r\n"
LEVELS = ("process", "strict")

TEXT = """two
lines"""
assert len(TEXT) == 9
