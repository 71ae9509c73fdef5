"""`report.md`: read in a pull request, so the first screen says what broke and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.record.schema import RunRecord
from harness.report.facts import numbers
from harness.report.facts.matrix import comparison_matrix
from harness.report.facts.provenance import facts, model_facts, resolved_config
from harness.report.facts.summary import AccuracyText, GateRow, Summary, gate_rows, summarise
from harness.report.markdown import flips as markdown_flips
from harness.report.markdown import matrix as markdown_matrix
from harness.report.markdown.text import block, code, prose, table

if TYPE_CHECKING:
    import pyarrow as pa

_MANY_WARNINGS = 5
_MANY_BAD_IMAGES = 20


def render(record: RunRecord, table: pa.Table | None = None, class_names: Sequence[str] | None = None) -> str:
    """Return the report of a run as GitHub-flavoured Markdown.

    ``table``: the per-image table, without which no flips are listed. ``class_names``: names by network label.
    """
    summary = summarise(record)
    sections = [
        _head(record, summary),
        _gates(summary.gates),
        _causes(summary.causes),
        _warnings(summary.warnings),
        markdown_matrix.section(comparison_matrix(record, summary)),
        _models(summary),
        _comparisons(summary),
        _bad_images(record, summary),
        markdown_flips.section(record, table, class_names),
        _provenance(record),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _head(record: RunRecord, summary: Summary) -> list[str]:
    verdict = summary.verdict
    about = [prose(summary.scope), numbers.plural(summary.candidates, "candidate")]
    about += [numbers.plural(len(summary.warnings), "warning")] if summary.warnings else []
    about += [prose(summary.bad_images)] if summary.bad_images else []
    lines = [
        f"# {verdict.word}: {prose(summary.name)}",
        "",
        *([f"{prose(summary.headline)}.", ""] if summary.headline else []),
        f"**{prose(verdict.sentence)}** (exit {verdict.exit_code})",
        "",
        *([f"Next: {prose(summary.next_step)}.", ""] if summary.next_step else []),
        " · ".join(about),
    ]
    if record.error and "\n" in record.error.strip():
        lines += ["", *block(record.error.strip())]
    return lines


def _gates(rows: tuple[GateRow, ...]) -> list[str]:
    if not rows:
        return ["## Gates", "", "No gate was judged."]
    found = gate_rows(rows)
    lines = ["## Gates", *(["", *_gate_table(found.shown)] if found.shown else [])]
    if not found.folded:
        return lines
    return [*lines, "", f"<details><summary>{found.title}</summary>", "", *_gate_table(found.folded), "", "</details>"]


def _gate_table(rows: Sequence[GateRow]) -> list[str]:
    def word(row: GateRow) -> str:
        return f"**{row.word}**" if row.word.isupper() else row.word

    return table(
        ("verdict", "gate", "model", "measured", "limit", "reason"),
        (
            (word(row), prose(row.gate), code(row.model), prose(row.measured), prose(row.limit), prose(row.reason))
            for row in rows
        ),
    )


def _causes(causes: tuple[tuple[str, str], ...]) -> list[str]:
    if not causes:
        return []
    return ["## Likely cause", "", *(f"- {code(model)}: {prose(sentence)}" for model, sentence in causes)]


def _warnings(warnings: tuple[str, ...]) -> list[str]:
    """Return the warnings, high up: they often name the cause of what the gates found."""
    if not warnings:
        return []
    lines = [f"- {prose(warning)}" for warning in warnings]
    rest = lines[_MANY_WARNINGS:]
    title = f"{numbers.plural(len(rest), 'more warning')}"
    folded = ["", f"<details><summary>{title}</summary>", "", *rest, "", "</details>"] if rest else []
    return ["## Warnings", "", *lines[:_MANY_WARNINGS], *folded]


def _models(summary: Summary) -> list[str]:
    if not summary.models:
        return []

    def share(accuracy: AccuracyText) -> tuple[str, str]:
        return f"{accuracy.percent} {accuracy.interval}", accuracy.counts

    headers = (
        "model",
        "role",
        "device",
        "precision",
        "Top-1 % [95 %]",
        "correct",
        "Top-5 % [95 %]",
        "correct",
        "images/s",
    )
    rows = (
        (
            code(row.id),
            row.role,
            prose(row.device),
            prose(row.precision),
            *share(row.top1),
            *share(row.top5),
            row.images_per_second,
        )
        for row in summary.models
    )
    return ["## Models", "", *table(headers, rows, right=("correct", "images/s"))]


def _comparisons(summary: Summary) -> list[str]:
    if not summary.comparisons:
        return []
    headers = (
        "candidate",
        "same Top-1",
        "broken",
        "fixed",
        "changed, both wrong",
        "Top-1 pp [95 % of drop]",
        "p",
        "Top-5 pp [95 % of drop]",
        "max Δp",
        "mean Δp",
        "largest Δp on",
    )
    rows = (
        (
            code(row.candidate),
            f"{row.agreement_percent} % ({row.agreement_counts})",
            row.broken,
            row.fixed,
            row.changed_wrong,
            f"{row.top1_drop} {row.top1_interval}",
            row.p_value,
            f"{row.top5_drop} {row.top5_interval}",
            row.max_abs_diff,
            row.mean_abs_diff,
            numbers.MISSING if row.worst_image is None else code(row.worst_image),
        )
        for row in summary.comparisons
    )
    base = summary.compared_with
    heading = base.capitalize()
    references = ", ".join(code(name) for name in dict.fromkeys(row.reference for row in summary.comparisons))
    return [
        f"## Against the {base}",
        "",
        f"{heading} {references}. Drop: {base} minus candidate, a loss is positive. Δp: change of a probability.",
        "",
        *table(headers, rows, right=("broken", "fixed", "changed, both wrong", "p")),
        *(["", f"Note: {prose(summary.interval_note)}."] if summary.interval_note else []),
    ]


def _bad_images(record: RunRecord, summary: Summary) -> list[str]:
    if not summary.bad_images:
        return []
    bad = record.dataset.bad_images
    lines = ["## Bad images", "", f"{prose(summary.bad_images)}.", ""]
    lines += [f"- {code(image.id)}: {prose(image.reason)}" for image in bad[:_MANY_BAD_IMAGES]]
    more = len(bad) - _MANY_BAD_IMAGES
    return [*lines, f"- and {numbers.count(more)} more, in `run.json`"] if more > 0 else lines


def _provenance(record: RunRecord) -> list[str]:
    headers = ("model", "file", "sha256", "backend", "device", "precision: requested", "effective", "details")
    models = [[code(cell) if cell else "" for cell in row] for row in model_facts(record)]
    return [
        "## Provenance",
        "",
        *table(("what", "value"), ((prose(name), code(value)) for name, value in facts(record))),
        *(["", *table(headers, models)] if models else []),
        "",
        "<details><summary>Configuration, as resolved</summary>",
        "",
        *block(resolved_config(record), "json"),
        "",
        "</details>",
    ]
