"""An artifact that could not run in Lambda is refused where it is built, and like sources make like bytes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from reference import PROJECT
from samcli.lib.utils.architecture import SUPPORTED_RUNTIMES

from orderstream.deploy import artifact_check
from orderstream.deploy.artifact import LAMBDA_PYTHON, measure
from orderstream.deploy.artifact_check import ensure_fit
from orderstream.deploy.bytecode import compile_all, compile_for
from orderstream.errors import OrderstreamError
from orderstream.project.imports import unresolved

HANDLER = """
from typing import TYPE_CHECKING
import json, library.inner
from orderstream import errors
from orderstream.errors import Oops
if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
def handle():
    from orderstream.room.lazy import work
"""


def folder_with(folder: Path, **modules: str) -> Path:
    everything = {
        "orderstream/__init__.py": "",
        "orderstream/errors.py": "class Oops(Exception): pass\n",
        "orderstream/handler.py": HANDLER,
        "orderstream/room/__init__.py": "",
        "orderstream/room/lazy.py": "import library.native\ndef work(): pass\n",
        "library/inner.py": "import nowhere_to_be_found\n",
        "library/native.cpython-314-aarch64-linux-gnu.so": "",
    } | {name.replace("__", "/").replace("_py", ".py"): text for name, text in modules.items()}
    for name, text in everything.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_imports_that_lead_somewhere_are_fine_in_functions_and_libraries_too(tmp_path: Path) -> None:
    assert unresolved(folder_with(tmp_path), ["orderstream.handler"]) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import gone",
        "from gone import one",
        "from orderstream.gone import one",
        "from orderstream import gone",
    ],
)
def test_an_import_that_leads_nowhere_is_named_also_behind_a_lazy_one(tmp_path: Path, statement: str) -> None:
    folder = folder_with(tmp_path, orderstream__room__lazy_py=f"def work():\n    {statement}\n")
    (found,) = unresolved(folder, ["orderstream.handler"])
    assert found.startswith("orderstream.room.lazy imports ") and "gone" in found
    with pytest.raises(OrderstreamError, match="could not be imported in Lambda"):
        ensure_fit(folder, ["orderstream.handler"], runs_here=False)


def test_a_handler_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert unresolved(tmp_path, ["orderstream.handler"]) == ["there is no orderstream.handler"]


def test_what_runs_here_is_really_imported(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, orderstream__handler_py="raise ValueError('on purpose')\n")
    ensure_fit(folder, ["orderstream.handler"], runs_here=False)
    with pytest.raises(OrderstreamError, match="on purpose"):
        ensure_fit(folder, ["orderstream.handler"], runs_here=True)


def test_what_lambda_would_refuse_for_its_size_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    with (folder / "large").open("wb") as file:
        # A hole: it takes no room on the disk.
        file.truncate(artifact_check.MOST_BYTES)
    with pytest.raises(OrderstreamError, match="Lambda takes 250 MB"):
        ensure_fit(folder, ["orderstream.handler"], runs_here=False)


def test_the_hash_is_over_names_and_contents(tmp_path: Path) -> None:
    first = measure("one", folder_with(tmp_path / "a"))
    assert measure("one", folder_with(tmp_path / "b")) == first
    (tmp_path / "b" / "library" / "inner.py").rename(tmp_path / "b" / "library" / "other.py")
    assert measure("one", tmp_path / "b").sha256 != first.sha256
    (tmp_path / "a" / "library" / "inner.py").write_text("something else")
    assert measure("one", tmp_path / "a").sha256 != first.sha256


def test_bytecode_is_the_same_wherever_it_is_made_and_is_not_checked_against_the_sources(
    tmp_path: Path,
) -> None:
    folders = [folder_with(tmp_path / name) for name in ("a", "a-longer-name")]
    compile_all(folders[0])
    assert compile_for(f"{sys.version_info.major}.{sys.version_info.minor}", folders[1]) == ""
    (first, second) = (next(folder.rglob("lazy.*.pyc")).read_bytes() for folder in folders)
    assert first == second
    # PEP 552: bit 0 says that it is hash-based, bit 1 that the source is to be looked at.
    assert int.from_bytes(first[4:8], "little") == 1


def test_a_python_that_cannot_be_had_is_told_in_one_line(tmp_path: Path) -> None:
    problem = compile_for("3.99", folder_with(tmp_path))
    assert problem.startswith("no Python 3.99 is here or can be fetched: ")
    assert "\n" not in problem


def test_the_runtime_is_the_newest_that_sam_cli_knows_and_that_of_the_template() -> None:
    # `make artifact`, which test_readme.py runs, builds for it, of wheels alone: so every library has one.
    newest = max(
        tuple(map(int, name.removeprefix("python").split(".")))
        for name in SUPPORTED_RUNTIMES
        if name.startswith("python")
    )
    assert ".".join(map(str, newest)) == LAMBDA_PYTHON
    runtimes = re.findall(r"Runtime: python(\S+)", (PROJECT / "template.yaml").read_text())
    assert set(runtimes) == {LAMBDA_PYTHON}
