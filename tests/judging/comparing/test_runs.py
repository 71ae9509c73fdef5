"""Hand-worked: four images, of which one breaks, one is fixed, and one stays wrong with another class."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from scipy.stats import binomtest

from harness.errors import BaselineError, RecordError
from harness.judging.comparing import compare_runs
from harness.record.store import read_predictions, write_predictions
from tests.judging.comparing.conftest import Row, Saver

NAN = float("nan")
TF = (5, 1, 0.75)
BEFORE: list[Row] = [
    ("same.jpg", 5, {"tf": TF, "ir": (5, 1, 0.75)}),
    ("breaks.jpg", 5, {"tf": TF, "ir": (5, 1, 0.625)}),
    ("mends.jpg", 5, {"tf": TF, "ir": (3, 2, 0.25)}),
    ("wanders.jpg", 5, {"tf": TF, "ir": (3, 7, 0.125)}),
]
AFTER: list[Row] = [
    ("same.jpg", 5, {"tf": TF, "ir": (5, 1, 0.75)}),
    ("breaks.jpg", 5, {"tf": TF, "ir": (8, 2, 0.25)}),
    ("mends.jpg", 5, {"tf": TF, "ir": (5, 1, 0.375)}),
    ("wanders.jpg", 5, {"tf": TF, "ir": (4, 7, 0.125)}),
]


def test_counts_by_hand(save: Saver) -> None:
    pair = compare_runs(save("a", BEFORE), save("b", AFTER))
    assert pair.images == 4
    assert [model.id for model in pair.models] == ["tf", "ir"]
    reference, candidate = pair.models
    assert (reference.flips.broken, reference.flips.fixed, reference.top1_agreement.count) == (0, 0, 4)
    assert reference.drop.top1_pp == 0
    assert (candidate.flips.broken, candidate.flips.fixed, candidate.flips.changed_wrong) == (1, 1, 1)
    assert (candidate.top1_agreement.count, candidate.top1_agreement.total) == (1, 4)
    assert candidate.drop.top1_pp == 0
    assert candidate.drop.top1_p_value == binomtest(1, 2).pvalue
    assert candidate.max_label_probability_diff == 0.375
    assert candidate.worst_image == "breaks.jpg"
    assert [(image.image_id, image.broken, image.top1_b) for image in candidate.flipped] == [
        ("breaks.jpg", True, 8),
        ("mends.jpg", False, 5),
    ]
    assert not any((pair.config, pair.environment, pair.model_facts, pair.warnings))


def test_a_loss_is_positive_and_swapping_the_runs_turns_it_around(save: Saver) -> None:
    a, b = save("a", BEFORE[:2]), save("b", AFTER[:2])
    there, back = compare_runs(a, b).models[1], compare_runs(b, a).models[1]
    assert (there.drop.top1_pp, back.drop.top1_pp) == (50, -50)
    assert (there.drop.top5_pp, back.drop.top5_pp) == (0, 0)
    assert there.drop.top1_ci95_pp is not None
    assert back.drop.top1_ci95_pp == pytest.approx([-end for end in reversed(there.drop.top1_ci95_pp)])
    assert (there.flips.broken, back.flips.fixed) == (1, 1)


def test_images_are_joined_by_id_and_not_by_position(save: Saver) -> None:
    straight = compare_runs(save("a", BEFORE), save("b", AFTER))
    turned = compare_runs(save("c", BEFORE), save("d", AFTER[::-1]))
    assert straight.models == turned.models


def test_runs_of_different_images_are_refused_with_examples(save: Saver) -> None:
    many: list[Row] = [(f"extra-{number}.jpg", 5, {"tf": TF, "ir": TF}) for number in range(7)]
    a, b = save("a", BEFORE), save("b", AFTER[1:] + many)
    with pytest.raises(BaselineError, match="different images") as raised:
        compare_runs(a, b)
    message = str(raised.value)
    assert f"only in {a}: 1, such as same.jpg" in message
    assert f"only in {b}: 7, such as extra-0.jpg, extra-1.jpg" in message
    assert "extra-6" not in message
    assert raised.value.exit_code == 4


def test_runs_of_unequal_length_are_never_zipped(save: Saver) -> None:
    with pytest.raises(BaselineError, match="4 images in"):
        compare_runs(save("a", BEFORE), save("b", AFTER[:3]))


def test_other_labels_are_refused(save: Saver) -> None:
    relabelled: list[Row] = [(name, label + (name == "same.jpg"), models) for name, label, models in AFTER]
    with pytest.raises(BaselineError, match=r"different labels for 1 of 4 images .* same.jpg \(5, 6\)"):
        compare_runs(save("a", BEFORE), save("b", relabelled))


def test_an_image_that_stands_twice_is_refused(save: Saver) -> None:
    with pytest.raises(BaselineError, match="1 images appear twice"):
        compare_runs(save("a", BEFORE), save("b", [*AFTER[:3], AFTER[0]]))


def test_models_of_one_run_only_are_named(save: Saver) -> None:
    gpu: list[Row] = [(name, label, {"tf": models["tf"], "gpu": models["ir"]}) for name, label, models in AFTER]
    pair = compare_runs(save("a", BEFORE), save("b", gpu))
    assert [model.id for model in pair.models] == ["tf"]
    assert (pair.only_in_a, pair.only_in_b) == (("ir",), ("gpu",))


def test_no_model_in_common_is_refused(save: Saver) -> None:
    other: list[Row] = [(name, label, {"onnx": models["tf"], "other": models["tf"]}) for name, label, models in AFTER]
    with pytest.raises(BaselineError, match="no model is in both"):
        compare_runs(save("a", BEFORE), save("b", other))


def test_bad_images_are_wrong_and_agree_with_nobody(save: Saver) -> None:
    bad: list[Row] = [("same.jpg", 5, {"tf": (-1, 0, NAN), "ir": (-1, 0, NAN)}), *AFTER[1:]]
    both = compare_runs(save("a", bad), save("b", bad)).models[0]
    assert (both.top1_agreement.count, both.top1_agreement.total) == (3, 3)
    one = compare_runs(save("c", BEFORE), save("d", bad)).models[0]
    assert (one.flips.broken, one.top1_agreement.total) == (1, 3)
    assert one.max_label_probability_diff == 0
    every: list[Row] = [(name, 5, {"tf": (-1, 0, NAN), "ir": (-1, 0, NAN)}) for name in "xy"]
    none = compare_runs(save("e", every), save("f", every)).models[0]
    assert none.max_label_probability_diff is None
    assert none.top1_agreement.percent is None
    assert not math.isnan(none.drop.top1_pp or 0)


def test_what_changed_is_told(save: Saver) -> None:
    config = {"dataset": {"preprocess": {"size": 224}}, "candidates": [{"id": "ir", "precision": "bf16"}]}
    changed = {"dataset": {"preprocess": {"size": 224}}, "candidates": [{"id": "ir", "precision": "f32"}]}
    pair = compare_runs(
        save("a", BEFORE, config=config, environment={"versions": {"openvino": "2025.3"}}),
        save(
            "b", AFTER, config=changed, environment={"versions": {"openvino": "2026.1"}}, content_fingerprint="0" * 64
        ),
    )
    assert [tuple(change) for change in pair.config] == [("candidates.ir.precision", "bf16", "f32")]
    assert [tuple(change) for change in pair.environment] == [("versions.openvino", "2025.3", "2026.1")]
    assert len(pair.warnings) == 1


def test_unfinished_empty_or_damaged_runs_are_refused(save: Saver, tmp_path: Path) -> None:
    good = save("good", BEFORE)
    with pytest.raises(BaselineError, match="'incomplete'"):
        compare_runs(good, save("cut", BEFORE, status="incomplete"))
    with pytest.raises(BaselineError, match="no image"):
        compare_runs(save("empty", []), good)
    bare = save("bare", BEFORE)
    (bare / "predictions.parquet").unlink()
    with pytest.raises(BaselineError, match=r"no predictions\.parquet"):
        compare_runs(bare, good)
    (bare / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(RecordError, match="damaged"):
        compare_runs(good, bare)
    with pytest.raises(RecordError, match="no run record found"):
        compare_runs(tmp_path / "nowhere", good)


@pytest.mark.parametrize(
    ("column", "values"),
    [("image_id", [1, 2, 3, 4]), ("label", list("abcd")), ("ir.top1", [0.5] * 4), ("ir.rank_of_label", ["1"] * 4)],
)
def test_a_table_of_other_types_is_refused(save: Saver, column: str, values: list[Any]) -> None:
    good, other = save("good", BEFORE), save("other", BEFORE)
    table = read_predictions(other)
    assert table is not None
    place = table.column_names.index(column)
    write_predictions(other, table.set_column(place, column, pa.array(values)))
    with pytest.raises(BaselineError, match=f"{column} is of type .*harness validate"):
        compare_runs(good, other)


def test_a_run_against_itself_changes_nothing(save: Saver) -> None:
    run = save("a", BEFORE)
    pair = compare_runs(run, run / "run.json")
    assert all(model.flips.broken == model.flips.fixed == 0 for model in pair.models)
    assert pair.config == ()
