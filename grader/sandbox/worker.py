"""The untrusted half: imports the learner's module and answers requests. Knows neither suites nor solutions.

Nothing here protects the judge: whatever runs in this process may replace all of it. The judge's own bounds and the
kernel's walls do that. This module only has to be correct for honest code and harmless to be lied about.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import sys
import threading
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from grader.sandbox import files, gradients, learnerside
from grader.sandbox.asgi import exchange
from grader.sandbox.channel import REQUESTS, Channel
from grader.sandbox.codec import Decoder, Encoder, torch_if_loaded
from grader.sandbox.learnerside import BoundedOutput, Forbidden, Proxies, facts_of
from grader.sandbox.wire import Closed, Stream, WireError


class Worker:
    """One learner's module and the objects it made, answering one judge."""

    def __init__(self, stream: Stream) -> None:
        self.channel = Channel(stream)
        self.module = types.ModuleType("unloaded")
        self.filename = ""
        self.output = BoundedOutput()
        self.forbidden = Forbidden()
        self.proxies = Proxies(self._call_back)
        self.objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._loops = threading.local()

    def serve(self) -> None:
        """Answer requests until the judge hangs up."""
        self.output.install()
        with suppress(Closed):
            while True:
                self._answer(self.channel.wait(REQUESTS))

    def _answer(self, frame: Any) -> None:
        (_, _, request, operation, args, kwargs, after), buffers = frame
        decoder = Decoder(buffers, self._resolve)
        try:
            positional, named = decoder.decode(args), decoder.decode(kwargs)
            value = self._drive(OPERATIONS[operation](self, *positional, **named))
            arguments = (positional, named) if after else None
            self._reply("value", request, (value, decoder.generators, arguments))
        except Closed:
            raise
        except BaseException as error:
            self._reply("error", request, facts_of(error, self.filename))

    def _reply(self, kind: str, request: int, value: Any) -> None:
        """Encoding happens inside this `try`: a value that cannot be sent must not look like a crash."""
        encoder = Encoder(self._refer)
        try:
            tree = [encoder.encode(part, name) for part, name in zip(value, PARTS[kind], strict=True)]
        except BaseException as error:
            encoder, kind = Encoder(self._refer), "refused"
            unreadable = f"the result could not be read: {type(error).__name__}"
            tree = [str(error) if isinstance(error, WireError) else unreadable]
        try:
            self.channel.send([kind, request, self.output.take(), *tree], encoder.buffers)
        except WireError as error:
            self.channel.send(["refused", request, self.output.take(), f"the result: {error}"], [])

    def _drive(self, value: Any) -> Any:
        """Run a coroutine to its result, in this thread's own event loop."""
        if not inspect.iscoroutine(value):
            return value
        return self.loop().run_until_complete(value)

    def loop(self) -> asyncio.AbstractEventLoop:
        if not hasattr(self._loops, "loop"):
            self._loops.loop = asyncio.new_event_loop()
        loop: asyncio.AbstractEventLoop = self._loops.loop
        return loop

    # What is passed by reference

    def _refer(self, value: Any, encoder: Encoder, path: str) -> list[Any]:
        callback = self.proxies.number_of(value)
        if callback is not None:
            return ["own", callback]
        fields = learnerside.fields_of(value)
        if fields is None:
            what = "class" if isinstance(value, type) else "function" if inspect.isroutine(value) else "object"
            name = value.__name__ if what != "object" else type(value).__name__
            return ["handle", self._number(value), what, str(name)[:100]]
        tree = ["record", self._number(value), type(value).__name__[:100], list(fields)]
        return [*tree, *(encoder.encode(item, f"{path}.{name}") for name, item in fields.items())]

    def _number(self, value: Any) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self.objects)
            self.objects.append(value)
        return self._numbers[id(value)]

    def _resolve(self, tree: list[Any], decoder: Decoder) -> Any:
        kind, number, *rest = tree
        if kind == "own":
            return self.objects[number]
        return self.proxies.get(kind, number, *rest)

    def _call_back(self, number: int, action: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask the judge for a callback's result; meanwhile answer what the judge asks on the way."""
        encoder, box = Encoder(self._refer), self.channel.open()
        tree = [encoder.encode(args, "the callback's arguments"), encoder.encode(kwargs, "the callback's arguments")]
        try:
            self.channel.send(["callback", box, number, action, *tree], encoder.buffers)
            while True:
                frame = self.channel.wait(box)
                if frame[0][0] != "do":
                    return self._returned(frame)
                self._answer(frame)
        finally:
            self.channel.close(box)

    def _returned(self, frame: Any) -> Any:
        (kind, _, *tree), buffers = frame
        if kind == "raised":
            raise learnerside.builtin_exception(*tree)
        return Decoder(buffers, self._resolve).decode(tree[0])

    # Operations: what the judge may ask for

    def load(self, name: str, source: bytes, filename: str, forbids: list[str]) -> None:
        """Import the learner's source, which arrives as bytes: its file is never opened here."""
        self.filename = filename
        self.forbidden.install(forbids, filename)
        self.module = types.ModuleType(name)
        self.module.__file__ = filename
        sys.modules[name] = self.module
        exec(compile(source, filename, "exec", dont_inherit=True), self.module.__dict__)

    def start(self, seed: int, forbids: list[str]) -> None:
        """Begin a check: forget the last one's objects, and put back what it may have changed globally."""
        self.proxies = Proxies(self._call_back)
        self.objects.clear()
        self._numbers.clear()
        self.forbidden.active = frozenset(forbids)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        np.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
        torch = torch_if_loaded()
        if torch is not None:
            torch.default_generator.manual_seed(seed)  # torch.manual_seed formats a stack for each kind of device
            torch.set_default_dtype(torch.float32)
            torch.set_grad_enabled(True)

    def call(self, target: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self._find(target)(*args, **kwargs)

    def _find(self, target: Any) -> Any:
        if type(target) is not str:
            return target
        try:
            return vars(self.module)[target]
        except KeyError:
            raise NameError(f"there is no `{target}` in {self.filename}", name=target) from None

    def build(self, name: str, source: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Make a prop: the result stays here, whatever it is, and only its number crosses."""
        value = self._drive(self._compiled(name, source)(*args, **kwargs))
        return [self._number(value), type(value).__name__]

    def run(self, name: str, source: str, *args: Any, **kwargs: Any) -> Any:
        """Run a probe beside the learner's code."""
        return self._compiled(name, source)(self.module, *args, **kwargs)

    def _compiled(self, name: str, source: str) -> Callable[..., Any]:
        namespace: dict[str, Any] = {"__name__": f"<{name}>"}
        exec(compile(source, f"<{name}>", "exec", dont_inherit=True), namespace)
        found: Callable[..., Any] = namespace[name]
        return found

    def next(self, iterator: Any) -> list[Any]:
        """One item of a generator, iterator or async iterator: `[item]`, or `[]` at its end."""
        try:
            if hasattr(iterator, "__anext__"):
                return [self.loop().run_until_complete(_awaited(iterator.__anext__()))]
            return [next(iterator)]
        except (StopIteration, StopAsyncIteration):
            return []

    def example(self, source: str, fresh: bool) -> str:
        """Run one line of a docstring's example as the interactive prompt would, and return what it prints."""
        if fresh:
            self.example_names = dict(vars(self.module))
        self.output.take()
        sys.displayhook, shown = sys.__displayhook__, sys.displayhook
        try:
            exec(compile(source, "<example>", "single"), self.example_names)
        finally:
            sys.displayhook = shown
        return self.output.take()

    def execute(self, source: str) -> list[str]:
        """Run a program that is data to an exercise: `[error, its text, output]`, two empty if all is well."""
        self.output.take()
        error, text = "", ""
        try:
            exec(compile(source, "<program>", "exec", dont_inherit=True), {"__name__": "__main__"})
        except BaseException as raised:
            mro, text, _ = facts_of(raised, "<program>")
            error = mro[0]
        return [error, text, self.output.take()]


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def _operator(name: str) -> Callable[..., Any]:
    import operator

    function: Callable[..., Any] = getattr(operator, name)
    return lambda worker, *args: function(*args)


def _iter(worker: Worker, value: Any) -> Any:
    return value.__aiter__() if hasattr(value, "__aiter__") else iter(value)


# What each kind of reply carries; the names are what errors about their values begin with.
PARTS = {"value": ("result", "generators", "arguments"), "error": ("mro", "text", "frames")}
OPERATIONS: dict[str, Callable[..., Any]] = {
    "load": Worker.load,
    "start": Worker.start,
    "call": Worker.call,
    "build": Worker.build,
    "run": Worker.run,
    "next": Worker.next,
    "iter": _iter,
    "len": lambda worker, value: len(value),
    "example": Worker.example,
    "execute": Worker.execute,
    "exchange": lambda worker, *request: exchange(*request),
    "read_file": lambda worker, name: files.read(name),
    "write_file": lambda worker, name, data: files.write(name, data),
    "list_files": lambda worker: files.names(),
    "find": Worker._find,
    "getattr": lambda worker, value, name: getattr(value, name),
    "setattr": lambda worker, value, name, new: setattr(value, name, new),
    "vjp": lambda worker, target, /, *args, **kwargs: gradients.pullback(worker._find(target), args, kwargs),
    "pull": lambda worker, pull, *cotangents: pull(*cotangents),
    **{name: _operator(name) for name in learnerside.OPERATORS},
}
