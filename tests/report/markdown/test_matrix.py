from __future__ import annotations

from collections.abc import Callable

from markdown_it import MarkdownIt

from harness.record.schema import RunRecord
from harness.report.markdown import matrix as markdown_matrix
from harness.report.markdown import report as markdown
from tests.report import records
from tests.report.precisions import precisions
from tests.report.records import HOSTILE


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("report-precisions.md", markdown.render(precisions()))


def section(run: RunRecord) -> str:
    return markdown.render(run).partition("## Comparison matrix\n")[2].partition("\n## ")[0]


def test_it_stands_right_below_gates_and_warnings() -> None:
    text = markdown.render(precisions().model_copy(update={"warnings": ("look",)}))
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert heads[:4] == ["## Gates", "## Warnings", "## Comparison matrix", "## Models"]


def test_the_best_is_bold_with_a_word_and_nothing_else_is() -> None:
    rows = [line for line in section(precisions()).splitlines() if line.startswith("| ")]
    assert rows[2].startswith("| **`bf16`** | **best, may ship** | CPU | bf16 | 78.15 | 94.00 |")
    assert not any("**" in row for row in rows[3:])
    assert any(row.startswith("| `int8` | fails: drop |") for row in rows)


def test_those_without_figures_have_a_row_and_a_reason() -> None:
    text = section(precisions())
    assert "| `gpu` |" not in text
    assert "- device GPU is not there (skipped: gpu)" in text
    assert "| `npu` | error |" in text
    assert "- `npu` error: gave no answer within 300 s" in text


def test_agreement_is_a_triangle_that_folds_beyond_four() -> None:
    text = section(precisions())
    assert "| 4 `int8` | 92.77 | 93.23 | 93.54 |" in text
    assert "| 2 `f16-weights` | 97.23 |  |  |" in text
    assert "<details>" not in text
    run = precisions()
    npu = run.pairwise[0].model_copy(update={"second": "npu"})
    folded = section(run.model_copy(update={"pairwise": (*run.pairwise, npu)}))
    assert "<details><summary>Agreement of the 5 candidates with each other</summary>" in folded


def test_one_candidate_has_none() -> None:
    assert "Comparison matrix" not in markdown.render(records.record())
    assert markdown_matrix.section(None) == []


def test_hostile_names_end_no_cell() -> None:
    run = precisions()
    models = tuple(part.model_copy(update={"id": HOSTILE, "error": HOSTILE}) for part in run.models[-1:])
    text = section(run.model_copy(update={"models": (*run.models[:-1], *models)}))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<script" not in html
    table = html.partition("<tbody>")[2].partition("</tbody>")[0]
    assert {row.count("<td") for row in table.split("</tr>")[:-1]} == {13}
