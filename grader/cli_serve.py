"""`grader serve-class` and `grader token`: hidden checks that students run without having them."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.console import remark, say, told
from grader.errors import GraderError
from grader.options import ClassOption, Names
from grader.words import plural

if TYPE_CHECKING:
    from grader.instructor.term import Term
    from grader.service.desk import Rules
    from grader.service.panel import Panel
    from grader.service.server import Door
    from grader.service.store import Store


Host = Annotated[str, typer.Option(metavar="ADDRESS", help="0.0.0.0: every address of this machine.")]
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0: any that is free.")]
Certificate = Annotated[Path | None, typer.Option(metavar="FILE", help="The TLS certificate, with its chain.")]
Key = Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's private key.")]
Proxy = Annotated[str, typer.Option(metavar="ADDRESS", help="A proxy that does TLS; it is believed who asks.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Without TLS on a network: tokens can be read.")]
Judges = Annotated[int | None, typer.Option(min=1, metavar="N", help="Default: one for every core.")]
Recorded = Annotated[str, typer.Option(metavar="ASSIGNMENT", help="Keep what is checked as attempts of it.")]
Burst = Annotated[int, typer.Option(min=1, metavar="N", help="Checks a student may run one after another.")]
Every = Annotated[float, typer.Option(min=0.01, metavar="SECONDS", help="After these, one more each.")]
Queued = Annotated[int, typer.Option(min=1, metavar="N", help="Checks of a student that may wait at once.")]


@told()
def serve_class(
    names: Names = None,
    *,
    folder: ClassOption = None,
    host: Host = "127.0.0.1",
    port: Port = 8765,
    certfile: Certificate = None,
    keyfile: Key = None,
    proxy: Proxy = "",
    insecure: Insecure = False,
    judges: Judges = None,
    record: Recorded = "",
    burst: Burst = 30,
    every: Every = 20.0,
    queued: Queued = 5,
) -> None:
    """Let students run the hidden checks on this machine.

    They type `grader check --server URL`, with a token from `grader token`, and read what they would if they had them.

    Submissions are always judged at level strict. What is queued survives a restart. For students on other machines
    give --certfile and --keyfile, or put a proxy that does TLS in front and name it with --proxy.
    """
    from grader.instructor.term import Term

    term = Term.find(folder)
    server, desk, quota = _service()
    door = server.Door(host, port, certfile, keyfile, proxy)
    _check_door(door, insecure)
    rules = desk.Rules(quota.Rate(burst, every), queued, judges or _cores())
    with _store(term) as store:
        panel = _panel(term, store, names or [], rules, record)
        server.run(panel, door, lambda address: _welcome(panel, address, record))
    say("The service has ended; what is queued waits in service.db.\n")


def _service() -> tuple[Any, Any, Any]:
    """The modules that need what only instructors install."""
    try:
        from grader.service import desk, quota, server
    except ImportError as error:
        hint = f"{Path(sys.executable).name} -m pip install 'llm-from-scratch-grader[instructor]'"
        raise GraderError(f"The service needs `{error.name}`, which is not installed.", hint) from error
    return server, desk, quota


def _store(term: Term) -> Store:
    from grader.service.store import Store

    return Store(term.root)


def _check_door(door: Door, insecure: bool) -> None:
    from grader.remote import is_loopback

    if (door.certificate is None) != (door.key is None):
        raise GraderError("--certfile and --keyfile belong together.", "Give both, or neither.")
    if not (door.certificate or door.proxy or insecure or is_loopback(door.host)):
        hint = "Give --certfile and --keyfile, or --proxy ADDRESS, or --insecure."
        raise GraderError(f"Without TLS, tokens could be read on the way to {door.host}.", hint)


def _cores() -> int:
    from grader.instructor.grading.local import cores

    return cores()


def _panel(term: Term, store: Store, names: Sequence[str], rules: Rules, record: str) -> Panel:
    """Desk and judges for the sections that are named and have a suite."""
    from grader.course import select
    from grader.instructor.grading.judges import Court
    from grader.service.desk import LEVEL, Desk
    from grader.service.keeping import Keeping
    from grader.service.panel import Panel

    sections = [section for section in select(term.course, names) if section.suite is not None]
    if not sections:
        raise GraderError("No hidden suite of what is named is here.", "Serve from the whole course.")
    keeping = Keeping(term, term.assignment(record)) if record else None
    desk = Desk(store, sections, rules, keeping)
    return Panel(desk, Court(term.course.root, tuple(section.id for section in sections), LEVEL))


def _welcome(panel: Panel, address: str, record: str) -> None:
    from grader.service.tokens import holders

    desk = panel.desk
    lines = [
        f"Checking {plural(len(desk.sections), 'section')} at {address}, with {plural(len(panel.seats), 'judge')}."
    ]
    if record:
        lines.append(
            f"What is checked of {record} is kept as attempts; `grader grade {record}` grades the last of each."
        )
    if not holders(desk.store):
        lines.append("Nobody has a token yet: `grader token --all` makes them.")
    lines.append(f"Students type: grader check --server {address}")
    say("\n".join(lines) + "\n")
    sys.stdout.flush()


@told()
def token(
    students: Annotated[list[str] | None, typer.Argument(metavar="STUDENT", help="Ids, as in students.csv.")] = None,
    *,
    folder: ClassOption = None,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody of the roster who has none yet.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="End tokens instead, at once.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write a new csv file that only you can read.")
    ] = None,
) -> None:
    """Give students the tokens that they need for `grader check --server`.

    A token is shown once and not kept; a new one for the same student ends the old one. Without names: who has one.
    """
    from grader.instructor.term import Term
    from grader.service.tokens import holders

    term = Term.find(folder)
    with _store(term) as store:
        known = holders(store)
        if not students and not everybody:
            say(
                "".join(f"{student}  since {since[:16]}\n" for student, since in known.items())
                or "Nobody has a token.\n"
            )
        elif revoke:
            _revoke(store, list(known) if everybody else students or [])
        else:
            named = list(dict.fromkeys(students or []))
            _check_roster(term, named)
            rest = [each.id for each in term.students if each.id not in known] if everybody else []
            _issue(store, [*named, *(id for id in rest if id not in named)], out)


def _check_roster(term: Term, students: Sequence[str]) -> None:
    """A misspelt id would work, for nobody."""
    roster = {each.id for each in term.students}
    unknown = [id for id in students if roster and id not in roster]
    if unknown:
        raise GraderError(f"{unknown[0]} does not stand in students.csv.", "Add a line there, or mend the id.")


def _revoke(store: Store, students: Sequence[str]) -> None:
    from grader.service.tokens import revoke

    for student in students:
        say(f"{student}: {'revoked' if revoke(store, student) else 'had no token'}\n")


def _issue(store: Store, students: Sequence[str], out: Path | None) -> None:
    from grader.service.tokens import issue

    target = _new_file(out) if out else None  # before any token is made that could not be written
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["student", "token"])
    rows.writerows([student, issue(store, student)] for student in students)
    if target is None:
        say(table.getvalue())
    else:
        with os.fdopen(target, "w", encoding="utf-8") as file:
            file.write(table.getvalue())
        say(f"{out}: {plural(len(students), 'token')}.\n")
    remark("These are not kept anywhere else.", "Send each student their own line, and nothing but that.")


def _new_file(path: Path) -> int:
    from grader.files import explained

    with explained(path, "made"):
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
