"""What an invocation came to for its batch: delivered, failed from a record on, failed, or never run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from orderstream.aws.kinesis_event import EventRecord


@dataclass(frozen=True, slots=True)
class Delivered:
    """The whole batch is done."""


@dataclass(frozen=True, slots=True)
class PartialFailure:
    """The function reported failures: what comes before `index` in the batch is done, the rest is not."""

    index: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The whole batch failed: an error, a timeout, or an answer that says nothing usable."""


@dataclass(frozen=True, slots=True)
class NotInvoked:
    """The function was not run: throttled, or a fault on the way to it."""


Outcome = Delivered | PartialFailure | Failed | NotInvoked


def read_answer(batch: Sequence[EventRecord], payload: bytes, *, reports_failures: bool) -> Outcome:
    """The outcome of an invocation without function error that answered `payload` (JSON, may be empty).

    Without ReportBatchItemFailures any answer is a success.
    """
    if not reports_failures:
        return Delivered()
    try:
        answer = json.loads(payload or b"null")
    except ValueError:
        return Failed()
    if answer is None or answer == "":
        return Delivered()
    if not isinstance(answer, dict):
        return Failed()
    # A misspelt key means no failures, on AWS too.
    failures = answer.get("batchItemFailures")
    if failures is None:
        return Delivered()
    return _read_failures(batch, failures)


def _read_failures(batch: Sequence[EventRecord], failures: object) -> Outcome:
    if not isinstance(failures, list):
        return Failed()
    place = {_number(record.sequence_number): index for index, record in enumerate(batch)}
    reported = [place.get(_number(_identifier(failure))) for failure in failures]
    # A batch is in the order of its shard: the lowest sequence number is the lowest index.
    known = [index for index in reported if index is not None]
    if len(known) < len(reported):
        return Failed()
    return PartialFailure(min(known)) if known else Delivered()


def _identifier(failure: object) -> str:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    return identifier if isinstance(identifier, str) else ""


def _number(sequence_number: str) -> str:
    # Equal as integers is equal without leading zeros; an integer of any length can be compared so.
    return sequence_number.lstrip("0")
