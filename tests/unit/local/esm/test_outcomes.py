"""An answer of the function means what AWS takes it to mean."""

import json

import pytest

from orderstream.aws.kinesis_event import EventRecord
from orderstream.local.esm.outcomes import Delivered, Failed, Outcome, PartialFailure, read_answer

BATCH = [EventRecord(f"000{number}", "key", 0, 0, None, b"{}") for number in (90, 100, 110)]


def read(answer: object, *, reports_failures: bool = True) -> Outcome:
    return read_answer(BATCH, json.dumps(answer).encode(), reports_failures=reports_failures)


def failures(*identifiers: object) -> dict[str, list[dict[str, object]]]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


@pytest.mark.parametrize("answer", [None, "", {}, {"batchItemFailures": None}, failures()])
def test_an_empty_answer_is_success(answer: object) -> None:
    assert read(answer) == Delivered()


def test_no_answer_at_all_is_success() -> None:
    assert read_answer(BATCH, b"", reports_failures=True) == Delivered()


def test_a_misspelt_key_reads_as_success() -> None:
    assert read({"batchItemFailure": [{"itemIdentifier": "00090"}]}) == Delivered()


@pytest.mark.parametrize("answer", [failures("00090"), "text", [1], 7])
def test_without_report_batch_item_failures_any_answer_is_success(answer: object) -> None:
    assert read(answer, reports_failures=False) == Delivered()


def test_the_lowest_returned_number_is_where_it_failed() -> None:
    assert read(failures("000110", "000100")) == PartialFailure(1)


@pytest.mark.parametrize("identifier", ["90", "0090", "000000090"])
def test_sequence_numbers_are_compared_as_integers(identifier: str) -> None:
    assert read(failures(identifier)) == PartialFailure(0)


@pytest.mark.parametrize("identifier", ["", None, "91", "0", "ninety", 90, {}, "9" * 10_000])
def test_an_unusable_identifier_fails_the_whole_batch(identifier: object) -> None:
    assert read(failures("000110", identifier)) == Failed()


@pytest.mark.parametrize(
    "answer",
    [
        "text",
        7,
        True,
        [],
        ["00090"],
        {"batchItemFailures": "00090"},
        {"batchItemFailures": {}},
        {"batchItemFailures": ["00090"]},
        {"batchItemFailures": [{"sequenceNumber": "00090"}]},
    ],
)
def test_an_answer_of_another_shape_fails_the_whole_batch(answer: object) -> None:
    assert read(answer) == Failed()


def test_an_answer_that_is_no_json_fails_the_whole_batch() -> None:
    assert read_answer(BATCH, b'{"batchItemFailures": [', reports_failures=True) == Failed()
