"""Maps memory outside the heap, shared and private."""

import mmap

LEVELS = ("process", "strict")
STATUS = ("failed", "broken")  # on a busy machine the time may end first
SAYS = "emory"


def misbehave():
    kept = []
    try:
        while True:
            kept.append(mmap.mmap(-1, 32 << 20, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS))
            kept[-1][::4096] = b"x" * (32 << 8)
    except OSError as error:
        raise MemoryError(str(error)) from None
