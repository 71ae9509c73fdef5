"""`pull-request.md`: a comment for a pull request, whose first line says what changed, as a coverage bot's does.

The last line is a comment that GitHub and GitLab do not show; a job finds its own earlier comment by it.
"""

from __future__ import annotations

from harness.judging.baseline.schema import Baseline
from harness.record.schema import RunRecord
from harness.report.facts import numbers
from harness.report.facts.changes import Changes, ModelChange, changes
from harness.report.facts.summary import GateRow, Summary, summarise
from harness.report.facts.verdict import judge
from harness.report.markdown.text import code, prose, table

MARK = "<!-- conversion-accuracy-harness -->"
_MANY_WARNINGS = 5


def render(record: RunRecord, baseline: Baseline | None = None) -> str:
    """Return the comment. ``baseline``: the accepted counts that the change is measured against, if there are any."""
    summary, found = summarise(record), changes(record, baseline)
    sections = [
        [_first_line(record, summary, found)],
        [f"{prose(_sentence(summary))} ({prose(summary.scope)}; exit {summary.verdict.exit_code})"],
        [f"The baseline cannot be compared: {prose(found.not_comparable)}"] if found.not_comparable else [],
        _models(found),
        _gates([row for row in summary.gates if row.verdict not in ("pass", "not_applicable")]),
        [f"Likely cause, {code(model)}: {prose(sentence)}" for model, sentence in summary.causes],
        [f"- warning: {prose(warning)}" for warning in summary.warnings[:_MANY_WARNINGS]],
        _folded([row for row in summary.gates if row.verdict in ("pass", "not_applicable")]),
        [MARK],
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _sentence(summary: Summary) -> str:
    """Return the verdict's sentence; figures of failed gates are left to the table below it."""
    failed = any(row.verdict == "fail" for row in summary.gates)
    return summary.verdict.sentence.partition(": ")[0] if failed else summary.verdict.sentence


def _first_line(record: RunRecord, summary: Summary, found: Changes) -> str:
    """Return "**PASS** mobilenet: `ir` lost 0.15 pp of Top-1 against the baseline, 78.77 to 78.62 %"."""
    start = f"**{judge(record).word}** {prose(summary.name)}"
    worst = found.worst
    if worst is None:
        return f"{start}: no accuracy to compare"
    now = numbers.percent(worst.top1_percent)
    if found.has_baseline and worst.top1_before is not None:
        before = numbers.percent(worst.top1_before)
        return f"{start}: {_worded(worst, worst.top1_drop_since_baseline, 'the baseline')}, {_shares(before, now)}"
    reference = summary.comparisons[0].reference
    before = next((numbers.percent(item.top1_percent) for item in found.models if item.id == reference), now)
    change = _worded(worst, worst.top1_drop_from_reference, f"the reference {code(reference)}")
    return f"{start}: {change}, {_shares(before, now)}"


def _worded(model: ModelChange, drop: float | None, against: str) -> str:
    change = numbers.change(drop)
    return f"Top-1 of {code(model.id)} {change} against {against}"


def _shares(before: str, now: str) -> str:
    return f"{now} %" if before == now else f"{before} to {now} %"


def _models(found: Changes) -> list[str]:
    if not found.models:
        return []
    since = ("since the baseline", "Top-5 since") if found.has_baseline else ()
    headers = ("model", "Top-1 %", *since[:1], "from the reference", "Top-5 %", *since[1:])

    def row(item: ModelChange) -> list[str]:
        cells = [code(item.id), numbers.percent(item.top1_percent)]
        cells += [_cell(item.top1_drop_since_baseline)] if since else []
        cells += ["reference" if item.role == "reference" else _cell(item.top1_drop_from_reference)]
        cells += [numbers.percent(item.top5_percent)]
        return cells + ([_cell(item.top5_drop_since_baseline)] if since else [])

    return table(headers, (row(item) for item in found.models), right=headers[1:])


def _cell(drop: float | None) -> str:
    return numbers.MISSING if drop is None else numbers.change(drop)


def _gates(rows: list[GateRow]) -> list[str]:
    if not rows:
        return []
    cells = (
        (f"**{row.word}**", prose(row.gate), code(row.model), prose(row.measured), prose(row.limit)) for row in rows
    )
    return table(("verdict", "gate", "model", "measured", "limit"), cells)


def _folded(rows: list[GateRow]) -> list[str]:
    if not rows:
        return []
    passed = sum(row.verdict == "pass" for row in rows)
    others = len(rows) - passed
    title = f"{numbers.plural(passed, 'gate')} passed" + (f", {others} not applicable" if others else "")
    cells = ((prose(row.word), prose(row.gate), code(row.model), prose(row.measured), prose(row.limit)) for row in rows)
    lines = table(("verdict", "gate", "model", "measured", "limit"), cells)
    return [f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]
