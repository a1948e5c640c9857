"""One exercise misbehaves: a clear status for that one, full credit for the others, nothing left."""

import unicodedata

import pytest

from tests.grader.corpus import Shared, entries, grade, parameters

ABUSE = entries("abuse")
SECONDS = 1.5 + 2.0 + 1.5  # the victim's limit, the judge's grace, and what a busy machine adds


def target(entry):
    return entry.facts.get("TARGET", "softmax" if entry.section == "numpy_part" else "rms_norm")


CALLS = {
    "softmax": "def softmax(x):\n    return misbehave()\n",
    "rms_norm": "def rms_norm(x, weight, eps=1e-6):\n    return misbehave()\n",
    "windows": "def windows(tokens, size):\n    return misbehave()\n",
    "derivative": "def derivative(f, x, h=1e-5):\n    return misbehave(f)\n",
}


def text_of(entry, section):
    """The solution, with one exercise replaced by what misbehaves."""
    return "\n\n".join([section.solution.read_text(), entry.path.read_text(), CALLS[target(entry)]]).encode()


@pytest.fixture(scope="module")
def graded(zygotes):
    found = {}

    def get(level):
        if level not in found:
            corpus = [each for each in ABUSE if level in each.facts["LEVELS"]]
            found[level] = grade(Shared(zygotes, level), corpus, text_of)
        return found[level]

    return get


@pytest.mark.parametrize(("level", "abuse"), parameters(ABUSE))
def test_the_exercise_ends_in_a_clear_status(graded, level, abuse):
    """It gets the status that fits, says why, in time, and in text that no terminal acts upon."""
    found = graded(level)[abuse.name]
    result = found.results[f"ch01/{abuse.section}/{target(abuse)}"]
    said = "\n".join(check.message for check in result.checks)

    assert str(result.status) in abuse.facts["STATUS"] and result.points == 0, said
    assert abuse.facts.get("SAYS", "") in said or (type(abuse.facts["STATUS"]) is tuple and "out of time" in said)
    assert "grader itself failed" not in said
    assert max(check.seconds for check in result.checks) < SECONDS
    assert max(len(check.message) for check in result.checks) < 6000
    assert {character for character in said if unicodedata.category(character) in ("Cc", "Cf", "Cs")} <= {"\n", "\t"}


@pytest.mark.parametrize(("level", "abuse"), parameters(ABUSE))
def test_the_other_exercises_keep_their_credit(graded, level, abuse):
    """What one exercise does costs no other exercise of the file, and not the next submission."""
    found = graded(level)[abuse.name]
    others = [result for id, result in found.results.items() if not id.endswith(f"/{target(abuse)}")]

    assert [(each.id, each.checks) for each in [*others, *found.next_one.values()] if each.status != "passed"] == []


@pytest.mark.parametrize(("level", "abuse"), parameters(ABUSE))
def test_nothing_is_left_behind(graded, level, abuse):
    """No process and no file outlives the submission."""
    assert graded(level)[abuse.name].left == set()
