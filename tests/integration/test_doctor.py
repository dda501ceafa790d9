"""`orders doctor` on a local cloud, without one, and with a project that has a mistake."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from orderstream.doctor.machine import ports
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from tests.integration.conftest import Orders, OrdersHere


def states(orders: Orders, status: int | None = None) -> dict[str, dict[str, Any]]:
    lines = orders("doctor", "--json", status=status).stdout.splitlines()
    return {found["name"]: found for found in map(json.loads, lines)}


def test_a_local_cloud_with_its_stack_passes(local: LocalCloud, orders: Orders) -> None:
    found = states(orders, status=0)
    of_aws = {"Lambda quota", "Kinesis quota", "permissions"}
    assert {name for name, one in found.items() if one["state"] == "not checked"} == of_aws
    assert not [one for one in found.values() if one["state"] == "failed"]
    assert found["credentials"]["detail"] == f"local cloud at {local.cloud.endpoint_url}"
    assert found["stack"]["detail"].startswith("orderstream is CREATE_COMPLETE, version 1 of the function")
    text = orders("doctor").stdout.splitlines()
    assert len(text) == len(found) and text[0].startswith("ok           Python: 3.")


def test_a_cloud_that_does_not_answer_is_a_failure_with_a_hint_and_everything_else_is_checked(
    orders: Orders,
) -> None:
    nowhere = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    found = states(OrdersHere(orders.environment | nowhere), status=1)
    assert found["credentials"]["state"] == "failed" and "orders up" in found["credentials"]["hint"]
    assert found["stack"]["state"] == "not checked"
    assert found["Python"]["state"] == found["uv"]["state"] == "ok"


def test_a_mistake_in_the_project_is_one_failure_among_the_rest(orders: Orders, tmp_path: Path) -> None:
    (tmp_path / "orderstream.toml").write_text('model = "order:Order"\n')
    (tmp_path / "order.py").write_text("import nothing_of_this_name\n")
    # In processes of their own: the model is that of the process.
    here = Orders(orders.environment | {"ORDERS_PROJECT": str(tmp_path)})
    found = states(here, status=1)
    assert found["project"]["state"] == "failed" and "order.py:1" in found["project"]["detail"]
    (tmp_path / "orderstream.toml").write_text("model = 5\n")
    found = states(here, status=1)
    assert found["project"]["state"] == "failed" and "orderstream.toml" in found["project"]["detail"]
    assert found["stack"]["state"] == "ok"


def test_a_port_of_another_program_is_a_warning() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert ports([port]).state == "warning"
        assert f"{port} is used by another program" in ports([port]).detail
