"""Is built from dataclasses, closures, partials and classes with slots."""

import functools
from dataclasses import dataclass, field

LEVELS = ("process", "strict")


@dataclass
class Tally:
    counts: dict = field(default_factory=dict)

    def add(self, item):
        self.counts[item] = self.counts.get(item, 0) + 1


@dataclass
class Counter:
    tally: Tally = field(default_factory=Tally)

    @property
    def total(self):
        return sum(self.tally.counts.values())

    def add(self, item):
        self.tally.add(item)

    def count(self, item):
        return self.tally.counts.get(item, 0)

    def most_common(self):
        return sorted(self.tally.counts.items(), key=lambda pair: -pair[1])


def normaliser(axis):
    def normalise(weights):
        return weights / weights.sum(axis=axis, keepdims=True)

    return normalise


def _softmax(x, normalise):
    if not x.shape[-1]:
        raise ValueError("nothing to normalise")
    return normalise(np.exp(x))


softmax = functools.partial(_softmax, normalise=normaliser(-1))
