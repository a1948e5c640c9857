"""The contract between suites and the wall, on one hard case of each kind, at every level."""

import math
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from grader.checks import probe, prop
from grader.sandbox.ending import CannotCross
from grader.sandbox.handles import LearnerError
from grader.sandbox.learner import Learner, as_autograd
from grader.sandbox.transport import LearnerTransport
from tests.grader.conftest import LEVELS

ANSWERS = Path(__file__).with_name("contract_answers.py").read_bytes()


@pytest.fixture(params=LEVELS)
def learner(request, start_worker):
    return Learner(start_worker(request.param, ("numpy", "torch", "torch.optim", "httpx"), ANSWERS))


def test_a_class_with_operators(learner):
    """An instance is a handle: operators, methods and attributes work, also with plain numbers on the left."""
    x, w = learner.Value(0.5), learner.Value(-2.0)
    y = (3.0 * x * w + 1.0 + x).tanh()
    y.backward()

    a = torch.tensor(0.5, requires_grad=True)
    b = torch.tensor(-2.0, requires_grad=True)
    z = torch.tanh(3.0 * a * b + 1.0 + a)
    z.backward()
    assert y.data == pytest.approx(z.item(), rel=1e-6)
    assert (x.grad, w.grad) == pytest.approx((a.grad.item(), b.grad.item()), rel=1e-5)


def test_equality_never_asks_the_learners_object(learner):
    """`==` on handles compares references; order and truth are refused; their own `__eq__` is asked by name."""
    first, second = learner.Value(1.0), learner.Value(1.0)

    assert first == first and not first == second and not first == 1.0  # noqa: SIM201
    with pytest.raises(TypeError, match="order"):
        first < second  # noqa: B015
    with pytest.raises(TypeError, match="differ"):
        first != second  # noqa: B015
    with pytest.raises(TypeError, match="truth"):
        bool(first)
    assert learner.call(learner.attribute(first, "__eq__"), second) is True


@prop
def tiny_model(width):
    from torch import nn

    class Tiny(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(width, width)
            self.head = nn.Linear(width, 1)

        def forward(self, x):
            return self.head(self.body(x))

    return Tiny()


@prop
def colours():
    import enum

    class Colour(enum.Enum):
        RED = "red"

    return Colour


@prop
def weather():
    def get_weather(city: str, days: int = 1) -> str:
        """Forecast for a city."""
        return f"sun in {city} for {days}"

    return get_weather


@probe
def signature_of(module, function):
    import inspect

    return str(inspect.signature(function)), function.__doc__


def test_a_module_of_the_suite_as_a_prop(learner):
    """A prop is the real thing on the learner's side, used through its handle."""
    model = learner.build(tiny_model, 3)

    assert learner.freeze(model, "body") == ["head.weight", "head.bias"]
    assert list(model.state_dict()) == ["body.weight", "body.bias", "head.weight", "head.bias"]
    assert model(torch.zeros(2, 3)).shape == (2, 1)
    assert learner.build(colours).RED.value == "red"
    assert learner.run(signature_of, learner.build(weather)) == (
        "(city: str, days: int = 1) -> str",
        "Forecast for a city.",
    )


def test_a_learners_module_with_weights_and_gradients(learner):
    """`load_state_dict` takes the oracle's weights; gradients of parameters and inputs come back as numbers."""
    model, weight, x = learner.Scale(3), torch.randn(3, 3), torch.randn(4, 3)
    model.load_state_dict({"first.weight": weight, "second.weight": weight})
    pull = learner.vjp(model, x)
    gradients = pull(torch.ones(4, 3))

    w, leaf = weight.clone().requires_grad_(), x.clone().requires_grad_()
    y = torch.relu(leaf @ w.T) @ w.T
    y.sum().backward()
    torch.testing.assert_close(pull.value.detach(), y.detach())
    torch.testing.assert_close(gradients.inputs[0], leaf.grad)
    torch.testing.assert_close(gradients.parameters["first.weight"], w.grad)
    state = model.state_dict()
    assert state["first.weight"] is state["second.weight"], "tied weights stay tied"


def test_gradcheck_from_the_judges_side(learner):
    """torch's own gradcheck works across the wall."""
    inputs = [torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(3)]

    assert torch.autograd.gradcheck(as_autograd(learner, "attention"), inputs)


def test_callbacks(learner):
    """Functions of the suite are called back: to differentiate, as a scripted model, as a tool that raises."""
    seen = []

    def model(messages):
        seen.append(len(messages))
        if len(messages) == 1:
            return {"tool": "divide", "arguments": {"a": 1, "b": 0}}
        if len(messages) == 2:
            return {"tool": "divide", "arguments": {"a": 1, "b": 4}}
        return {"answer": str(messages[-1]["content"])}

    assert learner.derivative(math.sin, 0.3) == pytest.approx(math.cos(0.3), rel=1e-8)
    answer, messages = learner.agent_loop(model, {"divide": lambda a, b: a / b}, "1/4?")
    assert (answer, seen) == ("0.25", [1, 2, 3])
    assert messages[1]["content"] == "ZeroDivisionError: division by zero"


def test_callbacks_are_reentrant_and_serve_threads(learner):
    """A callback may call the learner's code again, from several threads at once; each gets its own answer."""
    assert learner.derivative(lambda x: learner.inner(x) ** 2, 1.0) == pytest.approx(4.0, rel=1e-6)
    assert learner.threaded(lambda index: learner.inner(index * 10), 8) == [10 * index + 1 for index in range(8)]
    assert learner.give_back(math.sin) is math.sin


def test_generators_and_async_iterators(learner):
    """They are driven item by item, both ways; coroutines are run to their result."""
    assert list(learner.countdown(3)) == [3, 2, 1]
    assert next(learner.countdown(9)) == 9
    assert learner.total(iter([1, 2, 3])) == 6
    assert list(learner.ticks(3)) == [0, 1, 2]

    async def ask(index):
        return index * index

    async def stream():
        yield "a"
        yield "b"

    assert learner.gather(ask, 4) == [0, 1, 4, 9]
    assert learner.drain(stream()) == ["a", "b"]


def test_in_place_and_not(learner):
    """`after=True` returns the arguments as they are afterwards; the suite's own stay untouched."""
    x = np.ones(3)
    result, (after,), _ = learner.call("zero_", x, after=True)
    assert result is after and not after.any() and x.all()

    items = [0]
    _, (items_after, seen), _ = learner.call("append_one", items, {}, after=True)
    assert items_after == [0, 1] and seen["last"] is items_after
    assert learner.same_object(items, items) is True


def test_injected_randomness_advances_as_in_place(learner):
    """Generators cross with their state, and come back where the learner's code left them."""
    ours, reference = np.random.default_rng(5), np.random.default_rng(5)
    np.testing.assert_array_equal(learner.noise(ours, 3), reference.normal(size=3))
    np.testing.assert_array_equal(ours.normal(size=2), reference.normal(size=2))

    mine, other = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    assert torch.equal(learner.noise(mine, 3), torch.randn(3, generator=other))
    assert torch.equal(learner.noise(mine, 3), torch.randn(3, generator=other))
    assert learner.global_noise() != learner.global_noise()


def test_files_in_scratch(learner):
    """Files cross as bytes, within the worker's own folder only."""
    learner.save("a.npy", np.arange(4))
    learner.scratch.write("sub/b.txt", b"text")

    assert learner.scratch.read("a.npy").endswith(np.arange(4).tobytes())
    assert learner.scratch.list() == ["a.npy", "sub/b.txt"]
    with pytest.raises(ValueError, match="outside"):
        learner.scratch.read("../secret")


def test_exceptions_are_facts(learner):
    """Builtin types satisfy `pytest.raises`; own types are known by name; frames are the learner's only."""
    with pytest.raises(KeyError) as caught:
        learner.fail("KeyError")
    assert caught.value.text == "'as asked'" and [name for _, name in caught.value.frames] == ["fail"]
    with pytest.raises(ValueError, match="no such token") as caught:
        learner.fail("own")
    assert caught.value.mro[:2] == ("TokenizerError", "ValueError")
    with pytest.raises(UnicodeDecodeError):
        learner.fail("unicode")
    for kind in ("exit", "stop"):
        with pytest.raises(LearnerError) as caught:
            learner.fail(kind)
        assert not isinstance(caught.value, StopIteration)
    with pytest.raises(NameError, match=r"no `missing` in answers\.py"):
        learner.missing()


def test_records(learner):
    """Dataclasses and namedtuples arrive with their fields by value and keep their methods."""
    step, point = learner.make_step(), learner.make_point()

    assert (step.loss, step._fields) == (0.5, ("loss", "weights", "notes"))
    assert torch.equal(step.doubled().weights, torch.tensor([0.0, 2.0, 4.0]))
    assert tuple(point) == (1, 2.5) and point._asdict() == {"x": 1, "y": 2.5}


def test_containers_keep_exact_types(learner):
    """What crosses by value crosses with its exact type, however nested."""
    value = learner.nested()

    assert type(value).__name__ == "OrderedDict" and list(value) == ["a", "b", "c", "d", "big"]
    assert value["a"] == [1, (2, {3}, frozenset({4}))] and value["b"] == {"k": slice(1, None)}
    assert (value["c"], value["d"], value["big"]) == (complex(1, -2), b"\0\1", 2**70)
    for sent in (
        True,
        1,
        1.0,
        -(2**63),
        "ä\ud800",
        list(range(100)),
        (0.5,) * 50,
        np.float32(0.1),
        torch.float16,
        torch.Size([2, 3]),
        np.array(["a", "bc"]),
        torch.ones(2, dtype=torch.bfloat16),
        np.zeros((0, 3)),
        int,
    ):
        back = learner.give_back(sent)
        assert type(back) is type(sent)
        assert repr(back) == repr(sent)


def test_what_cannot_cross_is_named(learner):
    """An error names the value's path; the worker lives on."""
    with pytest.raises(CannotCross, match=r"result\['rows'\]\[1\]: a tensor of layout"):
        learner.exotic()
    with pytest.raises(CannotCross, match=r"result\[0\]: contains itself"):
        learner.cyclic()
    with pytest.raises(TypeError, match="make it a @prop"):
        learner.give_back(object())
    assert learner.inner(1) == 2


@probe
def train(module, x, y, steps):
    import torch

    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = [module.train_step(model, optimizer, x, y) for _ in range(steps)]
    return losses, dict(model.state_dict())


def test_a_training_loop_as_a_probe(learner):
    """Many steps run beside the learner's code; the judge computes the metric from the raw parameters."""
    x = torch.randn(64, 2, generator=torch.Generator().manual_seed(1))
    y = x @ torch.tensor([[1.0], [-2.0]])

    losses, state = learner.run(train, x, y, 100)
    assert len(losses) == 100
    assert torch.nn.functional.mse_loss(x @ state["weight"].T + state["bias"], y).item() < 1e-3


@probe
async def visit(module, paths):
    import httpx

    transport = httpx.ASGITransport(app=module.application)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        responses = [await client.post(path, content=b"hello") for path in paths]
    return [(response.status_code, response.text) for response in responses]


def test_a_web_application_under_an_in_process_client(learner):
    """An ASGI application is driven by a real client inside the worker; the judge reads the transcript."""
    transcript = learner.run(visit, ["/health", "/echo", "/stream", "/nowhere"])

    assert transcript == [
        (200, '{"status": "ok"}'),
        (200, "hello"),
        (200, "data: 0\n\ndata: 1\n\ndata: 2\n\n"),
        (404, "not found"),
    ]


def test_a_client_of_the_judges_talks_to_the_web_application(learner):
    """A client that needs a network runs on the judge's side; its requests are forwarded, its responses streamed."""
    transport = LearnerTransport(learner, learner.get("application"))

    with httpx.Client(transport=transport, base_url="http://app") as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.post("/echo", content=b"x" * 5000).text == "x" * 5000
        with client.stream("GET", "/stream") as response:
            assert list(response.iter_raw()) == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
        assert client.get("/nowhere").status_code == 404


def test_output_is_kept_and_costs_nothing(learner):
    """What the learner's code prints or warns is kept for the report and disturbs nothing."""
    assert learner.noisy(3) == 3
    assert "printed 3" in learner._link.output and "warned" in learner._link.output
