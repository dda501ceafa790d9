"""`orders status` on a deployed stack: its figures are CloudWatch's, its status says whether to get up."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import pytest
from mypy_boto3_cloudwatch.literals import StateValueType
from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.capacity.parameter_sets import SETS
from orderstream.domain.object_keys import DISCARDED, marker_key
from orderstream.local.cloud import LocalCloud
from orderstream.monitoring import dead_letter_backlog
from orderstream.monitoring.collector import SECONDS_KEPT, StatusCollector
from orderstream.monitoring.figures import Rates
from orderstream.monitoring.health import DeadLetterBacklog
from orderstream.monitoring.tables import TableLoad
from tests.integration import deployed
from tests.integration.conftest import Orders, OrdersHere, awaited
from tests.integration.pipeline_harness import environment_of

# The middle of a minute that is over for long: what is put then is in the account like anything else.
NOW = int(time.time() // 60) * 60 - 600 + 30


@pytest.fixture
def deployment(cloud: AwsClients) -> Deployment:
    return deployed.deploy(cloud, ShardCount="2")


def put(cloud: AwsClients, namespace: str, name: str, dimensions: Mapping[str, str], *values: float) -> None:
    """The values, one for each minute, the last one for the minute before this one."""
    data: list[MetricDatumTypeDef] = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": one, "Value": value} for one, value in dimensions.items()],
            "Timestamp": datetime.fromtimestamp(NOW - 60 * number, UTC),
            "Value": value,
        }
        for number, value in enumerate(reversed(values), start=1)
    ]
    cloud.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def test_rates_ages_shares_and_counts_are_those_of_cloudwatch(deployment: Deployment) -> None:
    stream = {"StreamName": deployment.stream}
    put(deployment.cloud, "AWS/Kinesis", "IncomingRecords", stream, *[6_000] * 6)
    put(deployment.cloud, "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", stream, *[0] * 5, 30_000)
    for shard, records in (("shardId-000000000000", 1_000), ("shardId-000000000001", 5_000)):
        put(deployment.cloud, "AWS/Kinesis", "IncomingRecords", stream | {"ShardId": shard}, *[records] * 6)
    put(deployment.cloud, "Orderstream", "Stored", {"Stack": deployment.name}, *[5_400] * 6)
    put(deployment.cloud, "Orderstream", "Invalid", {"Stack": deployment.name}, 0, 0, 0, 0, 0, 7)
    put(deployment.cloud, "Orderstream", "ArrivalToStored", {"Stack": deployment.name}, 150)
    put(
        deployment.cloud, "Orderstream", "Revenue", {"Stack": deployment.name, "Currency": "EUR"}, *[12.5] * 6
    )
    put(deployment.cloud, "Orderstream", "Revenue", {"Stack": "another", "Currency": "USD"}, 1)
    put(deployment.cloud, "AWS/Lambda", "Errors", {"FunctionName": deployment.function}, 1, 0)
    watch = StatusCollector(deployment)
    assert watch.minutes == watch.revenue == {}
    found = watch.collect(NOW)
    assert (found.records.last_minute, found.stored.five_minutes) == (100, 90)
    assert found.counts["invalid"].five_minutes == 7
    assert (found.counts["errors"].last_minute, found.counts["errors"].five_minutes) == (0, 1)
    assert found.latency and found.latency.p99 == 150
    assert (found.iterator_age, found.backlog) == (30, 3_000)
    assert found.until_data_loss == 72 * 3600 - 30
    assert (found.shards.count, found.shards.mode) == (2, "PROVISIONED")
    hottest = found.shards.hottest[0]
    assert (hottest.shard_id, round(hottest.share, 2)) == ("shardId-000000000001", 0.83)
    assert found.revenue == {"EUR": Rates(12.5, 62.5)}
    minute = int(NOW // 60) * 60
    assert watch.revenue == {"EUR": {minute - 60 * number: 12.5 for number in range(1, 7)}}
    assert watch.minutes["stored"] == {minute - 60 * number: 5_400 for number in range(1, 7)}


def test_units_and_throttles_of_tables_and_indexes_are_told_beside_what_is_provisioned(
    cloud: AwsClients,
) -> None:
    deployment = deployed.deploy(cloud, TableBilling="provisioned", TableWriteMinimum="100")
    of_table = {"TableName": deployment.table}
    of_index = of_table | {"GlobalSecondaryIndexName": "ByCustomer"}
    put(cloud, "AWS/DynamoDB", "ConsumedWriteCapacityUnits", of_table, *[4_800] * 5)
    put(cloud, "AWS/DynamoDB", "ConsumedReadCapacityUnits", of_table, *[60] * 5)
    put(cloud, "AWS/DynamoDB", "WriteThrottleEvents", of_index, 0, 0, 3)
    tables = StatusCollector(deployment).collect(NOW).tables
    assert tables and (tables.billing, tables.table_class) == ("provisioned", "standard")
    loads = {load.name: load for load in tables.loads}
    assert loads.keys() == {"Orders", "Orders/ByCustomer", "Orders/ByPending", "OrderEvents"}
    assert loads["Orders"] == TableLoad("Orders", 80, 1, 100, 1, 0, 0)
    assert loads["Orders/ByCustomer"].throttled_writes == 3
    assert loads["Orders/ByPending"].write_capacity == loads["OrderEvents"].write_capacity == 1
    deployment = deployed.deploy(cloud)
    tables = StatusCollector(deployment).collect(NOW).tables
    assert tables and tables.billing == "on-demand"
    assert {load.write_capacity for load in tables.loads} == {None}


def test_a_small_stack_has_seven_alarms_and_its_status(cloud: AwsClients) -> None:
    deployment = deployed.deploy(cloud, **SETS["small"])
    said = OrdersHere(environment_of(cloud))("status").stdout
    assert "none of 7 alarms" in said and "1 shard, provisioned" in said and "tables on demand" in said
    assert not cloud.cloudwatch.list_dashboards()["DashboardEntries"]
    assert StatusCollector(deployment).collect(NOW).shards.count == 1


class Distributing:
    """Kinesis, whose streams are on demand and distribute their records themselves."""

    def __init__(self, kinesis: Any) -> None:
        self._kinesis = kinesis

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kinesis, name)

    def describe_stream_summary(self, **request: Any) -> Any:
        answer = self._kinesis.describe_stream_summary(**request)
        answer["StreamDescriptionSummary"] |= {
            "StreamModeDetails": {"StreamMode": "ON_DEMAND"},
            "RecordDistributionStrategy": "AUTO",
        }
        return answer


@dataclass(frozen=True)
class DistributingCloud(AwsClients):
    """A cloud with that Kinesis."""

    @cached_property
    def kinesis(self) -> Any:
        return Distributing(AwsClients.kinesis.func(self))  # type: ignore[attr-defined]


def test_a_backlog_of_hours_is_counted_by_a_further_question(deployment: Deployment) -> None:
    stream = {"StreamName": deployment.stream}
    put(deployment.cloud, "AWS/Kinesis", "IncomingRecords", stream, *[100] * 90)
    put(deployment.cloud, "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", stream, 3_600_000)
    watch = StatusCollector(deployment)
    assert watch.collect(NOW).backlog == 6_000
    read = watch.metrics_read
    # Shards, two metrics each, and tables and indexes, four each, are asked for again only after a while.
    watch.collect(NOW + 5)
    assert watch.metrics_read == 2 * read - 2 * 2 - 4 * 4
    watch.collect(NOW + SECONDS_KEPT)
    assert watch.metrics_read == 3 * read - 2 * 2 - 4 * 4


def test_a_look_reads_an_hour_and_pays_for_each_currency(deployment: Deployment) -> None:
    watch = StatusCollector(deployment)
    watch.collect(NOW)
    read, an_hour = watch.metrics_read, watch.dollars_an_hour
    put(deployment.cloud, "Orderstream", "Stored", {"Stack": deployment.name}, *[1] * 70)
    for currency in ("EUR", "JPY"):
        put(deployment.cloud, "Orderstream", "Revenue", {"Stack": deployment.name, "Currency": currency}, 1)
    watch.collect(NOW + 5)
    assert watch.revenue == {}, "which currencies there are is asked once a minute"
    assert len(watch.minutes["stored"]) == 60
    watch.collect(NOW + SECONDS_KEPT)
    assert list(watch.revenue) == ["EUR", "JPY"]
    assert watch.metrics_read == 3 * read - 2 * 2 - 4 * 4 + 2
    # Two metrics, 720 times an hour, for a cent a thousand.
    assert watch.dollars_an_hour - an_hour == Decimal("0.0144")


def set_alarms(cloud: AwsClients, state: StateValueType, *names: str) -> None:
    for name in names:
        cloud.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


def test_the_status_is_one_while_anything_is_in_alarm(deployment: Deployment) -> None:
    orders = OrdersHere(environment_of(deployment.cloud))
    calm = orders("status")
    assert re.search(r"none of \d+ alarms", calm.stdout) and "no data" in calm.stdout
    assert "nothing reads the stream" in calm.stdout
    assert "delivery has stopped" in calm.stdout
    assert "$0.000" in calm.stderr
    deployment.cloud.cloudwatch.put_metric_alarm(
        AlarmName="others-alarm",
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    set_alarms(deployment.cloud, "ALARM", "others-alarm", "orderstream-conflicts")
    # A composite alarm goes off with both of its parts.
    set_alarms(deployment.cloud, "ALARM", "orderstream-latency-burn-fast-1h")
    document: dict[str, Any] = json.loads(orders("status", "--json", status=1).stdout)
    assert document["alarms"][0]["name"] == "conflicts"
    assert [one["name"] for one in document["alarms"] if one["state"] == "alarm"] == ["conflicts"]
    set_alarms(deployment.cloud, "ALARM", "orderstream-latency-burn-fast-5m")
    document = json.loads(orders("status", "--json", status=1).stdout)
    first, second = [one for one in document["alarms"] if one["state"] == "alarm"]
    assert (first["name"], second["name"]) == ("conflicts", "latency-burn-fast")
    assert first["runbook"] == "docs/how-to/runbook.md#conflicts"
    assert abs(datetime.fromisoformat(first["since"]).timestamp() - time.time()) < 60
    loud = orders("status", status=1).stdout
    assert "2 of 20 alarms" in loud and "Different orders have the same id." in loud


def test_given_up_batches_are_seen_without_listing_them_all(deployment: Deployment) -> None:
    keys = [f"{DISCARDED}m/shardId-{number}/2026/11/22/2026-11-22T10.00.00-u" for number in range(4)]
    assert dead_letter_backlog.count_pending(deployment) == DeadLetterBacklog(0, None, False)
    for key in keys:
        deployment.cloud.s3.put_object(Bucket=deployment.discarded_bucket, Key=key, Body=b"{}")
    deployment.cloud.s3.put_object(Bucket=deployment.bucket, Key=marker_key(keys[1]), Body=b"{}")
    found = dead_letter_backlog.count_pending(deployment)
    assert (found.batches, found.more) == (3, False)
    assert found.since and abs(found.since.timestamp() - time.time()) < 60
    assert dead_letter_backlog.count_pending(deployment, a_listing=2).batches == 1
    assert dead_letter_backlog.count_pending(deployment, a_listing=2).more
    for key in keys:
        deployment.cloud.s3.put_object(Bucket=deployment.bucket, Key=marker_key(key), Body=b"{}")
    assert dead_letter_backlog.count_pending(deployment) == DeadLetterBacklog(0, None, False)
    assert dead_letter_backlog.count_pending(deployment, most=3) == DeadLetterBacklog(0, None, True)


def test_a_consumer_with_its_own_age_and_how_the_stream_distributes_records_are_named(
    cloud: AwsClients,
) -> None:
    deployment = deployed.deploy(cloud, ShardCount="2", EnhancedFanOut="true")
    by = {"StreamName": deployment.stream, "ConsumerName": "ProcessOrders"}
    put(cloud, "AWS/Kinesis", "SubscribeToShardEvent.MillisBehindLatest", by, 5_000)
    found = StatusCollector(deployment).collect(NOW)
    assert (found.consumer.consumer, found.iterator_age) == ("ProcessOrders", 5)
    assert (found.shards.mode, found.shards.distribution) == ("PROVISIONED", "USER_PARTITION_KEY")
    distributing = DistributingCloud(
        cloud.endpoint_url, cloud.region, None, cloud.access_key, "test", cloud.session_token
    )
    shards = StatusCollector(replace(deployment, cloud=distributing)).collect(NOW).shards
    assert (shards.mode, shards.distribution) == ("ON_DEMAND", "AUTO")


def test_on_the_local_cloud_it_shows_what_the_event_source_sees(local: LocalCloud, orders: Orders) -> None:
    orders("send", '{"customer_id": "status-1", "amount": 12.5, "currency": "ISK"}')

    def stored() -> dict[str, Any] | None:
        # Other tests' bad orders may set an alarm off.
        document: dict[str, Any] = json.loads(orders("status", "--json", status=None).stdout)
        kroner = document["revenue"].get("ISK", {"five_minutes": 0})
        return document if kroner["five_minutes"] and document["shards"]["hottest"] else None

    found = awaited(stored)
    assert found["records"]["five_minutes"] > 0 and found["stored"]["five_minutes"] > 0
    assert found["revenue"]["ISK"]["five_minutes"] == 12.5
    assert found["shards"]["count"] == 4
    assert found["consumer"] == {
        "state": "Disabled",
        "reason": "USER_INITIATED",
        "consumer": "",
        "is_read": True,
        "is_local": True,
    }
    said = orders("status", status=None).stdout
    assert "delivery runs: the local event source reads by polling" in said and "Disabled" not in said
