"""Clients that send orders over HTTP as fast as they are answered, and remember what they were told."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import msgspec

# One request in so many of a client is no order, and one is a batch; the others are single orders.
INVALID, BATCH = 20, 50
INVALID_AMOUNT = "-1"
ORDERS_PER_BATCH = 20
# The share of the accepted orders with an id of the client's that are sent once more.
AGAIN = 0.05
CUSTOMERS = 20_000
PATIENCE_SECONDS = 60

Order = dict[str, Any]


@dataclass
class Answers:
    """The accepted orders by their ids, and every answer.

    `requests` and `orders` count answers by their status (0: none came); an order may be one of a batch.
    `again` counts orders that were accepted before. `seconds` has the time of each answer; `wrong` has a
    line for each answer that should have been another one.
    """

    accepted: dict[str, Order] = field(default_factory=dict)
    requests: Counter[int] = field(default_factory=Counter)
    orders: Counter[int] = field(default_factory=Counter)
    again: int = 0
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def note(self, order: Order, order_id: str, result: Mapping[str, Any]) -> None:
        """Note the result for an order; its id is "" if the API is to choose one."""
        status = result["status"]
        self.orders[status] += 1
        if status == 202:
            accepted_id = result["order_id"]
            self.again += accepted_id in self.accepted
            self.accepted[accepted_id] = order
            if order_id not in ("", accepted_id):
                self.wrong.append(f"{accepted_id} for the order {order_id}")
        if status not in (503, 422 if order["amount"] == INVALID_AMOUNT else 202):
            self.wrong.append(f"{status} for {order}")


async def send(url: str, *, clients: int, seconds: float, name: str) -> Answers:
    """Have so many clients send for so long, each over a connection of its own.

    Their customers' ids begin with `name`.
    """
    answers = Answers()
    until = time.monotonic() + seconds
    await asyncio.gather(*(_Client(number, name, until, answers).run(url) for number in range(clients)))
    return answers


class _Client:
    """One client. It sends the same at every run, except for new ids."""

    def __init__(self, number: int, name: str, until: float, answers: Answers) -> None:
        self._number, self._name = number, name
        self._dice = random.Random(f"{name}{number}")
        self._until = until
        self._answers = answers
        self._http: httpx.AsyncClient

    async def run(self, url: str) -> None:
        """Send until the time is over, and wait for the last answer."""
        # Nothing is encrypted here, and loading the certificates would take longer than a request.
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS, verify=False) as self._http:
            # They do not all begin with the same.
            for turn in count(self._number):
                if time.monotonic() > self._until:
                    return
                if turn % INVALID == 0:
                    await self._post("/orders", [self._order(is_valid=False)])
                elif turn % BATCH == 1:
                    orders = [self._order(is_valid=bool(number)) for number in range(ORDERS_PER_BATCH)]
                    await self._post("/orders/batch", orders)
                else:
                    await self._post_until_accepted()

    def _order(self, *, is_valid: bool = True) -> Order:
        price = f"{self._dice.randrange(100, 100_000) / 100:.2f}"
        return {
            "customer_id": f"{self._name}-{self._dice.randrange(CUSTOMERS):05d}",
            "amount": price if is_valid else INVALID_AMOUNT,
            "currency": "EUR",
            "items": [{"sku": "tea", "quantity": 1, "unit_price": price}],
        }

    async def _post_until_accepted(self) -> None:
        order, order_id, key = self._order(), f"{self._name}-{uuid.uuid4().hex}", ""
        how = self._dice.choice(["order_id", "key", "neither"])
        if how == "order_id":
            order["order_id"] = order_id
        elif how == "key":
            key = order_id
        while await self._post("/orders", [order], key) != 202:
            # Without an id it could be a second order.
            if how == "neither" or time.monotonic() > self._until:
                return
        if how != "neither" and self._dice.random() < AGAIN:
            await self._post("/orders", [order], key)

    async def _post(self, path: str, orders: list[Order], key: str = "") -> int:
        """Send one order or a batch once; the status (0: no answer). Waits as it is told to after a 503."""
        answers, headers = self._answers, {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        body = orders if path.endswith("batch") else orders[0]
        begin = time.perf_counter()
        try:
            answer = await self._http.post(path, content=msgspec.json.encode(body), headers=headers)
        except httpx.TransportError:
            answers.requests[0] += 1
            answers.orders[0] += len(orders)
            return 0
        answers.seconds.append(time.perf_counter() - begin)
        status = answer.status_code
        answers.requests[status] += 1
        results = (
            answer.json()["results"] if status == 207 else [answer.json() | {"status": status}] * len(orders)
        )
        for order, result in zip(orders, results, strict=True):
            answers.note(order, order.get("order_id") or key, result)
        if status == 503:
            await asyncio.sleep(min(float(answer.headers["Retry-After"]), PATIENCE_SECONDS))
        return status
