"""Where `fork` cannot be had, spawned standby workers serve: the same protocol, the same behaviour."""

import socket

import pytest

from grader.sandbox import launch
from grader.sandbox.ending import WorkerLost
from grader.sandbox.learner import Learner
from grader.sandbox.link import Link

SOURCE = b"""
import os

def double(x):
    return 2 * x

def ask(callback):
    return callback(20) + 2

def crash():
    os.abort()

def leave():
    os._exit(0)

def hang():
    while True:
        pass

def hog():
    return bytearray(4 << 30)

def where():
    return os.getcwd()
"""


@pytest.fixture
def standby(monkeypatch):
    monkeypatch.setenv("GRADER_START", "spawn")
    standby = launch.start("process", ("numpy",))
    yield standby
    standby.close()


@pytest.fixture
def start(standby):
    links = []

    def start():
        link = Link(standby)
        links.append(link)
        link.limit(30)
        link.ask("load", "answers", SOURCE, "answers.py", [])
        link.begin_check(1, (), 10)
        return link

    yield start
    for link in links:
        link.end()


def test_calls_and_callbacks(standby, start):
    """Values and callbacks cross as they do with a zygote; each worker has a folder of its own."""
    assert isinstance(standby, launch.Standby)
    one, two = Learner(start()), Learner(start())

    assert one.double(21) == 42 and two.ask(lambda x: 2 * x) == 42
    assert one.where() != two.where()


@pytest.mark.parametrize(
    ("name", "why", "says"),
    [("crash", "crash", "Aborted"), ("leave", "crash", "ended its own process"), ("hang", "time", "ran out of time")],
)
def test_endings_are_told_apart(start, name, why, says):
    """A crash, an early exit and a timeout are what they are; the line is known; the next worker is untouched."""
    link = start()
    link.limit(1.0)
    with pytest.raises(WorkerLost, match=says) as lost:
        Learner(link).call(name)

    assert lost.value.why == why
    assert name == "leave" or any(function == name for _, _, function in lost.value.stack)
    assert Learner(start()).double(1) == 2


def test_memory_is_limited(start):
    """A worker has the same memory as one from a zygote."""
    with pytest.raises(MemoryError):
        Learner(start()).hog()


def test_nothing_is_left(standby, start):
    """When it is closed, no worker runs any more, the spare one included."""
    start()
    processes = [*standby._running.values(), standby._spare[1]]
    standby.close()

    assert all(process.poll() is not None for process in processes)


def test_a_reply_that_nobody_read_is_passed_over():
    """A deadline can strike between a question to the zygote and its reply; the next question gets its own."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        zygote = launch.Zygote(ours, None, "process")
        theirs.send(b'{"to": 0, "status": 9}')
        theirs.send(b'{"to": 1, "threads": 3}')

        assert zygote.threads(1) == 3
