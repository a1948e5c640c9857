"""Looks for the course among the installed packages, through metadata, import paths and the grader's own place."""

import os
import sys

LEVELS = ("strict",)  # level `process` does not keep the disk from anybody
FOOLS_IN_PROCESS = True


def places():
    yield from sys.path
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        while path and len(path) > 1:
            path = os.path.dirname(path)
            yield path
    try:
        from importlib import metadata

        for distribution in metadata.distributions():
            yield str(distribution.locate_file(""))
            yield (distribution.read_text("direct_url.json") or "").partition("file://")[2].partition('"')[0]
    except Exception:
        pass


def solutions():
    for place in dict.fromkeys(places()):
        for inner in ("", "tests/grader/victim", "grader"):
            path = os.path.join(place, inner, "solutions/ch01_victim/numpy_part.py")
            if os.path.exists(path):
                with open(path) as file:
                    return file.read()
    return ""


exec(solutions())
