"""One line that says how far a long run is; on a terminal only, and gone when the run ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


class Line:
    """The line: call it with the name of each thing that is done. Without a terminal nothing is shown."""

    def __init__(self, progress: Any = None, task: Any = None) -> None:
        self._progress = progress
        self._task = task

    def __call__(self, name: str) -> None:
        if self._progress is not None:
            self._progress.update(self._task, advance=1, description=name)

    def says(self, text: str) -> None:
        """What there is to wait for."""
        if self._progress is not None:
            self._progress.update(self._task, description=text)


@contextmanager
def live(total: int, stream: TextIO, what: str = "Checking", pace: bool = False) -> Iterator[Line]:
    """The line of a run of `total` things; with its rate and the time left, where asked."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield Line()
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(*_columns(what, pace), console=Console(file=stream), transient=True) as progress:
        yield Line(progress, progress.add_task("", total=total))


def _columns(what: str, pace: bool) -> list[Any]:
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed or 0:.1f} a second")

    paced = [Rate(), TextColumn("left:"), TimeRemainingColumn()] if pace else []
    return [TextColumn(what), BarColumn(20), MofNCompleteColumn(), *paced, TextColumn("{task.description}")]
