"""Sends its own output elsewhere, into a file and into memory."""

import contextlib
import io
import os

LEVELS = ("process", "strict")

_softmax, _denoise = softmax, denoise


def softmax(x):
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        print("not seen")
        return _softmax(x)


def denoise(measured):
    with contextlib.redirect_stdout(io.StringIO()) as seen:
        print("kept")
    assert seen.getvalue() == "kept\n"
    return _denoise(measured)
