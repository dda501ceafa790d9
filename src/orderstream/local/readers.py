"""Finds what reads the streams of a stack: its event source mappings and pipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.aws.event_source_mapping import disable
from orderstream.deploy.stack_state import resources
from orderstream.errors import CloudError
from orderstream.local.esm.receiver import OpenReceiver, function_of_mapping
from orderstream.local.pipes import bus_of_pipe, is_from_stream_to_bus, pipe_id
from orderstream.sdk.errors import translate_errors

OFF_SECONDS = 10.0
_POLL_SECONDS = 0.5
_MAPPING, _PIPE = "AWS::Lambda::EventSourceMapping", "AWS::Pipes::Pipe"
# Services whose streams the event source reads. MiniStack's own polls queues.
_STREAMS = {"kinesis", "dynamodb"}
# Fields that change by themselves, or only show that AWS does not deliver.
_VOLATILE = {
    "ResponseMetadata",
    "State",
    "StateTransitionReason",
    "LastModified",
    "LastModifiedTime",
    "LastProcessingResult",
}


@dataclass(frozen=True)
class StreamReader:
    """A mapping or pipe: how to open what it delivers to, and all that delivery depends on."""

    open_receiver: OpenReceiver
    settings: Any


def readers_of(cloud: AwsClients, stack_id: str) -> dict[str, StreamReader]:
    """The mappings and pipes of a stack that run here, by the id of the mapping or of the pipe.

    Ensures that MiniStack does not deliver too. Raises CloudError.
    """
    found: dict[str, StreamReader] = {}
    for one in resources(cloud, stack_id):
        if one.status != "DELETE_COMPLETE" and one.type in (_MAPPING, _PIPE):
            read = _mapping if one.type == _MAPPING else _pipe
            found |= read(cloud, one.physical_id)
    return found


def _mapping(cloud: AwsClients, mapping_id: str) -> dict[str, StreamReader]:
    with translate_errors(f"cannot read event source mapping {mapping_id}"):
        mapping = dict(cloud.lambda_.get_event_source_mapping(UUID=mapping_id))
        if str(mapping["EventSourceArn"]).split(":")[2] not in _STREAMS:
            return {}
        arn = str(mapping["FunctionArn"])
        function = cloud.lambda_.get_function_configuration(FunctionName=arn)
    if mapping["State"] != "Disabled":
        switch_off(cloud, mapping_id)
    settings = _steady(mapping), function["CodeSha256"], function.get("Role"), function.get("Timeout")
    return {mapping_id: StreamReader(function_of_mapping, settings)}


def _pipe(cloud: AwsClients, name: str) -> dict[str, StreamReader]:
    with translate_errors(f"cannot read pipe {name}"):
        pipe = cloud.pipes.describe_pipe(Name=name)
    if pipe["CurrentState"] != "RUNNING" or not is_from_stream_to_bus(pipe):
        return {}
    return {pipe_id(pipe): StreamReader(bus_of_pipe, _steady(pipe))}


def _steady(described: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in described.items() if name not in _VOLATILE}


def switch_off(cloud: AwsClients, mapping_id: str) -> None:
    """Disable MiniStack's mapping, which would also read, and wait until it is."""
    with translate_errors("cannot switch MiniStack's own event source off"):
        state = disable(cloud, mapping_id, patience=OFF_SECONDS, pause=_POLL_SECONDS)
    if state != "Disabled":
        raise CloudError(f"MiniStack's own event source is {state}, it must be Disabled")
