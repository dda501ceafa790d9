"""The artifact stands alone, and carries no more than the function needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from orderstream.ops.artifact import LAMBDA_PLATFORM, build


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifact") / "function"
    build(folder)
    return folder


def test_the_function_imports_from_the_artifact_alone(here: Path) -> None:
    program = (
        f"import sys; sys.path[:0] = [{str(here)!r}]\n"
        "import aws_kinesis_agg.deaggregator\n"
        "import orderstream.pipeline.handler as handler; print(handler.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()).is_relative_to(here)


def test_only_domain_and_pipeline_ship(here: Path) -> None:
    shipped = {path.name for path in (here / "orderstream").iterdir()} - {"__pycache__"}
    assert shipped == {"__init__.py", "errors.py", "domain", "pipeline"}


def test_importing_the_function_makes_no_client(here: Path) -> None:
    program = (
        f"import sys; sys.path[:0] = [{str(here)!r}]; import orderstream.pipeline.handler\n"
        "from orderstream.pipeline.services import services; assert services.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, env={})


def test_the_artifact_for_lambda_is_for_its_platform_and_small(tmp_path: Path) -> None:
    build(tmp_path / "function", LAMBDA_PLATFORM)
    libraries = [path.name for path in (tmp_path / "function" / "msgspec").glob("*.so")]
    assert libraries == ["_core.cpython-314-aarch64-linux-gnu.so"]
    size = sum(path.stat().st_size for path in (tmp_path / "function").rglob("*") if path.is_file())
    assert size < 20 * 2**20
