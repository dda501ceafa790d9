"""Patches MiniStack's EventBridge Pipes: DescribePipe returns the parameters of source and target.

MiniStack forgets them, and starts no pipe from a Kinesis stream: `local/pipes` runs those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import pipes
from ministack.services.cloudformation import provisioners

from orderstream.local.patches import Patches, require_attr

_PARAMETERS = ("SourceParameters", "TargetParameters")
# Status, headers, body.
Answer = tuple[int, Any, Any]
Attributes = tuple[str, dict[str, str]]

_patches = Patches()
_patches.need(pipes, "_pipes")


@_patches.replace("_create_pipe", pipes)
@_patches.replace("_update_pipe", pipes)
def keep_parameters_of_the_api(
    plain: Callable[[str, dict[str, Any]], Answer], name: str, body: dict[str, Any]
) -> Answer:
    """Keep the parameters of CreatePipe and UpdatePipe."""
    answer = plain(name, body)
    if answer[0] < 300:
        _keep(name, body)
    return answer


@_patches.replace("_describe_response", pipes)
def describe_parameters(
    plain: Callable[[dict[str, Any]], dict[str, Any]], pipe: dict[str, Any]
) -> dict[str, Any]:
    """Return them from DescribePipe."""
    return plain(pipe) | {name: pipe[name] for name in _PARAMETERS if name in pipe}


def _keep(name: str, given: dict[str, Any]) -> None:
    pipe = pipes._pipes[name]
    pipes._pipes[name] = pipe | {part: given[part] for part in _PARAMETERS if part in given}


def follow_aws() -> None:
    """Apply all patches, and keep the parameters of pipes in templates."""
    _patches.apply()
    handlers = require_attr(provisioners, "_RESOURCE_HANDLERS")["AWS::Pipes::Pipe"]
    create, update = handlers["create"], handlers["update"]

    def created(logical_id: str, given: dict[str, Any], stack_name: str) -> Attributes:
        made: Attributes = create(logical_id, given, stack_name)
        _keep(made[0], given)
        return made

    def updated(*arguments: Any, **named: Any) -> Attributes:
        # The physical id, the old properties, the new ones, the name of the stack.
        made: Attributes = update(*arguments, **named)
        _keep(made[0], arguments[2])
        return made

    handlers |= {"create": created, "update": updated}
