"""Returns tensors without data."""

import torch

SECTION = "torch_part"
LEVELS = ("process", "strict")
STATUS = "failed"
SAYS = "dense"


def misbehave():
    return torch.empty(10**6, 10**6, device="meta")
