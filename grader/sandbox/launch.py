"""Starting zygotes and standby workers, and what a judge asks of them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from grader.errors import GraderError
from grader.sandbox import isolation
from grader.sandbox.wire import Closed, Stream

MEMORY = 1 << 30  # bytes a worker may have beyond what its libraries take, unless a check says otherwise
PACKET = 1 << 16


class Forked(NamedTuple):
    """A worker's process: the connection to it, where it tells its stack when it crashes, its number."""

    connection: socket.socket
    stacks: socket.socket
    pid: int


class Zygote:
    """A running zygote, as a judge sees it. `process` is None for a judge that was only attached to it."""

    def __init__(self, control: socket.socket, process: subprocess.Popen[bytes] | None, level: str) -> None:
        self._control = control
        self._process = process
        self._ready = process is None
        self._asked = 0
        self.level = level

    def fork(self, memory: int, scratch: int, folder: str) -> Forked:
        """A fresh worker, confined. Waits for the zygote's imports when it is the first."""
        connection, theirs = socket.socketpair()
        stacks, told = socket.socketpair()
        with theirs, told:
            limits = {"memory": memory, "scratch": scratch}
            pid: int = self._ask("fork", [theirs, told], limits=limits, folder=folder)["pid"]
        return Forked(connection, stacks, pid)

    def end(self, pid: int, patience: float = 0.0) -> int | None:
        """Kill a worker and all it started; the wait status of its own end, if it ended within `patience` seconds."""
        status: int | None = self._ask("end", pid=pid, patience=patience)["status"]
        return status

    def ask_for_stack(self, pid: int) -> None:
        self._ask("stack", pid=pid)

    def threads(self, pid: int) -> int:
        """How many threads a worker runs, as the kernel tells it."""
        count: int = self._ask("threads", pid=pid)["threads"]
        return count

    def attach(self) -> socket.socket:
        """A control socket for another judge."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._ask("attach", [theirs])
        return ours

    def _ask(self, command: str, sockets: Iterable[socket.socket] = (), **arguments: Any) -> dict[str, Any]:
        """Send one command, return its reply. Raises GraderError when the zygote is gone or could not do it."""
        try:
            self._wait_until_ready()
            self._asked += 1
            packet = json.dumps({"do": command, "with": arguments, "number": self._asked}).encode()
            socket.send_fds(self._control, [packet], [sock.fileno() for sock in sockets])
            reply = self._reply()
        except (OSError, ValueError) as error:
            problem = f"the process that starts workers has ended ({error})."
            raise GraderError(problem, "Run the command again.") from None
        if reply is None or "error" in reply:
            raise GraderError(f"a worker could not be started: {reply and reply['error']}", "Run `grader doctor`.")
        return reply

    def _reply(self) -> dict[str, Any] | None:
        """The reply to the last question; one that a deadline kept from being read may still lie before it."""
        while reply := json.loads(self._control.recv(PACKET) or b"null"):
            if reply["to"] == self._asked:
                break
        return reply  # type: ignore[no-any-return]

    def _wait_until_ready(self) -> None:
        """It imports side by side with the judge; the first command waits for it."""
        if not self._ready:
            if not self._control.recv(PACKET):
                raise OSError(_last_words(self._process))
            self._ready = True

    def close(self) -> None:
        self._control.close()
        if self._process is not None:
            _finish(self._process)


class Standby:
    """Where `fork` does not exist or is unsafe: workers are spawned, one ahead of need. The same methods as a zygote.

    Tested on Linux (GRADER_START=spawn); the hand-over of sockets on Windows is written as documented and untested.
    """

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.level = "process"
        self._packages = packages
        self._spare: tuple[Forked, subprocess.Popen[bytes]] | None = None
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._prepare(MEMORY)

    def _prepare(self, memory: int) -> None:
        connection, theirs = socket.socketpair()
        stacks, told = socket.socketpair()
        with theirs, told:
            process = _spawn_worker(theirs, told)
        configuration = {**isolation.configuration(self._packages, strict=False), "memory": memory}
        Stream(connection).send(json.dumps(configuration))
        self._spare = Forked(connection, stacks, process.pid), process

    def fork(self, memory: int, scratch: int, folder: str) -> Forked:
        """The spare worker, once its imports are done; another is spawned in its place."""
        if memory != MEMORY or self._spare is None:
            self._drop_spare()
            self._prepare(memory)
        assert self._spare is not None
        forked, process = self._spare
        stream = Stream(forked.connection)
        stream.send(folder)
        try:
            stream.receive()
        except Closed:
            problem = f"a worker could not be started: {_last_words(process)}"
            raise GraderError(problem, "Run `grader doctor`.") from None
        self._running[forked.pid] = process
        self._prepare(MEMORY)
        return forked

    def end(self, pid: int, patience: float = 0.0) -> int | None:
        process = self._running.pop(pid, None)
        if process is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        code = process.poll()
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
        if code is None:
            return None
        return -code if code < 0 else code << 8

    def ask_for_stack(self, pid: int) -> None:
        if hasattr(signal, "SIGUSR2") and pid in self._running:
            self._running[pid].send_signal(signal.SIGUSR2)

    def threads(self, pid: int) -> int:
        return 1  # not asked: a worker with threads left is not replaced here

    def close(self) -> None:
        for pid in list(self._running):
            self.end(pid)
        self._drop_spare()

    def _drop_spare(self) -> None:
        if self._spare is not None:
            forked, process = self._spare
            self._running[forked.pid] = process
            forked.connection.close()
            forked.stacks.close()
            self.end(forked.pid)
            self._spare = None


def _spawn_worker(*sockets: socket.socket) -> subprocess.Popen[bytes]:
    if hasattr(socket, "fromshare"):  # Windows hands sockets over by process number, once that is known
        process = _popen([*isolation.python(["stdin"], strict=False)], stdin=subprocess.PIPE)
        shared = [sock.share(process.pid).hex() for sock in sockets]  # type: ignore[attr-defined]
        assert process.stdin is not None
        process.stdin.write("\n".join([*shared, ""]).encode())
        process.stdin.flush()
        return process
    numbers = [str(sock.fileno()) for sock in sockets]
    return _popen(isolation.python([",".join(numbers)], strict=False), pass_fds=[sock.fileno() for sock in sockets])


def _popen(command: list[str], strict: bool = False, **options: Any) -> subprocess.Popen[bytes]:
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, env=isolation.environment(strict), cwd=os.path.abspath(os.sep), **streams)


def _finish(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr is not None:
        process.stderr.close()


def _last_words(process: subprocess.Popen[bytes] | None) -> str:
    if process is None or process.stderr is None:
        return "no reason known"
    process.wait(5)
    lines = process.stderr.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {process.returncode}"


def start(level: str, packages: tuple[str, ...]) -> Zygote | Standby:
    """Start a zygote for sections whose workers may import `packages`. Returns at once; it gets ready meanwhile."""
    strict = level == "strict"
    if strict:
        isolation.require_strict()
    elif sys.platform in ("win32", "darwin") or os.environ.get("GRADER_START") == "spawn":
        return Standby(packages)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        around = isolation.bubblewrap(packages) if strict else []
        command = [*around, *isolation.python([str(theirs.fileno())], strict)]
        process = _popen(command, strict, pass_fds=[theirs.fileno()])
    ours.send(json.dumps(isolation.configuration(packages, strict)).encode())
    return Zygote(ours, process, level)
