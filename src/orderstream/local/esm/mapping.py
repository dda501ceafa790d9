"""The settings of the deployed event source mapping, read once when the event source starts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import consumer_of, stream_of, table_of
from orderstream.errors import CloudError
from orderstream.local.esm.lanes import Rules
from orderstream.local.esm.shards import TRIM_HORIZON, Position

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import EventSourceMappingConfigurationResponseTypeDef as Deployed


@dataclass(frozen=True, slots=True)
class Mapping:
    """The settings of one mapping. `destination` is the ARN of the on-failure destination or "".

    Those of a pipe have its own ARN instead of that of a function.

    `starting` is where it reads from if it never ran before.

    `consumer_arn` is that of the registered stream consumer, "" if the shards are polled; `counts_events` is
    whether the mapping's own metrics are enabled.
    """

    id: str
    stream_arn: str
    consumer_arn: str
    function_arn: str
    role_arn: str
    destination: str
    starting: Position
    rules: Rules
    counts_events: bool

    @property
    def stream_name(self) -> str:
        """The bare name of a Kinesis stream, the label of a DynamoDB stream."""
        return self.stream_arn.rpartition("/")[2]

    @property
    def table_name(self) -> str:
        """The name of the table whose DynamoDB stream it reads, "" if it reads a Kinesis stream."""
        return table_of(self.stream_arn)

    @property
    def function_name(self) -> str:
        """The bare name of the function."""
        return self.function_arn.split(":")[6]


def read_mapping(cloud: AwsClients, mapping_id: str) -> Mapping:
    """The mapping with that UUID.

    Raises CloudError if it is enabled or uses unsupported settings; SDK errors propagate.
    """
    deployed = cloud.lambda_.get_event_source_mapping(UUID=mapping_id)
    _refuse_what_would_differ(deployed)
    source = deployed["EventSourceArn"]
    function_arn = deployed["FunctionArn"]
    function = cloud.lambda_.get_function_configuration(FunctionName=function_arn)
    start = deployed["StartingPosition"]
    return Mapping(
        id=mapping_id,
        stream_arn=stream_of(source),
        consumer_arn=source if consumer_of(source) else "",
        function_arn=function_arn,
        role_arn=function.get("Role", ""),
        destination=deployed.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", ""),
        starting=Position(timestamp=time.time()) if start == "LATEST" else TRIM_HORIZON,
        rules=_rules(deployed),
        counts_events="EventCount" in deployed.get("MetricsConfig", {}).get("Metrics", []),
    )


def _rules(deployed: Deployed) -> Rules:
    # MiniStack returns the values as CloudFormation received them, such as "3" or "true".
    return Rules(
        batch_size=int(deployed.get("BatchSize", 100)),
        window_seconds=int(deployed.get("MaximumBatchingWindowInSeconds", 0)),
        parallelization_factor=int(deployed.get("ParallelizationFactor", 1)),
        max_retries=int(deployed.get("MaximumRetryAttempts", -1)),
        max_age_seconds=int(deployed.get("MaximumRecordAgeInSeconds", -1)),
        bisect=str(deployed.get("BisectBatchOnFunctionError", False)).lower() == "true",
        reports_failures="ReportBatchItemFailures" in deployed.get("FunctionResponseTypes", []),
    )


def _refuse_what_would_differ(deployed: Deployed) -> None:
    name = f"event source mapping {deployed['UUID']}"
    if deployed["State"] != "Disabled":
        raise CloudError(
            f"{name} is {deployed['State']}: every record would be delivered twice over",
            hint="disable it: aws lambda update-event-source-mapping --no-enabled --uuid " + deployed["UUID"],
        )
    if deployed.get("FilterCriteria", {}).get("Filters"):
        raise CloudError(f"{name} has FilterCriteria, which the local event source does not support")
    if int(deployed.get("TumblingWindowInSeconds", 0)):
        raise CloudError(f"{name} has a tumbling window, which the local event source does not support")
    if deployed.get("StartingPosition") not in {"TRIM_HORIZON", "LATEST"}:
        raise CloudError(
            f"{name} starts at {deployed.get('StartingPosition')}",
            hint="the local event source supports TRIM_HORIZON and LATEST",
        )
    destination = deployed.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
    if destination and destination.split(":")[2] not in {"s3", "sqs"}:
        raise CloudError(
            f"{name} has {destination} as its on-failure destination",
            hint="the local event source supports S3 buckets and SQS queues",
        )
