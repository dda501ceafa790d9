"""The generated parts of the documentation are as the code has it."""

from pathlib import Path

import pytest
from reference.pages import PAGES, generated


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_as_python_m_reference_writes_it(page: Path) -> None:
    assert generated(page) == page.read_text()
