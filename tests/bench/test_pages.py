"""The pages have the results that were written last, on whatever machine that was."""

import pytest
from bench.__main__ import blocks
from bench.pages import PAGES, RESULTS
from bench.report import load, with_section

MEASURED = load(RESULTS)


@pytest.mark.parametrize("name", MEASURED)
def test_a_page_has_the_tables_of_the_results(name: str) -> None:
    text = PAGES[name].read_text()
    # `python -m bench --write tables` makes it so.
    assert with_section(text, name, blocks(name, MEASURED[name])) == text


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_place_for_the_tables_of_each_benchmark(name: str) -> None:
    text = PAGES[name].read_text()
    assert with_section(text, name, ["new"]).count("\n\nnew\n\n") == 1
