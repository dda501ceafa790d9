"""OrderProducer against a hand-written Kinesis: nothing lost, nothing twice, in order, whatever fails."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import random
import subprocess
import sys
import threading
import tracemalloc
import weakref
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, as_completed, wait
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, cast

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.client import DeliveryError, RecordMetadata
from orderstream.client.delivery import DeliveryFuture
from orderstream.client.serialization import default_partition_key, ensure_order_id, set_order_id
from orderstream.errors import CloudError, InputError
from tests.unit.client.fake_kinesis import (
    MIB,
    THROTTLED,
    AnswerLost,
    FakeKinesis,
    FakeTime,
    Verdict,
    api_error,
    producer_of,
    refuse,
    refuse_all,
)

ORDER = {"customer_id": "12345", "amount": Decimal("250.00")}
ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


# --- What is sent ---


def test_an_order_arrives_with_its_exact_digits_under_its_customer() -> None:
    kinesis = FakeKinesis()
    order = {
        "order_id": "o-1",
        "customer_id": "Jürgen",
        "amount": Decimal("250.00"),
        "order_date": datetime(2026, 11, 22, 18, 0, tzinfo=UTC),
        "items": [{"sku": "A", "quantity": 1, "unit_price": Decimal("1E+2")}],
        # Not money, so it may be a float.
        "weight": 1.5,
    }
    with producer_of(kinesis) as producer:
        receipt = producer.send(order).result()
    assert kinesis.of_key("Jürgen") == [
        b'{"order_id":"o-1","customer_id":"J\xc3\xbcrgen","amount":250.00,'
        b'"order_date":"2026-11-22T18:00:00Z","items":[{"sku":"A","quantity":1,"unit_price":1E+2}],"weight":1.5}'
    ]
    shard = f"shardId-{kinesis.shard_of('Jürgen'):012d}"
    assert receipt == RecordMetadata("o-1", shard, receipt.sequence_number, attempts=1)


@pytest.mark.parametrize("order", [ORDER, ORDER | {"order_id": None}, MappingProxyType(ORDER)])
def test_an_order_without_an_id_gets_one_and_the_callers_mapping_stays_as_it_is(order: Any) -> None:
    before = dict(order)
    kinesis = FakeKinesis([refuse(0), AnswerLost()])
    with producer_of(kinesis) as producer:
        receipt = producer.send(order).result()
    assert order == before
    assert receipt.attempts == 3
    # Sent three times, stored twice, and one order.
    assert [json.loads(data)["order_id"] for data in kinesis.stored] == [receipt.order_id] * 2


EVENT = {"order_id": "A-1", "event": "captured", "amount": Decimal("19.90")}


@pytest.mark.parametrize("event", [EVENT, EVENT | {"event_id": None, "seq": None}, MappingProxyType(EVENT)])
def test_an_event_gets_an_event_id_and_goes_under_the_id_of_its_order(event: Any) -> None:
    before = dict(event)
    kinesis = FakeKinesis([refuse(0), AnswerLost()])
    with producer_of(kinesis) as producer:
        receipt = producer.send(event).result()
        of_json = producer.send_json(b'{"order_id":"A-1","event":"paid"}').result()
    assert event == before
    assert receipt.order_id == of_json.order_id == "A-1"
    # The first is sent three times, stored twice, and one event.
    sent = [json.loads(data) for data in kinesis.of_key("A-1")]
    assert [one["order_id"] for one in sent] == ["A-1"] * 3
    first, again, paid = (one["event_id"] for one in sent)
    assert first == again != paid and len(first) == len(paid) == 32


@pytest.mark.parametrize(
    "identity", [{"event_id": "pay-7"}, {"seq": 3}, {"occurred_at": "2026-11-22T18:00:00Z"}]
)
def test_an_event_that_is_the_same_when_it_is_sent_again_gets_no_other_id(identity: dict[str, Any]) -> None:
    event = {"order_id": "A-1", "event": "paid"} | identity
    raw = json.dumps(event).encode()
    kinesis = FakeKinesis()
    with producer_of(kinesis) as producer:
        producer.send(event)
        producer.send_json(raw)
    assert [json.loads(data) for data in kinesis.stored] == [event] * 2
    assert kinesis.stored[1] == raw


@pytest.mark.parametrize("missing", [{}, {"order_id": None}, {"order_id": ""}, {"order_id": 7}])
def test_an_event_without_the_id_of_its_order_is_refused(missing: dict[str, Any]) -> None:
    event = {"event": "paid", "customer_id": "12345"} | missing
    kinesis = FakeKinesis()
    with producer_of(kinesis) as producer:
        with pytest.raises(InputError, match="needs the order_id"):
            producer.send(event)
        with pytest.raises(InputError, match="needs the order_id"):
            producer.send_json(json.dumps(event).encode())
    assert not kinesis.stored


def test_the_order_id_of_an_event_can_be_set_and_changes_nothing_else() -> None:
    assert set_order_id(b'{"event": "paid"}', "A-1") == b'{"order_id":"A-1","event": "paid"}'
    assert set_order_id(b'{"event":"paid","order_id":"A"}', "B") == b'{"event":"paid","order_id":"B"}'


def test_ids_are_unique_also_in_a_forked_child() -> None:
    program = (
        "import os; from orderstream.client.serialization import new_order_id\n"
        "new_order_id(); child = os.fork(); ids = [new_order_id() for _ in range(600)]\n"
        "if child: os.wait()\n"
        "print(*ids)"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    ids = out.split()
    assert len(ids) == len(set(ids)) == 1200
    assert all(len(order_id) == 32 for order_id in ids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"amount": 250.0}, "amount is a float"),
        ({"items": [{"sku": "A", "unit_price": 9.99}]}, r"items\[0\].unit_price is a float"),
        ({"order_date": datetime(2026, 11, 22)}, "order_date is a datetime without a time zone"),  # noqa: DTZ001
        ({"amount": Decimal("NaN")}, "amount is NaN"),
        ({"weight": float("inf")}, "weight is inf"),
        ({"note": b"bytes"}, "note is a bytes"),
        ({"note": object()}, "note is a object"),
        ({"note": "\ud800"}, "cannot be written as JSON"),
        ({"note": {(1, 2): 3}}, "cannot be written as JSON"),
        ({"customer_id": None}, "no customer_id"),
        ({"customer_id": ""}, "no customer_id"),
        ({"customer_id": 12345}, "no customer_id"),
        ({"customer_id": "x" * 257}, "256 characters"),
        ({"note": "x" * MIB}, "at most 1048576 bytes"),
        ({"self": ENDLESS}, "holds itself"),
    ],
)
def test_what_cannot_be_sent_exactly_is_refused_and_harms_nothing(
    change: dict[str, Any], message: str
) -> None:
    kinesis = FakeKinesis()
    with producer_of(kinesis) as producer:
        fine = producer.send(ORDER)
        with pytest.raises(InputError, match=message):
            producer.send(ORDER | change)
        with pytest.raises(InputError, match="not list"):
            producer.send(cast(Any, [ORDER]))
        also_fine = producer.send(ORDER)
    assert len(kinesis.stored) == producer.sent == 2
    assert fine.done() and also_fine.done()


def test_bytes_go_exactly_as_they_are() -> None:
    kinesis = FakeKinesis()
    with producer_of(kinesis) as producer:
        receipt = producer.send_bytes(b"\xff not JSON", partition_key="k").result()
        producer.send_bytes(b"", partition_key="e")
        producer.send_bytes(b"x" * (MIB - 1), partition_key="1")
    assert kinesis.of_key("k") == [b"\xff not JSON"]
    assert receipt.order_id is None
    assert [len(data) for data in kinesis.of_key("1")] == [MIB - 1]


@pytest.mark.parametrize(
    ("data", "key"),
    [(b"", ""), (b"", "x" * 257), (b"", "\ud800"), (b"x" * MIB, "k"), (b"x" * (MIB - 1), "ü")],
)
def test_a_record_that_kinesis_would_not_take_is_refused_before_it_goes(data: bytes, key: str) -> None:
    kinesis = FakeKinesis()
    with producer_of(kinesis) as producer, pytest.raises(InputError):
        producer.send_bytes(data, partition_key=key)
    assert kinesis.calls == []


# --- JSON as it was written ---


@pytest.mark.parametrize(
    ("raw", "customer"),
    [
        (b'{"customer_id": "J\\u00fcrgen", "order_id": "mine", "amount": 1.0}', "J\u00fcrgen"),
        (b' {"order_\\u0069d":"mine","customer_id":"c"} ', "c"),
        (b'{"order_id":null,"order_id":"mine","customer_id":"c"}', "c"),
    ],
)
def test_json_with_an_id_goes_unchanged(raw: bytes, customer: str) -> None:
    assert ensure_order_id(raw)[:2] == (raw, "mine")
    kinesis = FakeKinesis()
    with producer_of(kinesis) as producer:
        assert producer.send_json(raw).result().order_id == "mine"
    assert kinesis.of_key(customer) == [raw]


@pytest.mark.parametrize(
    ("raw", "before", "after"),
    [
        (b'{"amount": 250.00 }', b"{", b',"amount": 250.00 }'),
        (b'\n { \t"amount":1}\n', b"\n {", b', \t"amount":1}\n'),
        (b"{}", b"{", b"}"),
        (b"{ \n}", b"{", b" \n}"),
        (b'{"order_ID":1}', b"{", b',"order_ID":1}'),
        # A null is replaced, and every value keeps its digits.
        (
            b'{"order_id" : null, "amount": 250.00, "a": [ {"n" :1e2} ]}',
            b"{",
            b',"amount":250.00,"a":[ {"n" :1e2} ]}',
        ),
    ],
)
def test_an_id_is_written_after_the_brace_and_the_rest_stays_byte_for_byte(
    raw: bytes, before: bytes, after: bytes
) -> None:
    data, order_id, _ = ensure_order_id(raw)
    assert data == before + f'"order_id":"{order_id}"'.encode() + after
    assert json.loads(data)["order_id"] == order_id


@given(
    st.dictionaries(
        # Of an event, the id of the order is required.
        st.text(max_size=5).filter(lambda name: name not in ("order_id", "event")),
        st.recursive(
            st.none() | st.text(max_size=5) | st.decimals(allow_nan=False, allow_infinity=False),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
            ),
        ),
        max_size=4,
    ),
    st.sampled_from([None, "", " ", "\n\t"]),
    st.booleans(),
)
def test_an_id_changes_no_other_value(fields: dict[str, Any], space: str | None, null: bool) -> None:
    if null:
        fields = {**fields, "order_id": None}
    raw = json.dumps(fields, default=str, indent=space).encode()
    data, order_id, _ = ensure_order_id(raw)
    assert json.loads(data, parse_float=str) == json.loads(raw, parse_float=str) | {"order_id": order_id}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no",
        b"[1]",
        b'"x"',
        b"{",
        b'{"order_id":1}}',
        b'{"order_id":"\xff"}',
        b"[" * 200_000,
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError):
        ensure_order_id(raw)
    with producer_of(FakeKinesis()) as producer, pytest.raises(InputError):
        producer.send_json(raw, partition_key="k")


@pytest.mark.parametrize("raw", [b"{}", b'{"customer_id":1}', b'{"customer_id":""}', b'{"customer_id":null}'])
def test_json_without_a_customer_needs_a_partition_key(raw: bytes) -> None:
    with pytest.raises(InputError, match="customer_id"):
        default_partition_key(ensure_order_id(raw)[2])
    kinesis = FakeKinesis()
    with producer_of(kinesis) as producer:
        with pytest.raises(InputError, match="customer_id"):
            producer.send_json(raw)
        producer.send_json(raw, partition_key="k")
    assert len(kinesis.of_key("k")) == 1


# --- Fates ---


def test_only_the_records_that_failed_are_sent_again() -> None:
    kinesis = FakeKinesis([None, refuse(1, 3)], is_open=False)
    with producer_of(kinesis, random=lambda: 1) as producer:
        producer.send_bytes(b"", partition_key="first")
        kinesis.called.wait()
        receipts = [producer.send_bytes(b"", partition_key=key) for key in "abcd"]
        kinesis.open.set()
        attempts = [future.result().attempts for future in receipts]
    assert kinesis.calls == [["first"], ["a", "b", "c", "d"], ["b", "d"]]
    assert attempts == [1, 2, 1, 2]
    assert len(kinesis.stored) == 5


scripts = st.lists(
    st.one_of(
        st.none(),
        st.builds(AnswerLost),
        st.sampled_from([api_error(THROTTLED), api_error("InternalFailure", 500)]),
        st.integers(0, 2**16).map(
            lambda seed: (
                lambda index: THROTTLED if random.Random(seed * 1000 + index).random() < 0.6 else None
            )
        ),
    ),
    max_size=30,
)


@settings(max_examples=60)
@given(
    scripts, st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=80), st.sampled_from([0.0, 0.5, 60.0])
)
def test_the_order_of_a_key_is_kept_and_every_record_has_one_fate(
    script: list[Verdict], keys: list[str], give_up_after: float
) -> None:
    kinesis = FakeKinesis(script)
    outcomes: Counter[int] = Counter()
    futures: list[Future[RecordMetadata]] = []
    with producer_of(
        kinesis, give_up_after_seconds=give_up_after, random=random.Random(1).random
    ) as producer:
        for number, key in enumerate(keys):
            future = producer.send_bytes(b"%d" % number, partition_key=key)
            future.add_done_callback(lambda _, number=number: outcomes.update([number]))  # type: ignore[misc]
            futures.append(future)
        producer.flush()
        assert outcomes == Counter(range(len(keys)))
    receipts = {n: f.result() for n, f in enumerate(futures) if f.exception() is None}
    assert (producer.sent, producer.failed) == (len(receipts), len(keys) - len(receipts))
    for key in set(keys):
        # A record whose answer was lost may be there twice or more, but never after a later one.
        arrived = [int(data) for data in kinesis.of_key(key)]
        assert arrived == sorted(arrived)
    assert set(receipts) <= {int(data) for data in kinesis.stored}
    sequences: dict[str, list[int]] = defaultdict(list)
    for number, receipt in receipts.items():
        assert receipt.shard_id == f"shardId-{kinesis.shard_of(keys[number]):012d}"
        sequences[keys[number]].append(int(receipt.sequence_number))
    assert all(numbers == sorted(numbers) for numbers in sequences.values())


@pytest.mark.parametrize(
    "problem",
    [
        api_error(THROTTLED),
        api_error("LimitExceededException"),
        api_error("KMSThrottlingException"),
        api_error("ResourceInUseException"),
        api_error("Whatever", 503),
        api_error("Whatever", 429),
        EndpointConnectionError(endpoint_url="https://kinesis"),
        ConnectTimeoutError(endpoint_url="https://kinesis"),
        ReadTimeoutError(endpoint_url="https://kinesis"),
        ResponseParserError("not JSON"),
    ],
    ids=str,
)
def test_a_passing_problem_of_a_call_is_waited_out(problem: Exception) -> None:
    kinesis = FakeKinesis([problem, problem])
    with producer_of(kinesis) as producer:
        receipts = [producer.send(ORDER) for _ in range(3)]
        assert max(receipt.result().attempts for receipt in receipts) == 3
    assert len(kinesis.stored) == producer.sent == 3


@pytest.mark.parametrize(
    ("problem", "hint"),
    [
        (api_error("ResourceNotFoundException"), "name of the stream"),
        (api_error("AccessDeniedException"), "kinesis:PutRecords"),
        (api_error("ExpiredTokenException"), "AWS_PROFILE"),
        (api_error("UnrecognizedClientException"), "AWS_PROFILE"),
        (api_error("ValidationException"), ""),
        (NoCredentialsError(), "AWS_PROFILE"),
    ],
    ids=str,
)
def test_a_lasting_problem_of_a_call_fails_its_records_at_once(problem: Exception, hint: str) -> None:
    kinesis = FakeKinesis([problem, None])
    time = FakeTime()
    with producer_of(kinesis, time) as producer:
        error = producer.send({**ORDER, "order_id": "mine"}).exception()
        assert isinstance(error, DeliveryError) and isinstance(error, CloudError)
        assert (error.attempts, error.order_id) == (1, "mine")
        assert error.message.startswith("not sent after 1 attempt: ")
        assert "\n" not in error.message
        assert hint in error.hint
        # The producer goes on.
        assert producer.send(ORDER).result().attempts == 1
    assert time.now == 0
    assert (producer.sent, producer.failed) == (1, 1)


def test_an_answer_of_the_wrong_length_is_no_answer() -> None:
    class Garbling(FakeKinesis):
        def put_records(self, **call: Any) -> dict[str, Any]:
            answer = super().put_records(**call)
            return answer if len(self.calls) > 2 else {"Records": []} if len(self.calls) > 1 else {}

    kinesis = Garbling()
    with producer_of(kinesis) as producer:
        assert producer.send(ORDER).result().attempts == 3
    assert producer.sent == 1


def test_a_record_is_given_up_on_with_its_reason_and_the_next_of_its_key_goes() -> None:
    time = FakeTime()
    kinesis = FakeKinesis(itertools.repeat(refuse_all))
    with producer_of(kinesis, time, give_up_after_seconds=30) as producer:
        error = producer.send_bytes(b"1", partition_key="a").exception()
        assert isinstance(error, DeliveryError)
        assert error.reason == f"{THROTTLED}: {THROTTLED} for the shard"
        assert error.attempts == len(kinesis.calls) > 5
        assert time.now == pytest.approx(30)
        kinesis.verdicts = iter(())
        assert producer.send_bytes(b"2", partition_key="a").result().attempts == 1


def test_with_no_time_to_give_every_record_has_one_attempt() -> None:
    kinesis = FakeKinesis(itertools.repeat(refuse_all))
    with producer_of(kinesis, give_up_after_seconds=0) as producer:
        errors = [producer.send(ORDER).exception() for _ in range(5)]
    assert [cast(DeliveryError, error).attempts for error in errors] == [1] * 5


@pytest.mark.parametrize(("keys", "seconds"), [(1, 0), (1500, 0), (1500, 30)])
def test_an_outage_costs_its_time_once_and_not_for_every_record_or_slow_call(keys: int, seconds: int) -> None:
    time = FakeTime()

    def timeouts() -> Iterator[Verdict]:
        while True:
            time.now += seconds
            yield ReadTimeoutError(endpoint_url="https://kinesis")

    kinesis = FakeKinesis(timeouts(), is_open=False)
    with producer_of(kinesis, time, give_up_after_seconds=60) as producer:
        futures = [producer.send_bytes(b"", partition_key=f"{n % keys}") for n in range(1500)]
        kinesis.open.set()
        producer.flush()
    assert time.now < 61
    assert producer.failed == 1500
    assert all(isinstance(future.exception(), DeliveryError) for future in futures)


def test_a_failed_call_after_a_slow_hour_is_not_an_outage() -> None:
    time = FakeTime()

    def slow() -> Iterator[Verdict]:
        for problem in (True, False, False, True, False, False, False, False):
            time.now += 600
            yield api_error("InternalFailure", 500) if problem else None

    kinesis = FakeKinesis(slow(), is_open=False)
    with producer_of(kinesis, time, give_up_after_seconds=700) as producer:
        for number in range(2500):
            producer.send_bytes(b"", partition_key=f"{number}")
        kinesis.open.set()
    assert (producer.sent, producer.failed) == (2500, 0)


def test_an_error_that_nobody_foresaw_fails_everything_and_hangs_nothing() -> None:
    kinesis = FakeKinesis([ZeroDivisionError("a bug")], is_open=False)
    with producer_of(kinesis) as producer:
        futures = [producer.send(ORDER) for _ in range(1000)]
        kinesis.open.set()
        producer.flush()
        for future in futures:
            error = future.exception()
            assert isinstance(error, DeliveryError)
            assert error.reason == "the sender stopped: ZeroDivisionError: a bug"
        with pytest.raises(DeliveryError, match="a bug"):
            producer.send(ORDER)
    assert (producer.sent, producer.failed) == (0, 1000)


# --- Batches, bound and memory ---


def test_send_blocks_while_the_buffer_is_full_and_goes_on_when_there_is_room() -> None:
    kinesis = FakeKinesis(is_open=False)
    accepted: list[int] = []
    two_accepted = threading.Event()

    def fill() -> None:
        for number in range(6):
            producer.send_bytes(b"x" * (MIB - 10), partition_key=f"{number}")
            accepted.append(number)
            if number == 1:
                two_accepted.set()

    with producer_of(kinesis, max_buffered_bytes=3 * MIB) as producer:
        filling = threading.Thread(target=fill)
        filling.start()
        assert two_accepted.wait(30)
        filling.join(0.05)
        assert filling.is_alive()
        assert len(accepted) == 2
        kinesis.open.set()
        filling.join(30)
    assert len(accepted) == producer.sent == 6


@pytest.mark.parametrize(("verdicts", "reason"), [([], "closed"), ([ZeroDivisionError("a bug")], "a bug")])
def test_a_sender_that_waits_for_room_hears_of_the_end(verdicts: list[Verdict], reason: str) -> None:
    kinesis = FakeKinesis(verdicts, is_open=False)
    heard = threading.Event()

    def fill() -> None:
        with pytest.raises(DeliveryError, match=reason):
            while True:
                producer.send_bytes(b"x" * (MIB - 10), partition_key="k")
        heard.set()

    producer = producer_of(kinesis, max_buffered_bytes=2 * MIB)
    filling = threading.Thread(target=fill)
    filling.start()
    kinesis.called.wait()
    closing = threading.Thread(target=producer.close)
    if verdicts:
        kinesis.open.set()
    else:
        closing.start()
    assert heard.wait(30)
    kinesis.open.set()
    filling.join(30)
    producer.close()
    assert producer.sent == len(kinesis.stored)
    assert (producer.sent > 0) == (not verdicts)


@pytest.mark.parametrize("options", [{"max_buffered_bytes": MIB}, {"give_up_after_seconds": -1}])
def test_a_bound_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        producer_of(FakeKinesis(), **options)


def test_a_decided_record_is_kept_by_nobody() -> None:
    with producer_of(FakeKinesis()) as producer:
        futures = [producer.send(ORDER) for _ in range(3)]
        producer.flush()
        gone = [weakref.ref(future) for future in futures]
        del futures
        assert [reference() for reference in gone] == [None] * 3


def test_memory_is_flat_however_many_orders_are_sent() -> None:
    class Forgetful(FakeKinesis):
        def put_records(self, **call: Any) -> dict[str, Any]:
            return {
                "Records": [
                    {"ShardId": "shardId-000000000000", "SequenceNumber": "49"} for _ in call["Records"]
                ]
            }

    with producer_of(Forgetful(), max_buffered_bytes=4 * MIB) as producer:
        producer.send(ORDER).result()
        gc.collect()
        tracemalloc.start()
        for number in range(10_000):
            producer.send_bytes(b"x" * 50, partition_key=f"{number}")
        _, peak = tracemalloc.get_traced_memory()
        producer.flush()
        left, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert producer.sent == 10_001
    assert peak < 6 * MIB
    assert left < MIB // 2


# --- Threads, Futures and the end ---


def test_many_threads_may_send_at_once() -> None:
    kinesis = FakeKinesis([refuse(0, 2, 4)] * 20)
    with producer_of(kinesis, max_buffered_bytes=2 * MIB) as producer:

        def send_many(thread: int) -> None:
            for number in range(500):
                producer.send_bytes(b"%d" % number, partition_key=f"{thread}-{number % 3}")

        threads = [threading.Thread(target=send_many, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert producer.sent == len(kinesis.stored) == 2000
    for number in range(4):
        for remainder in range(3):
            expected = [b"%d" % n for n in range(500) if n % 3 == remainder]
            assert kinesis.of_key(f"{number}-{remainder}") == expected


def test_leaving_the_block_sends_what_was_accepted_also_after_ctrl_c() -> None:
    kinesis = FakeKinesis([refuse_all, api_error(THROTTLED)])
    with pytest.raises(KeyboardInterrupt), producer_of(kinesis) as producer:
        for _ in range(100):
            producer.send(ORDER)
        raise KeyboardInterrupt
    assert len(kinesis.stored) == producer.sent == 100


def test_a_closed_producer_takes_nothing_more_and_may_be_closed_again() -> None:
    producer = producer_of(FakeKinesis())
    producer.send(ORDER)
    producer.close()
    producer.close()
    with pytest.raises(DeliveryError, match="not sent: the producer is closed"):
        producer.send(ORDER)
    unused = producer_of(FakeKinesis())
    unused.flush()
    unused.close()


def test_a_producer_that_nobody_closed_sends_what_it_has_before_the_program_ends() -> None:
    program = (
        "from orderstream.client import OrderProducer\n"
        "class Kinesis:\n"
        "    def put_records(self, StreamName, Records):\n"
        "        print(*[record['Data'].decode() for record in Records])\n"
        "        return {'Records': [{'ShardId': 's', 'SequenceNumber': '1'} for _ in Records]}\n"
        "producer = OrderProducer('OrderStream', Kinesis())\n"
        "for number in range(2000): producer.send_bytes(b'%d' % number, partition_key=str(number))\n"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.split() == [str(number) for number in range(2000)]


def test_a_callback_may_send_but_not_wait_for_its_own_thread() -> None:
    kinesis = FakeKinesis(is_open=False)
    errors: list[BaseException] = []
    followed: list[Future[RecordMetadata]] = []

    def follow(first: Future[RecordMetadata]) -> None:
        followed.append(producer.send(ORDER))
        for waiting in (producer.flush, producer.close):
            try:
                waiting()
            except RuntimeError as error:
                errors.append(error)

    with producer_of(kinesis) as producer:
        producer.send(ORDER).add_done_callback(follow)
        kinesis.open.set()
        producer.flush()
        producer.flush()
    assert len(errors) == 2
    assert followed[0].result().attempts == 1


def test_an_error_in_a_callback_is_logged_and_harms_no_record(caplog: pytest.LogCaptureFixture) -> None:
    kinesis = FakeKinesis(is_open=False)
    with producer_of(kinesis) as producer:
        producer.send(ORDER).add_done_callback(lambda future: 1 / 0)
        kinesis.open.set()
        assert producer.send(ORDER).result()
    assert producer.sent == 2
    assert "exception calling callback" in caplog.text


def test_the_future_is_one_like_any_other() -> None:
    kinesis = FakeKinesis([None, api_error("AccessDeniedException")], is_open=False)
    with producer_of(kinesis) as producer:
        good, bad = producer.send(ORDER), producer.send(ORDER)
        kinesis.called.wait()
        assert not good.done() and not good.cancel() and not good.cancelled() and not good.running()
        assert "pending" in repr(good)
        with pytest.raises(TimeoutError):
            good.result(timeout=0)
        with pytest.raises(TimeoutError):
            bad.exception(timeout=0)
        with pytest.raises(AttributeError):
            getattr(bad, "no_such_attribute")  # noqa: B009
        assert wait([good, bad], timeout=0).done == set()
        kinesis.open.set()
        assert set(as_completed([good, bad], timeout=30)) == {good, bad}
    assert good.exception() is None
    with pytest.raises(DeliveryError):
        bad.result()

    async def in_asyncio() -> RecordMetadata:
        with producer_of(FakeKinesis()) as another:
            return await asyncio.wrap_future(another.send(ORDER))

    assert asyncio.run(in_asyncio()).attempts == 1


def test_a_callback_is_called_whether_the_future_is_looked_at_before_or_after() -> None:
    receipt = RecordMetadata("o", "shardId-000000000000", "49", 1)
    called: list[str] = []
    outcome = DeliveryFuture()
    outcome.add_done_callback(lambda done: called.append("before"))
    assert repr(outcome)
    outcome.add_done_callback(lambda done: called.append("after"))
    outcome.resolve(receipt)
    outcome.add_done_callback(lambda done: called.append("at once"))
    assert called == ["before", "after", "at once"]
    unseen = DeliveryFuture()
    unseen.resolve(receipt)
    unseen.add_done_callback(lambda done: called.append(done.result().sequence_number))
    assert called[3:] == ["49"]


def test_a_future_looked_at_by_many_threads_while_it_is_decided_is_decided_for_all() -> None:
    receipt = RecordMetadata("o", "shardId-000000000000", "49", 1)
    outcomes = [DeliveryFuture() for _ in range(600)]
    called: list[int] = []
    seen: list[int] = []
    start = threading.Barrier(4)

    def look(offset: int) -> None:
        start.wait()
        for number in range(len(outcomes)):
            outcome = outcomes[number]
            if (number + offset) % 3:
                outcome.add_done_callback(lambda _, number=number: called.append(number))  # type: ignore[misc]
            assert outcome.result(timeout=30) == receipt
            seen.append(number)

    lookers = [threading.Thread(target=look, args=(offset,)) for offset in range(3)]
    for looker in lookers:
        looker.start()
    start.wait()
    for outcome in outcomes:
        outcome.resolve(receipt)
    for looker in lookers:
        looker.join(30)
    assert Counter(seen) == dict.fromkeys(range(len(outcomes)), 3)
    assert Counter(called) == dict.fromkeys(range(len(outcomes)), 2)


def test_a_permanent_error_of_the_sdk_is_told_from_a_bug() -> None:
    class Strange(BotoCoreError):
        fmt = "strange"

    with producer_of(FakeKinesis([Strange()])) as producer:
        error = producer.send(ORDER).exception()
        assert isinstance(error, DeliveryError)
        assert error.reason == "strange"
        assert producer.send(ORDER).result()
