"""Returns a quantised tensor."""

import torch

SECTION = "torch_part"
LEVELS = ("process", "strict")
STATUS = "failed"
SAYS = "dense"


def misbehave():
    return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
