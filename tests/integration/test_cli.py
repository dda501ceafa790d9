"""The commands, as a user types them: data on stdout, the rest on stderr, statuses that scripts can use."""

import json
import uuid
from decimal import Decimal
from pathlib import Path

from orderstream.local.cloud import LocalCloud
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.storage.orders import by_customer, list_orders
from tests.integration.conftest import Orders, OrdersHere, awaited
from tests.integration.local_orders import quarantined


def listed(orders: Orders, customer: str, *options: str) -> list[dict[str, object]]:
    lines = orders("list", "--customer", customer, "--json", *options).stdout.splitlines()
    return [json.loads(line, parse_float=Decimal) for line in lines]


def ids_of(orders: Orders, customer: str, *options: str) -> list[object]:
    return [item["OrderID"] for item in listed(orders, customer, *options)]


def await_orders(local: LocalCloud, who: str, count: int = 1) -> None:
    """Wait until so many orders of a customer are stored, without a new process for each look."""
    key = by_customer(local.deployment, who)
    awaited(lambda: len(list(list_orders(local.deployment, key, limit=99))) == count)


def customer() -> str:
    return f"cli-{uuid.uuid4().hex}"


def test_an_order_is_sent_found_and_given_back_to_the_byte(local: LocalCloud, orders: Orders) -> None:
    # A process of its own for each, as a user has it.
    orders = Orders(orders.environment)
    order_id, who = uuid.uuid4().hex, customer()
    data = f'{{"order_id":"{order_id}",  "customer_id": "{who}", "amount": 250.00}}'
    assert order_id in orders("send", data).stderr
    await_orders(local, who)
    item = json.loads(orders("get", order_id, "--json").stdout, parse_float=Decimal)
    assert (item["CustomerID"], item["OrderAmount"]) == (who, 250)
    assert order_id in orders("get", order_id).stdout
    row = orders("list", "--customer", who).stdout
    assert order_id in row and "250.00" in row
    assert orders("get", order_id, "--raw").stdout == data


def test_an_order_without_an_id_gets_one_before_it_is_sent(local: LocalCloud, orders: Orders) -> None:
    who = customer()
    done = orders("send", "--json", f'{{"customer_id": "{who}", "amount": "1.00"}}')
    receipt = json.loads(done.stdout)
    await_orders(local, who)
    assert ids_of(orders, who) == [receipt["order_id"]]
    assert receipt["shard_id"].startswith("shardId-")


def test_a_bad_line_is_reported_with_its_number_and_does_not_stop_the_rest(
    local: LocalCloud, orders: Orders, tmp_path: Path
) -> None:
    who = customer()
    good = [f'{{"order_id": "{who}-{number}", "customer_id": "{who}", "amount": 1}}' for number in range(3)]
    bad = f'{{"order_id": "{who}-bad", "customer_id": "{who}", "amount": -5}}'
    lines = [good[0], "not JSON", good[1], bad, "", good[2]]
    file = tmp_path / "orders.ndjson"
    file.write_text("\n".join(lines))
    done = orders("send", str(file), status=1)
    assert "line 2" in done.stderr
    assert "line 4: $.amount must be greater than zero" in done.stderr
    assert done.stderr.splitlines()[-1] == f"3 of 5 sent; 2 not sent: line 2, line 4 ({who}-bad)"
    assert done.stdout == ""
    await_orders(local, who, 3)


def test_the_summary_names_what_was_not_sent_and_not_what_was(
    local: LocalCloud, orders: Orders, tmp_path: Path
) -> None:
    who = customer()
    file = tmp_path / "bad.csv"
    file.write_text(f"order_id,customer_id,amount\n{who}-1,{who},1\n{who}-2,{who},-1\n,{who},no\n")
    done = orders("send", str(file), status=1)
    assert done.stderr.splitlines()[-1] == f"1 of 3 sent: {who}-1; 2 not sent: line 3 ({who}-2), line 4"
    many = "\n".join(f'{{"order_id": "{who}-{number}"}}' for number in range(30))
    last = orders("send", "-", given=many.encode(), status=1).stderr.splitlines()[-1]
    assert last.startswith("0 of 30 sent; 30 not sent: line 1 (") and last.endswith("-9) and 20 more")


def test_nothing_is_sent_of_a_csv_with_other_separators(orders: Orders, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("order_id;customer_id;amount\nX-1;c;19,90\n")
    error, hint = orders("send", str(file), status=2).stderr.splitlines()
    assert error.endswith("orders.csv: its columns are separated by semicolons; CSV has commas here")
    assert hint.startswith("hint: save it with commas")


def test_an_order_that_breaks_a_rule_is_sent_when_told_to_and_lands_in_quarantine(
    local: LocalCloud, orders: Orders
) -> None:
    data = f'{{"order_id": "{customer()}", "customer_id": "c", "amount": -5}}'
    assert "$.amount must be greater than zero" in orders("send", data, status=1).stderr
    receipt = json.loads(orders("send", "--unchecked", "--json", data).stdout)
    event = f"{receipt['shard_id']}:{receipt['sequence_number']}"
    line = awaited(lambda: quarantined(local).get(event))
    assert original_bytes(line).decode() == data


def test_orders_come_as_an_array_and_as_csv(local: LocalCloud, orders: Orders, tmp_path: Path) -> None:
    who = customer()
    rows = [(f"{who}-{number}", who, f"{number}.50") for number in range(1, 4)]
    names = ("order_id", "customer_id", "amount")
    (tmp_path / "orders.json").write_text(json.dumps([dict(zip(names, rows[0], strict=True))]))
    (tmp_path / "orders.csv").write_text("\n".join(map(",".join, [names, *rows[1:]])))
    for name in ("orders.json", "orders.csv"):
        orders("send", str(tmp_path / name))
    await_orders(local, who, 3)
    amounts = {str(item["OrderAmount"]) for item in listed(orders, who)}
    assert amounts == {"1.5", "2.5", "3.5"}


def test_a_list_is_newest_first_and_keeps_to_its_bounds(local: LocalCloud, orders: Orders) -> None:
    who = customer()
    days = [f"2026-01-{day:02d}T12:00:00Z" for day in range(1, 8)]
    lines = [
        json.dumps({"order_id": f"{who}-{day}", "customer_id": who, "amount": 1, "order_date": day})
        for day in days
    ]
    orders("send", "-", given="\n".join(lines).encode())
    await_orders(local, who, len(days))
    newest_first = [f"{who}-{day}" for day in reversed(days)]
    assert ids_of(orders, who) == newest_first
    assert ids_of(orders, who, "--limit", "2") == newest_first[:2]
    assert ids_of(orders, who, "--since", "2026-01-06") == newest_first[:2]
    assert ids_of(orders, who, "--until", days[1]) == newest_first[-1:]
    assert ids_of(orders, who, "--since", days[1], "--until", days[3]) == newest_first[4:6]
    assert ids_of(orders, who, "--since", "2h") == []


def test_simulate_sends_the_same_orders_for_the_same_seed(orders: Orders) -> None:
    done = orders("stack", "simulate", "--rate", "40", "--duration", "2", "--seed", "5", "--bad-share", "0.1")
    assert "sent" in done.stderr and "not sent" not in done.stderr
    assert done.stdout == ""


def test_an_order_that_is_not_there_is_one_line_a_hint_and_status_1(orders: Orders) -> None:
    done = orders("get", "no-such-order", status=1)
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first == "error: there is no order no-such-order"
    assert second.startswith("hint:")
    assert "no-such-order" in orders("get", "no-such-order", "--raw", status=1).stderr


def test_a_file_that_cannot_be_read_is_one_line_a_hint_and_status_2(orders: Orders, tmp_path: Path) -> None:
    for source in (tmp_path / "missing.ndjson", tmp_path):
        error, hint = orders("send", str(source), status=2).stderr.splitlines()
        assert error.startswith("error:") and str(source) in error
        assert hint.startswith("hint:")


def test_a_stack_that_does_not_exist_is_one_line_a_hint_and_status_3(orders: Orders) -> None:
    error, hint = orders("get", "x", "--stack", "nowhere", status=3).stderr.splitlines()
    assert error == "error: there is no stack nowhere here"
    assert "orders up" in hint


def test_no_credentials_is_one_line_a_hint_and_status_3(tmp_path: Path) -> None:
    nobody = OrdersHere(
        {
            "HOME": str(tmp_path),
            "AWS_CONFIG_FILE": str(tmp_path / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
    )
    error, hint = nobody("get", "x", status=3).stderr.splitlines()
    assert "credentials" in error
    assert "orders stack env" in hint


def test_no_cloud_at_the_endpoint_is_one_line_a_hint_and_status_3(orders: Orders) -> None:
    nowhere = OrdersHere({**orders.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    error, hint = nowhere("get", "x", status=3).stderr.splitlines()
    assert "127.0.0.1:9" in error
    assert "orders up" in hint


def test_a_mistyped_region_is_said_to_be_one() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_EC2_METADATA_DISABLED": "true"}
    _, hint = OrdersHere(keys)("get", "x", "--region", "eu-wst-1", status=3).stderr.splitlines()
    assert "did you mean eu-west-1?" in hint and "local cloud" not in hint


def test_a_wrong_point_in_time_is_status_2(orders: Orders) -> None:
    assert "not a point in time" in orders("list", "--customer", "c", "--since", "soon", status=2).stderr
