"""Spellings of one customer id in JSON."""

from __future__ import annotations

import base64
import gzip
import json
import os
import zlib

from orderstream.archive.identifier_search import MOST_BYTES, MOST_LAYERS
from orderstream.domain.decode import AGGREGATE_MAGIC

HER = "her-id-7f3a"
SECRET = "Planted Street 1"


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def bad(customer: str = HER) -> str:
    """JSON that is no order."""
    return f'{{"address": "{SECRET}", "customer_id": "{customer}", "amount": -1}}'


def noise() -> bytes:
    """Text that does not compress to nothing."""
    return os.urandom(2000).hex().encode()


def layers(number: int) -> bytes:
    """JSON that is compressed so many times."""
    packed = bad().encode()
    for _ in range(number):
        packed = gzip.compress(packed)
    return packed


def members(*texts: bytes) -> bytes:
    return b"".join(map(gzip.compress, texts))


# What shops send by mistake, with the customer in it.
SPELLINGS: dict[str, bytes] = {
    "no order": bad().encode(),
    "NaN": bad().replace("-1", "NaN").encode(),
    "an array": f"[{bad()}]".encode(),
    "an array with others": f"[{bad('other')}, {bad()}]".encode(),
    "nested": f'{{"orders": {{"first": [{bad()}]}}}}'.encode(),
    "one document after the other": f"{bad('other')}\n{bad()}\n".encode(),
    "a key twice": f'{{"customer_id": "{HER}", "amount": -1, "customer_id": "other"}}'.encode(),
    "cut off": bad().encode()[:-12],
    "cut off in the id": f'{{"amount": 1, "customer_id": "{HER}'.encode(),
    "an escaped id": bad(escaped(HER)).encode(),
    "an escaped key": bad().replace("customer_id", escaped("customer_id")).encode(),
    "one escaped letter": bad("\\u0068" + HER[1:]).replace("-1", "NaN").encode(),
    "JSON in JSON": json.dumps({"Message": bad()}).encode(),
    "JSON in JSON in JSON": json.dumps({"Message": json.dumps({"detail": bad()})}).encode(),
    "a string alone": f'"{HER}"'.encode(),
    "the id alone": HER.encode(),
    "another key": f'{{"customer": "{HER}"}}'.encode(),
    "with a mark of UTF-8": b"\xef\xbb\xbf" + bad().encode(),
    "UTF-16": bad().encode("utf-16"),
    "UTF-16 without a mark": bad().encode("utf-16-le"),
    "UTF-16, big end first": bad().encode("utf-16-be"),
    "UTF-16 cut off": bad().encode("utf-16-le")[:-3],
    "UTF-32": bad().encode("utf-32"),
    "UTF-32 without a mark": bad().encode("utf-32-be"),
    "Latin-1": bad().replace("Street", "Stra\xdfe").encode("latin-1"),
    "zeros between": b"\0".join(bad().encode()[at : at + 7] for at in range(0, len(bad()), 7)),
    "base64": base64.b64encode(bad().encode()),
    "base64 in lines": base64.encodebytes(bad().encode() * 3),
    "base64 for addresses": base64.urlsafe_b64encode(b"?>" + bad().encode()).rstrip(b"="),
    "a value in base64": json.dumps({"data": base64.b64encode(bad().encode()).decode()}).encode(),
    "base64 of base64": base64.b64encode(base64.b64encode(bad().encode())),
    "base64 of gzip": base64.b64encode(gzip.compress(bad().encode())),
    "gzip": gzip.compress(bad().encode()),
    "gzip in members": members(bad().encode()[:30], bad().encode()[30:]),
    "a later member": members(bad("other").encode(), bad().encode()),
    "gzip twice": gzip.compress(gzip.compress(bad().encode())),
    "gzip twice in members": gzip.compress(members(bad().encode()[:9], bad().encode()[9:])),
    "gzip that is cut off": gzip.compress(bad().encode() + noise())[:-700],
    "gzip with a wrong check sum": gzip.compress(bad().encode())[:-8] + b"12345678",
    "gzip and something behind it": gzip.compress(b"{}") + bad().encode(),
    "a member behind a damaged one": gzip.compress(noise())[:500] + gzip.compress(bad().encode()),
    "gzip of UTF-16": gzip.compress(bad().encode("utf-16")),
    "a damaged aggregate": AGGREGATE_MAGIC + b"\x0a\x01k\x1a\x99" + bad().encode() + b"0123456789abcdef",
}

# What nobody can read: the customer may be in it.
UNREADABLE: dict[str, bytes] = {
    "another compression": zlib.compress(bad().encode()),
    "bytes": bytes(range(128, 256)),
    "a damaged aggregate": AGGREGATE_MAGIC + bytes(range(256)),
    "gzip that is damaged before the id": gzip.compress(noise() + bad().encode())[:400],
    "more layers than are read": layers(MOST_LAYERS + 2),
    "more text than is read": gzip.compress(b" " * MOST_BYTES + bad().encode()),
    "more members than are read": members(*[b"x"] * 1001),
    "a bare word": f"call {HER} back".encode(),
}

# What is somebody else's, or nobody's, and can be read to its end.
OTHERS: dict[str, bytes] = {
    "an order": f'{{"customer_id": "other", "amount": 1, "note": "{HER}"}}'.encode(),
    "no order": f'{{"customer_id": "other", "amount": -1, "note": "{HER}"}}'.encode(),
    "an order cut off": f'{{"note": "{HER}", "customer_id": "other", "am'.encode(),
    "damaged, and known": gzip.compress(bad("other").encode() + noise())[:-700],
    "text": b"hello",
    "nothing": b"",
    "another spelling of the id": bad(HER.upper()).encode(),
    "an id that hers is part of": bad(HER + "-2").encode(),
}
