"""Returns a tensor of a trillion entries that takes four bytes."""

import torch

SECTION = "torch_part"
LEVELS = ("process", "strict")
STATUS = "failed"
SAYS = "bytes"


def misbehave():
    return torch.ones(1).expand(10**12)
