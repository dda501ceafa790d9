"""Which parts of which page are generated, and by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from orderstream.deploy.artifact import PROJECT
from reference import acceptance, codes, commands, layers, metrics, order, parameters, policies

DOCS = PROJECT / "docs"

# A part stands between two lines `<!-- NAME -->`.
PAGES: Mapping[Path, Mapping[str, Callable[[], str]]] = {
    PROJECT / "CONTRIBUTING.md": {"layers": layers.diagram, "packages": layers.table},
    DOCS / "how-to" / "acceptance.md": {"checks": acceptance.checks, "not checked": acceptance.not_checked},
    DOCS / "reference" / "codes.md": {
        "statuses": codes.statuses,
        "errors": codes.error_classes,
        "reasons": codes.reasons,
        "api reasons": codes.api_reasons,
        "discrepancies": codes.discrepancies,
        "findings": codes.findings,
        "problems": codes.problems,
    },
    DOCS / "reference" / "commands.md": {"commands": commands.commands},
    DOCS / "reference" / "metrics.md": {"metrics": metrics.metrics, "alarms": metrics.alarms},
    DOCS / "reference" / "order.md": {"fields": order.fields, "example": order.example},
    DOCS / "reference" / "parameters.md": {
        "parameters": parameters.parameters,
        "rules": parameters.rules,
        "outputs": parameters.outputs,
    },
    DOCS / "reference" / "policies.md": {"functions": policies.functions, "deployer": policies.deployer},
}


def generated(page: Path) -> str:
    """The text of a page, its parts generated anew. Raises ValueError if a mark is missing."""
    text = page.read_text()
    for name, make in PAGES[page].items():
        mark = f"<!-- {name} -->"
        before, _, after = text.split(mark)
        text = f"{before}{mark}\n{make()}\n{mark}{after}"
    return text
