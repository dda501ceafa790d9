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
from ministack.services import dynamodb_streams, kinesis, sts

from orderstream.local.patches import Patches

_patches = Patches()
_patches.need(kinesis, "_shard_iterators")
_patches.need(dynamodb_streams, "_decode_iterator")
_patches.need(sts, "_sessions")

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


@_patches.replace("dynamodb_transaction_checks", iam_actions)
def require_partiql_permissions(
    plain: Callable[..., list[tuple[str, str]]], action: str, body: bytes, region: str, account: str
) -> list[tuple[str, str]]:
    """Authorize each PartiQL statement as an action (dynamodb:PartiQLInsert) on its table, not the call."""
    if action not in _CALLS:
        return plain(action, body, region, account)
    document = json.loads(body)
    statements = document.get("Statements") or document.get("TransactStatements") or [document]
    return [required_of(one["Statement"], region, account) for one in statements]


def required_of(statement: str, region: str, account: str) -> tuple[str, str]:
    """The action and resource of a PartiQL statement. Anything else maps to an action that nobody has."""
    found = _STATEMENT.match(statement)
    if not found:
        return "dynamodb:PartiQL", "*"
    *commands, table, index = found.groups()
    action = _PARTIQL["".join(one or "" for one in commands).upper()]
    place = f"table/{table}/index/{index}" if index else f"table/{table}"
    return f"dynamodb:{action}", f"arn:{_PARTITION}:dynamodb:{region}:{account}:{place}"


@_patches.replace("s3_service_context", iam_actions)
def support_if_none_match(
    plain: Callable[..., dict[str, Any]], action: str, query: Any, path: str = "", headers: Any = None
) -> dict[str, Any]:
    """Add the condition key s3:if-none-match, which the bucket policy requires of the function."""
    found = plain(action, query, path, headers)
    if action == "s3:PutObject" and (headers or {}).get("if-none-match"):
        found["s3:if-none-match"] = headers["if-none-match"]
    return found


@_patches.replace("_principal_keys", iam_evaluator)
def mark_calls_of_function_code(plain: Callable[[Any], dict[str, Any]], credential: Any) -> dict[str, Any]:
    """Add the condition key lambda:SourceFunctionArn to every call with a function's own credentials.

    Calls that Lambda makes with the function's role outside its environment do not have it.
    """
    found = plain(credential)
    session = sts._sessions.get(credential.access_key_id)
    # Credentials of an assumed role expire; those of a function do not here.
    if session and "Expiration" not in session:
        name = session["UserId"].partition(":")[2]
        arn = f"arn:{_PARTITION}:lambda:{get_region()}:{credential.account_id}:function:{name}"
        found["lambda:sourcefunctionarn"] = arn
    return found


@_patches.replace("extract_resource_arn", iam_actions)
def use_aws_resource_names(
    plain: Callable[..., str],
    service: str,
    method: str,
    path: str,
    headers: Any,
    body: bytes,
    query: Any,
    region: str,
    account: str,
) -> str:
    """Authorize calls against the stream that an iterator came from, and the log streams of a log group."""
    found = plain(service, method, path, headers, body, query, region, account)
    if service == "dynamodbstreams" and found == "*":
        given = json.loads(body or b"{}")
        state = dynamodb_streams._decode_iterator(str(given.get("ShardIterator", ""))) or {}
        return str(given.get("StreamArn") or state.get("arn") or found)
    if service == "kinesis" and found == "*":
        state = kinesis._shard_iterators.get(json.loads(body or b"{}").get("ShardIterator"))
        return f"arn:{_PARTITION}:kinesis:{region}:{account}:stream/{state['stream']}" if state else found
    if service == "logs" and ":log-group:" in found:
        return f"{found}:log-stream:{json.loads(body).get('logStreamName', '')}"
    return found


@_patches.replace("extract_iam_action", iam_actions)
def support_mapping_actions(
    plain: Callable[..., str | None], service: str, method: str, path: str, *request: Any
) -> str | None:
    """Distinguish reading one event source mapping from listing them."""
    found = plain(service, method, path, *request)
    if found == "lambda:ListEventSourceMappings" and re.search(r"/event-source-mappings/[^/]", path):
        return "lambda:GetEventSourceMapping"
    return found


@_patches.replace("app", app)
async def treat_loopback_as_tls(
    plain: Callable[..., Awaitable[None]], scope: dict[str, Any], receive: Any, send: Any
) -> None:
    """Treat every request as TLS (aws:SecureTransport): nothing is TLS here, everything is on AWS.

    A request with the header `x-forwarded-proto: http` counts as not TLS.
    """
    await plain({**scope, "scheme": "https"} if scope["type"] == "http" else scope, receive, send)


def follow_aws() -> None:
    """Apply all of these patches, if MiniStack evaluates policies at all."""
    if app.AUTH:
        _patches.apply()
