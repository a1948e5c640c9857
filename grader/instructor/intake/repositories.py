"""A student's git repository, read without ever being checked out: no link, filter, hook or setting of it acts.

It is cloned into a bare repository of our own, also when it lies on this disk: what git says is safe with a repository
that one does not trust is to be served by it (git-upload-pack), not to work in it. From the clone only the names of one
commit's tree and single blobs are read. Transports that start programs are off, as are submodules, large-file filters,
templates and prompts; time, depth, and the size of a file that git writes are bounded.

The time of a commit is what the student's machine said. When it was pushed is not in git.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from grader.errors import GraderError
from grader.files import read_text
from grader.instructor.intake import entries
from grader.instructor.intake.entries import Entry, Refused, shown
from grader.words import clean

SECONDS = 300.0  # for a clone; reading takes milliseconds
LARGEST_FILE = 2**30  # bytes of one file that git writes
HISTORY = 5000  # commits
_PRINTED = 2**27  # bytes
_SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.bigFileThreshold=8m", "submodule.recurse=false",
    "fetch.recurseSubmodules=false", "gc.auto=0", "maintenance.auto=false", "protocol.ext.allow=never",
)  # fmt: skip
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "file:https:ssh", "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C",
    "GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0",
}  # fmt: skip
_CLONE = (
    "clone", "--quiet", "--bare", "--no-local", "--single-branch", "--no-tags", "--template=",
    "--filter=blob:limit=64m",
)  # fmt: skip
_KEPT = ("GIT_SSH_COMMAND", "GIT_SSH", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_SSL_CAINFO", "GIT_CONFIG_GLOBAL")
_ADDRESS = re.compile(r"https://\S+|ssh://[^-\s]\S*|file://\S+|[\w.-]+@[\w.-]+:\S+|/\S.*", re.ASCII)


@dataclass(frozen=True)
class Commit:
    """What one commit holds. `at` is its committer's date."""

    id: str
    at: datetime
    entries: tuple[Entry, ...]


def is_repository(folder: Path) -> bool:
    """Whether this folder is a clone, or a bare repository."""
    return os.path.lexists(folder / ".git") or all((folder / name).exists() for name in ("HEAD", "objects", "refs"))


def _check_own(folder: Path) -> None:
    """A repository can say that its content lies in another one; that could be somebody else's."""
    inside = folder / ".git" if os.path.lexists(folder / ".git") else folder
    borrows = [name for name in ("commondir", "objects/info/alternates") if os.path.lexists(inside / name)]
    if borrows or inside.is_symlink() or not inside.is_dir():
        raise Refused("it takes its content from another repository; clone it without that")


def listed(path: Path) -> list[tuple[str, str]]:
    """The students and addresses of a csv file with the columns `student` and `url`; nothing for any other file."""
    rows = csv.DictReader(io.StringIO(read_text(path).removeprefix("\ufeff")))
    if not {"student", "url"} <= set(rows.fieldnames or ()):
        return []
    return [((row["student"] or "").strip(), (row["url"] or "").strip()) for row in rows]


@contextmanager
def commit(address: str, until: datetime | None, beside: Path) -> Iterator[Commit]:
    """The last commit up to `until` by its committer's date, else the newest; readable inside the `with`.

    Args:
        address: a folder, or what `git clone` takes.
        until: commits after it do not count.
        beside: a folder in which the clone may lie meanwhile.

    Raises:
        Refused: it cannot be had, or has no such commit.
    """
    if shutil.which("git") is None:
        raise GraderError("Repositories need git, which is not installed.", "Install git, then try again.")
    if not _ADDRESS.fullmatch(address) and not Path(address).is_absolute():
        raise Refused(f"{clean(address)} is no address that is cloned: https, ssh, or a folder")
    if Path(address).is_absolute():
        _check_own(Path(address))
    with tempfile.TemporaryDirectory(prefix=".collecting-", dir=beside) as work:
        bare = Path(work) / "repository"
        depth = f"--depth={1 if until is None else HISTORY}"
        _git([*_CLONE, depth, "--", address, str(bare)])
        yield _commit(bare, until)


def _commit(bare: Path, until: datetime | None) -> Commit:
    lines = _git(_in(bare, "rev-list", "--timestamp", "--first-parent", f"--max-count={HISTORY}", "HEAD")).split(b"\n")
    for line in filter(None, lines):
        seconds, _, id = line.decode().partition(" ")
        if until is None or int(seconds) <= until.timestamp():
            try:
                at = datetime.fromtimestamp(int(seconds), UTC)
            except (ValueError, OverflowError, OSError) as error:
                raise Refused(f"commit {id[:12]} has no date that exists ({seconds})") from error
            return Commit(id, at, tuple(_entries(bare, id, at)))
    raise Refused("no commit up to that time among those that were looked at" if any(lines) else "no commit")


def _entries(bare: Path, id: str, at: datetime) -> list[Entry]:
    rows = _git(_in(bare, "ls-tree", "-r", "-z", "--full-tree", id)).split(b"\0")
    if len(rows) > entries.SUBMISSION.entries:
        raise Refused(f"{len(rows):,} files are more than the {entries.SUBMISSION.entries:,} that are looked at")
    found = []
    for row in filter(None, rows):
        about, _, name = row.partition(b"\t")
        mode, _, blob = about.decode().split(" ")
        path = name.decode("utf-8", "surrogateescape")
        problem = entries.name_problem(path)
        if not problem and (mode == "160000" or (entries.ignored(path) and not entries.is_manifest(path))):
            continue  # another repository, which is not cloned; and what nobody hands in
        if not problem and mode == "120000":
            problem = f"{shown(path)} is a symbolic link"
        found.append(Entry(path, 0, at, partial(_take, bare, path, blob), problem))
    return list(entries.without_twins(found))


def _take(bare: Path, path: str, blob: str, most: int) -> bytes:
    try:
        size = int(_git(_in(bare, "cat-file", "-s", blob)))
    except Refused as error:
        raise Refused(f"{shown(path)} is too large to be fetched, or not there") from error
    if size >= most:
        raise Refused(f"{shown(path)} has {size:,} bytes, more than the {most - 1:,} that are read")
    return _git(_in(bare, "cat-file", "blob", blob))


def _in(bare: Path, *arguments: str) -> list[str]:
    return [f"--git-dir={bare}", *arguments]


def _git(arguments: Sequence[str]) -> bytes:
    """What git prints, within time and size; raises `Refused` with what it complains of."""
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    environment = {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes", **own, **_ENVIRONMENT}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            ["git", *settings, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
            env=environment, start_new_session=True, preexec_fn=_limit if sys.platform != "win32" else None,
        )  # fmt: skip
        timer = threading.Timer(SECONDS, _end, [process])
        timer.start()
        try:
            assert process.stdout is not None
            printed = entries.pieces(process.stdout.read, _PRINTED)
            if len(printed) == _PRINTED:
                raise Refused("git prints more than is read")
            if process.wait() != 0:
                said.seek(0)
                raise Refused(f"git: {_complaint(said.read(2000))}")
            return printed
        finally:
            timer.cancel()
            _end(process)
            process.stdout.close()  # type: ignore[union-attr]


def _complaint(said: bytes) -> str:
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    mine = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    return clean(mine[0] if mine else "it ended without a word, perhaps out of time", 200)


def _limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and what it started."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.wait()
