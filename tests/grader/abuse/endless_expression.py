"""A regular expression with exponentially many ways to fail."""

import re

LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "ran out of time"


def misbehave():
    return re.match(r"(a+)+$", "a" * 60 + "b")
