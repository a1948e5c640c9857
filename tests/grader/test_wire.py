"""Frames and values under fire: what is sent arrives as it was, what is hostile ends in one of three errors, quickly."""

import contextlib
import math
import os
import random
import socket
import struct
import threading
import time
import tracemalloc
from collections import OrderedDict

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from grader.sandbox.decoder import Decoder
from grader.sandbox.encoder import Encoder
from grader.sandbox.ending import CannotCross, WorkerLost
from grader.sandbox.handles import Handle, LearnerError, Record
from grader.sandbox.launch import Forked
from grader.sandbox.link import Link
from grader.sandbox.values import SAME_HASH, TORCH_DTYPES
from grader.sandbox.wire import BUFFERS_LIMIT, HEADER_LIMIT, Closed, OutOfTime, Stream, WireError, pack

QUICK = settings(max_examples=150, deadline=2000, suppress_health_check=list(HealthCheck), derandomize=True)
MEMORY = 64 << 20  # bytes that the judge may take for a hostile frame of at most some kilobytes


# --- values that cross ----------------------------------------------------------------------------

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**3000), 2**3000), st.floats(), st.binary(max_size=3000),
    st.complex_numbers(), st.text(st.characters(), max_size=3000), st.slices(9),
    st.sampled_from([int, ValueError, np.dtype("<f4"), torch.float16, torch.device("cpu"), torch.Size([2, 0])]),
)  # fmt: skip
arrays = npst.arrays(
    st.one_of(
        npst.boolean_dtypes(), npst.integer_dtypes(endianness="?"), npst.floating_dtypes(endianness="?"),
        npst.complex_number_dtypes(), npst.unicode_string_dtypes(max_len=5), npst.byte_string_dtypes(max_len=5),
        npst.datetime64_dtypes(), npst.timedelta64_dtypes(),
    ),
    npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)  # fmt: skip


@st.composite
def tensors(draw):
    dtype = getattr(torch, draw(st.sampled_from(TORCH_DTYPES)))
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    count = math.prod(shape) * dtype.itemsize
    data = bytearray(draw(st.binary(min_size=count, max_size=count)))
    if dtype is torch.bool:
        data = bytearray(byte & 1 for byte in data)
    plain = torch.frombuffer(data, dtype=dtype).reshape(shape) if count else torch.empty(shape, dtype=dtype)
    return plain.requires_grad_(dtype.is_floating_point and draw(st.booleans()))


hashable = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=9), st.floats(allow_nan=False), st.binary(max_size=9)
)
leaves = st.one_of(scalars, arrays, tensors())
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.frozensets(hashable, max_size=5),
        st.sets(hashable, max_size=5), st.dictionaries(hashable, inner, max_size=4),
        st.dictionaries(hashable, inner, max_size=4).map(OrderedDict),
    ),
    max_leaves=12,
)  # fmt: skip


def refuse(value, encoder, path):
    raise WireError(f"{path}: a {type(value).__name__}")


def send_and_receive(value):
    """Through both ends of a socket, as between judge and worker."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        encoder = Encoder(refuse)
        tree = encoder.encode(value, "value")
        writer = threading.Thread(target=Stream(ours).send, args=([tree], encoder.buffers))
        writer.start()
        stream = Stream(theirs)
        stream.deadline = time.monotonic() + 5
        received, buffers = stream.receive()
        writer.join()
    return Decoder(buffers, refuse).decode(received[0])


def same(a, b):
    """Equal to the last bit, and of the same types throughout."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        facts = [(x.dtype, x.shape, x.requires_grad) for x in (a, b)]
        return facts[0] == facts[1] and _bits(a) == _bits(b)
    if isinstance(a, np.ndarray | np.generic):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, list | tuple) and not isinstance(a, torch.Size):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, complex):
        return same([a.real, a.imag], [b.real, b.imag])
    return a == b


def _bits(tensor):
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


@QUICK
@given(values)
def test_every_value_arrives_as_it_was(value):
    """Types, bits, shapes and order survive, however nested."""
    assert same(send_and_receive(value), value)


@QUICK
@given(
    st.lists(
        st.one_of(
            st.lists(st.integers(-(2**70), 2**70), min_size=30, max_size=40),
            st.lists(st.floats(), min_size=32, max_size=40),
        )
    )
)
def test_long_lists_of_numbers_arrive_as_they_were(value):
    """What crosses packed is not to be told from what crosses one by one, at either side of the bounds."""
    assert same(send_and_receive(value), value)


def test_an_object_met_twice_arrives_as_one():
    """Identity survives for what can change, and for memory that two tensors share."""
    inner, weight = [1], torch.ones(2, 2)
    first, second, pair, tied = send_and_receive([inner, inner, (inner, weight), weight.view(2, 2)])

    assert first is second is pair[0]
    assert pair[1] is tied


# --- hostile bytes and trees ----------------------------------------------------------------------


def take(data, seconds=2.0):
    """What the judge makes of bytes from a worker: a value, or the name of the error; and how much memory it took."""
    ours, theirs = socket.socketpair()
    with ours:
        writer = threading.Thread(target=_pour, args=(theirs, data))
        writer.start()
        stream = Stream(ours)
        stream.deadline, stream.allowance = time.monotonic() + seconds, 1 << 30
        tracemalloc.start()
        try:
            tree, buffers = stream.receive()
            outcome = Decoder(buffers, resolve).decode(tree)
        except (WireError, Closed, OutOfTime) as error:
            outcome = error
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            ours.shutdown(socket.SHUT_RDWR)
            writer.join()
    assert peak < MEMORY + 40 * len(data)
    return outcome


def _pour(sock, data):
    with sock, contextlib.suppress(OSError):
        sock.sendall(data)


def resolve(tree, decoder):
    """References as a link resolves them, without a worker."""
    return Link._resolve(BARE, tree, decoder)


class Bare:
    _callbacks = ()

    def ask(self, *_, **__):
        raise AssertionError("nothing may be asked while a message is taken apart")


BARE = Bare()


def frame(header, buffers=(), sizes=None):
    sizes = [len(buffer) for buffer in buffers] if sizes is None else sizes
    return (
        struct.pack("!II", len(header), len(sizes))
        + b"".join(struct.pack("!Q", size) for size in sizes)
        + header
        + b"".join(buffers)
    )


@QUICK
@given(st.binary(max_size=300))
def test_hostile_bytes(data):
    """Bytes without sense end in an error."""
    assert isinstance(take(data), Exception)


@QUICK
@given(st.binary(max_size=400))
def test_hostile_headers(data):
    """A frame of honest lengths around bytes without sense ends in an error or in plain data."""
    take(frame(data))


TAGS = ["int", "str", "bytes", "complex", "same", "list", "tuple", "set", "frozenset", "slice", "dict", "OrderedDict",
        "numbers", "array", "scalar", "dtype", "Generator", "type", "tensor", "torch.dtype", "torch.device", "torch.Size",
        "torch.Generator", "handle", "record", "own", "callback", "iterator", "unknown", "list", "tuple", "dict"]  # fmt: skip
WORDS = [*TAGS, "<f8", "<i8", "|b1", "<U1", "<U999999", "<M8[ns]", "|S0", "<f16", "O", "float32", "bool", "cpu", "cuda:0", "meta",
         "PCG64", "MT19937", "bit_generator", "state", "print", "object", "__class__", "_wall_link", "\x1b[2J", ""]  # fmt: skip
atoms = st.one_of(
    st.none(), st.booleans(), st.sampled_from(WORDS), st.integers(-3, 9), st.floats(), st.binary(max_size=24),
    st.sampled_from([2**62, 2**63, -(2**63), 10**9, 65536]), st.lists(st.sampled_from([0, 1, 2, 3, 2**31, 2**61, -1]), max_size=5),
)  # fmt: skip
trees = st.recursive(
    atoms, lambda inner: st.tuples(st.sampled_from(TAGS), st.lists(inner, max_size=5)).map(lambda pair: [pair[0], *pair[1]]),
    max_leaves=25,
)  # fmt: skip


@settings(QUICK, max_examples=250)
@given(trees, st.lists(st.binary(max_size=64), max_size=2))
def test_hostile_trees(tree, buffers):
    """Trees made of the format's own words end in an error or in plain data of exact types and handles."""
    outcome = take(frame(pack(tree), buffers))

    assert isinstance(outcome, Exception) or _plain(outcome)


def _plain(value):
    kinds = (
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        slice,
        type,
        np.ndarray,
        np.generic,
        np.dtype,
        np.random.Generator,
    )
    torch_kinds = (torch.dtype, torch.device, torch.Size, torch.Generator, torch.Tensor)
    if type(value) in (list, tuple, set, frozenset):
        return all(map(_plain, value))
    if type(value) in (dict, OrderedDict):
        return all(_plain(part) for pair in value.items() for part in pair)
    return isinstance(value, (*kinds, *torch_kinds, Handle, Record))


@settings(QUICK, max_examples=300)
@given(values, st.data())
def test_mutated_frames(value, data):
    """A frame that was valid and had some of its bytes changed, dropped or doubled does no harm."""
    encoder = Encoder(refuse)
    sound = bytearray(frame(pack(encoder.encode(value, "value")), [bytes(buffer) for buffer in encoder.buffers]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(sound) - 1, 0)))
        piece = data.draw(
            st.sampled_from([b"", b"\xff", b"\x00", b"\xdd\xff\xff\xff\xff", bytes(sound[at : at + 9]) * 2])
        )
        sound[at : at + data.draw(st.integers(0, 4))] = piece
    take(bytes(sound), seconds=0.2)


BOMBS = {
    "claims of lists in lists": frame(b"\xdd\x00\x0f\xff\xff" * 400),
    "empty lists": frame(b"\xdd\x00\x0f\x00\x00" + b"\x90" * 0xF0000),
    "maps": frame(b"\xdf\x00\x0f\xff\xff" + b"\x80" * 1000),
    "extensions": frame(b"\xc9\x7f\xff\xff\xff\x05" + b"x" * 100),
    "a dated extension": frame(b"\xd6\xff\x00\x00\x00\x00"),
    "a claimed header": struct.pack("!II", 2**32 - 1, 0),
    "a header at the bound": struct.pack("!II", HEADER_LIMIT, 0),
    "many claimed buffers": struct.pack("!II", 1, 2**32 - 1),
    "a claimed buffer": frame(b"\xc0", sizes=[BUFFERS_LIMIT]),
    "a huge claimed buffer": frame(b"\xc0", sizes=[2**64 - 1]),
    "claimed buffers that wrap around": frame(b"\xc0", sizes=[2**63, 2**63]),
    "a shape of entries without size": frame(pack(["array", "<U0", [2**40], b""])),
    "a shape with a zero": frame(pack(["array", "<f8", [0, 2**61, 2**61], b""])),
    "a tensor's shape with a zero": frame(pack(["tensor", "float32", [0, 2**61, 2**61], b"", False])),
    "a shape of many axes": frame(pack(["array", "<f8", [1] * 33, b"\0" * 8])),
    "a negative shape": frame(pack(["array", "<f8", [-1, -1], b"\0" * 8])),
    "truth values": frame(pack(["array", "|b1", [2], b"\x02\xff"])),
    "truth values of torch": frame(pack(["tensor", "bool", [2], b"\x02\xff", False])),
    "sharing lists": frame(pack(["list", ["list", 0, 1, 2], *[["list", ["same", n], ["same", n]] for n in range(40)]])),
    "sharing numbers": frame(pack(["list", ["numbers", "list", "<f8", 0], *[["same", 0]] * 90_000]), [bytes(8 << 18)]),
    "a reference to what is not there": frame(pack(["list", ["same", 0]])),
    "a reference backwards": frame(pack(["list", ["list"], ["same", -1]])),
    "a huge whole number": frame(pack(["int", 0]), [bytes(1 << 20)]),
    "deep lists": frame(pack(None)[:0] + b"\x92\xa4list" * 300 + b"\xc0"),
    "a device that is not here": frame(pack(["torch.device", "cuda:99999"])),
    "a generator of zeros": frame(pack(["torch.Generator", b"\0" * 5056])),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name):
    """Small frames that claim or unfold to something large are refused before it is made."""
    started = time.monotonic()
    outcome = take(BOMBS[name], seconds=0.5)

    assert isinstance(outcome, (Exception, torch.device, np.ndarray, torch.Tensor, torch.Generator))
    assert time.monotonic() - started < 15  # measuring memory makes a million small lists slow


@pytest.mark.parametrize("share", [2, 4, 8])
@pytest.mark.parametrize("kind", ["dict", "set", "frozenset"])
def test_keys_that_collide(kind, share):
    """A part of the keys with one hash is refused before a table is made of them, whatever the others are."""
    colliding = [["int", (number * (2**61 - 1)).to_bytes(12, "little")] for number in range(40_000 // share)]
    keys = [*colliding, *range(1, 40_000 - len(colliding))]
    members = [part for key in keys for part in (key, None)] if kind == "dict" else keys
    started = time.monotonic()
    with pytest.raises(WireError, match="collide"):
        Decoder([], resolve).decode([kind, *members])

    assert time.monotonic() - started < 4


def test_honest_keys_do_not_collide():
    """Numbers, negative ones, floats of all sizes and text are no attack."""
    powers = [math.ldexp(1.0, power) for power in range(-1000, 1000)]
    keys = [*range(-5000, 5000), *powers, *map(str, range(3000)), *((a, b) for a in range(50) for b in range(50))]

    assert send_and_receive(dict.fromkeys(keys)) == dict.fromkeys(keys)
    assert len(powers) // 61 < SAME_HASH


def test_frames_add_up():
    """Frames that are each within the bounds end where together they are too much."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Stream(ours)
        stream.allowance = 5000
        theirs.sendall(frame(pack("x" * 900)) * 8)
        with pytest.raises(WireError, match="more data"):
            for _ in range(8):
                stream.receive()


# --- a hostile peer on a link ---------------------------------------------------------------------


class FakeZygote:
    """Hands out a worker that a test plays."""

    level = "strict"

    def __init__(self, play):
        self.play, self.thread = play, None

    def fork(self, memory, scratch, folder):
        ours, theirs = socket.socketpair()
        stacks, told = socket.socketpair()
        self.thread = threading.Thread(target=self._run, args=(theirs, told), daemon=True)
        self.thread.start()
        return Forked(ours, stacks, 1)

    def _run(self, sock, told):
        with sock, told, contextlib.suppress(OSError, Closed):
            self.play(Stream(sock), sock, told)

    def end(self, pid, patience=0.0):
        return None

    def ask_for_stack(self, pid):
        pass

    def threads(self, pid):
        return 1


def read_request(stream):
    (_, _, request, *_), _ = stream.receive()
    return request


def garbage(stream, sock, told):
    read_request(stream)
    sock.sendall(random.Random(0).randbytes(1 << 16))


def wrong_numbers(stream, sock, told):
    request = read_request(stream)
    for number in [*range(request + 1, request + 400), 0, -1, 2**62]:
        stream.send(["value", number, "", 1, ["list"], None])
    time.sleep(5)


def wrong_kinds_of_numbers(stream, sock, told):
    read_request(stream)
    stream.send(["value", True, "", 1, ["list"], None])


def partial_frames(stream, sock, told):
    read_request(stream)
    sock.sendall(struct.pack("!II", 1 << 20, 0))
    while True:
        sock.sendall(b"\xdd")
        time.sleep(0.01)


def a_callback_never_passed(stream, sock, told):
    read_request(stream)
    stream.send(["callback", 1, 7, "call", ["tuple"], ["dict"]])


def a_callback_with_keywords_that_are_none(stream, sock, told):
    read_request(stream)
    stream.send(["callback", 1, 0, "call", ["tuple"], ["dict", 3, 4]])


def an_attribute_of_a_callback(stream, sock, told):
    read_request(stream)
    stream.send(["callback", 1, 0, "__globals__", ["tuple"], ["dict"]])


def a_storm_of_callbacks(stream, sock, told):
    read_request(stream)
    header = pack(["callback", 1, 0, "call", ["tuple", 1.0], ["dict"]])
    threading.Thread(target=_drain, args=(sock,), daemon=True).start()
    while True:
        sock.sendall(frame(header) * 100)


def _drain(sock):
    try:
        while sock.recv(1 << 16):
            pass
    except OSError:
        pass


def never_reads(stream, sock, told):
    header = pack(["callback", 1, 0, "call", ["tuple", 1.0], ["dict"]])
    while True:
        sock.sendall(frame(header) * 100)


def generators_that_were_not_asked_for(stream, sock, told):
    stream.send(["value", read_request(stream), "", 1, ["list", ["Generator", ["dict"]]], None])


def no_answer_at_all(stream, sock, told):
    stream.send(["value", read_request(stream), "", ["list"], 1])


def lies_about_errors(stream, sock, told):
    stream.send(["error", read_request(stream), "", 7, 8, 9])


def floods_the_stacks(stream, sock, told):
    read_request(stream)
    for _ in range(1000):
        told.sendall(b'File "answers.py", line 99999999999999999999 in f\n')
        time.sleep(0.05)


def hangs_up(stream, sock, told):
    read_request(stream)


def hangs_up_in_the_middle(stream, sock, told):
    read_request(stream)
    sock.sendall(struct.pack("!II", 100, 0) + b"x")


PLAYS = [garbage, wrong_numbers, wrong_kinds_of_numbers, partial_frames, a_callback_never_passed, never_reads,
         a_callback_with_keywords_that_are_none, an_attribute_of_a_callback, a_storm_of_callbacks, hangs_up,
         generators_that_were_not_asked_for, no_answer_at_all, lies_about_errors, floods_the_stacks, hangs_up_in_the_middle]  # fmt: skip


@pytest.mark.parametrize("play", PLAYS)
def test_a_hostile_peer_is_given_up(play):
    """Whatever the other end does, the judge ends in WorkerLost within its time."""
    link = Link(FakeZygote(play))
    link.limit(0.6)
    started = time.monotonic()

    with pytest.raises(WorkerLost):
        link.ask("call", "f", lambda x: x)
    assert time.monotonic() - started < 3
    with pytest.raises(WorkerLost):
        link.ask("call", "f")


def answers(*tree):
    """A link on a worker that gives this one reply."""
    return Link(FakeZygote(lambda stream, sock, told: stream.send([tree[0], read_request(stream), *tree[1:]])))


def test_what_was_not_asked_for_is_not_taken():
    """Arguments that come back unasked are dropped; asked for and missing, the worker is given up."""
    link = answers("value", "", 1, ["list"], ["handle", 1, "object", "x"])
    link.limit(2)
    assert link.ask("call", "f") == 1

    link = answers("value", "", 1, ["list"], ["list", 1, 2])
    link.limit(2)
    with pytest.raises(WorkerLost):
        link.request("call", ("f",), {}, after=True)


def test_facts_of_an_error_are_bounded():
    """Names, text and lines of an exception are cut, whatever comes."""
    line = ["int", (10**5000).to_bytes(2100, "little")]
    frames = ["list", *[["list", line, "f" * 500]] * 300]
    link = answers("error", "", ["list", "x" * 9000, "ValueError"], "y" * 90_000, frames)
    link.limit(2)
    with pytest.raises(ValueError) as caught:
        link.ask("call", "f")

    error = caught.value
    assert isinstance(error, LearnerError) and len(str(error)) <= 2000
    assert max(map(len, error.mro)) <= 100 and len(error.frames) <= 50
    assert all(line == 0 and len(name) <= 100 for line, name in error.frames)


def test_a_refusal_is_no_error_of_the_learners():
    """`refused` ends in CannotCross, which no `pytest.raises(ValueError)` of a suite takes for an answer."""
    link = answers("refused", "", "x" * 9000)
    link.limit(2)
    with pytest.raises(CannotCross) as caught:
        link.ask("call", "f")

    assert not isinstance(caught.value, ValueError) and len(str(caught.value)) <= 500


def test_plain_data_of_an_object_is_no_verdict():
    """What a suite computes on arrays is refused of an object: its own `sum`, its own difference."""
    handle = Handle(answers("value", "", 0.0, ["list"], None), 1, "object", "Liar")
    handle._wall_link.limit(2)
    with pytest.raises(TypeError, match="plain data is required"):
        handle - 1.0

    handle = Handle(answers("value", "", ["list", 2, 3], ["list"], None), 1, "object", "Liar")
    handle._wall_link.limit(2)
    with pytest.raises(TypeError, match="plain data is required"):
        np.sum(handle)


def test_packed_sizes_are_what_they_say():
    """The fuzzers above mutate frames of the true format."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Stream(ours).send(["a"], [b"bc"])
        assert theirs.recv(100) == frame(msgpack.packb(["a"]), [b"bc"])
    assert os.strerror(0)
