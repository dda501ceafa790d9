"""What changes something says first where it acts, and asks on AWS whoever is at a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderstream.aws.clients import AwsClients
from tests.integration.archive_harness import filled
from tests.integration.aws_stand_in import as_aws
from tests.integration.conftest import Orders, OrdersHere
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import items
from tests.integration.tutorial import item_of, make_table

pytestmark = pytest.mark.system

SOMETHING_CHANGES = [
    ("destroy", "--dry-run"),
    ("archive", "forget", "--customer", "c1", "--dry-run"),
    ("archive", "replay", "--dry-run"),
    ("stack", "simulate", "--duration", "0"),
    ("stack", "verify", "--repair"),
    ("dead-letters", "redrive"),
    ("quarantine", "resubmit", "--all", "--dry-run"),
    ("archive", "seal"),
    ("archive", "compact"),
]
# These do not print one document.
LINES = {"simulate", "redrive", "resubmit"}


@pytest.fixture
def aws(cloud: AwsClients, tmp_path: Path) -> Iterator[Orders]:
    """The command line, on an account of what it takes for AWS, which has the alias shop-prod."""
    cloud.iam.create_account_alias(AccountAlias="shop-prod")
    with as_aws(cloud, tmp_path) as environment:
        yield OrdersHere(environment | {"XDG_STATE_HOME": str(tmp_path)})


@pytest.fixture
def pipe(cloud: AwsClients) -> Pipe:
    """A stack with orders, to which nothing is delivered."""
    pipe = filled(cloud)
    pipe.deploy()
    return pipe


def test_on_aws_account_alias_region_and_stack_are_said_first(pipe: Pipe, aws: Orders) -> None:
    account = str(pipe.cloud.access_key)
    place = {"account": account, "alias": "shop-prod", "region": "eu-west-1", "cloud": "aws"}
    for command in SOMETHING_CHANGES:
        as_json = [] if command[1] in LINES else ["--json"]
        done = aws(*command, *as_json, status=None)
        said = f"• account {account} (shop-prod), region eu-west-1, stack orderstream"
        assert done.stderr.splitlines()[0] == said, command
        if as_json:
            assert json.loads(done.stdout)["place"] == place, command
    for command in (("get", "A-1"), ("stack", "verify")):
        assert "shop-prod" not in aws(*command, status=None).stderr, command


def test_on_a_local_cloud_it_and_its_address_are_said_first_and_nothing_is_asked(pipe: Pipe) -> None:
    done = OrdersHere(pipe.environment())("archive", "replay", "--json", typed="n\n")
    assert done.stderr.splitlines()[0] == f"• local cloud at {pipe.cloud.endpoint_url}, stack orderstream"
    assert "[y/N]" not in done.stderr
    place = {"account": None, "alias": None, "region": "eu-west-1", "cloud": "local"}
    assert json.loads(done.stdout)["place"] == place


def test_on_aws_a_terminal_is_asked_with_the_place_in_the_question_and_a_pipeline_is_told_that_nobody_is(
    pipe: Pipe, aws: Orders
) -> None:
    place = f"account {pipe.cloud.access_key} (shop-prod), region eu-west-1"
    before = items(pipe)
    simulate = ("stack", "simulate", "--duration", "0")
    for command, question in (
        (simulate, f"Send sample orders to {place}? [y/N]"),
        (("archive", "replay"), f"Replay this to the table of {place}? [y/N]"),
        (
            ("archive", "forget", "--customer", "c1"),
            f"Erase all of this, in {place}? It cannot be undone. [y/N]",
        ),
        (
            ("destroy",),
            f"Remove stack orderstream in {place}? It cannot be undone. Type orderstream to go on: ",
        ),
    ):
        refused = aws(*command, typed="no\n", status=2).stderr
        assert question in refused and "nothing was changed" in refused
    assert items(pipe) == before
    assert "[y/N]" in aws(*simulate, typed="y\n").stderr
    assert "[y/N]" not in aws(*simulate, "--yes", typed="n\n").stderr
    assert "standard input is not a terminal: going on without asking" in aws(*simulate).stderr


def test_on_aws_a_migration_says_what_it_would_move_and_asks_at_a_terminal(pipe: Pipe, aws: Orders) -> None:
    make_table(pipe.cloud, "Old", "OrderID")
    pipe.cloud.dynamodb.put_item(TableName="Old", Item={"OrderID": {"S": "old-1"}, **item_of("c1", "5")})
    place = f"account {pipe.cloud.access_key} (shop-prod), region eu-west-1"
    before = pipe.records()
    refused = aws("adopt", "--from-table", "Old", typed="no\n", status=2).stderr
    assert refused.splitlines()[0] == f"• {place}, stack orderstream"
    assert f"Move these orders to stack orderstream in {place}? [y/N]" in refused
    assert "nothing was changed" in refused and pipe.records() == before
    dry = aws("adopt", "--from-table", "Old", "--dry-run", "--json", typed="no\n")
    assert json.loads(dry.stdout)["place"]["alias"] == "shop-prod" and "[y/N]" not in dry.stderr


def test_on_aws_a_deployment_asks_at_a_terminal(aws: Orders, cloud: AwsClients) -> None:
    refused = aws("deploy", "--parameter", "HttpApi=none", typed="n\n", status=2).stderr
    assert f"Deploy this to account {cloud.access_key} (shop-prod), region eu-west-1? [y/N]" in refused
    assert "was not confirmed" in refused
    assert [one["StackName"] for one in cloud.cloudformation.describe_stacks()["Stacks"]] == [
        "aws-sam-cli-managed-default"
    ]


def test_the_options_name_region_and_profile_and_without_any_region_the_hint_says_so(
    pipe: Pipe, tmp_path: Path
) -> None:
    # The order of what else names a region is in tests/unit/aws/test_clients.py.
    config = tmp_path / "config"
    config.write_text(
        f"[profile shop]\nregion = eu-south-1\naws_access_key_id = {pipe.cloud.access_key}\n"
        f"aws_secret_access_key = x\naws_session_token = {pipe.cloud.session_token}\n"
    )
    environment = pipe.environment() | {"AWS_CONFIG_FILE": str(config)}
    del environment["AWS_DEFAULT_REGION"]
    orders = OrdersHere(environment)
    for options, region in ((("--region", "eu-west-1"), "eu-west-1"), (("--profile", "shop"), "eu-south-1")):
        done = orders("destroy", "--dry-run", "--json", *options)
        assert json.loads(done.stdout)["place"]["region"] == region
    error, hint = orders("archive", "forget", "--customer", "c1", "--yes", status=3).stderr.splitlines()
    assert error.endswith("no region is configured")
    assert hint == "hint: name it with --region, or set AWS_REGION"
