"""The code that settles what was handed in: made from the texts that count, on both sides alike."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping


def digest(texts: Mapping[str, bytes]) -> str:
    """The hash of texts by the section's path: the same texts have the same, whenever and from wherever they came."""
    whole = hashlib.sha256()
    for path in sorted(texts):
        whole.update(f"{path}\n".encode() + hashlib.sha256(texts[path]).digest())
    return whole.hexdigest()


def receipt(digest: str) -> str:
    """The code that stands for a digest: 80 bits in groups of four, short enough to be read out."""
    code = base64.b32encode(bytes.fromhex(digest)[:10]).decode()
    return "-".join(code[start : start + 4] for start in range(0, 16, 4))
