"""The checks of `orders accept`, in execution order; docs/acceptance.md is generated from them."""

from __future__ import annotations

from orderstream.acceptance import (
    athena,
    cleanup,
    delivery,
    deployment,
    http_api,
    identity,
    latency,
    storage,
    traffic,
    watching,
)
from orderstream.acceptance.check import Check

_NO_POLICIES = "MiniStack evaluates no policies unless it is told to"
_NO_GATEWAY = "MiniStack's API Gateway throttles nothing, logs no access and counts no metrics"
_NO_VIEWS = "MiniStack's Athena reads Glue's tables and not its views; tests translate their SQL to DuckDB's"

CHECKS = (
    Check(
        "deployment",
        "The whole stack, with everything on, can be deployed from an empty account.",
        deployment.deployment,
        8,
        required=True,
    ),
    Check(
        "alarms",
        "CloudWatch takes every alarm, the band around the usual rate of orders too, and can evaluate it.",
        watching.alarms,
        1,
    ),
    Check("dashboard", "CloudWatch takes the dashboard as it is written.", watching.dashboard, 1),
    Check(
        "alarm-subscriber",
        "Who subscribes to the topic receives an alarm that goes off. (Here that is a queue; a mail needs "
        "somebody who confirms it.)",
        watching.alarm_subscriber,
        6,
    ),
    Check("duplicates", "An order that is sent twice is one item.", delivery.duplicates, 3),
    Check(
        "conflicts",
        "Another order under an id that is taken is quarantined with both, and the first stays.",
        delivery.conflicts,
        2,
    ),
    Check("invalid", "What is no order is quarantined with its reasons.", delivery.invalid, 2),
    Check(
        "latency-polled",
        "How long an order takes from the stream to the table, of which Lambda polls.",
        latency.polled,
        2,
    ),
    Check(
        "verify",
        "orders verify accounts for every record in stream, archive, table and quarantine.",
        traffic.verified,
        2,
    ),
    Check(
        "metrics",
        "CloudWatch takes the function's metrics out of its log, and their sums are right.",
        watching.metrics,
        4,
    ),
    Check(
        "api-orders",
        "An order that is sent over HTTP is stored, and read back byte for byte.",
        http_api.orders,
        1,
    ),
    Check(
        "api-signatures",
        "API Gateway refuses who does not sign, and takes signatures over paths with encoded slashes.",
        http_api.signatures,
        1,
        only_aws=_NO_POLICIES,
    ),
    Check(
        "api-throttling",
        "More requests than the stack's rate are refused with 429.",
        http_api.throttling,
        1,
        only_aws=_NO_GATEWAY,
    ),
    Check(
        "api-access-log",
        "The access log has a line for each request, with route and status and nothing about people.",
        http_api.access_log,
        4,
        only_aws=_NO_GATEWAY,
    ),
    Check(
        "api-metrics",
        "The metric filter counts what was refused for its rate, and API Gateway the requests.",
        http_api.counted,
        6,
        only_aws=_NO_GATEWAY,
    ),
    Check(
        "if-none-match",
        "S3 refuses a second put of a key in the archive, and the object stays.",
        storage.if_none_match,
        1,
    ),
    Check(
        "evidence",
        "The bucket's policy refuses everybody to write over evidence and to delete a manifest.",
        storage.evidence_stays,
        1,
        only_aws=_NO_POLICIES,
    ),
    Check(
        "object-lock",
        "Object Lock keeps a version from all who do not bypass it, and orders destroy says until when.",
        storage.object_lock,
        1,
    ),
    Check(
        "refused-statement",
        "The function's code takes DynamoDB's refusal of a statement for what it is, however it is worded.",
        identity.refused_statement,
        2,
        only_aws=_NO_POLICIES,
    ),
    Check("canary", "The canary's order comes through, and its metric arrives.", watching.canary, 3),
    Check("upkeep", "The archive's upkeep starts, with DuckDB, and does a round.", watching.upkeep, 1),
    Check(
        "cold-starts",
        "How long a first start of each function takes.",
        latency.cold_starts,
        2,
        only_aws="functions start here on this machine and its Python, which says nothing about Lambda",
    ),
    Check(
        "athena-views",
        "Athena takes the three views as Glue holds them, and they have the rows that orders verify counts.",
        athena.views,
        3,
        only_aws=_NO_VIEWS,
    ),
    Check(
        "athena-pruning",
        "A condition on the hour keeps Athena from reading the other hours.",
        athena.pruning,
        1,
        only_aws=_NO_VIEWS,
    ),
    Check(
        "discarded-batch",
        "A batch that Lambda discards lies whole in its bucket, `orders failures` lists it, and the redrive "
        "stores it.",
        delivery.discarded,
        7,
    ),
    Check(
        "reshard",
        "No order is lost or doubled while the shards are split and merged.",
        delivery.reshard,
        5,
        only_aws="MiniStack drops the records of a stream whose shards change",
    ),
    Check(
        "latency-fan-out",
        "An update to enhanced fan-out works, and how long an order takes then.",
        latency.fan_out,
        8,
    ),
    Check(
        "principals",
        "Lambda reads the stream with the function's role.",
        identity.principals,
        8,
        only_aws="the local event source reads the stream as the operator",
    ),
    Check(
        "failed-deployment",
        "A first deployment that fails says why, and leaves nothing.",
        deployment.failed_deployment,
        4,
    ),
    Check(
        "adoption",
        "A stack that was removed without its data takes them over when it is deployed again, and has the "
        "settings of the template.",
        deployment.adoption,
        14,
    ),
    Check(
        "removal",
        "The stack goes with all its data; how long the mapping takes to stop.",
        deployment.removal,
        6,
    ),
    Check(
        "deployers-policy",
        "A role with nothing but the deployer's policy made, changed and removed the stack.",
        deployment.deployers_policy,
        1,
        only_aws="MiniStack's CloudFormation asks nobody for permissions",
    ),
    Check(
        "nothing-left",
        "No service has anything that is called after the stack or has its tag.",
        cleanup.nothing_left,
        3,
        always=True,
    ),
)

# What no check covers, and why.
NOT_CHECKED = (
    ("A key of your own (`KmsKeyArn`)", "A key that was made for a run would stay for a week after it."),
    (
        "Tokens of a real issuer (`HttpApi=jwt`)",
        "An issuer is yours; MiniStack's Cognito stands for it in tests.",
    ),
    (
        "How the band around the order rate does with your traffic",
        "CloudWatch learns it from two weeks of yours.",
    ),
    ("What the dashboard looks like", "It takes eyes: the stack's output `Dashboard` leads there."),
    ("Reserved concurrency (`MaxConcurrency`)", "A new account has none to reserve."),
    ("What AWS bills", "The bill comes a day later. The command says the most that a run can cost."),
)
