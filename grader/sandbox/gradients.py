"""Vector–Jacobian products of the learner's code. The graph stays in the worker; numbers cross."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grader.sandbox.codec import torch_if_loaded


def pullback(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Call `function` on fresh leaves and keep its graph: `[value, pull]`; `pull(*cotangents)` gives gradients."""
    torch = torch_if_loaded()
    if torch is None:
        raise RuntimeError("gradients need a section with torch")
    args = tuple(_leaf(torch, arg) for arg in args)
    value = function(*args, **kwargs)
    outputs = [value] if isinstance(value, torch.Tensor) else list(value)
    parameters = dict(function.named_parameters()) if isinstance(function, torch.nn.Module) else {}
    return [value, _pull(torch, outputs, args, parameters)]


def _leaf(torch: Any, arg: Any) -> Any:
    if isinstance(arg, torch.Tensor) and (arg.is_floating_point() or arg.is_complex()):
        return arg.detach().clone().requires_grad_(True)
    return arg


def _pull(torch: Any, outputs: list[Any], args: tuple[Any, ...], parameters: dict[str, Any]) -> Callable[..., Any]:
    leaves = [arg for arg in args if isinstance(arg, torch.Tensor) and arg.requires_grad]
    wanted = [*leaves, *parameters.values()]

    def pull(*cotangents: Any) -> tuple[list[Any], dict[str, Any]]:
        pairs = [pair for pair in zip(outputs, cotangents, strict=True) if pair[0].requires_grad]
        if not pairs:
            raise RuntimeError("no gradient flows: the result is detached from its inputs")
        found = torch.autograd.grad(_scalar(torch, pairs), wanted, retain_graph=True, allow_unused=True)
        gradients = iter(found)
        inputs = [next(gradients) if any(arg is leaf for leaf in leaves) else None for arg in args]
        return inputs, dict(zip(parameters, gradients, strict=True))

    return pull


def _scalar(torch: Any, pairs: list[tuple[Any, Any]]) -> Any:
    """What has these cotangents as its gradients. Handing them to torch would import half a second of modules."""
    for output, cotangent in pairs:
        if output.shape != cotangent.shape:
            raise RuntimeError(f"a cotangent of shape {tuple(cotangent.shape)} for a result of {tuple(output.shape)}")
    return sum(torch.real(output * cotangent.conj()).sum() for output, cotangent in pairs)
