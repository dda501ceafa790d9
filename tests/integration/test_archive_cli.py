"""The archive's commands: what they print, and the status with which they exit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import ORDERS
from tests.integration.archive_harness import filled
from tests.integration.conftest import Orders, OrdersHere
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import items


@pytest.fixture
def pipe(cloud: AwsClients) -> Pipe:
    pipe = filled(cloud)
    pipe.deploy()
    return pipe


@pytest.fixture
def orders(pipe: Pipe) -> Orders:
    return OrdersHere(pipe.environment())


def test_the_archive_is_sealed_compacted_and_audited_and_findings_end_with_status_1(
    pipe: Pipe, orders: Orders
) -> None:
    lines = orders("archive", "compact", "--dry-run", "--json").stdout.splitlines()
    planned = [json.loads(line) for line in lines]
    assert [hour["hour"] for hour in planned] == ["2026-11-22T12", "2026-11-22T13"]
    assert "2 hours" in orders("archive", "compact", "--dry-run").stdout
    done = orders("archive", "seal", "--until", "2026-11-22T13:00:00Z")
    assert "1 hours sealed, 0 compacted" in done.stdout
    head = done.stdout.split("head ")[1].strip()

    key, *_ = pipe.keys(ORDERS)
    body = pipe.body(key)
    pipe.write(key, b"something else")
    (finding,) = json.loads(orders("archive", "audit", "--json", status=1).stdout)["findings"]
    assert (finding["kind"], finding["key"]) == ("tampered", key)
    assert "tampered" in orders("archive", "audit", status=1).stdout
    done = orders("archive", "compact", status=1)
    said = done.stderr.replace("\n", "")
    assert key.rpartition("/")[2] in said and "altered" in said, "its hour is left as it is"
    pipe.write(key, body)

    compacted = json.loads(orders("archive", "compact", "--json").stdout)
    assert [one["hour"] for one in compacted["compacted"]] == ["2026-11-22T12"]
    done = orders("archive", "audit", "--head", head)
    assert "findings" in done.stdout
    found = json.loads(orders("archive", "audit", "--json").stdout)
    assert (found["findings"], found["manifests"]) == ([], 4)
    refused = orders("archive", "audit", "--head", "42", status=2)
    assert refused.stderr.startswith("error: '42' is not a valid head\nhint: ")


def test_a_customer_is_erased_and_the_audit_takes_the_receipt(
    pipe: Pipe, orders: Orders, tmp_path: Path
) -> None:
    orders("archive", "compact")
    before = items(pipe)
    planned = json.loads(orders("archive", "forget", "--customer", "c1", "--dry-run", "--json").stdout)
    assert (planned["items"], items(pipe)) == (8, before)
    refused = orders("archive", "forget", "--customer", "c1", given=b"y\n", status=2)
    error, hint = refused.stderr.splitlines()
    assert error.startswith("error: erasing customer c1 has to be confirmed") and "--yes" in hint
    assert (refused.stdout, items(pipe)) == ("", before)
    assert (
        "was not confirmed" in orders("archive", "forget", "--customer", "c1", typed="n\n", status=2).stderr
    )
    assert items(pipe) == before
    done = orders(
        "archive", "forget", "--customer", "c1", "--yes", "--json", "--reason", "asked on 2026-11-20"
    )
    receipt = json.loads(done.stdout)
    assert receipt["receipt"]["items"] == 8
    assert receipt["receipt"]["reason"] == "asked on 2026-11-20"
    assert not any(item["CustomerID"] == {"S": "c1"} for item in items(pipe).values())
    file = tmp_path / "receipt.json"
    file.write_text(done.stdout)
    orders("archive", "audit", "--receipt", str(file))
    file.write_text(done.stdout.replace("asked", "begged"))
    assert "no_receipt" in orders("archive", "audit", "--receipt", str(file), status=1).stdout
    assert "receipt" in orders("archive", "forget", "--customer", "c2", typed="y\n").stdout
    orders("archive", "forget", status=2)


def test_of_an_unknown_customer_nothing_is_found_and_no_receipt_is_made(pipe: Pipe, orders: Orders) -> None:
    orders("archive", "seal")
    before = {key: pipe.body(key) for key in pipe.keys("")}
    for options, typed in ((["--yes", "--json"], ""), (["--dry-run"], ""), ([], "y\n")):
        done = orders("archive", "forget", "--customer", "nobody", *options, typed=typed, status=1)
        assert done.stdout == ""
        said = "error: nothing found of customer nobody; nothing was changed"
        assert done.stderr.splitlines()[1] == said, "behind where that is"
        assert {key: pipe.body(key) for key in pipe.keys("")} == before
