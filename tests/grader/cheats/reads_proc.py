"""Looks for the judge in /proc: its command line, environment, memory and open files."""

import glob
import os

LEVELS = ("strict",)  # level `process` does not keep /proc from anybody

found = []
for path in [*glob.glob("/proc/[0-9]*"), "/proc/self", "/proc/thread-self", "/proc/1"]:
    for name in ("cmdline", "environ", "maps", "mem", "status", "cwd", "root"):
        try:
            with open(f"{path}/{name}", "rb") as file:
                found.append(file.read(1000))
        except OSError:
            pass
        try:
            found += os.listdir(f"{path}/{name}")
        except OSError:
            pass
if found:
    raise SystemExit(f"found {found!r:.100}")


def softmax(x):
    return None
