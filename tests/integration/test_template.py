"""template.yaml is what its comments say, and lint has nothing to add."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.deploy.artifact import API, LAMBDA_PLATFORM, MAINTENANCE, PROCESS, TEMPLATE
from orderstream.deploy.parameters import document
from orderstream.domain.object_keys import ORDERS, QUARANTINE
from tests.integration import deployed

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
    for name, artifact in (("ProcessOrders", PROCESS), ("MaintainArchive", MAINTENANCE), ("OrdersApi", API)):
        function = BODY["Globals"]["Function"] | RESOURCES[name]["Properties"]
        assert function["Runtime"] == f"python{LAMBDA_PLATFORM[1]}"
        assert function["Architectures"] == ["arm64"]
        assert function["CodeUri"] == str(artifact.code_uri)


@pytest.mark.parametrize("name", ["Orders", "Archive", "DiscardedBatches"])
def test_data_outlives_the_stack_unless_its_first_deployment_fails(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", ["Archive", "DiscardedBatches"])
def test_nothing_in_a_bucket_is_public_or_in_the_clear(name: str) -> None:
    block = RESOURCES[name]["Properties"]["PublicAccessBlockConfiguration"]
    assert list(block.values()) == [True] * 4
    properties = RESOURCES[f"{name}Policy"]["Properties"]
    assert properties["Bucket"] == {"Ref": name}
    (statement,) = (one for one in properties["PolicyDocument"]["Statement"] if one["Sid"] == "TlsOnly")
    assert statement["Resource"] == [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}/*"}]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_function_may_write_archive_and_quarantine_only_where_nothing_is() -> None:
    policy = RESOURCES["ArchivePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (statement,) = (one for one in policy if one["Sid"] == "WriteOnce")
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:PutObject")
    assert statement["Condition"] == {"Null": {"s3:if-none-match": "true"}}
    assert statement["Principal"] == {"AWS": {"Fn::GetAtt": ["ProcessOrdersRole", "Arn"]}}
    places = [place["Fn::Sub"] for place in statement["Resource"]]
    assert places == [f"${{Archive.Arn}}/{prefix}*" for prefix in (ORDERS, QUARANTINE)]


def test_every_parameter_says_what_it_is() -> None:
    parameters = BODY["Parameters"].values()
    assert all(parameter.get("Description") and "Default" in parameter for parameter in parameters)


@pytest.mark.parametrize(
    ("given", "retries", "age"),
    [
        ({}, -1, 233_280),
        ({"RetentionHours": "24"}, -1, 77_760),
        ({"RetentionHours": "8760"}, -1, 604_800),
        ({"RetentionHours": "168", "MaximumRecordAgeSeconds": "3600", "MaximumRetryAttempts": "5"}, 5, 3600),
    ],
    ids=str,
)
def test_a_failing_batch_is_given_up_by_its_age_which_follows_from_the_retention_unless_given(
    cloud: AwsClients, given: dict[str, str], retries: int, age: int
) -> None:
    deployment = deployed.deploy(cloud, **given)
    mapping = cloud.lambda_.get_event_source_mapping(UUID=deployment.mapping_id)
    assert int(mapping["MaximumRetryAttempts"]) == retries
    assert int(mapping["MaximumRecordAgeInSeconds"]) == age


def test_a_stack_without_the_index_has_no_alarm_that_looks_at_the_index(cloud: AwsClients) -> None:
    deployed.deploy(cloud, CustomerIndex="false")
    (alarm,) = cloud.cloudwatch.describe_alarms(AlarmNames=["orderstream-table-throttled"])["MetricAlarms"]
    assert [query["Id"] for query in alarm["Metrics"]] == ["table", "result"]
    assert "index" not in alarm["Metrics"][-1]["Expression"]
