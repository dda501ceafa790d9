"""Adds the template features that MiniStack's CloudFormation lacks."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, stacks
from samtranslator.translator import transform as sam

from orderstream.local.patches import Patches, require_attr

_patches = Patches()
_patches.need(handlers, "_p")
_patches.need(engine, "get_region", "_transform_parameters")
_stack: ContextVar[str] = ContextVar("stack", default="")
_values: ContextVar[dict[str, Any]] = ContextVar("values")


@_patches.replace("_evaluate_conditions", engine, changesets, handlers, stacks)
def resolve_pseudo_parameters_in_conditions(
    plain: Callable[..., dict[str, bool]], template: dict[str, Any], parameters: dict[str, Any]
) -> dict[str, bool]:
    """Let conditions refer to AWS::StackName and AWS::Region like parameters."""
    pseudo = {"AWS::StackName": _stack.get(), "AWS::Region": engine.get_region()}
    return plain(template, {**parameters, **{name: {"Value": value} for name, value in pseudo.items()}})


@_patches.replace("_apply_transforms", engine, changesets, handlers)
def note_the_parameters(
    plain: Callable[..., Any], template: dict[str, Any], provided: Any = None, previous: Any = None
) -> Any:
    """Note the parameter values for the transform of SAM."""
    _values.set(engine._transform_parameters(template, provided, previous))
    return plain(template, provided, previous)


@_patches.replace("transform", sam)
def tell_sam_the_parameters(
    plain: Callable[..., Any], template: dict[str, Any], parameters: dict[str, Any], policies: Any
) -> Any:
    """Pass SAM the parameter values, from which it decides whether to publish a new function version."""
    return plain(template, {**parameters, **_values.get()}, policies)


def _noting_the_stack(handler: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    # Tasks that a handler creates see the name too: a task copies the context that it is created in.
    def handled(parameters: dict[str, Any]) -> Any:
        named = handlers._p(parameters, "StackName")
        _stack.set(named.split("/")[1] if named.startswith("arn:") else named)
        return handler(parameters)

    return handled


def follow_aws() -> None:
    """Apply all patches."""
    _patches.apply()
    actions = require_attr(handlers, "_ACTION_HANDLERS")
    actions |= {name: _noting_the_stack(handler) for name, handler in actions.items()}
