"""The pipeline with a change feed: the table's stream, what announces its changes, and their stream."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec

from orderstream.aws import dynamodb_event
from orderstream.aws.clients import AwsClients
from orderstream.feed.lambda_handler import FeedServices, handle_with
from orderstream.feed.publisher import Publisher
from orderstream.pipeline.event_table import EventTable
from orderstream.pipeline.table import OrderTable
from orderstream.storage import stream
from tests.integration.pipeline_harness import Pipe

CHANGES = "OrderChanges"


class _Context:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class FeedPipe(Pipe):
    """The pipeline; `announce` does what the function of the feed does with what it has not done."""

    def __init__(self, cloud: AwsClients) -> None:
        super().__init__(cloud)
        self.deployment = replace(
            self.deployment, resources={**self.deployment.resources, "ChangesStreamName": CHANGES}
        )
        cloud.kinesis.create_stream(StreamName=CHANGES, ShardCount=2)
        cloud.dynamodb.update_table(
            TableName="Orders",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self._done = 0
        dynamodb = cloud.dynamodb
        self._use = FeedServices(
            "test",
            "/orderstream/orderstream",
            False,
            EventTable(dynamodb, "OrderEvents", OrderTable(dynamodb, "Orders")),
            Publisher(CHANGES, cloud.kinesis_no_retry),
        )

    def announce(self) -> None:
        """Announce what changed since the last call."""
        records = self._changed()
        new, self._done = records[self._done :], len(records)
        assert handle_with(self._use, {"Records": new}, _Context()) == {"batchItemFailures": []}

    def forget_changes(self) -> None:
        """What has changed since the last call is never announced: as if it was too old."""
        self._done = len(self._changed())

    def announced(self) -> list[dict[str, Any]]:
        """The announcements, those of an order in their order."""
        return [json.loads(record.data) for record in stream.records(self.deployment.change_feed)]

    def ids(self) -> list[str]:
        """The ids of the announcements, in the order of orders."""
        return sorted(one["id"] for one in self.announced())

    def _changed(self) -> list[dict[str, Any]]:
        streams = self.cloud.client("dynamodbstreams")
        arn = self.cloud.dynamodb.describe_table(TableName="Orders")["Table"]["LatestStreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found: list[dict[str, Any]] = []
        while page := (answer := streams.get_records(ShardIterator=iterator))["Records"]:
            found += [msgspec.json.decode(dynamodb_event.entry(arn, _timed(record))) for record in page]
            iterator = answer["NextShardIterator"]
        return found


def _timed(record: Any) -> dict[str, Any]:
    """The record in the JSON form, whose times are numbers."""
    at = record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
    return {**record, "dynamodb": {**record["dynamodb"], "ApproximateCreationDateTime": at}}
