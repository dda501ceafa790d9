"""The Python examples of the documentation run."""

import re
from typing import Any

from orderstream.deploy.artifact import SOURCES

PAGE = SOURCES.parent / "docs" / "how-to" / "test-your-orders.md"


def test_the_tests_of_the_page_about_testing_pass() -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    names: dict[str, Any] = {}
    exec(compile(source, str(PAGE), "exec"), names)
    tests = [test for name, test in names.items() if name.startswith("test_")]
    for test in tests:
        test()
    assert len(tests) == 3
