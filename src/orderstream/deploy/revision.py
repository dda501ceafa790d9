"""Computes a function's revision: a hash of its code and of every setting that its versions contain."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# The template's parameter for it, which is not part of the hash.
PARAMETER = "Revision"
_REFERENCES = re.compile(r"\$\{([^!.}]+)[^}]*\}")


def revision(template: Mapping[str, Any], function: str, values: Mapping[str, str]) -> str:
    """The revision (hex) of a function in a packaged template, deployed with the parameters `values`.

    It changes if one of the function's properties changes, including its code and the template's Globals, or
    the value of a parameter that one of them depends on.
    """
    own = template["Resources"][function]["Properties"]
    settings = [template.get("Globals", {}).get("Function", {}), own]
    names = sorted(set(_parameters(template, settings)) - {PARAMETER})
    about = [*settings, {name: values[name] for name in names}]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]


def _parameters(template: Mapping[str, Any], found: Any) -> Iterator[str]:
    """The parameters that a part of the template refers to, including through conditions."""
    if isinstance(found, Mapping):
        for key, value in found.items():
            if key == "Ref":
                yield from _declared(template, [value])
            elif key == "Fn::Sub":
                text, own = (value, {}) if isinstance(value, str) else value
                yield from _declared(template, set(_REFERENCES.findall(text)) - own.keys())
                yield from _parameters(template, own)
            elif key == "Fn::If":
                yield from _parameters(template, template["Conditions"][value[0]])
                yield from _parameters(template, value[1:])
            elif key == "Condition" and isinstance(value, str):
                yield from _parameters(template, template["Conditions"][value])
            else:
                yield from _parameters(template, value)
    elif isinstance(found, list):
        for one in found:
            yield from _parameters(template, one)


def _declared(template: Mapping[str, Any], names: Any) -> Iterator[str]:
    return (name for name in names if name in template["Parameters"])
