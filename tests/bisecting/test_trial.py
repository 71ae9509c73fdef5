"""One version's outcome held against the good one's: how far answers moved, worked by hand, and what ends a process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.bisecting.trial import Candidate, Trial, Trying, answers_apart, held_against
from harness.errors import BaselineError
from tests.judging.comparing.conftest import Saver, save  # noqa: F401  (a fixture)
from tests.judging.comparing.test_runs import AFTER, BEFORE


def test_by_hand(save: Saver) -> None:  # noqa: F811
    """breaks.jpg: the label's probability goes from 0.625 to 0.25; three of the four images have another Top-1."""
    apart = answers_apart(save("a", BEFORE), save("b", AFTER[::-1]))  # joined by id
    assert apart == {"tf": (0.0, 0), "ir": (0.375, 3)}


def test_other_images_are_not_compared(save: Saver) -> None:  # noqa: F811
    good, other = save("a", BEFORE), save("b", BEFORE[1:])
    with pytest.raises(BaselineError):
        answers_apart(good, other)
    trials = [
        Trial(str(number), folder, 0, "PASS", {}, (Candidate("ir", 0.1, 75.0),))
        for number, folder in enumerate((good, other))
    ]
    assert held_against(*trials).same_answers(1.0) is None


@pytest.mark.parametrize(
    ("moved", "other_top1", "tolerance", "same"),
    [
        (0.0, 0, 0.0, True),
        (1e-4, 0, 1e-4, True),  # the limit itself passes
        (1.1e-4, 0, 1e-4, False),
        (0.0, 1, 1.0, False),
        (float("inf"), 0, 1.0, False),
        (None, None, 1.0, None),
    ],
)
def test_the_same_answers(moved: float | None, other_top1: int | None, tolerance: float, same: bool | None) -> None:
    known = Candidate("a", 0.0, 75.0, 0.0, 0)
    trial = Trial("1", Path("x"), candidates=(known, Candidate("b", 0.0, 75.0, moved, other_top1)))
    assert trial.same_answers(tolerance) is same
    assert Trial("1").same_answers(tolerance) is None


def test_the_same_verdict() -> None:
    one = Trial("1", Path("x"), 0, "PASS", {("parity", "ir"): "pass"})
    assert one.same_verdict(Trial("2", Path("y"), 0, "PASS", {("parity", "ir"): "pass"}))
    assert not one.same_verdict(Trial("2", Path("y"), 1, "FAIL", {("parity", "ir"): "pass"}))
    assert not one.same_verdict(Trial("2", Path("y"), 0, "PASS", {("parity", "ir"): "not_applicable"}))


def pretended(folder: Path, code: str) -> Path:
    """Write an interpreter that does something else than the harness."""
    script = folder / "python"
    script.write_text(f"#!{sys.executable}\nimport os, sys\n{code}\n")
    script.chmod(0o755)
    return script


def test_a_version_without_a_record_is_skipped_with_its_last_words(tmp_path: Path) -> None:
    python = pretended(tmp_path, "print('ImportError: libx.so', file=sys.stderr); sys.exit(1)")
    trial = Trying(tmp_path / "a.capsule").run("1.0", tmp_path / "1.0", python)
    assert not trial.is_tried
    assert trial.note == "the harness ended with exit code 1: ImportError: libx.so"
    assert "ImportError" in (tmp_path / "1.0.log").read_text()


def test_the_time_limit_and_an_interruption(tmp_path: Path) -> None:
    slow = pretended(tmp_path, "import time; time.sleep(60)")
    trial = Trying(tmp_path / "a.capsule", timeout=0.5).run("1.0", tmp_path / "1.0", slow)
    assert not trial.is_tried
    assert "did not end in time" in (trial.note or "")
    with pytest.raises(KeyboardInterrupt):
        Trying(tmp_path / "a.capsule").run("1.1", tmp_path / "1.1", pretended(tmp_path, "sys.exit(130)"))
