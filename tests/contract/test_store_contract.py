"""S3 as the pipeline relies on it: the fake keeps it, and so does S3Store on a bucket."""

import pytest

from orderstream.errors import CloudError
from orderstream.ops.cloud import Cloud
from orderstream.pipeline.archive import ObjectStore
from orderstream.pipeline.services import S3Store

KEY = "orders/year=2026/A%2F1 #2.json"


def there(store: ObjectStore, key: str) -> bytes | None:
    """What an object holds. A store has no other way to look, and the pipeline needs none."""
    return store.put_new(key, b"nothing was there")


def test_what_is_put_is_there_byte_for_byte(store: ObjectStore) -> None:
    body = bytes(range(256)) * 100
    store.put(KEY, body)
    assert there(store, KEY) == body


def test_put_takes_the_place_of_what_was_there(store: ObjectStore) -> None:
    store.put(KEY, b"first")
    store.put(KEY, b"second")
    assert there(store, KEY) == b"second"


def test_put_new_writes_where_nothing_is(store: ObjectStore) -> None:
    assert store.put_new(KEY, b"first") is None
    assert there(store, KEY) == b"first"


@pytest.mark.parametrize("first", [b"first", b""])
def test_put_new_returns_what_is_there_and_leaves_it(store: ObjectStore, first: bytes) -> None:
    store.put_new(KEY, first)
    assert store.put_new(KEY, b"second") == first
    assert store.put_new(KEY, b"third") == first


def test_a_repeat_of_put_new_after_a_lost_answer_finds_its_own_bytes(store: ObjectStore) -> None:
    store.put_new(KEY, b"mine")
    assert store.put_new(KEY, b"mine") == b"mine"


def test_keys_that_differ_in_a_letter_are_two_objects(store: ObjectStore) -> None:
    store.put("orders/a.json", b"small")
    assert store.put_new("orders/A.json", b"large") is None
    assert (there(store, "orders/a.json"), there(store, "orders/A.json")) == (b"small", b"large")


def test_a_bucket_that_is_not_there_is_a_cloud_error(account: Cloud) -> None:
    nowhere = S3Store(account.s3, "no-such-bucket")
    with pytest.raises(CloudError, match="no-such-bucket"):
        nowhere.put(KEY, b"")
    with pytest.raises(CloudError, match="no-such-bucket"):
        nowhere.put_new(KEY, b"")
