"""Which parts of which page are generated, and by what."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from orderstream.deploy.artifact import TEMPLATE
from reference import (
    PROJECT,
    acceptance,
    athena,
    codes,
    columns,
    commands,
    json_documents,
    layers,
    metrics,
    order,
    parameters,
    policies,
)

DOCS = PROJECT / "docs"

# A part stands between two lines with `<!-- NAME -->`, which are comments of their page.
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
    DOCS / "reference" / "json.md": {"json": json_documents.reference},
    DOCS / "reference" / "metrics.md": {"metrics": metrics.metrics, "alarms": metrics.alarms},
    DOCS / "reference" / "order.md": {
        "fields": order.fields,
        "events": order.events,
        "example": order.example,
    },
    DOCS / "reference" / "parameters.md": {
        "parameters": parameters.parameters,
        "sets": parameters.sets,
        "rules": parameters.rules,
        "outputs": parameters.outputs,
    },
    DOCS / "how-to" / "query-the-archive.md": {
        "columns": columns.columns,
        "columns of events": columns.event_columns,
    },
    TEMPLATE: {
        "view of records": athena.records,
        "view of orders": athena.orders,
        "view of events": athena.events,
        "columns of compacted": athena.table_columns,
        "columns of records": athena.view_columns,
        "columns of events": athena.event_columns,
    },
    DOCS / "reference" / "policies.md": {"functions": policies.functions, "deployer": policies.deployer},
}


def generated(page: Path) -> str:
    """The text of a page, its parts generated anew. Raises ValueError if a mark is missing."""
    text = page.read_text()
    for name, make in PAGES[page].items():
        mark = f"[^\\n]*<!-- {re.escape(name)} -->[^\\n]*\\n"
        before, first, _, last, after = re.split(f"({mark})(.*?)({mark})", text, flags=re.DOTALL)
        text = f"{before}{first}{make()}\n{last}{after}"
    return text
