"""What a zip holds, read into memory within bounds: nothing is ever unpacked to a disk.

A zip can lie about everything. What it says of itself is only believed where that makes us refuse earlier; what is read
is counted byte by byte, and its list of files by a file object that never gives more at once than a bound.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO

from grader.files import explained
from grader.instructor.intake import entries
from grader.instructor.intake.entries import Bounds, Entry, Refused, name_problem, shown
from grader.words import clean

RATIO, RATIO_FROM = 200, 2**20  # how much smaller something of a megabyte may have become
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError, OverflowError,
    struct.error,
)  # fmt: skip
_ENCRYPTED = 0x1 | 0x40 | 0x2000


class _Counted(io.BufferedReader):
    """A file that gives no more than `most` bytes at once, however much is asked of it."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = self.most + 1
        if size > self.most + 1 or len(content := entries.pieces(super().read, size)) > self.most:
            raise Refused("its list of files is longer than what is read")
        return content


@contextmanager
def opened(path: Path, zone: tzinfo) -> Iterator[list[Entry]]:
    """What a zip on the disk holds; entries can be read while it is open.

    Raises:
        Refused: it is no whole zip, or a bomb.
        GraderError: it cannot be opened.
    """
    with explained(path, "read"):
        file = path.open("rb", buffering=0)
    with file:
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        yield [replace(each, modified=each.modified or changed) for each in zip_entries(file, entries.EXPORT, zone)]


def inner_entries(entry: Entry, largest: int, zone: tzinfo) -> list[Entry]:
    """What a zip that lies in a submission holds, as if all of it were as old as the zip; raises `Refused`."""
    try:
        found = zip_entries(io.BytesIO(entry.read(largest)), entries.SUBMISSION, zone)
    except Refused as error:
        raise Refused(f"in {shown(entry.path)}: {error}") from error
    return [replace(each, path=f"{entry.path}/{each.path}", modified=entry.modified) for each in found]


def zip_entries(file: IO[bytes], bounds: Bounds, zone: tzinfo) -> list[Entry]:
    """The files of a zip. Whatever is wrong with one of them stands in its `problem`.

    Args:
        zone: what its times mean, where it does not say.

    Raises:
        Refused: what is wrong with the zip as a whole.
    """
    counted = _Counted(file)  # type: ignore[arg-type]
    counted.most = bounds.directory
    try:
        archive = zipfile.ZipFile(counted)
    except _BROKEN as error:
        raise Refused(f"no whole zip file, perhaps cut off ({clean(str(error), 80)})") from error
    infos = archive.infolist()
    _check_whole(infos, bounds)
    found = (_zip_entry(archive, info, zone) for info in infos)
    return list(entries.without_twins(each for each in found if each is not None))


def _check_whole(infos: list[zipfile.ZipInfo], bounds: Bounds) -> None:
    if len(infos) > bounds.entries:
        raise Refused(f"{len(infos):,} files are more than the {bounds.entries:,} that are looked at")
    total = sum(info.file_size for info in infos)
    if total > bounds.total:
        raise Refused(f"unpacked it would have {total:,} bytes; the bound is {bounds.total:,}")
    in_order = sorted(infos, key=lambda info: info.header_offset)
    for one, next_one in pairwise(in_order):
        if one.header_offset + one.compress_size >= next_one.header_offset:
            raise Refused(f"{shown(one.orig_filename)} and {shown(next_one.orig_filename)} share their bytes: a bomb")


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, zone: tzinfo) -> Entry | None:
    """None for a folder, and for what nobody means to hand in."""
    path = _spelled(info)
    plain = path.removesuffix("/")
    problem = name_problem(plain)
    if not problem:
        if entries.ignored(plain) and not entries.is_manifest(plain):
            return None
        problem = _content_problem(plain, info)
        if path != plain and not problem:
            return None
    return Entry(plain, info.file_size, _zip_time(info, zone), partial(_take, archive, info), problem)


def _spelled(info: zipfile.ZipInfo) -> str:
    """The name, also where a tool wrote UTF-8 and did not say so; `zipfile` itself would cut it at a null."""
    name = info.orig_filename
    if info.flag_bits & 0x800 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def _content_problem(path: str, info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"{shown(path)} is {'a symbolic link' if kind == stat.S_IFLNK else 'no ordinary file'}"
    if info.flag_bits & _ENCRYPTED:
        return f"{shown(path)} is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others cannot be read piece by piece
        return f"{shown(path)} is compressed in a way that is not read (method {info.compress_type}); use plain zip"
    if info.file_size > max(RATIO_FROM, RATIO * info.compress_size):
        return f"{shown(path)} would grow from {info.compress_size:,} to {info.file_size:,} bytes: a bomb"
    return ""


def _zip_time(info: zipfile.ZipInfo, zone: tzinfo) -> datetime | None:
    """The extended time in UTC where there is one, else the clock of whoever made the zip."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 0x5455 and size >= 5 and len(extra) >= 9 and extra[4] & 1:
            return datetime.fromtimestamp(struct.unpack_from("<I", extra, 5)[0], UTC)
        extra = extra[4 + size :]
    try:
        found = datetime(*info.date_time, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year > 1980 else None  # before that: tools that write no time


def _take(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    try:
        with archive.open(info) as file:
            return entries.pieces(file.read, most)
    except _BROKEN as error:
        raise Refused(f"{shown(info.orig_filename)} cannot be unpacked ({clean(str(error), 80)})") from error


def is_zip(path: Path) -> bool:
    """Whether a file on the disk says that it is a zip, by its name or its first bytes."""
    with explained(path, "read"), path.open("rb") as file:
        return path.suffix.lower() == ".zip" or file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
