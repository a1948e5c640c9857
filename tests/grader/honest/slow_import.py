"""Takes a second to import, which counts against nothing."""

import time

LEVELS = ("process", "strict")

time.sleep(1.0)
