"""What a hidden suite sees of the learner: their module, and the few operations beside plain calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from grader.sandbox.handles import Handle
from grader.sandbox.link import Link


class Travelling(Protocol):
    """A prop or probe: a function of the suite as its own source text."""

    name: str
    source: str


@dataclass(frozen=True)
class Gradients:
    """Vector–Jacobian products: one per positional argument (None where nothing flows), and by parameter name."""

    inputs: tuple[Any, ...]
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Pull:
    """A call whose graph stays in the worker: its value, and gradients for cotangents of the value's shape."""

    value: Any
    _link: Link
    _pull: Any

    def __call__(self, *cotangents: Any) -> Gradients:
        inputs, parameters = self._link.ask("pull", self._pull, *cotangents)
        return Gradients(tuple(inputs), parameters)


@dataclass(frozen=True)
class Scratch:
    """The worker's own folder. What comes back is hostile data."""

    _link: Link

    def write(self, name: str, data: bytes) -> None:
        self._link.ask("write_file", name, data)

    def read(self, name: str) -> bytes:
        data = self._link.ask("read_file", name)
        if type(data) is not bytes:
            raise TypeError("the file did not come back as bytes")
        return data

    def list(self) -> list[str]:
        return [str(name) for name in self._link.ask("list_files")]


class Learner:
    """The learner's module behind the wall. Its functions are called by name; see CONTRIBUTING.md for the rest."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.scratch = Scratch(link)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Named(self._link, name)

    def call(self, target: Any, /, *args: Any, after: bool = False, **kwargs: Any) -> Any:
        """Call by name or handle; `after=True` gives `(result, args, kwargs)` as they are afterwards."""
        value = self._link.request("call", (target, *args), kwargs, after=after)
        return (value[0], value[1][1:], value[2]) if after else value

    def get(self, name: str) -> Any:
        """A module-level value by name: a constant by value, anything else as a handle."""
        return self._link.ask("find", name)

    def attribute(self, handle: Handle, name: str) -> Any:
        """An attribute that Python itself would look up on the handle, such as `__eq__` or `__repr__`."""
        return self._link.ask("getattr", handle, name)

    def build(self, prop: Travelling, *args: Any, **kwargs: Any) -> Handle:
        """Build a prop on the learner's side; a handle on it, whatever it is."""
        number, name = self._link.ask("build", prop.name, prop.source, *args, **kwargs)
        return Handle(self._link, int(number), "object", str(name))

    def run(self, probe: Travelling, *args: Any, **kwargs: Any) -> Any:
        """Run a probe beside the learner's code; its first argument there is the learner's module."""
        return self._link.ask("run", probe.name, probe.source, *args, **kwargs)

    def exchange(self, application: Any, *request: Any) -> Any:
        """One HTTP exchange with an ASGI application there: `(status, headers)`, then parts of the body."""
        return self._link.ask("exchange", application, *request)

    def vjp(self, target: Any, *args: Any, **kwargs: Any) -> Pull:
        """Call with gradients kept: tensors among `args` become leaves."""
        value, pull = self._link.ask("vjp", target, *args, **kwargs)
        return Pull(value, self._link, pull)


class Named:
    """A name of the learner's module. Calling it is one exchange; any other use asks for the object itself."""

    def __init__(self, link: Link, name: str) -> None:
        self._link = link
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._link.ask("call", self.__name__, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._link.ask("find", self.__name__), name)


def as_autograd(learner: Learner, target: Any) -> Any:
    """The learner's function as a torch function of the judge, so that `torch.autograd.gradcheck` can take it."""
    import torch

    class Remote(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.pull = learner.vjp(target, *(tensor.detach() for tensor in inputs))
            return ctx.pull.value.detach()

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            return ctx.pull(*(cotangent.contiguous() for cotangent in cotangents)).inputs

    return Remote.apply
