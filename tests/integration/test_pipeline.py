"""Orders go from the stream to the table and the archive, on the real parts, deployed from template.yaml."""

import gzip
import uuid

import boto3
import pytest
from aws_kinesis_agg import aggregator

from orderstream.client import OrderProducer
from orderstream.domain.object_keys import order_key
from orderstream.ingest.samples import BAD
from orderstream.local.cloud import ACCOUNT, REGION, SECRET, LocalCloud
from orderstream.lookup.trace import trace
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.storage import bucket, reader
from orderstream.storage.orders import by_customer, get_order, list_orders, raw_order
from tests.integration.conftest import awaited
from tests.integration.local_orders import found_order, put, quarantined
from tests.settings import changed


def test_the_smallest_order_is_stored_and_archived_under_the_names_that_users_rely_on(
    local: LocalCloud,
) -> None:
    data = b'{"customer_id": "12345", "amount": 250.00}'
    event = put(local, data)
    item = awaited(lambda: found_order(local, event))
    assert (item["OrderID"], item["CustomerID"], str(item["OrderAmount"])) == (event, "12345", "250")
    assert item["OrderDate"] == item["ReceivedAt"]
    assert local.deployment.bucket == "order-data-archive"
    assert raw_order(local.deployment, event) == data


@pytest.mark.parametrize("layout", ["text", "compact"])
def test_the_archive_gives_back_the_exact_bytes(local: LocalCloud, layout: str) -> None:
    data = b'{"customer_id":"c","amount":1.10,"n":1e2}'
    if layout == "text":
        data = b'{\r\n  "customer_id": "c", "amount": 1.10, "name": "Zo\xc3\xab"\n}\n'
    event = put(local, data)
    awaited(lambda: found_order(local, event))
    assert raw_order(local.deployment, event) == data


def test_g5_every_bad_record_is_quarantined_with_its_reasons_and_the_rest_is_stored(
    local: LocalCloud,
) -> None:
    customer = f"g5-{uuid.uuid4().hex}"
    # One partition key: all of these are in one batch, or few.
    good = {f"{customer}-{number}" for number in range(len(BAD))}
    bad: dict[str, bytes] = {}
    for order_id, data in zip(sorted(good), BAD, strict=True):
        bad[put(local, data, customer)] = data
        put(
            local,
            f'{{"order_id": "{order_id}", "customer_id": "{customer}", "amount": 1}}'.encode(),
            customer,
        )

    def all_done() -> dict[str, ArchiveLine] | None:
        key = by_customer(local.deployment, customer)
        stored = {item["OrderID"] for item in list_orders(local.deployment, key, limit=100)}
        lines = quarantined(local)
        return lines if stored == good and bad.keys() <= lines.keys() else None

    lines = awaited(all_done)
    for event, data in bad.items():
        assert original_bytes(lines[event]) == data
        assert all(reason["path"].startswith("$") and reason["message"] for reason in lines[event].reasons)


def test_compressed_and_aggregated_orders_are_stored_one_by_one_and_given_back_exactly(
    local: LocalCloud,
) -> None:
    who = uuid.uuid4().hex
    orders = [
        f'{{"order_id": "{who}-{number}", "customer_id": "{who}", "amount": 1}}'.encode()
        for number in range(4)
    ]
    sent = [*orders[:2], gzip.compress(orders[2])]
    maker = aggregator.RecordAggregator()
    for data in (*sent, b"bad"):
        maker.add_user_record(who, data)
    event = put(local, maker.clear_and_get().get_contents()[2], who)
    sent.append(gzip.compress(orders[3]))
    put(local, sent[3], who)
    last = awaited(lambda: found_order(local, f"{who}-3"))
    assert last["OrderAmount"] == 1
    for number, data in enumerate(sent):
        item = get_order(local.deployment, f"{who}-{number}")
        assert raw_order(local.deployment, f"{who}-{number}") == data
        assert number == 3 or item["EventID"] == f"{event}:{number}"
    assert original_bytes(awaited(lambda: quarantined(local).get(f"{event}:3"))) == b"bad"


def test_orders_that_the_producer_aggregates_are_known_by_the_place_in_their_receipts(
    local: LocalCloud,
) -> None:
    who = uuid.uuid4().hex
    orders = [{"order_id": f"{who}-{number}", "customer_id": who, "amount": number} for number in range(1, 4)]
    stream, kinesis = local.deployment.stream, local.cloud.kinesis_no_retry
    with OrderProducer(stream, kinesis, aggregate_seconds=60) as producer:
        invalid = {"order_id": f"{who}-0", "customer_id": who, "amount": -1}
        sent = [producer.send(order) for order in (*orders, invalid, *orders)]
    receipts = [one.result() for one in sent]
    events = [f"{one.shard_id}:{one.sequence_number}:{one.subsequence_number}" for one in receipts]
    assert len({event.rpartition(":")[0] for event in events}) == 1
    awaited(lambda: found_order(local, f"{who}-3"))
    for number in range(1, 4):
        assert get_order(local.deployment, f"{who}-{number}")["EventID"] == events[number - 1]
        steps = trace(local.deployment, f"{who}-{number}").steps
        outcomes = {one.event_id: one.what for one in steps if one.what in ("stored", "duplicate")}
        assert outcomes == {events[number - 1]: "stored", events[number + 3]: "duplicate"}
    assert awaited(lambda: quarantined(local).get(events[3]))


def test_g2_g3_one_order_sent_again_and_again_is_one_item_and_other_content_is_a_conflict(
    local: LocalCloud,
) -> None:
    order_id = uuid.uuid4().hex
    order = {"order_id": order_id, "customer_id": "c", "amount": "19.90"}
    with OrderProducer("OrderStream", local.cloud.kinesis) as producer:
        for _ in range(5):
            producer.send(order)
        other = producer.send({**order, "amount": "99.90"}).result()
    event = f"{other.shard_id}:{other.sequence_number}"
    line = awaited(lambda: quarantined(local).get(event))
    assert [reason["code"] for reason in line.reasons] == ["conflict"]
    item = get_order(local.deployment, order_id)
    assert str(item["OrderAmount"]) == "19.9"
    assert line.stored is not None and line.stored["EventID"] == item["EventID"]
    mine = [
        one
        for one in reader.lines(local.deployment, bucket.archive(local.deployment))
        if one.line.order_id == order_id
    ]
    assert len(mine) == 6, "every copy is in the archive"


def test_with_one_object_an_order_the_archive_never_changes_what_an_item_points_to(
    local: LocalCloud,
) -> None:
    with changed(local.deployment, ARCHIVE_LAYOUT="order"):
        order_id = f"layout/{uuid.uuid4().hex}"
        first = f'{{"order_id": "{order_id}", "customer_id": "c", "amount": 1}}'.encode()
        put(local, first)
        item = awaited(lambda: found_order(local, order_id))
        assert item["ArchiveKey"] == order_key(order_id)
        put(local, first)
        event = put(local, first.replace(b"1}", b"2}"))
        conflict = awaited(lambda: quarantined(local).get(event))
        assert conflict.stored is not None and conflict.stored["ArchiveKey"] == item["ArchiveKey"]
        assert raw_order(local.deployment, order_id) == first
        told = [step.what for step in trace(local.deployment, order_id).steps]
        assert {"archived", "stored", "duplicate", "quarantined"} < set(told)


def test_g8_no_payload_and_no_customer_is_in_any_log_or_metric(local: LocalCloud) -> None:
    person = f"erika-{uuid.uuid4().hex}"
    order_id = uuid.uuid4().hex
    order = f'{{"order_id": "{order_id}", "customer_id": "{person}", "amount": 1, "note": "{person}"}}'
    put(local, order.encode(), person)
    awaited(lambda: found_order(local, order_id))
    put(local, order.replace("1,", "2,").encode(), person)
    put(local, f'{{"customer_id": "{person}", "amount": "{person}"}}'.encode(), person)
    event = put(local, f"{person} is not JSON".encode(), person)
    awaited(lambda: quarantined(local).get(event))

    logs = boto3.client(
        "logs",
        endpoint_url=local.endpoint_url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key=SECRET,
        aws_session_token=local.token,
    )
    events = [
        entry["message"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/ProcessOrders")
        for entry in page["events"]
    ]
    assert any('"Received"' in message for message in events), "the log was looked at"
    assert not [message for message in events if person in message]
    assert person not in local.ministack.log_file.read_text()
    metrics = local.cloud.cloudwatch.list_metrics()["Metrics"]
    assert {metric["Namespace"] for metric in metrics} >= {"Orderstream", "AWS/Lambda"}
    assert person not in str(metrics)


def test_the_function_is_the_one_that_reads_the_stream(local: LocalCloud) -> None:
    mapping = local.cloud.lambda_.get_event_source_mapping(UUID=local.deployment.mapping_id)
    assert mapping["State"] == "Disabled", "MiniStack's own event source would deliver everything again"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert (
        destination
        == f"arn:aws:s3:::{local.deployment.discarded_bucket}"
        != f"arn:aws:s3:::{local.deployment.bucket}"
    )
