"""The comparison matrix in Markdown: a table that GitHub shows, and the pairwise agreement, folded where it is long."""

from __future__ import annotations

from harness.report.facts.matrix import Matrix, MatrixRow
from harness.report.facts.numbers import MISSING
from harness.report.markdown.text import code, prose, table

_MANY = 4  # candidates beyond which their agreement with each other folds away
_HEADERS = (
    "candidate",
    "verdict",
    "device",
    "precision",
    "Top-1 %",
    "Top-5 %",
    "Top-1 pp [95 % of drop]",
    "same Top-1",
    "broken, fixed, changed",
    "max, mean Δp",
    "images/s",
    "latency ms",
    "MB",
)
_RIGHT = ("images/s", "latency ms", "MB")


def section(matrix: Matrix | None) -> list[str]:
    """Return the section's lines; none without a matrix."""
    if matrix is None:
        return []
    lines = [f"- {code(name)} {word}: {prose(reason)}" for name, word, reason in matrix.failures]
    lines += [f"- {prose(line)}" for line in matrix.absent]
    return [
        "## Comparison matrix",
        "",
        f"**{prose(matrix.conclusion)}.**",
        "",
        *table(_HEADERS, map(_cells, matrix.rows), right=_RIGHT),
        "",
        f"{prose(matrix.speeds)}.",
        *(["", *lines] if lines else []),
        *_agreement(matrix),
    ]


def _cells(row: MatrixRow) -> tuple[str, ...]:
    against, model = row.against, row.model
    compared = (
        f"{against.top1_drop} {against.top1_interval}",
        f"{against.agreement_percent} %",
        f"{against.broken}, {against.fixed}, {against.changed_wrong}",
        f"{against.max_abs_diff}, {against.mean_abs_diff}",
    )
    cells = (
        code(model.id),
        prose(f"{row.word}: {row.gates}" if row.gates else row.word),
        prose(model.device),
        prose(model.precision),
        model.top1.percent,
        model.top5.percent,
        *(compared if row.compared else [MISSING] * len(compared)),
        model.images_per_second,
        row.latency,
        row.megabytes,
    )
    return (*(f"**{cell}**" for cell in cells[:2]), *cells[2:]) if row.best else cells


def _agreement(matrix: Matrix) -> list[str]:
    """Return the pairwise agreement as a triangle with numbers as heads: long names would make it too wide."""
    if len(matrix.names) < 2:
        return []
    heads = [str(place) for place in range(1, len(matrix.names))]
    rows = [
        (f"{place} {code(name)}", *(cell.percent for cell in cells), *[""] * (len(heads) - len(cells)))
        for place, (name, cells) in enumerate(zip(matrix.names, matrix.agreement, strict=True), start=1)
    ]
    lines = table(("same Top-1, %", *heads), rows, right=heads)
    if len(matrix.names) > _MANY:
        title = f"Agreement of the {len(matrix.names)} candidates with each other"
        return ["", f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]
    return ["", "Agreement of the candidates with each other:", "", *lines]
