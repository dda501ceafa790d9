"""Sample traffic is what it says it is: its good orders are good, and its bad ones bad."""

from collections import Counter
from itertools import islice

import msgspec
import pytest

from orderstream.domain.decode import decode
from orderstream.domain.order import Order
from orderstream.ingest.samples import BAD, samples
from tests.another_order import AnotherOrder


def test_the_same_seed_gives_the_same_traffic() -> None:
    def first(seed: int) -> list[bytes]:
        return [sample.data for sample in islice(samples(seed, bad_share=0.1, duplicate_share=0.1), 50)]

    assert first(1) == first(1) != first(2)


@pytest.mark.parametrize("data", BAD, ids=lambda data: data[:40])
def test_every_bad_sample_is_refused(data: bytes) -> None:
    assert decode(data).order is None


def test_traffic_is_what_it_is_meant_to_be() -> None:
    seen: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    for sample in islice(samples(3, bad_share=0.1, duplicate_share=0.2, conflict_share=0.1), 2000):
        kinds[sample.kind] += 1
        found = decode(sample.data)
        assert (found.order is None) == (sample.kind == "bad")
        if found.order is None:
            continue
        assert sample.partition_key == found.order.customer_id, "an order and its repeats keep their order"
        order_id = found.order.order_id or ""
        if sample.kind == "order":
            assert order_id not in seen
            seen[order_id] = found.fingerprint
        else:
            assert (seen[order_id] == found.fingerprint) == (sample.kind == "duplicate")
    assert 140 < kinds["bad"] < 260 and 340 < kinds["duplicate"] < 460 and 140 < kinds["conflict"] < 260


def test_traffic_has_the_fields_that_another_order_adds() -> None:
    fields: Counter[str] = Counter()
    for sample in islice(samples(5, bad_share=0.1, conflict_share=0.1, model=AnotherOrder), 500):
        found = decode(sample.data, AnotherOrder)
        assert (found.order is None) == (sample.kind == "bad"), found.reasons
        if sample.kind == "order":
            fields.update(msgspec.json.decode(sample.data).keys())
    orders = fields["order_id"]
    assert fields["address"] == orders
    added = set(AnotherOrder.__struct_fields__) - set(Order.__struct_fields__) - {"address"}
    assert all(0 < fields[name] < orders for name in added)
