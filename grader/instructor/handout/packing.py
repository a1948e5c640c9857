"""Hand-outs as folders, archives and git repositories: the same files make the same bytes, whenever and wherever.

Neither clocks nor umasks nor anybody's git configuration leave a trace. What is there already is replaced only where
it is an earlier hand-out of the same assignment, as it was made.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grader.errors import GraderError
from grader.files import explained

MANIFEST = ".grader/release.json"
READ_ONLY = (".grader/exercises/", ".grader/solutions/")
IGNORED = b"""\
__pycache__/
/runs/
/.grader/*
!/.grader/exercises/
!/.grader/solutions/
!/.grader/release.json
!/.grader/workspace.json
"""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can hold
_AUTHOR = {"NAME": "grader", "EMAIL": "grader@localhost", "DATE": "2000-01-01T00:00:00 +0000"}
_ALONE = {
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _AUTHOR.items()},
    **dict.fromkeys(("GIT_CONFIG_GLOBAL", "HOME", "XDG_CONFIG_HOME"), os.devnull),
    **{"GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"},
}
Files = Mapping[str, bytes]


def _mode(name: str) -> int:
    return 0o444 if name.startswith(READ_ONLY) else 0o644


def write_folder(files: Files, target: Path) -> None:
    """The files in a new folder, with modes that do not depend on the umask."""
    with explained(target, "written"):
        for name in sorted(files):
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
            path.chmod(_mode(name))
        for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
            folder.chmod(0o755)


def write_zip(files: Files, target: Path, top: str) -> None:
    """The files below one folder in an archive; not compressed, since each build of zlib does that in its own way."""
    with explained(target, "written"), zipfile.ZipFile(target, "x", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{top}/{name}", _LONG_AGO)
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | _mode(name)) << 16
            archive.writestr(entry, files[name])


def write_git(files: Files, target: Path, message: str) -> str:
    """The files as the one commit of a new repository; its id depends on them and the message alone.

    Returns:
        The commit's id.

    Raises:
        GraderError: git is missing, or fails.
    """
    write_folder(files, target)
    _git(target, "init", "--quiet", "--template=")
    _git(target, "symbolic-ref", "HEAD", "refs/heads/main")
    _git(target, "add", "--all", "--force")
    _git(target, "commit", "--quiet", "--message", message)
    return _git(target, "rev-parse", "HEAD")


def _git(repository: Path, *arguments: str) -> str:
    """Runs git as if nobody had ever configured it."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    command = ["git", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(
            command, env={**kept, **_ALONE}, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        hint = "Install it, or choose another form: --format zip."
        raise GraderError("A git repository needs git, which is not installed.", hint) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise GraderError(f"git {arguments[0]} failed in {repository}: {said}", "Mend that, or choose --format zip.")
    return done.stdout.decode("utf-8", "replace").strip()


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A path beside the target to make things at; nothing of it stays, unless `put` moved it."""
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    with explained(target, "written"):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield beside
    finally:
        _remove(beside)


def put(made: Path, target: Path) -> None:
    """Moves what was made to its place; what stands there, which `check_replaceable` allowed, goes.

    Raises:
        GraderError: it cannot be moved; what was there stands.
    """
    old = made.with_name(f"{made.name}.old")
    with explained(target, "written"):
        replaced = target.exists()
        if replaced:
            target.rename(old)
        try:
            os.replace(made, target)
        except BaseException:
            if replaced:
                old.rename(target)
            raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def check_replaceable(path: Path, assignment: str) -> None:
    """Makes sure that at `path` stands nothing, or an earlier hand-out of the assignment (or one for each student).

    Raises:
        GraderError: something else stands there, or something was changed or added; it is never removed.
    """
    with explained(path, "read"):
        several = path.is_dir() and not (path / MANIFEST).is_file()
        for each in sorted(path.iterdir()) if several else [path]:
            if each.exists() and (foreign := _foreign(each, assignment)):
                problem = f"{each} is not as a hand-out of `{assignment}` was made: {foreign}."
                raise GraderError(problem, "Name another --out, or move away what stands there.")


def _foreign(path: Path, assignment: str) -> str:
    """What keeps a folder or an archive from being replaced; empty where nothing does."""
    if path.is_dir() and not (path / MANIFEST).is_file():
        return "it holds something else"
    content = _content(path)
    try:
        manifest: Any = json.loads(content.pop(MANIFEST))
        files = dict(manifest["files"])
        if manifest["assignment"] != assignment:
            return f"it is one of `{manifest['assignment']}`"
    except (KeyError, ValueError, TypeError):
        return "it holds something else"
    for name in sorted({*files, *content}):
        if name not in files:
            return f"{name} was added"
        if name not in content or hashlib.sha256(content[name]).hexdigest() != files[name]:
            return f"{name} was changed"
    if (path / ".git").exists() and _git(path, "rev-list", "--all", "--count") != "1":
        return "it has further commits"
    return ""


def _content(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        found = {each.relative_to(path).as_posix(): each for each in path.rglob("*") if not each.is_dir()}
        return {name: each.read_bytes() for name, each in found.items() if not name.startswith(".git/")}
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        return {each.filename.partition("/")[2]: archive.read(each) for each in archive.infolist()}
