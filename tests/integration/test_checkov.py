"""checkov has nothing to say against what the template makes, but for what stands in it with the reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.expanded import EVERYTHING, expanded

pytestmark = pytest.mark.system

# Of an environment of its own: it pins another botocore than MiniStack.
CHECKOV = Path(sys.executable).parents[1] / "checkov" / "bin" / "checkov"

# A dead-letter queue and a VPC for the functions, and a bound for those that a schedule limits: no parameter
# makes these.
EXCEPTIONS = {
    ("AWS::Lambda::Function.ProcessOrders", "CKV_AWS_116"),
    ("AWS::Lambda::Function.ProcessOrders", "CKV_AWS_117"),
    ("AWS::Lambda::Function.MaintainArchive", "CKV_AWS_116"),
    ("AWS::Lambda::Function.MaintainArchive", "CKV_AWS_117"),
    ("AWS::Lambda::Function.OrdersApi", "CKV_AWS_116"),
    ("AWS::Lambda::Function.OrdersApi", "CKV_AWS_117"),
    ("AWS::Lambda::Function.Canary", "CKV_AWS_115"),
    ("AWS::Lambda::Function.Canary", "CKV_AWS_116"),
    ("AWS::Lambda::Function.Canary", "CKV_AWS_117"),
    ("AWS::Lambda::Function.CheckPending", "CKV_AWS_115"),
    ("AWS::Lambda::Function.CheckPending", "CKV_AWS_116"),
    ("AWS::Lambda::Function.CheckPending", "CKV_AWS_117"),
    # The totals are made of the table of orders.
    ("AWS::DynamoDB::Table.TotalsTable", "CKV_AWS_28"),
    *(("AWS::Lambda::Function.UpdateTotals", f"CKV_AWS_{number}") for number in (115, 116, 117)),
    ("AWS::Lambda::Function.PublishChanges", "CKV_AWS_115"),
    ("AWS::Lambda::Function.PublishChanges", "CKV_AWS_116"),
    ("AWS::Lambda::Function.PublishChanges", "CKV_AWS_117"),
    ("AWS::Lambda::Function.QueueDeliveries", "CKV_AWS_115"),
    ("AWS::Lambda::Function.QueueDeliveries", "CKV_AWS_116"),
    ("AWS::Lambda::Function.QueueDeliveries", "CKV_AWS_117"),
    ("AWS::Lambda::Function.SendDeliveries", "CKV_AWS_115"),
    ("AWS::Lambda::Function.SendDeliveries", "CKV_AWS_116"),
    ("AWS::Lambda::Function.SendDeliveries", "CKV_AWS_117"),
    # A backup would keep what an erasure removed from the queue.
    ("AWS::DynamoDB::Table.WebhookDeliveries", "CKV_AWS_28"),
}


def scanned(folder: Path) -> dict[str, Any]:
    """What it says of the template by default, and with all that it can have and no exception told."""
    whole = expanded(EVERYTHING)
    for resource in whole["Resources"].values():
        resource.pop("Metadata", None)
    (folder / "default.json").write_text(json.dumps(expanded()))
    (folder / "everything.json").write_text(json.dumps(whole))
    assert CHECKOV.exists(), "checkov is not there: make .venv/checkov/ready"
    command = [str(CHECKOV), "--framework", "cloudformation", "--directory", str(folder)]
    # Without these it would ask for rules and ids on the network, which a test must not need.
    command += ["--skip-download", "--compact", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})
    results: dict[str, Any] = json.loads(done.stdout)["results"]
    assert not results["parsing_errors"], done.stderr
    return results


def of(file: str, checks: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["resource"], one["check_id"]) for one in checks if one["file_path"].endswith(file)}


def test_it_passes_but_for_exceptions_with_their_reasons_and_parameters_end_most_of_those(
    tmp_path: Path,
) -> None:
    found = scanned(tmp_path)
    assert of("default.json", found["failed_checks"]) == set()
    assert len(of("default.json", found["passed_checks"])) > 15
    skipped = found["skipped_checks"]
    assert skipped and all(len(one["check_result"]["suppress_comment"]) > 20 for one in skipped)
    assert of("everything.json", found["failed_checks"]) == EXCEPTIONS
    assert of("everything.json", skipped) == set()
