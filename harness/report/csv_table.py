"""`predictions.csv`: the per-image table for spreadsheets and for tools that read no Parquet.

Text is always quoted. A text that a spreadsheet would take for a formula (it begins with = + - @, tab, CR, LF or NUL)
gets a leading `'`; so does one that begins with `'`, so that taking one leading `'` off always restores the original.
The Top-5 lists are joined by spaces; their fill (a network of fewer than five classes, a bad image) is left out. NaN (a
bad image's probabilities) is an empty cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.record.columns import flat, numbers_of

if TYPE_CHECKING:
    import pyarrow as pa

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "'")
_NO_NUMBERS = frozenset({None, "nan", "-nan", "inf", "-inf"})


def render(table: pa.Table) -> str:
    """Return the per-image table as CSV (quoted as in RFC 4180, lines end with LF), in the table's own order."""
    header = ",".join(_quoted(name) for name in table.column_names)
    columns = [_column(table, name) for name in table.column_names]
    return "\n".join([header, *map(",".join, zip(*columns, strict=True))]) + "\n"


def _column(table: pa.Table, name: str) -> list[str]:
    """Return a column's cells as text, one a row."""
    import pyarrow.types as kinds

    column = flat(table.column(name))
    if kinds.is_fixed_size_list(column.type):
        return _lists(table, name, column)
    if kinds.is_integer(column.type) or kinds.is_floating(column.type):
        return _numbers(column)
    return [_quoted("" if value is None else str(value)) for value in column.to_pylist()]


def _numbers(values: pa.Array) -> list[str]:
    """Return numbers as text that reads back the same; null, NaN and infinities as nothing."""
    import pyarrow as pa

    return ["" if text in _NO_NUMBERS else text for text in values.cast(pa.string()).to_pylist()]


def _lists(table: pa.Table, name: str, column: pa.Array) -> list[str]:
    """Return each row's list joined by spaces, without the places that the classes fill with -1."""
    import pyarrow as pa

    cells, size = _numbers(column.flatten()), column.type.list_size
    classes_name = name.removesuffix("_probabilities")
    classes = flat(table.column(classes_name)) if classes_name in table.column_names else column
    kept = numbers_of(pa.chunked_array([classes.flatten()])) >= 0
    for place in (~kept).nonzero()[0].tolist():
        cells[place] = ""
    return [" ".join(filter(None, cells[start : start + size])) for start in range(0, len(cells), size)]


def _quoted(text: str) -> str:
    guarded = f"'{text}" if text.startswith(_FORMULA_STARTS) else text
    return '"' + guarded.replace('"', '""') + '"'
