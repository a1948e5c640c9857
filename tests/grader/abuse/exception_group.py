"""Raises groups of exceptions, and what is no ordinary exception."""

LEVELS = ("process", "strict")
STATUS = "failed"


def misbehave():
    raise BaseExceptionGroup(
        "many", [KeyboardInterrupt(), SystemExit(0), ExceptionGroup("more", [ValueError()] * 1000)]
    )
