"""What is asked of the class's service over HTTP, again until it is answered; whatever it answers is data.

A connection that is lost, or a service that is restarted meanwhile, costs time and nothing else: a request has a key,
and the same key gets the same verdict.
"""

from __future__ import annotations

import base64
import math
import random
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.course import Exercise, Section
from grader.errors import GraderError
from grader.results import CheckResult, ExerciseResult, Report
from grader.words import clean

if TYPE_CHECKING:
    import httpx

POLL = 5.0  # seconds between two looks at the place in the queue
SOONEST = 1.0  # seconds after which it is asked again, if nothing has changed
PATIENCE = 600.0  # seconds without any answer, once there was one
AT_FIRST = 8.0  # seconds without any answer, before there was one
_LATER = (408, 429, 502, 503, 504)
_SHOWN = 20_000  # characters of one message


class Line:
    """The connection to a service, which asks again until it is answered."""

    def __init__(self, url: str, token: str, on_wait: Callable[[str], None]) -> None:
        self.url = url
        self.on_wait = on_wait
        self._answered = False
        headers = {"Authorization": f"Bearer {token}"}
        self._client: httpx.Client = _httpx().Client(
            base_url=url, headers=headers, timeout=40.0, trust_env=url.startswith("https:")
        )  # without TLS, no proxy of the environment may see the token

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def verdict(
        self, section: Section, exercises: tuple[Exercise, ...], source: bytes | None
    ) -> tuple[list[ExerciseResult], str]:
        """The results of these exercises, in this order, and what the service says beside them."""
        text = None if source is None else base64.b64encode(source).decode()
        ids = [each.id for each in exercises]
        body = {"key": secrets.token_urlsafe(24), "section": section.id, "exercises": ids, "source": text}
        standing = self.ask("POST", "/v1/checks", body)
        while standing.get("state") != "done":
            self.on_wait(_place(section, standing))
            asked = time.monotonic()
            standing = self.ask("GET", f"/v1/checks/{_id_of(standing)}?wait={POLL:g}")
            if standing.get("state") != "done":  # a service that is about to end does not let one wait
                time.sleep(max(SOONEST - (time.monotonic() - asked), 0.0))
        return _results(standing, ids), clean(str(standing.get("note", "")), 300)

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The answer to one request; it is repeated while the service cannot answer or wants one to wait.

        Raises:
            GraderError: it is refused for good, or was not answered for too long.
        """
        since, tries = time.monotonic(), 0
        while True:
            answer = self._once(method, path, body)
            if answer is not None and answer.status_code not in _LATER:
                self._answered = True
                return _content(answer)
            says, wait = _later(answer, tries)
            tries += 1
            if answer is not None and answer.headers.get("retry-after"):
                self._answered, since = True, time.monotonic()  # it is there, and says when
            elif time.monotonic() + wait - since > (PATIENCE if self._answered else AT_FIRST):
                raise GraderError(f"{self.url}: {says}", "Check the address, or try again later.")
            self.on_wait(f"{says} Trying again in {wait:.0f} s.")
            time.sleep(wait)

    def _once(self, method: str, path: str, body: object) -> httpx.Response | None:
        """None where there was no answer."""
        httpx = _httpx()
        try:
            return self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY" in str(error):
                hint = "Ask your instructor; SSL_CERT_FILE names a certificate of your own."
                raise GraderError(f"{self.url} cannot prove that it is what it says: {error}.", hint) from error
            return None


def _httpx() -> Any:
    try:
        import httpx
    except ImportError as error:
        hint = f"{Path(sys.executable).name} -m pip install httpx"
        raise GraderError("Checking on a server needs `httpx`, which is not installed.", hint) from error
    return httpx


def _later(answer: httpx.Response | None, tries: int) -> tuple[str, float]:
    """Why there is no answer yet, and the seconds to wait: what the service says, else twice as long each time."""
    wait = min(0.5 * 2 ** min(tries, 5), 15.0) * random.uniform(0.8, 1.2)
    if answer is None:
        return "The service does not answer.", wait
    asked = answer.headers.get("retry-after", "")
    wait = min(max(float(asked), 0.5), PATIENCE) if asked.isdecimal() else wait
    return _said(answer)[0], wait


def _said(answer: httpx.Response) -> tuple[str, str]:
    """The problem and the hint of a refusal."""
    try:
        content = answer.json()
        return clean(str(content["problem"]), 300), clean(str(content["hint"]), 300)
    except (ValueError, KeyError, TypeError):
        return f"It answered with status {answer.status_code}.", "Check the address."


def _content(answer: httpx.Response) -> dict[str, Any]:
    if not answer.is_success:
        raise GraderError(*_said(answer))
    try:
        content = answer.json()
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise no_verdict()
    return content


def _place(section: Section, standing: Mapping[str, Any]) -> str:
    place, seconds = standing.get("position"), standing.get("seconds")
    if not isinstance(place, int) or not isinstance(seconds, int | float):
        raise no_verdict()
    if place:
        return f"{section.id}: number {place} in the queue, about {max(seconds, 1):.0f} s."
    return f"{section.id}: being checked."


def _id_of(standing: Mapping[str, Any]) -> str:
    id = standing.get("id")
    if not isinstance(id, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", id):
        raise no_verdict()
    return id


def _results(standing: Mapping[str, Any], ids: list[str]) -> list[ExerciseResult]:
    """The results in the order asked for; texts from elsewhere are made safe to show once more."""
    try:
        report = Report.from_json(standing["report"])
        found = {each.id: replace(each, checks=tuple(map(_shown, each.checks))) for each in report.exercises}
        return [found[id] for id in ids]
    except (KeyError, TypeError, ValueError) as error:
        raise no_verdict() from error


def _shown(check: CheckResult) -> CheckResult:
    if not math.isfinite(check.points + check.max_points + check.seconds):
        raise ValueError("points that are no number")
    names = ("id", "rule", "message", "diagnosis", "where", "printed")
    safe: Any = {name: clean(getattr(check, name), _SHOWN, multiline=True) for name in names}
    return replace(check, **safe)


def no_verdict() -> GraderError:
    return GraderError("The service answered something else than a verdict.", "Its course or its grader has changed.")
