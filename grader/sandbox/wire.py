"""Frames: how bytes cross the wall, and the bounds that hold before anything is allocated.

A frame is `header length, number of buffers, their sizes`, then the header (msgpack, no maps) and the buffers (array
data, long text). Both ends read frames the same way; neither trusts the other to be well-formed.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

import msgpack

HEADER_LIMIT = 1 << 20
BUFFERS_LIMIT = 1 << 28
BUFFER_COUNT_LIMIT = 4096
CHUNK = 1 << 17  # bytes read or joined at once
PREFIX = struct.Struct("!II")
SIZES = struct.Struct("!Q")

Frame = tuple[Any, list[bytearray]]


class WireError(ValueError):
    """A value or frame that may not cross; the text names the value's path where there is one."""


class Closed(Exception):
    """The other end is gone."""


class OutOfTime(Exception):
    """The deadline passed while waiting for the other end."""


class Stream:
    """Frames over a socket; every read and write ends at `deadline` (seconds of `time.monotonic`).

    Reading takes whatever has arrived, so that a small frame costs one system call.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.deadline: float | None = None
        self.allowance: int | None = None  # bytes that may still arrive
        self._ahead = memoryview(b"")

    def send(self, tree: Any, buffers: Sequence[memoryview | bytes | bytearray] = ()) -> None:
        """Write one frame. Raises WireError before anything is written when a bound is exceeded."""
        header = pack(tree)
        if len(header) > HEADER_LIMIT:
            raise WireError(f"{len(header):,} bytes of structure; at most {HEADER_LIMIT:,} can cross")
        check_sizes([len(buffer) for buffer in buffers])
        start = [PREFIX.pack(len(header), len(buffers)), *(SIZES.pack(len(buffer)) for buffer in buffers), header]
        small = [buffer for buffer in buffers if len(buffer) <= CHUNK]
        if len(small) == len(buffers) <= 8:
            self._write(b"".join([*start, *small]))
            return
        self._write(b"".join(start))
        for buffer in buffers:
            self._write(buffer)

    def receive(self) -> Frame:
        """Read one frame. Raises WireError (bounds, malformed), Closed or OutOfTime."""
        header_length, count = PREFIX.unpack(self._read(PREFIX.size))
        if header_length > HEADER_LIMIT or count > BUFFER_COUNT_LIMIT:
            raise WireError("a frame beyond the bounds")
        sizes = [size for (size,) in SIZES.iter_unpack(self._read(SIZES.size * count))] if count else []
        check_sizes(sizes)
        self._spend(header_length + sum(sizes))
        tree = unpack(self._read(header_length))
        return tree, [self._read(size) for size in sizes]

    def _spend(self, size: int) -> None:
        """Many frames within the bounds may be too much together."""
        if self.allowance is not None:
            self.allowance -= size
            if self.allowance < 0:
                raise WireError("more data in one check than can be taken")

    def _write(self, data: memoryview | bytes | bytearray) -> None:
        try:
            self._arm()
            self.sock.sendall(data)
        except TimeoutError:
            raise OutOfTime from None
        except OSError:
            raise Closed from None

    def _read(self, size: int) -> bytearray:
        data = bytearray(self._ahead[:size])
        self._ahead = self._ahead[size:]
        while len(data) < size:  # grows with what arrives, so that a claim alone allocates nothing
            chunk = self._read_some()
            missing = size - len(data)
            data += chunk[:missing]
            self._ahead = chunk[missing:]
        return data

    def _read_some(self) -> memoryview:
        try:
            self._arm()
            chunk = self.sock.recv(CHUNK)
        except TimeoutError:
            raise OutOfTime from None
        except OSError:
            raise Closed from None
        if not chunk:
            raise Closed
        return memoryview(chunk)

    def _arm(self) -> None:
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise OutOfTime
            self.sock.settimeout(left)


def check_sizes(sizes: Sequence[int]) -> None:
    """Raise WireError when the buffers of one frame are too many or too large together."""
    if len(sizes) > BUFFER_COUNT_LIMIT:
        raise WireError(f"{len(sizes):,} arrays; at most {BUFFER_COUNT_LIMIT:,} can cross at once")
    if sum(sizes) > BUFFERS_LIMIT:
        raise WireError(f"{sum(sizes):,} bytes of array data; at most {BUFFERS_LIMIT:,} can cross at once")


def pack(tree: Any) -> bytes:
    """A tree of lists, text, bytes and numbers as msgpack."""
    packed: bytes = msgpack.packb(tree, use_bin_type=True, unicode_errors="surrogatepass")
    return packed


def unpack(header: bytes | bytearray) -> Any:
    """The tree again. No maps and no extension types are accepted, so that hostile keys never meet a hash table."""
    try:
        return msgpack.unpackb(
            header,
            raw=False,
            unicode_errors="surrogatepass",
            max_map_len=0,
            max_ext_len=0,
            max_array_len=HEADER_LIMIT,
            max_str_len=HEADER_LIMIT,
            max_bin_len=HEADER_LIMIT,
        )
    except (ValueError, msgpack.UnpackException) as error:
        raise WireError(f"a malformed frame ({type(error).__name__})") from None
