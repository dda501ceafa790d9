"""Where commands act: an account and region of AWS, or a local cloud."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients, is_local, region_of
from orderstream.sdk.errors import NO_ANSWER, translate_errors


@dataclass(frozen=True)
class Location:
    """An account (id and alias where known) and a region, or a local cloud at `endpoint`."""

    region: str
    account: str | None = None
    alias: str | None = None
    endpoint: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is a local cloud, where mistakes cost nothing."""
        return self.endpoint is not None

    def __str__(self) -> str:
        if self.is_local:
            return f"local cloud at {self.endpoint}"
        alias = f" ({self.alias})" if self.alias else ""
        return f"account {self.account or 'unknown'}{alias}, region {self.region}"

    def document(self) -> dict[str, str | None]:
        """Its JSON representation."""
        return {
            "account": self.account,
            "alias": self.alias,
            "region": self.region,
            "cloud": "local" if self.is_local else "aws",
        }


def location_of(cloud: AwsClients) -> Location:
    """Where `cloud` acts. On AWS this calls STS and IAM once each; either may deny it.

    Raises CloudError if credentials or region are missing.
    """
    region = region_of(cloud)
    if is_local(cloud):
        return Location(region, endpoint=cloud.cloudformation.meta.endpoint_url)
    return Location(region, cloud.account, _alias(cloud))


def _alias(cloud: AwsClients) -> str | None:
    with translate_errors("cannot look for the account"):
        try:
            aliases = cloud.iam.list_account_aliases()["AccountAliases"]
        except (ClientError, *NO_ANSWER):
            return None
    return aliases[0] if aliases else None
