"""Tree and buffers → values. Nothing in them is believed: every claim is checked before anything is made of it."""

from __future__ import annotations

import builtins
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from grader.sandbox.values import (
    BIT_GENERATORS,
    DEPTH_LIMIT,
    DTYPE,
    INT_LIMIT,
    ITEM_LIMIT,
    ITEMS_PER_NODE,
    NODE_LIMIT,
    REFERENCES,
    SAME_HASH,
    TORCH_DTYPES,
    is_shared,
    torch_if_loaded,
)
from grader.sandbox.wire import WireError


class Decoder:
    """Turns a tree and buffers back into values. Nothing in them is believed: every claim is checked first."""

    def __init__(self, buffers: list[bytearray], resolve: Callable[[list[Any], Decoder], Any]) -> None:
        self.buffers = buffers
        self.resolve = resolve
        self.generators: list[Any] = []
        self._shared: list[tuple[Any, int]] = []  # each with the number of values it stands for
        self._nodes = 0
        self._items = 0
        self._depth = 0

    def decode(self, tree: Any) -> Any:
        """The value; raises WireError for anything malformed or beyond the bounds."""
        self._count(1)
        if tree is None or type(tree) in (bool, int, float, str):
            return tree
        if type(tree) is not list or not tree or type(tree[0]) is not str:
            raise WireError("a malformed value")
        self._depth += 1
        if self._depth > DEPTH_LIMIT + 8:
            raise WireError(f"nested more than {DEPTH_LIMIT} deep")
        before = self._nodes
        try:
            value = self._decode_tagged(tree)
        except WireError:
            raise
        except Exception as error:
            raise WireError(f"a malformed {tree[0]:.20} ({type(error).__name__})") from None
        self._depth -= 1
        if is_shared(tree):
            self._shared.append((value, self._nodes - before + 1))
        return value

    def _decode_tagged(self, tree: list[Any]) -> Any:
        if tree[0] in REFERENCES:
            return self.resolve(tree, self)
        decode = DECODERS.get(tree[0])
        if decode is None:
            raise WireError(f"an unknown kind of value, {tree[0]!r:.40}")
        return decode(self, *tree[1:])

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > NODE_LIMIT:
            raise WireError(f"more than {NODE_LIMIT:,} values")

    def _data(self, where: Any) -> bytes | bytearray:
        if type(where) is bytes:
            return where
        if type(where) is int and 0 <= where < len(self.buffers):
            return self.buffers[where]
        raise WireError("a value without its data")

    def _int(self, where: Any) -> int:
        data = self._data(where)
        if len(data) > INT_LIMIT:
            raise WireError("a whole number beyond the bounds")
        return int.from_bytes(data, "little", signed=True)

    def _same(self, number: int) -> Any:
        value, nodes = self._shared[number] if number >= 0 else self._shared[len(self._shared)]
        self._count(nodes)  # as if it stood here in full, so that sharing cannot blow up what walks the value
        return value

    def _members(self, members: tuple[Any, ...]) -> list[Any]:
        return [self.decode(member) for member in members]

    def _hashable(self, keys: list[Any]) -> list[Any]:
        """Refuse keys made to collide: building a table of them would take quadratic time."""
        if len(keys) > 64 and max(Counter(map(hash, keys)).values()) > SAME_HASH:
            raise WireError("keys that collide")
        return keys

    def _set(self, *members: Any) -> set[Any]:
        return set(self._hashable(self._members(members)))

    def _frozenset(self, *members: Any) -> frozenset[Any]:
        return frozenset(self._hashable(self._members(members)))

    def _dict(self, *members: Any) -> dict[Any, Any]:
        values = self._members(members)
        return dict(zip(self._hashable(values[0::2]), values[1::2], strict=True))

    def _numbers(self, kind: str, dtype: str, where: Any) -> Any:
        data = self._data(where)
        self._items += len(data) // 8
        self._count(len(data) // 8 // ITEMS_PER_NODE)
        if self._items > ITEM_LIMIT or dtype not in ("<i8", "<f8"):
            raise WireError(f"more than {ITEM_LIMIT:,} numbers in lists")
        return {"list": list, "tuple": tuple}[kind](np.frombuffer(data, dtype).tolist())

    def _dtype(self, name: str) -> np.dtype[Any]:
        if not DTYPE.fullmatch(name):
            raise WireError("an unknown dtype")
        return np.dtype(name)

    def _array(self, name: str, shape: list[int], where: Any) -> Any:
        dtype, data = self._dtype(name), self._data(where)
        if _count_of(shape) * dtype.itemsize != len(data):
            raise WireError("an array whose data does not fit its shape")
        if dtype.kind == "b":
            _check_truth(data)
        return np.frombuffer(bytearray(data) if type(data) is bytes else data, dtype).reshape(shape)

    def _scalar(self, name: str, where: Any) -> Any:
        return self._array(name, [], where)[()]

    def _tensor(self, name: str, shape: list[int], where: Any, requires_grad: bool) -> Any:
        torch, data = _torch(), self._data(where)
        dtype = self._torch_dtype(name)
        if _count_of(shape) * dtype.itemsize != len(data):
            raise WireError("a tensor whose data does not fit its shape")
        if name == "bool":
            _check_truth(data)
        if not data:
            return torch.empty(shape, dtype=dtype, requires_grad=requires_grad)
        plain = torch.frombuffer(bytearray(data) if type(data) is bytes else data, dtype=dtype).reshape(shape)
        return plain.requires_grad_(bool(requires_grad))

    def _torch_dtype(self, name: str) -> Any:
        if name not in TORCH_DTYPES:
            raise WireError("an unknown dtype")
        return getattr(_torch(), name)

    def _torch_generator(self, where: Any) -> Any:
        torch = _torch()
        generator = torch.Generator()
        generator.set_state(torch.frombuffer(bytearray(self._data(where)), dtype=torch.uint8))
        self.generators.append(generator)
        return generator

    def _generator(self, tree: Any) -> np.random.Generator:
        state = self.decode(tree)
        if state["bit_generator"] not in BIT_GENERATORS:
            raise WireError("an unknown random generator")
        bits = getattr(np.random, state["bit_generator"])(0)
        bits.state = state
        self.generators.append(np.random.Generator(bits))
        return self.generators[-1]  # type: ignore[no-any-return]

    def _type(self, name: str) -> type:
        found = vars(builtins).get(name)
        if not isinstance(found, type):
            raise WireError("an unknown type")
        return found


def _check_truth(data: bytes | bytearray) -> None:
    """A truth value of another byte than 0 or 1 would be neither equal to True nor to False in some operations."""
    if data and np.frombuffer(data, np.uint8).max() > 1:
        raise WireError("truth values that are neither true nor false")


def _torch() -> Any:
    torch = torch_if_loaded()
    if torch is None:
        raise WireError("a tensor, in a section without torch")
    return torch


def _count_of(shape: Any) -> int:
    if type(shape) is not list or len(shape) > 32 or any(type(n) is not int or not 0 <= n < 2**62 for n in shape):
        raise WireError("a malformed shape")
    count = 1
    for size in shape:
        count *= size
    return count


DECODERS: dict[str, Callable[..., Any]] = {
    "int": Decoder._int,
    "str": lambda self, where: self._data(where).decode("utf-8", "surrogatepass"),
    "bytes": lambda self, where: bytes(self._data(where)),
    "complex": lambda self, real, imag: complex(real, imag),
    "same": Decoder._same,
    "list": lambda self, *members: self._members(members),
    "tuple": lambda self, *members: tuple(self._members(members)),
    "set": Decoder._set,
    "frozenset": Decoder._frozenset,
    "slice": lambda self, start, stop, step: slice(self.decode(start), self.decode(stop), self.decode(step)),
    "dict": Decoder._dict,
    "OrderedDict": lambda self, *members: OrderedDict(self._dict(*members)),
    "numbers": Decoder._numbers,
    "array": Decoder._array,
    "scalar": Decoder._scalar,
    "dtype": Decoder._dtype,
    "Generator": Decoder._generator,
    "type": Decoder._type,
    "tensor": Decoder._tensor,
    "torch.dtype": Decoder._torch_dtype,
    "torch.device": lambda self, name: _torch().device(name),
    "torch.Size": lambda self, *sizes: _torch().Size(sizes),
    "torch.Generator": Decoder._torch_generator,
}
