"""Hidden checks of the victim's torch part, in the course's style."""

import pytest
import torch

from grader.checks import check_close, check_equal, limits, probe

CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # float32, sums of a few terms near 1
QUICK = limits(seconds=1.5, memory=2**28)


@QUICK
@pytest.mark.exercise("rms_norm", points=2)
def test_rms_norm_against_torch(learner, torch_rng):
    """Each vector is divided by its own root mean square."""
    x, weight = torch.randn(2, 3, 4, generator=torch_rng), torch.randn(4, generator=torch_rng)
    expected = torch.nn.functional.rms_norm(x, (4,), weight, 1e-6)

    result = learner.rms_norm(x, weight)

    check_close(result, expected, **CLOSE, dtype="float32")


@QUICK
@pytest.mark.exercise("rms_norm")
def test_rms_norm_has_length_one(learner, torch_rng):
    """The mean square of the result is one."""
    result = learner.rms_norm(torch.randn(5, 8, generator=torch_rng), torch.ones(8), eps=0.0)

    check_close(result.square().mean(dim=-1), torch.ones(5), **CLOSE)


@QUICK
@pytest.mark.exercise("rms_norm")
def test_rms_norm_gradients(learner, torch_rng):
    """Gradients flow through the norm as well."""
    x = torch.randn(3, 4, generator=torch_rng)
    leaf = x.clone().requires_grad_()
    torch.nn.functional.rms_norm(leaf, (4,), torch.ones(4), 1e-6)[:, 0].sum().backward()
    cotangent = torch.zeros(3, 4)
    cotangent[:, 0] = 1.0

    pull = learner.vjp("rms_norm", x, torch.ones(4))

    check_close(pull(cotangent).inputs[0], leaf.grad, **CLOSE, of="the gradient")


@QUICK
@pytest.mark.exercise("Scale", points=2)
def test_scale_uses_its_weights(learner, torch_rng):
    """The loaded weights are what each feature is multiplied by."""
    weight, x = torch.randn(6, generator=torch_rng), torch.randn(3, 6, generator=torch_rng)
    model = learner.Scale(6)
    model.load_state_dict({"weight": weight})

    check_close(model(x), x * weight, **CLOSE)
    check_close(model.state_dict()["weight"], weight, rtol=0, of="the weights")


@QUICK
@pytest.mark.exercise("windows")
def test_windows_of_a_list(learner, rng):
    """Every run of neighbours comes once, in order."""
    tokens = rng.integers(0, 99, size=6).tolist()

    found = list(learner.windows(tokens, 3))

    check_equal(found, [tokens[start : start + 3] for start in range(4)], of="the windows")


@QUICK
@pytest.mark.exercise("windows")
def test_windows_are_lazy(learner):
    """Windows come one at a time."""
    first = next(learner.windows([4, 5, 6], 2))

    check_equal(first, [4, 5], of="the first window")


@probe
def train(module, x, y, steps):
    import torch

    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = [module.train_step(model, optimizer, x, y) for _ in range(steps)]
    return losses, {name: value.detach() for name, value in model.state_dict().items()}


@QUICK
@pytest.mark.exercise("train_step", points=2)
def test_training_finds_the_line(learner, torch_rng):
    """After a hundred steps the model predicts what it has not seen."""
    true = torch.randn(2, 1, generator=torch_rng)
    x, unseen = torch.randn(64, 2, generator=torch_rng), torch.randn(16, 2, generator=torch_rng)

    losses, state = learner.run(train, x, x @ true, 100)

    check_equal(len(losses), 100)
    check_close(unseen @ state["weight"].T + state["bias"], unseen @ true, rtol=0, atol=1e-3, of="the predictions")


@QUICK
@pytest.mark.exercise("train_step")
def test_the_first_loss(learner, torch_rng):
    """The loss is the mean squared error before the step."""
    x, y = torch.randn(8, 2, generator=torch_rng), torch.randn(8, 1, generator=torch_rng)
    torch.manual_seed(0)
    expected = torch.nn.functional.mse_loss(torch.nn.Linear(2, 1)(x), y).item()

    losses, _ = learner.run(train, x, y, 1)

    check_close(losses, [expected], rtol=1e-5)
