"""The two commands of the README do what it says."""

import json
import os
import re
import signal
import subprocess

import pytest
from reference import PROJECT
from reference.json_documents import ensure_documented

from tests.integration.conftest import awaited
from tests.integration.up import ORDERS, processes_of

pytestmark = pytest.mark.system


def environment(mark: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "ORDERS_TEST": mark
    }


def test_make_demo_accounts_for_every_record() -> None:
    mark = str(os.getpid())
    done = subprocess.run(
        ["make", "demo"], cwd=PROJECT, env=environment(mark), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every record accounted for" in done.stdout
    for row in (
        "archived",
        "orders/s",
        "latency p99",
    ):
        assert row in done.stdout
    rows = re.findall(r"^│ (\S+) +│ +([\d,]+) │ +([\d,]+) │$", done.stdout, re.MULTILINE)
    *outcomes, sent = rows[:5]
    assert [name for name, *_ in outcomes] == ["stored", "duplicates", "conflicts", "invalid"]
    assert sent == ("sent", "3,000", "3,000")
    for column in (1, 2):
        counts = [int(row[column].replace(",", "")) for row in outcomes]
        assert all(counts) and sum(counts) == 3_000
    assert '"customer_id"' in done.stdout, "a sample order as sent"
    assert not processes_of(int(mark))


def test_tpch_orders_arrive_with_the_generators_own_totals() -> None:
    mark = f"9{os.getpid()}"
    done = subprocess.run(
        [*ORDERS, "demo", "--tpch", "0.001", "--json"],
        env=environment(mark),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    ensure_documented(("demo", "--json"), done.stdout.decode())
    account = json.loads(done.stdout)
    assert account["sent"] == account["stored"] == account["archived"] == 1_500
    assert account["customers"] == account["customers_that_agree"] > 80
    assert account["duplicates"] == account["conflicts"] == account["invalid"] == 0


def test_ctrl_c_leaves_no_process_behind() -> None:
    mark = f"8{os.getpid()}"
    # As at a terminal, where Ctrl-C goes to the whole process group.
    running = subprocess.Popen(
        [*ORDERS, "demo"], env=environment(mark), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert running.stderr is not None
    with running.stderr:
        for line in running.stderr:
            if "delivering" in line:
                break
        os.killpg(running.pid, signal.SIGINT)
        running.stderr.read()
    assert running.wait(40) == 130
    awaited(lambda: not processes_of(int(mark)))
