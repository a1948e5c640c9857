"""The service as a process: one socket, the panel, and an orderly end.

SIGTERM or Ctrl-C: nothing new is taken (503, and when to try again), what is being judged is finished and can still be
asked for, the rest stays in the queue on the disk. A second one ends at once, as a kill does: nothing is lost either.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from filelock import FileLock, Timeout

from grader.console import INTERRUPTED
from grader.errors import GraderError
from grader.files import explained
from grader.service.app import application
from grader.service.connection import CONNECTIONS, HEAD, Connection
from grader.service.panel import Panel


@dataclass(frozen=True)
class Door:
    """Where the service listens. `proxy` is the address in front of it whose word on other addresses is believed."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    proxy: str = ""


class Server(uvicorn.Server):
    """uvicorn, which ends when the panel has ended."""

    def __init__(self, config: uvicorn.Config, panel: Panel, say: Callable[[], None]) -> None:
        super().__init__(config)
        self._panel, self._say = panel, say

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks for an orderly end; another does not wait for it."""
        if self._panel.desk.closing:
            self._panel.end()
            os._exit(INTERRUPTED)
        asyncio.get_running_loop().call_soon_threadsafe(self._panel.close)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._say()

    async def work(self) -> None:
        try:
            await self._panel.run()
        finally:
            self.should_exit = True


def run(panel: Panel, door: Door, say: Callable[[str], None]) -> None:
    """Serves until told to end; `say` is given the address once it answers.

    Raises:
        GraderError: the address is taken, another service works on this class, or this machine cannot judge.
    """
    with _alone(panel.desk.store.path), _listening(door) as listener:
        port = listener.getsockname()[1]
        host = f"[{door.host}]" if ":" in door.host else door.host
        address = f"{'https' if door.certificate else 'http'}://{host}:{port}"
        server = Server(_configuration(panel, door), panel, lambda: say(address))
        try:
            asyncio.run(_serve(panel, server, listener))
        finally:
            panel.end()


async def _serve(panel: Panel, server: Server, listener: socket.socket) -> None:
    await panel.ready()
    panel.desk.store.log("service began")
    await asyncio.gather(server.work(), server.serve([listener]))
    panel.desk.store.log("service ended")


def _configuration(panel: Panel, door: Door) -> uvicorn.Config:
    configuration = uvicorn.Config(
        application(panel), http=Connection, ws="none", h11_max_incomplete_event_size=HEAD, timeout_keep_alive=30,
        timeout_graceful_shutdown=5, log_config=None, log_level="error", access_log=False, server_header=False,
        proxy_headers=bool(door.proxy), forwarded_allow_ips=door.proxy or "", ssl_certfile=door.certificate,
        ssl_keyfile=door.key,
    )  # fmt: skip
    with explained(door.certificate or Path(), "used as certificate"):
        configuration.load()
    return configuration


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    try:
        with FileLock(path.with_suffix(".lock"), timeout=0):
            yield
    except Timeout as error:
        raise GraderError(f"Another `grader serve-class` works on {path}.", "End it first.") from error


@contextmanager
def _listening(door: Door) -> Iterator[socket.socket]:
    _raise_limit()
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    try:
        listener = socket.create_server((door.host, door.port), family=family, backlog=512)
    except OSError as error:
        problem = f"{door.host}:{door.port} cannot be listened on: {error.strerror or error}."
        raise GraderError(problem, "Choose another --port, or end what uses it.") from error
    with listener:
        # asyncio sets this only for sockets that it makes; without it an answer waits 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _raise_limit() -> None:
    """Every connection is a file."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
