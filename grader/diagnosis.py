"""Which known mistake explains a failure: the failing checks are replayed against the mistakes, answers compared.

A mistake is named when on the failing checks it gives what the learner's code gives, within the check's own tolerance,
when these answers say something, and when no other mistake fits as well.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from grader.arrays import Rule
from grader.checks import Mistake, mistakes_in
from grader.compare import explain
from grader.course import Exercise, Section
from grader.errors import GraderError
from grader.sandbox.callbacks import Asked
from grader.sandbox.handles import Handle, LearnerError, Record
from grader.text import is_tensor

SECONDS = 5.0  # most diagnoses take a tenth of that; a busy machine must not change what is said
DEFAULT_CLOSE = (1e-6, 1e-9)
LEAVES = 10_000
Replay = Callable[[str, str], "Evidence | None"]


@dataclass(frozen=True)
class Evidence:
    """What came from the worker in one failing check, in order, and the tolerance it was compared with."""

    trace: list[Any]
    close: tuple[float, float] | None

    @property
    def answers(self) -> list[Any]:
        """Without what callbacks were asked: the same mistake may ask in another order."""
        return [each for each in self.trace if type(each) is not Asked]


class Diagnosis:
    """The mistakes of one exercise as possible explanations."""

    def __init__(self, section: Section, exercise: Exercise) -> None:
        self.section = section
        self.exercise = exercise

    def name_mistakes(self, failing: Mapping[str, Evidence], replay: Replay) -> dict[str, str]:
        """Check id → the sentence of the mistake that explains it. Takes about five seconds at the most.

        One that explains all failing checks is named for all. Where none does, because two mistakes were made at once,
        one that alone explains some of them, two at least, is named for these.
        """
        mistakes = mistakes_of(self.section, self.exercise.name)
        if not mistakes or self.section.solution is None:
            return {}
        solution, until = self.section.solution.read_text("utf-8"), time.monotonic() + SECONDS
        try:
            fitting = [each for each in _in_time(mistakes, until) if self._fits(each, solution, failing, replay)]
            says = {mistake.says for mistake in fitting}
            if says:
                return dict.fromkeys(failing, says.pop()) if len(says) == 1 else {}
            explained = {each: self._explained(each, solution, failing, replay) for each in _in_time(mistakes, until)}
        except TimeoutError:
            return {}  # with some untried, "no other fits" would be a guess
        by_check = {check: {each.says for each in mistakes if check in explained[each]} for check in failing}
        return {check: found.pop() for check, found in by_check.items() if len(found) == 1}

    def _explained(
        self, mistake: Mistake, solution: str, failing: Mapping[str, Evidence], replay: Replay
    ) -> frozenset[str]:
        """The checks of which a mistake alone gives the learner's answers, if they are two or more."""
        if mistake.recognise is not None:
            return frozenset()
        source = mistake.patched(solution)
        telling = {check: evidence for check, evidence in failing.items() if informative(evidence.answers)}
        found = frozenset(check for check, each in telling.items() if _alike(each, replay(source, check), True))
        return found if len(found) > 1 else frozenset()

    def _fits(self, mistake: Mistake, solution: str, failing: Mapping[str, Evidence], replay: Replay) -> bool:
        if mistake.recognise is not None:
            return any(mistake.recognise(evidence.trace) for evidence in failing.values())
        answers_say = any(informative(evidence.answers) for evidence in failing.values())
        if not answers_say and not any(informative(evidence.trace) for evidence in failing.values()):
            return False
        source = mistake.patched(solution)
        return all(_alike(evidence, replay(source, check), answers_say) for check, evidence in failing.items())


def _in_time(mistakes: Sequence[Mistake], until: float) -> Iterator[Mistake]:
    """One after another; raises TimeoutError when the time is over before all were tried."""
    for mistake in mistakes:
        if time.monotonic() > until:
            raise TimeoutError
        yield mistake


def _alike(ours: Evidence, theirs: Evidence | None, answers: bool) -> bool:
    if theirs is None:
        return False
    pair = (ours.answers, theirs.answers) if answers else (ours.trace, theirs.trace)
    return same_answers(*pair, ours.close or DEFAULT_CLOSE)


def same_answers(ours: list[Any], theirs: list[Any], close: tuple[float, float]) -> bool:
    """Whether two runs of one check brought the same answers: exceptions by type, data within the tolerance."""
    rule = Rule(*close)
    return len(ours) == len(theirs) and all(_same(a, b, rule) for a, b in zip(ours, theirs, strict=True))


def _same(a: Any, b: Any, rule: Rule) -> bool:
    if isinstance(a, LearnerError) or isinstance(b, LearnerError):
        return isinstance(a, LearnerError) and isinstance(b, LearnerError) and a.mro[:1] == b.mro[:1]
    if type(a) in (Handle, Record) or type(b) in (Handle, Record):
        return type(a) is type(b) and (type(a) is Handle or _same(list(a), list(b), rule))
    if type(a) is not type(b):
        a, b = _number(a), _number(b)  # a loss may be a float here and NumPy's there
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(_same(x, y, rule) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key], rule) for key in a)
    if type(a).__name__ == "Generator":
        return _state(a) == _state(b)
    if callable(a) and callable(b):
        return True  # a callback of the suite that came back: the same one, made again for each run
    try:
        return explain(a, b, rule, "an answer") is None
    except TypeError:
        return repr(a) == repr(b)


def _state(generator: Any) -> str:
    """Where NumPy's or torch's random generator stands."""
    if isinstance(generator, np.random.Generator):
        return repr(generator.bit_generator.state)
    return repr(generator.get_state().tolist())


def _number(value: Any) -> Any:
    """A NumPy scalar as Python's own number; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def informative(trace: list[Any]) -> bool:
    """Whether answers say something: two different finite values, or a single one that is no trivial number."""
    seen: set[Any] = set()
    for leaf in leaves_of(trace):
        seen.add(leaf)
        if len(seen) > 1:
            return True
    return bool(seen - {0, 1, -1, ""})


def leaves_of(value: Any) -> Iterator[Any]:
    """Finite numbers and texts in plain data, up to a bound."""
    if is_tensor(value):
        value = value.detach().double().numpy() if not value.is_complex() else value.detach().numpy()
    if isinstance(value, np.ndarray | np.generic):
        flat = np.asarray(value).reshape(-1)[:LEAVES]
        yield from (x for x in flat.tolist() if isinstance(x, str) or np.isfinite(x))
    elif isinstance(value, int | float | complex):
        if not isinstance(value, int) and not np.isfinite(value):
            return
        yield value
    elif isinstance(value, str | bytes):
        yield value
    elif isinstance(value, dict):
        yield from leaves_of(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset | Record):
        for item in value:
            yield from leaves_of(item)


def mistakes_of(section: Section, exercise: str) -> tuple[Mistake, ...]:
    """The mistakes that a section's authors know for an exercise."""
    if section.mistakes is None:
        return ()
    changed = section.mistakes.stat().st_mtime_ns
    return tuple(mistake for mistake in _load(section.mistakes, changed) if mistake.exercise == exercise)


@cache
def _load(path: Path, changed: int) -> tuple[Mistake, ...]:
    """What stands in a file of mistakes, read again when it has changed."""
    name = f"grader_mistakes_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise GraderError(f"{path} cannot be read.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return mistakes_in(module)
