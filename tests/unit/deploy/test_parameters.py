"""A parameter that the template does not have, or a value that it does not take, is refused with a hint."""

from __future__ import annotations

from typing import Any

import pytest

from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import Parameter, declared, defaults, ensure_agreed, ensure_valid, given
from orderstream.errors import InputError

KNOWN = declared(TEMPLATE)


def refusal(**values: str) -> InputError:
    with pytest.raises(InputError) as refused:
        ensure_valid(values, KNOWN)
    return refused.value


def one(**rules: Any) -> dict[str, Parameter]:
    return {"Name": Parameter("Name", None, "what it is", rules)}


def test_the_templates_own_defaults_are_valid() -> None:
    ensure_valid({name: found.default for name, found in KNOWN.items() if found.default is not None}, KNOWN)


@pytest.mark.parametrize(
    ("name", "near"),
    [("BatchSiz", "BatchSize"), ("shardcount", "ShardCount"), ("Maintenance", "ArchiveMaintenance")],
)
def test_an_unknown_name_is_refused_with_those_that_are_close(name: str, near: str) -> None:
    refused = refusal(**{name: "1"})
    assert refused.message == f"the template has no parameter {name}"
    assert near in refused.hint


def test_a_name_that_is_like_none_is_refused_with_all_there_are() -> None:
    assert all(name in refusal(xyz="1").hint for name in KNOWN)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("BatchSize", "0", "must be 1 or more"),
        ("BatchSize", "10001", "must be 10000 or less"),
        ("BatchSize", "many", "must be a number"),
        ("BatchSize", "NaN", "must be"),
        ("MaximumRetryAttempts", "-2", "must be -1 or more"),
        ("MaximumRecordAgeSeconds", "-1", "must be 0, or from 60 to 604800"),
        ("MaximumRecordAgeSeconds", "59", "must be 0, or from 60 to 604800"),
        ("MaximumRecordAgeSeconds", "604801", "must be 0, or from 60 to 604800"),
        ("RetentionHours", "100", "must be one of 24, 36, 48"),
        ("LogRetentionDays", "31", "must be one of 1, 3, 5"),
        ("CustomerIndex", "yes", "must be one of true, false"),
        ("DefaultCurrency", "EURO", "must match [A-Z]{3}"),
        ("InfrequentAccessDays", "7", "must be 0, or 30 or more"),
        ("OrderIdsBySender", "true", "must be one of none, check, prefix"),
        ("JwtIssuer", "http://issuer.example", "must be an https:// address"),
        ("JwtAudience", "shops, partners", "no blanks"),
        ("CorsOrigins", "https://shop.example/page", "must be origins"),
        ("CorsOrigins", "*,https://shop.example", "must be origins"),
    ],
)
def test_a_value_that_the_template_does_not_take_is_refused(name: str, value: str, problem: str) -> None:
    refused = refusal(**{name: value})
    assert problem in refused.message and name in refused.message
    assert KNOWN[name].description in refused.hint


@pytest.mark.parametrize("value", ["0", "60", "99", "100", "99999", "599999", "603999", "604799", "604800"])
def test_every_age_that_lambda_takes_is_taken(value: str) -> None:
    ensure_valid({"MaximumRecordAgeSeconds": value}, KNOWN)


def test_a_text_is_held_to_its_length() -> None:
    known = one(Type="String", MinLength=2, MaxLength=3)
    ensure_valid({"Name": "ab"}, known)
    for value in ("a", "abcd"):
        with pytest.raises(InputError, match="characters"):
            ensure_valid({"Name": value}, known)


def test_options_are_names_and_values_of_which_the_last_counts() -> None:
    assert given(["A=1", "B=x=y", "A=2", "C="]) == {"A": "2", "B": "x=y", "C": ""}
    for option in ("A", "=1"):
        with pytest.raises(InputError, match="NAME=VALUE"):
            given([option])


DEFAULTS = defaults(KNOWN)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HttpApi": "jwt"}, "HttpApi=jwt needs JwtIssuer"),
        ({"HttpApi": "jwt", "JwtIssuer": "https://issuer.example"}, "HttpApi=jwt needs JwtAudience"),
        ({"HttpApi": "none", "OrderIdsBySender": "prefix"}, "OrderIdsBySender needs the HTTP API"),
        ({"ChangeEventBus": "default"}, "ChangeEventBus needs the change feed"),
        ({"Webhooks": "true"}, "so ChangeFeed must be true"),
        (
            {"RetentionHours": "24", "MaximumRecordAgeSeconds": "86400"},
            "MaximumRecordAgeSeconds=86400 is not below the 86400 s of RetentionHours=24",
        ),
        ({"RetentionHours": "168", "MaximumRecordAgeSeconds": "604800"}, "is not below the 604800 s"),
        (
            {"TableBilling": "provisioned", "TableWriteMinimum": "5000"},
            "TableWriteMinimum=5000 is above TableWriteMaximum=4000",
        ),
        (
            {"TableBilling": "provisioned", "EventWriteMinimum": "2", "TableWriteMaximum": "1"},
            "EventWriteMinimum=2 is above TableWriteMaximum=1",
        ),
        (
            {"TableBilling": "provisioned", "TableReadMinimum": "5000"},
            "TableReadMinimum=5000 is above TableReadMaximum=4000",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused_by_the_templates_rules(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        ensure_agreed(DEFAULTS | given, TEMPLATE)


def test_values_that_go_together_are_taken() -> None:
    ensure_agreed(DEFAULTS, TEMPLATE)
    token = {"HttpApi": "jwt", "JwtIssuer": "https://issuer.example", "JwtAudience": "shops"}
    ensure_agreed(DEFAULTS | token, TEMPLATE)
    ensure_agreed(DEFAULTS | {"HttpApi": "none"}, TEMPLATE)
    ensure_agreed(DEFAULTS | {"TableWriteMinimum": "5000"}, TEMPLATE)
    equal = {"TableWriteMinimum": "5", "TableWriteMaximum": "5", "EventWriteMinimum": "5"}
    ensure_agreed(DEFAULTS | equal | {"TableBilling": "provisioned"}, TEMPLATE)
    ensure_agreed(DEFAULTS | {"ChangeFeed": "true", "Webhooks": "true"}, TEMPLATE)
    ensure_agreed(DEFAULTS | token | {"OrderIdsBySender": "check"}, TEMPLATE)


@pytest.mark.parametrize("age", ["0", "60", "86399"])
def test_an_age_below_the_retention_is_taken(age: str) -> None:
    ensure_agreed(DEFAULTS | {"MaximumRecordAgeSeconds": age, "RetentionHours": "24"}, TEMPLATE)
