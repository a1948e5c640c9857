"""A learner's module with one hard case of each kind that must cross the wall. Runs in the worker only."""

import asyncio
import enum
import math
import random
import threading
import warnings
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn


class Value:
    """A scalar autograd engine: a class with operators."""

    def __init__(self, data, parents=(), backward=lambda grad: ()):
        self.data, self.grad, self._parents, self._backward = data, 0.0, parents, backward

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), lambda grad: (grad, grad))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), lambda grad: (grad * other.data, grad * self.data))

    __radd__, __rmul__ = __add__, __mul__

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, (self,), lambda grad: (grad * (1 - t * t),))

    def __eq__(self, other):
        return isinstance(other, Value) and self.data == other.data

    __hash__ = object.__hash__

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if id(node) not in seen:
                seen.add(id(node))
                for parent in node._parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, grad in zip(node._parents, node._backward(node.grad), strict=True):
                parent.grad += grad


class Scale(nn.Module):
    """A learner's module with parameters, one of them tied."""

    def __init__(self, size):
        super().__init__()
        self.first = nn.Linear(size, size, bias=False)
        self.second = nn.Linear(size, size, bias=False)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))


def freeze(model, pattern):
    """Takes the suite's module, which must be a real one here."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(pattern not in name)
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def derivative(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


def agent_loop(model, tools, question, budget=5):
    messages = [{"role": "user", "content": question}]
    for _ in range(budget):
        reply = model(messages)
        if "answer" in reply:
            return reply["answer"], messages
        try:
            seen = tools[reply["tool"]](**reply["arguments"])
        except Exception as error:
            seen = f"{type(error).__name__}: {error}"
        messages.append({"role": "tool", "content": seen})
    return None, messages


def same_object(first, second):
    return first is second


def give_back(x):
    return x


def countdown(n):
    while n:
        yield n
        n -= 1


def total(numbers):
    return sum(numbers)


async def ticks(n):
    for tick in range(n):
        await asyncio.sleep(0)
        yield tick


async def gather(ask, n):
    return await asyncio.gather(*(ask(index) for index in range(n)))


async def drain(stream):
    return [item async for item in stream]


def zero_(x):
    x *= 0
    return x


def append_one(items, seen):
    items.append(1)
    seen["last"] = items


def noise(generator, n):
    return generator.normal(size=n) if hasattr(generator, "normal") else torch.randn(n, generator=generator)


def global_noise():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def save(name, array):
    np.save(name, array)


class TokenizerError(ValueError):
    pass


def fail(kind):
    if kind == "own":
        raise TokenizerError("no such token")
    if kind == "exit":
        raise SystemExit(0)
    if kind == "stop":
        raise StopIteration
    if kind == "unicode":
        return b"\xff".decode()
    raise getattr(__builtins__, kind, None) or __builtins__[kind]("as asked")


@dataclass
class Step:
    loss: float
    weights: torch.Tensor
    notes: list = field(default_factory=list)

    def doubled(self):
        return Step(self.loss * 2, self.weights * 2)


Point = namedtuple("Point", "x y")


def make_step():
    return Step(0.5, torch.arange(3.0))


def make_point():
    return Point(1, 2.5)


def nested():
    return OrderedDict(a=[1, (2, {3}, frozenset({4}))], b={"k": slice(1, None)}, c=complex(1, -2), d=b"\0\1", big=2**70)


def exotic():
    return {"rows": [torch.eye(2), torch.eye(2).to_sparse()]}


def cyclic():
    loop = []
    loop.append(loop)
    return loop


def train_step(model, optimizer, x, y):
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


async def application(scope, receive, send):
    """A web application: one JSON route, one streamed route, the rest 404."""
    path, status, parts = scope["path"], 200, [b'{"status": "ok"}']
    if path == "/echo":
        parts = [(await receive())["body"]]
    elif path == "/stream":
        parts = [b"data: %d\n\n" % index for index in range(3)]
    elif path != "/health":
        status, parts = 404, [b"not found"]
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def noisy(x):
    print("printed", x)
    warnings.warn("warned", stacklevel=1)
    return x


def threaded(callback, n):
    results = [None] * n

    def run(index):
        results[index] = callback(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def inner(x):
    return x + 1


class Colour(enum.Enum):
    RED = 1


def attention(q, k, v):
    return torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1) @ v
