"""Evaluates the subset of CloudWatch metric math that template.yaml uses: series in, a series or band out."""

from __future__ import annotations

import ast
import math
import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from orderstream.errors import CloudError

# The start of each period, in seconds since the epoch, and its value.
Series = dict[int, float]
Operand = Series | float

# With fewer periods than this before the evaluated ones, there is no band.
LEAST_HISTORY = 10

_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
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
    """The range that a metric is usually in, for each period."""

    lower: Series
    upper: Series


def evaluate(text: str, series: Mapping[str, Series], periods: Sequence[int]) -> Series | Band:
    """The value of an expression over `periods`; `series` may reach further back, to train the band.

    Where CloudWatch's documentation and reports from the field differ, an expression returns less here
    (docs/explanation/design.md): an operator returns a value only where both sides have one, and FILL none if
    nothing was published in any of the `periods`. A division by zero returns none.

    Raises CloudError for unsupported syntax.
    """
    tree = _parsed(text)
    match tree:
        case ast.Call(args=[metric, ast.Constant(value=int() | float() as width)]) if (
            _name(tree) == "ANOMALY_DETECTION_BAND"
        ):
            return _band(_series(_value(metric, series, periods), periods), width, periods)
    found = _series(_value(tree, series, periods), periods)
    return {period: found[period] for period in periods if period in found}


# CPython 3.11 fails if two threads parse at the same time (python/cpython#106905), so nothing is parsed
# twice.
@cache
def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.replace("&&", " and ").replace("||", " or "), mode="eval").body
    except SyntaxError as error:
        raise _unknown(text) from error


def _value(node: ast.expr, series: Mapping[str, Series], periods: Sequence[int]) -> Operand:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in series:
            return series[name]
        case (
            ast.BinOp(left=left, op=op, right=right)
            | ast.Compare(left=left, ops=[op], comparators=[right])
            | ast.BoolOp(op=op, values=[left, right])
        ) if type(op) in _OPERATORS:
            return _apply(_OPERATORS[type(op)], _value(left, series, periods), _value(right, series, periods))
        case ast.Call(args=[ast.List(elts=summands)]) if _name(node) == "SUM":
            return _sum([_series(_value(each, series, periods), periods) for each in summands])
        case ast.Call(args=[filled, filling]) if _name(node) == "FILL":
            given = _series(_value(filled, series, periods), periods)
            if isinstance(filling, ast.Name) and filling.id == "REPEAT":
                return _repeated(given, periods)
            instead = _series(_value(filling, series, periods), periods)
            return instead | given if any(period in given for period in periods) else {}
        case ast.Call(args=[condition, then, *otherwise]) if _name(node) == "IF" and len(otherwise) <= 1:
            chosen = _series(_value(condition, series, periods), periods)
            yes = _series(_value(then, series, periods), periods)
            no = _series(_value(otherwise[0], series, periods), periods) if otherwise else {}
            # Where the condition is true and the value is missing, CloudWatch documents 0.
            picked = {period: yes.get(period, 0.0) if chosen[period] else no.get(period) for period in chosen}
            return {period: value for period, value in picked.items() if value is not None}
    raise _unknown(ast.unparse(node))


def _apply(of: Callable[[float, float], float], left: Operand, right: Operand) -> Operand:
    if isinstance(left, float) and isinstance(right, float):
        return float(of(left, right))
    found: Series = {}
    for period in _series(left if isinstance(left, dict) else right, ()):
        one, other = _at(left, period), _at(right, period)
        if one is not None and other is not None and not (of is operator.truediv and not other):
            found[period] = float(of(one, other))
    return found


def _sum(summands: Sequence[Series]) -> Series:
    """The sum of an array: a value wherever any of the series has one."""
    found: Series = {}
    for summand in summands:
        for period, value in summand.items():
            found[period] = found.get(period, 0.0) + value
    return found


def _repeated(given: Series, periods: Sequence[int]) -> Series:
    """Fill gaps with the last value; periods before the first value stay empty."""
    found = dict(given)
    for before, period in pairwise(periods):
        if period not in found and before in found:
            found[period] = found[before]
    return found


def _at(operand: Operand, period: int) -> float | None:
    return operand.get(period) if isinstance(operand, dict) else operand


def _series(operand: Operand, periods: Sequence[int]) -> Series:
    return operand if isinstance(operand, dict) else dict.fromkeys(periods, operand)


def _band(metric: Series, width: float, periods: Sequence[int]) -> Band:
    """AWS trains on up to two weeks and models hours and days; this uses only the preceding periods."""
    history = [value for period, value in metric.items() if period < min(periods)]
    if len(history) < LEAST_HISTORY:
        return Band({}, {})
    mean = statistics.fmean(history)
    # Counts normally scatter by their square root.
    deviation = max(statistics.pstdev(history), math.sqrt(abs(mean)), 1.0)
    lower, upper = mean - width * deviation, mean + width * deviation
    return Band(dict.fromkeys(periods, lower), dict.fromkeys(periods, upper))


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _unknown(text: str) -> CloudError:
    return CloudError(f"the local alarms do not support the expression {text}")
