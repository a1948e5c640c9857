"""Correct but unusual submissions: each gets what it deserves."""

import pytest

from tests.grader.corpus import Shared, entries, grade, parameters

HONEST = entries("honest")


def text_of(entry, section):
    """The solution and what the entry writes over it, in the encoding and with the line ends that it states."""
    facts = entry.facts
    text = "\n".join(
        [facts.get("FIRST", ""), section.solution.read_text("utf-8"), "", "", entry.path.read_text("utf-8")]
    )
    return text.rstrip().replace("\n", facts.get("NEWLINE", "\n")).encode(facts.get("ENCODING", "utf-8"))


@pytest.fixture(scope="module")
def graded(zygotes):
    found = {}

    def get(level):
        if level not in found:
            found[level] = grade(Shared(zygotes, level), HONEST, text_of)
        return found[level]

    return get


@pytest.mark.parametrize(("level", "honest"), parameters(HONEST))
def test_each_gets_what_it_deserves(graded, level, honest):
    """Full marks for what is right; what is not says so, in the words meant for it."""
    found = graded(level)[honest.name]
    expects = honest.facts.get("EXPECTS", {})
    statuses = {id.rpartition("/")[2]: str(result.status) for id, result in found.results.items()}
    messages = [check.message for check in found.checks if check.status != "passed"]

    assert statuses == {name: expects.get(name, "passed") for name in statuses}, messages
    assert not expects or any(honest.facts.get("SAYS", "") in message for message in messages)
    assert {honest.facts.get("DIAGNOSIS", "")} >= {check.diagnosis for check in found.checks if check.diagnosis}
    assert ("DIAGNOSIS" in honest.facts) == any(check.diagnosis for check in found.checks)
    assert found.left == set()
