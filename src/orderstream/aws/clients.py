"""Typed clients for AWS or a local cloud."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import create_loader

from orderstream.aws.clock import ServiceClock
from orderstream.client.put_records import new_session, producer_client
from orderstream.errors import CloudError
from orderstream.sdk.endpoints import is_loopback
from orderstream.sdk.errors import CREDENTIALS_HINT, NO_ANSWER, translate_errors

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# botocore's retry defaults have changed between releases, so set them explicitly. The read timeout exceeds
# the longest invocation (15 minutes), because a client waits for it.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=5,
    read_timeout=930,
    max_pool_connections=64,
)
# For informational calls: an unreachable service must not delay a command for long.
_BRIEF = _CONFIG.merge(Config(connect_timeout=2, read_timeout=5))

# An SDK session must not create two clients at once.
_making = threading.Lock()


@cache
def _service_models(data_path: str | None) -> Any:
    """The loader of the SDK's service models, which are large: all sessions share it and its cache."""
    return create_loader(data_path)


@dataclass(frozen=True)
class AwsClients:
    """One account and region of AWS, or a local cloud at `endpoint_url`. Clients are created on first use, in
    any thread.

    Whatever is None comes from the environment and AWS's own configuration files. `timeouts` apply to every
    client and replace the interactive defaults.
    """

    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None
    timeouts: Config | None = field(default=None, repr=False, compare=False, kw_only=True)
    clock: ServiceClock = field(default_factory=ServiceClock, repr=False, compare=False, kw_only=True)

    def now(self) -> datetime:
        """The time (aware, UTC) by the service's clock, which stamps the records; the local clock until it is
        known.
        """
        return self.clock.now()

    @cached_property
    def _session(self) -> Any:
        session = new_session(self.profile)
        models = _service_models(session.get_config_variable("data_path"))
        session.register_component("data_loader", models)
        if self.access_key and self.secret_key:
            session.set_credentials(self.access_key, self.secret_key, self.session_token)
        session.register("response-received", self.clock.observe)
        return session

    @property
    def _where(self) -> dict[str, str | None]:
        return {"region_name": self.region, "endpoint_url": self.endpoint_url}

    def _client(self, service: str, config: Config = _CONFIG) -> Any:
        with _making:
            config = config.merge(self.timeouts or Config())
            return self._session.create_client(service, config=config, **self._where)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        client: CloudFormationClient = self._client("cloudformation")
        return client

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        client: CloudWatchClient = self._client("cloudwatch")
        return client

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @cached_property
    def dynamodb_streams(self) -> Any:
        return self._client("dynamodbstreams")

    @cached_property
    def account(self) -> str | None:
        """The account id, None if STS does not return it. Raises CloudError without credentials."""
        with translate_errors("cannot look for the account"):
            try:
                return str(self.sts.get_caller_identity()["Account"])
            except (ClientError, *NO_ANSWER):
                return None

    @cached_property
    def events(self) -> Any:
        """EventBridge."""
        return self._client("events")

    @cached_property
    def iam(self) -> Any:
        return self._client("iam", _BRIEF)

    @cached_property
    def kinesis(self) -> KinesisClient:
        client: KinesisClient = self._client("kinesis")
        return client

    @cached_property
    def kinesis_no_retry(self) -> KinesisClient:
        """A client without SDK retries: OrderProducer retries what failed, record by record."""
        with _making:
            return producer_client(self._session, self.timeouts, **self._where)

    @cached_property
    def lambda_(self) -> LambdaClient:
        # The SDK must not repeat an invocation: the caller decides about retries.
        once = _CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
        client: LambdaClient = self._client("lambda", once)
        return client

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        client: CloudWatchLogsClient = self._client("logs")
        return client

    @cached_property
    def pipes(self) -> Any:
        """EventBridge Pipes."""
        return self._client("pipes")

    @cached_property
    def s3(self) -> S3Client:
        client: S3Client = self._client("s3")
        return client

    @cached_property
    def secrets(self) -> SecretsManagerClient:
        client: SecretsManagerClient = self._client("secretsmanager")
        return client

    @cached_property
    def sqs(self) -> SQSClient:
        client: SQSClient = self._client("sqs")
        return client

    def client(self, service: str) -> Any:
        """Create a client of a service that has no client above."""
        return self._client(service)

    def credentials(self) -> Any:
        """The credentials that sign requests (botocore's Credentials). Raises CloudError without any."""
        found = self._session.get_credentials()
        if found is None:
            raise CloudError("there are no credentials to sign with", hint=CREDENTIALS_HINT)
        return found

    @cached_property
    def sts(self) -> Any:
        return self._client("sts", _BRIEF)

    @cached_property
    def tagging(self) -> Any:
        """The Resource Groups Tagging API."""
        return self._client("resourcegroupstaggingapi")


def region_of(cloud: AwsClients) -> str:
    """The region in which `cloud` acts. Raises CloudError if none is configured."""
    with translate_errors("cannot look for a stack"):
        return str(cloud.cloudformation.meta.region_name)


def is_local(cloud: AwsClients) -> bool:
    """Whether `cloud` is a local cloud. Raises CloudError if no region is configured."""
    with translate_errors("cannot look for a stack"):
        return is_loopback(cloud.cloudformation.meta.endpoint_url)


def profiles() -> list[str]:
    """The profiles in AWS's configuration files."""
    return list(new_session().available_profiles)
