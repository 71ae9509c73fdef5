"""`reference: null`: no report calls the candidate that the others are compared with a reference."""

from __future__ import annotations

import io
from typing import Any

import pytest

from harness.record.schema import Drop, Flips, RunRecord
from harness.report import junit
from harness.report.facts.summary import summarise
from harness.report.facts.verdict import judge
from harness.report.github import annotations_of
from harness.report.html import report_page
from harness.report.markdown import report as markdown
from harness.report.terminal.summary import print_summary
from tests.report.html.pages import assert_contained
from tests.report.records import accuracy, comparison, gate, model, record, table

LOST = Drop(top1_pp=2.0, top5_pp=0.0, top1_ci95_pp=(1.0, 3.0), top5_ci95_pp=(-0.6, 0.6), top1_p_value=0.01)


def alone(verdict: str = "pass") -> RunRecord:
    models = (model("fp32"), model("int8", top1=accuracy(496, 650, (73.0, 79.0))))
    compared = comparison("int8", reference="fp32", drop=LOST, flips=Flips(broken=15, fixed=2, changed_wrong=1))
    gates: Any = [gate("target", name, verdict) for name in ("fp32", "int8")]
    code = 0 if verdict == "pass" else 1
    return record(models=models, comparisons=(compared,), gates=tuple(gates), exit_code=code)


def on_terminal(shown: RunRecord) -> str:
    file = io.StringIO()
    print_summary(shown, file, 120)
    return file.getvalue()


def test_verdict_and_headline_name_what_the_drop_is_from() -> None:
    assert "; Top-1 lost 2.00 pp against fp32; max" in judge(alone()).sentence
    assert summarise(alone()).headline == "int8 lost 2.0 pp against fp32: 78.3 to 76.3 % Top-1"
    assert "against" not in judge(record()).sentence


@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_no_form_speaks_of_a_reference(verdict: str) -> None:
    shown = alone(verdict)
    rows = table("int8").rename_columns([name.replace("tf.", "fp32.") for name in table("int8").column_names])
    texts = {
        "terminal": on_terminal(shown),
        "markdown": markdown.render(shown, rows),
        "html": assert_contained(report_page.render(shown, rows)).text,
        "junit": junit.render(shown),
        "annotations": "\n".join(f"{item.title} {item.message}" for item in annotations_of(shown)),
    }
    for form, text in texts.items():
        assert "reference" not in text.lower(), form
    for form, words in (
        ("markdown", "## Against the first candidate"),
        ("markdown", "First candidate `fp32`. Drop: first candidate minus candidate"),
        ("markdown", "p(label) first candidate"),
        ("html", "Against the first candidate, image by image"),
        ("html", "Are the candidates accurate enough?"),
    ):
        assert words in texts[form], form
    assert "matrix, against the first candidate fp32" in texts["terminal"]
