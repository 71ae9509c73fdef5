"""A reference that is no better than guessing is said first, in every form of a report and at every exit code."""

from __future__ import annotations

import io
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from harness.record.schema import RunRecord
from harness.report import junit
from harness.report.facts.summary import summarise
from harness.report.facts.verdict import judge
from harness.report.github import ANNOTATIONS, annotations_of
from harness.report.html import report_page
from harness.report.markdown import report as markdown
from harness.report.terminal.summary import print_summary
from tests.report.html.pages import assert_contained
from tests.report.records import dataset, gate, record

FAULT = "the reference tf is not clearly better than guessing among 1,000 classes: 10 of 650 images correct (1.54 %)"
CODES = {5: "inconclusive", 1: "fail", 3: "error", 4: "error"}


def of_code(code: int, **changes: Any) -> RunRecord:
    name = "baseline" if code == 4 else "parity"
    other = gate(name, "ir", CODES[code], reason="the other reason")
    return record(exit_code=code, gates=(other, gate("chance", "tf", "inconclusive", reason=FAULT)), **changes)


@pytest.mark.parametrize("code", CODES)
class TestSaidFirst:
    def test_verdict(self, code: int) -> None:
        verdict = judge(of_code(code))
        assert verdict.exit_code == code
        assert verdict.line.startswith(f"{verdict.word} (exit {code}): {FAULT}")
        assert verdict.line.count(FAULT) == 1
        assert ("the other reason" in verdict.line) == (code != 5)  # what failed is still said

    @pytest.mark.parametrize("width", [80, 120])
    def test_terminal(self, code: int, width: int) -> None:
        file = io.StringIO()
        print_summary(of_code(code), file, width)
        text = " ".join(file.getvalue().split())
        assert text.startswith(f"{judge(of_code(code)).word} (exit {code}): {FAULT}")
        assert max(map(len, file.getvalue().splitlines())) <= width

    def test_markdown(self, code: int) -> None:
        text = markdown.render(of_code(code))
        heading, _, sentence = text.splitlines()[:3]
        assert heading.startswith("# ")
        assert sentence.startswith(f"**{FAULT}")
        first_row = text[text.index("## Gates") :].splitlines()[4]
        assert "| chance |" in first_row

    def test_html(self, code: int) -> None:
        page = assert_contained(report_page.render(of_code(code)))
        assert FAULT in page.text
        assert page.text.index(FAULT) < page.text.find("the other reason") % (len(page.text) + 1)
        assert summarise(of_code(code)).gates[0].gate == "chance"

    def test_junit(self, code: int) -> None:
        root = ET.fromstring(junit.render(of_code(code)).encode())
        (case,) = root[0].iter("testcase")
        assert (case.get("name"), case[0].tag, case[0].get("type")) == ("evaluation", "error", "chance")
        assert FAULT in case[0].attrib["message"]

    def test_annotation(self, code: int) -> None:
        assert annotations_of(of_code(code))[0].message == FAULT


def test_ten_failures_do_not_hide_it_on_github() -> None:
    failed = [gate("drop", f"ir-{number}", "fail", reason=f"reason {number}") for number in range(2 * ANNOTATIONS)]
    found = annotations_of(record(exit_code=1, gates=(*failed, gate("chance", "tf", "inconclusive", reason=FAULT))))
    assert found[0].message == FAULT


def test_all_candidates_without_a_reference_are_named() -> None:
    gates = [gate("chance", name, "inconclusive", reason=f"the candidate {name} guesses") for name in ("a", "b")]
    assert judge(record(exit_code=5, gates=tuple(gates))).sentence == "the candidate a guesses; the candidate b guesses"


def test_a_run_without_it_says_nothing_of_it() -> None:
    assert summarise(record()).no_yardstick is None


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"dataset": {"images": None}}, "all that are listed"),
        ({"dataset": {"images": 650}}, "the whole set"),
        ({}, "the whole set"),
    ],
)
def test_images_that_nobody_called_the_whole_set_are_not_called_so(config: dict[str, Any], words: str) -> None:
    assert summarise(record(config=config)).scope == f"val: 650 images ({words})"


def test_images_that_are_left_out_make_a_subset() -> None:
    assert summarise(record(dataset=dataset(evaluated=648))).scope == "val: 648 of 650 images (a subset)"
