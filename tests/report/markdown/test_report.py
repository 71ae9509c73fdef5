from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from harness.record.schema import BadImage
from harness.report.markdown import report as markdown
from harness.text import visible
from tests.report import records
from tests.report.records import HOSTILE, dataset, gate, record, table

RENDERER = MarkdownIt("commonmark", {"html": True}).enable("table")
NAMES = ["background", *(f"class | {number}" for number in range(1, 8))]
SAFE_TAGS = {
    *("h1", "h2", "h3", "p", "strong", "code", "pre", "ul", "li", "details", "summary", "span"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.rows: list[list[int]] = []
        self.feed(RENDERER.render(text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        if tag == "table":
            self.rows.append([])
        if tag == "tr":
            self.rows[-1].append(0)
        if tag in ("td", "th"):
            self.rows[-1][-1] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


ALL = ("record", "bf16", "interrupted", "failed_to_run", "many_candidates", "hostile")


@pytest.mark.parametrize("name", ["record", "bf16", "interrupted", "failed_to_run"])
def test_golden(name: str, golden: Callable[[str, str], None]) -> None:
    rows = (
        records.bf16_images() if name == "bf16" else [row for row in records.FOUR_IMAGES if "same" in row["image_id"]]
    )
    golden(f"report-{name}.md", markdown.render(getattr(records, name)(), table(rows=rows), NAMES))


@pytest.mark.parametrize("name", ALL)
def test_it_is_well_formed_whatever_the_names(name: str) -> None:
    page = Page(markdown.render(getattr(records, name)(), table(HOSTILE), NAMES))
    assert not page.open
    assert page.tags <= SAFE_TAGS
    for rows in page.rows:
        assert len(set(rows)) == 1, "every row of a table has as many cells as its head"


def test_hostile_names_are_shown_and_act_on_nothing() -> None:
    rows = [{"image_id": HOSTILE, "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (2, 0.5, 0.25, 2, 0.25)}]
    text = markdown.render(records.hostile(), table(HOSTILE, rows=rows), [HOSTILE] * 3)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e\u2066]", text)
    assert "<script" not in text.partition("<details>")[0]
    shown = Page(text).text.replace("\u200b", "")
    assert shown.count(visible(HOSTILE)) > 10
    assert "# heading" not in [line.strip() for line in text.splitlines()]


def test_the_first_screen_says_what_broke_and_by_how_much() -> None:
    first = markdown.render(records.bf16(), table()).splitlines()[:16]
    assert first[0] == "# FAIL: mobilenet-v2-1.0-224"
    assert first[2] == "Converted model lost 0.154 pp: 78.31 to 78.15 % Top-1."
    assert "parity failed for candidate ir: max" in first[4]
    assert "0.26 on 64 images, limit 0.001" in first[4]
    assert first[6] == "Next: find the cause: \\`harness diagnose configs/mobilenet-v2-1.0-224.yml\\`."
    assert "650 of 50,000 images (a subset) · 1 candidate · 1 warning" in first[8]
    assert any(line.startswith("| **FAIL** | parity | `ir` |") for line in first)


def test_many_gates_fold_those_that_need_no_action() -> None:
    crowd = records.many_candidates(18)
    text = markdown.render(crowd)
    before, _, folded = text.partition("<details><summary>12 gates passed, 0 not applicable</summary>")
    assert before.count("**FAIL**") == 6
    assert "| pass | parity | `cpu-01` |" in folded
    assert "| pass |" not in before


def test_many_passing_gates_only() -> None:
    gates = tuple(gate("parity", f"m{number}", "pass") for number in range(13))
    text = markdown.render(record(gates=gates))
    assert text.count("| pass |") == 13
    assert not Page(text).open


def test_no_comparison_no_flips() -> None:
    text = markdown.render(record(comparisons=()), table())
    assert "Against the reference" not in text
    assert "## Flips" not in text


def test_zero_flips_no_table_and_an_absent_model() -> None:
    same = [row for row in records.FOUR_IMAGES if row["image_id"] == "same.jpg"]
    assert "None: both models classify the same images correctly" in markdown.render(record(), table(rows=same))
    assert "no per-image table" in markdown.render(record(), None)
    assert "The per-image table lacks this model." in markdown.render(record(), table("another"))


def test_more_than_ten_flips_are_counted() -> None:
    rows = [
        {"image_id": f"{number}.jpg", "label": 1, "tf": (1, 0.75, 0.75, 1, 0.0), "ir": (2, 0.5, 0.25, 2, 0.5)}
        for number in range(11)
    ]
    text = markdown.render(record(), table(rows=rows))
    assert "The 10 largest losses of 11 flips." in text
    assert "`9.jpg`" in text
    assert "`10.jpg`" not in text


def test_labels_without_a_name_stay_numbers() -> None:
    text = markdown.render(record(), table(), NAMES)
    assert r"| `broken.jpg` | 7 class \| 7 | **broken** | 7 class \| 7 (0.625) | 8 (0.500) |" in text


def test_a_small_loss_is_not_rounded_to_nothing() -> None:
    row = {"image_id": "near", "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (2, 0.5, 0.5 - 2**-17, 2, 0.0)}
    assert "| +7.6e-06 |" in markdown.render(record(), table(rows=[row]))


def test_bad_images_are_listed_with_the_policy_and_the_rest_counted() -> None:
    bad = tuple(BadImage(id=f"{number}.jpg", reason="cut off") for number in range(23))
    text = markdown.render(record(dataset=dataset(bad_images=bad, bad_images_policy="skip")))
    assert "23 bad images: excluded from every count" in text
    assert text.count(": cut off") == 20
    assert "- and 3 more, in `run.json`" in text


def test_many_warnings_are_folded() -> None:
    text = markdown.render(record(warnings=tuple(f"warning {number}" for number in range(8))))
    assert "8 warnings" in text
    assert "<summary>3 more warnings</summary>" in text
    assert text.count("- warning ") == 8


def test_a_crowd_of_calm_gates_leaves_no_gap() -> None:
    gates = tuple(records.gate(f"g{number}", "ir", "pass") for number in range(13))
    text = markdown.render(records.record(gates=gates))
    assert "## Gates\n\n<details><summary>13 gates passed" in text
