"""The self-test's tables: what each gate measured, and what was refused."""

from __future__ import annotations

from harness.commands.selftest import as_markdown, as_text
from harness.diagnosis.injecting import Finding
from harness.diagnosis.selftest import SelfTest

REASON = "m.xml: the output 'Conv' has 9 values per image, but the labels need 5; set `dataset.background_class: false`"
RESULT = SelfTest(
    "ir",
    64,
    (
        Finding("channels not swapped", True, "parity", 1, {"max_abs_diff": 0.25, "images": 1}, "differs"),
        Finding("labels off by one (+1)", True, "target", 64, {"top1_percent": 1.5, "top5_percent": 2.0}, "below"),
        Finding("the wrong output", True, "refused", 0, None, REASON),
    ),
    (),
)


def test_each_row_says_what_was_measured() -> None:
    lines = [line.strip() for line in as_text(RESULT).splitlines()]
    assert lines[1].endswith("max |Δp| 0.25")
    assert lines[2].endswith("Top-1 1.5 %, Top-5 2 %")


def test_a_refusal_says_what_is_wrong_and_not_what_to_do() -> None:
    assert "the output 'Conv' has 9 values per image, but the labels need 5" in " ".join(as_text(RESULT).split())
    assert "| the wrong output | refused | 0 | the output 'Conv' has 9 values per image, but the labels need 5 |" in (
        as_markdown(RESULT)
    )
    assert "background_class" not in as_text(RESULT)
