"""Runs EventBridge pipes from a Kinesis stream to an event bus, as AWS would.

MiniStack's own pipes read streams of tables only. The records are read as those of an event source mapping;
what differs is here: the settings, the request to the event bus, and the metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.kinesis_event import EventRecord
from orderstream.errors import CloudError
from orderstream.local.esm.destination import Ending
from orderstream.local.esm.failures import DiscardedInvocation
from orderstream.local.esm.invoker import InvokeAnswer
from orderstream.local.esm.lanes import Rules
from orderstream.local.esm.mapping import Mapping as Settings
from orderstream.local.esm.metrics import MetricSender, Series
from orderstream.local.esm.outcomes import Delivered, Failed, NotInvoked, PartialFailure
from orderstream.local.esm.receiver import Receiver
from orderstream.local.esm.shards import TRIM_HORIZON, Position
from orderstream.local.pipe_template import check_template, parameter, pipe_event, render
from orderstream.sdk.errors import UNREACHABLE

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

# PutEvents accepts less than this in all entries of a call together.
MAX_CALL_BYTES = 1024 * 1024
# Errors of EventBridge itself, after which a pipe tries again without using up a retry.
_SERVER_ERROR = 500


def is_from_stream_to_bus(pipe: Mapping[str, Any]) -> bool:
    """Whether a pipe, as DescribePipe returns it, is one that runs here."""
    source, target = str(pipe["Source"]).split(":"), str(pipe["Target"]).split(":")
    return source[2:3] == ["kinesis"] and target[2:3] == ["events"] and target[5].startswith("event-bus/")


def pipe_id(pipe: Mapping[str, Any]) -> str:
    """The name of a pipe and when it was made: another one of this name starts from the beginning."""
    return f"{pipe['Name']}@{pipe['CreationTime'].timestamp():.0f}"


def bus_of_pipe(cloud: AwsClients, id: str, on_problem: Callable[[str], None]) -> Receiver:
    """The event bus that is the target of a pipe, by the pipe's id.

    Raises CloudError if it uses unsupported settings; SDK errors propagate.
    """
    name = id.partition("@")[0]
    pipe = cloud.pipes.describe_pipe(Name=name)
    settings = _settings(pipe)
    target = pipe.get("TargetParameters", {})
    template = target.get("InputTemplate", "")
    if not template:
        raise CloudError(f"pipe {name} has no input template, which the local cloud does not support")
    check_template(template)
    of_bus = target.get("EventBridgeEventBusParameters", {})
    if unsupported := of_bus.keys() - {"Source", "DetailType"}:
        raise CloudError(f"pipe {name} has {', '.join(sorted(unsupported))}: the local cloud supports none")
    return Receiver(
        settings,
        partial(put_on_bus, cloud.events, pipe["Target"], template, of_bus),
        PipeMetrics(name, cloud.cloudwatch, on_problem),
    )


def _settings(pipe: Mapping[str, Any]) -> Settings:
    given = pipe.get("SourceParameters", {})
    if given.get("FilterCriteria", {}).get("Filters"):
        raise CloudError(f"pipe {pipe['Name']} has FilterCriteria, which the local cloud does not support")
    source = given["KinesisStreamParameters"]
    if source["StartingPosition"] not in {"TRIM_HORIZON", "LATEST"}:
        raise CloudError(
            f"pipe {pipe['Name']} starts at {source['StartingPosition']}",
            hint="the local cloud supports TRIM_HORIZON and LATEST",
        )
    is_latest = source["StartingPosition"] == "LATEST"
    # MiniStack returns the values as CloudFormation received them, such as "3".
    return Settings(
        id=pipe_id(pipe),
        stream_arn=pipe["Source"],
        consumer_arn="",
        function_arn=pipe["Arn"],
        role_arn=pipe["RoleArn"],
        destination=source.get("DeadLetterConfig", {}).get("Arn", ""),
        starting=Position(timestamp=time.time()) if is_latest else TRIM_HORIZON,
        rules=Rules(
            batch_size=int(source.get("BatchSize", 100)),
            window_seconds=int(source.get("MaximumBatchingWindowInSeconds", 0)),
            parallelization_factor=int(source.get("ParallelizationFactor", 1)),
            max_retries=int(source.get("MaximumRetryAttempts", -1)),
            max_age_seconds=int(source.get("MaximumRecordAgeInSeconds", -1)),
            bisect=source.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT",
        ),
        counts_events=False,
    )


def put_on_bus(
    events: Any, bus: str, template: str, of_bus: Mapping[str, str], batch: Sequence[EventRecord]
) -> InvokeAnswer:
    """Put a batch on a bus by one call. `events` is a client, `of_bus` has the target's own parameters."""
    found = [pipe_event(record.json) for record in batch]
    entries = [
        {
            "EventBusName": bus,
            "Source": parameter(of_bus.get("Source", "Pipe"), event),
            "DetailType": parameter(of_bus.get("DetailType", "Event from aws:kinesis"), event),
            "Detail": render(template, event),
        }
        for event in found
    ]
    if sum(map(_size, entries)) >= MAX_CALL_BYTES:
        # MiniStack has no limit.
        return InvokeAnswer(Failed(), DiscardedInvocation("", 400, ""))
    try:
        answer = events.put_events(Entries=entries)
    except ClientError as error:
        about = error.response["ResponseMetadata"]
        if about["HTTPStatusCode"] >= _SERVER_ERROR:
            return InvokeAnswer(NotInvoked(), fault=str(error))
        return InvokeAnswer(Failed(), DiscardedInvocation(about["RequestId"], about["HTTPStatusCode"], ""))
    except UNREACHABLE as error:
        return InvokeAnswer(NotInvoked(), fault=str(error))
    rejected = [index for index, entry in enumerate(answer["Entries"]) if "ErrorCode" in entry]
    about = answer["ResponseMetadata"]
    return InvokeAnswer(
        PartialFailure(rejected[0]) if rejected else Delivered(),
        DiscardedInvocation(about["RequestId"], about["HTTPStatusCode"], ""),
    )


def _size(entry: Mapping[str, str]) -> int:
    return sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


class PipeMetrics(MetricSender):
    """The metrics of one pipe in AWS/EventBridge/Pipes. Those of its stream are of who else reads it."""

    def __init__(self, name: str, cloudwatch: CloudWatchClient, on_problem: Callable[[str], None]) -> None:
        super().__init__(cloudwatch, on_problem)
        self._pipe = (("PipeName", name),)

    def read(self, shard_id: str, records: Sequence[EventRecord]) -> None:
        """Do nothing: reading has no metric."""

    def ages(self, seconds: Iterable[float], now: float) -> None:
        """Do nothing: a pipe has no metric of age."""

    def delivered(self, batch: Sequence[EventRecord], sent_at: float) -> None:
        """An execution was made with `batch` at that time."""
        for name, count in (("Invocations", 1), ("EventCount", len(batch)), ("ExecutionFailed", 0)):
            self._add(name, count, sent_at)

    def failed(self, records: int) -> None:
        """Count an execution that left so many records."""
        if records:
            self._add("ExecutionFailed", 1, time.time())

    def ended(self, ending: Ending, records: int) -> None:
        """Do nothing: the dead-letter queue has the metric."""

    def _add(self, name: str, count: int, at: float) -> None:
        self.add(Series("AWS/EventBridge/Pipes", name, "None", self._pipe), count, at)
