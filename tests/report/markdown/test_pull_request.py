"""The comment for a pull request: its first line is the change, against the baseline where there is one."""

from __future__ import annotations

import re

import pytest

from harness.judging.baseline import baseline_of
from harness.judging.baseline.schema import Baseline
from harness.report.markdown import pull_request
from tests.report.records import HOSTILE, accuracy, bf16, failed_to_run, hostile, interrupted, model, record


def baseline(**changes: object) -> Baseline:
    """Return what was accepted: tf and ir with 509 and 610 of 650 right, changed by ``ir=count`` and ``tf=count``."""
    accepted = baseline_of(record())
    rows = {
        name: row.model_copy(update={"top1_correct": changes.get(name, row.top1_correct)})
        for name, row in accepted.models.items()
    }
    return accepted.model_copy(update={"models": rows})


def first_line(text: str) -> str:
    return text.partition("\n")[0]


@pytest.mark.parametrize(
    ("accepted", "change"),
    [
        # one image of 650 is 0.1538 pp; 509/650 = 78.31 %, 511/650 = 78.62 %, 508/650 = 78.15 %
        (511, "lost 0.308 pp against the baseline, 78.62 to 78.31 %"),
        (508, "gained 0.154 pp against the baseline, 78.15 to 78.31 %"),
        (509, "unchanged against the baseline, 78.31 %"),
    ],
)
def test_the_first_line_is_the_change_against_the_baseline(accepted: int, change: str) -> None:
    text = pull_request.render(record(), baseline(ir=accepted, tf=accepted))
    assert first_line(text) == f"**PASS** mobilenet-v2-1.0-224: Top-1 of `ir` {change}"


def test_the_model_that_lost_most_is_named() -> None:
    line = first_line(pull_request.render(record(), baseline(ir=509, tf=511)))
    assert "Top-1 of `tf` lost 0.308 pp against the baseline" in line


def test_without_a_baseline_it_is_the_change_from_the_reference() -> None:
    assert first_line(pull_request.render(record())).endswith(
        "Top-1 of `ir` unchanged against the reference `tf`, 78.31 %"
    )
    worse = model("ir", top1=accuracy(500, 650, None))
    from tests.report.records import comparison

    drop = comparison().drop.model_copy(update={"top1_pp": 100 * 9 / 650})
    text = pull_request.render(record(models=(model("tf"), worse), comparisons=(comparison(drop=drop),)))
    assert first_line(text).endswith("Top-1 of `ir` lost 1.385 pp against the reference `tf`, 78.31 to 76.92 %")


def test_a_baseline_of_other_images_is_not_compared_with() -> None:
    other = baseline(ir=600)
    other = other.model_copy(update={"fingerprints": other.fingerprints.model_copy(update={"data": "0" * 64})})
    text = pull_request.render(record(), other)
    assert "against the reference" in first_line(text)
    assert "The baseline cannot be compared: " in text
    assert "lost 14" not in text  # 600 to 509


def test_a_new_candidate_has_no_row_in_the_baseline() -> None:
    run = record(models=(model("tf"), model("ir"), model("int8")))
    text = pull_request.render(run, baseline(ir=511))
    assert "`ir` lost 0.308 pp against the baseline" in first_line(text)
    assert re.search(r"^\| `int8` \| 78\.31 \| n/a \|", text, re.MULTILINE)


def test_what_failed_is_shown_and_what_passed_is_folded() -> None:
    text = pull_request.render(bf16())
    open_part, _, folded = text.partition("<details>")
    assert first_line(text).startswith("**FAIL** ")
    assert "| **FAIL** | parity |" in open_part
    assert "| pass |" not in open_part
    assert "**FAIL** |" not in folded


@pytest.mark.parametrize("run", [record(), bf16(), interrupted(), failed_to_run(), hostile()], ids=range(5))
def test_every_run_has_a_comment(run: object) -> None:
    text = pull_request.render(run)  # type: ignore[arg-type]
    assert text.startswith("**")
    assert text.endswith(f"{pull_request.MARK}\n")
    assert len(text) < 65_536  # what GitHub takes
    assert "\x1b" not in text
    assert "<script" not in text
    assert HOSTILE not in text
