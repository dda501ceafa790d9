"""Transient error codes and the pauses between attempts are stated once, for all callers of AWS."""

import ast

import pytest
from reference.layers import MODULES, PACKAGE

from orderstream.sdk.retries import THROTTLES, TRANSIENT, backoff, mapping_delay

RETRIES = PACKAGE / "sdk" / "retries.py"
OTHERS = [module for module in MODULES if module != RETRIES]


@pytest.mark.parametrize(
    ("failures", "longest"), [(1, 0.05), (2, 0.1), (3, 0.2), (7, 3.2), (8, 5), (10_000, 5)]
)
def test_the_longest_pause_doubles_up_to_five_seconds(failures: int, longest: float) -> None:
    assert backoff(failures, 1) == pytest.approx(longest)
    assert backoff(failures, 0.5) == pytest.approx(longest / 2)
    assert backoff(failures, 0) == 0


def test_there_is_no_pause_without_a_failure() -> None:
    assert backoff(0, 1) == 0


def test_the_base_is_the_longest_pause_after_the_first_failure() -> None:
    assert backoff(1, 1, base=2) == 2
    assert backoff(2, 1, base=2) == 4
    assert backoff(3, 1, base=2) == 5


def test_an_event_source_mapping_waits_from_50_ms_on_and_spreads_half_of_it() -> None:
    assert mapping_delay(0, 0.5) == 0
    assert [mapping_delay(n, 1.0) for n in (1, 2, 3, 4)] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert mapping_delay(1, 0.0) == pytest.approx(0.05)
    assert mapping_delay(10_000, 1.0) == 5


def test_every_throttle_is_transient() -> None:
    assert THROTTLES < TRANSIENT


def test_no_other_module_lists_transient_codes_or_has_a_backoff_of_its_own() -> None:
    found = []
    for module in OTHERS:
        for node in ast.walk(ast.parse(module.read_text())):
            listed = node.elts if isinstance(node, (ast.Set, ast.List, ast.Tuple)) else []
            codes = {str(one.value) for one in listed if isinstance(one, ast.Constant)} & TRANSIENT
            if len(codes) > 1 or codes & THROTTLES or _doubles(node):
                found.append((str(module.relative_to(PACKAGE)), ast.unparse(node)))
    assert found == []


def _doubles(node: ast.AST) -> bool:
    """Whether it is a power of two with a computed exponent."""
    match node:
        case ast.BinOp(left=ast.Constant(value=2), op=ast.Pow(), right=exponent):
            return not isinstance(exponent, ast.Constant)
    return False
