"""Runs of several boards brought together: what stands in the rows is of the records, and what differs is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import BaselineError
from harness.judging.comparing import compare_boards
from harness.record.schema import DatasetPart, GatePart
from harness.record.store import read_record, write_record
from tests.judging.baseline.runs import CONFIG
from tests.judging.comparing.conftest import Row, Saver

TF = (5, 1, 0.75)
FAITHFUL: list[Row] = [(f"{name}.jpg", 5, {"tf": TF, "ir": TF}) for name in "abcd"]
BROKEN: list[Row] = [*FAITHFUL[:3], ("d.jpg", 5, {"tf": TF, "ir": (8, 2, 0.25)})]
FAILED = (GatePart(gate="parity", model="ir", verdict="fail", reason="one image differs"),)


def put(folder: Path, **changes: Any) -> Path:
    """Change fields of a record's data set."""
    record = read_record(folder)
    dataset = DatasetPart(**{**record.dataset.model_dump(), **changes})
    write_record(folder, record.model_copy(update={"dataset": dataset}))
    return folder


def test_one_row_for_each_candidate_and_run(save: Saver) -> None:
    cpu = put(save("cpu", FAITHFUL), capsule="c" * 64)
    npu = put(save("npu", BROKEN, device="NPU", gates=FAILED, exit_code=1), capsule="c" * 64)
    found = compare_boards([cpu, npu])
    assert (found.images, found.warnings, found.unfinished) == (4, (), ())
    assert found.reference is not None
    assert [(row.run, row.model.device, row.gates, row.standing, row.deciding) for row in found.rows] == [
        (str(cpu), "CPU", {"parity": "pass"}, "ships", ()),
        (str(npu), "NPU", {"parity": "fail"}, "fails", ("parity",)),
    ]
    flips = [row.comparison.flips for row in found.rows if row.comparison]
    assert [(item.broken, item.fixed) for item in flips] == [(0, 0), (1, 0)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"capsule": "d" * 64}, "different capsules .sha256 cccccccccccc... and dddddddddddd..."),
        ({"content_fingerprint": "e" * 64}, "different image content"),
    ],
)
def test_another_capsule_or_image_set(save: Saver, change: dict[str, Any], said: str) -> None:
    one = put(save("one", FAITHFUL), capsule="c" * 64)
    other = put(save("other", FAITHFUL), **{"capsule": "c" * 64, **change})
    with pytest.raises(BaselineError, match=said):
        compare_boards([one, other])


def test_other_images_and_labels(save: Saver) -> None:
    one, other = save("one", FAITHFUL), save("other", FAITHFUL[:3])
    with pytest.raises(BaselineError, match="different images"):
        compare_boards([one, other])
    relabelled: list[Row] = [("a.jpg", 6, {"tf": (6, 1, 0.75), "ir": (6, 1, 0.75)}), *FAITHFUL[1:]]
    with pytest.raises(BaselineError, match="different labels"):
        compare_boards([one, save("relabelled", relabelled)])


def test_another_reference(save: Saver) -> None:
    one, other = save("one", FAITHFUL), save("other", FAITHFUL)
    record = read_record(other)
    reference = record.models[0].model_copy(update={"model_sha256": "9" * 64})
    write_record(other, record.model_copy(update={"models": (reference, *record.models[1:])}))
    with pytest.raises(BaselineError, match=r"different references \(tf 111111111111... and tf 999999999999...\)"):
        compare_boards([one, other])


def test_the_same_run_twice_and_a_single_one(save: Saver) -> None:
    one = save("one", FAITHFUL)
    with pytest.raises(BaselineError, match="is the same run"):
        compare_boards([one, one / "run.json"])
    with pytest.raises(BaselineError, match="at least two"):
        compare_boards([one])


def test_a_board_that_did_not_finish_is_shown_where_it_is_of_the_same_capsule(save: Saver) -> None:
    one = put(save("one", FAITHFUL), capsule="c" * 64)
    other = put(save("other", FAITHFUL, status="error", error="the GPU hung", exit_code=3), capsule="c" * 64)
    found = compare_boards([one, other])
    assert found.unfinished == ((str(other), "error", "the GPU hung"),)
    assert [row.run for row in found.rows] == [str(one)]
    with pytest.raises(BaselineError, match="it is unknown whether"):
        compare_boards([one, put(other, capsule=None)])
    with pytest.raises(BaselineError, match="none of the 2 runs"):
        compare_boards([other, save("third", FAITHFUL, status="error")])


def test_other_limits_and_another_answer_of_the_reference_are_said(save: Saver) -> None:
    limits = {**CONFIG, "gates": {"parity": {"images": 64, "max_abs_diff": 0.001}}}
    looser = {**CONFIG, "gates": {"parity": {"images": 64, "max_abs_diff": 0.5}}}
    other: list[Row] = [("a.jpg", 5, {"tf": (5, 1, 0.5), "ir": TF}), *FAITHFUL[1:]]
    one, two = save("one", FAITHFUL, config=limits), save("two", other, config=looser)
    warnings = compare_boards([one, two]).warnings
    assert warnings[0].startswith(f"parity.max_abs_diff is 0.001 in {one} and 0.5 in {two}")
    assert "by up to 0.25" in warnings[1]
