"""S3 as the pipeline relies on it: the fake keeps it, and so does S3Store on a bucket."""

from datetime import UTC, datetime

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import ORDERS, hour_prefix
from orderstream.errors import CloudError
from orderstream.pipeline.archive import ObjectStore
from orderstream.pipeline.services import S3Store

KEY = f"{hour_prefix(ORDERS, datetime.now(UTC))}A%2F1 #2.json"


@pytest.mark.parametrize("first", [bytes(range(256)) * 100, b""])
def test_what_is_put_is_there_byte_for_byte_and_stays(store: ObjectStore, first: bytes) -> None:
    assert store.put_new(KEY, first)
    assert not store.put_new(KEY, b"second")
    assert store.get(KEY) == first


def test_keys_that_differ_in_a_letter_are_two_objects(store: ObjectStore) -> None:
    store.put_new(f"{ORDERS}a.json", b"small")
    assert store.put_new(f"{ORDERS}A.json", b"large")
    assert (store.get(f"{ORDERS}a.json"), store.get(f"{ORDERS}A.json")) == (b"small", b"large")


def test_a_bucket_that_is_not_there_is_a_cloud_error(account: AwsClients) -> None:
    nowhere = S3Store(account.s3, "no-such-bucket")
    with pytest.raises(CloudError, match="no-such-bucket"):
        nowhere.put_new(KEY, b"")
    with pytest.raises(CloudError, match="no-such-bucket"):
        nowhere.get(KEY)
