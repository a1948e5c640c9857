"""Asks torch for more than there is."""

import torch

SECTION = "torch_part"
LEVELS = ("process", "strict")
STATUS = "broken"
SAYS = "memory"


def misbehave():
    return [torch.ones(64 << 20) for _ in range(100)]
