"""The artifact stands alone, and carries no more than the function needs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from reference import PROJECT

from orderstream.deploy.artifact import API, LAMBDA_PLATFORM, MAINTENANCE, PROCESS, Artifact, build
from orderstream.errors import InputError, OrderstreamError
from orderstream.project.config import Project, ProjectFile

pytestmark = pytest.mark.system


FUNCTION_PACKAGES = {
    *("domain", "sdk", "pipeline", "canary", "pending", "client", "feed", "totals", "webhooks"),
}


def assert_ships_what_it_needs(folder: Path, artifact: Artifact, packages: set[str]) -> None:
    """Only these packages. At most a fifth of our lines is never imported, or in functions only."""
    shipped = {path.name for path in (folder / "orderstream").iterdir()} - {"__pycache__"}
    assert shipped == {"__init__.py", "errors.py", *packages}
    program = (
        f"import sys; sys.path[:0] = [{str(folder)!r}]; import {', '.join(artifact.entries)}\n"
        "print(*(module.__file__ for name, module in sys.modules.items() if name.startswith('orderstream')))"
    )
    names = ("STACK_NAME", "STREAM_NAME", "TABLE_NAME", "ARCHIVE_BUCKET", "AWS_DEFAULT_REGION")
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict.fromkeys(names, "x"))
    lines = {
        file: len(file.read_bytes().splitlines())
        for file in (folder / "orderstream").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    imported = sum(lines[Path(file)] for file in done.stdout.split())
    assert imported >= 0.8 * sum(lines.values())


def test_the_function_imports_from_its_artifact_alone_without_a_client_and_has_no_more_than_it_needs(
    tmp_path: Path,
) -> None:
    build(PROCESS, tmp_path)
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n"
        "import aws_kinesis_agg.deaggregator\n"
        "import orderstream.pipeline.lambda_handler as handler; print(handler.__file__)\n"
        "from orderstream.pipeline.services import services; assert services.cache_info().currsize == 0"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True, env={}
    )
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)
    assert_ships_what_it_needs(tmp_path, PROCESS, FUNCTION_PACKAGES)


def test_the_artifact_for_lambda_is_for_its_platform_and_small(tmp_path: Path) -> None:
    build(PROCESS, tmp_path / "function", LAMBDA_PLATFORM)
    libraries = [path.name for path in (tmp_path / "function" / "msgspec").glob("*.so")]
    assert libraries == ["_core.cpython-314-aarch64-linux-gnu.so"]
    size = sum(path.stat().st_size for path in (tmp_path / "function").rglob("*") if path.is_file())
    assert size < 20 * 2**20


def test_the_maintenance_function_imports_from_its_artifact_alone_and_has_no_more_than_it_needs(
    tmp_path: Path,
) -> None:
    build(MAINTENANCE, tmp_path)
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n"
        "import orderstream.archive.lambda_handler as function\n"
        "from orderstream.storage import parquet\n"
        "with parquet.database() as sql:\n"
        "    print(function.__file__, sql.execute('SELECT 1').fetchall())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.split()[0]).is_relative_to(tmp_path)
    packages = {"domain", "files", "progress.py", "sdk", "pipeline", "client", "aws", "storage"}
    packages |= {"recovery", "archive"}
    assert_ships_what_it_needs(tmp_path, MAINTENANCE, packages)


def test_the_api_answers_from_its_artifact_alone_and_has_no_more_than_it_needs(tmp_path: Path) -> None:
    build(API, tmp_path)
    names = ("STACK_NAME", "STREAM_NAME", "TABLE_NAME", "ARCHIVE_BUCKET", "AWS_DEFAULT_REGION")
    http = {"method": "GET", "path": "/openapi.json", "sourceIp": "192.0.2.1"}
    event = {"version": "2.0", "headers": {}, "requestContext": {"http": http}}
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n"
        "import orderstream.api.lambda_handler as function\n"
        "assert not {'duckdb', 'uvicorn'} & set(sys.modules)\n"
        f"answer = function.handle({event!r}, None)\n"
        "print(function.__file__, answer['statusCode'], 'Send an order' in answer['body'])\n"
        "from orderstream.storage import parquet\n"
        "with parquet.database() as sql:\n"
        "    print(sql.execute('SELECT 1').fetchall())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=dict.fromkeys(names, "x"),
    )
    file, *said = done.stdout.split()
    assert Path(file).is_relative_to(tmp_path) and said == ["200", "True", "[(1,)]"]
    packages = {"domain", "files", "progress.py", "sdk", "pipeline", "client", "aws", "storage", "lookup"}
    packages.add("api")
    assert_ships_what_it_needs(tmp_path, API, packages)
    assert not (tmp_path / "uvicorn").exists() and not (tmp_path / "aws_kinesis_agg").exists()


MODEL = """
import orderstream
import tomlkit
from rates import RATE

class Order(orderstream.Order):
    rate: orderstream.Price = RATE
"""


def project_at(folder: Path, *, lock: str | None) -> Project:
    (folder / "order.py").write_text(MODEL)
    (folder / "rates.py").write_text("from decimal import Decimal\n\nRATE = Decimal(2)\n")
    (folder / "unused.py").write_text("")
    return Project(folder, ProjectFile(lock=lock))


@pytest.mark.parametrize("platform", [(), LAMBDA_PLATFORM], ids=["here", "lambda"])
def test_a_projects_model_ships_with_its_modules_and_locked_libraries(
    tmp_path: Path, platform: tuple[str, ...]
) -> None:
    # Pure Python, so there is one file for every platform.
    found = re.search(r"^tomlkit==(?:.*\\\n)*.*\n", (PROJECT / "requirements.lock").read_text(), re.MULTILINE)
    assert found
    (tmp_path / "requirements.lock").write_text(found[0])
    project = project_at(tmp_path, lock="requirements.lock")
    build(PROCESS, tmp_path / "built", platform, project)
    names = {path.name for path in (tmp_path / "built").iterdir()}
    assert {"order.py", "rates.py", "tomlkit", "orderstream"} <= names
    assert "unused.py" not in names


def test_a_library_of_the_model_that_is_not_locked_is_told_before_anything_is_deployed(
    tmp_path: Path,
) -> None:
    with pytest.raises(OrderstreamError, match="in Lambda: order imports tomlkit"):
        build(PROCESS, tmp_path / "built", LAMBDA_PLATFORM, project_at(tmp_path, lock=None))


def test_a_lock_without_hashes_or_that_is_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("tomlkit==0.13.2\n")
    with pytest.raises(OrderstreamError, match="could not be installed"):
        build(PROCESS, tmp_path / "built", (), project_at(tmp_path, lock="requirements.lock"))
    with pytest.raises(InputError, match="nowhere.lock"):
        build(PROCESS, tmp_path / "built", (), project_at(tmp_path, lock="nowhere.lock"))
