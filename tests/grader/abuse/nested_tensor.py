"""Returns a nested tensor."""

import torch

SECTION = "torch_part"
LEVELS = ("process", "strict")
STATUS = "failed"


def misbehave():
    return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
