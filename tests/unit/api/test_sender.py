"""Order ids by sender: who sends is what API Gateway says, and nobody uses an id of somebody else."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangum import Mangum

from orderstream.api.app import make_app
from orderstream.api.dependencies import deployment_of
from orderstream.api.sender import BY_SENDER, OrderIds, prefix_of, sender_of
from orderstream.api.services import ApiServices
from orderstream.aws.clients import AwsClients
from orderstream.domain.decode import decode
from orderstream.domain.fields import InvalidValue
from orderstream.domain.order import order_id_rule
from orderstream.errors import InputError
from tests.fakes import deployment_on
from tests.unit.client.fakes import Stream

ISSUER = "https://issuer.example"
ORDER = b'{ "order_id": "A-1001", "customer_id":"c",  "amount": 19.900, "n": 1e2 }'


def token(subject: str | None, issuer: str = ISSUER) -> dict[str, Any]:
    claims = {"iss": issuer, "scope": "orders/write"} | ({"sub": subject} if subject is not None else {})
    return {"jwt": {"claims": claims, "scopes": ["orders/write"]}}


def signature(user_id: str | None) -> dict[str, Any]:
    arn = "arn:aws:sts::123456789012:assumed-role/shop/session"
    known = {"accessKey": "ASIAEXAMPLE", "accountId": "123456789012", "cognitoIdentity": None}
    return {"iam": known | {"callerId": user_id, "userArn": arn, "userId": user_id}}


def event(authorizer: dict[str, Any] | None) -> dict[str, Any]:
    return {"requestContext": {"authorizer": authorizer} if authorizer else {}}


def test_the_sender_of_a_token_is_its_subject_at_its_issuer() -> None:
    one, other = sender_of(event(token("42"))), sender_of(event(token("42", "https://other.example")))
    assert one and other and one != other
    assert sender_of(event(token("42"))) == one != sender_of(event(token("43")))


def test_the_sender_of_a_signature_is_the_user_or_the_role_whatever_its_session_is_called() -> None:
    assert sender_of(event(signature("AIDAEXAMPLE"))) == "AIDAEXAMPLE"
    assert sender_of(event(signature("AROAEXAMPLE:one"))) == sender_of(event(signature("AROAEXAMPLE:two")))
    assert sender_of(event(signature("AROAEXAMPLE:AROAOTHER"))) == "AROAEXAMPLE"


@pytest.mark.parametrize(
    "unknown",
    [
        None,
        token(None),
        token(""),
        token("42", ""),
        signature(None),
        signature(""),
        {"jwt": {"claims": None}},
    ],
)
def test_whoever_is_not_authenticated_is_no_sender(unknown: dict[str, Any] | None) -> None:
    assert sender_of(event(unknown)) is None
    assert sender_of({}) is None


ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=128)


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])), ids
)
def test_no_id_of_one_sender_is_one_of_another(one: str, other: str, order_id: str) -> None:
    if one == other:
        return
    for adds in (True, False):
        theirs = OrderIds(prefix_of(other), adds)
        try:
            own = OrderIds(prefix_of(one), adds=True).own(order_id)
        except InvalidValue as refused:
            assert refused.code == "too_long"
            continue
        assert order_id_rule(own) == own and own.endswith(order_id)
        assert OrderIds(prefix_of(one), adds).own(own) == own, "what was given back is the same id"
        try:
            assert theirs.own(own) != own
        except InvalidValue as refused:
            assert refused.code in {"not_the_senders", "too_long"}


class Api:
    """The application on Lambda, called with events as API Gateway makes them."""

    def __init__(self, ids_by_sender: str) -> None:
        self.stream = Stream()
        deployment = replace(deployment_on(None), ids_by_sender=ids_by_sender)
        services = ApiServices(self.stream, deployment, list)  # type: ignore[arg-type]
        self._app = make_app(lambda: services)

    def __call__(
        self, authorizer: dict[str, Any] | None, body: bytes, path: str = "/orders", **headers: str
    ) -> tuple[int, Any]:
        context = {
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "routeKey": f"POST {path}",
            "stage": "$default",
        }
        request: dict[str, Any] = {
            "version": "2.0",
            "routeKey": f"POST {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"content-type": "application/json", "host": "api"} | headers,
            "requestContext": context | ({"authorizer": authorizer} if authorizer else {}),
            "body": body.decode(),
            "isBase64Encoded": False,
        }
        # Mangum makes an event loop where there is none, and leaves it open.
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            answer = Mangum(self._app, lifespan="off")(request, None)  # type: ignore[arg-type]
        finally:
            asyncio.set_event_loop(None)
            loop.close()
        said = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"]
        return answer["statusCode"], json.loads(said)


def prefix(subject: str) -> str:
    return prefix_of(f"{ISSUER} {subject}")


def test_by_default_everybody_uses_any_id_and_nothing_is_changed() -> None:
    api = Api("none")
    for sender in (token("1"), token("2"), signature("AIDAEXAMPLE"), None):
        status, answer = api(sender, ORDER)
        assert (status, answer["order_id"]) == (202, "A-1001")
    assert set(api.stream.records) == {ORDER}


def test_with_prefix_two_senders_with_one_id_have_two_orders() -> None:
    api = Api("prefix")
    for number in ("1", "2"):
        status, answer = api(token(number), ORDER)
        assert (status, answer["order_id"]) == (202, f"{prefix(number)}A-1001")
        assert answer["location"] == f"/orders/{prefix(number)}A-1001"
    first, second = map(decode, api.stream.records)
    assert first.order and second.order and first.order.order_id != second.order.order_id
    assert first.fingerprint == second.fingerprint == decode(ORDER).fingerprint
    for record in api.stream.records:
        fields = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
        assert (bytes(fields["amount"]), bytes(fields["n"])) == (b"19.900", b"1e2")


def test_with_prefix_the_id_that_was_given_back_is_the_same_order() -> None:
    api = Api("prefix")
    first = api(token("1"), b'{"customer_id":"c","amount":1}', **{"idempotency-key": "A-1"})[1]["order_id"]
    again = api(token("1"), b'{"customer_id":"c","amount":1}', **{"idempotency-key": first})[1]["order_id"]
    named = b'{"customer_id":"c","amount":1,"order_id":"%b"}' % first.encode()
    whole = api(token("1"), named, **{"idempotency-key": "A-1"})[1]["order_id"]
    assert first == again == whole == f"{prefix('1')}A-1"
    assert api.stream.records[2] == named, "byte for byte"


def test_with_prefix_nobody_gets_at_the_ids_of_another() -> None:
    api = Api("prefix")
    stolen = f"{prefix('1')}A-1"
    for sender in (token("2"), signature("AIDAEXAMPLE")):
        for body, headers in (
            (b'{"customer_id":"c","amount":1,"order_id":"%b"}' % stolen.encode(), {}),
            (b'{"customer_id":"c","amount":1}', {"idempotency-key": stolen}),
        ):
            status, answer = api(sender, body, **headers)
            assert status == 202 and answer["order_id"] != stolen
            assert answer["order_id"].endswith(stolen)


def test_with_check_an_id_has_to_begin_with_the_senders_prefix() -> None:
    api = Api("check")
    status, problem = api(token("1"), ORDER)
    assert status == 422
    (reason,) = problem["errors"]
    assert (reason["path"], reason["code"]) == ("$.order_id", "not_the_senders")
    assert reason["message"] == f"must begin with {prefix('1')} as all order ids of this sender do"
    own = ORDER.replace(b"A-1001", f"{prefix('1')}A-1001".encode())
    assert api(token("1"), own)[0] == 202
    assert api(token("2"), own)[0] == 422
    assert api.stream.records == [own]
    key = {"idempotency-key": f"{prefix('1')}7"}
    assert api(token("1"), b'{"customer_id":"c","amount":1}', **key)[0] == 202
    status, problem = api(token("2"), b'{"customer_id":"c","amount":1}', **key)
    assert (status, problem["errors"][0]["path"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize("mode", ["check", "prefix"])
def test_an_order_without_an_id_gets_one_of_the_senders(mode: str) -> None:
    status, answer = Api(mode)(signature("AROAEXAMPLE:session"), b'{"customer_id":"c","amount":1}')
    assert status == 202 and answer["order_id"].startswith(prefix_of("AROAEXAMPLE"))


def test_each_order_of_a_batch_is_the_senders() -> None:
    other = ORDER.replace(b"A-1001", f"{prefix('2')}A-2".encode())
    api = Api("prefix")
    status, answer = api(token("1"), b"[%b,%b]" % (ORDER, other), "/orders/batch")
    assert (status, answer["accepted"]) == (202, 2)
    assert all(one["order_id"].startswith(prefix("1")) for one in answer["results"])
    api = Api("check")
    status, answer = api(token("2"), b"[%b,%b]" % (ORDER, other), "/orders/batch")
    assert (status, [one["status"] for one in answer["results"]]) == (207, [422, 202])


def test_an_id_that_has_no_room_for_the_prefix_is_refused_with_the_reason() -> None:
    status, problem = Api("prefix")(token("1"), ORDER.replace(b"A-1001", b"x" * 96))
    assert (status, problem["errors"][0]["code"]) == (422, "too_long")
    assert prefix("1") in problem["errors"][0]["message"]
    assert Api("prefix")(token("1"), ORDER.replace(b"A-1001", b"x" * 95))[0] == 202


@pytest.mark.parametrize("mode", ["check", "prefix"])
@pytest.mark.parametrize("path", ["/orders", "/orders/batch"])
def test_without_a_sender_nothing_is_accepted_whatever_the_headers_say(mode: str, path: str) -> None:
    api = Api(mode)
    claimed = {"authorization": "Bearer x", "x-sender": "1", "sub": "1", "x-amzn-requestcontext": "{}"}
    for sender in (None, token(None)):
        status, problem = api(sender, ORDER, path, **claimed)
        assert status == 403 and "OrderIdsBySender" in problem["detail"]
    assert api.stream.records == []


def test_the_function_takes_no_mode_that_it_does_not_know() -> None:
    names = dict.fromkeys(("STACK_NAME", "STREAM_NAME", "TABLE_NAME", "ARCHIVE_BUCKET"), "x")
    for mode in BY_SENDER:
        assert deployment_of(AwsClients(), names | {"ORDER_IDS_BY_SENDER": mode}).ids_by_sender == mode
    assert deployment_of(AwsClients(), names).ids_by_sender == "none"
    with pytest.raises(InputError, match="none, check, prefix, not 'Prefix'"):
        deployment_of(AwsClients(), names | {"ORDER_IDS_BY_SENDER": "Prefix"})


def test_an_event_is_of_the_senders_own_order_alone() -> None:
    api = Api("prefix")
    own = f"{prefix('1')}A-1"
    for path, body in (("A-1", b'{"event":"paid"}'), (own, b'{"event":"paid","order_id":"A-1"}')):
        status, answer = api(token("1"), body, f"/orders/{path}/events")
        assert (status, answer["order_id"], answer["location"]) == (202, own, f"/orders/{own}/history")
    status, answer = api(token("2"), b'{"event":"paid"}', f"/orders/{own}/events")
    assert (status, answer["order_id"]) == (202, f"{prefix('2')}{own}")
    assert [decode(record).raw_order_id for record in api.stream.records] == [own, own, f"{prefix('2')}{own}"]
    assert api(None, b'{"event":"paid"}', "/orders/A-1/events")[0] == 403


def test_with_check_an_event_needs_an_order_id_of_the_sender() -> None:
    api = Api("check")
    own = f"{prefix('1')}A-1"
    assert api(token("1"), b'{"event":"paid"}', f"/orders/{own}/events")[0] == 202
    for sender, path, body in (
        ("2", own, b'{"event":"paid"}'),
        ("1", own, b'{"event":"paid","order_id":"A-1"}'),
    ):
        status, problem = api(token(sender), body, f"/orders/{path}/events")
        assert (status, problem["errors"][0]["code"]) == (422, "not_the_senders")
    assert len(api.stream.records) == 1


def test_the_key_of_an_event_is_its_event_id_and_the_rest_stays_byte_for_byte() -> None:
    api = Api("none")
    body = b'{ "event":"captured",  "amount": 19.900 }'
    assert api(None, body, "/orders/A-1/events", **{"idempotency-key": "pay-1"})[0] == 202
    assert api(None, body, "/orders/A-1/events")[0] == 202
    keyed, other = api.stream.records
    assert keyed == b'{"event_id":"pay-1","order_id":"A-1", "event":"captured",  "amount": 19.900 }'
    assert other != keyed and b'"event_id"' in other
