"""The plain table of the terminal: a head, a rule, and columns that fold or stay whole."""

from __future__ import annotations

from rich import box
from rich.table import Table


def plain_table(title: str | None, *headers: str, whole: tuple[int, ...] = (), right: tuple[int, ...] = ()) -> Table:
    """Return an empty table; columns in ``whole`` never wrap, so that an interval stays in one piece."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for position, header in enumerate(headers):
        table.add_column(
            header, overflow="fold", no_wrap=position in whole, justify="right" if position in right else "left"
        )
    return table
