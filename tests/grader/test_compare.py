"""What the comparison says, sentence by sentence."""

from __future__ import annotations

import unicodedata
import warnings
from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.arrays import Rule
from grader.compare import explain
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
    return explain(got, expected, rule, "the result") or ""


def equal(got: object, expected: object) -> str:
    return explain(got, expected, Rule(exact=True), "the result") or ""


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
