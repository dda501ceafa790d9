"""The built wheel is all that a user needs, in an empty folder outside of the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from reference import PROJECT
from uv import find_uv_bin

from orderstream import __version__
from orderstream.local.ministack import free_port
from tests.integration.conftest import awaited

pytestmark = pytest.mark.system

UV = find_uv_bin()
# What issue by issue may grow, but not unseen.
MOST_PACKAGES = 8
MOST_BYTES = 30_000_000


# The first commit whose wheel is complete, of version 0.1.0.
BEFORE = "6b0d67c338b42e754f0ee55c7d744344d5f4defe"


def build(folder: Path, checkout: Path = PROJECT) -> Path:
    """Build the source distribution and, from it, the wheel."""
    command = [UV, "build", "--quiet", "--no-build-isolation", "--python", sys.executable]
    subprocess.run(
        [*command, "--out-dir", str(folder)],
        cwd=checkout,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1790000000"},
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


class Installed:
    """An environment with the wheel and nothing of the checkout, and an empty folder to work in."""

    def __init__(self, folder: Path, wheel: Path, extra: str = "") -> None:
        self.python = folder / "venv" / "bin" / "python"
        self.work = folder / "work"
        self.work.mkdir()
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True)
        # All that is locked here and runs there too: what was tested.
        constraint = ["--constraint", str(PROJECT / "requirements.lock")] if extra else []
        command = [UV, "pip", "install", "--quiet", "--python", str(self.python), *constraint]
        subprocess.run([*command, f"{wheel}{extra}"], check=True)
        hidden = ("AWS_", "PYTHON", "VIRTUAL_ENV")
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(hidden)
        } | {"XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "120"}

    @property
    def orders(self) -> list[str]:
        return ["setpriv", "--pdeathsig", "KILL", str(self.python.with_name("orders"))]

    def __call__(
        self, *arguments: str, status: int | None = 0, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.orders, *arguments],
            cwd=self.work,
            env=self.environment | dict(environment or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert status in (None, done.returncode), done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def standard(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Installed:
    return Installed(tmp_path_factory.mktemp("standard"), wheel, "[standard]")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Installed:
    return Installed(tmp_path_factory.mktemp("plain"), wheel)


@pytest.fixture
def running(standard: Installed, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of `orders up --empty`, run from the wheel."""
    with running_up(standard, tmp_path) as environment:
        yield environment


@contextmanager
def running_up(installed: Installed, tmp_path: Path) -> Iterator[dict[str, str]]:
    log = tmp_path / "up.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [*installed.orders, "up", "--empty", "--port", str(free_port())],
            cwd=installed.work,
            env=installed.environment,
            stdout=file,
            stderr=file,
        )
    try:
        awaited(lambda: "ready" in log.read_text() or process.poll() is not None, 120)
        assert process.poll() is None, log.read_text()
        yield json.loads(installed("stack", "env", "--json").stdout)
    finally:
        process.terminate()
        process.wait(60)


def test_the_demo_accounts_for_every_order(standard: Installed) -> None:
    account = json.loads(standard("demo", "--orders", "300", "--json").stdout)
    assert account["sent"] == 300
    assert list(standard.work.iterdir()) == []


def test_a_stack_is_deployed_used_and_destroyed(standard: Installed, running: dict[str, str]) -> None:
    standard("deploy", "--parameter", "ArchiveMaintenance=compact", environment=running)
    order = '{"order_id": "A-1", "customer_id": "12345", "amount": 250.00}'
    standard("send", order, environment=running)
    awaited(
        lambda: (
            '"OrderID":"A-1"' in standard("list", "--customer", "12345", "--json", environment=running).stdout
        )
    )
    standard("destroy", "--delete-data", "--yes", environment=running)
    assert list(standard.work.iterdir()) == []


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The version before, installed from a wheel that is built of its own sources.

    A shallow clone lacks them. There, today's sources under that version's number stand for it.
    """
    folder = tmp_path_factory.mktemp("before")
    checkout = folder / "checkout"
    checkout.mkdir()
    has_it = subprocess.run(["git", "cat-file", "-e", BEFORE], cwd=PROJECT, check=False).returncode == 0
    commit = BEFORE if has_it else "HEAD"
    archive = subprocess.run(["git", "archive", commit], cwd=PROJECT, capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=checkout, input=archive.stdout, check=True)
    if not has_it:
        package = checkout / "src" / "orderstream" / "__init__.py"
        package.write_text(package.read_text().replace(__version__, "0.1.0"))
    return Installed(folder, build(folder / "dist", checkout), "[standard]")


def test_a_stack_of_the_version_before_is_upgraded_under_traffic_and_loses_nothing(
    before: Installed, standard: Installed, tmp_path: Path
) -> None:
    with running_up(before, tmp_path) as local:
        assert before("--version").stdout == "0.1.0\n"
        before("deploy", environment=local)
        traffic = subprocess.Popen(
            [*before.orders, "stack", "simulate", "--rate", "50"],
            cwd=before.work,
            env=before.environment | local,
            stderr=subprocess.DEVNULL,
        )
        try:
            stored = "SELECT count(*) AS n FROM orders"

            def count() -> int:
                said = standard("archive", "query", stored, "--format", "csv", environment=local).stdout
                return int(said.splitlines()[1])

            awaited(lambda: count() > 50)
            said = standard("deploy", environment=local).stderr
            assert f"upgrading from Orderstream 0.1.0 to {__version__}" in said
            at_upgrade = count()
            awaited(lambda: count() > at_upgrade + 100)
        finally:
            traffic.terminate()
            traffic.wait(60)
        awaited(
            lambda: (
                '"in_flight":0'
                in standard("stack", "verify", "--json", environment=local, status=None).stdout
            )
        )
        standard("stack", "verify", environment=local)


def test_the_producer_and_the_model_need_few_and_small_libraries(plain: Installed) -> None:
    listed = subprocess.run(
        [UV, "pip", "list", "--python", str(plain.python), "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    packages = [one["name"] for one in json.loads(listed.stdout)]
    assert len(packages) <= MOST_PACKAGES, packages
    (libraries,) = (plain.python.parents[1] / "lib").glob("python*/site-packages")
    size = sum(file.stat().st_size for file in libraries.rglob("*") if file.is_file())
    assert size <= MOST_BYTES
    program = "from orderstream.client import OrderProducer; from orderstream.domain.order import Order"
    subprocess.run([str(plain.python), "-c", program], cwd=plain.work, check=True)


def test_without_its_libraries_a_command_says_what_to_install(plain: Installed) -> None:
    assert plain("--version").stdout == f"{__version__}\n"
    said = plain("up", status=2).stderr.splitlines()
    assert said == [
        "error: this command needs typer, which is not installed",
        'hint: pip install "orderstream[standard]"',
    ]


def test_the_wheel_and_the_source_distribution_are_the_same_when_built_again(
    wheel: Path, tmp_path: Path
) -> None:
    build(tmp_path)
    names = sorted(file.name for file in tmp_path.glob("orderstream*"))
    assert len(names) == 2
    for name in names:
        assert (tmp_path / name).read_bytes() == (wheel.parent / name).read_bytes(), name


def test_the_wheel_says_that_it_has_types(wheel: Path) -> None:
    assert "orderstream/py.typed" in zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_every_library_of_the_commands_exists_for_each_python(version: str, wheel: Path) -> None:
    requirement = f"orderstream[standard] @ {wheel.as_uri()}"
    command = [UV, "pip", "compile", "--quiet", "--no-header", "--python-version", version, "-"]
    subprocess.run(
        [*command, "--only-binary", ":all:", "--constraint", str(PROJECT / "requirements.lock")],
        input=requirement,
        text=True,
        capture_output=True,
        check=True,
    )
