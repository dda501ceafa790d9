"""The house rules that no reviewer should have to check: imports, sizes, lock files."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from reference import PROJECT
from reference.layers import MODULES, PACKAGES, imported_modules, imported_packages, package_of

# What may be imported, beside the standard library, by all that ships to Lambda with the function.
SHIPPED = {"aws_kinesis_agg", "msgspec", "botocore", "orderstream"}


def test_every_package_is_in_a_layer() -> None:
    assert {package_of(module) for module in MODULES} - {"__init__"} == set(PACKAGES)


def test_imports_go_down_only() -> None:
    for package, imported in imported_packages().items():
        assert imported <= {*PACKAGES[: PACKAGES.index(package)], "__version__"}, package


def test_what_ships_to_lambda_imports_only_what_ships_to_lambda_and_the_domain_does_no_input_or_output() -> (
    None
):
    outside = {"os", "io", "pathlib", "socket", "subprocess", "logging", "time", "random", "botocore"}
    for module in MODULES:
        imported = {base.split(".")[0] for base in imported_modules(module)}
        if package_of(module) in ("domain", "pipeline", "canary", "pending"):
            assert imported - sys.stdlib_module_names <= SHIPPED, module
        if package_of(module) == "domain":
            assert not imported & outside, module


def test_a_module_says_its_job_is_short_and_imports_nothing_relatively() -> None:
    for module in MODULES:
        text = module.read_text()
        assert text.startswith('"""'), f"{module} has no first line about its job"
        assert len(text.splitlines()) <= 300, module
        assert not re.search(r"^\s*from \.", text, re.MULTILINE), module


def test_no_two_public_classes_have_the_same_name() -> None:
    public = re.compile(r"^class ([^_]\w*)", re.MULTILINE)
    names = [name for module in MODULES for name in public.findall(module.read_text())]
    assert [name for name, count in Counter(names).items() if count > 1] == []


# Wherever it lies, but for what is made here: the environments, and what is built.
LOCKS = sorted(
    lock.relative_to(PROJECT)
    for lock in (*PROJECT.glob("*.lock"), *PROJECT.glob("[!.]*/**/*.lock"))
    if lock.relative_to(PROJECT).parts[0] != "build" and not lock.is_symlink()
)


@pytest.mark.parametrize("lock", LOCKS, ids=str)
def test_a_lock_file_pins_all_by_hash_and_names_no_index(lock: Path) -> None:
    text = (PROJECT / lock).read_text()
    assert "://" not in text
    # A pin, its marker if it has one, and its hashes on lines of their own.
    pin = r"[a-z0-9][^\s=;]*==[^\s;]+(?: ; [^\\\n]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    assert re.fullmatch(f"(?:{pin})+", text)


def test_make_audit_covers_every_lock_file_and_checks_hashes() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", "audit"], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    (locks, command) = re.findall(r"for lock in ([^;]*);.*?(\S+/pip-audit [^|]*)", done.stdout, re.DOTALL)[0]
    assert set(locks.split()) == {*map(str, LOCKS)}
    assert {"--strict", "--require-hashes", '"$lock"'} <= set(command.split())


def test_what_audits_is_itself_pinned_by_hash() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    assert "uvx" not in makefile, "that would fetch a tool by its version alone"
    made = makefile.partition(".venv/audit/ready: ")[2].partition("\n\n")[0]
    assert "--require-hashes -r requirements-audit.lock" in made
    assert re.search(r"^pip-audit==", (PROJECT / "requirements-audit.lock").read_text(), re.MULTILINE)


def test_make_lock_writes_every_lock_file() -> None:
    made = (PROJECT / "Makefile").read_text().partition("\nlock: ")[2].partition("\n\n")[0]
    assert set(re.findall(r"-o (\S+)", made)) == {*map(str, LOCKS)}


def test_the_functions_ship_the_versions_that_were_tested() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", (PROJECT / name).read_text(), re.MULTILINE))

    for function in ("function", "maintenance", "api"):
        assert pins(f"requirements-{function}.lock") <= pins("requirements.lock"), function
        # So `make audit` looks at all of it, whichever Python and platform it runs on.
        assert " ; " not in (PROJECT / f"requirements-{function}.lock").read_text()


def test_no_source_and_no_policy_of_the_template_names_a_partition_of_aws() -> None:
    sources = [*MODULES, PROJECT / "template.yaml"]
    assert [source.name for source in sources if "arn:aws:" in source.read_text()] == []


def test_what_tests_share_is_not_in_a_test_module() -> None:
    shared = re.compile(r"^\s*(?:from|import) tests(?:\.\w+)*\.test_", re.MULTILINE)
    modules = [*(PROJECT / "tests").rglob("*.py"), *(PROJECT / "bench").rglob("*.py")]
    assert [module for module in modules if shared.search(module.read_text())] == []
