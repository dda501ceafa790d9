"""`orders logs` prints what the functions log, and follows it until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

from orderstream.local.cloud import LocalCloud
from orderstream.storage.orders import by_customer, list_orders
from tests.integration.conftest import Orders, awaited


def sent(local: LocalCloud, orders: Orders) -> None:
    """Send an order, and wait until it is stored."""
    who = f"log-{uuid.uuid4().hex}"
    orders("send", json.dumps({"customer_id": who, "amount": 1}))
    awaited(lambda: list(list_orders(local.deployment, by_customer(local.deployment, who), limit=1)))


def test_the_log_has_each_invocation_and_can_be_filtered(local: LocalCloud, orders: Orders) -> None:
    sent(local, orders)
    awaited(lambda: " received: 1 stored  shardId-" in orders("logs").stdout)
    events = [
        json.loads(line) for line in orders("logs", "--filter", '"Stored":1', "--json").stdout.splitlines()
    ]
    assert events and all('"Stored":1' in event["message"] for event in events)
    assert orders("logs", "--filter", "nobody logs this").stdout == ""
    assert orders("logs", "--since", "2038-01-01").stdout == ""


def test_a_function_that_the_stack_does_not_have_is_named(orders: Orders) -> None:
    error, hint = orders("logs", "--function", "canary", status=1).stderr.splitlines()
    assert error == "error: there is no log of the function Canary"
    assert hint == "hint: deploy it: orders deploy --parameter CanaryMinutes=5"


def test_a_log_is_followed_until_ctrl_c_which_ends_it_quietly(local: LocalCloud, orders: Orders) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("orders")), "logs", "-f", "--since", "1s", "--json"],
        env=inherited | orders.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        try:
            sent(local, orders)
            assert following.stdout
            for line in following.stdout:
                if '\\"Stored\\":1' in line:
                    break
            following.send_signal(signal.SIGINT)
            _, said = following.communicate(timeout=60)
        finally:
            following.kill()
    assert (following.returncode, said) == (0, "")
