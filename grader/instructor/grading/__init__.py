"""Judging a class and keeping its grades."""
