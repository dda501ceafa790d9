"""The scheduled function, as it is deployed: it seals and compacts, and says nothing of people."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderstream.archive.audit import audit
from orderstream.archive.lambda_handler import line, settings
from orderstream.archive.maintenance import MaintenanceResult
from orderstream.domain.decode import decode
from orderstream.domain.object_keys import ORDERS, is_compacted
from orderstream.errors import InputError
from orderstream.local.alarms.evaluation_loop import LAG_SECONDS, AlarmEvaluationLoop
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from orderstream.pipeline.archive import BatchArchive
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.pipeline.services import S3Store
from orderstream.storage import bucket, reader
from tests.integration.archive_harness import record
from tests.integration.reconciliation import order

VARIABLES = {
    "ARCHIVE_MAINTENANCE": "compact",
    "ARCHIVE_BUCKET": "bucket",
    "DISCARDED_BUCKET": "discarded",
    "FUNCTION_NAME": "ProcessOrders",
    "DEFAULT_CURRENCY": "EUR",
    "STACK_NAME": "orderstream",
}


@pytest.fixture(scope="module")
def kept() -> Iterator[LocalCloud]:
    """A local cloud whose stack has the function, and an archive with two hours of yesterday."""
    problems: list[str] = []
    parameters = {"ArchiveMaintenance": "compact"}
    with LocalCloud(
        port=free_port(), parameters=parameters, progress=lambda step: None, problem=problems.append
    ) as local:
        store = BatchArchive(S3Store(local.cloud.s3, local.deployment.bucket))
        yesterday = datetime.now(UTC).replace(minute=0) - timedelta(days=1)
        for number in range(20):
            one = record(number, order(f"A-{number}", customer="planted-customer"), at=yesterday)
            store.write([one], [decode(one.data)])
        # What shows that the function has got further than yesterday's hour.
        later = record(99, order("later"), at=yesterday + timedelta(hours=3))
        store.write([later], [decode(later.data)])
        yield local
    assert problems == []


def invoked(local: LocalCloud) -> dict[str, Any]:
    answer = local.cloud.lambda_.invoke(FunctionName="MaintainArchive", Payload=b"{}", LogType="Tail")
    payload = answer["Payload"].read()
    assert "FunctionError" not in answer, payload
    found: dict[str, Any] = json.loads(payload)
    return found


def lines(local: LocalCloud) -> set[bytes]:
    found = reader.lines(local.deployment, bucket.archive(local.deployment))
    return {original_bytes(one.line) for one in found}


def test_a_round_seals_and_compacts_what_is_over_and_the_next_has_nothing_to_do(kept: LocalCloud) -> None:
    before = lines(kept)
    assert len(before) == 21
    first = invoked(kept)
    assert (first["sealed"], first["compacted"], first["objects_before"]) == (1, 1, 20)
    assert (first["late"], first["problems"]) == (0, 0), "the last hour waits for a later one"
    objects = list(bucket.archive(kept.deployment))
    assert [is_compacted(entry.key) for entry in objects] == [False, True]
    assert lines(kept) == before
    assert audit(kept.deployment).findings == []
    assert invoked(kept) == first | {"sealed": 0, "compacted": 0, "objects_before": 0}
    # Its log says how much, and nothing of people.
    pages = kept.cloud.logs.get_paginator("filter_log_events").paginate(
        logGroupName="/aws/lambda/MaintainArchive"
    )
    logged = "".join(event["message"] for page in pages for event in page["events"])
    assert '"compacted":' in logged
    assert "planted" not in logged


def test_a_round_that_fails_sets_its_alarm_off(kept: LocalCloud) -> None:
    kept.alarms.stop()
    client, names = kept.cloud.cloudwatch, ["orderstream-archive-maintenance"]

    def state_in(minutes: int) -> str:
        AlarmEvaluationLoop(kept.cloud, pytest.fail).evaluate_all(time.time() + minutes * 60 + LAG_SECONDS)
        return client.describe_alarms(AlarmNames=names)["MetricAlarms"][0]["StateValue"]

    invoked(kept)
    assert state_in(1) == "OK"
    before = kept.cloud.lambda_.get_function_configuration(FunctionName="MaintainArchive")
    kept.cloud.lambda_.update_function_configuration(
        FunctionName="MaintainArchive", Environment={"Variables": {"ARCHIVE_MAINTENANCE": "none"}}
    )
    assert kept.cloud.lambda_.invoke(FunctionName="MaintainArchive", Payload=b"{}").get("FunctionError")
    assert state_in(1) == "ALARM"
    kept.cloud.lambda_.update_function_configuration(
        FunctionName="MaintainArchive", Environment={"Variables": before["Environment"]["Variables"]}
    )
    assert state_in(62) == "OK"


def test_what_somebody_must_look_at_is_a_metric() -> None:
    kept = MaintenanceResult(late=[f"{ORDERS}late"], problems=[f"{ORDERS}hour: why"])
    written = json.loads(line(kept, "orderstream", "r-1", datetime.now(UTC)))
    assert (written["MaintenanceFindings"], written["Stack"]) == (2, "orderstream")
    (directive,) = written["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "MaintenanceFindings", "Unit": "Count"}]


def test_it_is_called_every_hour(kept: LocalCloud) -> None:
    events = kept.cloud.client("events")
    (rule,) = events.list_rules()["Rules"]
    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(10 * * * ? *)", "ENABLED")
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"].endswith(":function:MaintainArchive")


def test_settings_come_from_the_variables_of_the_template() -> None:
    act, stack, currency = settings(VARIABLES)
    assert (act, stack.bucket, stack.function, currency) == ("compact", "bucket", "ProcessOrders", "EUR")
    assert stack.discarded_bucket == "discarded"
    for name in VARIABLES:
        with pytest.raises(InputError, match=name):
            settings({other: value for other, value in VARIABLES.items() if other != name})
    with pytest.raises(InputError, match="seal, compact"):
        settings(VARIABLES | {"ARCHIVE_MAINTENANCE": "none"})
