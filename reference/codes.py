"""The reference of exit statuses and codes, from the classes, tables and calls that define them."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from orderstream import errors
from orderstream.archive.evidence import FINDINGS
from orderstream.deploy.artifact import SOURCES
from orderstream.errors import STATUSES, OrderstreamError
from orderstream.recovery.reconciliation_store import DISCREPANCIES
from reference.layers import MODULES, package_of
from reference.markdown import code, table

# The functions that report a broken rule, and which of their arguments are the code and the message.
_REASONS = {"Violation": (1, 2), "InvalidValue": (0, 1), "add": (1, 2)}
# The same for problems of the HTTP API: status and detail.
_PROBLEMS = {"ProblemError": (0, 1)}
UNKNOWN = "…"
Function = ast.FunctionDef | ast.AsyncFunctionDef
# Their messages come from elsewhere.
_OTHERS = {
    "404": "there is no such order",
    "503": "the stream or another service does not answer: send it again",
    "not_usable": "is a time, a limit or a cursor that cannot be read",
    "not_sendable": "the stream cannot take it: it is too large with its key, or no JSON object",
    "refused_by_table": "DynamoDB refuses the item; the message is DynamoDB's",
}


def statuses() -> str:
    """A table of what each exit status means."""
    return table(("Status", "Meaning"), [(str(status), meaning) for status, meaning in STATUSES.items()])


def error_classes() -> str:
    """A table of the classes of errors, each with its exit status and what it means."""
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    rows = [
        (code(one.__name__), str(one.exit_code), (one.__doc__ or "").partition("\n")[0])
        for one in classes
        if issubclass(one, OrderstreamError)
    ]
    return table(("Class", "Status", "Meaning"), rows)


def reasons() -> str:
    """A table of the codes of broken rules, with the messages that they come with."""
    return table(("Code", "What the value is or must be"), _rows(("domain", "pipeline"), _REASONS))


def api_reasons() -> str:
    """The same for what only the HTTP API checks."""
    return table(("Code", "What the request is or must be"), _rows(("api",), _REASONS))


def problems() -> str:
    """A table of the statuses of HTTP problems, with the details that they come with."""
    return table(("Status", "Detail"), _rows(("api",), _PROBLEMS))


def discrepancies() -> str:
    """A table of the kinds of discrepancies."""
    rows = [(code(kind), meaning, fix) for kind, (meaning, fix) in DISCREPANCIES.items()]
    return table(("Kind", "Meaning", "Fixed by"), rows)


def findings() -> str:
    """A table of the kinds of findings."""
    return table(("Kind", "Meaning"), [(code(kind), meaning) for kind, meaning in FINDINGS.items()])


def calls(packages: tuple[str, ...], functions: dict[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """The literal code and message in each call of one of the functions, in some of the packages.

    A part of the message that is known only at run time is "…".
    """
    for file in MODULES:
        if package_of(file) in packages:
            module, tree = _module(file), ast.parse(file.read_text())
            for scope in ast.walk(tree):
                if isinstance(scope, ast.Module | Function):
                    yield from _calls_in(scope, module, functions)


def _calls_in(
    scope: ast.Module | Function, module: Any, functions: dict[str, tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    local: dict[str, ast.expr] = {}
    for node in _inside(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                local[name] = value
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in functions:
                if len(node.args) > max(functions[name]):
                    parts = [node.args[place] for place in functions[name]]
                    parts = [local.get(one.id, one) if isinstance(one, ast.Name) else one for one in parts]
                    found, message = (_text(one, module) for one in parts)
                    if found != UNKNOWN:
                        yield found, message


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    """Every node of a module or function, in the order of the source, but not of functions in it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, Function):
            yield from _inside(node)


def _rows(packages: tuple[str, ...], functions: dict[str, tuple[int, int]]) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, message in calls(packages, functions):
        if message not in found[name]:
            found[name].append(message)
    known = {name: [one for one in messages if one != UNKNOWN] for name, messages in found.items()}
    return [(code(name), "; ".join(known[name]) or _OTHERS[name]) for name in sorted(known)]


def _module(file: Path) -> Any:
    return import_module(".".join(file.relative_to(SOURCES).with_suffix("").parts))


def _text(node: ast.expr, module: Any) -> str:
    """The text of an expression as far as the module's constants determine it."""
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.JoinedStr():
            return "".join(_text(part, module) for part in node.values)
        case ast.FormattedValue():
            return _text(node.value, module)
        case ast.Name() | ast.Attribute():
            value = module
            for name in ast.unparse(node).split("."):
                value = getattr(value, name, None)
            return str(value) if isinstance(value, str | int) else UNKNOWN
    return UNKNOWN
