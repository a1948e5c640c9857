"""Reading and writing files so that whatever goes wrong is a sentence and nothing is ever half written."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grader.errors import GraderError

# Bytes. Nobody writes more source than that; a submission may, and its syntax tree would take a thousand times as much.
LARGEST_TEXT = 2**19
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@contextmanager
def explained(path: Path, action: str) -> Iterator[None]:
    """Turns what the system says about a file into a sentence.

    Raises:
        GraderError: in place of an `OSError` or a decoding error.
    """
    try:
        yield
    except UnicodeError as error:
        raise GraderError(f"{path} is not UTF-8 text ({error}).", "Save it again with the encoding UTF-8.") from error
    except OSError as error:
        problem = f"{path} cannot be {action}: {error.strerror or error}."
        raise GraderError(problem, "Check that path, its permissions and the free space on the disk.") from error


def present(path: Path) -> bool:
    """Whether anything has this name; raises `GraderError` where one may not even look."""
    with explained(path, "read"):
        return path.exists()


def read_bytes(path: Path, largest: int = 2**26) -> bytes:
    """The content of a regular file of a sane size; a pipe or a device would never end.

    Raises:
        GraderError: it is missing, something else than a file, unreadable or too large.
    """
    with explained(path, "read"):
        size = path.stat().st_size
        if not path.is_file():
            raise GraderError(f"{path} must be a file, but is something else.", "Move it away.")
        if size > largest:
            raise GraderError(f"{path} has {size} bytes, more than the {largest} that are read.", "Make it smaller.")
        return path.read_bytes()


def read_text(path: Path) -> str:
    """A file's text with its line ends as they are; raises like `read_bytes`, and for what is not UTF-8."""
    with explained(path, "read"):
        return read_bytes(path, LARGEST_TEXT).decode("utf-8")


def lines_of(text: str) -> list[str]:
    """Lines with their ends, split where Python's tokenizer splits (`str.splitlines` also splits at form feeds)."""
    return _LINES.findall(text)


def atomic_write(path: Path, content: str | bytes) -> None:
    """Writes a file so that a reader, or a crash, sees the old content or the new, and makes the folders above it.

    Raises:
        GraderError: it cannot be written; the old content stands.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    with explained(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("xb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                shutil.copymode(path, beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
