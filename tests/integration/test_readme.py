"""Every command in the README and in the tutorial does what they say, in the order in which they have it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderstream.deploy.artifact import PROJECT
from tests.integration.conftest import awaited
from tests.integration.up import Up, up

DOCUMENTS = sorted(
    str(page.relative_to(PROJECT)) for page in (*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md"))
)
# The tutorial continues where the README ends.
README, TUTORIAL = ((PROJECT / name).read_text() for name in ("README.md", "docs/tutorial/index.md"))
# Language, an optional word about how the block runs, and the block itself.
BLOCKS = re.findall(r"^```(\w+) ?(\w*)\n(.*?)^```$", README + TUTORIAL, re.MULTILINE | re.DOTALL)
SHELL = [text for language, how, text in BLOCKS if language == "sh" and not how]
# What makes a terminal use the local cloud: every block after it needs it.
(PREAMBLE,) = (text for text in SHELL if text.startswith("export PATH") and text in TUTORIAL)
# These two run all tests and the whole demo: test_demo.py has the one, the other runs this file.
ELSEWHERE = {"make demo\n", "make test\n"}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Somebody who follows the README: `orders up` in one terminal, the checkout in another."""
    (command,) = (text for language, how, text in BLOCKS if (language, how) == ("sh", "up"))
    assert command == ".venv/bin/orders up\n"
    with up(tmp_path_factory.mktemp("reader")) as running:
        running.await_ready()
        yield running
        running.stop()


def shell(reader: Up, checkout: Path, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=checkout,
        env=reader.environment | {"COLUMNS": "120", "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the project in another folder, with its environment, where the README's files may land."""
    folder = tmp_path_factory.mktemp("checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    return folder


@pytest.mark.parametrize("chapter", ["before", "On AWS"])
def test_every_command_runs_as_it_stands(reader: Up, checkout: Path, chapter: str) -> None:
    rest = [text for text in SHELL if text not in ELSEWHERE | {PREAMBLE}]
    assert "orders stack env" in PREAMBLE
    on_aws = TUTORIAL.partition("## On AWS\n")[2]
    for text in [text for text in rest if (text in on_aws) == (chapter == "On AWS")]:
        # AWS stands for an empty account here, not for the one in which the local cloud runs already.
        elsewhere = "export AWS_ACCESS_KEY_ID=000000000002\n" if "sam deploy" in text else ""
        done = shell(reader, checkout, PREAMBLE + elsewhere + patiently(text))
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        if text.startswith("make artifact"):
            assert "Successfully created/updated stack" in done.stdout
        if "--raw" in text:
            assert '"amount": "19.90"' in done.stdout
        if text.startswith("curl"):
            for said in ('"status":202', '"OrderID":"A-1005"', '"code":"not_positive"'):
                assert said in done.stdout


def test_a_stack_goes_and_comes_back_as_the_readme_says(reader: Up, checkout: Path) -> None:
    (end,) = (text for language, how, text in BLOCKS if (language, how) == ("sh", "end"))
    done = shell(reader, checkout, PREAMBLE + end)
    assert done.returncode == 0, done.stderr
    assert "gone: stack orderstream" in done.stdout
    assert "gone: nothing of orderstream is here any more" in done.stdout
    # The other tests find it as it was.
    assert shell(reader, checkout, f"{PREAMBLE}orders deploy").returncode == 0


def patiently(text: str) -> str:
    """Between sending and looking, a person takes a moment: here, until the order is there."""
    waits = {
        "orders list": "until orders list --customer 12345 | grep -q 250; do sleep 0.2; done\n",
        "orders get": "until orders get A-1001 >/dev/null 2>&1; do sleep 0.2; done\n",
        'curl "$ORDERS_API_URL/orders/A': "until orders get A-1005 >/dev/null 2>&1; do sleep 0.2; done\n",
    }
    for verb, wait in waits.items():
        text = text.replace(verb, wait + verb, 1)
    return text


def test_both_spellings_of_the_aws_command_line_are_the_same_command() -> None:
    (one,) = (text for text in SHELL if text.startswith("aws kinesis"))
    (two,) = (text for language, how, text in BLOCKS if (language, how) == ("sh", "v2"))
    assert two.strip() == one.strip() + " --cli-binary-format raw-in-base64-out"


def test_the_order_sent_by_the_aws_command_line_is_stored_and_archived(reader: Up, checkout: Path) -> None:
    (put,) = (text for text in SHELL if text.startswith("aws kinesis"))
    done = shell(reader, checkout, PREAMBLE + put.replace("12345", "readme-1"))
    assert done.returncode == 0, done.stderr
    find = "orders list --customer readme-1 --json | head -1"
    line = awaited(lambda: shell(reader, checkout, PREAMBLE + find).stdout)
    assert '"OrderAmount":250,' in line
    order_id = re.search(r'"OrderID":"([^"]+)"', line)
    assert order_id
    raw = shell(reader, checkout, f"{PREAMBLE}orders get {order_id[1]} --raw").stdout
    assert raw == '{"customer_id": "readme-1", "amount": 250.00}'


def test_the_python_example_sends_an_order(reader: Up, checkout: Path) -> None:
    (program,) = (text for language, _, text in BLOCKS if language == "python")
    done = shell(reader, checkout, f"{PREAMBLE}python - <<'END'\n{program}END\n")
    assert done.returncode == 0, done.stderr
    order_id = done.stdout.strip()
    get = f"until orders get {order_id} >/dev/null 2>&1; do sleep 0.2; done; orders get {order_id}"
    assert "250" in shell(reader, checkout, PREAMBLE + get).stdout


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(name: str) -> None:
    text = (PROJECT / name).read_text()
    folder = (PROJECT / name).parent
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (folder / target).exists(), target
    for test in re.findall(r"`(?:tests/)?((?:\w+/)*test_\w+\.py)`", text):
        assert list(PROJECT.glob(f"tests/**/{test}")), test
    for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), re.MULTILINE), target


def test_the_demos_table_in_the_readme_has_the_rows_that_it_prints() -> None:
    (shown,) = (text for language, _, text in BLOCKS if language == "text" and "accounted" in text)
    for row in ("sent", "stored", "duplicates", "conflicts", "invalid", "archived", "latency p99 ms"):
        assert re.search(rf"│ {row}\s", shown), row
    *outcomes, sent = (
        int(count.replace(",", "")) for count in re.findall(r"│ +([\d,]+) │ +[\d,]+ │", shown)[:5]
    )
    assert sent == sum(outcomes)


def test_the_readme_is_run_with_the_projects_own_tools() -> None:
    assert os.access(PROJECT / ".venv" / "bin" / "aws", os.X_OK)


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= 150
