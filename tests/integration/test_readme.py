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
from reference import PROJECT

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
WAITS = {
    "orders list": "until orders list --customer 12345 | grep -q 250; do sleep 0.2; done\n",
    "orders get A-1001\n": "until orders get A-1001 >/dev/null 2>&1; do sleep 0.2; done\n",
    "orders get A-1006\n": "until orders get A-1006 >/dev/null 2>&1; do sleep 0.2; done\n",
    'curl "$ORDERS_API_URL/orders/A': "until orders get A-1005 >/dev/null 2>&1; do sleep 0.2; done\n",
}
# Those by the commands of AWS, of this project, and from Python are stored.
AWAIT_THREE = """\
until [ $(orders list --customer 12345 --json | grep -c '"OrderAmount":250,') = 3 ]; do sleep 0.2; done
"""

pytestmark = [pytest.mark.system, pytest.mark.timeout(1600)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Somebody who follows the README: `orders up` in one terminal, the checkout in another."""
    (command,) = (text for language, how, text in BLOCKS if (language, how) == ("sh", "up"))
    assert command == ".venv/bin/orders up\n"
    with up(tmp_path_factory.mktemp("reader")) as running:
        running.await_ready()
        yield running
        running.stop()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the project in another folder, with its environment, where the README's files may land."""
    folder = tmp_path_factory.mktemp("checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
            # Older than the environment, which `make` would otherwise make anew, of these files.
            os.utime(folder / name, (0, 0))
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    return folder


def test_every_command_runs_as_it_stands(reader: Up, checkout: Path) -> None:
    assert "orders stack env" in PREAMBLE
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", "".join([PREAMBLE, *map(runnable, BLOCKS)])],
        cwd=checkout,
        env=reader.environment | {"COLUMNS": "120", "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "1"},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        '"amount": "19.90"',
        '"status":202',
        '"OrderID":"A-1005"',
        '"code":"not_positive"',
        "added, boolean, optional",
        "Gift                   true",
        "gone: stack orderstream",
        "gone: nothing of orderstream is here any more",
        "Successfully created/updated stack",
    ):
        assert said in done.stdout


def runnable(block: tuple[str, str, str]) -> str:
    """A block as it is run here; "" if it is none for this shell."""
    language, how, text = block
    if language == "python":
        return f"python - <<'END'\n{text}END\n{AWAIT_THREE}"
    if language != "sh" or how not in {"", "end"} or text in ELSEWHERE | {PREAMBLE}:
        return ""
    if "sam deploy" in text:
        # AWS stands for an empty account here, not for the one in which the local cloud runs already.
        return f"(export AWS_ACCESS_KEY_ID=000000000002\n{text})\n"
    # Between sending and looking, a person takes a moment: here, until the order is there.
    for command, wait in WAITS.items():
        text = text.replace(command, wait + command, 1)
    return text


def test_both_spellings_of_the_aws_command_line_are_the_same_command() -> None:
    (one,) = (text for text in SHELL if text.startswith("aws kinesis"))
    (two,) = (text for language, how, text in BLOCKS if (language, how) == ("sh", "v2"))
    assert two.strip() == one.strip() + " --cli-binary-format raw-in-base64-out"


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
