"""The judge's end of the wall: a link to one worker, from fork to end.

Everything that arrives was written by somebody who may be hostile: it is plain data of exact types within bounds, or a
handle. Whatever is malformed ends the worker.
"""

from __future__ import annotations

import builtins
import itertools
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from grader.sandbox.callbacks import Asked, invoke, kind_of
from grader.sandbox.codec import Decoder, Encoder
from grader.sandbox.ending import CannotCross, WorkerLost, crash, flatten, read_stack
from grader.sandbox.handles import Handle, LearnerError, Record, learner_error
from grader.sandbox.launch import MEMORY, Standby, Zygote
from grader.sandbox.wire import Closed, OutOfTime, Stream, WireError

SCRATCH = 64 << 20
OUTPUT_LIMIT = 8192
ALLOWANCE = 1 << 30  # bytes that one check may bring; a trace is kept of the first part only
TRACED = 1 << 27
TRACE_LIMIT = 200


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
        self._callbacks: dict[int, Any] = {}
        self._numbers = itertools.count()  # never used twice: a thread left over reaches no later check's callback
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
        self._tell("start", seed, list(forbids))

    def _tell(self, operation: str, *args: Any) -> None:
        """An operation whose answer nobody waits for: the next request follows at once, which spares a round trip."""
        encoder = Encoder(self._refer)
        values = [encoder.encode(args, "arguments"), encoder.encode({}, "arguments")]
        self._request += 1
        try:
            self._stream.send(["do", self._serving[-1], self._request, operation, *values, False], encoder.buffers)
        except (Closed, OutOfTime) as error:
            raise self._lose(error) from None

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
            error: LearnerError | None = None
            answer: Any
            if kind == "error":
                answer = error = learner_error(*decoded)
            else:
                answer, states, arguments = decoded
                _advance(generators, states)
                answer = (answer, *_pair(arguments)) if after else answer
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
            lost = WorkerLost("time", "ran out of time", read_stack(self._stacks, 0.3))
        elif isinstance(error, Closed):
            lost = crash(self.end(patience=0.2), read_stack(self._stacks, 0.0))
        else:
            lost = WorkerLost("protocol", f"sent something that is not an answer: {error}")
        self.end()
        self.lost = lost
        return lost

    def end(self, patience: float = 0.0) -> int | None:
        """Kill the worker and everything it started; the status of its own end, if that came within `patience`."""
        self._stream.sock.close()
        status = self.zygote.end(self.pid, patience) if self.pid else None
        self.pid = 0
        if self._folder is not None:
            flatten(self._folder.name)
            self._folder.cleanup()
        return status

    def left_running(self) -> bool:
        """Whether the learner's code left threads behind, as the kernel tells it."""
        return self.lost is None and self.zygote.threads(self.pid) != 1

    # What crosses by reference

    def _refer(self, value: Any, encoder: Encoder, path: str) -> list[Any]:
        if type(value) in (Handle, Record):
            if object.__getattribute__(value, "_wall_link") is not self:
                raise TypeError(f"{path}: a handle on another worker's object")
            return ["own", object.__getattribute__(value, "_wall_number")]
        kind = kind_of(value)
        if kind is None:
            what = type(value).__name__
            raise TypeError(f"{path}: a {what} of the suite cannot cross; make it a @prop or a callback")
        number = next((number for number, known in self._callbacks.items() if known is value), None)
        if number is None:
            number = next(self._numbers)
            self._callbacks[number] = value
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
        if type(number) is not int or number not in self._callbacks:
            raise WireError("a callback that was never passed")
        self._remember(Asked(positional, named))
        self._serving.append(box)
        try:
            value = invoke(self._callbacks[number], action, positional, named)
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


@contextmanager
def hostile() -> Iterator[None]:
    """Whatever goes wrong while a message is taken apart is the message's fault."""
    try:
        yield
    except WireError:
        raise
    except Exception as error:
        raise WireError(f"a malformed message ({type(error).__name__})") from None


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
