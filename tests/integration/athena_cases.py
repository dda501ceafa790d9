"""Records that are read in different ways by those who read them carelessly, each with a partition key."""

from __future__ import annotations

import gzip
import json
from typing import Any


def order(**fields: Any) -> bytes:
    """A valid order, unless `fields` say otherwise."""
    return json.dumps({"customer_id": "c", "amount": 1} | fields).encode()


def _amount(text: str) -> bytes:
    return f'{{"customer_id":"c","amount":{text}}}'.encode()


def _price(text: str) -> bytes:
    item = f'{{"sku":"s","quantity":1,"unit_price":{text}}}'
    return f'{{"customer_id":"c","amount":{text},"items":[{item}]}}'.encode()


def _given_away(price: str) -> bytes:
    paid = '{"sku":"paid","quantity":1,"unit_price":1}'
    free = f'{{"sku":"free","quantity":1,"unit_price":{price}}}'
    return f'{{"customer_id":"c","amount":1,"items":[{paid},{free}]}}'.encode()


# What fits DECIMAL(38,10), what is too large for it, what has too many decimals, in all spellings.
_NUMBERS = """
    250 250.00 "250.00" "007.50" 250.000000000000000000 1e2 1E+2 1.0e1 1e-2 1.5e-9 1.10e-10 100e-12 1e-10
    0.1234567890 0.12345678900 12345678901234567890123456.5e-1 9999999999999999999999999999.9999999999
    9007199254740993 123456789012.12345678905 0.10000000000000000555 "12345678901234567890.1234567891" 1e27
    0.12345678901 "0.12345678901" 12345678901e-11 1e-11 12345678901.00000000001
    1e28 1e125 99999999999999999999999999999999999999
""".split()
_ZEROS = '0 0.00 -0.0 "0.0" 0e-12 0e5'.split()
_DATES = (
    "2026-11-22T18:00:00+02:00",
    "2026-11-22t18:00:00z",
    "2026-11-22 18:00:00-23:59",
    "2026-11-22T18:00:00+0230",
    "2026-11-22T18:00:00.1Z",
    "2026-11-22T18:00:00.123456789012Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999-00:00",
)
_GIFT = {"sku": "b", "amount": 9}
_ITEMS: tuple[dict[str, Any], ...] = (
    {"sku": "a", "quantity": "2.0", "unit_price": 0.5, "gift": _GIFT},
    {"quantity": 1e2, "unit_price": "0.01", "sku": 'back\\slash "quoted" 1.5e3, -7'},
)
_ORDERS = (
    *map(_amount, _NUMBERS),
    *map(_price, _NUMBERS),
    *map(_given_away, _ZEROS),
    *(order(order_date=date) for date in _DATES),
    *(order(items=[item]) for item in _ITEMS),
    order(items=None, currency=None, order_date=None, order_id=None),
    order(order_id="A-1", currency="CHF"),
    order(customer_id='","raw":{"amount":5}', note=',"raw":', amounts=[1, {"amount": "2"}]),
    order(customer_id='-1 2.50 "3" \\', note={"customer_id": "other", "amount": 3}),
    order(customer_id="Zoë 🧾 1e5", **{"12": 3, "-1": [True, None, -0.5]}),
    json.dumps({"customer_id": "Zoë 🧾", "amount": 1}, ensure_ascii=False).encode(),
    b'{"customer_id":"\\ud83e\\uddfe \\u0000 \\/","amount":1}',
    b'{"customer_id":"c","amount":1,"n":0.' + b"1" * 2000 + b"}",
    b'{\r\n "customer_id": "several lines",\n "amount": 1.10\n}\n',
    b' {"customer_id": "blanks", "amount": 1} ',
    gzip.compress(order(customer_id='compressed, ","raw":', amount=19.9)),
)
_NO_ORDERS = (
    *(order(amount=-1), order(amount="1e2"), order(currency="eur"), order(x=[1.5, "\ud800"])),
    *(b"null", b"5", b'"text"', b"[1]", b'{"a":1}', b"not JSON", b'{"amount": NaN}', b"", b" "),
    *(b',"raw":', b'"},"raw":{"order_id":"x"}', b"\xff\xfe", "Zoë 🧾".encode()),
    *(gzip.compress(b"not JSON"), gzip.compress(order(amount=-1)), gzip.compress(order())[:-3]),
)
_KEYS: tuple[str | None, ...] = (
    None,
    ',"raw":{"amount":7}}',
    '"',
    "\\",
    '\\",\\"raw\\":',
    "",
    "schlüssel 🔑",
    "\n\r\t\1",
)

CASES: list[tuple[bytes, str | None]] = [
    *((data, "k") for data in _ORDERS + _NO_ORDERS),
    *((order(), key) for key in _KEYS),
]
