"""Webhooks on the local cloud: the deployed functions, a real receiver, and the commands."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from tests.integration.conftest import Orders, OrdersHere, awaited
from tests.unit.webhooks.receiver import Handler, receiver

pytestmark = pytest.mark.system

PARAMETERS = {"ChangeFeed": "true", "ChangeFeedShardCount": "1", "Webhooks": "true"}
Event = dict[str, Any]


@pytest.fixture(scope="module")
def cloud_with_webhooks() -> Iterator[LocalCloud]:
    problems: list[str] = []
    parameters = PARAMETERS | {"WebhookPrivateAddresses": "true"}
    with LocalCloud(
        port=free_port(), parameters=parameters, progress=lambda step: None, problem=problems.append
    ) as running:
        yield running
        running.check()
    assert problems == []


@pytest.fixture
def orders(cloud_with_webhooks: LocalCloud) -> Orders:
    return OrdersHere(cloud_with_webhooks.environment)


class Shop:
    """A receiver of webhooks: verifies signatures with its secret, and answers with `status`."""

    def __init__(self) -> None:
        self.secret = ""
        self.status = 204
        self.received: list[Event] = []
        self.refused = 0
        self._lock = threading.Lock()

    @contextmanager
    def listening(self) -> Iterator[str]:
        with receiver(self._respond) as url:
            yield url

    def _respond(self, handler: Handler) -> None:
        status = self.status
        with self._lock:
            if status < 300:
                headers = dict(handler.headers.items())
                self.received.append(Verifier(self.secret).verify(handler.body, headers))
            else:
                self.refused += 1
        handler.answer(status)

    def ids(self, subject: str) -> list[str]:
        with self._lock:
            return [one["id"] for one in self.received if one.get("subject") == subject]


def added(orders: Orders, shop: Shop, url: str, *options: str) -> str:
    found = json.loads(orders("webhooks", "add", url, *options, "--json").stdout)
    shop.secret = found["secret"]
    return str(found["id"])


def listed(orders: Orders, webhook_id: str) -> Event:
    lines = orders("webhooks", "list", "--json").stdout.splitlines()
    (found,) = [one for one in map(json.loads, lines) if one["id"] == webhook_id]
    return dict(found)


def place(orders: Orders, order_id: str) -> None:
    order = {"order_id": order_id, "customer_id": "c", "amount": 10}
    orders("send", json.dumps(order))


def test_an_endpoint_gets_each_change_of_an_order_signed_and_in_order(orders: Orders) -> None:
    shop = Shop()
    with shop.listening() as url:
        webhook = added(orders, shop, url)
        place(orders, "W-1")
        awaited(lambda: shop.ids("W-1") == ["W-1/1"])
        orders("event", "W-1", "paid", "--amount", "10")
        orders("event", "W-1", "packed")
        awaited(lambda: shop.ids("W-1") == ["W-1/1", "W-1/2", "W-1/3"])
        # A rotation is noticed at once: both secrets sign.
        old = shop.secret
        new = json.loads(orders("webhooks", "rotate", webhook, "--json").stdout)["secret"]
        assert new != old
        shop.secret = new
        orders("event", "W-1", "shipped")
        awaited(lambda: "W-1/4" in shop.ids("W-1"))
        shop.secret = old
        done = json.loads(orders("webhooks", "test", webhook, "--json").stdout)
        assert (done["status"], done["error"]) == (204, "")
        assert shop.received[-1]["type"] == "orderstream.webhook.test"
        hint = orders("webhooks", "rotate", webhook, status=2).stderr
        assert "--yes rotates again" in hint
        assert listed(orders, webhook)["state"] == "on"
        orders("webhooks", "remove", webhook, "--yes")
    assert "there is no webhook" in orders("webhooks", "test", webhook, status=1).stderr
    assert orders("webhooks", "list").stderr == "no webhooks\n"


def test_410_switches_an_endpoint_off_and_redrive_brings_everything(
    cloud_with_webhooks: LocalCloud, orders: Orders
) -> None:
    shop = Shop()
    shop.status = 410
    with shop.listening() as url:
        webhook = added(orders, shop, url, "--types", "placed,cancelled")
        place(orders, "G-1")
        found = awaited(lambda: (one := listed(orders, webhook))["state"] == "off" and one)
        assert (found["pending"], found["dead"]) == (0, 1)
        assert found["why"] == "the endpoint answered 410 Gone"
        shop.status = 200
        orders("webhooks", "redrive", webhook, "--order", "G-1")
        awaited(lambda: shop.ids("G-1") == ["G-1/1"])
        awaited(lambda: listed(orders, webhook)["state"] == "on")
        board = cloud_with_webhooks.cloud.cloudwatch.get_dashboard(DashboardName="orderstream")
        widgets = json.loads(board["DashboardBody"])["widgets"]
        assert widgets[-1]["properties"]["title"].startswith("Webhooks: delivered")
        assert any("webhook-failing" in arn for arn in widgets[0]["properties"]["alarms"])
        tables = cloud_with_webhooks.cloud.dynamodb
        assert tables.describe_time_to_live(TableName="WebhookDeliveries")["TimeToLiveDescription"] == {
            "TimeToLiveStatus": "ENABLED",
            "AttributeName": "ExpiresAt",
        }
        orders("webhooks", "remove", webhook, "--yes")


def test_what_failed_is_sent_again_when_the_endpoint_answers(
    cloud_with_webhooks: LocalCloud, orders: Orders
) -> None:
    shop = Shop()
    shop.status = 500
    with shop.listening() as url:
        webhook = added(orders, shop, url)
        place(orders, "F-1")
        awaited(lambda: shop.refused)
        shop.status = 200
        awaited(lambda: shop.ids("F-1") == ["F-1/1"])
        awaited(lambda: listed(orders, webhook)["pending"] == 0)
        invoked = cloud_with_webhooks.cloud.lambda_.invoke(FunctionName="QueueDeliveries", Payload=b"{}")
        assert json.loads(invoked["Payload"].read()) == {}
        for function in ("queue", "send"):
            assert orders("logs", "--function", function).stdout
        orders("webhooks", "remove", webhook, "--yes")


def test_what_is_refused_says_why_and_what_to_do(orders: Orders) -> None:
    for url, said in (
        ("ftp://a.example", "does not begin with https://, or http://HOST"),
        ("https://u:p@a.example", "a user name or password"),
    ):
        assert said in orders("webhooks", "add", url, status=2).stderr
    assert (
        "there is no event paied"
        in orders("webhooks", "add", "http://127.0.0.1", "--types", "paied", status=2).stderr
    )
    for command in ("test", "redrive", "rotate", "remove"):
        assert "there is no webhook wh-1" in orders("webhooks", command, "wh-1", status=1).stderr
    assert orders("webhooks", "list").stderr == "no webhooks\n"


def test_a_stack_without_webhooks_says_how_to_get_them(local: LocalCloud) -> None:
    said = OrdersHere(local.environment)("webhooks", "list", status=3).stderr
    assert "stack orderstream has no webhooks" in said and "Webhooks=true" in said
