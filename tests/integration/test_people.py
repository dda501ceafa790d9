"""People do their work with the policies of docs/reference/policies.md, no more; nobody comes unsigned."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.client import OrderProducer
from orderstream.domain.object_keys import ERASURES, MANIFESTS, ORDERS, QUARANTINE, REDRIVEN, RESUBMITTED
from orderstream.local.cloud import REGION, LocalCloud
from orderstream.local.demo import DemoResult
from orderstream.lookup.order_search import OrderFilter, search_orders
from orderstream.lookup.recent_orders import RecentOrders
from orderstream.monitoring.collector import StatusCollector
from orderstream.pipeline.attributes import attribute_value
from orderstream.progress import no_progress
from orderstream.recovery.totals import rebuild
from tests.integration.calls import EVENT_KEY, FOREIGN, fresh, partiql, put, query, s3
from tests.integration.conftest import OrdersHere
from tests.integration.discarded import given_up
from tests.integration.pipeline_harness import give_up
from tests.integration.probes import Call, by_user
from tests.integration.tutorial import make_table
from tests.integration.users import Keys, user


class Person(OrdersHere):
    """Runs `orders …` with keys of their own; what the command makes of what it finds is another test's."""

    def __init__(self, local: LocalCloud, keys: Keys, home: Path) -> None:
        key, secret = keys
        names = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        homes = {"XDG_STATE_HOME": str(home / "state"), "XDG_CACHE_HOME": str(home / "cache")}
        # Keys of a user have no session.
        super().__init__(local.environment | {"AWS_SESSION_TOKEN": ""} | names | homes)

    def may(self, *arguments: str) -> str:
        """The output of a command to which everything is allowed."""
        done = self(*arguments, status=None)
        assert done.returncode in (0, 1) and "AccessDenied" not in done.stderr, done.stderr
        return done.stdout

    def may_not(self, *arguments: str) -> None:
        """A command to which something is denied."""
        done = self(*arguments, status=None)
        assert done.returncode and "AccessDenied" in done.stdout + done.stderr, done.stdout + done.stderr


def refusals(local: LocalCloud, keys: Keys, *but: str, **more: Call) -> None:
    calls = {name: call for name, call in (FOREIGN | more).items() if name not in but}
    outcomes = dict(zip(calls, by_user(local, keys, list(calls.values())), strict=True))
    assert outcomes == dict.fromkeys(calls, "refused")


def test_a_producer_puts_orders_and_does_nothing_else(guarded: LocalCloud) -> None:
    key, secret = keys = user(guarded, "producer")
    cloud = AwsClients(guarded.endpoint_url, region=REGION, access_key=key, secret_key=secret)
    with OrderProducer("OrderStream", cloud.kinesis_no_retry) as producer:
        sent = [producer.send({"customer_id": "c", "amount": number + 1}) for number in range(3)]
    assert all(one.result().sequence_number for one in sent)
    assert by_user(guarded, keys, [FOREIGN["PutRecord"]]) == ["allowed"]
    elsewhere: Call = ("kinesis", "PutRecord", {"StreamName": "Another", "Data": "x", "PartitionKey": "k"})
    shards: Call = ("kinesis", "ListShards", {"StreamName": "OrderStream"})
    refusals(guarded, keys, "PutRecord", elsewhere=elsewhere, shards=shards)


READING = {"GetItem", "Query", "Scan", f"read {ERASURES}", f"read {RESUBMITTED}", "DescribeStacks"}


def test_a_reader_sees_everything_and_changes_nothing(
    demonstrated: tuple[LocalCloud, DemoResult], tmp_path: Path
) -> None:
    local, outcome = demonstrated
    keys = user(local, "reader")
    orders = Person(local, keys, tmp_path)
    order_id, customer = outcome.order["OrderID"], outcome.order["CustomerID"]
    assert order_id in orders.may("get", order_id)
    assert order_id in orders.may("list", "--customer", customer, "--json")
    assert orders.may("get", order_id, "--raw").encode() == outcome.raw
    assert "archived" in orders.may("trace", order_id)
    assert "300" in orders.may("archive", "query", "SELECT 300 AS n, count(*) FROM orders")
    assert json.loads(orders.may("status", "--json"))
    assert "received" in orders.may("logs", "--since", "1h")
    for function in ("api", "canary", "maintenance"):
        orders.may("logs", "--function", function)
    assert orders.may("stack", "verify", "--json")
    event = json.loads(orders.may("quarantine", "list", "--json").splitlines()[0])["event_id"]
    assert event in orders.may("quarantine", "show", event)
    orders.may("dead-letters", "list")
    assert "orders that arrived from" in orders("totals", "--by", "status").stderr
    orders.may("totals", "--check")
    orders.may("logs", "--function", "totals")
    orders.may("archive", "audit", "--json")
    orders.may("archive", "replay", "--since", "2h", "--dry-run")
    orders.may_not("send", '{"customer_id": "c", "amount": 1}')
    orders.may_not("archive", "seal", "--json")
    orders.may_not("archive", "forget", "--customer", customer, "--reason", "none", "--yes", "--json")
    changing = {
        "mark": put(f"{REDRIVEN}x", IfNoneMatch="*"),
        "write": put(f"{ORDERS}x"),
        "delete": s3("DeleteObject", f"{ORDERS}x"),
    }
    assert by_user(local, keys, [query("OrderEvents", "OrderID")]) == ["allowed"]
    refusals(local, keys, *READING, **changing)


def test_an_operator_mends_brings_back_and_replays_and_overwrites_nothing(
    demonstrated: tuple[LocalCloud, DemoResult], tmp_path: Path
) -> None:
    local, outcome = demonstrated
    keys = user(local, "reader", "operator")
    orders = Person(local, keys, tmp_path)
    listed = map(json.loads, orders.may("quarantine", "list", "--json").splitlines())
    bad = next(one for one in listed if one["order_id"] is None)
    patched = tmp_path / "corrected.json"
    patched.write_text('{"customer_id": "c", "amount": 5}')
    orders("quarantine", "resubmit", bad["event_id"], "--edit", str(patched))
    order_id = uuid.uuid4().hex
    key = give_up(local.deployment, given_up([order_id]))
    assert f"/{key}: 1 records: 1 stored" in orders("dead-letters", "redrive").stdout
    assert order_id in orders("get", order_id).stdout
    orders.may("stack", "verify", "--repair")
    local.cloud.dynamodb.delete_item(
        TableName=local.deployment.table, Key={"OrderID": {"S": outcome.order["OrderID"]}}
    )
    orders.may("archive", "replay", "--since", "2h")
    key, secret = keys
    cloud = AwsClients(local.endpoint_url, region=REGION, access_key=key, secret_key=secret)
    theirs = replace(local.deployment, cloud=cloud)
    assert rebuild(theirs, progress=no_progress, settle_seconds=0)
    assert outcome.order["OrderID"] in orders("get", outcome.order["OrderID"]).stdout

    once = [put(fresh(ORDERS), IfNoneMatch="*"), put(fresh(QUARANTINE), IfNoneMatch="*")]
    assert by_user(local, keys, once) == ["allowed", "allowed"]
    # Events that are applied update the item of their order, and are not changed themselves.
    working = {*READING, "PutRecord", "Invoke", "PartiQL UPDATE"}
    changing = {
        "overwrite": put(f"{ORDERS}x"),
        "delete": s3("DeleteObject", f"{ORDERS}x"),
        "change an event": partiql(f"""UPDATE "OrderEvents" SET Event = 'x' WHERE {EVENT_KEY}"""),
    }
    refusals(local, keys, *working, **changing)
    orders.may_not("archive", "seal", "--json")


def test_who_serves_the_page_sees_the_latest_orders_sends_and_mends_and_nothing_else(
    demonstrated: tuple[LocalCloud, DemoResult], tmp_path: Path
) -> None:
    local, _ = demonstrated
    key, secret = keys = user(local, "reader", "dashboard")
    cloud = AwsClients(local.endpoint_url, region=REGION, access_key=key, secret_key=secret)
    theirs = replace(local.deployment, cloud=cloud)
    assert len(RecentOrders(theirs, most=5).poll()) == 5
    assert len(search_orders(theirs, OrderFilter(status="stored"), most=5).found) == 5
    watch = StatusCollector(theirs)
    watch.collect()
    assert watch.minutes["stored"] and watch.revenue
    orders = Person(local, keys, tmp_path)
    orders.may("send", '{"customer_id": "c", "amount": 1}')
    listed = map(json.loads, orders.may("quarantine", "list", "--json").splitlines())
    bad = [one for one in listed if one["order_id"] is None][-1]
    patched = tmp_path / "corrected.json"
    patched.write_text('{"customer_id": "c", "amount": 6}')
    orders("quarantine", "resubmit", bad["event_id"], "--edit", str(patched))
    orders.may_not("archive", "seal", "--json")
    working = {*READING, "PutRecord"}
    refusals(local, keys, *working, write=put(f"{ORDERS}x"), delete=s3("DeleteObject", f"{ORDERS}x"))


def test_a_keeper_seals_compacts_and_forgets(
    demonstrated: tuple[LocalCloud, DemoResult], tmp_path: Path
) -> None:
    local, outcome = demonstrated
    keys = user(local, "reader", "keeper")
    orders = Person(local, keys, tmp_path)
    found = local.cloud.dynamodb.scan(
        TableName=local.deployment.table, ProjectionExpression="OrderID, CustomerID"
    )
    order_ids = {item["CustomerID"]["S"]: item["OrderID"] for item in found["Items"]}
    somebody = min(order_ids.keys() - {outcome.order["CustomerID"], "c"})
    paid = {"OrderID": order_ids[somebody], "Position": {"S": "2026/x"}, "Event": {"S": "paid"}}
    local.cloud.dynamodb.put_item(TableName=local.deployment.events_table, Item=paid)
    theirs = [json.dumps({"customer_id": somebody, "amount": number}).encode() for number in (7, 8)]
    for data in theirs:
        give_up(local.deployment, given_up([], data))
    orders.may("archive", "seal", "--json")
    orders.may("archive", "compact", "--json")
    receipt = json.loads(
        orders.may("archive", "forget", "--customer", somebody, "--reason", "asked", "--yes", "--json")
    )
    assert receipt["receipt"]["items"] >= 1 and not orders.may("list", "--customer", somebody, "--json")
    assert (receipt["receipt"]["failed"], receipt["receipt"]["events"]) == (len(theirs), 1)
    orders.may_not("send", '{"customer_id": "c", "amount": 1}')
    working = {"DeleteItem", f"write {ERASURES}", "DeleteObjectVersion", "read a version", "list versions"}
    working |= {"write a discarded batch", "write it once", "delete a discarded batch"}
    # Those two delete items as well.
    working |= {*READING, "BatchWriteItem", "TransactWriteItems"}
    refusals(local, keys, *working, prove=s3("DeleteObject", f"{MANIFESTS}x"))


def test_a_migrator_reads_the_old_pipeline_and_puts_orders_and_changes_nothing_there(
    demonstrated: tuple[LocalCloud, DemoResult], tmp_path: Path
) -> None:
    local, outcome = demonstrated
    cloud = local.cloud
    unique = uuid.uuid4().hex[:8]
    table, bucket, stream = f"Old-{unique}", f"old-{unique}", f"OldStream-{unique}"
    make_table(cloud, table, "OrderID")
    cloud.s3.create_bucket(Bucket=bucket)
    cloud.kinesis.create_stream(StreamName=stream, ShardCount=1)
    # Nothing is delivered here anymore, so the order is one that is there.
    there = {name: attribute_value(outcome.order[name]) for name in ("OrderID", "CustomerID", "OrderAmount")}
    cloud.dynamodb.put_item(TableName=table, Item=there)
    cloud.s3.put_object(Bucket=bucket, Key=f"{ORDERS}{outcome.order['OrderID']}.json", Body=b"{}")
    cloud.kinesis.put_record(StreamName=stream, PartitionKey="k", Data=outcome.raw)
    keys = user(local, "reader", "migrator", OLD_TABLE=table, OLD_OBJECTS=bucket, OLD_STREAM=stream)
    orders = Person(local, keys, tmp_path)
    done = orders.may(
        "adopt", "--from-table", table, "--from-bucket", bucket, "--from-stream", stream, "--json"
    )
    report = json.loads(done)
    assert (report["already_there"], report["orders"], report["read"]["records"]) == (1, 1, 1)
    assert by_user(local, keys, [FOREIGN["PutRecord"]]) == ["allowed"]
    there_only: dict[str, Call] = {
        "old item": ("dynamodb", "PutItem", {"TableName": table, "Item": there}),
        "old object": ("s3", "PutObject", {"Bucket": bucket, "Key": f"{ORDERS}x", "Body": "x"}),
        "no old object": ("s3", "DeleteObject", {"Bucket": bucket, "Key": f"{ORDERS}x"}),
        "old record": ("kinesis", "PutRecord", {"StreamName": stream, "Data": "x", "PartitionKey": "k"}),
    }
    refusals(local, keys, *READING, "PutRecord", write=put(f"{ORDERS}x"), **there_only)


def test_a_request_with_a_wrong_signature_or_none_is_refused(guarded: LocalCloud) -> None:
    key, _ = user(guarded, "reader")
    assert by_user(guarded, (key, "wrong"), [FOREIGN["GetItem"], s3("ListObjectsV2")]) == [
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
    ]
    unknown = by_user(guarded, ("AKIAIOSFODNN7EXAMPLE", "x"), [FOREIGN["GetItem"]])
    assert unknown == ["refused"]
    for service, method, arguments in (
        ("s3", "list_objects_v2", {"Bucket": guarded.deployment.bucket}),
        ("dynamodb", "scan", {"TableName": "Orders"}),
        ("kinesis", "put_record", {"StreamName": "OrderStream", "Data": b"x", "PartitionKey": "k"}),
    ):
        client = botocore.session.Session().create_client(
            service,
            region_name=REGION,
            endpoint_url=guarded.endpoint_url,
            config=Config(signature_version=UNSIGNED),
        )
        with pytest.raises(ClientError, match="AccessDenied|MissingAuthenticationToken"):
            getattr(client, method)(**arguments)


def test_the_bucket_refuses_what_does_not_come_by_tls(guarded: LocalCloud) -> None:
    session = botocore.session.Session()
    session.set_credentials(*user(guarded, "reader"))
    client: Any = session.create_client("s3", region_name=REGION, endpoint_url=guarded.endpoint_url)
    assert client.list_objects_v2(Bucket=guarded.deployment.bucket)["Contents"]

    def in_the_clear(request: Any, **_: Any) -> None:
        request.headers.add_header("x-forwarded-proto", "http")

    client.meta.events.register("before-sign.s3", in_the_clear)
    with pytest.raises(ClientError, match="explicit deny"):
        client.list_objects_v2(Bucket=guarded.deployment.bucket)


def test_an_administrator_of_webhooks_registers_them_and_sees_no_order_and_no_secret(
    guarded: LocalCloud, tmp_path: Path
) -> None:
    keys = user(guarded, "webhooks")
    person = Person(guarded, keys, tmp_path)
    added = json.loads(person.may("webhooks", "add", "http://127.0.0.1:1/", "--json"))
    try:
        assert added["id"] in person.may("webhooks", "list")
        assert (
            json.loads(person.may("webhooks", "test", added["id"], "--json"))["error"] == "connection refused"
        )
        assert (
            json.loads(person.may("webhooks", "rotate", added["id"], "--json"))["secret"] != added["secret"]
        )
        assert json.loads(person.may("webhooks", "redrive", added["id"], "--json"))["redriven"] == 0
    finally:
        person.may("webhooks", "remove", added["id"], "--yes")
    person.may_not("get", "A-1")
    secret = {"SecretId": f"orderstream/orderstream/webhooks/{added['id']}"}
    refusals(guarded, keys, "DescribeStacks", secret=("secretsmanager", "GetSecretValue", secret))
