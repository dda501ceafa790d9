"""A project's model is loaded from its folder, and a mistake is told with its file and line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderstream.domain.decode import decode
from orderstream.errors import InputError
from orderstream.project.model_loader import load_model

CLASS = "import orderstream\nclass Order(orderstream.Order):\n"
GOOD = """\
import orderstream
from prices import Price

class Order(orderstream.Order):
    fee: Price
"""


@pytest.fixture(autouse=True)
def _imports_end_with_the_test() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith("orderstream"):
            del sys.modules[name]


def write(root: Path, **files: str) -> Path:
    root.mkdir(exist_ok=True)
    for name, text in files.items():
        (root / f"{name}.py").write_text(text)
    return root


def test_a_model_is_loaded_with_its_neighbours(tmp_path: Path) -> None:
    root = write(tmp_path, order=GOOD, prices="from orderstream import Price\n")
    model = load_model("order:Order", root)
    assert decode(b'{"customer_id": "c", "amount": 1, "fee": "1.5"}', model).reasons == ()


def test_each_project_has_a_module_of_its_own_even_of_the_same_name(tmp_path: Path) -> None:
    text = "import orderstream\nclass Order(orderstream.Order):\n    {}: orderstream.Name\n"
    one = load_model("order:Order", write(tmp_path / "one", order=text.format("first")))
    other = load_model("order:Order", write(tmp_path / "other", order=text.format("second")))
    assert one.__struct_fields__[-1] == "first" and other.__struct_fields__[-1] == "second"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Order(\n", r"order\.py:1: '\(' was never closed"),
        ("import nowhere\n", r"order\.py:1: ModuleNotFoundError: No module named 'nowhere'"),
        ("import prices\n", r"prices\.py:2: ZeroDivisionError"),
        (
            "import orderstream\n\nclass Order(orderstream.Order):\n    x: int\n",
            r"order\.py:4: x: int has no rule",
        ),
        (
            f"{CLASS}    a: orderstream.Name\n    raw: orderstream.Name\n",
            r"order\.py:4: raw: is a name that Orderstream uses itself",
        ),
        (
            f"{CLASS}    a: orderstream.Name = 1.5\n",
            r"order\.py:3: a: its default must be",
        ),
        (
            f"{CLASS}    @orderstream.computed\n    def n(self): ...\n",
            r"order\.py:4: n: says no type",
        ),
        ("class Order: pass\n", r"the class is no class that extends orderstream\.Order"),
        ("x = 1\n", r"has no attribute 'Order'"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    root = write(tmp_path, order=text, prices="\n1 / 0\n")
    with pytest.raises(InputError, match=said) as told:
        load_model("order:Order", root)
    assert "\n" not in told.value.message


@pytest.mark.parametrize("name", ["order", "order:", ":Order", ""])
def test_a_model_is_named_by_module_and_class(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is not MODULE:CLASS"):
        load_model(name, tmp_path)
