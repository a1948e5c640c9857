"""Files in the worker's own folder, for suites that give or want some."""

from __future__ import annotations

import os

SCRATCH_FILE_LIMIT = 64 << 20


def read(name: str) -> bytes:
    with open(_path(name), "rb") as file:
        return file.read(SCRATCH_FILE_LIMIT)


def write(name: str, data: bytes) -> None:
    path = _path(name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def names() -> list[str]:
    return sorted(os.path.relpath(os.path.join(folder, name)) for folder, _, names in os.walk(".") for name in names)


def _path(name: str) -> str:
    path = os.path.abspath(name)
    if not path.startswith(os.getcwd() + os.sep):
        raise ValueError(f"{name!r} is outside the scratch folder")
    return path
