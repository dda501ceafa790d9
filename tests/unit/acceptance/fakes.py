"""AWS for the checks of `orders stack accept`: botocore's own clients, and hand-written answers behind them.

A client builds each request as for AWS, so that a parameter that AWS does not know fails the test. What the
fakes answer is held against botocore's model of the service, so that no fake answers in a shape of its own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from botocore import xform_name
from botocore.loaders import create_loader
from botocore.validate import ParamValidator

from orderstream.acceptance.context import Context
from orderstream.acceptance.deployer import Deployer
from orderstream.aws.clients import AwsClients
from orderstream.deploy.target import AWS
from orderstream.progress import no_progress
from tests.fakes import Clock

NAME, ACCOUNT, REGION = "orders-accept-0a1b2c", "123456789012", "eu-west-1"
CALLER, CALLERS_ID = "AKIACALLER", "AIDACALLER"
STREAM, TABLE = f"{NAME}-OrderStream", f"{NAME}-Orders"
BUCKET = f"{NAME}-archive-{ACCOUNT}-{REGION}"
SOME_TIME = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)

# Reads the model of a service once for all tests.
_LOADER = create_loader()
_ASKED = "asked"
Answer = dict[str, Any]


class Refusal(Exception):
    """Raised by a fake: AWS answers with this error."""

    def __init__(self, code: str, message: str = "no", status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status


class FakeAws:
    """Has a call answered by the method of that name of the service's fake.

    `of_roles` are the fakes that answer whoever has other keys than the caller's. `asked` counts the calls.
    """

    def __init__(self, services: dict[str, Any], of_roles: dict[str, Any] | None = None) -> None:
        self.services = services
        self.of_roles = of_roles or {}
        self.asked: Counter[str] = Counter()

    def answer(self, model: Any, request: Answer, access_key: str | None) -> tuple[Any, Answer]:
        """What botocore takes for an answer: what it needs of the HTTP response, and what it parsed of it."""
        service, operation = model.service_model.service_name, xform_name(model.name)
        _ensure_legal(request, model.input_shape, f"{service} is asked {operation}")
        self.asked[operation] += 1
        fake = (self.services if access_key == CALLER else self.of_roles)[service]
        try:
            found: Answer = getattr(fake, operation)(**request)
            status = 200
        except Refusal as refusal:
            found, status = {"Error": {"Code": refusal.code, "Message": refusal.message}}, refusal.status
        else:
            _ensure_legal(found, model.output_shape, f"{service} answers {operation}")
        metadata = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RequestId": "request", "RetryAttempts": 0}
        return SimpleNamespace(status_code=status), {**found, "ResponseMetadata": metadata}


def _ensure_legal(values: Answer, shape: Any, what: str) -> None:
    if shape is None:
        assert not values, f"{what}: nothing was expected"
        return
    report = ParamValidator().validate(values, shape)
    assert not report.has_errors(), f"{what}: {report.generate_report()}"


@dataclass(frozen=True)
class FakeCloud(AwsClients):
    """A cloud whose clients are real, but for the wire: `aws` answers at its other end."""

    aws: FakeAws = field(default_factory=lambda: FakeAws({}), repr=False, compare=False, kw_only=True)

    @cached_property
    def _session(self) -> Any:
        def keep(params: Answer, context: Answer, **_: Any) -> None:
            # As the caller gave them: botocore adds to them later.
            context[_ASKED] = dict(params)

        def answer(model: Any, context: Answer, **_: Any) -> tuple[Any, Answer]:
            return self.aws.answer(model, context[_ASKED], self.access_key)

        session = AwsClients._session.func(self)  # type: ignore[attr-defined]
        session.register_component("data_loader", _LOADER)
        session.register("provide-client-params", keep)
        session.register("before-call", answer)
        return session


def context_on(
    clock: Clock | None = None, of_roles: dict[str, Any] | None = None, **services: Any
) -> Context:
    """A run in an account that has the scratch stack, and the services given by their names.

    Waiting is told to `clock`, and takes no time.
    """
    clock = clock or Clock()
    aws = FakeAws({"cloudformation": CloudFormation(), **services}, of_roles)
    cloud = FakeCloud(region=REGION, access_key=CALLER, secret_key="secret", aws=aws)
    return Context(
        cloud,
        NAME,
        ACCOUNT,
        AWS,
        Deployer(cloud, NAME, None),
        no_progress,
        clock=clock,
        sleep=clock.sleep,
    )


def aws_of(context: Context) -> FakeAws:
    """What answers behind the cloud of `context_on`."""
    assert isinstance(context.cloud, FakeCloud)
    return context.cloud.aws


class CloudFormation:
    """Knows the scratch stack, with these outputs beside its usual ones. Resources are called after it."""

    def __init__(self, **outputs: str) -> None:
        self.outputs = {
            "StreamName": STREAM,
            "TableName": TABLE,
            "CustomerIndex": "ByCustomer",
            "ArchiveBucket": BUCKET,
            "DiscardedBucket": f"{NAME}-discarded-{ACCOUNT}-{REGION}",
            "FunctionName": f"{NAME}-ProcessOrders",
            "FunctionAlias": "live",
            "EventSourceMapping": "6f7e5a70-0000-4000-8000-000000000001",
            **outputs,
        }

    def describe_stacks(self, StackName: str) -> Answer:
        if StackName != NAME:
            raise Refusal("ValidationError", f"Stack with id {StackName} does not exist")
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()]
        stack = {
            "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{NAME}/1",
            "StackName": NAME,
            "CreationTime": SOME_TIME,
            "StackStatus": "CREATE_COMPLETE",
            "Outputs": outputs,
        }
        return {"Stacks": [stack]}

    def describe_stack_resource(self, StackName: str, LogicalResourceId: str) -> Answer:
        assert StackName == NAME
        detail = {
            "LogicalResourceId": LogicalResourceId,
            "PhysicalResourceId": f"{NAME}-{LogicalResourceId}",
            "ResourceType": "AWS::Some::Type",
            "LastUpdatedTimestamp": SOME_TIME,
            "ResourceStatus": "CREATE_COMPLETE",
        }
        return {"StackResourceDetail": detail}


class Logs:
    """CloudWatch Logs: the messages of each log group. A pattern is a text in quotes that they have.

    A group is given in two pages, the first of which is empty, as AWS may do.
    """

    def __init__(self, groups: dict[str, list[str]]) -> None:
        self.groups = groups

    def filter_log_events(
        self, logGroupName: str, filterPattern: str = '""', startTime: int = 0, nextToken: str = ""
    ) -> Answer:
        if logGroupName not in self.groups:
            raise Refusal("ResourceNotFoundException", "The specified log group does not exist.")
        if not nextToken:
            return {"events": [], "nextToken": "second"}
        assert filterPattern[0] == filterPattern[-1] == '"'
        words = filterPattern[1:-1]
        found = [one for one in self.groups[logGroupName] if words in one]
        return {"events": [{"logStreamName": "2026", "message": one} for one in found]}
