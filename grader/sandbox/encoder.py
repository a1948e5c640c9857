"""Values → tree and buffers. What has no form by value is handed to `refer`, which each side brings along."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from grader.sandbox.values import (
    BUILTIN_TYPES,
    DEPTH_LIMIT,
    DTYPE,
    INLINE,
    INT64,
    INT_LIMIT,
    ITEM_LIMIT,
    ITEMS_PER_NODE,
    NODE_LIMIT,
    PACKED_FROM,
    TORCH_DTYPES,
    is_shared,
    torch_if_loaded,
)
from grader.sandbox.wire import BUFFERS_LIMIT, WireError


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
        if value.bit_length() >= 8 * INT_LIMIT:
            raise WireError(
                f"{path}: a whole number of {value.bit_length():,} bits; at most {8 * INT_LIMIT:,} can cross"
            )
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
        self._nodes += len(value) // ITEMS_PER_NODE
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
            raise WireError(f"{path}: a tensor of layout {value.layout}, dtype {name}; dense ones with data can cross")
        size = value.numel() * value.element_size()
        if size > BUFFERS_LIMIT:
            raise WireError(f"{path}: a tensor of {size:,} bytes; at most {BUFFERS_LIMIT:,}")
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


def _identity(value: Any) -> Any:
    """What makes two values one. Tied weights come out of `state_dict` as two tensors on the same memory."""
    torch = torch_if_loaded()
    if torch is None or not isinstance(value, torch.Tensor) or value.layout is not torch.strided or not value.numel():
        return id(value)
    return value.data_ptr(), value.shape, value.stride(), value.dtype, value.requires_grad
