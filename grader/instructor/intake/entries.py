"""A file somewhere in a submission, not read yet: its name is judged before anything is opened, its bytes are counted.

Names come from strangers. One that leads out of its folder, or means something else on another system than here,
is never followed: the file keeps the reason, and whoever takes it refuses what it belongs to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from grader.submit import MANIFEST
from grader.words import clean, quote

DEEPEST, LONGEST_NAME, LONGEST_PATH = 32, 255, 1000
PIECE = 2**16  # bytes that are read at a time
# What nobody hands in, and what tools leave behind: not looked at, whatever it is.
_IGNORED = frozenset({"__MACOSX", "__pycache__", "node_modules", "site-packages", "venv", "env"})
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³]) *(?:\..*)?", re.IGNORECASE | re.DOTALL)
_ACTING = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control, half of a character, separators of lines and paragraphs
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


@dataclass(frozen=True)
class Bounds:
    """How many files, how many bytes of names, how many bytes in all."""

    entries: int
    directory: int
    total: int


EXPORT = Bounds(100_000, 2**24, 2**36)  # a whole class
SUBMISSION = Bounds(10_000, 2**21, 2**30)  # one student


class Refused(Exception):
    """Why something that was handed in is not taken."""


@dataclass(frozen=True)
class Entry:
    """One file. `take(most)` gives at most that many bytes of it; `problem` says why it must not be taken at all."""

    path: str
    size: int
    modified: datetime | None
    take: Callable[[int], bytes]
    problem: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def read(self, largest: int) -> bytes:
        """All of it.

        Raises:
            Refused: it must not be taken, cannot be read, or has more bytes than `largest`, whatever it claims.
        """
        if self.problem:
            raise Refused(self.problem)
        content = self.take(largest + 1) if self.size <= largest else None
        if content is None or len(content) > largest:
            raise Refused(f"{shown(self.path)} has more than the {largest:,} bytes that are read")
        return content

    def seen_as(self, path: str) -> Entry:
        """The same file under another path."""
        return replace(self, path=path)


def shown(path: str) -> str:
    """A path as it can be shown, with what a terminal would act upon made visible."""
    return clean(path, 120) or "a file without a name"


def name_problem(path: str) -> str:
    """Why this path from an archive or a disk is refused; nothing for a good one."""
    parts = path.split("/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return f"{shown(path)} is an absolute path"
    if ".." in re.split(r"[/\\]", path):
        return f"{shown(path)} leads out of its folder"
    if "\\" in path or ":" in path:
        return f"{shown(path)} has a backslash or a colon in its name, which mean something else on Windows"
    if any(part in ("", ".") for part in parts):
        return f"{quote(path)} is no path of a file"
    if any(character in _TURNING or unicodedata.category(character) in _ACTING for character in path):
        return f"{shown(path)} has characters in its name that nobody sees"
    if any(_RESERVED.fullmatch(part.rstrip(" .")) for part in parts):
        return f"{shown(path)} has a name that Windows keeps for devices"
    if len(parts) > DEEPEST or len(path) > LONGEST_PATH or any(len(part.encode()) > LONGEST_NAME for part in parts):
        return f"{shown(path)} has a name that is too long, or lies too deep"
    return ""


def ignored(path: str) -> bool:
    """Whether nobody means this file: hidden, or made by a tool."""
    return any(part.startswith(".") or part in _IGNORED for part in path.split("/"))


def is_manifest(path: str) -> bool:
    """Whether this file, although hidden, says for whom a hand-out was made."""
    return path.endswith(MANIFEST)


def pieces(read: Callable[[int], bytes], most: int) -> bytes:
    """At most so many bytes, read a little at a time."""
    content = bytearray()
    while len(content) < most and (piece := read(min(PIECE, most - len(content)))):
        content += piece
    return bytes(content)


def without_twins(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The files, those refused whose name another one has already, as it is or on a disk that folds case or accents."""
    seen: dict[str, str] = {}
    for entry in entries:
        other = seen.setdefault(unicodedata.normalize("NFC", entry.path).casefold(), entry.path)
        if other is entry.path or entry.problem:
            yield entry
        elif other == entry.path:
            yield replace(entry, problem=f"{shown(entry.path)} stands there twice")
        else:
            yield replace(entry, problem=f"{shown(entry.path)} and {shown(other)} are one name on many disks")
