"""Orders of many customers, made on the way: the same for the same number, of some 350 bytes."""

from __future__ import annotations

from collections.abc import Iterator

CUSTOMERS = 20_000


def orders(count: int, name: str) -> Iterator[tuple[bytes, str]]:
    """So many orders as (data, partition key); their ids begin with `name`."""
    for number in range(count):
        # A prime apart, so that neighbours are different customers, as in a shop with many.
        customer = f"C{number * 7919 % CUSTOMERS:05d}"
        price, quantity = 199 + number * 137 % 9800, number % 4 + 1
        cents = price * quantity + 250
        yield (
            (
                f'{{"order_id":"{name}-{number:07d}","customer_id":"{customer}","amount":{cents / 100:.2f},'
                f'"currency":"EUR","order_date":"2026-11-22T18:{number % 60:02d}:00Z","items":['
                f'{{"sku":"SKU-{number % 200:04d}","quantity":{quantity},"unit_price":{price / 100:.2f}}},'
                f'{{"sku":"SKU-WRAP","quantity":1,"unit_price":2.50}}],"note":"{"fragile " * 12}"}}'
            ).encode(),
            customer,
        )
