"""Tables that become lists of cards on a narrow screen, so that nothing is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nicegui import ui

# Below this width each row is a card, in which each cell has its label before it.
CSS = """
.stacked td { white-space: normal; overflow-wrap: break-word; max-width: 24rem }
.stacked td.is-time { white-space: nowrap }
.narrow-only { display: none }
@media (max-width: 699px) {
  .narrow-only { display: flex }
  .stacked thead { display: none }
  .stacked .q-table, .stacked tbody, .stacked tr { display: block; width: 100% }
  .stacked.q-table__container .q-table tbody tr { height: auto; padding: 6px 0;
    border-bottom: 1px solid rgba(139, 147, 161, 0.35) }
  .stacked .q-table tbody td { display: flex; gap: 12px; justify-content: space-between; height: auto;
    max-width: none; padding: 2px 8px; border: none; text-align: right; overflow-wrap: anywhere }
  .stacked .q-table tbody td::before { content: attr(data-label); position: static; background: none;
    opacity: 0.7; white-space: nowrap }
  .stacked .q-table tbody td:empty { display: none }
}
"""

_CELL = '<q-td :props="props" :data-label="props.col.label">{{ props.value }}</q-td>'
_TIME = (
    '<q-td :props="props" class="is-time" :data-label="props.col.label" :title="props.row.utc">'
    "{{ props.value }}</q-td>"
)


class Column(NamedTuple):
    """A column: the field of the rows, its heading, its side, and the field with its link, if it has one."""

    field: str
    label: str
    align: str = "left"
    link: str = ""


def stacked_table(columns: Sequence[Column], *, row_key: str, selectable: bool = False) -> ui.table:
    """An empty table. A field `time` shows the field `utc` on hover; a row's empty link is no link."""
    table = ui.table(
        columns=[
            {"name": one.field, "label": one.label, "field": one.field, "align": one.align} for one in columns
        ],
        rows=[],
        row_key=row_key,
        selection="multiple" if selectable else None,
        pagination=0,
    )
    table.classes("w-full stacked").props("flat dense hide-pagination")
    table.add_slot("body-cell", _CELL)
    table.add_slot("body-cell-time", _TIME)
    for one in columns:
        if one.link:
            table.add_slot(f"body-cell-{one.field}", _link(one.link))
    return table


def _link(field: str) -> str:
    return (
        '<q-td :props="props" :data-label="props.col.label">'
        f'<a v-if="props.row.{field}" :href="props.row.{field}" class="nicegui-link">'
        "{{ props.value }}</a>"
        '<span v-else-if="props.value">{{ props.value }}</span></q-td>'
    )


def set_rows(table: ui.table, rows: list[dict[str, Any]]) -> None:
    """Show these rows, unless they are shown already."""
    if table.rows != rows:
        table.rows = rows
