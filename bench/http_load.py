"""Shops that send orders over HTTP as fast as they are answered, and remember what they were told."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

# Of so many requests of a client one is no order, and one a batch; the others are single orders.
INVALID, BATCH = 20, 50
IN_A_BATCH = 20
# Of the orders that were accepted and have an id of the client's, those that are sent once more.
AGAIN = 0.05
CUSTOMERS = 20_000
PATIENCE_SECONDS = 60

Order = dict[str, Any]


@dataclass
class Told:
    """What clients were told: the orders that were accepted by their ids, and every answer.

    `statuses` counts requests by their status (0: none came), `orders` single orders by theirs, those of a
    batch too. `again` are orders that were accepted before. `seconds` is what each answer took, `wrong` says
    which answers should not have been.
    """

    accepted: dict[str, Order] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    orders: Counter[int] = field(default_factory=Counter)
    again: int = 0
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


async def send(url: str, *, clients: int, seconds: float, name: str) -> Told:
    """Have so many clients send for so long, each over a connection of its own.

    Their customers' ids begin with `name`.
    """
    told = Told()
    until = time.monotonic() + seconds
    shoppers = [Shopper(url, number, name, until, told) for number in range(clients)]
    await asyncio.gather(*(shopper.run() for shopper in shoppers))
    return told


class Shopper:
    """One client. What it sends is the same at every run, but for new ids."""

    def __init__(self, url: str, number: int, name: str, until: float, told: Told) -> None:
        self._url = url
        self._number = number
        self._chance = random.Random(f"{name}{number}")
        self._name = name
        self._until = until
        self._told = told
        self._http: httpx.AsyncClient

    async def run(self) -> None:
        """Send until the time is over, and wait for the last answer."""
        # Nothing is encrypted here; to load the certificates for it would take longer than a request.
        async with httpx.AsyncClient(base_url=self._url, timeout=PATIENCE_SECONDS, verify=False) as http:
            self._http = http
            # They do not all begin with the same.
            for turn in itertools.count(self._number):
                if time.monotonic() > self._until:
                    return
                if turn % INVALID == 0:
                    await self._invalid()
                elif turn % BATCH == 1:
                    await self._batch()
                else:
                    await self._single()

    def _order(self) -> Order:
        cents = self._chance.randrange(100, 100_000)
        customer = f"{self._name}-{self._chance.randrange(CUSTOMERS):05d}"
        order: Order = {"customer_id": customer, "amount": f"{cents / 100:.2f}", "currency": "EUR"}
        return order | {"items": [{"sku": "tea", "quantity": 1, "unit_price": order["amount"]}]}

    async def _single(self) -> None:
        order, headers = self._order(), {}
        way = self._chance.choice(["order_id", "key", "neither"])
        if way == "order_id":
            order["order_id"] = f"{self._name}-{uuid.uuid4().hex}"
        elif way == "key":
            headers["Idempotency-Key"] = f"{self._name}-{uuid.uuid4().hex}"
        can_come_again = way != "neither"
        while not await self._accepted(order, headers):
            # Without an id it could be a second order.
            if not can_come_again or time.monotonic() > self._until:
                return
        if can_come_again and self._chance.random() < AGAIN:
            await self._accepted(order, headers)

    async def _accepted(self, order: Order, headers: Mapping[str, str]) -> bool:
        """Send it once; whether it was accepted. Waits as it was told to after a 503."""
        answer = await self._post("/orders", order, headers)
        status = answer.status_code if answer else 0
        self._told.orders[status] += 1
        if answer and status == 202:
            given = order.get("order_id") or headers.get("Idempotency-Key")
            self._note(answer.json(), order, given)
            return True
        if answer and status == 503:
            await asyncio.sleep(min(float(answer.headers["Retry-After"]), PATIENCE_SECONDS))
        elif status:
            self._told.wrong.append(f"{status} for an order that is one")
        return False

    async def _invalid(self) -> None:
        answer = await self._post("/orders", self._order() | {"amount": "-1"}, {})
        status = answer.status_code if answer else 0
        self._told.orders[status] += 1
        if status not in (0, 422):
            self._told.wrong.append(f"{status} for an amount of -1")

    async def _batch(self) -> None:
        orders = [self._order() for _ in range(IN_A_BATCH)]
        orders[0]["amount"] = "-1"
        answer = await self._post("/orders/batch", orders, {})
        if answer is None or answer.status_code != 207:
            self._told.orders[0] += IN_A_BATCH
            if answer:
                self._told.wrong.append(f"{answer.status_code} for a batch of which one is refused")
            return
        for order, result in zip(orders, answer.json()["results"], strict=True):
            self._told.orders[result["status"]] += 1
            if result["status"] == 202:
                self._note(result, order, None)
            if (result["status"] == 422) != (order is orders[0]):
                self._told.wrong.append(f"{result['status']} for {order} of a batch")

    def _note(self, said: Mapping[str, Any], order: Order, given: str | None) -> None:
        order_id = said["order_id"]
        if given not in (None, order_id):
            self._told.wrong.append(f"{order_id} for the order {given}")
        self._told.again += order_id in self._told.accepted
        self._told.accepted[order_id] = order

    async def _post(self, path: str, body: object, headers: Mapping[str, str]) -> httpx.Response | None:
        """The answer; None where none came."""
        begin = time.perf_counter()
        try:
            answer = await self._http.post(
                path,
                content=msgspec.json.encode(body),
                headers={"Content-Type": "application/json", **headers},
            )
        except httpx.TransportError:
            self._told.statuses[0] += 1
            return None
        self._told.seconds.append(time.perf_counter() - begin)
        self._told.statuses[answer.status_code] += 1
        return answer
