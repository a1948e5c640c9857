"""A section's data as TOML text: what `tomllib` read, written again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[\w-]+", re.ASCII)


def dumps(data: Mapping[str, Any]) -> str:
    """TOML that says the same: texts, numbers, truth values, lists of them, tables and arrays of tables."""
    return "\n".join(_lines(data, ())).strip() + "\n"


def _lines(data: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Plain values first: whatever follows a header belongs to it."""
    for key, value in data.items():
        if not _tables(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in data.items():
        inner = (*path, _key(key))
        for table in _tables(value):
            if isinstance(value, list) or not table or not all(map(_tables, table.values())):
                yield ("\n[[{}]]" if isinstance(value, list) else "\n[{}]").format(".".join(inner))
            yield from _lines(table, inner)


def _tables(value: Any) -> list[Mapping[str, Any]]:
    """The tables that a value holds; none where it is plain."""
    if isinstance(value, Mapping):
        return [value]
    return value if isinstance(value, list) and value and isinstance(value[0], Mapping) else []


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML takes JSON's spelling of the others
