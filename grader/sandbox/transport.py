"""A client of the judge's (httpx, or the `openai` client built on it) talks to the learner's web application.

The client runs here, where it may be any library; each request is forwarded to the worker, which has no network. What
comes back is hostile data in the form that HTTP gives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx

from grader.sandbox.learner import Learner


class LearnerTransport(httpx.BaseTransport):
    """`httpx.Client(transport=LearnerTransport(learner, application), base_url="http://app")`.

    Args:
        application: a handle on an ASGI application.
    """

    def __init__(self, learner: Learner, application: Any) -> None:
        self._learner = learner
        self._application = application

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = (request.url.path, request.url.query.decode("ascii"))
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        parts = iter(self._learner.exchange(self._application, request.method, target, headers, request.read()))
        try:
            status, received = next(parts)
            pairs = [(bytes(name), bytes(value)) for name, value in received]
            return httpx.Response(int(status), headers=pairs, stream=_Parts(parts))
        except (StopIteration, TypeError, ValueError):
            raise httpx.RemoteProtocolError("the application sent no response that can be read") from None


class _Parts(httpx.SyncByteStream):
    def __init__(self, parts: Iterator[Any]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            yield bytes(part)
