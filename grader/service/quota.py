"""How often one may ask: buckets that fill with time, and a wait that doubles for whoever does not wait."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

LONGEST = 300.0  # seconds
REMEMBERED = 10_000


@dataclass(frozen=True)
class Rate:
    """So many at once, then one every so many seconds."""

    burst: int
    every: float


@dataclass(frozen=True)
class Bucket:
    """What is left, as of `at` (Unix time). Nothing is given before `until`, which each refusal puts off."""

    level: float
    at: float
    until: float = 0.0
    refusals: int = 0

    @classmethod
    def full(cls, rate: Rate, now: float) -> Bucket:
        return cls(float(rate.burst), now)

    def take(self, rate: Rate, now: float) -> tuple[Bucket, float]:
        """The bucket with one less, and 0; or refusing, and the seconds to wait."""
        since = max(now - self.at, 0.0)
        level = min(self.level + since / rate.every, float(rate.burst))
        blocked = 0.0 < self.until - now <= LONGEST  # further ahead only if a clock was put back
        if level >= 1.0 and not blocked:
            return Bucket(level - 1.0, now), 0.0
        wait = min(max((1.0 - level) * rate.every, 1.0) * 2**self.refusals, LONGEST)
        return Bucket(level, now, now + wait, min(self.refusals + 1, 20)), wait


class Buckets:
    """A bucket for each name, in memory: those not used for longest are forgotten, so that names cost no more of it."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, now: float) -> float:
        """The seconds that this one has to wait; 0 where it need not."""
        bucket = self._buckets.pop(name, None) or Bucket.full(self.rate, now)
        self._buckets[name], wait = bucket.take(self.rate, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return wait
