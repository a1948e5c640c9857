"""What handing in late costs: pure arithmetic, in points and seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

DAY = 86400.0


@dataclass(frozen=True)
class Lateness:
    """The class's rule: `grace_minutes` are forgiven, a day begun costs `per_day`, after `days` nothing is earned."""

    grace_minutes: float = 0.0
    per_day: float = 0.0
    days: float = 1e6

    def days_late(self, seconds: float) -> int:
        """Days begun after the due date; 0 within the grace."""
        return 0 if seconds <= self.grace_minutes * 60 else math.ceil(seconds / DAY)

    def penalty(self, points: float, seconds: float) -> float:
        """How many of the points earned are taken off, from 0 to all of them."""
        days = self.days_late(seconds)
        if days == 0 or points <= 0:
            return 0.0
        return points if days > self.days else round(points * min(1.0, self.per_day * days), 6)

    def says(self, seconds: float) -> str:
        """The rule applied, for the learner; empty where nothing is taken off."""
        days = self.days_late(seconds)
        if days == 0:
            return ""
        late = f"{days} day{'s' if days > 1 else ''} late"
        if days > self.days:
            return f"{late}: after {self.days:g} nothing is earned"
        return f"{late}: {min(1.0, self.per_day * days):.0%} of the points earned"
