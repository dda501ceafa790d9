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
from orderstream.pipeline.attributes import plain_value

ACCESS_KEY, SECRET_KEY, REGION = "AKIDBENCH", "bench-secret", "eu-west-1"
# MiniStack wants it, and the stub takes it.
SESSION_TOKEN = "bench-token"
TABLE, EVENTS_TABLE, BUCKET = "Orders", "OrderEvents", "order-data-archive"
MANDATORY = {"OrderID": "S", "CustomerID": "S", "OrderAmount": "N", "OrderDate": "S"}

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=AKIDBENCH/\d{8}/eu-west-1/(\w+)/aws4_request, "
    r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})"
)
_INSERT = re.compile(r'INSERT INTO "(\w+)" VALUE \{(.*)\}')
_UPDATE = re.compile(r'UPDATE "Orders" SET .* WHERE "OrderID"=\? AND "Version" IS MISSING')


class Request(msgspec.Struct):
    """A request: its path has the query, its headers have lower-case names."""

    method: str
    path: str
    raw_headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.raw_headers}

    @property
    def operation(self) -> str:
        """The operation of DynamoDB or Kinesis; S3 has only one here."""
        for name, value in self.raw_headers:
            if name == b"x-amz-target":
                return value.partition(b".")[2].decode()
        return "PutObject"


def check_requests(requests: Iterable[Request]) -> dict[str, Any]:
    """Counts and sums of all requests, and `faults`: a line for each of the first five bad requests.

    `stored` and `archived` are orders with distinct ids, `*_amount` their sum as text, `write_units` what
    DynamoDB bills for the items. `events` are distinct events that were stored, and `updates` the orders that
    were updated for them.
    """
    calls: Counter[str] = Counter()
    stored: dict[str, Decimal] = {}
    archived: dict[str, Decimal] = {}
    events: set[str] = set()
    updates = 0
    faults: list[str] = []
    units = 0
    for request in requests:
        calls[request.operation] += 1
        try:
            _check_signature(request)
            if request.operation == "PutObject":
                archived |= {order["order_id"]: Decimal(order["amount"]) for order in _archived(request)}
            elif request.operation in ("BatchGetItem", "Query"):
                # What only events need; their rows are counted below.
                continue
            elif request.operation != "PutRecords":
                rows = inserted_events(request)
                events |= {row["Position"]["S"] + row["OrderID"]["S"] for row in rows}
                updates += _updates(request)
                units += len(rows)
                for item in _items(request):
                    _check_attributes(item)
                    stored[item["OrderID"]["S"]] = Decimal(item["OrderAmount"]["N"])
                    # As JSON it is a little larger than DynamoDB counts.
                    units += -(-len(msgspec.json.encode(plain_value({"M": item}))) // 1024)
        except (ValueError, KeyError) as error:
            faults.append(f"{request.operation}: {error!r}")
    return {
        "requests": calls,
        "stored": len(stored),
        "stored_amount": str(sum(stored.values(), Decimal(0))),
        "archived": len(archived),
        "archived_amount": str(sum(archived.values(), Decimal(0))),
        "write_units": units,
        "events": len(events),
        "updates": updates,
        "faults": faults[:5],
    }


def _check_attributes(item: dict[str, Any]) -> None:
    for name, kind in MANDATORY.items():
        if kind not in item[name]:
            raise ValueError(f"{name} is not of type {kind}")


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
        method=request.method,
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
    if request.operation == "PutItem":
        if document["TableName"] != TABLE:
            raise ValueError("another table")
        yield document["Item"]
    elif request.operation == "BatchWriteItem":
        if len(document["RequestItems"][TABLE]) > 25:
            raise ValueError("more than 25 items")
        for entry in document["RequestItems"][TABLE]:
            yield entry["PutRequest"]["Item"]
    elif request.operation == "BatchExecuteStatement":
        if len(document["Statements"]) > 25:
            raise ValueError("more than 25 statements")
        for statement in document["Statements"]:
            insert = _INSERT.fullmatch(statement["Statement"])
            if insert and insert[1] == TABLE:
                yield _inserted(insert, statement)
            elif not insert and not _UPDATE.fullmatch(statement["Statement"]):
                raise ValueError("neither an insert nor an update")
    else:
        raise ValueError("not expected")


def _inserted(insert: re.Match[str], statement: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(re.findall(r"'(\w+)': \?", insert[2]), statement["Parameters"], strict=True))


def inserted_events(request: Request) -> list[dict[str, Any]]:
    """The rows of the table of events that a call inserts."""
    if EVENTS_TABLE.encode() not in request.body:
        return []
    found = []
    for statement in msgspec.json.decode(request.body)["Statements"]:
        insert = _INSERT.fullmatch(statement["Statement"])
        if insert and insert[1] == EVENTS_TABLE:
            found.append(_inserted(insert, statement))
    return found


def _updates(request: Request) -> int:
    return request.body.count(b'"UPDATE ') if request.operation == "BatchExecuteStatement" else 0


def queried_order(request: Request) -> str:
    """The order whose events are queried."""
    found: str = msgspec.json.decode(request.body)["ExpressionAttributeValues"][":id"]["S"]
    return found


def stored_orders(request: Request) -> list[dict[str, Any]]:
    """The items of the orders that are read: each exists, and has had no events."""
    keys = msgspec.json.decode(request.body)["RequestItems"][TABLE]["Keys"]
    return [
        {
            **key,
            "OrderAmount": {"N": "19.9"},
            "Currency": {"S": "EUR"},
            "Status": {"S": "placed"},
            "EventID": {"S": "shardId-000000000006:1"},
            "ReceivedAt": {"S": "2026-11-22T18:00:00.000000Z"},
        }
        for key in keys
    ]


def _archived(request: Request) -> Iterator[dict[str, Any]]:
    """The orders in an object: lines of an archive, a JSON array of orders, or one order."""
    if not request.path.startswith(f"/{BUCKET}/{ORDERS}"):
        raise ValueError("another bucket, or not among the orders")
    is_packed = is_batch(request.path)
    text = gzip.decompress(request.body) if is_packed else request.body
    for line in text.splitlines() if is_packed else [text]:
        found = json.loads(line, parse_float=Decimal)
        for order in found if isinstance(found, list) else [found]:
            if not (is_packed and "event" in order):
                yield order["raw"] if is_packed else order
