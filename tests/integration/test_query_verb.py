"""`orders archive query`, as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from orderstream.archive.cache import folder_of
from orderstream.aws.clients import AwsClients
from orderstream.domain import object_keys
from orderstream.local.ministack import MiniStack
from tests.integration.archive_harness import filled, keep
from tests.integration.conftest import Orders, OrdersHere, new_account
from tests.integration.pipeline_harness import Pipe

ORDERS = str(Path(sys.executable).with_name("orders"))


@pytest.fixture(scope="module")
def pipe(ministack: MiniStack) -> Pipe:
    """A stack with an archive of two hours."""
    pipe = filled(new_account(ministack))
    pipe.deploy()
    return pipe


@pytest.fixture
def orders(pipe: Pipe, tmp_path: Path) -> Orders:
    return command_line(pipe, tmp_path)


def command_line(pipe: Pipe, folder: Path) -> Orders:
    return OrdersHere(pipe.environment() | {"XDG_CACHE_HOME": str(folder / "cache")})


def test_a_table_for_people_and_what_was_fetched_beside_it(orders: Orders) -> None:
    query = "SELECT currency, sum(amount) AS revenue FROM orders WHERE customer_id = 'c1' GROUP BY ALL"
    span = ("--since", "2026-11-22T12:00:00Z", "--until", "2026-11-22T13:00:00Z")
    first = orders("archive", "query", query, *span)
    assert "│ EUR      │   87.50 │" in first.stdout
    assert first.stderr.splitlines()[-1] == "1 row"
    assert " fetched (" in first.stderr and ", 0 cached" in first.stderr
    again = orders("archive", "query", "-", *span, given=query.encode())
    assert again.stdout == first.stdout and "objects: 0 fetched" in again.stderr


def test_every_format_holds_the_same_answer_on_standard_output_and_in_a_file(
    orders: Orders, tmp_path: Path
) -> None:
    columns = "order_id, amount, order_date, items, raw"
    query = f"SELECT {columns} FROM orders WHERE order_id IN ('A-1', 'zip-1') ORDER BY 1"
    lines = orders("archive", "query", query, "--json").stdout
    one, two = (json.loads(line, parse_float=Decimal) for line in lines.splitlines())
    assert (one["order_id"], one["amount"], two["amount"]) == ("A-1", Decimal("2.5"), Decimal("1.2"))
    assert one["order_date"].endswith("Z")
    table = orders("archive", "query", query.replace(", raw", "")).stdout
    assert "2.50" in table and "zip-1" in table
    text = orders("archive", "query", query, "--format", "csv").stdout
    header, first, _ = text.splitlines()
    assert header == "order_id,amount,order_date,items,raw"
    assert first.startswith('A-1,2.5,2026-11-22T12:00:02.000000Z,,"{""order_id"": ""A-1""')
    # A process of its own, for what it writes is no text.
    command = [ORDERS, "archive", "query", query, "--format", "parquet"]
    environment = os.environ | orders.environment
    sent = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout
    for name in ("a.csv", "a.json", "a.parquet"):
        done = orders("archive", "query", query, "--output", str(tmp_path / name))
        assert done.stdout == "" and "written to" in done.stderr
    assert (tmp_path / "a.csv").read_text() == text
    assert (tmp_path / "a.json").read_text() == lines
    (tmp_path / "sent.parquet").write_bytes(sent)
    for name in ("a.parquet", "sent.parquet"):
        with duckdb.connect() as db:
            typed = db.execute(f"SELECT amount, typeof(amount), raw FROM '{tmp_path / name}'").fetchall()
        assert typed[0] == (Decimal("2.5000000000"), "DECIMAL(38,10)", one["raw"])


def test_a_mistake_is_one_line_a_hint_and_status_2(orders: Orders, tmp_path: Path) -> None:
    for arguments, message in (
        (["SELECT nope FROM orders"], 'Referenced column "nope" not found'),
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


def test_a_damaged_object_is_a_warning_and_status_1(pipe: Pipe, orders: Orders) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    key = object_keys.batch_key(object_keys.ORDERS, long_ago, "shardId-1", ["1"], [])
    pipe.write(key, b"no gzip")
    span = ("--since", "2020-01-01", "--until", "2020-01-02")
    query = "SELECT count(*) AS n FROM records"
    done = orders("archive", "query", query, *span, "--format", "csv", status=1)
    pipe.delete(key)
    assert done.stdout == "n\n0\n"
    assert key in done.stderr.replace("\n", "") and "warning:" in done.stderr


# Neither has a row for hours: the one before it begins to write, the other while it does.
@pytest.mark.parametrize(("what", "form"), [("sum(a.range * b.range)", "csv"), ("a.range", "parquet")])
def test_ctrl_c_ends_it_and_leaves_nothing_half_done(
    orders: Orders, tmp_path: Path, what: str, form: str
) -> None:
    numbers = "range(1000000) AS a, range(1000000) AS b"
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


def test_a_reader_that_has_seen_enough_is_no_error_to_tell(orders: Orders) -> None:
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


def test_what_is_stale_or_erased_is_in_no_cache(cloud: AwsClients, tmp_path: Path) -> None:
    pipe = filled(cloud)
    pipe.deploy()
    orders, cache = command_line(pipe, tmp_path), tmp_path / "cache"

    def of_customer() -> dict[str, int]:
        query = "SELECT count(*) AS n FROM orders WHERE customer_id = 'c1'"
        answer: dict[str, int] = json.loads(orders("archive", "query", query, "--json").stdout)
        return answer

    assert of_customer()["n"] > 0
    assert list(cache.rglob("*.parquet"))
    keep(pipe)
    of_customer()
    left = {file.name.partition("-")[0] for file in cache.rglob("*.parquet")}
    assert left == {"compacted", "quarantine"}
    folder = cache / "orderstream" / folder_of(pipe.deployment).name
    assert folder.stat().st_mode & 0o777 == 0o700
    orders("archive", "forget", "--customer", "c1", "--yes")
    assert list(cache.rglob("*.parquet")) == []
    assert of_customer() == {"n": 0}
