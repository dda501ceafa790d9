"""The checks of `orders stack accept`, in execution order; docs/how-to/acceptance.md lists them."""

from __future__ import annotations

from orderstream.acceptance import (
    athena,
    cleanup,
    delivery,
    deployment,
    http_api,
    identity,
    latency,
    lifecycle,
    storage,
    traffic,
    watching,
)
from orderstream.acceptance.check import Check

_NO_POLICIES = "MiniStack evaluates no policies unless it is told to"
_NO_GATEWAY = "MiniStack's API Gateway has no throttling, access log or metrics"
_NO_SCALING = "MiniStack has no Application Auto Scaling"
_NO_VIEWS = "MiniStack's Athena reads Glue tables but not views; tests translate their SQL to DuckDB"

CHECKS = (
    Check(
        "deployment",
        "The complete stack, with every option enabled, deploys into an empty account.",
        deployment.deployment,
        8,
        required=True,
    ),
    Check(
        "alarms",
        "CloudWatch accepts and evaluates every alarm, including the anomaly band of the order rate.",
        watching.alarms,
        1,
    ),
    Check(
        "table-scaling",
        "Application Auto Scaling has a policy for the reads and the writes of each table and index.",
        watching.table_scaling,
        1,
        only_aws=_NO_SCALING,
    ),
    Check("dashboard", "CloudWatch accepts the dashboard.", watching.dashboard, 1),
    Check(
        "alarm-subscriber",
        "A subscriber of the topic receives an alarm. (The check uses a queue; email needs a confirmation.)",
        watching.alarm_subscriber,
        6,
    ),
    Check("duplicates", "An order that is sent twice is one item.", delivery.duplicates, 3),
    Check(
        "conflicts",
        "A different order under an existing id is quarantined with both versions, and the first stays.",
        delivery.conflicts,
        2,
    ),
    Check("invalid", "An invalid record is quarantined with its reasons.", delivery.invalid, 2),
    Check(
        "events",
        "An event before its order waits, a repeated one is stored once, a forbidden one changes nothing.",
        lifecycle.events,
        2,
    ),
    Check(
        "pending",
        "The function that measures what waits runs under its role.",
        watching.pending,
        1,
    ),
    Check(
        "latency-polled",
        "Latency from the stream to the table when Lambda polls.",
        latency.measured,
        2,
    ),
    Check(
        "verify",
        "`orders stack verify` accounts for every record in stream, archive, table and quarantine.",
        traffic.verified,
        2,
    ),
    Check(
        "metrics",
        "CloudWatch extracts the function's metrics from its log, and their sums are correct.",
        watching.metrics,
        4,
    ),
    Check(
        "api-orders",
        "An order that is sent over HTTP is stored, and is read back byte for byte.",
        http_api.orders,
        1,
    ),
    Check(
        "api-signatures",
        "API Gateway rejects unsigned requests, and accepts signatures over paths with encoded slashes.",
        http_api.signatures,
        1,
        only_aws=_NO_POLICIES,
    ),
    Check(
        "api-throttling",
        "Requests above the stack's rate are rejected with 429.",
        http_api.throttling,
        1,
        only_aws=_NO_GATEWAY,
    ),
    Check(
        "api-access-log",
        "The access log has a line per request, with route and status and no personal data.",
        http_api.access_log,
        4,
        only_aws=_NO_GATEWAY,
    ),
    Check(
        "api-metrics",
        "The metric filter counts throttled requests, and API Gateway counts all requests.",
        http_api.counted,
        6,
        only_aws=_NO_GATEWAY,
    ),
    Check(
        "if-none-match",
        "S3 rejects a second put of a key in the archive, and the object stays.",
        storage.if_none_match,
        1,
    ),
    Check(
        "evidence",
        "The bucket policy prevents everyone from overwriting evidence and from deleting a manifest.",
        storage.evidence_stays,
        1,
        only_aws=_NO_POLICIES,
    ),
    Check(
        "object-lock",
        "Object Lock protects a version, and `orders destroy` reports until when.",
        storage.object_lock,
        1,
    ),
    Check(
        "refused-statement",
        "The function recognizes DynamoDB's rejection of a statement, however it is worded.",
        identity.refused_statement,
        2,
        only_aws=_NO_POLICIES,
    ),
    Check("canary", "The canary's order is stored, and its metric arrives.", watching.canary, 3),
    Check(
        "maintenance",
        "The archive maintenance function starts, with DuckDB, and runs once.",
        watching.maintenance,
        1,
    ),
    Check(
        "cold-starts",
        "Duration of a cold start of each function.",
        latency.cold_starts,
        2,
        only_aws="functions run on this machine and its Python, which says nothing about Lambda",
    ),
    Check(
        "athena-views",
        "Athena accepts the Glue views, and they have the rows that `orders stack verify` counts.",
        athena.views,
        3,
        only_aws=_NO_VIEWS,
    ),
    Check(
        "athena-pruning",
        "With a condition on the hour, Athena does not read other hours.",
        athena.pruning,
        1,
        only_aws=_NO_VIEWS,
    ),
    Check(
        "discarded-batch",
        "A discarded batch is complete in its bucket. `orders dead-letters` lists and redrives it.",
        delivery.discarded,
        7,
    ),
    Check(
        "reshard",
        "No order is lost or duplicated while shards are split and merged.",
        delivery.reshard,
        5,
        only_aws="MiniStack drops the records of a stream whose shards change",
    ),
    Check(
        "latency-fan-out",
        "An update to enhanced fan-out works; latency with it.",
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
        "A failed first deployment reports the reason and leaves nothing.",
        deployment.failed_deployment,
        4,
    ),
    Check(
        "adoption",
        "A stack that was removed without its data adopts it when redeployed, with the template's settings.",
        deployment.adoption,
        14,
    ),
    Check(
        "removal",
        "The stack is removed with all its data; duration until the mapping stops.",
        deployment.removal,
        6,
    ),
    Check(
        "deployers-policy",
        "A role with only the deployer's policy created, updated and removed the stack.",
        deployment.deployers_policy,
        1,
        only_aws="MiniStack's CloudFormation checks no permissions",
    ),
    Check(
        "nothing-left",
        "No service has a resource with the stack's name or tag.",
        cleanup.nothing_left,
        3,
        always=True,
    ),
)

# What no check covers, and why.
NOT_CHECKED = (
    ("A key of your own (`KmsKeyArn`)", "A key that is created for a run stays for a week after it."),
    (
        "Tokens of a real issuer (`HttpApi=jwt`)",
        "It needs your issuer. Tests use MiniStack's Cognito.",
    ),
    (
        "The anomaly band of the order rate with your traffic",
        "CloudWatch learns it from two weeks of traffic.",
    ),
    ("The appearance of the dashboard", "Look at it: the stack output `Dashboard` is its address."),
    ("Reserved concurrency (`MaxConcurrency`)", "A new account has no concurrency to reserve."),
    ("What AWS bills", "The bill arrives a day later. The command prints the maximum cost of a run."),
)
