"""`orders plan`, as a user types it: no cloud is there, and none is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import declared, ensure_valid, given
from tests.integration.conftest import Orders, OrdersHere

PNG = b"\x89PNG\r\n\x1a\n"
EXAMPLE = ("plan", "--rate", "2000", "--peak", "5x", "--size", "800")


@pytest.fixture(scope="module")
def nowhere() -> Orders:
    """The command line with nothing that speaks for AWS: an endpoint where nobody listens."""
    return OrdersHere({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})


@pytest.fixture
def traffic(tmp_path: Path) -> Path:
    file = tmp_path / "traffic.csv"
    lines = ["time,orders_per_second", "2026-11-27T18:00:00Z,200", "2026-11-27T18:20:00Z,900"]
    file.write_text("\n".join([*lines, "2026-11-27T18:40:00Z,200"]))
    return file


def planned(orders: Orders, *arguments: str) -> dict[str, Any]:
    lines = orders(*arguments, "--json").stdout.splitlines()
    assert len(lines) == 1
    found: dict[str, Any] = json.loads(lines[0])
    return found


def test_a_plan_has_settings_bill_quotas_and_the_command_to_deploy(nowhere: Orders) -> None:
    done = nowhere(*EXAMPLE)
    assert done.stderr == ""
    for part in ("13 shards", "Settings", "A month's bill", "What breaks first", "Shards or on demand"):
        assert part in done.stdout
    commands = [line for line in done.stdout.splitlines() if line.startswith("orders deploy ")]
    values, cheapest = (
        given(one.removeprefix("orders deploy --parameter ").split(" --parameter ")) for one in commands
    )
    found = planned(nowhere, *EXAMPLE)
    assert (values, cheapest) == (found["parameters"], found["cheapest_parameters"])
    ensure_valid(values, declared(TEMPLATE))
    ensure_valid(cheapest, declared(TEMPLATE))
    assert cheapest["TableBilling"] == "provisioned" and cheapest["ArchiveMaintenance"] == "compact"


def test_the_bills_of_the_horizon_are_printed_with_what_each_setting_saves(nowhere: Orders) -> None:
    done = nowhere(*EXAMPLE, "--months", "24", "--wait", "30s")
    for part in ("month 12", "month 24", "GlacierDays=30", "--wait"):
        assert part in done.stdout
    found = planned(nowhere, *EXAMPLE, "--months", "24", "--wait", "30s")
    assert [one["month"] for one in found["bills"]] == [1, 12, 24]
    assert found["bills"][0]["bill"] == found["sizing"]["bill"]
    assert found["cheapest"]["bills"][2]["bill"]["total"] < found["bills"][2]["bill"]["total"]


def test_the_cheapest_is_a_plan_of_its_own(nowhere: Orders) -> None:
    best = planned(nowhere, *EXAMPLE)["cheapest"]
    chosen = (
        "--table-billing provisioned --table-class infrequent-access --index-projection keys"
        " --glacier-days 30 --maintenance compact"
    )
    found = planned(nowhere, *EXAMPLE, *chosen.split())
    assert found["bills"] == best["bills"]
    text = nowhere(*EXAMPLE, *chosen.split()).stdout
    assert text.count("orders deploy ") == 1
    assert "table, capacity" in text


def test_an_idle_stack_is_priced_first(nowhere: Orders) -> None:
    first, *lines = nowhere("plan", "--rate", "0").stdout.splitlines()
    assert first.startswith("An idle stack costs $38.35 a month")
    assert "The least is $16.75, or $12.75 where" in " ".join(lines)
    assert lines[-1] == "orders deploy --parameter-set small"
    assert planned(nowhere, "plan", "--rate", "0")["idle"]["dollars"] == 38.35


def test_events_are_planned_with_their_price(nowhere: Orders) -> None:
    done = nowhere(*EXAMPLE, "--events-per-order", "2.5", "--event-size", "300")
    assert "2.5 events an order, 300 bytes each. An event costs $" in done.stdout
    assert "1,000 records" in done.stdout and "DynamoDB, reads" in done.stdout
    for wrong in ("many", "nan", "-1"):
        assert nowhere(*EXAMPLE, "--events-per-order", wrong, status=2).stderr.startswith("error: ")


def test_the_change_feed_is_planned_with_its_price_and_its_parameters(nowhere: Orders) -> None:
    done = nowhere(*EXAMPLE, "--feed", "--event-bus")
    assert "Announcing a version costs $" in done.stdout and "a million, with the event bus" in done.stdout
    bill = planned(nowhere, *EXAMPLE, "--feed", "--event-bus")["sizing"]["bill"]["entries"]
    lines = [f"{one['service']}, {one['what']}" for one in bill]
    for line in ("Kinesis, change feed, shards", "Lambda, change feed", "EventBridge, pipe"):
        assert line in lines
    assert "--parameter ChangeFeed=true --parameter ChangeFeedShardCount=" in done.stdout
    assert "--parameter ChangeEventBus=default" in done.stdout
    assert "add --feed" in nowhere(*EXAMPLE, "--event-bus", status=2).stderr
    ensure_valid(planned(nowhere, *EXAMPLE, "--feed", "--event-bus")["parameters"], declared(TEMPLATE))


def test_json_has_all_of_it_with_money_as_numbers(nowhere: Orders) -> None:
    found = planned(nowhere, *EXAMPLE)
    assert " ".join(found) == (
        "demand options sizing comparison latency customer catch_up baseline baseline_ratio quotas parameters"
        " bills cheapest cheapest_parameters cheapest_catch_up idle event_dollars_million"
        " version_dollars_million prices deploy simulation"
    )
    assert set(found["sizing"]) == {"stream", "function", "table", "archive", "feed", "bill"}
    assert found["demand"] == {
        "rate": 2000,
        "peak": 10_000,
        "size": 800,
        "item_size": None,
        "events": 0,
        "event_size": 150,
    }
    assert found["sizing"]["bill"]["total"] == pytest.approx(
        sum(entry["dollars"] for entry in found["sizing"]["bill"]["entries"])
    )
    assert found["quotas"][0]["breaks_at"] == pytest.approx(8000, rel=0.001)
    assert found["simulation"] is None


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        (
            "",
            "13 RetentionHours=72 BatchSize=1000 BatchWindowSeconds=1 ParallelizationFactor=1"
            " EnhancedFanOut=false ShardMetrics=true ArchiveLayout=batch ArchiveMaintenance=none"
            " GlacierDays=0 CustomerIndex=true IndexProjection=all TableClass=standard TableBilling=on-demand"
            " TableWarmWriteUnits=12500",
        ),
        (
            "--retention 168 --no-index --layout order --window 5 --mode on-demand --fan-out"
            " --maintenance compact --no-shard-metrics --headroom 50"
            " --glacier-days 60 --table-class infrequent-access",
            "0 RetentionHours=168 BatchSize=1300 BatchWindowSeconds=5 ParallelizationFactor=6"
            " EnhancedFanOut=true ShardMetrics=false ArchiveLayout=order ArchiveMaintenance=compact"
            " GlacierDays=60 CustomerIndex=false IndexProjection=all TableClass=infrequent-access"
            " TableBilling=on-demand TableWarmWriteUnits=15000",
        ),
    ],
)
def test_the_chosen_options_are_planned(nowhere: Orders, options: str, parameters: str) -> None:
    found = planned(nowhere, *EXAMPLE, *options.split())
    assert found["parameters"] == given(f"ShardCount={parameters}".split())


def test_options_that_are_no_parameters_are_planned(nowhere: Orders) -> None:
    options = "--outage 2h --months 12 --consumers 4 --item-size 1025"
    found = planned(nowhere, *EXAMPLE, *options.split())
    assert (found["options"]["months"], found["options"]["consumers"]) == (12, 4)
    assert (found["catch_up"]["outage_seconds"], found["demand"]["item_size"]) == (7200, 1025)


def test_a_simulation_is_printed_in_the_times_of_the_file_and_drawn(
    nowhere: Orders, traffic: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "backlog.png"
    words = ("--size", "800", "--traffic", str(traffic), "--outage", "10m")
    at = ("--outage-at", "2026-11-27T18:10:00Z", "--picture", str(picture))
    done = nowhere("plan", *words, *at)
    # (200 × 1,200 + 900 × 1,200 + 200 × 1,200) / 3,600
    assert done.stdout.startswith("433 orders/s on average, 900 at the peak")
    assert "2026-11-27T18:20:" in done.stdout
    assert "caught up" in done.stdout
    assert picture.read_bytes().startswith(PNG)
    away = str(tmp_path / "none" / "backlog.png")
    done = nowhere("plan", *words, "--picture", away, status=1)
    assert "cannot write" in done.stderr


def test_a_plan_for_less_than_the_traffic_falls_behind_in_the_simulation_with_its_seed(
    nowhere: Orders, traffic: Path
) -> None:
    words = ("plan", "--rate", "200", "--size", "800", "--headroom", "0", "--traffic", str(traffic))
    well, other = (planned(nowhere, *words, "--seed", seed)["simulation"] for seed in ("1", "2"))
    assert well["most_held"] == other["most_held"] == 0 and well != other
    # An order an object: one lane for 200 a second, where 900 come.
    assert planned(nowhere, *words, "--layout", "order")["simulation"]["behind_from"] > 0


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        ("--rate -1", "a rate of -1", 2),
        ("--rate many", "'many' is not a number", 2),
        ("--rate 10 --peak 0.5x", "below the average", 2),
        ("--rate 10 --outage long", "'long' is not a length", 2),
        ("", "how much traffic?", 2),
        ("--rate 10 --picture x.png", "are for a simulation", 2),
        ("--traffic none.csv", "cannot read none.csv", 1),
    ],
)
def test_nonsense_is_refused_in_one_line(nowhere: Orders, arguments: str, message: str, status: int) -> None:
    done = nowhere("plan", "--size", "800", *arguments.split(), status=status)
    assert done.stdout == ""
    error, *hint = done.stderr.splitlines()
    assert error.startswith("error: ") and message in error
    assert all(line.startswith("hint: ") for line in hint) and len(hint) == (status == 2)
