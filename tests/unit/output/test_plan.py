"""A capacity plan is printed with every figure, zeros too."""

import pytest

from orderstream.capacity.plan import plan
from orderstream.output.plan import print_plan
from tests.unit.capacity.examples import plan_input


def test_a_baseline_below_a_cent_is_printed_as_zero(capsys: pytest.CaptureFixture[str]) -> None:
    found = plan(plan_input("0.5", size=60))
    print_plan(found, None, None, as_json=False)
    lines = {line.split("│")[1].strip(): line for line in capsys.readouterr().out.splitlines() if "│" in line}
    assert lines["CloudWatch, logs"].split("│")[-2].strip() == "0.00"
    # The baseline has none.
    assert lines["CloudWatch, metrics"].split("│")[-2].strip() == ""
