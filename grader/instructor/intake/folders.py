"""What a folder on the disk holds, no link followed: it may be a student's own, or what a platform unpacked."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from grader.files import explained
from grader.instructor.intake import entries
from grader.instructor.intake.entries import EXPORT, Entry, Refused, shown


def folder_entries(root: Path) -> list[Entry]:
    """The files below a folder, no link followed.

    Raises:
        Refused: there are too many.
        GraderError: a folder cannot be read.
    """
    found: list[Entry] = []
    waiting = [""]
    with explained(root, "read"):
        while waiting:
            inside, folders = _listed(root, waiting.pop())
            found += inside
            waiting += folders
            if len(found) + len(waiting) > EXPORT.entries:
                raise Refused(f"more than the {EXPORT.entries:,} files that are looked at")
    return list(entries.without_twins(sorted(found, key=lambda each: each.path)))


def _listed(root: Path, folder: str) -> tuple[list[Entry], list[str]]:
    files, folders = [], []
    with os.scandir(root / folder) as listing:
        for each in listing:
            path = f"{folder}/{each.name}" if folder else each.name
            problem = entries.name_problem(path)
            if entries.ignored(path) and not entries.is_manifest(path) and each.name != ".grader":
                continue
            if each.is_dir(follow_symlinks=False) and not problem:
                folders.append(path)
            else:
                files.append(_disk_entry(root, path, problem, each.stat(follow_symlinks=False)))
    return files, folders


def _disk_entry(root: Path, path: str, problem: str, found: os.stat_result) -> Entry:
    if not problem and not stat.S_ISREG(found.st_mode):
        problem = f"{shown(path)} is {'a symbolic link' if stat.S_ISLNK(found.st_mode) else 'no ordinary file'}"
    if not problem and found.st_nlink > 1:
        problem = f"{shown(path)} is a hard link: the same file has another name elsewhere"
    modified = datetime.fromtimestamp(found.st_mtime, UTC)
    return Entry(path, found.st_size, modified, partial(_take_from_disk, root / path), problem)


def _take_from_disk(path: Path, most: int) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refused(f"{shown(path.name)} is no ordinary file any more")
            return entries.pieces(file.read, most)
    except OSError as error:
        raise Refused(f"{shown(path.name)} cannot be read ({error.strerror})") from error


def file_entry(path: Path) -> Entry:
    """One file on the disk; raises `GraderError` where it cannot be looked at."""
    with explained(path, "read"):
        return _disk_entry(path.parent, path.name, entries.name_problem(path.name), path.lstat())
