"""A pytest plugin that runs a hidden suite without the wall: what the grader is compared with.

`learner` is the module itself, imported once into pytest's own process from the file that LEARNER names.
"""

from __future__ import annotations

import importlib.util
import os
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from grader.bench import seed_of


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "exercise(name, points=1): the exercise a check grades")
    config.addinivalue_line("markers", "limits(seconds=10, memory=2**30): the bounds of one check")


def imported(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("submission", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class InProcess:
    """What a suite sees of the learner, without a wall: only as far as the benchmarked suites need it."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def _found(self, target: Any) -> Any:
        return getattr(self._module, target) if isinstance(target, str) else target

    def get(self, name: str) -> Any:
        return self._found(name)

    def call(self, target: Any, /, *args: Any, after: bool = False, **kwargs: Any) -> Any:
        value = self._found(target)(*args, **kwargs)
        return (value, args, kwargs) if after else value

    def build(self, prop: Any, *args: Any, **kwargs: Any) -> Any:
        return prop(*args, **kwargs)

    def run(self, probe: Any, *args: Any, **kwargs: Any) -> Any:
        return probe(self._module, *args, **kwargs)

    def vjp(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        from grader.sandbox.gradients import pullback

        value, pull = pullback(self._found(target), args, kwargs)
        return Pull(value.detach(), pull)


class Pull:
    def __init__(self, value: Any, pull: Any) -> None:
        self.value = value
        self._pull = pull

    def __call__(self, *cotangents: Any) -> Pull:
        self.inputs, self.parameters = self._pull(*cotangents)
        return self


@pytest.fixture(scope="session")
def submission() -> ModuleType:
    return imported(os.environ["LEARNER"])


@pytest.fixture
def learner(submission: ModuleType) -> InProcess:
    return InProcess(submission)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return seed_of(0, request.node.name)


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def torch_rng(seed: int) -> Any:
    import torch

    return torch.Generator().manual_seed(seed)
