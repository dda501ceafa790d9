"""The set `small` is valid, and has nothing that costs while no orders come but one shard."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

from typer.testing import CliRunner

from orderstream.capacity.parameter_sets import SETS
from orderstream.cli import app
from orderstream.cli.deploy import deploy
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import declared, defaults, ensure_agreed, ensure_valid
from orderstream.deploy.rollback_alarm import ALARM
from orderstream.errors import InputError
from orderstream.project.config import FILE
from orderstream.project.current import work_in
from tests.integration.expanded import expanded, resources

KNOWN = declared(TEMPLATE)
SMALL = SETS["small"]


def test_every_set_is_valid_and_can_be_chosen() -> None:
    for values in SETS.values():
        ensure_valid(values, KNOWN)
        ensure_agreed(defaults(KNOWN) | dict(values), TEMPLATE)
    chosen = get_type_hints(deploy)["parameter_set"]
    assert get_args(get_args(chosen)[0]) == tuple(SETS)


def refusal(*arguments: str, project: str = "") -> str:
    """Why the command line refuses a value, before it asks anything of a cloud."""
    runner = CliRunner(env={"ORDERS_PROJECT": project})
    error = runner.invoke(app, ["deploy", "--parameter-set", "small", *arguments]).exception
    assert isinstance(error, InputError)
    return error.message


def test_options_and_the_project_override_a_set(tmp_path: Path) -> None:
    assert "ShardCount must be 0 or more, not '-1'" in refusal("--parameter", "ShardCount=-1")
    (tmp_path / FILE).write_text("[parameters]\nShardCount = -2\n")
    try:
        assert "not '-2'" in refusal(project=str(tmp_path))
    finally:
        work_in(None)


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
