"""Pickles: plain values come back; nothing else is built, and nothing is run."""

import datetime
import os
import pickle
from collections import OrderedDict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from stg_model.training.transcripts.plain_pickle import read_plain_pickle

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=30,
)


class Hostile:
    """Unpickled, it would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(value=plain, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_back_under_every_protocol(tmp_path, value, protocol):
    path = tmp_path / "p"
    path.write_bytes(pickle.dumps(value, protocol))
    assert read_plain_pickle(path) == value


def test_tuples_come_back_as_lists(tmp_path):
    path = tmp_path / "p"
    path.write_bytes(pickle.dumps([(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]))
    assert read_plain_pickle(path) == [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_is_refused_and_not_run(tmp_path, protocol):
    path, made = tmp_path / "p", tmp_path / "made"
    path.write_bytes(pickle.dumps({"v": Hostile(made)}, protocol))
    with pytest.raises(InputError, match=r"instruction (STACK_)?GLOBAL\); nothing was run"):
        read_plain_pickle(path)
    assert not made.exists()
    pickle.loads(path.read_bytes())  # it would have
    assert made.exists()


@pytest.mark.parametrize(
    ("content", "instruction"),
    [
        (pickle.dumps(datetime.date(2026, 1, 1)), "GLOBAL"),
        (pickle.dumps(OrderedDict()), "GLOBAL"),
        (pickle.dumps({1}, 4), "EMPTY_SET"),
        (pickle.dumps(frozenset((1,)), 4), "FROZENSET"),
        (b"cos\nmkdir\n(S'made'\ntR.", "GLOBAL"),
        (b"(S'made'\nios\nmkdir\n.", "INST"),
        (b"Ppersistent\n.", "PERSID"),
        (b"\x82\x01.", "EXT1"),
        (b"NNR.", "REDUCE"),
        (b"N}b.", "BUILD"),
    ],
)
def test_whatever_is_not_plain_is_named(tmp_path, content, instruction):
    path = tmp_path / "p"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"instruction (STACK_)?{instruction}"):
        read_plain_pickle(path)


@pytest.mark.parametrize(
    "content", [b"", b"abc", b".", b"N", b"\x80\x09N.", b"\x93", b"g7\n.", b"\x8a\xff."]
)
def test_a_damaged_pickle_is_one_line(tmp_path, content):
    path = tmp_path / "p"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged|more than plain"):
        read_plain_pickle(path)


def test_a_memo_beyond_the_file_costs_no_memory(tmp_path):
    path = tmp_path / "p"
    path.write_bytes(b"Nr\xff\xff\xff\xff.")
    assert read_plain_pickle(path) is None


def test_a_nest_of_tuples_is_never_hashed(tmp_path):
    """As a key, forty tuples of the one before twice would be hashed 2^40 times."""
    nest = b")" + b"2\x86" * 40
    path = tmp_path / "p"
    path.write_bytes(b"\x80\x04}" + nest + b"Ns.")
    with pytest.raises(InputError, match="unhashable"):
        read_plain_pickle(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(content=st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path, content):
    path = tmp_path / "p"
    path.write_bytes(content)
    message = ""
    try:
        read_plain_pickle(path)
    except InputError as error:
        message = str(error)
    assert "\n" not in message
