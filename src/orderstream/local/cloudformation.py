"""Adds the template features that MiniStack's CloudFormation lacks."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, stacks
from samtranslator.translator import transform as sam

from orderstream.local.iam_patches import require_attr


def follow_aws() -> None:
    """Apply all patches."""
    _resolve_pseudo_parameters_in_conditions()
    _tell_sam_the_parameters()


def _resolve_pseudo_parameters_in_conditions() -> None:
    """Let conditions refer to AWS::StackName and AWS::Region like parameters."""
    stack: ContextVar[str] = ContextVar("stack", default="")
    plain: Callable[..., dict[str, bool]] = require_attr(engine, "_evaluate_conditions")
    value_of: Callable[..., str] = require_attr(handlers, "_p")
    region: Callable[[], str] = require_attr(engine, "get_region")

    def of_stack(handler: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        # Tasks that a handler creates see the name too: a task copies the context that it is created in.
        def handled(parameters: dict[str, Any]) -> Any:
            named = value_of(parameters, "StackName")
            stack.set(named.split("/")[1] if named.startswith("arn:") else named)
            return handler(parameters)

        return handled

    def evaluate(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, bool]:
        pseudo = {"AWS::StackName": stack.get(), "AWS::Region": region()}
        return plain(template, {**parameters, **{name: {"Value": value} for name, value in pseudo.items()}})

    actions = require_attr(handlers, "_ACTION_HANDLERS")
    for name, handler in list(actions.items()):
        actions[name] = of_stack(handler)
    for module in (engine, changesets, handlers, stacks):
        require_attr(module, "_evaluate_conditions")
        module._evaluate_conditions = evaluate


def _tell_sam_the_parameters() -> None:
    """Pass SAM the parameter values, from which it decides whether to publish a new function version."""
    values: ContextVar[dict[str, Any]] = ContextVar("values")
    apply: Callable[..., Any] = require_attr(engine, "_apply_transforms")
    values_of: Callable[..., dict[str, Any]] = require_attr(engine, "_transform_parameters")
    transform: Callable[..., Any] = require_attr(sam, "transform")

    def applied(template: dict[str, Any], provided: Any = None, previous: Any = None) -> Any:
        values.set(values_of(template, provided, previous))
        return apply(template, provided, previous)

    def transformed(template: dict[str, Any], parameters: dict[str, Any], policies: Any) -> Any:
        return transform(template, {**parameters, **values.get()}, policies)

    for module in (engine, changesets, handlers):
        require_attr(module, "_apply_transforms")
        module._apply_transforms = applied
    sam.transform = transformed
