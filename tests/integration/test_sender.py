"""Tokens, and order ids by sender, on the deployed API: senders are those that API Gateway authenticated."""

from __future__ import annotations

import json
from typing import Any

from orderstream.api.sender import prefix_of
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.storage import stream
from tests.integration.deployed import deploy
from tests.integration.http_api import Caller, token

ORDER = b'{"order_id": "A-1001", "customer_id": "c", "amount": 19.90}'


def ids_on(deployment: Deployment) -> list[str]:
    return [json.loads(record.data)["order_id"] for record in stream.records(deployment)]


def test_a_token_gets_in_by_its_scope_and_two_with_one_id_send_two_orders(cloud: AwsClients) -> None:
    cognito: Any = cloud._client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="shops")["UserPool"]["Id"]
    scopes = [{"ScopeName": name, "ScopeDescription": name} for name in ("read", "write")]
    cognito.create_resource_server(UserPoolId=pool, Identifier="orders", Name="orders", Scopes=scopes)
    (one, first), (other, second), (viewer, may_read), (_, foreign) = (
        token(cloud, pool, f"orders/{scope}") for scope in ("write", "write", "read", "write")
    )
    issuer = f"https://cognito-idp.eu-west-1.amazonaws.com/{pool}"
    stack = deploy(
        cloud,
        HttpApi="jwt",
        JwtIssuer=issuer,
        JwtAudience=f"{one},{other},{viewer}",
        OrderIdsBySender="prefix",
    )
    assert stack.ids_by_sender == "prefix"
    call = Caller(cloud)

    def statuses(bearer: str) -> tuple[int, int]:
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        posted = call("POST", "/orders", ORDER, headers)
        return posted.status_code, call("GET", "/orders/x", headers=headers).status_code

    for bearer in ("", foreign, first[:-4]):
        assert statuses(bearer) == (401, 401)
    assert statuses(may_read) == (403, 404)
    for bearer in (first, second, first):
        assert statuses(bearer) == (202, 403)
    assert call("GET", "/health").status_code == 200
    # A client that Cognito gave its token is itself the subject.
    mine, others = (prefix_of(f"{issuer} {client}") + "A-1001" for client in (one, other))
    assert ids_on(stack) == [mine, others, mine]


def test_the_id_of_another_user_or_role_is_refused(cloud: AwsClients) -> None:
    iam: Any = cloud._client("iam")
    sts: Any = cloud._client("sts")
    user = iam.create_user(UserName="shop")["User"]
    made = iam.create_access_key(UserName="shop")["AccessKey"]
    role = iam.create_role(RoleName="shops", AssumeRolePolicyDocument="{}")["Role"]
    deployment = deploy(cloud, OrderIdsBySender="check")

    def session(name: str) -> Caller:
        found = sts.assume_role(RoleArn=role["Arn"], RoleSessionName=name)["Credentials"]
        return Caller(cloud, (found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]))

    by_user = Caller(cloud, (made["AccessKeyId"], made["SecretAccessKey"], cloud.session_token or ""))
    own = ORDER.replace(b"A-", prefix_of(user["UserId"]).encode())
    theirs = ORDER.replace(b"A-", prefix_of(role["RoleId"]).encode())
    assert by_user("POST", "/orders", ORDER).json()["errors"][0]["code"] == "not_the_senders"
    assert [by_user("POST", "/orders", order).status_code for order in (own, theirs)] == [202, 422]
    # Whoever takes the role on chooses the session's name, and is the same sender.
    for name in ("one", user["UserId"]):
        assert [session(name)("POST", "/orders", order).status_code for order in (own, theirs)] == [422, 202]
    assert ids_on(deployment) == [json.loads(order)["order_id"] for order in (own, theirs, theirs)]
