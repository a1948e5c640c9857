"""The one exception that people see: what was required, what was found, what to do next."""

from __future__ import annotations


class GraderError(Exception):
    """Something the person at the keyboard can mend.

    Args:
        problem: what was required and what was found, one sentence.
        hint: what to do next, one sentence or a command line; may be empty.
    """

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.problem}\n{self.hint}" if self.hint else self.problem
