"""Changes settings of the process, which end with the check."""

import random
import sys

LEVELS = ("process", "strict")

np.seterr(all="raise")
np.set_printoptions(precision=2)
sys.setrecursionlimit(5000)
random.seed(1)
np.random.seed(1)
