"""What the comparison says, sentence by sentence."""

from __future__ import annotations

import unicodedata
import warnings
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.arrays import Rule
from grader.checks import CheckFailed, check_close, check_equal, check_unchanged
from grader.compare import explain
from grader.sandbox.handles import Handle as RealHandle
from grader.sandbox.handles import Record
from grader.text import clean, describe, number, numbers_apart

E = np.random.default_rng(0).normal(size=(3, 4))
S = np.exp(E) / np.exp(E).sum(-1, keepdims=True)
TIGHT = Rule(rtol=1e-6)


class Handle:
    """A proxy that must never be asked."""

    __grader_handle__ = True

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_wall_name", name)
        object.__setattr__(self, "_wall_what", "object")

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(f"the handle was asked for {name}")

    def __bool__(self) -> bool:
        raise RuntimeError("the handle was asked for its truth")

    def __repr__(self) -> str:
        raise RuntimeError("the handle was asked for its repr")


@dataclass
class Step:
    loss: float
    weights: np.ndarray


Point = namedtuple("Point", "x y")


def close(got: object, expected: object, rule: Rule = TIGHT) -> str:
    return _whole(explain(got, expected, rule, "the result"))


def equal(got: object, expected: object) -> str:
    return close(got, expected, Rule(exact=True))


def _whole(says: str | None) -> str:
    """What is said and, on a line of its own, the relation."""
    return f"{says or ''}\n{getattr(says, 'relation', '')}".strip()


def _with_last_row(e: np.ndarray) -> np.ndarray:
    changed = e.copy()
    changed[-1] += [1.0, 2.0, -3.0, 0.5]
    return changed


@pytest.mark.parametrize(
    ("got", "expected", "sentence"),
    [
        (2 * E, E, "twice"),
        (E / 2, E, "half"),
        (-E, E, "sign is flipped"),
        (4 * E, E, "a sum instead of a mean"),
        (E / 4, E, "a mean instead of a sum"),
        (E * np.sqrt(3), E, "√3 times what is required, and 3 is the size of axis 0"),
        (E / np.sqrt(7), E, "1/√7"),
        (E / np.log(2), E, "bits instead of nats"),
        (E * 2.3456, E, "2.3456 times"),
        (E + 0.3, E, "0.3 too large"),
        (E - 1, E, "one too small"),
        (E**2, E, "the square"),
        (np.exp(E), E, "the exponential"),
        (np.roll(E, 1, 1), E, "shifted by one position along axis 1"),
        (np.vstack([np.zeros(4), E[:-1]]), E, "shifted by one position along axis 0"),
        (np.vstack([E[1:], np.zeros(4)]), E, "one place too early"),
        (E[:, ::-1], E, "reversed along axis 1"),
        (np.sort(E.ravel()).reshape(3, 4), E, "another order"),
        (E[[1, 0, 2]], E, "along axis 0, in another order"),
        (E[:3, :3].T, E[:3, :3], "transposed"),
        (np.exp(E), S, "normalise each row"),
        (E, E - np.log(np.exp(E).sum(-1, keepdims=True)), "off by its own offset"),
        (np.exp(E) / np.exp(E).sum(0), S, "wrong axis: yours sums to one along axis 0"),
        (_with_last_row(E), E, "except the last row"),
        (E.round(2), E, "rounded to 2 decimals"),
        (np.trunc(E * 9), E * 9, "whole numbers"),
        (np.zeros((3, 4)), E, "Every entry of yours is 0."),
        (np.full((3, 4), 0.25), E, "the same, 0.25"),
    ],
)
def test_a_relation_that_explains_every_entry_is_named(got, expected, sentence):
    """A relation that holds for all entries is said in one sentence."""
    assert sentence in close(got, expected)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_no_relation_is_named_between_unrelated_arrays(seed):
    """Random numbers have nothing to do with each other, and nothing is claimed."""
    rng = np.random.default_rng(seed)

    says = close(rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), Rule(rtol=0.1, atol=0.1))

    assert [line.split()[0] for line in says.splitlines()] in (["the", "first", "worst"], ["the", "first"])


A = E[0]  # four numbers


@pytest.mark.parametrize(
    ("got", "expected", "relation"),
    [
        (147786048, 134515008, ""),  # their exponentials are both infinite
        (np.array([900, 950.2, 1000.7, 1111.3]), np.array([800, 801.5, 903, 1007]), ""),
        (18 / 19 * A, A, "Every entry is 0.947368 times what is required."),  # the divisor is not known from the shape
        (18 / 19 * A[0], A[0], ""),
        (1.0, 2.0, ""),
        (4.0, 3.0, ""),
        (A[0] * 7, A[0], ""),
        (A[0] * 2.001, A[0], ""),
        (A[0] ** 2, A[0], ""),
        (A[:3] - 1.40805, A[:3], ""),
        (A[:3] * 2.3456, A[:3], ""),
        (np.ones((2, 3)) * 3.7, np.ones((2, 3)), ""),
        (np.roll(A, 1), A, "The right values, in another order."),
        (np.append(A[1:], 0), A, ""),
        (np.array([0.0, 0, 0, 5, 0, 0, 0, 0]), np.array([0.0, 0, 0, 0, 5, 0, 0, 0]), ""),
        (np.array([[1.0, 2.0, 4.0]]) * 3.1, np.array([[1.0, 2.0, 3.0]]), ""),
        (E[:2] * [[2.0], [3.0]], E[:2], ""),
        (E[:, :2] * [[2.0], [3.0], [4.0]], E[:, :2], ""),
        (np.array([1.5, 2.5, 3.5, 4.0]), np.array([1.5, 2.5, 3.5, 4.2]), ""),
    ],
)
def test_a_coincidence_is_no_relation(got, expected, relation):
    """Few numbers, or the same ones, fit too many relations: nothing is said, or no more than what is seen."""
    says = explain(got, expected, Rule(rtol=1e-6), "the result")

    assert says is not None and getattr(says, "relation", "") == relation


@pytest.mark.parametrize(
    ("factor", "sentence"),
    [
        (-1, "The sign is flipped."),
        (2, "Yours is twice what is required."),
        (0.5, "Yours is half of what is required."),
        (1 / np.log(2), "bits instead of nats"),
        (2 * (1 + 1e-12), "Yours is twice"),
    ],
)
def test_one_number_is_told_by_few_exact_factors(factor, sentence):
    """The sign, two, a half and log 2 are said of one number, where it fits closely."""
    assert sentence in close(A[0] * factor, A[0], Rule(rtol=1e-13))


def test_few_numbers_are_told_by_the_size_of_their_axis():
    """Three entries that are a third of what is required: the size of the axis is known."""
    assert "1/3 of what is required, and 3 is the size of axis 0: a mean" in close(A[:3] / 3, A[:3])


def test_a_known_divisor_is_told():
    """n − 1 for n is guessed where n is the size of an axis."""
    says = close(E * np.sqrt(3 / 4), E)

    assert "√(3/4) times what is required, and 4 is the size of axis 1: divided by n instead of n − 1?" in says


def test_masked_entries_do_not_change_the_shape():
    """The sizes that are named are those of the whole array."""
    mask = np.where(np.tri(3, 4) > 0, 0, -np.inf)

    assert "axis 0" not in close(E * 9 + mask, E + mask)
    assert "4 is the size of axis 1" in close(E * 4 + mask, E + mask)


def test_rows_are_only_normalised_where_that_is_required():
    """Rows that differ by factors of their own are told; what to do, only where the required rows are normalised."""
    says = close(E * [[2.0], [3.0], [5.0]], E)

    assert says.endswith("Each row is off by its own factor.")


@pytest.mark.parametrize(("error", "digits"), [(5e-12, 11), (3e-7, 6), (6e-5, 4), (2e-4, None), (1e-2, None)])
def test_nearly_tells_the_digits_that_agree(error, digits):
    """How far all entries agree is measured; below four digits nothing is said of it."""
    says = close(E * (1 + error * np.linspace(-1, 1, 12).reshape(3, 4)), E, Rule(1e-13))

    assert digits is None or says.endswith(
        f"Nearly: they agree to about {digits} digits. Something small was added or rounded."
    )
    assert digits or "Nearly" not in says


def test_a_factor_of_nearly_one_is_nearly():
    """Digits that agree say more than a factor of 0.999999."""
    assert close(E * 0.999999, E, Rule(1e-12)).endswith("about 6 digits. Something small was added or rounded.")


def test_a_coarse_type_hides_no_factor():
    """In bfloat16 a factor is told as one, not as one for each row."""
    e = torch.tensor(np.random.default_rng(1).normal(size=(4, 5)))

    assert "Every entry is 1.37" in close((1.37 * e).bfloat16(), e)
    assert "Every entry is twice what is required." in close((2 * e).bfloat16(), e, Rule(1e-2))


def test_nearly_holds_for_all_entries():
    """One entry that is far off, or a zero that is none, is not nearly."""
    for place, value in (((0, 0), 5.0), ((1, 1), 0.0)):
        got, expected = E * (1 + 1e-7), E.copy()
        expected[place] = value
        assert "Nearly" not in close(got, expected, Rule(1e-9))


def test_relations_hold_beside_masked_entries():
    """Minus infinity in the same places does not hide a constant factor."""
    mask = np.where(np.tri(3, 4) > 0, 0, -np.inf)

    assert "twice" in close(2 * E + mask, E + mask)


@pytest.mark.parametrize(
    ("got", "expected", "sentence"),
    [
        ((4, 3), (3, 4), "transposed"),
        ((2, 4, 3), (2, 3, 4), "transposed"),
        ((4, 2, 3), (2, 3, 4), "another order"),
        ((3, 1), (3,), "leave out keepdims"),
        ((3,), (3, 1), "keepdims would keep it"),
        ((3, 4), (2, 3, 4), "The first axis (the batch, of size 2) is gone"),
        ((3, 4), (3,), "Axis 1 of size 4 is too many"),
        ((3,), (3, 4), "Axis 1 of size 4 is gone"),
        ((12,), (3, 4), "right number of entries"),
        ((3, 1), (3, 4), "Axis 1 was reduced to size 1"),
        ((3, 5), (3, 4), "Axis 1 is 1 position too long"),
    ],
)
def test_a_shape_is_explained(got, expected, sentence):
    """Both shapes are shown, and how they come to differ."""
    says = close(np.zeros(got), np.zeros(expected))

    assert f"must have shape {expected}; yours has shape {got}" in says
    assert sentence in says


def test_positions_counts_and_both_values():
    """How many entries differ, the first and the worst with both values."""
    got = E.copy()
    got[0, 1] += 1
    got[2, 3] += 5

    says = close(got, E)

    assert "2 of 12 entries differ" in says
    assert f"first at [0, 1]: expected {E[0, 1]:.6g}, yours {got[0, 1]:.6g}" in says
    assert f"worst at [2, 3]: expected {E[2, 3]:.6g}, yours {got[2, 3]:.6g}" in says


def test_nan_and_infinity_are_counted():
    """NaN or infinity where a number is required is said."""
    got = E.copy()
    got[0, 0], got[1, 1], got[2, 2] = np.nan, np.inf, np.nan

    says = close(got, E)

    assert "2 entries of yours are NaN where a number is required, the first at [0, 0]" in says
    assert "1 entry of yours is infinite" in says


def test_nan_agrees_with_nan_and_infinity_with_its_own_sign():
    """NaN passes only where NaN is required, infinity only with the same sign."""
    assert not close(np.array([np.nan, np.inf, 1.0]), np.array([np.nan, np.inf, 1.0]))
    assert close(np.array([-np.inf]), np.array([np.inf]))
    assert close(np.array([1.0]), np.array([np.inf]), Rule(rtol=0.5))
    assert close(np.array([np.nan]), np.array([1.0]), Rule(rtol=0.5, atol=9.0))


@pytest.mark.parametrize("got", [0.5, np.float32(0.5), np.array(0.5), torch.tensor(0.5)])
def test_a_scalar_may_come_in_any_form_without_axes(got):
    """Python number, NumPy scalar, array or tensor without axes."""
    assert not close(got, 0.5)
    assert "expected 0.25, yours 0.5" in close(got, 0.25)


@pytest.mark.parametrize(
    ("got", "expected", "sentence"),
    [
        (np.array([0.5]), 0.5, "must be a single number; yours is an array of shape (1,)"),
        (True, 1.0, "must be a number; yours is True"),
        (torch.ones(3), np.ones(3), "must be a NumPy array; yours is a tensor of shape (3,)"),
        (np.ones(3), torch.ones(3), "must be a torch tensor; yours is an array of shape (3,)"),
        ([1.0, 1.0], np.ones(2), "must be a NumPy array; yours is a list of 2 items"),
        (np.ones(2), [1.0, 1.0], "must be a list; yours is an array of shape (2,)"),
        (0.5, torch.tensor(0.5), "must be a torch tensor; yours is the number 0.5"),
        (np.array([True]), np.array([1.0]), "must hold floats; yours holds truth values"),
        (np.array([1.0]), np.array([True]), "must hold truth values; yours holds floats"),
        (np.array([1 + 0j]), np.array([1.0]), "must hold floats; yours holds complex numbers"),
        (np.array([1, 2]), np.array([1.0, 2.5]), "holds whole numbers (int64) where floats are required"),
        (torch.eye(2).to_sparse(), torch.eye(2), "dense tensor; yours is sparse_coo"),
        (torch.empty(2, 2, device="meta"), torch.eye(2), "dense tensor; yours is meta"),
        (None, 0.5, "must be a number; yours is None"),
        ({"a": 1.0}, {"a": 1.0, "b": 2.0}, "missing: 'b'"),
        ({"a": [1.0, {"b": 2.0}]}, {"a": [1.0, {"b": 2.5}]}, "at ['a'][1]['b']: expected 2.5, yours 2"),
        (10**400, 1.0, "whole number of 1329 bits"),
        (Point(1.0, 2.0), Point(1.0, 2.5), "at .y: expected 2.5, yours 2"),
        (Point(1.0, 2.0), Step(1.0, np.ones(2)), "must have the fields loss, weights; yours has x, y"),
        ((1.0, 2.0), Point(1.0, 2.0), "must be a record with the fields x, y; yours is a tuple of 2 items"),
    ],
)
def test_another_kind_of_thing_fails_with_a_sentence(got, expected, sentence):
    """Kinds are strict, and said."""
    assert sentence in close(got, expected)


class Link:
    def ask(self, *_: object, **__: object) -> object:
        raise RuntimeError("the learner's object was asked")


def _every_kind() -> list[object]:
    """A value of every kind that an answer can be, and some that cannot come through the wall."""
    whole = [0, -1, True, 2**63, -(2**64), 10**400, np.int8(1), np.uint64(2**64 - 1)]
    real = [0.5, float("nan"), float("inf"), 1e308, np.float16(1), np.longdouble(1), Decimal("sNaN"), Fraction(1, 2)]
    odd = [None, 1j, complex("nan"), np.complex128(2**70 + 5j), np.bool_(True), Ellipsis, object(), int, len, range(3)]
    text = ["", "é\ud800", b"\xff", np.str_("a"), np.bytes_(b"a"), bytearray(b"a"), np.dtype("f4"), torch.float32]
    inside = [[], [1.0, 2.0], [10**400, 1.0], [np.nan, 1], [[1.0], [1.0, 2.0]], (1.0, 2.0), torch.Size([2]), {1: 2}]
    more = [{}, {np.nan: 1.0}, set(), {1, 2}, frozenset("a"), slice(1), slice(np.ones(2)), OrderedDict(a=1), [None]]
    objects = [Point(1.0, 2.0), Record(Link(), 1, "R", {"x": 1.0}), RealHandle(Link(), 1, "object", "Net"), Handle("A")]
    dates = [np.datetime64("NaT"), np.timedelta64(1, "s"), np.array(["2020", "NaT"], "M8[ns]"), np.ones(2, "m8[s]")]
    structured = np.zeros(2, dtype=[("a", "i4"), ("b", "f8")])
    arrays = [np.array(1.0), np.array("a"), np.array(None), np.array(2**63, "u8"), np.zeros(0), np.zeros((0, 3))]
    types = [np.ones(2, kind) for kind in ("f2", "f8", ">f8", "g", "?", "i1", "u8", "c8", "G", "U1", "S1", "V4")]
    arrays += [np.array([np.nan, np.inf]), np.array(["a", "b"]), np.array([{}, [1]], object), structured, structured[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [*whole, *real, *odd, *text, *inside, *more, *objects, *dates, *arrays, *types, *_tensors()]


def _tensors() -> list[torch.Tensor]:
    names = "bool uint8 int64 uint16 uint64 bfloat16 float16 float64 complex32 complex64 float8_e4m3fn".split()
    one = torch.ones(2)
    return [
        *(one.to(getattr(torch, name)) for name in names if hasattr(torch, name)),
        torch.tensor(1.0), torch.ones(0), torch.ones(2, requires_grad=True), one.to(torch.complex64).conj(),
        torch.eye(2).to_sparse(), torch.eye(2).to_sparse_csr(), torch.empty(2, device="meta"),
        torch.quantize_per_tensor(one, 0.1, 0, torch.quint8), torch.nested.nested_tensor([one, torch.ones(3)]),
        *([torch.empty(2, dtype=torch.bits8)] if hasattr(torch, "bits8") else []),
    ]  # fmt: skip


REQUIRED = [
    0, 1, 2**63, 10**400, 0.5, float("nan"), 1j, True, np.bool_(True), None, "a", b"a", [1.0, 2.0], [[1.0], [2.0]],
    (1, "a"), {"a": 1.0}, {1, 2}, slice(1), np.dtype("f4"), Point(1.0, np.ones(2)), Step(1.0, np.ones(2)),
    torch.float32, np.float16(1), np.uint64(3), np.array(1.0), np.array(2**63, "u8"), np.ones(2), np.ones(2, "i8"),
    np.ones(2, "?"),
    np.ones(2, "c16"), np.array(["a", "b"]), np.zeros((0, 3)), np.array(["2020", "2021"], "M8[D]"),
    np.zeros(2, dtype=[("c", "U2")]), torch.tensor(1.0), torch.ones(2), torch.ones(2, dtype=torch.int64),
    torch.ones(2) > 0, torch.ones(2, dtype=torch.complex64), torch.ones(2, dtype=torch.bfloat16),
]  # fmt: skip


@pytest.mark.parametrize("expected", REQUIRED, ids=lambda value: type(value).__name__)
@pytest.mark.filterwarnings("ignore")
def test_whatever_comes_passes_or_fails_with_a_sentence(expected):
    """No answer makes a comparison raise anything else."""
    for got in _every_kind():
        for check, options in (
            (check_close, {"rtol": 1e-6}),
            (check_close, {"rtol": 0.5, "atol": 0.5, "dtype": "float32"}),
            (check_equal, {}),
            (check_unchanged, {}),
        ):
            says = "passed"
            try:
                check(got, expected, **options)
            except CheckFailed as failed:
                says = failed.message
            assert 0 < len(says) < 1500


def test_text_is_no_number():
    """An array of text where floats are required is told as such."""
    assert "must hold floats; yours holds text" in close(np.array(["a"]), np.array([1.0]))
    assert "must hold floats; yours has dtype object" in close(np.array([None]), np.array([1.0]))
    assert "can hold; yours is a whole number of 65 bits" in close(2**64, np.array(1.0))


def test_quantized_tensors_are_refused():
    """A quantized tensor is not compared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8)

    assert "yours is quantized" in close(quantized, torch.ones(2))


def test_half_precision_tensors_are_compared_in_float64():
    """bfloat16 and float16 are converted, not refused."""
    assert not close(torch.ones(2, dtype=torch.bfloat16), torch.ones(2))
    assert "bfloat16" in close(torch.ones(2, dtype=torch.bfloat16), torch.ones(2), Rule(1e-3, dtype="float32"))


def test_records_compare_by_field():
    """A record is compared with a dataclass or a namedtuple of the suite, whatever its class."""
    record = namedtuple("Record", "loss weights")(1.0, np.ones(2))

    assert not close(record, Step(1.0, np.ones(2)))


@pytest.mark.parametrize(
    ("got", "expected", "sentence"),
    [
        (True, 1, "must be a number; yours is True"),
        (1, True, "1 is a number, not a truth value"),
        (1, 1.0, "must be a float (1.0); yours is a whole number (1)"),
        (1.0, 1, "must be a whole number (1); yours is a float (1.0)"),
        ([True], [1], "at [0] must be a number; yours is True"),
        ([1, 2], (1, 2), "must be a tuple; yours is a list of 2 items"),
        ({True}, {1}, "missing: 1"),
        ({1.0: "a"}, {1: "a"}, "too many: 1"),
        ({1, 2, 3, 9}, {1, 2, 3, 4, 5}, "missing: 4, 5"),
        ({"a": 1}, OrderedDict(a=1), "must be an OrderedDict; yours is a dict"),
        (OrderedDict(b=1, a=2), OrderedDict(a=2, b=1), "in another order"),
        ("hello world", "hello w0rld", "first difference is at character 7"),
        ("one\ntwo", "one\ntwp", "(line 2)"),
        ("ab", "abc", "Yours ends after 2 characters, 3 are required"),
        ("abc", "ab", "goes on after the required end"),
        ("abc ", "abc", "Only the white space at the ends differs"),
        ("ABC", "abc", "Only upper and lower case"),
        ("cba", "abc", "reversed"),
        (b"a\x00", b"ab", "byte 1"),
        (["b", "a"], ["a", "b"], "right, in another order"),
        (["a", "bc"], ["a", "b", "c"], "must have 3 items; yours has 2\nthe result at [1]"),
        ([1, 2], [1, 2, 3], "must have 3 items; yours has 2"),
        (np.array([1.0]), np.array([1]), "must hold whole numbers; yours holds floats"),
        (np.array([2**60 + 1]), np.array([2**60]), "1152921504606846977"),
        (torch.float32, torch.float64, "expected torch.float64, yours torch.float32"),
        (2**63, 2**63 + 1, "expected 9223372036854775809"),
    ],
)
def test_equality_is_exact_and_explained(got, expected, sentence):
    """Types count, and the first difference is said."""
    assert sentence in equal(got, expected)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (np.int64(3), 3), (float("nan"), float("nan")), (torch.Size([2, 3]), (2, 3)), ("é", "é"), (None, None),
        ([1, (2, {"a": {3}})], [1, (2, {"a": {3}})]), (slice(1, 2), slice(1, 2)), (np.dtype("f4"), np.dtype("f4")),
        (np.array(["a"]), np.array(["a"])), (np.int32([1]), np.int64([1])), (torch.ones(1) > 0, torch.tensor([True])),
    ],
)  # fmt: skip
def test_equal_things_are_equal(got, expected):
    """What is the same passes."""
    assert not equal(got, expected)


def test_what_is_not_plain_data_is_the_suites_mistake():
    """An expected value that cannot be compared is named as the suite's."""
    with pytest.raises(TypeError, match="the suite compares with object"):
        close(1, object())


def test_long_text_is_never_shown_whole():
    """Of required text beyond 60 characters only the surroundings of the difference are shown."""
    expected = "".join(chr(97 + i % 26) for i in range(80))

    says = equal("X" + expected[1:], expected)

    assert expected not in says
    assert len(says) < 200


def test_a_handle_is_never_asked():
    """Nothing is asked of a handle, wherever it stands."""
    handle = Handle("Net")

    assert "an object of your class Net\\x1b[0m" in close(Handle("Net\x1b[0m"), np.ones(2))
    assert "must be a list; yours is an object of your class Net" in close(handle, [1.0])
    assert not equal([handle], [handle])
    assert "an object of your class Net" in equal([handle], ["Net"])
    assert describe(Handle("A")) == "an object of your class A"
    assert equal({handle: 1}, {"a": 1})


finite = st.floats(-1e6, 1e6)
arrays = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=finite)


@given(st.data(), arrays, st.sampled_from([0.0, 1e-9, 1e-5, 1e-2]), st.sampled_from([0.0, 1e-8, 1e-3]))
@settings(max_examples=200, deadline=None)
def test_numpy_agrees_about_what_is_close(data, expected, rtol, atol):
    """The verdict is that of numpy.testing.assert_allclose."""
    noise = data.draw(hnp.arrays(np.float64, expected.shape, elements=st.floats(-2, 2)))
    got = expected + noise * (atol + rtol * np.abs(expected))
    try:
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)
        agrees = True
    except AssertionError:
        agrees = False

    assert agrees == (not close(got, expected, Rule(rtol, atol)))


wild = st.floats(allow_nan=True, allow_infinity=True)


@given(hnp.arrays(np.float64, 5, elements=wild), hnp.arrays(np.float64, 5, elements=wild))
@settings(max_examples=200, deadline=None)
def test_numpy_agrees_about_nan_and_infinity(got, expected):
    """The verdict is that of numpy.isclose with equal_nan, and explaining never fails."""
    with np.errstate(all="ignore"):
        agrees = bool(np.isclose(got, expected, rtol=1e-3, atol=0, equal_nan=True).all())

    assert agrees == (not close(got, expected, Rule(1e-3)))


distinct = st.lists(st.integers(600_000, 999_999), min_size=2, max_size=8, unique=True)


@given(distinct, st.sampled_from(["zero", "double", "reversed", "shift", "sorted", "square", "offset"]))
@settings(max_examples=200, deadline=None)
def test_the_expected_array_is_never_shown_whole(values, how):
    """Some value of the expected array is missing from every message."""
    expected = np.array(values, dtype=float)
    wrong = {
        "zero": expected * 0, "double": expected * 2, "reversed": expected[::-1], "shift": np.roll(expected, 1),
        "sorted": np.sort(expected), "square": expected**2, "offset": expected + 1e6,
    }[how]  # fmt: skip
    for got, required in ((wrong, expected), (wrong.tolist(), expected.tolist())):
        says = close(got, required)

        assert not says or not all(f"{value:.6g}" in says for value in _unseen(expected, got))


def _unseen(expected: np.ndarray, got: object) -> list[float]:
    """The expected values that the learner's own answer does not show anyway."""
    own = {f"{value:.6g}" for value in np.asarray(got)}
    return [value for value in expected if f"{value:.6g}" not in own] or [float("-inf")]


leaf = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(),
    st.text(max_size=5), st.binary(max_size=5),
    st.sampled_from([np.float32(1), np.int64(2), np.bool_(True), torch.ones(2), torch.float32, slice(1)]),
    st.sampled_from([torch.Size([1]), torch.tensor(1j), np.dtype("f4")]),
    hnp.arrays(st.sampled_from(["f4", "i8", "?", "c8", "U3", "u1"]), hnp.array_shapes(min_dims=0, max_dims=2)),
)  # fmt: skip
data = st.recursive(
    leaf,
    lambda inside: st.one_of(
        st.lists(inside, max_size=3),
        st.lists(inside, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=2), st.integers(), st.floats()), inside, max_size=3),
        st.sets(st.one_of(st.text(max_size=2), st.booleans(), st.floats()), max_size=3),
    ),
    max_leaves=6,
)


@given(data, data, st.sampled_from([Rule(1e-3), Rule(exact=True), Rule(0.1, 0.1, "float32")]))
@settings(max_examples=400, deadline=None)
def test_any_plain_data_is_compared_without_an_error(got, expected, rule):
    """Whatever comes, there is a sentence, plain and short; a thing agrees with itself."""
    says = close(got, expected, rule)

    assert len(says) < 1500
    assert says == clean(says, 2000, multiline=True)
    assert rule.dtype or not close(expected, expected, rule)


@given(arrays.filter(lambda e: bool(e.any())), st.sampled_from([0.0, 1e-6, 0.5]))
@settings(max_examples=100, deadline=None)
def test_zeros_never_pass(expected, rtol):
    """All zeros is not close to anything but zeros."""
    assert close(np.zeros_like(expected), expected, Rule(rtol))


@given(st.text(st.characters(), max_size=300), st.integers(0, 250), st.booleans())
@settings(max_examples=300, deadline=None)
def test_clean_text_is_plain_and_bounded(text, limit, multiline):
    """No control, format, surrogate or separator character is left, and the bound holds."""
    shown = clean(text, limit, multiline=multiline)

    assert len(shown) <= limit + 1
    kept = [c for c in shown if not (multiline and c in "\n\t")]
    assert not [c for c in kept if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
    shown.encode("utf-8")


@pytest.mark.parametrize("character", [*"\x1b\x00\x7f\x9b\u202a\u202e\u2066\u2069\u200e\u200f\u200b\u2028\ufeff\ud800"])
def test_what_a_terminal_acts_upon_is_escaped(character):
    """Each is shown as its escape."""
    assert clean(f"a{character}b") == f"a{character.encode('unicode_escape').decode()}b"


def test_numbers_are_shown_with_as_many_digits_as_it_takes():
    """Six digits, or more where only more tell two numbers apart."""
    assert number(1 / 3) == "0.333333"
    assert numbers_apart(1.0, 1.0 + 1e-9) == ("1", "1.000000001")
    assert number(np.float32(0.5)) == "0.5"
    assert number(10**6000) == "a whole number of 19932 bits"
