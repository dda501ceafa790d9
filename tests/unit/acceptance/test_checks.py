"""The checks have names and an order, the docs list them once, and a run costs little."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from reference import PROJECT

from orderstream.acceptance import cost
from orderstream.acceptance.checks import CHECKS

DOCS = PROJECT / "docs"


def test_checks_have_names_of_their_own_and_one_sentence_or_two() -> None:
    names = [one.name for one in CHECKS]
    assert len(set(names)) == len(names)
    assert len({one.run for one in CHECKS}) == len(CHECKS)
    for one in CHECKS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.name)
        assert one.shows.endswith((".", ".)")) and one.minutes > 0


def test_the_first_check_deploys_and_the_last_one_always_cleans_up() -> None:
    assert [one.name for one in CHECKS if one.required] == [CHECKS[0].name] == ["deployment"]
    assert [one.name for one in CHECKS if one.always] == [CHECKS[-1].name] == ["nothing-left"]


@pytest.mark.parametrize(
    "name",
    [
        "explanation/deployment.md",
        "explanation/http-api.md",
        "explanation/local-cloud.md",
        "explanation/security.md",
        "how-to/query-with-athena.md",
    ],
)
def test_no_other_page_has_a_list_of_its_own_of_what_only_aws_can_show(name: str) -> None:
    text = (DOCS / name).read_text()
    for line in re.findall(r"^.*only AWS can.*$", text, re.MULTILINE | re.IGNORECASE):
        assert "acceptance.md" in line, line
    assert "acceptance.md" in text


@pytest.mark.parametrize("year", [2026, 2027])
def test_a_run_costs_less_than_a_dollar_by_all_prices_that_are_known(year: int) -> None:
    # The default of --timeout, and an hour to take everything down.
    bill = cost.most(hours=Decimal("3.5"), year=year)
    assert Decimal("0.10") < sum(bill.values()) < 1
    assert all(dollars > 0 for dollars in bill.values())


def test_the_cost_follows_from_the_hours_and_the_years_that_athena_looks_into() -> None:
    def dollars(hours: int, year: int) -> dict[str, Decimal]:
        return cost.most(hours=Decimal(hours), year=year)

    assert dollars(4, 2026)["Kinesis"] > Decimal("1.9") * dollars(2, 2026)["Kinesis"]
    more = dollars(2, 2027)["S3"] - dollars(2, 2026)["S3"]
    # 8,928 hours of a year in three tables, at half a cent a thousand.
    assert more == pytest.approx(Decimal("0.134"), abs=Decimal("0.001"))
