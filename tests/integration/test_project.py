"""A project of a user's own: its model in every part of the system, and what happens when it is edited."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from reference import PROJECT

from tests.integration.conftest import Orders, awaited
from tests.integration.up import Up, up

EXAMPLES = sorted(path.parent for path in (PROJECT / "examples").glob("*/orderstream.toml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_tests_of_each_example_pass(example: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=example,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_of_a_new_project_pass_and_its_types_are_right(tmp_path: Path) -> None:
    orders = Orders({}, tmp_path)
    said = orders("init", "my-shop").stderr
    for file in ("order.py", "orderstream.toml", "tests/test_order.py", ".github/workflows/orders.yml"):
        assert f"my-shop/{file}" in said
    project = tmp_path / "my-shop"
    for command in (["pytest", "-q", "-p", "no:cacheprovider"], ["mypy", "--strict", "order.py"]):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "is there already" in orders("init", "my-shop", status=2).stderr
    assert "lower-case letters" in orders("init", "My Shop", status=2).stderr


ENVIRONMENTS = """
[env.dev]
region = "eu-central-1"

[env.prod]
stack = "shop-prod"
region = "eu-west-1"
"""
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}


def test_an_environment_decides_where_a_command_acts(tmp_path: Path) -> None:
    (tmp_path / "orderstream.toml").write_text(ENVIRONMENTS)
    orders = Orders({}, tmp_path)
    policy = ("stack", "policy", "boundary", "--account", "123456789012")
    for chosen in (orders(*policy, "--env", "prod"), Orders({"ORDERS_ENV": "prod"}, tmp_path)(*policy)):
        assert "eu-west-1:123456789012" in chosen.stdout and "shop-prod" in chosen.stdout
    said = orders(*policy, "--env", "prod", "--region", "us-west-2").stdout
    assert "us-west-2:123456789012" in said, "an option counts more"
    assert "there are dev, prod" in orders("status", "--env", "live", status=2).stderr
    assert "orders init makes a project" in Orders({})("status", "--env", "dev", status=2).stderr


def test_a_command_acts_in_no_environment_that_was_not_meant(tmp_path: Path) -> None:
    (tmp_path / "orderstream.toml").write_text(ENVIRONMENTS)
    for orders in (Orders({}, tmp_path), Orders(KEYS, tmp_path)):
        said = orders("status", status=2).stderr
        assert "the project has several environments: dev, prod" in said and "--env dev" in said
    local = Orders(KEYS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, tmp_path)
    assert "this terminal uses the local cloud" in local("status", "--env", "prod", status=2).stderr


def test_a_plan_is_written_for_an_environment(tmp_path: Path) -> None:
    (tmp_path / "orderstream.toml").write_text(ENVIRONMENTS)
    orders = Orders({}, tmp_path)
    said = orders("plan", "--rate", "2000", "--peak", "3x", "--size", "600", "--write", "prod").stderr
    assert "orders deploy --env prod" in said
    assert "ShardCount = 8" in (tmp_path / "orderstream.toml").read_text()
    assert (
        "there are dev, prod" in orders("plan", "--size", "1", "--rate", "1", "--write", "x", status=2).stderr
    )


@pytest.mark.system
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_samples_of_each_example_are_orders_of_its_model(example: Path) -> None:
    account = json.loads(Orders({}, example)("demo", "--orders", "100", "--json").stdout)
    assert account["sent"] == 100 and account["stored"] > 80


ORDER: dict[str, Any] = {
    "order_id": "A-1",
    "customer_id": "ann",
    "merchant_id": "M-1",
    "amount": "19.90",
    "note": "gift",
    "items": [{"sku": "tea", "listing_id": "L-7", "quantity": 2, "unit_price": "9.95"}],
}


def edited(project: Path, before: str, after: str) -> str:
    """Edit the model, and return its text as it was."""
    text = (project / "order.py").read_text()
    assert before in text
    (project / "order.py").write_text(text.replace(before, after))
    return text


def ensure_an_order_is_stored_listed_and_queried_as_the_model_has_it(started: Up, orders: Orders) -> None:
    for order in (ORDER, ORDER | {"order_id": "A-2", "merchant_id": "M-2", "note": None}):
        orders("send", json.dumps(order))
    awaited(lambda: "A-2" in orders("list", "--by", "merchant_id=M-2", "--json").stdout)
    (line,) = orders("list", "--by", "merchant_id=M-1", "--json").stdout.splitlines()
    item = json.loads(line)
    assert (item["OrderID"], item["Payout"], item["MerchantNote"]) == ("A-1", 17.91, "gift")
    assert "hint: they are by customer, merchant_id" in orders("list", "--by", "note=x", status=2).stderr
    query = "SELECT merchant_id, items[1].listing_id FROM orders ORDER BY 1"
    said = orders("archive", "query", query, "--format", "csv").stdout.splitlines()
    assert [line.partition(",")[0] for line in said[1:]] == ["M-1", "M-2"]
    with urllib.request.urlopen(f"{started.api_url}/orders?merchant_id=M-1") as answer:
        assert [one["OrderID"] for one in json.load(answer)["orders"]] == ["A-1"]
    with urllib.request.urlopen(f"{started.api_url}/openapi.json") as answer:
        document = json.load(answer)
    names = {one["name"] for one in document["paths"]["/orders"]["get"]["parameters"]}
    assert {"merchant_id", "since", "cursor"} <= names
    assert orders("stack", "verify").returncode == 0


def ensure_the_deployed_model_is_compared_field_by_field(orders: Orders, project: Path) -> None:
    assert "nothing has changed" in orders("model", "diff").stderr
    before = edited(project, "    merchant_id:", "    region: Name\n    merchant_id:")
    try:
        (change,) = orders("model", "diff", "--json", status=1).stdout.splitlines()
        assert json.loads(change) == {
            "path": "region",
            "change": "added, string, required",
            "breaks": "records without it are refused",
        }
    finally:
        (project / "order.py").write_text(before)
    schema = json.loads(orders("model", "schema").stdout)
    assert schema["properties"]["merchant_id"]["x-indexed"] is True


def ensure_a_model_that_refuses_what_was_stored_is_not_deployed_unless_it_is_told_to(
    orders: Orders, project: Path
) -> None:
    before = edited(project, "merchant_id: Annotated[Name", 'merchant_id: Annotated[str, text(3, "M-1")')
    edited(project, "stored_as\n", "stored_as, text\n")
    try:
        report = json.loads(orders("model", "check", "--json", status=1).stdout)
        assert report["newly_refused"]["wrong_pattern"]["count"] == 1
        (sample,) = report["newly_refused"]["wrong_pattern"]["samples"]
        assert (sample["order_id"], sample["path"]) == ("A-2", "$.merchant_id")
        said = orders("deploy", status=2).stderr
        assert (
            "the order model refuses 1 of the records that were orders or events, most by wrong_pattern: A-2"
            in said
        )
        assert "--max-newly-refused 1" in said
        orders("deploy", "--max-newly-refused", "1")
    finally:
        (project / "order.py").write_text(before)


def ensure_what_would_be_stored_differently_or_newly_accepted_is_reported(
    orders: Orders, project: Path
) -> None:
    orders("send", json.dumps(ORDER | {"order_id": "A-3", "commission": 2}), "--unchecked")
    awaited(lambda: "A-3" in orders("quarantine", "list", "--json").stdout)
    before = edited(project, "if value > 1:", "if value > 3:")
    edited(project, "(1 - self.commission)", "(4 - self.commission)")
    try:
        report = json.loads(orders("model", "check", "--json").stdout)
        assert report["newly_refused"] == {}
        assert report["newly_accepted"]["samples"][0]["order_id"] == "A-3"
        samples = report["stored_differently"]["Payout"]["samples"]
        assert samples[0] == {"order_id": "A-1", "stored": 17.91, "now": 77.61}
        said = orders("model", "check").stdout
        assert "stored differently" in said and "Payout" in said
    finally:
        (project / "order.py").write_text(before)


def ensure_a_stack_of_a_project_is_not_deployed_outside_of_it(orders: Orders, tmp_path: Path) -> None:
    said = Orders(orders.environment, tmp_path)("deploy", status=2).stderr
    assert "has the order model order:Order of a project, and there is no project here" in said
    (tmp_path / "orderstream.toml").write_text('model = "orderstream:Order"\n')
    said = Orders(orders.environment, tmp_path)("deploy", "--dry-run").stderr
    assert "records checked: " in said


def ensure_an_index_is_added_by_itself_and_not_two_in_one_update(orders: Orders, project: Path) -> None:
    before = edited(
        project, "    commission: Annotated[Price, ", "    commission: Annotated[Price, indexed, "
    )
    one = edited(project, "    note: Annotated[Name, ", "    note: Annotated[Name, indexed, ")
    try:
        said = orders("deploy", status=2).stderr
        assert "one index in an update" in said and "ByCommission, ByMerchantNote" in said
        (project / "order.py").write_text(one)
        orders("deploy")
        awaited(lambda: "A-1" in orders("list", "--by", "commission=0.10", "--json").stdout)
    finally:
        (project / "order.py").write_text(before)


def ensure_a_mistake_is_told_at_once_with_file_and_line(orders: Orders, project: Path) -> None:
    before = edited(project, "    merchant_id:", "    seats: int\n    merchant_id:")
    try:
        for command in (["model", "check"], ["deploy"], ["send", json.dumps(ORDER)]):
            said = orders(*command, status=2).stderr
            assert re.search(r"error: order\.py:\d+: seats: int has no rule", said), said
    finally:
        (project / "order.py").write_text(before)


@pytest.mark.system
def test_a_project_from_its_first_order_to_its_edited_model(tmp_path: Path) -> None:
    project = tmp_path / "marketplace"
    shutil.copytree(PROJECT / "examples" / "marketplace", project)
    with up(tmp_path, cwd=project) as started:
        orders = started.await_ready()
        ensure_an_order_is_stored_listed_and_queried_as_the_model_has_it(started, orders)
        ensure_the_deployed_model_is_compared_field_by_field(orders, project)
        ensure_a_model_that_refuses_what_was_stored_is_not_deployed_unless_it_is_told_to(orders, project)
        ensure_what_would_be_stored_differently_or_newly_accepted_is_reported(orders, project)
        ensure_a_stack_of_a_project_is_not_deployed_outside_of_it(orders, tmp_path)
        ensure_an_index_is_added_by_itself_and_not_two_in_one_update(orders, project)
        ensure_a_mistake_is_told_at_once_with_file_and_line(orders, project)


OLD_TICKET: dict[str, Any] = {
    "order_id": "T-1",
    "customer_id": "ann",
    "performance_id": "hamlet",
    "amount": "19.90",
    "seats": [{"seat": "C12", "price": "19.90"}],
}
NEW_TICKET: dict[str, Any] = OLD_TICKET | {
    "schema": 2,
    "order_id": "T-2",
    "starts_at": "2027-01-15T19:30:00Z",
    "seats": [{"row": "D", "number": 7, "price": "19.90"}],
}


@pytest.mark.system
def test_an_archive_of_all_versions_is_verified_queried_compacted_and_replayed(tmp_path: Path) -> None:
    project = tmp_path / "tickets"
    shutil.copytree(PROJECT / "examples" / "tickets", project)
    with up(tmp_path, cwd=project) as started:
        orders = started.await_ready()
        for order in (OLD_TICKET, NEW_TICKET):
            orders("send", json.dumps(order))
        awaited(lambda: "T-2" in orders("list", "--by", "performance_id=hamlet", "--json").stdout)
        listed = orders("list", "--by", "performance_id=hamlet", "--json").stdout.splitlines()
        items = {item["OrderID"]: item for item in map(json.loads, listed)}
        assert "SchemaVersion" not in items["T-1"] and items["T-2"]["SchemaVersion"] == 2
        assert items["T-1"]["Seats"] == [{"row": "C", "number": 12, "price": 19.9}]
        awaited(lambda: orders("stack", "verify", status=None).returncode == 0)
        query = "SELECT order_id, seats[1].row, seats[1].number FROM orders ORDER BY 1"
        rows = ["T-1,C,12", "T-2,D,7"]
        assert orders("archive", "query", query, "--format", "csv").stdout.splitlines()[1:] == rows
        assert json.loads(orders("model", "check", "--json").stdout)["newly_refused"] == {}
        done = json.loads(orders("archive", "replay", "--json").stdout)
        assert (done["read"], done["duplicates"], done["invalid"]) == (2, 2, 0)
