"""The client made for a producer writes what botocore's own would write, and reads what it would read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.client.put_records import producer_client, record_size
from orderstream.errors import InputError

SESSION = botocore.session.Session()
SESSION.set_credentials("AKID", "secret")
WHERE: dict[str, Any] = {"region_name": "eu-west-1", "endpoint_url": "http://127.0.0.1:1"}
ONE = [{"Data": b"x", "PartitionKey": "k"}]
RESULT = {"SequenceNumber": "49", "ShardId": "shardId-000000000000"}
REFUSED = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"}


class Body:
    """The part of urllib3's response that botocore reads."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


class Client:
    """A client whose requests go nowhere: it keeps them, and hears the answer that was set."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.answer = (200, b'{"Records": []}')
        self.requests: list[Any] = []
        # botocore's own way to answer a request in the place of the network.
        client.meta.events.register("before-send.kinesis", self._send)

    def _send(self, request: Any, **_: Any) -> Any:
        self.requests.append(request)
        status, content = self.answer
        headers: Any = HTTPHeaders.from_dict({"x-amzn-RequestId": "1"})
        return AWSResponse(request.url, status, headers, Body(content))

    def sent(self, records: list[dict[str, Any]]) -> Any:
        self.answer = (200, b"{}")
        self._client.put_records(StreamName="OrderStream", Records=records)
        return self.requests.pop()

    def heard(self, status: int, content: bytes) -> Any:
        """What the caller gets: the answer, or the error with what is in it."""
        self.answer = (status, content)
        try:
            return self._client.put_records(StreamName="OrderStream", Records=ONE)
        except Exception as error:
            # Also those that botocore did not mean to raise, for an answer of no known shape.
            return type(error).__name__, str(error), getattr(error, "response", None)
        finally:
            self.requests.clear()


OURS = Client(producer_client(SESSION, **WHERE))
THEIRS = Client(
    SESSION.create_client(
        "kinesis", config=Config(retries={"mode": "standard", "total_max_attempts": 1}), **WHERE
    )
)


# --- What is written ---


@given(st.lists(st.tuples(st.binary(), st.text(min_size=1, max_size=256)), min_size=1, max_size=20))
def test_the_body_is_the_document_that_botocore_writes(records: list[tuple[bytes, str]]) -> None:
    call = [{"Data": data, "PartitionKey": key} for data, key in records]
    ours, theirs = OURS.sent(call), THEIRS.sent(call)
    assert json.loads(ours.body) == json.loads(theirs.body)
    assert (ours.method, ours.url) == (theirs.method, theirs.url)


def test_the_call_is_addressed_and_signed_by_botocore() -> None:
    ours, theirs = OURS.sent(ONE), THEIRS.sent(ONE)
    for name in ("X-Amz-Target", "Content-Type"):
        assert ours.headers[name] == theirs.headers[name]
    signed = "AWS4-HMAC-SHA256 Credential=AKID/"
    assert ours.headers["Authorization"].decode().startswith(signed)
    assert ours.headers["Content-Length"] == str(len(ours.body))


@given(
    st.none() | st.integers() | st.text(max_size=3) | st.binary(max_size=3) | st.just(bytearray(b"x")),
    st.none() | st.integers() | st.binary(max_size=3) | st.text(st.characters(), max_size=300),
)
def test_what_botocore_would_refuse_in_a_record_is_refused_when_it_is_accepted(data: Any, key: Any) -> None:
    try:
        record_size(data, key)
    except InputError:
        return
    # That it does not raise is the assertion.
    THEIRS.sent([{"Data": data, "PartitionKey": key}])


@pytest.mark.parametrize(
    ("data", "key", "message"),
    [
        ("text", "k", "a record is bytes, not str"),
        (bytearray(b"x"), "k", "a record is bytes, not bytearray"),
        (None, "k", "a record is bytes, not NoneType"),
        (b"", b"k", "a partition key is a text, not bytes"),
        (b"", 7, "a partition key is a text, not int"),
    ],
)
def test_what_is_no_bytes_under_a_text_is_refused_in_plain_words(data: Any, key: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        record_size(data, key)


# --- What is read ---

# Of the shape that Kinesis documents, of one that it might come to have, and of one that nobody has.
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
more = st.dictionaries(st.sampled_from(["New", "ShardId", "ErrorCode", "ErrorMessage"]), anything, max_size=2)
results = st.builds(lambda result, other: {**result, **other}, st.sampled_from([RESULT, REFUSED]), more)
documents = st.fixed_dictionaries(
    {},
    optional={
        "FailedRecordCount": st.integers(0, 500) | anything,
        "Records": st.lists(st.sampled_from([RESULT, REFUSED]) | results, max_size=5) | anything,
        "EncryptionType": st.sampled_from(["NONE", "KMS"]) | anything,
        "Other": anything,
    },
)
errors = st.fixed_dictionaries(
    {}, optional={"__type": st.sampled_from(["ResourceNotFoundException", "x#y"]), "message": st.text()}
)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


@settings(max_examples=120)
@given(
    st.sampled_from([200, 200, 200, 400, 500]),
    documents.map(as_json) | anything.map(as_json) | errors.map(as_json) | st.binary(max_size=20),
)
def test_every_answer_is_read_as_botocore_reads_it(status: int, content: bytes) -> None:
    assert OURS.heard(status, content) == THEIRS.heard(status, content)


@pytest.mark.parametrize(
    ("status", "content", "rule"),
    [
        (200, as_json({"Records": [RESULT, REFUSED]}), lambda heard: heard["Records"] == [RESULT, REFUSED]),
        (
            200,
            as_json({"Records": [RESULT | {"ErrorCode": None, "ErrorMessage": None}]}),
            lambda heard: heard["Records"] == [RESULT],
        ),
        (200, b"<html>busy</html>", lambda heard: "Records" not in heard),
        (200, b"", lambda heard: "Records" not in heard),
        (
            400,
            as_json({"__type": "ResourceNotFoundException", "message": "m"}),
            lambda heard: "m" in heard[1],
        ),
        (503, b"<html>busy</html>", lambda heard: heard[2]["ResponseMetadata"]["HTTPStatusCode"] == 503),
    ],
    ids=["results", "nulls", "no JSON", "nothing", "error", "unavailable"],
)
def test_the_answers_that_there_are(status: int, content: bytes, rule: Callable[[Any], bool]) -> None:
    heard = OURS.heard(status, content)
    assert rule(heard)
    assert heard == THEIRS.heard(status, content)
