"""The judge's end of the wall: a link to one worker, and the callbacks that it may call.

Everything that arrives was written by somebody who may be hostile: it is plain data of exact types within bounds, or a
handle. Whatever is malformed ends the worker.
"""

from __future__ import annotations

import asyncio
import builtins
import inspect
import os
import re
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from grader.sandbox.codec import Decoder, Encoder
from grader.sandbox.handles import Handle, Record, learner_error
from grader.sandbox.launch import MEMORY, Standby, Zygote
from grader.sandbox.wire import Closed, OutOfTime, Stream, WireError

SCRATCH = 64 << 20
OUTPUT_LIMIT = 8192
ALLOWANCE = 1 << 30  # bytes that one check may bring; a trace is kept of the first part only
TRACED = 1 << 27


TRACE_LIMIT = 200
STACK_LIMIT = 1 << 14
STACK_LINE = re.compile(r'File "([^"\n]{1,200})", line (\d{1,7}) in ([\w<>]{1,100})')


class WorkerLost(Exception):
    """The worker cannot answer any more.

    `why` is "time", "crash", "memory" or "protocol"; `stack` is where it was, innermost first: file, line, function.
    """

    def __init__(self, why: str, text: str, stack: Sequence[tuple[str, int, str]] = ()) -> None:
        super().__init__(text)
        self.why = why
        self.stack = tuple(stack)


class CannotCross(Exception):
    """A value of the learner's that exceeds a bound or has no form in which it could cross; the text names its path."""


class Link:
    """One worker, from fork to end."""

    def __init__(self, zygote: Zygote | Standby, memory: int = MEMORY) -> None:
        self.zygote = zygote
        self._folder = (
            tempfile.TemporaryDirectory(prefix="grader-", ignore_cleanup_errors=True)
            if zygote.level == "process"
            else None
        )
        connection, self._stacks, self.pid = zygote.fork(memory, SCRATCH, self._folder.name if self._folder else "")
        self._stream = Stream(connection)
        self.lost: WorkerLost | None = None
        self.output = ""
        self.trace: list[Any] = []
        self._request = 0
        self._waiting: set[int] = set()  # requests under way; an answer to any other is dropped
        self._replies: dict[int, tuple[list[Any], list[bytearray]]] = {}
        self._callbacks: list[Any] = []
        self._serving: list[int] = [0]  # the callbacks being answered, innermost last

    @property
    def stream(self) -> Stream:
        """What the frames go through; an author's recorder may stand in its place."""
        return self._stream

    @stream.setter
    def stream(self, stream: Stream) -> None:
        self._stream = stream

    def limit(self, seconds: float) -> None:
        """What follows must be done within this many seconds."""
        self._stream.deadline = time.monotonic() + seconds
        self._stream.allowance = ALLOWANCE

    def begin_check(self, seed: int, forbids: tuple[str, ...], seconds: float) -> None:
        self.limit(seconds)
        self._callbacks.clear()
        self.output, self.trace = "", []
        self.ask("start", seed, list(forbids))
        self.trace.clear()

    def ask(self, operation: str, *args: Any, **kwargs: Any) -> Any:
        return self.request(operation, args, kwargs, after=False)

    def request(self, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any], after: bool) -> Any:
        """One operation in the worker: its value, or `(value, args, kwargs)` as they are afterwards."""
        if self.lost is not None:
            raise self.lost
        encoder = Encoder(self._refer)
        self._request += 1
        request = self._request
        try:
            values = [encoder.encode(args, "arguments"), encoder.encode(kwargs, "arguments")]
        except WireError as error:  # a ValueError, which a suite might take for the learner's
            raise CannotCross(str(error)) from None
        self._waiting.add(request)
        try:
            self._stream.send(["do", self._serving[-1], request, operation, *values, after], encoder.buffers)
            tree, buffers = self._reply_to(request)
            return self._understand(tree, buffers, encoder.generators, after)
        except (Closed, OutOfTime, WireError) as error:
            raise self._lose(error) from None
        finally:
            self._waiting.discard(request)

    def _reply_to(self, request: int) -> tuple[list[Any], list[bytearray]]:
        while request not in self._replies:
            tree, buffers = self._stream.receive()
            if type(tree) is not list or len(tree) < 4 or type(tree[1]) is not int:
                raise WireError("a malformed message")
            if tree[0] == "callback":
                self._serve_callback(tree, buffers)
            elif tree[1] in self._waiting:
                self._replies[tree[1]] = tree, buffers
        return self._replies.pop(request)

    def _understand(self, tree: list[Any], buffers: list[bytearray], generators: list[Any], after: bool) -> Any:
        kind, _, output, *values = tree
        if type(output) is str:
            self.output = (self.output + output)[:OUTPUT_LIMIT]
        if kind == "refused":
            raise CannotCross(str(values[0])[:500])
        with hostile():
            decoder = Decoder(buffers, self._resolve)
            decoded = [decoder.decode(value) for value in values]
            if kind == "error":
                answer = error = learner_error(*decoded)
            else:
                answer, states, arguments = decoded
                _advance(generators, states)
                answer, error = (answer, *_pair(arguments)) if after else answer, None
        self._remember(answer)
        if error is not None:
            raise error
        return answer

    def _remember(self, answer: Any) -> None:
        if len(self.trace) < TRACE_LIMIT and (self._stream.allowance or 0) > ALLOWANCE - TRACED:
            self.trace.append(answer)

    def _lose(self, error: Exception) -> WorkerLost:
        """The worker is ended; how it ended by itself, if it did, is asked of the zygote and not of the worker."""
        if isinstance(error, OutOfTime):
            self.zygote.ask_for_stack(self.pid)
            lost = WorkerLost("time", "ran out of time", self._where(0.3))
        elif isinstance(error, Closed):
            lost = _crash(self.end(), self._where(0.0))
        else:
            lost = WorkerLost("protocol", f"sent something that is not an answer: {error}")
        self.end()
        self.lost = lost
        return lost

    def end(self) -> int | None:
        """Kill the worker and everything it started; its wait status."""
        self._stream.sock.close()
        status = self.zygote.end(self.pid) if self.pid else None
        self.pid = 0
        if self._folder is not None:
            _flatten(self._folder.name)
            self._folder.cleanup()
        return status

    def _where(self, wait: float) -> list[tuple[str, int, str]]:
        """The stack that the worker's fault handler wrote, innermost first: file, line, function. Hostile text."""
        until, text = time.monotonic() + wait, b""
        with suppress(OSError):  # the end of the time included
            while (
                not self._stacks.settimeout(max(until - time.monotonic(), 0))
                and (part := self._stacks.recv(4096))
                and len(text) < STACK_LIMIT
            ):
                text += part
        self._stacks.close()
        found = STACK_LINE.findall(text.decode("utf-8", "replace"))
        return [(file, int(line), name) for file, line, name in found]

    def left_running(self) -> bool:
        """Whether the learner's code left threads behind, as the kernel tells it."""
        return self.lost is None and self.zygote.threads(self.pid) != 1

    # What crosses by reference

    def _refer(self, value: Any, encoder: Encoder, path: str) -> list[Any]:
        if type(value) in (Handle, Record):
            if object.__getattribute__(value, "_wall_link") is not self:
                raise TypeError(f"{path}: a handle on another worker's object")
            return ["own", object.__getattribute__(value, "_wall_number")]
        kind = _kind_of_callback(value)
        if kind is None:
            what = type(value).__name__
            raise TypeError(f"{path}: a {what} of the suite cannot cross; make it a @prop or a callback")
        if not any(value is known for known in self._callbacks):
            self._callbacks.append(value)
        number = next(index for index, known in enumerate(self._callbacks) if known is value)
        return [kind, number, str(getattr(value, "__name__", "callback"))]

    def _resolve(self, tree: list[Any], decoder: Decoder) -> Any:
        kind, number, *rest = tree
        if kind == "own":
            return self._callbacks[number]
        if kind == "handle":
            what, name = rest
            return Handle(self, int(number), str(what), str(name))
        if kind != "record":
            raise WireError("an unknown reference")
        name, fields, *values = rest
        if len(fields) != len(values) or not all(type(field) is str for field in fields):
            raise WireError("a malformed record")
        return Record(self, int(number), str(name), dict(zip(fields, map(decoder.decode, values), strict=True)))

    def _serve_callback(self, tree: list[Any], buffers: list[bytearray]) -> None:
        """Run a callback of the suite for the worker. What it raises re-raises there and fails nothing by itself."""
        encoder, decoder = Encoder(self._refer), Decoder(buffers, self._resolve)
        with hostile():
            _, box, number, action, args, kwargs = tree
            positional, named = decoder.decode(args), decoder.decode(kwargs)
        if type(number) is not int or not 0 <= number < len(self._callbacks):
            raise WireError("a callback that was never passed")
        self._remember((positional, named))
        self._serving.append(box)
        try:
            value = _invoke(self._callbacks[number], action, positional, named)
            self._stream.send(["returned", box, encoder.encode(value, "the callback's result")], encoder.buffers)
        except (WireError, WorkerLost, Closed, OutOfTime):
            raise
        except Exception as error:
            name = next(k.__name__ for k in type(error).__mro__ if vars(builtins).get(k.__name__) is k)
            self._stream.send(["raised", box, name, str(error)[:2000]])
        finally:
            self._serving.pop()


def _pair(arguments: Any) -> tuple[Any, Any]:
    """The arguments as they are afterwards: `(args, kwargs)`."""
    if type(arguments) is not tuple or [type(part) for part in arguments] != [tuple, dict]:
        raise WireError("the arguments did not come back")
    return arguments[0], arguments[1]


def _flatten(folder: str) -> None:
    """Empty a folder whose tree may be deeper than a path may be long: what is inside a folder moves up first."""
    waiting, moved = [folder], 0
    with suppress(OSError):
        while waiting:
            current = waiting.pop()
            os.chmod(current, 0o700)
            for entry in list(os.scandir(current)):
                if entry.is_dir(follow_symlinks=False):
                    moved += 1
                    waiting.append(os.path.join(folder, f".{moved}.moved"))
                    os.rename(entry.path, waiting[-1])
                else:
                    os.unlink(entry.path)


@contextmanager
def hostile() -> Iterator[None]:
    """Whatever goes wrong while a message is taken apart is the message's fault."""
    try:
        yield
    except WireError:
        raise
    except Exception as error:
        raise WireError(f"a malformed message ({type(error).__name__})") from None


def _crash(status: int | None, stack: Sequence[tuple[str, int, str]]) -> WorkerLost:
    if status is None or not os.WIFSIGNALED(status):
        return WorkerLost("crash", "ended its own process in the middle of the check", stack)
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL:
        return WorkerLost("memory", "was killed by the system, most likely for want of memory", stack)
    return WorkerLost("crash", f"crashed: {signal.strsignal(number) or number}", stack)


def _kind_of_callback(value: Any) -> str | None:
    if inspect.iscoroutinefunction(value):
        return "async_callback"
    if callable(value):
        return "callback"
    if hasattr(value, "__anext__"):
        return "async_iterator"
    return "iterator" if hasattr(value, "__next__") else None


def _invoke(callback: Any, action: str, args: Any, kwargs: Any) -> Any:
    if type(args) is not tuple or type(kwargs) is not dict or not all(type(name) is str for name in kwargs):
        raise WireError("malformed arguments of a callback")
    if action == "next":
        return _next_item(callback)
    if action != "call" or not callable(callback):
        raise WireError("an unknown action on a callback")
    value = callback(*args, **kwargs)
    return asyncio.run(value) if inspect.iscoroutine(value) else value


def _next_item(iterator: Any) -> list[Any]:
    try:
        if hasattr(iterator, "__anext__"):
            return [asyncio.run(_awaited(iterator.__anext__()))]
        return [next(iterator)]
    except (StopIteration, StopAsyncIteration):
        return []


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def _advance(generators: list[Any], states: Any) -> None:
    """Injected randomness moves on as it would have in place."""
    if type(states) is not list or len(states) != len(generators):
        raise WireError("the random generators did not come back")
    for ours, theirs in zip(generators, states, strict=True):
        if type(ours) is not type(theirs):
            raise WireError("the random generators did not come back")
        if hasattr(ours, "bit_generator"):
            ours.bit_generator.state = theirs.bit_generator.state
        else:
            ours.set_state(theirs.get_state())
