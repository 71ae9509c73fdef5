"""The profile along the network for people, as a short table of text."""

from __future__ import annotations

from harness.diagnosis.layers.finding import LayerFinding, Row
from harness.text import printable

_AROUND = 3
_LONGEST = 44


def as_text(finding: LayerFinding) -> str:
    """Return the profile as a table of monospaced text: the first and the last row, and those around the one named."""
    kept = _kept(finding)
    lines: list[tuple[str, ...]] = [("", "layer", "weights", "differ by", "alone", "inside")]
    before = -1
    for place in kept:
        if place - before > 1:
            lines.append(("", f"... {place - before - 1} more ...", "", "", *_least(finding.rows[before + 1 : place])))
        lines.append(_line(finding, finding.rows[place]))
        before = place
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    text = [
        "  ".join(cell.ljust(width) if column < 3 else cell.rjust(width) for column, (cell, width) in enumerate(row))
        for row in (list(zip(line, widths, strict=True)) for line in lines)
    ]
    return "\n".join(line.rstrip() for line in text) + "\n"


def _kept(finding: LayerFinding) -> list[int]:
    count = len(finding.rows)
    named = [place for place, row in enumerate(finding.rows) if _is_named(finding, row)]
    around = {spot for place in named for spot in range(place - _AROUND, place + _AROUND + 1)}
    return sorted(place for place in {0, count - 1, *around} if 0 <= place < count)


def _is_named(finding: LayerFinding, row: Row) -> bool:
    return finding.reference is not None and (row.reference, row.candidate) == (finding.reference, finding.candidate)


def _line(finding: LayerFinding, row: Row) -> tuple[str, ...]:
    differ = "" if row.relative is None else f"{row.relative:.1e}"
    return (
        ">" if _is_named(finding, row) else "",
        _short(printable(row.reference)),
        _constants(row),
        differ,
        _db(row.alone.snr_db if row.alone else None),
        _db(row.inside.snr_db if row.inside else None),
    )


def _constants(row: Row) -> str:
    if row.weights is None:
        return ""
    bias = f", bias {row.bias}" if row.bias in ("lost", "added", "changed") else ""
    return f"{row.weights}{bias}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"...{name[3 - _LONGEST :]}"


def _db(value: float | None) -> str:
    if value is None:
        return "-"
    return "exact" if value >= 200 else f"{value:.0f} dB"


def _least(rows: tuple[Row, ...]) -> tuple[str, str]:
    """Return the smallest signal to noise among rows that are not shown."""
    alone = min((row.alone.snr_db for row in rows if row.alone), default=None)
    inside = min((row.inside.snr_db for row in rows if row.inside), default=None)
    return _at_least(alone), _at_least(inside)


def _at_least(value: float | None) -> str:
    return "-" if value is None else f">= {_db(value)}" if value < 200 else "exact"
