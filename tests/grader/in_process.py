"""A pytest plugin that judges as is usual, in the submission's own process. Only to keep cheats honest."""

import importlib.util
import json
import os

import numpy as np
import pytest

passed = []


@pytest.fixture
def learner():
    spec = importlib.util.spec_from_file_location("submission", os.environ["SUBMISSION"])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pytest_runtest_logreport(report):
    if report.when == "call" and report.outcome == "passed":
        passed.append(report.nodeid)


def pytest_sessionfinish():
    with open("results.json", "w") as file:
        json.dump({"passed": len(passed)}, file)
