"""One line that says how far a long run is; on a terminal only, and gone when the run ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO


@contextmanager
def live(total: int, stream: TextIO) -> Iterator[Callable[[Any], None]]:
    """A function to call with each result; its `id` is shown."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda result: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("Checking"), BarColumn(20), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda result: progress.update(task, advance=1, description=result.id)
