"""Trims the SDK's data to the function's calls: reading all of it takes a fifth of a cold start."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# What a client needs: its operations, endpoints and paginators.
_NEEDED = ("service-2", "endpoint-rule-set-1", "paginators-1")


def trim(data: Path, calls: Mapping[str, Sequence[str]]) -> None:
    """Keep only the operations in `calls`, by service, in botocore's folder `data`.

    Clients then have no other operations; the remaining ones are unchanged. Raises KeyError for an operation
    that the service does not have.
    """
    for entry in data.iterdir():
        if entry.is_dir() and entry.name not in calls:
            shutil.rmtree(entry)
    for service, operations in calls.items():
        *older, newest = sorted((data / service).iterdir())
        for version in older:
            shutil.rmtree(version)
        for file in newest.iterdir():
            if not file.name.startswith(_NEEDED):
                file.unlink()
        model = newest / "service-2.json.gz"
        _replace(model, _with_operations(_read(model), operations))
        rules = newest / "endpoint-rule-set-1.json.gz"
        _replace(rules, _read(rules))
    endpoints = data / "endpoints.json"
    _replace(endpoints, _with_services(_read(endpoints), calls))


def _read(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    document: dict[str, Any] = json.loads(gzip.decompress(data) if file.suffix == ".gz" else data)
    return document


def _replace(file: Path, document: dict[str, Any]) -> None:
    """Replace a document; uncompressed, because that is read faster."""
    # Removed first: the file may be hard-linked into other environments.
    file.unlink()
    text = json.dumps(document, separators=(",", ":"))
    file.with_name(file.name.removesuffix(".gz")).write_text(text)


def _with_operations(model: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    operations = {name: model["operations"][name] for name in names}
    shapes: dict[str, Any] = {}
    waiting = [name for operation in operations.values() for name in _shapes_in(operation)]
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            waiting += _shapes_in(shapes[name])
    return {
        **model,
        "operations": _without_documentation(operations),
        "shapes": _without_documentation(shapes),
    }


def _shapes_in(value: Any) -> Iterator[str]:
    """The names of all shapes that an operation or shape refers to."""
    if isinstance(value, dict):
        if isinstance(value.get("shape"), str):
            yield value["shape"]
        for inner in value.values():
            yield from _shapes_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _shapes_in(inner)


def _without_documentation(value: Any) -> Any:
    if isinstance(value, dict):
        # Only strings: a member of a shape may have the same name.
        return {
            name: _without_documentation(inner)
            for name, inner in value.items()
            if not (name == "documentation" and isinstance(inner, str))
        }
    return [_without_documentation(inner) for inner in value] if isinstance(value, list) else value


def _with_services(endpoints: dict[str, Any], services: Mapping[str, Any]) -> dict[str, Any]:
    partitions = [
        {**one, "services": {name: one["services"][name] for name in services if name in one["services"]}}
        for one in endpoints["partitions"]
    ]
    return {**endpoints, "partitions": partitions}
