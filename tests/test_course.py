"""The course proves itself: solutions earn everything, stubs nothing, other right answers are accepted."""

import ast
from pathlib import Path

import pytest

from grader import judge
from grader.author.committed import stale_exercises
from grader.bench import Zygotes
from grader.course import Course
from grader.models import MODELS, missing
from grader.parts import targets
from grader.sandbox.isolation import missing_for_strict
from grader.stubs import pristine

ROOT = Path(__file__).parents[1]
COURSE = Course.load(ROOT)
LEVELS = ["process"] if missing_for_strict() else ["process", "strict"]
sections = pytest.mark.parametrize("section", COURSE.sections, ids=lambda section: section.id)


def grade(section, texts, level="process", seed=11):
    """Grade several texts for one section in one session; a list of results (by exercise name) for each."""
    found = [{} for _ in texts]
    jobs = [
        judge.Job(section, text.encode(), pristine(section), exercises, seed=seed, diagnose=False, tag=number)
        for number, (text, exercises) in enumerate(texts)
    ]
    with Zygotes(level) as zygotes:
        judge.run(
            [section], jobs, lambda job, result: found[job.tag].update({result.id.split("/")[2]: result}), zygotes
        )
    return found


@pytest.mark.parametrize("level", LEVELS)
@sections
def test_the_solution_earns_everything(section, level):
    """The packaged solution passes every check, at every level."""
    (results,) = grade(section, [(section.solution.read_text("utf-8"), section.exercises)], level)

    assert set(results) == {each.name for each in section.exercises}
    assert {name: told(result) for name, result in results.items() if not has_passed(result)} == {}


def has_passed(result):
    """Passed, or passed as far as it can be run where models are not fetched."""
    unfetched = any(missing(name) for name in MODELS)
    return str(result.status) == "passed" or (unfetched and str(result.status) == "not_run")


def told(result):
    return [f"{check.id.rpartition('/')[2]}: {check.message}" for check in result.checks if check.message]


@sections
def test_the_stub_earns_nothing(section):
    """Stubs earn nothing, also when they are no longer word for word the stub."""
    stub = pristine(section).replace("raise NotImplementedError", "raise NotImplementedError('soon')")
    (results,) = grade(section, [(stub, section.exercises)])

    assert {result.points for result in results.values()} == {0}
    assert {str(check.status) for result in results.values() for check in result.checks} <= {
        "todo",
        "blocked",
        "not_run",
    }


def variants_of(section):
    """Other right answers, kept beside the suite (`softmax__loop` stands for `softmax`): the file's text, the names."""
    path = section.suite.with_name(f"variants_{section.module}.py")
    text = path.read_text("utf-8") if path.exists() else ""
    return text, [node.name for node in ast.parse(text).body if "__" in getattr(node, "name", "")]


@sections
def test_other_right_answers_are_accepted(section):
    """At least three different correct ways to write each core exercise pass."""
    beside, variants = variants_of(section)
    solution = section.solution.read_text("utf-8")
    exercises = {exercise.name: exercise for exercise in section.exercises}
    stands_for = {variant: variant.partition("__")[0] for variant in variants}
    texts = [
        (f"{solution}\n\n{beside}\n\n{name} = {variant}\n", (exercises[name],)) for variant, name in stands_for.items()
    ]
    results = grade(section, texts)

    refused = {
        variant: [check.message for check in result.checks if check.status != "passed"]
        for variant, found in zip(variants, results, strict=True)
        for result in found.values()
        if not has_passed(result)
    }
    assert refused == {}
    cores = [exercise.name for exercise in section.exercises if exercise.kind == "core"]
    assert {core for core in cores if list(stands_for.values()).count(core) < 3} == set()


@sections
def test_what_a_section_names_exists(section):
    """Sections that it builds on come before it; parts are exercises or given functions of sections that exist."""
    known = {each.id: place for place, each in enumerate(COURSE.sections)}
    later = [name for name in section.builds_on if known.get(name, len(known)) >= known[section.id]]

    assert later == []
    assert [name for name, _, _ in targets(COURSE, section)] == [name for name, _ in section.parts]


def test_exercises_are_what_the_cutter_makes():
    """`grader author cut` writes `exercises/`; the committed tree is compared, so answers typed there do no harm."""
    assert stale_exercises(COURSE, frozenset(COURSE.sections)) == []
