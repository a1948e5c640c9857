"""A term as the README tells it: the same commands, one after another, on the made-up class."""

import csv
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from grader.sandbox import isolation

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(bool(isolation.missing_for_strict()), reason="no strict level here")


def commands():
    """The ten of the README; the first installs, which has happened here."""
    block = (ROOT / "README.md").read_text("utf-8").partition("A term in ten commands")[2].split("```")[1]
    lines = block.strip().splitlines()
    assert len(lines) == 10
    return [shlex.split(line.partition(" && ")[0]) for line in lines[1:]]


def test_a_term_in_ten_commands(tmp_path):
    """From a checkout to exported grades; who is right has everything, who is hostile has nothing."""
    said = {}
    for number, (name, *arguments) in enumerate(commands()):
        assert name == "grader"
        command = [sys.executable, "-m", "grader", *arguments]
        folder = tmp_path / "term" if number else tmp_path
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert ended.returncode == 0, (arguments, ended.stdout[-1000:], ended.stderr)
        said[arguments[0]] = ended.stdout

    with (tmp_path / "term" / "exports" / "hw1.csv").open(encoding="utf-8-sig") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    scores = {id: row["score"] for id, row in rows.items()}
    assert len(rows) == 30
    assert scores["ada.abara"] == "55"
    assert [scores[id] for id in ("fay.ito", "gus.jansen", "hana.kaya", "igor.lund")] == ["0", "0", "0", "0"]
    assert (scores["cleo.frey"], scores["dina.gallo"], scores["emil.hahn"]) == ("49.5", "55", "0")
    assert float(scores["ada.dahl"]) < 55
    assert "29 attempts kept" in said["collect"]
    assert "Missing: jun.meyer" in said["collect"]
    assert "In the gradebook: 29 of 30 students." in said["grade"]
    assert len(list((tmp_path / "term" / "feedback" / "hw1").glob("*.html"))) == 29
    assert (tmp_path / "term" / "reports" / "hw1.html").is_file()
