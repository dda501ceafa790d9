"""What was asked of the stub: counted, and checked to be signed and complete, so that less cannot win."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from orderstream.domain.object_keys import ORDERS, is_batch

ACCESS_KEY, SECRET_KEY, REGION = "AKIDBENCH", "bench-secret", "eu-west-1"
# MiniStack wants it, and the stub takes it.
SESSION_TOKEN = "bench-token"
TABLE, BUCKET = "Orders", "order-data-archive"
MANDATORY = {"OrderID": "S", "CustomerID": "S", "OrderAmount": "N", "OrderDate": "S"}

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=AKIDBENCH/\d{8}/eu-west-1/(\w+)/aws4_request, "
    r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})"
)
_INSERT = re.compile(r'INSERT INTO "Orders" VALUE \{(.*)\}')


class Request(msgspec.Struct):
    """A request as it came: everything above the body, and the body."""

    head: bytes
    body: bytes

    @property
    def path(self) -> str:
        return self.head.split(b" ", 2)[1].decode()

    @property
    def target(self) -> str:
        """The operation of DynamoDB or Kinesis; none for S3."""
        found = re.search(rb"\r\nx-amz-target: *\w+\.(\w+)", self.head, re.IGNORECASE)
        return found[1].decode() if found else ""

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode().split("\r\n")[1:-2]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def judge(requests: Iterable[Request]) -> dict[str, Any]:
    """Counts and sums of all requests, and `faults`: what was wrong with any, a line each.

    `stored` and `archived` are orders with distinct ids, `*_amount` their sum as text, `write_units` what
    DynamoDB bills for the items.
    """
    calls: Counter[str] = Counter()
    stored: dict[str, Decimal] = {}
    archived: dict[str, Decimal] = {}
    faults: list[str] = []
    sent = units = 0
    for request in requests:
        calls[request.target or "PutObject"] += 1
        sent += len(request.head) + len(request.body)
        try:
            _check_signature(request)
            if request.target in ("", "PutRecords"):
                orders = _archived(request) if not request.target else ()
                archived |= {str(order["order_id"]): Decimal(order["amount"]) for order in orders}
                continue
            for item in _items(request):
                for name, kind in MANDATORY.items():
                    if kind not in item[name]:
                        raise ValueError(f"{name} is no {kind}")
                stored[item["OrderID"]["S"]] = Decimal(item["OrderAmount"]["N"])
                units += -(-_size({"M": item}) // 1024)
        except (ValueError, KeyError) as error:
            faults.append(f"{request.target or 'PutObject'}: {error!r}")
    return {
        "requests": calls,
        "bytes": sent,
        "stored": len(stored),
        "stored_amount": str(sum(stored.values(), Decimal(0))),
        "archived": len(archived),
        "archived_amount": str(sum(archived.values(), Decimal(0))),
        "write_units": units,
        "faults": faults[:5],
    }


def _check_signature(request: Request) -> None:
    """By the SDK's own code, from the parts that the request says are signed. Raises ValueError."""
    headers = request.headers
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not found:
        raise ValueError("is not signed")
    service, names, signature = found.groups()
    body_hash = hashlib.sha256(request.body).hexdigest()
    if headers.get("x-amz-content-sha256", body_hash) != body_hash:
        raise ValueError("its body is not signed")
    signed = AWSRequest(
        method=request.head.split(b" ", 1)[0].decode(),
        url=f"http://{headers['host']}{request.path}",
        data=request.body,
        headers={name: headers[name] for name in names.split(";")},
    )
    signed.context["timestamp"] = headers["x-amz-date"]
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    auth = kind(Credentials(ACCESS_KEY, SECRET_KEY), service, REGION)
    text = auth.string_to_sign(signed, auth.canonical_request(signed))
    if auth.signature(text, signed) != signature:
        raise ValueError("its signature is wrong")


def _items(request: Request) -> Iterator[dict[str, Any]]:
    document = json.loads(request.body)
    if request.target == "PutItem":
        if document["TableName"] != TABLE:
            raise ValueError("another table")
        yield document["Item"]
    elif request.target == "BatchWriteItem":
        if len(document["RequestItems"][TABLE]) > 25:
            raise ValueError("more than 25 items")
        for entry in document["RequestItems"][TABLE]:
            yield entry["PutRequest"]["Item"]
    elif request.target == "BatchExecuteStatement":
        if len(document["Statements"]) > 25:
            raise ValueError("more than 25 statements")
        for statement in document["Statements"]:
            insert = _INSERT.fullmatch(statement["Statement"])
            if not insert:
                raise ValueError("not an insert")
            yield dict(zip(re.findall(r"'(\w+)': \?", insert[1]), statement["Parameters"], strict=True))
    else:
        raise ValueError("not expected")


def _archived(request: Request) -> Iterator[dict[str, Any]]:
    """The orders in an object: lines of an archive, a JSON array of orders, or one order."""
    if not request.path.startswith(f"/{BUCKET}/{ORDERS}"):
        raise ValueError("another bucket, or not among the orders")
    is_packed = is_batch(request.path)
    text = gzip.decompress(request.body) if is_packed else request.body
    for line in text.splitlines() if is_packed else [text]:
        found = json.loads(line, parse_float=Decimal)
        for order in found if isinstance(found, list) else [found]:
            yield order["raw"] if is_packed else order


def _size(value: dict[str, Any]) -> int:
    """Bytes as DynamoDB counts them (docs: item sizes and formats); numbers at their most."""
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + sum(len(name.encode()) + 1 + _size(inner) for name, inner in content.items())
    if kind == "L":
        return 3 + sum(1 + _size(inner) for inner in content)
    if kind == "N":
        return len(content) // 2 + 2
    return len(str(content).encode())
