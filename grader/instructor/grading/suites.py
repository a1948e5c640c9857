"""What a grade depends on beside the submission: the fingerprint of a suite, and a result's key."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from grader import __version__
from grader.course import Section
from grader.files import read_bytes, read_text


def fingerprint(section: Section) -> str:
    """A hash of all that judges a section: solution, toml, suite, mistakes, the suite's data, the grader's version."""
    paths = [section.source, section.source.with_suffix(".toml"), section.suite, section.mistakes]
    known = [path for path in paths if path is not None]
    return _hash_of(tuple((path, path.stat().st_mtime_ns) for path in [*known, *_data(section)]))


def _data(section: Section) -> list[Path]:
    """Files beside the suite that its text names."""
    if section.suite is None:
        return []
    text = read_text(section.suite)
    beside = sorted(path for path in section.suite.parent.iterdir() if path.is_file() and path.suffix != ".py")
    return [path for path in beside if path.name in text]


@lru_cache(maxsize=256)
def _hash_of(files: tuple[tuple[Path, int], ...]) -> str:
    digest = hashlib.sha256(__version__.encode())
    for path, _ in files:
        digest.update(f"{path.name}\n".encode() + hashlib.sha256(read_bytes(path)).digest())
    return digest.hexdigest()[:16]


def result_key(section: Section, exercises: tuple[str, ...], source: bytes | None, seed: int) -> str:
    """What a result is kept under: the same text, suite, exercises and seed are not graded twice."""
    digest = hashlib.sha256(f"{section.id} {fingerprint(section)} {seed} {' '.join(exercises)}\n".encode())
    digest.update(b"missing" if source is None else b"present" + source)
    return digest.hexdigest()
