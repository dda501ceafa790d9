"""Requests and responses are those that the SDK itself would send and understand."""

import json
from decimal import Decimal
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.pipeline.attributes import attribute_value
from orderstream.sdk.codec import use_msgspec
from tests.unit.sdk.server import Body

VALUES = st.recursive(
    st.text() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
STATEMENTS = st.lists(st.lists(VALUES, min_size=1, max_size=4), min_size=1, max_size=25).map(
    lambda items: [
        {"Statement": 'INSERT INTO "Orders" …', "Parameters": [attribute_value(value) for value in item]}
        for item in items
    ]
)
ERRORS = st.sampled_from(["DuplicateItem", "ThrottlingError", "ValidationError"])
RESPONSES = st.lists(
    st.just({"TableName": "Orders"})
    | st.builds(lambda code, text: {"Error": {"Code": code, "Message": text}}, ERRORS, st.text()),
    max_size=25,
)


class Client:
    """A client of botocore without a network: it remembers what it would have sent."""

    def __init__(self, *, light: bool) -> None:
        session = botocore.session.Session()
        session.set_credentials("AKID", "secret")
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=not light)
        self._client: Any = session.create_client("dynamodb", region_name="eu-west-1", config=config)
        if light:
            use_msgspec(self._client)
        send: Any = self._send
        self._client.meta.events.register("before-send.dynamodb", send)
        self.sent: list[AWSPreparedRequest] = []
        self.status, self.answer = 200, b'{"Responses": []}'

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.sent.append(request)
        headers: Any = HeadersDict()
        return AWSResponse(request.url, self.status, headers, Body(self.answer))

    def call(self, statements: list[dict[str, Any]]) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.batch_execute_statement(Statements=statements)
        del answer["ResponseMetadata"]
        return answer


PLAIN, LIGHT = Client(light=False), Client(light=True)
SIGNED_ANEW = {"Authorization", "X-Amz-Date", "amz-sdk-invocation-id", "Content-Length"}


@given(STATEMENTS)
@settings(max_examples=30)
def test_the_body_is_the_one_that_botocores_serializer_makes(statements: list[dict[str, Any]]) -> None:
    PLAIN.call(statements)
    LIGHT.call(statements)
    plain, light = PLAIN.sent.pop(), LIGHT.sent.pop()
    assert isinstance(light.body, bytes) and isinstance(plain.body, bytes)
    assert json.loads(light.body) == json.loads(plain.body)
    assert set(light.headers.keys()) == set(plain.headers.keys())
    assert light.headers["Content-Length"] == str(len(light.body))
    for name in set(light.headers.keys()) - SIGNED_ANEW:
        assert light.headers[name] == plain.headers[name]


@given(RESPONSES)
@settings(max_examples=30)
def test_the_answer_is_read_as_botocores_parser_reads_it(responses: list[dict[str, Any]]) -> None:
    PLAIN.answer = LIGHT.answer = json.dumps({"Responses": responses}).encode()
    assert LIGHT.call([]) == PLAIN.call([{"Statement": "s"}]) == {"Responses": responses}


def test_an_error_of_the_whole_call_is_the_sdks() -> None:
    client = Client(light=True)
    client.status, client.answer = 400, b'{"__type": "x#ThrottlingException", "message": "slower"}'
    with pytest.raises(ClientError) as raised:
        client.call([{"Statement": "s", "Parameters": [attribute_value(Decimal("1.10"))]}])
    assert raised.value.response["Error"] == {"Code": "ThrottlingException", "Message": "slower"}


@pytest.mark.parametrize("answer", [b"{", b"[]", b"\xff"])
def test_an_answer_that_is_no_document_is_left_to_the_sdk(answer: bytes) -> None:
    def outcome(client: Client) -> Any:
        client.answer = answer
        try:
            return client.call([{"Statement": "s"}])
        except Exception as error:
            return type(error)

    assert outcome(Client(light=True)) == outcome(Client(light=False))
