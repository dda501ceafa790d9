"""Where a command acts is said as far as STS and IAM tell it, and never keeps a command from its work."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError

from orderstream.aws.clients import AwsClients
from orderstream.aws.location import Location, location_of
from orderstream.errors import CloudError

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Any")
SILENT = ConnectTimeoutError(endpoint_url="https://sts.eu-west-1.amazonaws.com")


class Service:
    """STS and IAM at once: an answer, or the error in place of one; counts what it is asked."""

    def __init__(self, account: str | Exception, aliases: list[str] | Exception) -> None:
        self._account = account
        self._aliases = aliases
        self.asked: list[str] = []

    def get_caller_identity(self) -> dict[str, Any]:
        self.asked.append("sts")
        if isinstance(self._account, Exception):
            raise self._account
        return {"Account": self._account}

    def list_account_aliases(self) -> dict[str, Any]:
        self.asked.append("iam")
        if isinstance(self._aliases, Exception):
            raise self._aliases
        return {"AccountAliases": self._aliases}


def cloud(service: Service, endpoint: str | None = None) -> AwsClients:
    made = AwsClients(endpoint, region="eu-west-1", access_key="a", secret_key="b")
    # What a client of botocore would be, made on first use.
    made.__dict__["sts"] = made.__dict__["iam"] = service
    return made


@pytest.mark.parametrize(
    ("account", "aliases", "said"),
    [
        ("111122223333", ["shop-prod"], "account 111122223333 (shop-prod), region eu-west-1"),
        ("111122223333", [], "account 111122223333, region eu-west-1"),
        ("111122223333", DENIED, "account 111122223333, region eu-west-1"),
        (DENIED, ["shop-prod"], "account unknown (shop-prod), region eu-west-1"),
        (SILENT, SILENT, "account unknown, region eu-west-1"),
    ],
)
def test_what_nobody_tells_is_left_open(
    account: str | Exception, aliases: list[str] | Exception, said: str
) -> None:
    service = Service(account, aliases)
    there = cloud(service)
    location = location_of(there)
    assert str(location) == said
    assert service.asked == ["sts", "iam"], "one call each"
    assert location.document()["account"] == there.account
    assert service.asked == ["sts", "iam"], "whoever needs the account later does not ask again"


def test_a_local_cloud_is_known_by_its_address_alone() -> None:
    service = Service("000000000001", ["alias"])
    location = location_of(cloud(service, "http://127.0.0.1:4566"))
    assert location == Location("eu-west-1", endpoint="http://127.0.0.1:4566")
    assert str(location) == "local cloud at http://127.0.0.1:4566" and location.is_local
    assert service.asked == []


def test_without_credentials_nothing_can_be_done_and_that_is_said() -> None:
    with pytest.raises(CloudError) as refused:
        location_of(cloud(Service(NoCredentialsError(), [])))
    assert "aws configure" in refused.value.hint
