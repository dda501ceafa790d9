"""The scenarios on the wire: throttling, errors, resets, lost and late answers, expired tokens."""

from __future__ import annotations

from tests.chaos.scenarios import Scenario, Trouble
from tests.chaos.wire import NO_LOSSES, Losses, Rule

# The function and the scenarios' producer wait 5 seconds for an answer.
_TOO_LONG_MS = 6000
_KINESIS_THROTTLE = "ProvisionedThroughputExceededException"


def on_the_wire(*rules: Rule, losses: Losses = NO_LOSSES) -> Trouble:
    """Faults of microburst and of the proxy before it."""
    return lambda stage: stage.wire.faults(rules, losses)


def rule(call: str, fault: Rule, *, fail: int, of: int) -> Rule:
    """A rule for microburst: the first `fail` of every `of` calls have the fault.

    `call` is a service, or service:operation. They fail in a row, because three failures of a call in a
    row are what gets past the retries of the SDK.
    """
    service, _, operation = call.partition(":")
    matched = {"service": service, "operation": operation} if operation else {"service": service}
    return matched | {"sequence": {"fail": fail, "pass": of - fail}} | fault


def _error(code: str, status: int) -> Rule:
    return {"error": {"code": code, "status": status}}


_RESET: Rule = {"reset": True}
_CUT: Rule = {"response": {"abort_frac": 0.5}}
_LATE: Rule = {"latency": _TOO_LONG_MS, "times": 3}
_NEVER: Rule = {"timeout_ms": _TOO_LONG_MS, "times": 3}

SCENARIOS = (
    Scenario(
        "dynamodb-throttled",
        "DynamoDB throttles 3 calls in 10",
        on_the_wire(
            rule("dynamodb", _error("ThrottlingException", 400), fail=4, of=26),
            rule("dynamodb", _error("ProvisionedThroughputExceededException", 400), fail=4, of=22),
        ),
    ),
    Scenario(
        "statements-throttled",
        "DynamoDB refuses 3 statements in 10, in answers 200",
        on_the_wire(losses=Losses(parts={"BatchExecuteStatement": 0.3})),
    ),
    Scenario(
        "s3-slow-down",
        "S3 answers 503 SlowDown to 4 calls in 10",
        on_the_wire(rule("s3", _error("SlowDown", 503), fail=4, of=10)),
    ),
    Scenario(
        "s3-internal-error",
        "S3 answers 500 InternalError to 4 calls in 10",
        on_the_wire(rule("s3", _error("InternalError", 500), fail=4, of=10)),
    ),
    Scenario(
        "reset-before",
        "connections reset before the call is carried out",
        on_the_wire(
            rule("dynamodb", _RESET, fail=4, of=14),
            rule("s3", _RESET, fail=4, of=14),
            rule("kinesis:PutRecords", _RESET, fail=3, of=10),
            rule("kinesis:GetRecords", _RESET, fail=4, of=14),
            rule("lambda:Invoke", _RESET, fail=1, of=10),
        ),
    ),
    Scenario(
        "answer-lost",
        "connections reset after the call is carried out",
        on_the_wire(
            losses=Losses(
                answers={
                    "dynamodb": (4, 14),
                    "s3": (4, 14),
                    "PutRecords": (3, 10),
                    "GetRecords": (4, 14),
                    "lambda": (1, 10),
                }
            )
        ),
    ),
    Scenario(
        "answer-cut",
        "answers cut off in the middle",
        on_the_wire(
            rule("dynamodb", _CUT, fail=4, of=14),
            rule("kinesis:PutRecords", _CUT, fail=3, of=10),
            rule("kinesis:GetRecords", _CUT, fail=4, of=14),
            rule("lambda:Invoke", _CUT, fail=1, of=10),
        ),
    ),
    Scenario(
        "too-late",
        "calls carried out after the client's patience",
        on_the_wire(
            rule("dynamodb", _LATE, fail=1, of=5),
            rule("s3", _LATE, fail=1, of=5),
            rule("kinesis:PutRecords", _LATE, fail=1, of=5),
        ),
    ),
    Scenario(
        "never-answered",
        "calls neither carried out nor answered in time",
        on_the_wire(
            rule("dynamodb", _NEVER, fail=1, of=5),
            rule("s3", _NEVER, fail=1, of=5),
            rule("kinesis:PutRecords", _NEVER, fail=1, of=5),
        ),
    ),
    Scenario(
        "kinesis-throttled",
        "Kinesis throttles 3 calls in 10, sending and reading",
        on_the_wire(
            rule("kinesis:PutRecords", _error(_KINESIS_THROTTLE, 400), fail=3, of=10),
            rule("kinesis:GetRecords", _error(_KINESIS_THROTTLE, 400), fail=4, of=13),
        ),
    ),
    Scenario(
        "records-throttled",
        "Kinesis refuses 3 records in 10, in answers 200",
        on_the_wire(losses=Losses(parts={"PutRecords": 0.3})),
    ),
    Scenario(
        "tokens-expired",
        "expired tokens at DynamoDB and S3, for a while",
        on_the_wire(
            rule("dynamodb", _error("ExpiredTokenException", 400), fail=1, of=1),
            # The archive comes first: without one that is written, DynamoDB would not be called.
            rule("s3", _error("ExpiredToken", 400), fail=1, of=2),
        ),
        is_outage=True,
    ),
    Scenario(
        "everything",
        "all of these, each now and then",
        on_the_wire(
            rule("dynamodb", _error("ThrottlingException", 400), fail=1, of=20),
            rule("dynamodb", _error("InternalServerError", 500), fail=1, of=20),
            rule("dynamodb", _RESET, fail=1, of=20),
            rule("dynamodb", _CUT, fail=1, of=20),
            rule("dynamodb", _LATE | {"times": 1}, fail=1, of=20),
            rule("s3", _error("SlowDown", 503), fail=1, of=20),
            rule("s3", _error("InternalError", 500), fail=1, of=20),
            rule("s3", _error("ExpiredToken", 400), fail=1, of=20),
            rule("s3", _RESET, fail=1, of=20),
            rule("s3", _NEVER | {"times": 1}, fail=1, of=20),
            rule("kinesis:PutRecords", _error(_KINESIS_THROTTLE, 400), fail=1, of=20),
            rule("kinesis:PutRecords", _RESET, fail=1, of=20),
            rule("kinesis:GetRecords", _error(_KINESIS_THROTTLE, 400), fail=1, of=20),
            rule("kinesis:GetRecords", _RESET, fail=1, of=20),
            rule("lambda:Invoke", _error("TooManyRequestsException", 429), fail=1, of=20),
            rule("lambda:Invoke", _RESET, fail=1, of=20),
            losses=Losses(
                parts={"BatchExecuteStatement": 0.05, "PutRecords": 0.05},
                answers={name: (1, 20) for name in ("dynamodb", "s3", "PutRecords", "GetRecords", "lambda")},
            ),
        ),
    ),
)
