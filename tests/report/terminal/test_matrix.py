from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from harness.record.schema import Agreement, PairPart, RunRecord
from harness.report.terminal.summary import print_summary
from tests.report import records
from tests.report.precisions import precisions
from tests.report.records import HOSTILE


@pytest.fixture(autouse=True)
def no_outer_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def printed(record: RunRecord, width: int) -> str:
    file = io.StringIO()
    print_summary(record, file, width)
    return file.getvalue()


def crowd(count: int) -> RunRecord:
    """Return many candidates with the agreement 90 + first/10 + second/100 percent of every two."""
    run = records.many_candidates(count)
    ids = [part.id for part in run.models[1:]]
    pairs = tuple(
        PairPart(
            first=ids[first],
            second=ids[second],
            top1_agreement=Agreement(count=1, total=1, percent=90 + first / 10 + second / 100),
        )
        for second in range(count)
        for first in range(second)
    )
    return run.model_copy(update={"pairwise": pairs})


@pytest.mark.parametrize("width", [80, 130])
def test_golden(width: int, golden: Callable[[str, str], None]) -> None:
    golden(f"terminal-precisions-{width}.txt", printed(precisions(), width))


@pytest.mark.parametrize("width", [80, 100, 120, 130, 200])
@pytest.mark.parametrize("make", [precisions, lambda: crowd(3), lambda: crowd(14)])
def test_it_fits_and_intervals_stay_whole(make: Callable[[], RunRecord], width: int) -> None:
    record = make()
    text = printed(record, width)
    assert max(len(line) for line in text.splitlines()) <= width
    for part in record.comparisons:
        low, high = part.drop.top1_ci95_pp or (0.0, 0.0)
        assert f"[{low:+.3f}"[:-1] in text
        assert f"{high:+.3f}]" in text


def test_it_takes_the_place_of_the_comparisons_only_with_several_candidates() -> None:
    assert "Comparison matrix, against the reference tf\n" in printed(precisions(), 80)
    assert "\nAgainst the reference" not in printed(precisions(), 80)
    assert "Comparison matrix" not in printed(records.bf16(), 80)
    assert "\nAgainst the reference tf\n" in printed(records.bf16(), 80)


def test_a_line_a_candidate_where_it_fits() -> None:
    (line,) = [line for line in printed(precisions(), 130).splitlines() if line.startswith("* bf16")]
    cells = "best, may ship 78.15 94.00 lost 0.154 [-0.806, +1.166] 97.54 4/3/9 0.16 611 3.12, 12.6 14.0"
    assert line.split() == ["*", "bf16", *cells.split()]


def test_the_best_is_marked_by_sign_and_word_in_ascii_too() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as file:
        print_summary(precisions(), file, 80)
        text = raw.getvalue().decode("ascii")
    assert text.count("* bf16 ") == 1
    assert text.count("best, may ship") == 1
    assert "|dp|" in text


def test_what_could_not_be_evaluated_has_a_row_and_a_reason() -> None:
    text = printed(precisions(), 80)
    assert "npu error: gave no answer within 300 s\n" in text
    assert "\nnpu               n/a" in text
    assert "device GPU is not there (skipped: gpu)\n" in text  # one line a device, and no row
    assert "\ngpu" not in text


def test_a_large_triangle_comes_in_blocks_that_miss_no_pair() -> None:
    text = printed(crowd(14), 80)
    pairs = {f"{90 + first / 10 + second / 100:.2f}" for second in range(14) for first in range(second)}
    after = text.partition("Same Top-1 between candidates")[2].partition("\nGates\n")[0].split()
    assert pairs <= set(after)
    shown = [cell for cell in after if "." in cell]
    assert len(shown) == 14 * 13 // 2


def test_no_name_breaks_it() -> None:
    run = precisions()
    models = tuple(part.model_copy(update={"id": HOSTILE}) if part.id == "f32" else part for part in run.models)
    text = printed(run.model_copy(update={"models": models}), 80)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text


def test_an_interrupted_run_shows_what_it_has() -> None:
    run = records.interrupted()
    two = run.model_copy(update={"models": (*run.models, run.models[1].model_copy(update={"id": "two"}))})
    text = printed(two, 80)
    assert "Comparison matrix\n" in text
    assert "\nir           78.12    n/a             n/a    n/a   413\n  undecided  93.75" in text
    assert "may ship" not in text
    assert "best" not in text


def test_verdict_and_candidate_to_ship_come_first_and_last() -> None:
    lines = printed(records.many_candidates(3), 200).splitlines()
    verdict = "FAIL (exit 1): parity failed for candidate cpu-00: max |Δp| 0.5 on 64 images, limit 0.001"
    ship = (
        "Ship cpu-01: first in the configuration, with the smallest Top-1 drop (0 pp),"
        " among the 2 within 15 % of the fastest (413 images/s); 2 candidates may ship"
    )
    lead = [verdict, ship, "Next: find the cause: `harness diagnose configs/mobilenet-v2-1.0-224.yml`"]
    assert lines[:3] == lead
    assert lines[-3:] == lead
