"""One HTTP exchange with the learner's web application, in the worker: the request in, the response part by part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

Headers = list[tuple[bytes, bytes]]


async def exchange(
    application: Any, method: str, target: tuple[str, str], headers: Headers, body: bytes
) -> AsyncIterator[Any]:
    """Yield `(status, headers)`, then each part of the body as the application sends it.

    Args:
        application: an ASGI 3 application.
        target: path and query.
    """
    path, query = target
    sent: asyncio.Queue[Any] = asyncio.Queue()
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("application", 80), "state": {},
    }  # fmt: skip
    running = asyncio.ensure_future(application(scope, receive, sent.put))
    running.add_done_callback(lambda _: sent.put_nowait(None))
    while (message := await sent.get()) is not None:
        if message["type"] == "http.response.start":
            yield message["status"], [tuple(pair) for pair in message.get("headers", [])]
        elif message["type"] == "http.response.body" and message.get("body"):
            yield bytes(message["body"])
    await running
