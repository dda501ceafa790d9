"""Checks the cloud: credentials, region, clock, stack and quotas."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from orderstream.aws.clients import AwsClients, is_local, region_of
from orderstream.aws.clock import TOLERANCE
from orderstream.aws.deployment import bind
from orderstream.aws.function_versions import live_version
from orderstream.aws.stack import StackDescription, describe_stack
from orderstream.deploy.stack_state import ensure_deployable
from orderstream.doctor.checklist import Verdict
from orderstream.doctor.permissions import refused_actions, source_of
from orderstream.errors import CloudError, DeploymentError
from orderstream.output.numbers import length
from orderstream.sdk.errors import CLOCK_HINT, CREDENTIALS_HINT, error_code

# A new stream on demand begins with as many.
SHARDS_ON_DEMAND = 4
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


class CloudChecks:
    """The checks of the cloud where `cloud` acts, for `stack` with these parameters of the template."""

    def __init__(self, cloud: AwsClients, stack: str, parameters: Mapping[str, str]) -> None:
        self._cloud = cloud
        self._name = stack
        self._parameters = parameters

    def credentials(self) -> Verdict:
        """Whether there are valid credentials, and whose."""
        if self._region is None:
            return Verdict("not checked", "needs a region")
        try:
            caller = self._caller
        except NoCredentialsError:
            return Verdict("warning", "there are none", CREDENTIALS_HINT)
        return Verdict("ok", f"local cloud at {self._endpoint}" if self._is_local else caller)

    def region(self) -> Verdict:
        """Whether a region is configured."""
        try:
            return Verdict("ok", region_of(self._cloud))
        except CloudError as error:
            if isinstance(error.__cause__, NoRegionError):
                return Verdict("warning", "none is configured", error.hint)
            return Verdict("failed", str(error.__cause__), error.hint)

    def clock(self) -> Verdict:
        """Whether this machine's clock agrees with the service's."""
        if unknown := self._unknown():
            return unknown
        behind = self._cloud.clock.behind
        if abs(behind) <= TOLERANCE:
            return Verdict("ok", "agrees with the cloud's")
        by = length(abs(behind).total_seconds())
        about = f"{by} {'behind' if behind.total_seconds() > 0 else 'ahead of'} the cloud's"
        return Verdict("failed", about, CLOCK_HINT)

    def stack(self) -> Verdict:
        """Whether the stack can be read, its state, and the version of its function."""
        if unknown := self._unknown():
            return unknown
        found = self._stack
        if found is None:
            return Verdict("ok", f"there is no stack {self._name} yet", "orders deploy makes it")
        try:
            ensure_deployable(self._name, found)
            deployment = bind(self._cloud, self._name, found)
        except DeploymentError as error:
            return Verdict("failed", error.message, error.hint)
        version = live_version(deployment)
        about = f"{self._name} is {found.status}, version {version.number} of the function"
        if version.rolled_back:
            return Verdict("warning", f"{about}, rolled back", "orders deploy delivers to the latest again")
        return Verdict("ok", about)

    def lambda_quota(self) -> Verdict:
        """Whether the account has the concurrency that the function needs."""
        if unknown := self._unknown(only_aws=True):
            return unknown
        try:
            limit = self._cloud.lambda_.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
        except ClientError as error:
            return _denied(error, "lambda:GetAccountSettings")
        shards = self._shards or SHARDS_ON_DEMAND
        lanes = shards * int(self._parameter("ParallelizationFactor", "1"))
        about = f"{limit:,} concurrent executions, and the function needs {lanes:,} at most"
        if limit < lanes:
            return Verdict("warning", about, "request more in Service Quotas: Lambda, Concurrent executions")
        return Verdict("ok", about)

    def kinesis_quota(self) -> Verdict:
        """Whether the account may have the stream."""
        if unknown := self._unknown(only_aws=True):
            return unknown
        try:
            limits = self._cloud.kinesis.describe_limits()
        except ClientError as error:
            return _denied(error, "kinesis:DescribeLimits")
        if self._shards:
            free, unit, wanted = limits["ShardLimit"] - limits["OpenShardCount"], "shards", self._shards
        else:
            free = limits["OnDemandStreamCountLimit"] - limits["OnDemandStreamCount"]
            unit, wanted = "streams on demand", 1
        about = f"{free:,} more {unit} are possible"
        if self._stack is None and free < wanted:
            return Verdict(
                "warning", f"{about}, and the stack needs {wanted:,}", "request more in Service Quotas"
            )
        return Verdict("ok", about)

    def permissions(self) -> Verdict:
        """Whether the caller may do what a deployment needs, by IAM's simulation."""
        if unknown := self._unknown(only_aws=True):
            return unknown
        try:
            source = source_of(self._cloud, self._caller)
            if source is None:
                return Verdict("ok", f"{self._caller} may do everything")
            refused, asked = refused_actions(self._cloud, source, self._name, region_of(self._cloud))
        except ClientError as error:
            return _denied(error, "iam:SimulatePrincipalPolicy")
        if not refused:
            return Verdict("ok", f"all {asked:,} actions of a deployment are allowed")
        some = ", ".join(refused[:5]) + (f" and {len(refused) - 5:,} more" if len(refused) > 5 else "")
        return Verdict("warning", f"orders deploy may lack {some}", "orders stack policy deployer has all")

    @property
    def _region(self) -> str | None:
        try:
            return region_of(self._cloud)
        except CloudError:
            return None

    @property
    def _endpoint(self) -> str:
        return str(self._cloud.sts.meta.endpoint_url)

    @property
    def _is_local(self) -> bool:
        return is_local(self._cloud)

    @cached_property
    def _caller(self) -> str:
        return str(self._cloud.sts.get_caller_identity()["Arn"])

    @cached_property
    def _stack(self) -> StackDescription | None:
        return describe_stack(self._cloud, self._name)

    def _parameter(self, name: str, default: str) -> str:
        deployed = self._stack.parameters if self._stack else {}
        return self._parameters.get(name) or deployed.get(name) or default

    @property
    def _shards(self) -> int:
        """The shards of the stream, 0 if it is on demand."""
        return int(self._parameter("ShardCount", "0"))

    def _unknown(self, *, only_aws: bool = False) -> Verdict | None:
        """Why something cannot be known here, None if it can."""
        try:
            known = self._region is not None and bool(self._caller)
        except (BotoCoreError, ClientError):
            known = False
        if not known:
            return Verdict("not checked", "needs a region, and credentials that are accepted")
        return Verdict("not checked", "the local cloud has none") if self._is_local and only_aws else None


def _denied(error: ClientError, action: str) -> Verdict:
    """The verdict on a call that was refused. Raises any other error."""
    if error_code(error) not in _DENIED:
        raise error
    return Verdict("not checked", f"needs permission for {action}")
