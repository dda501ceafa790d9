"""Somebody with the deployer's policy alone deploys, updates and destroys a stack, and is refused nothing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from orderstream.deploy.arns import Where
from orderstream.deploy.permissions import deployer
from orderstream.local.cloud import ACCOUNT, REGION, LocalCloud
from orderstream.local.ministack import free_port
from tests.integration.conftest import OrdersHere
from tests.integration.probes import make_user

pytestmark = pytest.mark.system

STACK = "deployed-by-policy"
# Where the local cloud keeps code in place of SAM CLI's bucket.
CODE = "arn:aws:s3:::deployment-artifacts"


@pytest.fixture(scope="module")
def guarded_and_empty() -> Iterator[LocalCloud]:
    """A local cloud with nothing in it that checks signatures and evaluates policies."""
    with LocalCloud(
        port=free_port(), empty=True, authorize=True, progress=lambda step: None, problem=pytest.fail
    ) as local:
        yield local


def somebody(local: LocalCloud, statements: list[Any]) -> OrdersHere:
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    key, secret = make_user(local, f"deployer-{uuid.uuid4().hex[:8]}", policy)
    names = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": ""}
    return OrdersHere(local.environment | names)


def test_the_deployers_policy_is_enough_for_every_call_of_the_commands(guarded_and_empty: LocalCloud) -> None:
    where = Where(STACK, ACCOUNT, REGION)
    statements = [one for policy in deployer(where, {}) for one in policy["Statement"]]
    code = {"Effect": "Allow", "Action": "s3:*", "Resource": [CODE, f"{CODE}/*"]}
    orders = somebody(guarded_and_empty, [*statements, code])
    on = ("--stack", STACK, "--yes", "--json")
    assert json.loads(orders("deploy", *on).stdout)["status"] == "deployed"
    assert (
        json.loads(orders("deploy", *on, "--parameter", "DefaultCurrency=CHF").stdout)["status"] == "deployed"
    )
    assert json.loads(orders("destroy", *on).stdout)["left"] == []
    # What stayed is taken over, and then goes.
    assert json.loads(orders("deploy", *on).stdout)["status"] == "deployed"
    assert json.loads(orders("destroy", *on, "--delete-data").stdout)["left"] == []


def test_without_it_nothing_can_be_deployed(guarded_and_empty: LocalCloud) -> None:
    nothing = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
    refused = somebody(guarded_and_empty, [nothing])("deploy", "--stack", STACK, status=None)
    assert refused.returncode and "AccessDenied" in refused.stderr
