"""The outcome of an invocation for its batch: delivered, partial failure, failed, or not invoked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from orderstream.aws.kinesis_event import EventRecord


@dataclass(frozen=True, slots=True)
class Delivered:
    """The whole batch is done."""


@dataclass(frozen=True, slots=True)
class PartialFailure:
    """The function reported failures: records before `index` in the batch are done, the rest are not."""

    index: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The whole batch failed: an error, a timeout, or an invalid response."""


@dataclass(frozen=True, slots=True)
class NotInvoked:
    """The function did not run: it was throttled, or could not be reached."""


Outcome = Delivered | PartialFailure | Failed | NotInvoked


def read_answer(batch: Sequence[EventRecord], payload: bytes, *, reports_failures: bool) -> Outcome:
    """The outcome of an invocation without function error whose response is `payload` (JSON, may be empty).

    Without ReportBatchItemFailures any response is a success.
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
    # A batch is in shard order: the lowest sequence number has the lowest index.
    known = [index for index in reported if index is not None]
    if len(known) < len(reported):
        return Failed()
    return PartialFailure(min(known)) if known else Delivered()


def _identifier(failure: object) -> str:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    return identifier if isinstance(identifier, str) else ""


def _number(sequence_number: str) -> str:
    # Without leading zeros, equal text means equal integers, whatever their length.
    return sequence_number.lstrip("0")
