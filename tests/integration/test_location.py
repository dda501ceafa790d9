"""What changes something says first where it acts, and asks on AWS whoever is at a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from orderstream.aws.clients import AwsClients
from tests.integration.archive_harness import filled
from tests.integration.aws_stand_in import as_aws
from tests.integration.conftest import Orders, OrdersHere
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import items

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
NOTHING_CHANGES = [
    ("get", "A-1"),
    ("list", "--customer", "c1"),
    ("stack", "verify"),
    ("dead-letters", "list"),
    ("quarantine", "list"),
    ("archive", "audit"),
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


def said_first(orders: Orders, said: str, place: Mapping[str, str | None]) -> None:
    for command in SOMETHING_CHANGES:
        as_json = [] if command[1] in LINES else ["--json"]
        done = orders(*command, *as_json, status=None)
        assert done.stderr.splitlines()[0] == said, command
        if as_json:
            assert json.loads(done.stdout)["place"] == place, command


def test_on_aws_account_alias_region_and_stack_are_said_first(pipe: Pipe, aws: Orders) -> None:
    account = str(pipe.cloud.access_key)
    said = f"• account {account} (shop-prod), region eu-west-1, stack orderstream"
    place = {"account": account, "alias": "shop-prod", "region": "eu-west-1", "cloud": "aws"}
    said_first(aws, said, place)
    for command in NOTHING_CHANGES:
        assert "shop-prod" not in aws(*command, status=None).stderr, command


def test_on_a_local_cloud_it_and_its_address_are_said_first(pipe: Pipe) -> None:
    said = f"• local cloud at {pipe.cloud.endpoint_url}, stack orderstream"
    place = {"account": None, "alias": None, "region": "eu-west-1", "cloud": "local"}
    said_first(OrdersHere(pipe.environment()), said, place)


@pytest.mark.parametrize(
    ("command", "question"),
    [
        (
            ("archive", "replay"),
            "Replay this to the table of account {account} (shop-prod), region eu-west-1? [y/N]",
        ),
        (
            ("stack", "simulate", "--duration", "0"),
            "Send sample orders to account {account} (shop-prod), region eu-west-1? [y/N]",
        ),
    ],
)
def test_on_aws_a_terminal_is_asked_and_a_pipeline_is_told_that_nobody_is(
    pipe: Pipe, aws: Orders, command: tuple[str, ...], question: str
) -> None:
    question = question.format(account=pipe.cloud.access_key)
    refused = aws(*command, typed="n\n", status=2).stderr
    assert question in refused and "was not confirmed: nothing was changed" in refused
    assert question in aws(*command, typed="y\n").stderr
    assert "[y/N]" not in aws(*command, "--yes", typed="n\n").stderr
    assert "standard input is not a terminal: going on without asking" in aws(*command).stderr
    local = OrdersHere(pipe.environment() | {"XDG_STATE_HOME": aws.environment["XDG_STATE_HOME"]})
    assert "[y/N]" not in local(*command, typed="n\n").stderr


def test_what_cannot_be_undone_is_asked_about_with_the_place_in_the_question(pipe: Pipe, aws: Orders) -> None:
    where = f"in account {pipe.cloud.access_key} (shop-prod), region eu-west-1"
    before = items(pipe)
    said = aws("archive", "forget", "--customer", "c1", typed="n\n", status=2).stderr
    assert f"Erase all of this, {where}? It cannot be undone. [y/N]" in said
    said = aws("destroy", typed="no\n", status=2).stderr
    assert f"Remove stack orderstream {where}? It cannot be undone. Type orderstream to go on: " in said
    assert items(pipe) == before


def test_on_aws_a_deployment_asks_at_a_terminal_and_a_pipeline_deploys(
    aws: Orders, cloud: AwsClients
) -> None:
    no_api = ("--parameter", "HttpApi=none")
    question = f"Deploy this to account {cloud.access_key} (shop-prod), region eu-west-1? [y/N]"
    refused = aws("deploy", *no_api, typed="n\n", status=2).stderr
    assert question in refused and "was not confirmed" in refused
    assert [one["StackName"] for one in cloud.cloudformation.describe_stacks()["Stacks"]] == [
        "aws-sam-cli-managed-default"
    ]
    done = aws("deploy", *no_api, "--json")
    assert "going on without asking" in done.stderr
    document = json.loads(done.stdout)
    assert (document["status"], document["place"]["alias"]) == ("deployed", "shop-prod")
    # There is nothing to ask about where nothing would change.
    assert "[y/N]" not in aws("deploy", typed="n\n").stderr


def test_the_region_comes_from_the_same_places_as_for_the_tools_of_aws(pipe: Pipe, tmp_path: Path) -> None:
    config = tmp_path / "config"
    keys = (
        f"aws_access_key_id = {pipe.cloud.access_key}\naws_secret_access_key = x\n"
        f"aws_session_token = {pipe.cloud.session_token}\n"
    )
    config.write_text(f"[default]\nregion = eu-north-1\n[profile shop]\nregion = eu-south-1\n{keys}")
    environment = pipe.environment() | {"AWS_CONFIG_FILE": str(config)}
    del environment["AWS_DEFAULT_REGION"]

    def region(*options: str, **more: str) -> str:
        done = OrdersHere(environment | more)("destroy", "--dry-run", "--json", *options)
        found: str = json.loads(done.stdout)["place"]["region"]
        return found

    both = {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}
    assert region("--region", "eu-west-1", **both) == "eu-west-1"
    assert region(**both) == region("--profile", "shop", **both) == "eu-west-2"
    assert region(AWS_DEFAULT_REGION="eu-west-3") == "eu-west-3"
    assert region() == "eu-north-1"
    assert region("--profile", "shop") == region(AWS_PROFILE="shop") == "eu-south-1"


def test_no_region_is_one_line_and_a_hint_that_names_the_option(pipe: Pipe, tmp_path: Path) -> None:
    environment = pipe.environment() | {"AWS_CONFIG_FILE": str(tmp_path / "none")}
    del environment["AWS_DEFAULT_REGION"]
    for command in (("get", "A-1"), ("deploy",), ("archive", "forget", "--customer", "c1", "--yes")):
        error, hint = OrdersHere(environment)(*command, status=3).stderr.splitlines()
        assert error.endswith("no region is configured")
        assert hint == "hint: name it with --region, or set AWS_REGION"
