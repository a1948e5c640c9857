"""How alike submissions are: fingerprints of what the learners wrote themselves, by copydetect's winnowing.

What was handed out is taken away first. Names, comments and the order of definitions make no difference. Two people
who read the same lesson write much alike, so a pair is only worth a look when it stands out among all pairs of its
class, and even then it is a reason to look and never a verdict: who wrote first, or whether both asked the same
person, no number can say. Copying is missed where every line was rewritten, or where most of a class has the same.

The measure, tried on the course's own "other right answers": with 25 characters of normalised code to a fingerprint,
two independent right answers to a whole section share at most a seventh of them (84 pairs, median 2 %).
"""

from __future__ import annotations

import ast
import math
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from grader.files import lines_of
from grader.sources import parsed

GRAM, GUARANTEED = 25, 30  # characters of a fingerprint; a copied stretch of the second length is always found
FLOOR = 0.4  # nearly three times the most that two independent right answers share
FEW = 30  # fingerprints, about eight lines: less than that, people write alike by chance
SMALL, CERTAIN = 10, 0.8  # with fewer pairs than that there is no distribution to stand out of
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Fingerprints = Mapping[int, str]  # fingerprint → the definition that it is from


@dataclass(frozen=True)
class Pair:
    """Two submissions. `share` is how much of the smaller one's fingerprints the other has too, `shared` how many."""

    one: str
    other: str
    share: float
    shared: int
    where: tuple[str, ...] = ()
    stands_out: bool = False


@dataclass(frozen=True)
class Similarity:
    """A class compared: the shares of all pairs, beyond what one stands out, and the pairs that are most alike."""

    shares: tuple[float, ...]
    limit: float
    pairs: tuple[Pair, ...]
    standing_out: int = 0


def written(text: str, handed_out: str) -> dict[str, str]:
    """The source of each definition that the learner wrote or changed; the whole text where it is no valid Python."""
    try:
        given = _statements(handed_out)
        nodes = [node for node in parsed(text).body if ast.dump(node) not in given]
    except (SyntaxError, RecursionError):
        return {"": text}
    lines = lines_of(text)
    found: dict[str, str] = {}
    for node in nodes:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            name = node.name if isinstance(node, _Definition) else ""
            found[name] = found.get(name, "") + "".join(lines[_first(node) - 1 : node.end_lineno])
    return found


def _first(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, _Definition) else []
    return min([node.lineno, *(each.lineno for each in decorators)])


def fingerprints(text: str, handed_out: str) -> Fingerprints:
    """The fingerprints of what a learner wrote, without those that what was handed out has too."""
    from copydetect.utils import winnow

    given = _given(handed_out)
    found: dict[int, str] = {}
    for name, source in written(text, handed_out).items():
        hashes = _hashes(source)
        if len(hashes):
            kept, _ = winnow(hashes, GUARANTEED - GRAM + 1)
            found |= {int(each): name for each in kept if int(each) not in given}
    return found


@lru_cache(maxsize=64)
def _given(handed_out: str) -> frozenset[int]:
    return frozenset(_hashes(handed_out).tolist())


@lru_cache(maxsize=64)
def _statements(handed_out: str) -> frozenset[str]:
    return frozenset(ast.dump(node) for node in parsed(handed_out).body)


def _hashes(source: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A hash of every stretch of the normalised code (the library's own hashes differ from one process to the next)."""
    from copydetect.utils import filter_code

    normal = "".join(filter_code(source, "submission.py", "python")[0].split()).encode()
    grams = [zlib.crc32(normal[place : place + GRAM]) for place in range(len(normal) - GRAM + 1)]
    return np.array(grams, dtype=np.int64)


def compare(submissions: Mapping[str, Fingerprints], shown: int = 15) -> Similarity:
    """Compares all submissions of a class.

    Args:
        submissions: student → fingerprints; those with too few to say anything are left out.
        shown: how many pairs are named.

    Returns:
        The pairs that are most alike first.
    """
    names = sorted(name for name, found in submissions.items() if len(found) >= FEW)
    if len(names) < 2:
        return Similarity((), 1.0, ())
    shared = _shared([submissions[name] for name in names])
    sizes = np.array([len(submissions[name]) for name in names])
    upper = np.triu_indices(len(names), 1)
    counts = shared[upper]
    shares = counts / np.minimum(sizes[upper[0]], sizes[upper[1]])
    limit = _limit(shares)
    out = (shares > limit + 1e-9) & (counts >= FEW)
    best = np.lexsort((upper[1], upper[0], -counts, -shares, ~out))[:shown]
    pairs = []
    for place in best.tolist():
        one, other = names[upper[0][place]], names[upper[1][place]]
        where = _where(submissions[one], submissions[other])
        pairs.append(Pair(one, other, float(shares[place]), int(counts[place]), where, bool(out[place])))
    return Similarity(tuple(np.sort(shares).tolist()), limit, tuple(pairs), int(out.sum()))


def _shared(submissions: list[Fingerprints]) -> np.ndarray[Any, Any]:
    """How many fingerprints each pair shares: an index from fingerprints to submissions, multiplied by itself."""
    from scipy.sparse import csr_matrix

    column: dict[int, int] = {}
    places = [column.setdefault(each, len(column)) for found in submissions for each in found]
    ends = np.cumsum([0, *(len(found) for found in submissions)])
    index = csr_matrix((np.ones(len(places), np.int32), places, ends), shape=(len(submissions), len(column)))
    shared: np.ndarray[Any, Any] = (index @ index.T).toarray()
    return shared


def _limit(shares: np.ndarray[Any, Any]) -> float:
    """Beyond which share a pair stands out: where, if the upper half goes on falling as it does, less than one is.

    What is not shared falls towards zero as likeness grows, so the tail is measured in its logarithm.
    """
    if len(shares) < SMALL:
        return CERTAIN
    lower, upper = np.quantile(-np.log1p(-np.minimum(shares, 0.999)), [0.25, 0.75])
    limit = 1 - math.exp(-(upper + (upper - lower) * math.log(len(shares) / 2) / math.log(3)))
    return max(FLOOR, limit)


def _where(one: Fingerprints, other: Fingerprints) -> tuple[str, ...]:
    """The definitions that most of what is shared stands in."""
    counted = Counter(name for each, name in one.items() if each in other and name)
    return tuple(name for name, _ in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:3])
