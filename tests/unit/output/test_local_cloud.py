"""What `orders stack env` prints is evaluated by a shell."""

from __future__ import annotations

import subprocess

import pytest

from orderstream.output.local_cloud import print_exports


def test_a_shell_takes_the_values_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    value = "a b;echo '\"$HOME`id`\\"
    print_exports({"ORDERS_API_URL": value}, as_json=False)
    script = capsys.readouterr().out + 'printf %s "$ORDERS_API_URL"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout == value
