"""Every text that files hold, however it is packed: archives, JSON strings, base64, pages, a git repository."""

from __future__ import annotations

import base64
import binascii
import html
import io
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.errors import GraderError
from grader.files import explained

_TAG = re.compile(r"<[^<>]*>")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{8,}={0,2}\s*")
DEEPEST = 6  # an archive in an attachment in a notebook in an archive has four


def files(root: Path) -> Iterator[tuple[str, bytes]]:
    """What an archive or a folder holds, by name from there; of a git repository also every object.

    Raises:
        GraderError: something cannot be read.
    """
    with explained(root, "read"):
        if root.is_file():
            yield from _entries(root.read_bytes())
            return
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.name == ".git" and path.is_dir():
                yield from objects(path.parent)
            elif path.is_file() and not name.startswith(".git/objects/"):
                yield name, path.read_bytes()


def _entries(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield "the archive's comment", archive.comment
        for each in archive.infolist():
            yield each.filename, archive.read(each)


def objects(repository: Path) -> Iterator[tuple[str, bytes]]:
    """Every object of a git repository, whether anything still leads to it or not."""
    command = ["git", "-C", str(repository), "cat-file", "--batch-all-objects", "--batch"]
    found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if found.returncode:
        raise GraderError(f"{repository} cannot be read by git: {found.stderr.decode('utf-8', 'replace').strip()}")
    stream = io.BytesIO(found.stdout)
    while head := stream.readline():
        name, kind, size = head.decode().split()
        yield f"git {kind} {name[:12]}", stream.read(int(size))
        stream.read(1)


def texts(name: str, content: bytes, depth: int = 0) -> Iterator[tuple[str, str]]:
    """The texts in one file: where each stands (`lesson.ipynb, cells[2].metadata.note`), and what it says."""
    if depth > DEEPEST:
        return
    if content.startswith(b"PK") and zipfile.is_zipfile(io.BytesIO(content)):
        for each, inside in _entries(content):
            yield from texts(f"{name}/{each}", inside, depth + 1)
    else:
        yield from _views(name, content.decode("utf-8", "replace"), depth)


def _views(name: str, text: str, depth: int) -> Iterator[tuple[str, str]]:
    """The text as it stands, as a page would show it, and what it is the packing of."""
    yield name, text
    if "<" in text or "&" in text:
        yield name, html.unescape(_TAG.sub("", text))
    if text.lstrip()[:1] in ("{", "["):
        yield from _strings_of(name, text, depth)
    elif _BASE64.fullmatch(text):
        try:
            yield from texts(f"{name} (base64)", base64.b64decode(text), depth + 1)
        except (ValueError, binascii.Error):
            return


def _strings_of(name: str, text: str, depth: int) -> Iterator[tuple[str, str]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    for place, string in strings(data, ""):
        yield from _views(f"{name}, {place.lstrip('.')}", string, depth)


def strings(data: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every string and key; a list of strings (a notebook's way to keep lines) also as one."""
    if isinstance(data, str):
        yield place, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield place, key
            yield from strings(value, f"{place}.{key}")
    elif isinstance(data, list):
        if data and all(isinstance(each, str) for each in data):
            yield place, "".join(data)
        for number, each in enumerate(data):
            yield from strings(each, f"{place}[{number}]")
