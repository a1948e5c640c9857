"""The vocabulary of what crosses by value: tags, bounds, and which values have an identity worth keeping."""

from __future__ import annotations

import builtins
import re
import sys
from typing import Any

DEPTH_LIMIT = 64
NODE_LIMIT = 200_000
ITEM_LIMIT = 4_000_000  # numbers in lists of numbers, which cross packed
ITEMS_PER_NODE = ITEM_LIMIT // NODE_LIMIT + 1  # so that sharing a long list cannot blow up what walks it
INT_LIMIT = 1 << 16  # bytes of one whole number: arithmetic on longer ones would take the judge's time
SAME_HASH = 40  # keys; more than the floats that differ by powers of 2**61, which hash alike
INLINE = 1024  # bytes: below this a buffer of its own costs more than it saves
PACKED_FROM = 32
INT64 = range(-(2**63), 2**63)
DTYPE = re.compile(r"[<>|=][biufcSUmM][0-9]{1,6}(\[[0-9a-zA-Z]{1,8}\])?")
BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
TORCH_DTYPES = """
    float64 float32 float16 bfloat16 complex64 complex128 int64 int32 int16 int8 uint8 bool uint16 uint32 uint64
""".split()
BUILTIN_TYPES = frozenset(kind for kind in vars(builtins).values() if isinstance(kind, type))
REFERENCES = frozenset({"handle", "record", "own", "callback", "async_callback", "iterator", "async_iterator"})


def torch_if_loaded() -> Any:
    """torch, but only where it is imported already: a section without it never pays for it."""
    return sys.modules.get("torch")


# Tags of values that have an identity: an object met twice crosses once and arrives as one object.
SHARED = frozenset({"list", "dict", "set", "OrderedDict", "array", "tensor", "Generator", "torch.Generator"})


def is_shared(tree: Any) -> bool:
    """Whether a value has an identity worth keeping. Both sides ask this, so that both number the same values."""
    return type(tree) is list and (tree[0] in SHARED or (tree[0] == "numbers" and tree[1] == "list"))
