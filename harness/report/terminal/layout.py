"""What the parts of the summary are laid out with: plain tables, labelled texts, and what a stream can carry."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_ASCII = str.maketrans({"Δ": "d", "→": ">", "─": "-", "━": "=", "…": "~"})


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


def fits(table: Table, console: Console) -> bool:
    """Return whether the console is wide enough for a table without breaking a line of it."""
    return console.measure(table, options=console.options.update(width=10_000)).maximum <= console.width


def hanging(label: str, style: str, text: str) -> Table:
    """Return a label and a text next to it whose further lines are indented as its first."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text(label, style=style), Text(text, overflow="fold"))
    return grid


def encodable(text: str, encoding: str | None) -> str:
    """Return ``text`` as the stream can carry it: what its encoding lacks is spelt out instead of raising."""
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")
    return text
