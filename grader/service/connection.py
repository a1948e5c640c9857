"""What one connection may take: uvicorn's own HTTP, with an end to slow heads, slow requests and slow readers.

uvicorn ends a connection that is idle. One that sends a byte a minute, or never reads its answer, is not idle; ended
here it costs nobody else a place.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD = 1 << 14  # bytes of the request line and all headers
HEAD_SECONDS = 10.0
REQUEST_SECONDS = 75.0  # from the head's end to the answer's: the body, a long poll, and sending
LINGER_SECONDS = 3.0  # for what is still on its way when the answer is out
LINGER = 1 << 20  # bytes of that
CONNECTIONS = 800
SHARE = 0.75  # of the connections one address may have: a class behind one address still gets in


class Connection(H11Protocol):
    """One client's connection."""

    _phase = ""
    _timer: asyncio.TimerHandle | None = None
    _rest = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Lets a connection in, unless there are too many."""
        super().connection_made(transport)
        near = sum(_place(each) == _place(self) for each in self.connections)
        if len(self.connections) > CONNECTIONS or near > SHARE * CONNECTIONS:
            transport.write(answer(503, "Too many connections at once.", "Try again in a few seconds.", 5))
            transport.close()
            self._enter("closing", LINGER_SECONDS)
        else:
            self._enter("head", HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._follow()
        self._rest = self._rest + len(data) if self._phase == "rest of the body" else 0
        if self._rest > LINGER:
            self.transport.abort()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._follow()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._follow()

    def connection_lost(self, exc: Exception | None) -> None:
        self._enter("lost", None)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets one constant answer."""
        self.transport.write(answer(400, "This is no request that the service understands.", "", 0))
        self.transport.close()

    def _follow(self) -> None:
        """Each phase has an end of its own, counted from its beginning: a byte more does not put it off."""
        ours, theirs = self.conn.our_state, self.conn.their_state
        if self.transport.is_closing() or ours in (h11.CLOSED, h11.ERROR, h11.MUST_CLOSE) or theirs is h11.ERROR:
            self._enter("closing", LINGER_SECONDS)
        elif ours is h11.DONE and theirs is h11.SEND_BODY:
            self._enter("rest of the body", LINGER_SECONDS)
        elif theirs is not h11.IDLE:
            self._enter("request", REQUEST_SECONDS)
        elif self.conn.trailing_data[0]:
            self._enter("head", HEAD_SECONDS)
        else:
            self._enter("idle", None)  # uvicorn's own timer runs

    def _enter(self, phase: str, seconds: float | None) -> None:
        if phase == self._phase:
            return
        self._phase = phase
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


def _place(connection: Any) -> str:
    """The address a connection comes from."""
    return connection.client[0] if connection.client else ""


def answer(status: int, problem: str, hint: str, wait: int) -> bytes:
    """A whole answer that also ends the connection, for where there is no application to make one."""
    body = json.dumps({"problem": problem, "hint": hint}).encode()
    again = f"Retry-After: {wait}\r\n" if wait else ""
    head = f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{again}"
    return f"{head}Connection: close\r\n\r\n".encode() + body
