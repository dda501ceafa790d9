"""The scheduled function seals and compacts, and says nothing of people."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from orderstream.archive.lambda_handler import handle, line, settings
from orderstream.archive.maintenance import MaintenanceResult
from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import COMPACTED, ORDERS
from orderstream.errors import InputError
from orderstream.local.cloud import LocalCloud
from tests.integration.archive_harness import audited, lines_of, record
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import order

VARIABLES = {
    "ARCHIVE_MAINTENANCE": "compact",
    "ARCHIVE_BUCKET": "bucket",
    "DISCARDED_BUCKET": "discarded",
    "FUNCTION_NAME": "ProcessOrders",
    "DEFAULT_CURRENCY": "EUR",
    "STACK_NAME": "orderstream",
}


class Context:
    """What Lambda tells of an invocation."""

    aws_request_id = "r-1"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def test_a_round_seals_and_compacts_what_is_over_and_the_next_has_nothing_to_do(
    cloud: AwsClients, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = Pipe(cloud)
    yesterday = datetime.now(UTC).replace(minute=0) - timedelta(days=1)
    for number in range(20):
        pipe.process([record(number, order(f"A-{number}", customer="planted-customer"), at=yesterday)])
    # What shows that the function has got further than yesterday's hour.
    pipe.process([record(99, order("later"), at=yesterday + timedelta(hours=3))])
    archive, discarded = pipe.buckets
    variables = VARIABLES | {"ARCHIVE_BUCKET": archive, "DISCARDED_BUCKET": discarded, "FUNCTION_NAME": "F"}
    for name, value in (variables | pipe.environment()).items():
        monkeypatch.setenv(name, value)
    before = lines_of(pipe)
    first = handle({}, Context())
    assert (first["sealed"], first["compacted"], first["objects_before"]) == (1, 1, 20)
    assert (first["late"], first["problems"]) == (0, 0), "the last hour waits for a later one"
    assert (len(pipe.keys(ORDERS)), len(pipe.keys(COMPACTED))) == (1, 1)
    assert lines_of(pipe) == before
    assert audited(pipe).findings == []
    assert handle({}, Context()) == first | {"sealed": 0, "compacted": 0, "objects_before": 0}
    # Its log says how much, and nothing of people.
    logged = capsys.readouterr().out
    assert '"compacted":' in logged
    assert "planted" not in logged


def test_what_somebody_must_look_at_is_a_metric() -> None:
    kept = MaintenanceResult(late=[f"{ORDERS}late"], problems=[f"{ORDERS}hour: why"])
    written = json.loads(line(kept, "orderstream", "r-1", datetime.now(UTC)))
    assert (written["MaintenanceFindings"], written["Stack"]) == (2, "orderstream")
    (directive,) = written["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "MaintenanceFindings", "Unit": "Count"}]


def test_it_is_called_every_hour_and_its_alarm_looks_at_its_errors_and_findings(guarded: LocalCloud) -> None:
    events = guarded.cloud.client("events")
    (rule,) = [one for one in events.list_rules()["Rules"] if one["ScheduleExpression"].startswith("cron")]
    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(10 * * * ? *)", "ENABLED")
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"].endswith(":function:MaintainArchive")
    names = ["orderstream-archive-maintenance"]
    (alarm,) = guarded.cloud.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    looked_at = [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]
    assert {one["MetricName"]: one["Dimensions"] for one in looked_at} == {
        "Errors": [{"Name": "FunctionName", "Value": "MaintainArchive"}],
        "MaintenanceFindings": [{"Name": "Stack", "Value": "orderstream"}],
    }


def test_settings_come_from_the_variables_of_the_template() -> None:
    act, stack, currency = settings(VARIABLES)
    assert (act, stack.bucket, stack.function, currency) == ("compact", "bucket", "ProcessOrders", "EUR")
    assert stack.discarded_bucket == "discarded"
    for name in VARIABLES:
        with pytest.raises(InputError, match=name):
            settings({other: value for other, value in VARIABLES.items() if other != name})
    with pytest.raises(InputError, match="seal, compact"):
        settings(VARIABLES | {"ARCHIVE_MAINTENANCE": "none"})
