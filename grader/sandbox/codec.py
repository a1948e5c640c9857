"""Values: what crosses the wall by value, with exact types, and the bounds on its size, depth and count.

A scalar is itself; everything else is a list whose first item is a tag. Mutable things are numbered as they are
finished, so that an object met twice crosses once and arrives as one object. What does not cross by value is handed to
`refer`, which each side brings along: handles one way, callbacks the other.
"""

from __future__ import annotations

import builtins
import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from grader.sandbox.wire import BUFFERS_LIMIT, WireError

DEPTH_LIMIT = 64
NODE_LIMIT = 200_000
ITEM_LIMIT = 4_000_000  # numbers in lists of numbers, which cross packed
INLINE = 1024  # bytes: below this a buffer of its own costs more than it saves
PACKED_FROM = 32
INT64 = range(-(2**63), 2**63)
DTYPE = re.compile(r"[<>|=][biufcSUmM][0-9]{1,6}(\[[0-9a-zA-Z]{1,8}\])?")
BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
TORCH_DTYPES = ["float64", "float32", "float16", "bfloat16", "complex64", "complex128", "int64", "int32", "int16", "int8", "uint8", "bool", "uint16", "uint32", "uint64"]
BUILTIN_TYPES = frozenset(kind for kind in vars(builtins).values() if isinstance(kind, type))
REFERENCES = frozenset({"handle", "record", "own", "callback", "async_callback", "iterator", "async_iterator"})


def torch_if_loaded() -> Any:
    """torch, but only where it is imported already: a section without it never pays for it."""
    return sys.modules.get("torch")


class Encoder:
    """Turns one message's values into a tree and buffers. `generators` are the random generators met, in order."""

    def __init__(self, refer: Callable[[Any, Encoder, str], list[Any]]) -> None:
        self.refer = refer
        self.buffers: list[Any] = []
        self.generators: list[Any] = []
        self._kept: list[Any] = []  # keeps the ids in `_numbers` valid
        self._numbers: dict[Any, int] = {}
        self._open: set[int] = set()
        self._nodes = 0
        self._bytes = 0

    def encode(self, value: Any, path: str) -> Any:
        """The tree of `value`; raises WireError naming `path`."""
        self._nodes += 1
        if self._nodes > NODE_LIMIT:
            raise WireError(f"{path}: more than {NODE_LIMIT:,} values; return less, or an array")
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            return value if value in INT64 else ["int", self._bytes_of_int(value, path)]
        if kind is str:
            return value if len(value) < INLINE else ["str", self._buffer(value.encode("utf-8", "surrogatepass"), path)]
        if kind is bytes:
            return ["bytes", self._buffer(value, path)]
        identity = _identity(value)
        if identity in self._numbers:
            return ["same", self._numbers[identity]]
        encode = ENCODERS.get(kind)
        tree = encode(self, value, path) if encode else self._encode_other(value, path)
        if is_shared(tree):
            self._kept.append(value)
            self._numbers[identity] = len(self._numbers)
        return tree

    def _encode_other(self, value: Any, path: str) -> Any:
        if isinstance(value, np.generic):
            return ["scalar", value.dtype.str, self._buffer(value.tobytes(), path)]
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if isinstance(value, np.dtype):
            return ["dtype", value.str]
        if isinstance(value, np.random.Generator):
            return self._generator(value, path)
        if isinstance(value, type) and value in BUILTIN_TYPES:
            return ["type", value.__name__]
        torch = torch_if_loaded()
        if torch is not None:
            tree = self._torch(torch, value, path)
            if tree is not None:
                return tree
        return self.refer(value, self, path)

    def _torch(self, torch: Any, value: Any, path: str) -> Any:
        if isinstance(value, torch.Tensor):
            return self._tensor(torch, value, path)
        if type(value) is torch.dtype:
            return ["torch.dtype", str(value).removeprefix("torch.")]
        if type(value) is torch.device:
            return ["torch.device", str(value)]
        if type(value) is torch.Size:
            return ["torch.Size", *map(int, value)]
        if type(value) is torch.Generator:
            self.generators.append(value)
            return ["torch.Generator", self._buffer(value.get_state().numpy().tobytes(), path)]
        return None

    def _bytes_of_int(self, value: int, path: str) -> Any:
        return self._buffer(value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True), path)

    def _buffer(self, data: Any, path: str) -> Any:
        """Small data stands in the tree, large data becomes a buffer of the frame, named by its index."""
        self._bytes += len(data)
        if self._bytes > BUFFERS_LIMIT:
            raise WireError(f"{path}: more than {BUFFERS_LIMIT:,} bytes; return less")
        if len(data) < INLINE:
            return bytes(data)
        self.buffers.append(data)
        return len(self.buffers) - 1

    def items(self, tag: str, values: Any, path: str) -> list[Any]:
        """A container's tree: its tag, then its members."""
        depth = len(self._open)
        if depth > DEPTH_LIMIT:
            raise WireError(f"{path}: nested more than {DEPTH_LIMIT} deep")
        return [tag, *(self.encode(value, f"{path}[{index}]") for index, value in enumerate(values))]

    def _inside(self, value: Any, path: str, encode: Callable[[], list[Any]]) -> list[Any]:
        if id(value) in self._open:
            raise WireError(f"{path}: contains itself")
        self._open.add(id(value))
        try:
            return encode()
        finally:
            self._open.discard(id(value))

    def _sequence(self, value: Any, path: str) -> list[Any]:
        packed = self._packed(value, path)
        return packed or self._inside(value, path, lambda: self.items(type(value).__name__, value, path))

    def _packed(self, value: Any, path: str) -> list[Any] | None:
        """Long lists of numbers cross as one buffer: token ids by the hundred thousand are ordinary."""
        if type(value) not in (list, tuple) or len(value) < PACKED_FROM or type(value[0]) not in (int, float):
            return None
        if len(set(map(type, value))) > 1 or len(value) > ITEM_LIMIT:
            return None
        dtype = "<i8" if type(value[0]) is int else "<f8"
        try:
            data = np.array(value, dtype=dtype)
        except OverflowError:
            return None
        return ["numbers", type(value).__name__, dtype, self._buffer(data.tobytes(), path)]

    def _mapping(self, value: Any, path: str) -> list[Any]:
        tag = "OrderedDict" if type(value) is OrderedDict else "dict"

        def encode() -> list[Any]:
            if len(self._open) > DEPTH_LIMIT:
                raise WireError(f"{path}: nested more than {DEPTH_LIMIT} deep")
            tree: list[Any] = [tag]
            for key, item in value.items():
                tree += [self.encode(key, f"{path} (a key)"), self.encode(item, f"{path}[{key!r:.40}]")]
            return tree

        return self._inside(value, path, encode)

    def _array(self, value: Any, path: str) -> list[Any]:
        if not DTYPE.fullmatch(value.dtype.str):
            raise WireError(f"{path}: an array of dtype {value.dtype.name}; arrays of numbers or text can cross")
        if value.size * value.itemsize > BUFFERS_LIMIT:
            raise WireError(f"{path}: an array of {value.size * value.itemsize:,} bytes; at most {BUFFERS_LIMIT:,}")
        data = np.ascontiguousarray(value).reshape(-1).view(np.uint8).data if value.size else b""
        return ["array", value.dtype.str, list(value.shape), self._buffer(data, path)]

    def _tensor(self, torch: Any, value: Any, path: str) -> list[Any]:
        name = str(value.dtype).removeprefix("torch.")
        if value.layout is not torch.strided or value.is_quantized or value.is_meta or name not in TORCH_DTYPES:
            raise WireError(f"{path}: a tensor of layout {value.layout}, dtype {name}; dense tensors with data can cross")
        if value.numel() * value.element_size() > BUFFERS_LIMIT:
            raise WireError(f"{path}: a tensor of {value.numel() * value.element_size():,} bytes; at most {BUFFERS_LIMIT:,}")
        plain = value.detach().as_subclass(torch.Tensor).cpu().resolve_conj().resolve_neg().contiguous()
        data = memoryview(plain.reshape(-1).view(torch.uint8).numpy()) if plain.numel() else b""
        return ["tensor", name, list(plain.shape), self._buffer(data, path), bool(value.requires_grad)]

    def _generator(self, value: Any, path: str) -> list[Any]:
        self.generators.append(value)
        return ["Generator", self.encode(value.bit_generator.state, path)]

    def _slice(self, value: slice, path: str) -> list[Any]:
        return self.items("slice", (value.start, value.stop, value.step), path)

    def _complex(self, value: complex, path: str) -> list[Any]:
        return ["complex", value.real, value.imag]


ENCODERS: dict[type, Callable[[Encoder, Any, str], Any]] = {
    list: Encoder._sequence,
    tuple: Encoder._sequence,
    set: Encoder._sequence,
    frozenset: Encoder._sequence,
    dict: Encoder._mapping,
    OrderedDict: Encoder._mapping,
    np.ndarray: Encoder._array,
    slice: Encoder._slice,
    complex: Encoder._complex,
}


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

    def _same(self, number: int) -> Any:
        value, nodes = self._shared[number] if number >= 0 else self._shared[len(self._shared)]
        self._count(nodes)  # as if it stood here in full, so that sharing cannot blow up what walks the value
        return value

    def _members(self, members: tuple[Any, ...]) -> list[Any]:
        return [self.decode(member) for member in members]

    def _hashable(self, keys: list[Any]) -> list[Any]:
        """Refuse keys made to collide: building a table of them would take quadratic time."""
        if len(keys) > 64 and len(set(map(hash, keys))) < len(keys) // 2:
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
        return np.frombuffer(bytearray(data) if type(data) is bytes else data, dtype).reshape(shape)

    def _scalar(self, name: str, where: Any) -> Any:
        return self._array(name, [], where)[()]

    def _tensor(self, name: str, shape: list[int], where: Any, requires_grad: bool) -> Any:
        torch, data = _torch(), self._data(where)
        dtype = self._torch_dtype(name)
        if _count_of(shape) * dtype.itemsize != len(data):
            raise WireError("a tensor whose data does not fit its shape")
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


def _identity(value: Any) -> Any:
    """What makes two values one. Tied weights come out of `state_dict` as two tensors on the same memory."""
    torch = torch_if_loaded()
    if torch is None or not isinstance(value, torch.Tensor) or value.layout is not torch.strided or not value.numel():
        return id(value)
    return value.data_ptr(), value.shape, value.stride(), value.dtype, value.requires_grad


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
    "int": lambda self, where: int.from_bytes(self._data(where), "little", signed=True),
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
SHARED = frozenset({"list", "dict", "set", "OrderedDict", "array", "tensor", "Generator", "torch.Generator"})


def is_shared(tree: Any) -> bool:
    """Whether a value has an identity worth keeping. Both sides ask this, so that both number the same values."""
    return type(tree) is list and (tree[0] in SHARED or (tree[0] == "numbers" and tree[1] == "list"))
