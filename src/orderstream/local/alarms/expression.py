"""Evaluates the subset of CloudWatch metric math that template.yaml uses: series in, a series or band out."""

from __future__ import annotations

import ast
import math
import operator
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from orderstream.errors import CloudError

# The start of each period, in seconds since the epoch, and its value.
Series = dict[int, float]

# With fewer periods than this before the evaluated ones, there is no band.
LEAST_HISTORY = 10

_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    # A division by zero returns none.
    ast.Div: lambda left, right: left / right if right else math.nan,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: lambda left, right: bool(left) and bool(right),
    ast.Or: lambda left, right: bool(left) or bool(right),
}


@dataclass(frozen=True)
class Band:
    """The range that a metric is usually in."""

    lower: float
    upper: float


def evaluate(text: str, series: Mapping[str, Series], periods: Sequence[int]) -> Series | Band | None:
    """The value of an expression over `periods`; `series` may reach further back, to train the band.

    Where CloudWatch's documentation and reports from the field differ, an expression returns less here
    (docs/explanation/design.md): an operator returns a value only where both sides have one, and FILL none if
    nothing was published in any of the `periods`. A band is None if the history is too short.

    Raises CloudError for unsupported syntax.
    """
    expression = _Expression(series, periods)
    match _parsed(text):
        case ast.Call(
            func=ast.Name(id="ANOMALY_DETECTION_BAND"),
            args=[metric, ast.Constant(value=int() | float() as width)],
        ):
            return _band(expression.value(metric), width, min(periods))
        case tree:
            found = expression.value(tree)
            return {period: found[period] for period in periods if period in found}


# CPython 3.11 fails if two threads parse at the same time (python/cpython#106905), so nothing is parsed
# twice.
@cache
def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.replace("&&", " and ").replace("||", " or "), mode="eval").body
    except SyntaxError as error:
        raise _unknown(text) from error


class _Expression:
    def __init__(self, series: Mapping[str, Series], periods: Sequence[int]) -> None:
        self._series = series
        self._periods = periods
        # A number has the same value in all of them.
        self._every = set(periods).union(*series.values())

    def value(self, node: ast.expr) -> Series:
        match node:
            case ast.Constant(value=int() | float() as number):
                return dict.fromkeys(self._every, float(number))
            case ast.Name(id=name) if name in self._series:
                return self._series[name]
            case (
                ast.BinOp(left=left, op=op, right=right)
                | ast.Compare(left=left, ops=[op], comparators=[right])
                | ast.BoolOp(op=op, values=[left, right])
            ) if type(op) in _OPERATORS:
                return _apply(_OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id="SUM"), args=[ast.List(elts=summands)]):
                return _sum(map(self.value, summands))
            case ast.Call(func=ast.Name(id="FILL"), args=[filled, ast.Name(id="REPEAT")]):
                return self._repeated(self.value(filled))
            case ast.Call(func=ast.Name(id="FILL"), args=[filled, filling]):
                given = self.value(filled)
                is_published = any(period in given for period in self._periods)
                return self.value(filling) | given if is_published else {}
            case ast.Call(func=ast.Name(id="IF"), args=[condition, then, *otherwise]) if len(otherwise) <= 1:
                chosen, yes = self.value(condition), self.value(then)
                no = self.value(otherwise[0]) if otherwise else {}
                # Where the condition is true and the value is missing, CloudWatch documents 0.
                true = {period: yes.get(period, 0.0) for period in chosen if chosen[period]}
                return true | {period: no[period] for period in chosen.keys() & no if not chosen[period]}
        raise _unknown(ast.unparse(node))

    def _repeated(self, given: Series) -> Series:
        """Fill gaps with the last value; periods before the first value stay empty."""
        found = dict(given)
        for before, period in pairwise(self._periods):
            if period not in found and before in found:
                found[period] = found[before]
        return found


def _apply(of: Callable[[float, float], float], left: Series, right: Series) -> Series:
    found = {period: float(of(left[period], right[period])) for period in left.keys() & right}
    return {period: value for period, value in found.items() if not math.isnan(value)}


def _sum(summands: Iterable[Series]) -> Series:
    """The sum of an array: a value wherever any of the series has one."""
    found: Series = {}
    for summand in summands:
        for period, value in summand.items():
            found[period] = found.get(period, 0.0) + value
    return found


def _band(metric: Series, width: float, begin: int) -> Band | None:
    """AWS trains on up to two weeks and models hours and days; this uses only the periods before `begin`."""
    history = [value for period, value in metric.items() if period < begin]
    if len(history) < LEAST_HISTORY:
        return None
    mean = statistics.fmean(history)
    # Counts normally scatter by their square root.
    deviation = max(statistics.pstdev(history), math.sqrt(abs(mean)), 1.0)
    return Band(mean - width * deviation, mean + width * deviation)


def _unknown(text: str) -> CloudError:
    return CloudError(f"the local alarms do not support the expression {text}")
