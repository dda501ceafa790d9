"""What the records of a stream are delivered to: the function of a mapping, or the target of a pipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from orderstream.aws.clients import AwsClients
from orderstream.aws.kinesis_event import EventRecord
from orderstream.local.esm.invoker import InvokeAnswer, invoke
from orderstream.local.esm.mapping import Mapping, read_mapping
from orderstream.local.esm.metrics import DeliveryMetrics, MappingMetrics


@dataclass(frozen=True, slots=True)
class Receiver:
    """The settings of delivery. `send` delivers a batch once, and can be called from any thread."""

    mapping: Mapping
    send: Callable[[Sequence[EventRecord]], InvokeAnswer]
    metrics: DeliveryMetrics


# The receiver of the mapping or pipe with that id; the last argument is called with a line for each problem.
# Raises CloudError if its settings are not supported; SDK errors propagate.
OpenReceiver = Callable[[AwsClients, str, Callable[[str], None]], Receiver]


def function_of_mapping(cloud: AwsClients, mapping_id: str, on_problem: Callable[[str], None]) -> Receiver:
    """The function of a disabled event source mapping."""
    mapping = read_mapping(cloud, mapping_id)
    reports_failures = mapping.rules.reports_failures
    return Receiver(
        mapping,
        partial(invoke, cloud.lambda_, mapping.function_arn, reports_failures=reports_failures),
        MappingMetrics(mapping, cloud.cloudwatch, on_problem),
    )
