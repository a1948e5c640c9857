"""The zygote: imports the heavy libraries once, before any secret exists in its memory, and forks workers from there.

Commands arrive on control sockets as JSON, one a packet; a fork's packet carries the worker's sockets. Where `fork`
cannot be had, a standby serves exactly one worker in this very process: same protocol, same behaviour.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from grader.sandbox.confine import (
    PR_SET_CHILD_SUBREAPER,
    confine,
    die_with_parent,
    drop_root,
    limit_memory,
    system_call,
)
from grader.sandbox.wire import Stream
from grader.sandbox.worker import Worker

PACKET = 1 << 16


class AllowedPackages:
    """Finds the standard library and the packages that this section lists; any other is simply not there.

    Under `strict` the others are absent from the disk as well. The judge explains the error in both cases.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = frozenset(allowed) | sys.stdlib_module_names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        top = name.partition(".")[0]
        return PathFinder.find_spec(name, path, target) if top in self.allowed or top.startswith("_sys") else None


def warm_up(packages: Sequence[str]) -> None:
    """Import what workers will need, and do one step of each kind that imports more when first done."""
    for package in (*packages, "numpy.random"):  # NumPy puts off its random module until it is first used
        with suppress(ModuleNotFoundError):
            importlib.import_module(package)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)  # before the first operation: a forked child of a threaded parent hangs
        weight = torch.ones(2, 2, requires_grad=True)
        (weight @ weight).backward(torch.ones(2, 2))  # an explicit cotangent imports more than `sum` does
        if "torch.optim" in packages:  # the first optimizer imports a second's worth of modules
            torch.optim.Adam([weight]).step()


class Zygote:
    """Forks, ends and looks at workers for every judge attached."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.strict: dict[str, Any] | None = config["strict"]
        self.workers: set[int] = set()
        self.selector = selectors.DefaultSelector()

    def serve(self, control: socket.socket) -> None:
        """Answer until the last judge hangs up; then nothing that was started here is left."""
        self.attach(control)
        while self.selector.get_map():
            for key, _ in self.selector.select():
                self._answer(key.fileobj)  # type: ignore[arg-type]
        for pid in list(self.workers):
            self.end(pid, 0.0)

    def attach(self, control: socket.socket) -> dict[str, int]:
        """Another judge shares this zygote."""
        self.selector.register(control, selectors.EVENT_READ)
        return {}

    def _answer(self, control: socket.socket) -> None:
        packet, descriptors, _, _ = socket.recv_fds(control, PACKET, 2)
        if not packet:
            self.selector.unregister(control)
            control.close()
            return
        command = json.loads(packet)
        handed = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        try:
            reply = getattr(self, command["do"])(*handed, **command["with"])
        except OSError as error:
            reply = {"error": str(error)}
        control.send(json.dumps({"to": command["number"], **reply}).encode())

    def fork(
        self, connection: socket.socket, stacks: socket.socket, limits: dict[str, int], folder: str
    ) -> dict[str, int]:
        """A worker on `connection`, confined; its process number here. Where it crashed is written to `stacks`."""
        told, tell = os.pipe()
        child = os.fork()
        if not child:
            self._become_worker(connection, stacks, limits, folder, tell)
        os.close(tell)
        connection.close()
        stacks.close()
        with os.fdopen(told, "rb") as pipe:
            text = pipe.read().decode()
        if self.strict is not None:
            os.waitpid(child, 0)  # it only stood between, to enter the new pid namespace
        if not text.isdigit():
            raise OSError(text or "the worker could not be confined")
        self.workers.add(int(text))
        return {"pid": int(text)}

    def _become_worker(
        self, connection: socket.socket, stacks: socket.socket, limits: dict[str, int], folder: str, tell: int
    ) -> None:
        try:
            _keep_only(connection.fileno(), stacks.fileno(), tell)
            show_stacks(stacks.fileno())
            if folder:
                os.chdir(folder)
            try:
                confine(limits, self.strict, lambda pid: _announce(tell, str(pid)))
            except OSError as error:
                _announce(tell, f"confining a worker failed: {error}")
                raise
            os.close(tell)
            Worker(Stream(connection)).serve()
        finally:
            os._exit(0)

    def end(self, pid: int, patience: float) -> dict[str, int | None]:
        """Kill a worker with all it started; the status of its own end, if that comes within `patience` seconds."""
        if pid not in self.workers:
            return {"status": None}
        self.workers.discard(pid)
        status = _wait_for(pid, patience)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)  # also when it has ended: its group may live on
        if status is None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._end_orphans()
        return {"status": status}

    def _end_orphans(self) -> None:
        """Grandchildren that escaped the group became ours (subreaper); in a pid namespace there are none."""
        with suppress(OSError):
            while orphans := _children() - self.workers:  # ending one hands its own children over
                for pid in orphans:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)

    def stack(self, pid: int) -> dict[str, int]:
        """Ask a worker that ran out of time where it is; the answer goes to its `stacks`."""
        if pid in self.workers:
            os.kill(pid, signal.SIGUSR2)
        return {}

    def threads(self, pid: int) -> dict[str, int]:
        """How many threads a worker runs, told by the kernel and not by the worker; 0 when it is gone."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            return {"threads": 0}
        return {"threads": 0 if fields[0] in b"ZX" else int(fields[17])}


def _children() -> set[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return set(map(int, file.read().split()))


def show_stacks(descriptor: int) -> None:
    """Write the Python stack to `descriptor` at a crash, and when asked by SIGUSR2, also inside C code."""
    os.set_blocking(descriptor, False)  # a deep stack must not wait for a judge that reads it afterwards
    faulthandler.enable(descriptor, all_threads=False)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR2, descriptor, all_threads=False)


def _wait_for(pid: int, patience: float) -> int | None:
    """The wait status of a process that ends within `patience` seconds; None for one that lives on."""
    until = time.monotonic() + patience
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() >= until:
            return None
        time.sleep(0.002)


def _announce(pipe: int, text: str) -> None:
    os.write(pipe, text.encode())


def _keep_only(*descriptors: int) -> None:
    """Close every other descriptor; 0, 1 and 2 become /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    start = 3
    for kept in sorted(descriptors):
        os.closerange(start, kept)
        start = kept + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") > 0 else 65536)


def main(handed: str) -> None:
    """Serve on inherited sockets: as a zygote (one number), or as a single standby worker (two, or "stdin")."""
    if handed.isdigit():
        _serve_as_zygote(socket.socket(fileno=int(handed)))
    elif handed == "stdin":
        lines = [sys.stdin.readline() for _ in range(2)]
        _serve_as_standby(*(socket.fromshare(bytes.fromhex(line)) for line in lines))  # type: ignore[attr-defined]
    else:
        _serve_as_standby(*(socket.socket(fileno=int(number)) for number in handed.split(",")))


def _serve_as_zygote(control: socket.socket) -> None:
    config = json.loads(control.recv(PACKET))
    if sys.platform == "linux":
        die_with_parent()
        system_call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _prepare(config)
    if config["strict"] is not None:
        drop_root()
    gc.collect()
    gc.freeze()
    control.send(b"{}")
    Zygote(config).serve(control)


def _serve_as_standby(connection: socket.socket, stacks: socket.socket) -> None:
    """Get ready, wait for a folder to work in, then be the worker: a module learns nothing of what went before."""
    stream = Stream(connection)
    config = json.loads(stream.receive()[0])
    _prepare(config)
    folder, _ = stream.receive()
    os.chdir(folder)
    limit_memory(config["memory"])
    show_stacks(stacks.fileno())
    stream.send("ready")
    Worker(stream).serve()


def _prepare(config: dict[str, Any]) -> None:
    warm_up(config["packages"])
    sys.path[:] = config["paths"]
    finders = [AllowedPackages(config["allowed"]) if finder is PathFinder else finder for finder in sys.meta_path]
    sys.meta_path[:] = finders
