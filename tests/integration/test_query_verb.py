"""`orders archive query`, as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from orderstream.domain import object_keys
from orderstream.local.cloud import LocalCloud
from orderstream.storage.orders import list_orders
from tests.integration.conftest import Orders, awaited

ORDERS = str(Path(sys.executable).with_name("orders"))


@pytest.fixture
def orders(orders: Orders, tmp_path: Path) -> Orders:
    orders.environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    return orders


@pytest.fixture(scope="module")
def who(local: LocalCloud) -> str:
    """A customer with three orders of 0.10, 19.90 and 1250 that are archived."""
    customer = f"query-{uuid.uuid4().hex}"
    for amount in ("0.10", "19.90", "1250"):
        data = f'{{"order_id": "{customer}-{amount}", "customer_id": "{customer}", "amount": "{amount}"}}'
        local.cloud.kinesis.put_record(
            StreamName=local.deployment.stream, PartitionKey=customer, Data=data.encode()
        )
    awaited(lambda: len(list(list_orders(local.deployment, customer, limit=9))) == 3)
    return customer


def test_a_table_for_people_and_what_was_fetched_beside_it(orders: Orders, who: str) -> None:
    query = f"SELECT currency, sum(amount) AS revenue FROM orders WHERE customer_id = '{who}' GROUP BY ALL"
    first = orders("archive", "query", query, "--since", "1h")
    assert "│ EUR      │ 1270.00 │" in first.stdout
    assert first.stderr.splitlines()[-1] == "1 row"
    assert " fetched (" in first.stderr and ", 0 cached" in first.stderr
    assert (
        "objects: 0 fetched" in orders("archive", "query", "-", "--since", "1h", given=query.encode()).stderr
    )


def test_every_format_on_standard_output_and_in_a_file(orders: Orders, who: str, tmp_path: Path) -> None:
    query = f"SELECT amount FROM orders WHERE customer_id = '{who}' ORDER BY amount"
    found = orders("archive", "query", query, "--json").stdout
    assert [json.loads(line, parse_float=Decimal)["amount"] for line in found.splitlines()] == [
        Decimal("0.1"),
        Decimal("19.9"),
        1250,
    ]
    assert orders("archive", "query", query, "--format", "csv").stdout == "amount\n0.1\n19.9\n1250\n"
    # A process of its own, for what it writes is no text.
    command = [ORDERS, "archive", "query", query, "--format", "parquet"]
    environment = os.environ | orders.environment
    sent = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout
    assert sent[:4] == sent[-4:] == b"PAR1"
    for name in ("a.csv", "a.json", "a.parquet"):
        done = orders("archive", "query", query, "--output", str(tmp_path / name))
        assert done.stdout == "" and "written to" in done.stderr
        assert (tmp_path / name).stat().st_size > 0
    assert (tmp_path / "a.csv").read_text() == "amount\n0.1\n19.9\n1250\n"


def test_a_mistake_is_one_line_a_hint_and_status_2(orders: Orders, tmp_path: Path) -> None:
    for arguments, message in (
        (["SELECT nope FROM orders"], 'Referenced column "nope" not found'),
        (["SELECT * FROM read_text('/etc/passwd')"], "Cannot access file"),
        (["DROP VIEW orders"], "only read"),
        ([], "there is no SQL"),
        (["-"], "there is no SQL"),
        (["SELECT 1", "--output", str(tmp_path / "answer")], "does not say which format"),
        (["SELECT 1", "--since", "soon"], "not a point in time"),
    ):
        error, hint = orders("archive", "query", *arguments, status=2).stderr.splitlines()
        assert error.startswith("error: ") and message in error
        assert hint.startswith("hint: ")


def test_parquet_is_not_for_a_terminal(orders: Orders) -> None:
    master, terminal = os.openpty()
    try:
        done = subprocess.run(
            [ORDERS, "archive", "query", "SELECT 1", "--format", "parquet"],
            env=os.environ | orders.environment,
            stdout=terminal,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(master)
        os.close(terminal)
    assert done.returncode == 2 and b"--output FILE" in done.stderr


def test_a_damaged_object_is_a_warning_and_status_1(local: LocalCloud, orders: Orders, who: str) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    key = object_keys.batch_key(object_keys.ORDERS, long_ago, "shardId-1", ["1"], [])
    local.cloud.s3.put_object(Bucket=local.deployment.bucket, Key=key, Body=b"no gzip")
    try:
        span = ("--since", "2020-01-01", "--until", "2020-01-02")
        done = orders(
            "archive", "query", "SELECT count(*) AS n FROM records", *span, "--format", "csv", status=1
        )
    finally:
        local.cloud.s3.delete_object(Bucket=local.deployment.bucket, Key=key)
    assert done.stdout == "n\n0\n"
    assert key in done.stderr.replace("\n", "") and "warning:" in done.stderr


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("what", ["sum(a.range * b.range)", "a.range"])
def test_ctrl_c_ends_it_and_leaves_nothing_half_done(
    orders: Orders, who: str, tmp_path: Path, what: str, form: str
) -> None:
    numbers = "range(1000000) AS a, range(1000000) AS b"
    # Either has no row for hours.
    query = f"SELECT {what} FROM records, {numbers} WHERE a.range * b.range < 0"
    file = tmp_path / f"answer.{form}"
    with subprocess.Popen(
        [ORDERS, "archive", "query", query, "--output", str(file)],
        env=os.environ | orders.environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        try:
            # It says so when it begins to compute.
            assert any("objects:" in line for line in running.stderr)
            running.send_signal(signal.SIGINT)
            said = running.stderr.read()
            assert running.wait(30) not in (0, -signal.SIGKILL)
        finally:
            # It would go on for hours.
            running.kill()
    assert "Traceback" not in said
    assert not file.exists() and list(tmp_path.glob("*.part")) == []
    assert list((tmp_path / "cache").rglob("run-*")) == []


def test_a_reader_that_has_seen_enough_is_no_error_to_tell(orders: Orders, who: str) -> None:
    command = f'"{ORDERS}" archive query "SELECT * FROM records, range(100000)" --format csv | head -2'
    done = subprocess.run(
        ["bash", "-c", command],
        env=os.environ | orders.environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 2
    assert b"Traceback" not in done.stderr and b"error" not in done.stderr
