"""Invokes the function with a batch and returns the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from orderstream.aws.kinesis_event import EventRecord, event_of
from orderstream.local.esm.failures import DiscardedInvocation
from orderstream.local.esm.outcomes import Failed, NotInvoked, Outcome, read_answer
from orderstream.sdk.errors import UNREACHABLE, error_code, is_throttle

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


@dataclass(frozen=True, slots=True)
class InvokeAnswer:
    """The outcome, and the invocation unless it was rejected.

    `fault` is the reason for a rejection; "" for a throttle, which is routine.
    """

    outcome: Outcome
    invocation: DiscardedInvocation | None = None
    fault: str = ""


def invoke(
    client: LambdaClient, function_arn: str, batch: Sequence[EventRecord], *, reports_failures: bool
) -> InvokeAnswer:
    """Run the function once with `batch` and wait for it; its own errors are an outcome."""
    try:
        response = client.invoke(
            FunctionName=function_arn,
            InvocationType="RequestResponse",
            Payload=event_of(batch),
        )
        payload = response["Payload"].read()
    # A connection may break before or after the function ran. Resending the batch without using up a retry
    # loses nothing in either case.
    except (ClientError, *UNREACHABLE) as error:
        return _refused(error)
    invocation = DiscardedInvocation(
        request_id=response["ResponseMetadata"]["RequestId"],
        status_code=response["StatusCode"],
        executed_version=response.get("ExecutedVersion", "$LATEST"),
    )
    outcome: Outcome = Failed()
    if not response.get("FunctionError"):
        outcome = read_answer(batch, payload, reports_failures=reports_failures)
    return InvokeAnswer(outcome, invocation)


def _refused(error: Exception) -> InvokeAnswer:
    if isinstance(error, ClientError) and error_code(error) == "RequestTooLargeException":
        # It will never get smaller: only a split or exhausted retries get the lane past it.
        metadata = error.response["ResponseMetadata"]
        return InvokeAnswer(
            Failed(), DiscardedInvocation(metadata["RequestId"], metadata["HTTPStatusCode"], "$LATEST")
        )
    return InvokeAnswer(NotInvoked(), fault="" if is_throttle(error) else str(error))
