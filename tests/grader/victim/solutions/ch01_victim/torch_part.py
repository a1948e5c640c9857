"""1.2 The torch part of a course that exists to be attacked."""

import torch
from torch import nn


def rms_norm(x, weight, eps=1e-6):
    """Divide each vector by its root mean square.

    Args:
        x: (..., d) float tensor.
        weight: (d,) float tensor.
        eps: added to the mean square.

    Returns:
        (..., d) float tensor.

    Example:
        >>> rms_norm(torch.tensor([1.0, -1.0]), torch.ones(2), eps=0.0).tolist()
        [1.0, -1.0]
    """
    # BEGIN SOLUTION
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps) * weight
    # END SOLUTION


class Scale(nn.Module):
    """Multiplies each feature by a learned number.

    Example:
        >>> Scale(2)(torch.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, size):
        super().__init__()
        # BEGIN SOLUTION
        self.weight = nn.Parameter(torch.ones(size))
        # END SOLUTION

    def forward(self, x):
        """Scale (..., size) to the same shape."""
        # BEGIN SOLUTION
        return x * self.weight
        # END SOLUTION


def windows(tokens, size):
    """Yield every run of `size` neighbours.

    Args:
        tokens: a list.
        size: how many make a window.

    Yields:
        Lists of `size` tokens.

    Example:
        >>> list(windows([1, 2], 2))
        [[1, 2]]
    """
    # BEGIN SOLUTION
    for start in range(len(tokens) - size + 1):
        yield tokens[start : start + size]
    # END SOLUTION


def train_step(model, optimizer, x, y):
    """Take one step down the mean squared error.

    Args:
        model: maps x to predictions.
        optimizer: over the model's parameters.
        x: (n, d) float tensor.
        y: (n, 1) float tensor.

    Returns:
        The loss before the step, a float.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> loss = train_step(model, torch.optim.SGD(model.parameters(), lr=0.1), torch.ones(1, 1), torch.ones(1, 1))
        >>> loss >= 0
        True
    """
    # BEGIN SOLUTION
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    # END SOLUTION
