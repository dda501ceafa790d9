"""Resolves CloudFormation's intrinsic functions and conditions from values known before a deployment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_REFERENCE = re.compile(r"\$\{([^!}][^}]*)\}")
_LITERAL = re.compile(r"\$\{!([^}]*)\}")


@dataclass(frozen=True)
class Resolver:
    """Resolves parts of a template with `values`: its parameters and pseudo parameters by name."""

    values: Mapping[str, str]
    conditions: Mapping[str, Any]

    def holds(self, condition: Any) -> bool:
        """Whether a condition, given by name or inline, holds. None always does."""
        if condition is None:
            return True
        if isinstance(condition, str):
            return self.holds(self.conditions[condition])
        ((function, operands),) = condition.items()
        match function:
            case "Condition":
                return self.holds(operands)
            case "Fn::Not":
                return not self.holds(operands[0])
            case "Fn::And":
                return all(map(self.holds, operands))
            case "Fn::Or":
                return any(map(self.holds, operands))
        left, right = map(self.text, operands)
        return left == right

    def text(self, value: Any) -> str | None:
        """The text that a value resolves to. None if it depends on a resource or an unknown value."""
        if not isinstance(value, dict):
            return str(value)
        ((function, operands),) = value.items()
        match function:
            case "Ref":
                return self.values.get(operands)
            case "Fn::If":
                condition, yes, no = operands
                return self.text(yes if self.holds(condition) else no)
            case "Fn::Sub":
                return self._substituted(operands)
            case "Fn::Join":
                glue, parts = operands
                texts = self._texts(parts)
                return None if texts is None else glue.join(texts)
        return None

    def _texts(self, value: Any) -> list[str] | None:
        """The texts of a list, inline or from Fn::Split."""
        if isinstance(value, dict):
            if "Fn::Split" not in value:
                return None
            separator, source = value["Fn::Split"]
            text = self.text(source)
            return None if text is None else text.split(separator)
        texts = [self.text(one) for one in value]
        known = [one for one in texts if one is not None]
        return known if len(known) == len(texts) else None

    def _substituted(self, operands: Any) -> str | None:
        text, own = operands if isinstance(operands, list) else (operands, {})
        found = {
            name: self.text(own[name]) if name in own else self.values.get(name)
            for name in _REFERENCE.findall(text)
        }
        if None in found.values():
            return None
        return _LITERAL.sub(r"${\1}", _REFERENCE.sub(lambda name: str(found[name[1]]), text))
