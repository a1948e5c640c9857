"""Returns a sparse tensor of enormous shape."""

import torch

SECTION = "torch_part"
LEVELS = ("process", "strict")
STATUS = "failed"
SAYS = "layout"


def misbehave():
    return torch.sparse_coo_tensor(torch.zeros(2, 1, dtype=torch.long), torch.ones(1), (10**6, 10**6))
