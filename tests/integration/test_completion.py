"""Shells complete the commands by the script that `orders completion` prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# The reply to each line that is typed, `|` before each completion.
BASH = """
eval "$(orders completion bash)"
for typed in "$@"; do
    read -ra COMP_WORDS <<< "$typed"
    [[ $typed == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _orders_completion orders
    printf '|%s' "${COMPREPLY[@]}"
    echo
done
"""
# Zsh's own completion works in its line editor only, so this runs what the script's function evaluates.
ZSH = """
autoload -Uz compinit && compinit -u -d "$ZDOTDIR/dump"
eval "$(orders completion zsh)"
_arguments() { print -r -- "$@" }
for typed in "$@"; do
    words=(${(s: :)typed})
    [[ $typed == *" " ]] && words+=("")
    CURRENT=$#words
    _orders_completion
done
"""
FISH = """
orders completion fish | source
for typed in $argv
    echo "|"(string join -- "|" (complete --do-complete "$typed"))
end
"""
PROJECT = '[env.staging]\nregion = "eu-west-1"\n[env.production]\nregion = "eu-central-1"\n'


def completed(shell: list[str], folder: Path, *typed: str) -> list[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    config = folder / "aws"
    config.write_text("[profile warehouse]\n[profile shop]\n")
    done = subprocess.run(
        [*shell, *typed],
        env=os.environ
        | {"PATH": path, "AWS_CONFIG_FILE": str(config)}
        | dict.fromkeys(("HOME", "ZDOTDIR", "ORDERS_PROJECT"), str(folder)),
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "shell",
    [
        ["bash", "--norc", "-c", BASH, "bash"],
        ["zsh", "--no-rcs", "-c", ZSH, "zsh"],
        ["fish", "--no-config", "-c", FISH],
    ],
    ids=lambda words: words[0],
)
def test_a_shell_completes_commands_options_and_values(shell: list[str], tmp_path: Path) -> None:
    if not shutil.which(shell[0]):
        pytest.skip(f"{shell[0]} is not installed")
    (tmp_path / "orderstream.toml").write_text(PROJECT)
    commands, groups, options, values, environments, profiles, regions = completed(
        shell,
        tmp_path,
        "orders st",
        "orders archive ",
        "orders get A-1 --r",
        "orders plan --layout ",
        "orders status --env s",
        "orders deploy --profile s",
        "orders deploy --region eu-west-",
    )
    assert {"status", "stack"} <= set(words_of(commands))
    assert {"query", "replay", "audit"} <= set(words_of(groups))
    assert {"--raw", "--region"} <= set(words_of(options)) and "--stack" not in words_of(options)
    assert {"batch", "order"} <= set(words_of(values))
    assert "staging" in words_of(environments) and "production" not in words_of(environments)
    assert "shop" in words_of(profiles) and "warehouse" not in words_of(profiles)
    assert {"eu-west-1", "eu-west-3"} <= set(words_of(regions))


def words_of(line: str) -> list[str]:
    """The completions in a reply, without their descriptions."""
    if line.startswith("*: :(("):
        return re.findall(r'(?:\(\(|" )"([^"]+)(?=")', line)
    return [one.partition("\t")[0] for one in line.split("|")]


def test_a_mistake_in_the_project_does_not_disturb_the_line_that_is_typed(tmp_path: Path) -> None:
    (tmp_path / "orderstream.toml").write_text("model = 5")
    typed = {"_ORDERS_COMPLETE": "complete_bash", "COMP_WORDS": "orders s", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "orderstream"],
        env=os.environ | typed | {"ORDERS_PROJECT": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == ([b"send", b"status", b"stack"], b"")
