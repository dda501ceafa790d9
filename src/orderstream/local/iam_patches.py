"""Patches MiniStack's evaluation of IAM policies (AUTH=true) where names differ from AWS's or are missing.

Each function describes what AWS does. docs/explanation/security.md lists the remaining differences.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region
from ministack.services import kinesis, sts

_PARTIQL = {
    "INSERT": "PartiQLInsert",
    "SELECT": "PartiQLSelect",
    "UPDATE": "PartiQLUpdate",
    "DELETE": "PartiQLDelete",
}
_STATEMENT = re.compile(
    r'\s*(?:(INSERT)\s+INTO|(UPDATE)|(DELETE)\s+FROM|(SELECT)\b.*?\bFROM)\s+"?([\w-]+)"?(?:\."?([\w-]+))?',
    re.IGNORECASE | re.DOTALL,
)
_CALLS = {"dynamodb:BatchExecuteStatement", "dynamodb:ExecuteStatement", "dynamodb:ExecuteTransaction"}

# The only partition that MiniStack has.
_PARTITION = "aws"

Scope = dict[str, Any]
Served = Callable[[Scope, Any, Any], Awaitable[None]]


def require_partiql_permissions() -> None:
    """Authorize each PartiQL statement as an action (dynamodb:PartiQLInsert) on its table, not the call."""
    plain = require_attr(iam_actions, "dynamodb_transaction_checks")

    def checks(action: str, body: bytes, region: str, account: str) -> list[tuple[str, str]]:
        if action not in _CALLS:
            found: list[tuple[str, str]] = plain(action, body, region, account)
            return found
        document = json.loads(body)
        statements = document.get("Statements") or document.get("TransactStatements") or [document]
        return [required_of(one["Statement"], region, account) for one in statements]

    iam_actions.dynamodb_transaction_checks = checks


def required_of(statement: str, region: str, account: str) -> tuple[str, str]:
    """The action and resource of a PartiQL statement. Anything else maps to an action that nobody has."""
    found = _STATEMENT.match(statement)
    if not found:
        return "dynamodb:PartiQL", "*"
    *commands, table, index = found.groups()
    verb = _PARTIQL["".join(verb or "" for verb in commands).upper()]
    place = f"table/{table}/index/{index}" if index else f"table/{table}"
    return f"dynamodb:{verb}", f"arn:{_PARTITION}:dynamodb:{region}:{account}:{place}"


def support_if_none_match() -> None:
    """Add the condition key s3:if-none-match, which the bucket policy requires of the function."""
    plain = require_attr(iam_actions, "s3_service_context")

    def context(action: str, query: Any, path: str = "", headers: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = plain(action, query, path, headers)
        if action == "s3:PutObject" and (headers or {}).get("if-none-match"):
            found["s3:if-none-match"] = headers["if-none-match"]
        return found

    iam_actions.s3_service_context = context


def mark_calls_of_function_code() -> None:
    """Add the condition key lambda:SourceFunctionArn to every call with a function's own credentials.

    Calls that Lambda makes with the function's role outside its environment do not have it.
    """
    plain = require_attr(iam_evaluator, "_principal_keys")
    sessions = require_attr(sts, "_sessions")

    def keys(credential: Any) -> dict[str, Any]:
        found: dict[str, Any] = plain(credential)
        session = sessions.get(credential.access_key_id)
        # Credentials of an assumed role expire; those of a function do not here.
        if session and "Expiration" not in session:
            name = session["UserId"].partition(":")[2]
            arn = f"arn:{_PARTITION}:lambda:{get_region()}:{credential.account_id}:function:{name}"
            found["lambda:sourcefunctionarn"] = arn
        return found

    iam_evaluator._principal_keys = keys


def use_aws_resource_names() -> None:
    """Authorize calls against the stream that an iterator came from, and the log streams of a log group."""
    plain = require_attr(iam_actions, "extract_resource_arn")
    iterators = require_attr(kinesis, "_shard_iterators")

    def arn(
        service: str, method: str, path: str, headers: Any, body: bytes, query: Any, region: str, account: str
    ) -> str:
        found: str = plain(service, method, path, headers, body, query, region, account)
        if service == "kinesis" and found == "*":
            state = iterators.get(json.loads(body or b"{}").get("ShardIterator"))
            return f"arn:{_PARTITION}:kinesis:{region}:{account}:stream/{state['stream']}" if state else found
        if service == "logs" and ":log-group:" in found:
            return f"{found}:log-stream:{json.loads(body).get('logStreamName', '')}"
        return found

    iam_actions.extract_resource_arn = arn


def support_mapping_actions() -> None:
    """Distinguish reading one event source mapping from listing them."""
    plain = require_attr(iam_actions, "extract_iam_action")

    def action(service: str, method: str, path: str, headers: Any, body: bytes, query: Any) -> str | None:
        found: str | None = plain(service, method, path, headers, body, query)
        is_one = re.search(r"/event-source-mappings/[^/]", path)
        return (
            "lambda:GetEventSourceMapping" if found == "lambda:ListEventSourceMappings" and is_one else found
        )

    iam_actions.extract_iam_action = action


def treat_loopback_as_tls() -> None:
    """Treat every request as TLS (aws:SecureTransport): nothing is TLS here, everything is on AWS.

    A request with the header `x-forwarded-proto: http` counts as not TLS.
    """
    plain: Served = require_attr(app, "app")

    async def served(scope: Scope, receive: Any, send: Any) -> None:
        await plain({**scope, "scheme": "https"} if scope["type"] == "http" else scope, receive, send)

    app.app = served


def require_attr(module: Any, name: str) -> Any:
    """Return the attribute `name` of a MiniStack module; exit if this release does not have it."""
    if not hasattr(module, name):
        raise SystemExit(f"this release of MiniStack has no {module.__name__}.{name}")
    return getattr(module, name)


def follow_aws() -> None:
    """Apply all of these patches, if MiniStack evaluates policies at all."""
    if not app.AUTH:
        return
    require_partiql_permissions()
    support_if_none_match()
    mark_calls_of_function_code()
    use_aws_resource_names()
    support_mapping_actions()
    treat_loopback_as_tls()
