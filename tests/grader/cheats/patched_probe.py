"""Replaces what a probe uses: optimizers, layers, losses, and the functions that build the probe itself."""

import builtins

import torch

SECTION = "torch_part"
LEVELS = ("process", "strict")

torch.optim.SGD.step = torch.optim.Optimizer.step = lambda self, *_: None
torch.nn.functional.mse_loss = lambda *_, **__: torch.zeros((), requires_grad=True)
torch.nn.Linear.forward = lambda self, x: torch.zeros(len(x), 1)
torch.manual_seed = lambda *_: None
original = builtins.exec


def execute(code, names=None, *rest):
    original(code, names, *rest)
    for name in list(names or ()):
        if name == "train":
            names[name] = lambda module, x, y, steps: (
                [0.0] * steps,
                {"weight": torch.zeros(1, 2), "bias": torch.zeros(1)},
            )


builtins.exec = execute


def train_step(model, optimizer, x, y):
    return 0.0
