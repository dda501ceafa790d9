"""Programs can rely on the JSON of the commands: it is documented, and keys and types stay."""

from __future__ import annotations

import json

import jsonschema
import pytest
from reference.command_lines import ROOT
from reference.commands import walk
from reference.json_documents import FREE, document_of, documents, ensure_documented, keys
from typer.testing import CliRunner

from orderstream.cli import app
from tests.unit.docs.json_keys import FILE

PROMISED: dict[str, dict[str, str]] = json.loads(FILE.read_text())
# Their output is JSON in any case.
JSON_ONLY = {"stack policy deployer", "stack policy boundary"}


def test_the_json_of_every_command_is_documented() -> None:
    offered = {
        " ".join(path)
        for path, command in walk(ROOT)
        if not hasattr(command, "commands") and any("--json" in one.opts for one in command.params)
    }
    assert {name.partition(" --")[0] for name in documents()} == (offered | JSON_ONLY) - FREE


@pytest.mark.parametrize("name", PROMISED)
def test_no_key_of_the_json_disappears_or_changes_its_type(name: str) -> None:
    found = keys().get(name, {})
    assert {key: found.get(key) for key in PROMISED[name]} == PROMISED[name]


def test_every_key_of_the_json_is_promised() -> None:
    assert keys() == PROMISED, "new keys are added by: python -m tests.unit.docs.json_keys"


@pytest.mark.parametrize("name", sorted(JSON_ONLY))
def test_policies_are_printed_as_documented(name: str) -> None:
    words = tuple(name.split())
    done = CliRunner().invoke(app, [*words, "--account", "123456789012", "--region", "eu-west-1"])
    assert done.exit_code == 0 and done.stdout
    ensure_documented(words, done.stdout)


def test_an_option_selects_what_is_printed() -> None:
    words = ("archive", "replay", "--since", "2h", "--json")
    assert document_of(words) == documents()["archive replay"]
    assert document_of((*words, "--dry-run")) == documents()["archive replay --dry-run"]
    assert document_of(("deploy", "--dry-run")) == documents()["deploy"]
    assert document_of(("archive", "query", "SELECT 1", "--json")) is None


_RIGHT = (
    '{"order_id": null, "shard_id": "s", "sequence_number": "1", "attempts": 1, "subsequence_number": null}'
)


@pytest.mark.parametrize(
    "printed",
    [
        '{"order_id": "A", "shard_id": "s", "sequence_number": "1", "subsequence_number": 0}',
        '{"order_id": "A", "shard_id": "s", "sequence_number": 1, "attempts": 1, "subsequence_number": 0}',
        f'{_RIGHT[:-1]}, "more": 1}}',
        "sent",
    ],
)
def test_what_is_not_documented_is_found(printed: str) -> None:
    ensure_documented(("send", "--json"), f"{_RIGHT}\n{_RIGHT}\n")
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        ensure_documented(("send", "--json"), printed)
