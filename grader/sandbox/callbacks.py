"""Functions and iterators of a suite, called on behalf of the worker."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, NamedTuple

from grader.sandbox.wire import WireError


class Asked(NamedTuple):
    """What the worker asked of a callback: kept in the trace, but it is no answer."""

    args: Any
    kwargs: Any


def kind_of(value: Any) -> str | None:
    """How the worker is to use a value of the suite; None for what cannot be called back."""
    if inspect.iscoroutinefunction(value):
        return "async_callback"
    if callable(value):
        return "callback"
    if hasattr(value, "__anext__"):
        return "async_iterator"
    return "iterator" if hasattr(value, "__next__") else None


def invoke(callback: Any, action: str, args: Any, kwargs: Any) -> Any:
    """Call it, or take its next item; what the worker asks is checked, what the suite raises passes."""
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
