"""The figures on the page about cost are those that the command prints."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
from reference import PROJECT
from typer.testing import CliRunner

from orderstream.cli import app

PAGE = (PROJECT / "docs" / "explanation" / "cost.md").read_text()
IDLE = "--rate 0"


def rows(pattern: str) -> list[tuple[str, ...]]:
    """The rows of a table whose cells match, without the commas in their figures."""
    found: list[tuple[str, ...]] = re.findall(rf"^\| {pattern} \|$", PAGE.replace(",", ""), re.MULTILINE)
    assert len(found) > 2
    return found


def billed(options: str) -> tuple[str, str, str]:
    """What Kinesis and the whole plan cost a month, and the tutorial's way."""
    done = CliRunner().invoke(app, ["plan", "--size", "500", "--json", *shlex.split(options)])
    found = json.loads(done.stdout)
    bill = found["sizing"]["bill"]
    figures = (bill["services"]["Kinesis"], bill["total"], found["baseline"]["total"])
    return tuple(f"{one:.2f}" for one in figures)  # type: ignore[return-value]


@pytest.mark.parametrize("row", rows(r"(?:one shard|on demand)[^|]*\| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+)"))
def test_a_stack_without_orders_costs_what_the_page_says(row: tuple[str, ...]) -> None:
    options = ("", "--retention 24", "--mode on-demand")
    assert row in [billed(f"{IDLE} {one}") for one in options]


@pytest.mark.parametrize("row", rows(r"([0-9.]+) \| [^|]* \| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+)"))
def test_orders_at_a_rate_cost_what_the_page_says(row: tuple[str, ...]) -> None:
    rate, ours, tutorial, ratio = row
    assert billed(f"--rate {rate}")[1:] == (ours, tutorial)
    assert f"{float(tutorial) / float(ours):.2f}" == ratio


@pytest.mark.parametrize("row", rows(r"`(--[^`]+)` \|[^|]*\| ([0-9.]+)"))
def test_a_setting_costs_what_the_page_says(row: tuple[str, ...]) -> None:
    options, total = row
    assert billed(f"--rate 5 {options}")[1] == total


def test_the_tutorial_is_cheaper_up_to_the_rate_that_the_page_says() -> None:
    below, above = re.findall(r"^orders plan (--rate 1\.\d+) ", PAGE, re.MULTILINE)
    cost, dearer = billed(below), billed(above)
    assert float(cost[1]) > float(cost[2]) and float(dearer[1]) < float(dearer[2])


@pytest.mark.parametrize(
    ("command", "printed"), re.findall(r"^\$ orders (plan .*)\n(.*)$", PAGE, re.MULTILINE)
)
def test_an_event_and_a_version_cost_what_the_page_says(command: str, printed: str) -> None:
    assert printed in CliRunner().invoke(app, shlex.split(command)).stdout.splitlines()


def planned(options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CliRunner().invoke(app, ["plan", *options.split(), "--json"]).stdout)
    return found


def test_the_years_cost_what_the_page_says() -> None:
    found = planned("--rate 1000 --peak 3x --size 600")
    best = found["cheapest"]
    for name, of in (("with these flags", found["bills"]), ("the cheapest", best["bills"])):
        totals = " | ".join(f"{one['bill']['total']:,.2f}" for one in of)
        assert f"| {name} | {totals} |" in PAGE
    for one in best["choices"]:
        saves = f"{one['saves']:,.2f} | {one['saves_last']:,.2f}"
        assert f"| `{one['parameter']}={one['value']}` | {saves} |" in PAGE
    first, _, last = (one["bill"]["total"] for one in best["bills"])
    assert f"costs {last / first:.1f} times as much" in PAGE
    for one in best["commitments"]:
        assert f"${abs(one['saves']):,.0f}" in PAGE
    for one in best["waits"][:4]:
        assert f"${one['dollars']:,.0f}" in PAGE


def test_little_traffic_costs_what_the_page_and_the_readme_say() -> None:
    found = planned("--rate 5 --size 500")
    (first, _, last), (before, _, after) = (
        [one["bill"]["total"] for one in of] for of in (found["cheapest"]["bills"], found["bills"])
    )
    text = " ".join(PAGE.split())
    assert (
        f"first month costs ${first} instead of ${before}, and the 36th ${last} instead of ${after:.2f}."
        in text
    )
    idle = planned("--rate 0")["idle"]
    readme = " ".join((PROJECT / "README.md").read_text().split())
    assert f"${idle['dollars']:.0f} a month idle, ${idle['least_dollars']:.0f} [for a small shop]" in readme
    assert (
        f"13 million orders a month cost ${before:.0f} in the first month and ${after:.0f} in the 36th,"
        f" or ${first:.0f} and ${last:.0f} with the settings"
    ) in readme
    assert f"The least is ${idle['least_dollars']}" in text
    assert f"it is ${idle['least_with_free_tier_dollars']}." in text


def test_webhooks_and_totals_cost_what_the_page_says() -> None:
    bill = planned("--rate 1 --size 500 --feed --webhooks 1 --totals")["sizing"]["bill"]["entries"]
    found = {f"{one['service']}, {one['what']}": one["dollars"] for one in bill}
    text = " ".join(PAGE.split())
    # 2.628 million orders.
    assert f"costs ${found['DynamoDB, webhooks'] / 2.628:.2f} a million" in text
    assert f"at most ${found['Lambda, webhooks, senders at most']} a month" in text
    assert f"up to ${found['DynamoDB, totals, at most'] / 2.628:.0f} for a million changes" in text


def test_an_event_without_the_index_costs_what_the_page_says() -> None:
    command = re.findall(r"^\$ orders (plan .*--events-per-order .*)$", PAGE, re.MULTILINE)[0]
    without = json.loads(CliRunner().invoke(app, [*shlex.split(command), "--no-index", "--json"]).stdout)
    assert f"a million events cost ${without['event_dollars_million']:.2f}." in PAGE


def test_the_change_feed_costs_what_the_comparison_of_its_design_says() -> None:
    text = (PROJECT / "docs" / "explanation" / "design.md").read_text()
    (row,) = re.findall(r"^\| Price, at 100 orders of 500 bytes a second \| (.*) \|$", text, re.MULTILINE)
    done = CliRunner().invoke(app, shlex.split("plan --rate 100 --size 500 --feed --json"))
    entries = json.loads(done.stdout)["sizing"]["bill"]["entries"]
    found: dict[str, float] = {}
    for one in entries:
        if one["what"].startswith("change feed"):
            found[one["service"]] = found.get(one["service"], 0) + one["dollars"]
    whole, stream, function, watching, same_stream = map(int, re.findall(r"\$(\d+)", row))
    assert [stream, function, watching] == [round(one) for one in found.values()]
    assert (whole, same_stream) == (round(sum(found.values())), stream)
