"""The set `small` is valid, and has nothing that costs while no orders come but one shard."""

from __future__ import annotations

from typing import get_args, get_type_hints

from orderstream.cli.deploy import deploy
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameter_sets import SETS
from orderstream.deploy.parameters import declared, defaults, ensure_agreed, ensure_valid
from orderstream.deploy.rollback_alarm import ALARM
from tests.integration.expanded import expanded, resources

KNOWN = declared(TEMPLATE)
SMALL = SETS["small"]


def test_every_set_is_valid_and_can_be_chosen() -> None:
    for values in SETS.values():
        ensure_valid(values, KNOWN)
        ensure_agreed(defaults(KNOWN) | dict(values), TEMPLATE)
    chosen = get_type_hints(deploy)["parameter_set"]
    assert get_args(get_args(chosen)[0]) == tuple(SETS)


def test_the_alarms_of_small_are_those_that_the_free_tier_covers_and_an_update_is_watched() -> None:
    alarms = resources("AWS::CloudWatch::Alarm", SMALL)
    metrics = sum(
        sum("MetricStat" in query for query in alarm.get("Metrics", [{"MetricStat": {}}]))
        for alarm in alarms.values()
    )
    assert metrics == 10
    names = {alarm["AlarmName"] for alarm in alarms.values()}
    assert f"orderstream-{ALARM}" in names and len(names) == 7


def test_small_has_no_dashboard_canary_composite_alarm_or_key_and_one_shard() -> None:
    kinds = {one["Type"] for one in expanded(SMALL)["Resources"].values()}
    assert not [one for one in kinds if "Dashboard" in one or "Composite" in one or "Scal" in one]
    (stream,) = resources("AWS::Kinesis::Stream", SMALL).values()
    assert stream["ShardCount"] == "1" and stream["RetentionPeriodHours"] == "24"
    assert "DesiredShardLevelMetrics" not in stream
    assert set(resources("AWS::Lambda::Function", SMALL)) == {"ProcessOrders", "OrdersApi"}
    assert {one["BillingMode"] for one in resources("AWS::DynamoDB::Table", SMALL).values()} == {
        "PAY_PER_REQUEST"
    }
