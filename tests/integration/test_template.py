"""template.yaml is what its comments say, and lint has nothing to add."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orderstream.deploy.artifact import API, LAMBDA_PLATFORM, MAINTENANCE, PROCESS, TEMPLATE
from orderstream.deploy.parameters import document
from tests.integration.expanded import resources

pytestmark = pytest.mark.system

BODY = document(TEMPLATE)
RESOURCES = BODY["Resources"]


def test_sam_validate_lint_is_clean(tmp_path: Path) -> None:
    sam = Path(sys.executable).with_name("sam")
    done = subprocess.run(
        [sam, "validate", "--lint", "--template-file", TEMPLATE],
        env=os.environ
        | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1", "__SAM_CLI_APP_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid SAM Template" in done.stdout


def test_the_runtime_is_the_one_that_the_artifact_is_built_for() -> None:
    functions = {
        "ProcessOrders": PROCESS,
        "Canary": PROCESS,
        "CheckPending": PROCESS,
        "UpdateTotals": PROCESS,
        "QueueDeliveries": PROCESS,
        "SendDeliveries": PROCESS,
        "MaintainArchive": MAINTENANCE,
        "OrdersApi": API,
    }
    for name, artifact in functions.items():
        assert RESOURCES[name]["Properties"]["Handler"].removesuffix(".handle") in artifact.entries
        function = BODY["Globals"]["Function"] | RESOURCES[name]["Properties"]
        assert function["Runtime"] == f"python{LAMBDA_PLATFORM[1]}"
        assert function["Architectures"] == ["arm64"]
        assert function["CodeUri"] == str(artifact.code_uri)


@pytest.mark.parametrize("name", ["Orders", "OrderEvents", "Archive", "DiscardedBatches"])
def test_data_outlives_the_stack_unless_its_first_deployment_fails(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_the_policy_of_evidence_goes_with_the_stack_before_the_bucket_is_emptied() -> None:
    assert "DeletionPolicy" not in RESOURCES["ArchivePolicy"]


def test_every_parameter_says_what_it_is() -> None:
    parameters = BODY["Parameters"].values()
    assert all(parameter.get("Description") and "Default" in parameter for parameter in parameters)


@pytest.mark.parametrize(
    ("given", "retries", "age"),
    [
        ({}, "-1", "233280"),
        ({"RetentionHours": "8760"}, "-1", "604800"),
        (
            {"RetentionHours": "168", "MaximumRecordAgeSeconds": "3600", "MaximumRetryAttempts": "5"},
            "5",
            "3600",
        ),
    ],
    ids=str,
)
def test_a_failing_batch_is_given_up_by_its_age_which_follows_from_the_retention_unless_given(
    given: dict[str, str], retries: str, age: str
) -> None:
    (mapping,) = resources("AWS::Lambda::EventSourceMapping", given).values()
    found = mapping["MaximumRecordAgeInSeconds"]
    match found:
        case {"Fn::FindInMap": [table, key, name]}:
            found = BODY["Mappings"][table][key][name]
    assert (str(mapping["MaximumRetryAttempts"]), str(found)) == (retries, age)
