"""A customer's id is found in what is no order in every spelling, or the record is named as unreadable."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.archive.data_subject import DataSubject
from orderstream.archive.identifier_search import search
from orderstream.domain.decode import AGGREGATE_MAGIC
from tests.unit.archive.spellings import HER, OTHERS, SECRET, SPELLINGS, UNREADABLE, bad, members

EVENT = "shardId-1:1"


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_record_of_the_customer_is_theirs_in_every_spelling(name: str) -> None:
    person = DataSubject(HER)
    assert person.owns(SPELLINGS[name], "key", EVENT, "object")
    assert person.unsure == {}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_not_theirs_and_is_named(name: str) -> None:
    person = DataSubject(HER)
    assert not person.owns(UNREADABLE[name], "key", EVENT, "object")
    (problem,) = person.unsure.values()
    assert EVENT in problem and "object" in problem and SECRET not in problem


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_somebody_elses_is_neither(name: str) -> None:
    person = DataSubject(HER)
    assert not person.owns(OTHERS[name], "key", EVENT, "object")
    assert person.unsure == {}


def test_what_says_no_customer_is_of_whom_its_partition_key_names() -> None:
    assert DataSubject(HER).owns(b"\xff\x00\x99", HER, EVENT, "object")
    assert not DataSubject(HER).owns(bad("other").encode(), HER, EVENT, "object")


def test_a_record_with_orders_of_others_is_theirs_and_shared() -> None:
    person = DataSubject(HER)
    assert person.owns(SPELLINGS["an array with others"], "key", EVENT, "object")
    assert person.shared == {EVENT}


@pytest.mark.parametrize(
    ("number", "customer", "theirs"),
    [
        ("12345", "12345", True),
        ("12345.0", "12345", True),
        ("1.2345e4", "12345", True),
        ("7", "007", False),
        ("1e999999999999999999", "12345", False),
        ("null", "null", False),
    ],
)
def test_a_number_is_the_id_that_it_would_be_as_text(number: str, customer: str, theirs: bool) -> None:
    assert search(f'{{"customer_id": {number}, "amount": NaN}}'.encode(), customer).claimed == theirs


@settings(max_examples=50)
@given(st.binary(max_size=300), st.text(min_size=1, max_size=20))
def test_no_bytes_make_the_search_fail(data: bytes, customer: str) -> None:
    for bytes_ in (data, b"\x1f\x8b" + data, AGGREGATE_MAGIC + data, gzip.compress(data), b'{"' + data):
        search(bytes_, customer)


WRAPPERS: list[Callable[[bytes], bytes]] = [
    gzip.compress,
    base64.b64encode,
    lambda data: members(data[: len(data) // 2], data[len(data) // 2 :]),
    lambda data: json.dumps({"data": base64.b64encode(data).decode()}).encode(),
    lambda data: base64.b64encode(data).decode().encode("utf-16"),
]


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.lists(st.sampled_from(WRAPPERS), max_size=4),
    st.booleans(),
)
def test_an_id_of_any_letters_is_found_however_it_is_wrapped(
    customer: str, wrappers: list[Callable[[bytes], bytes]], ascii_only: bool
) -> None:
    data = json.dumps([{"customer_id": customer}], ensure_ascii=ascii_only).encode()
    for wrap in wrappers:
        data = wrap(data)
    assert search(data, customer).claimed


@pytest.mark.parametrize(
    "data",
    [
        b'"' * 300_000,
        b'"' + b'\\"' * 150_000 + b"\\",
        b"\\" * 300_000,
        b"[" * 300_000,
        b'{"customer_id":' * 60_000,
        gzip.compress(b"") * 50_000,
        b"\x1f\x8b\x08" * 300_000,
        gzip.compress(gzip.compress(b"a" * 100_000_000, 1), 1),
    ],
    ids=["quotes", "escapes", "backslashes", "brackets", "keys", "members", "damaged members", "a bomb"],
)
def test_a_hostile_record_takes_no_more_than_seconds(data: bytes) -> None:
    begun = time.process_time()
    search(data, HER)
    # They take a fraction of one; what takes quadratic time would take hours.
    assert time.process_time() - begun < 20
