"""Logits and probabilities, whatever the shape, become the same rows: decided once, kept by resume and cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness.dataset.manifest
from harness.engine.answers import settled
from harness.record.schema import RunRecord
from tests.engine.conftest import OUTPUTS, Fakes, probabilities_of
from tests.engine.outputs import SHAPES, Shaped, register_shaped
from tests.engine.test_session import LABELS, Project, values_for

VALUES = [value or 0 for value in values_for(LABELS, wrong=[1, 4, 9])]


@pytest.fixture
def project(tmp_path: Path, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 4)
    register_shaped()
    made = Project(tmp_path)
    made.images(VALUES, LABELS)
    return made


def models(
    project: Project, reference: dict[str, Any], candidate: dict[str, Any], **keys: Any
) -> Callable[[Any], None]:
    """``reference``, ``candidate``: what the files hold; ``keys``: of the candidate's configuration."""
    (project.folder / "one.fake").write_text(json.dumps(reference))
    (project.folder / "two.fake").write_text(json.dumps(candidate))

    def change(data: dict[str, Any]) -> None:
        del data["reference"]["output"]
        del data["candidates"][0]["output"]
        data["candidates"][0].update(keys)
        for model, file in ((data["reference"], reference), (data["candidates"][0], candidate)):
            if not file.get("background", True):
                model["background_class"] = False
        data["gates"] = {"parity": {"max_abs_diff": 1e-5}, "drop": None}

    return change


def applied(record: RunRecord) -> list[str]:
    return [part.details["activation"] for part in record.models]


def difference(record: RunRecord) -> float:
    (compared,) = record.comparisons
    assert compared.max_abs_diff is not None
    return compared.max_abs_diff


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_of_any_shape_are_turned_into_the_probabilities(project: Project, shape: str) -> None:
    change = models(project, {}, {"shape": shape, "logits": True}, output={"activation": "auto"})
    record = project.validate(change)
    assert applied(record) == ["none", "softmax"]
    assert [part.top1.correct for part in record.models if part.top1] == [7, 7]
    assert difference(record) < 1e-6
    frame = record.to_pandas()
    expected = probabilities_of(np.array(VALUES, np.uint8)[:, None, None, None] * np.ones((1, 1, 1, 3), np.uint8))
    np.testing.assert_allclose(frame["ir.top1_probability"], expected.max(axis=1), rtol=1e-6)


def test_a_lost_softmax_is_not_mended_where_no_activation_is_stated(project: Project) -> None:
    record = project.validate(models(project, {}, {"logits": True}))
    assert applied(record) == ["none", "none"]
    assert record.exit_code == 1
    assert difference(record) > 1


def test_logits_on_both_sides_are_probabilities_in_the_record(project: Project) -> None:
    record = project.validate(models(project, {"logits": True}, {"logits": True}))
    assert applied(record) == ["softmax", "softmax"]
    assert record.exit_code == 0
    assert record.to_pandas()["ir.top1_probability"].between(0, 1).all()


@pytest.mark.parametrize("activation", ["none", "softmax", "sigmoid"])
def test_a_stated_activation_is_applied(project: Project, activation: str) -> None:
    record = project.validate(models(project, {}, {"logits": True}, output={"activation": activation}))
    assert applied(record) == ["none", activation]


def test_the_first_shard_decides_for_all_and_the_same_after_resume_and_with_a_cache(project: Project) -> None:
    # From the fifth image on the model gives what looks like probabilities, which would be left as they are.
    change = models(project, {"logits": True, "until": VALUES[3]}, {"logits": True, "until": VALUES[3]})
    first = project.validate(change, out=project.folder / "a", use_cache=False)
    assert applied(first) == ["softmax", "softmax"]
    table = first.to_pandas()
    late = probabilities_of(np.array(VALUES[4:], np.uint8)[:, None, None, None] * np.ones((1, 1, 1, 3), np.uint8))
    powers = np.exp(late.astype(np.float64))
    np.testing.assert_allclose(
        table["reference.top1_probability"][4:], (powers / powers.sum(axis=1, keepdims=True)).max(axis=1), rtol=1e-6
    )
    (project.folder / "a" / "shards" / "000000.table").unlink()  # only shards that decide otherwise are left
    assert project.validate(change, out=project.folder / "a", resume=True, use_cache=False).to_pandas().equals(table)
    loads = Shaped.loads
    for out in ("b", "c"):
        again = project.validate(change, out=project.folder / out)
        assert again.to_pandas().equals(table)
        assert applied(again) == ["softmax", "softmax"]
    assert Shaped.loads == loads + 3  # the reference once: its outputs came from the cache then


def test_1001_against_1000_classes_are_compared_over_the_common_ones(project: Project) -> None:
    record = project.validate(models(project, {}, {"background": False, "logits": True}, output={"activation": "auto"}))
    assert [part.top1.correct for part in record.models if part.top1] == [7, 7]
    assert difference(record) < 1e-6
    frame = record.to_pandas()
    assert frame["label"].tolist() == [label + 1 for label in LABELS]  # as dataset.background_class says
    assert frame["reference.top1"].tolist() == frame["ir.top1"].tolist() == [value % OUTPUTS for value in VALUES]
    assert all(0 not in row for row in frame["reference.top5"])  # background is left out
    whole = probabilities_of(np.array(VALUES, np.uint8)[:, None, None, None] * np.ones((1, 1, 1, 3), np.uint8))[:, 1:]
    expected = (whole / whole.sum(axis=1, keepdims=True)).max(axis=1)
    np.testing.assert_allclose(frame["reference.top1_probability"], expected, rtol=1e-6)


def test_no_model_with_background_among_labels_that_count_it(project: Project) -> None:
    record = project.validate(models(project, {"background": False}, {"background": False}))
    assert [part.top1.correct for part in record.models if part.top1] == [7, 7]
    assert record.to_pandas()["ir.top1"].tolist() == [value % OUTPUTS for value in VALUES]


def test_background_that_the_labels_do_not_count(project: Project) -> None:
    def without(data: dict[str, Any]) -> None:
        change(data)
        data["dataset"]["background_class"] = False
        data["candidates"][0]["background_class"] = True

    change = models(project, {"background": False}, {})
    record = project.validate(without)
    assert [part.top1.correct for part in record.models if part.top1] == [7, 7]
    assert record.to_pandas()["ir.top1"].tolist() == [value % OUTPUTS - 1 for value in VALUES]
    assert difference(record) < 1e-6


def test_another_width_names_the_key_of_this_model(project: Project) -> None:
    (project.folder / "two.fake").write_text(json.dumps({"background": False}))
    (project.folder / "one.fake").write_text("{}")
    with pytest.raises(
        Exception,
        match=r"has 4 values per image, but the labels need 5; .* this model's own "
        r"`background",
    ):
        project.validate()


def test_models_without_a_row_are_left_open() -> None:
    from harness.backends.base import ModelSpec
    from harness.config import Input

    def spec(name: str, activation: Any) -> ModelSpec:
        return ModelSpec(name, "m", Input(color="BGR"), None, 4, 3, activation=activation)

    specs = [spec("tf", None), spec("a", None), spec("b", "sigmoid"), spec("c", "auto")]
    assert settled(specs, {"tf": np.empty((0, 3), np.float32)}, {}, "tf") == {"b": "sigmoid"}
    logits, shares = np.array([[5.0, 1, 2]], np.float32), np.array([[0.5, 0.25, 0.25]], np.float32)
    assert settled(specs, {"tf": shares, "a": logits, "c": logits}, {}, "tf") == {
        "tf": "none", "a": "none", "b": "sigmoid", "c": "softmax",
    }  # fmt: skip
    assert settled(specs, {"tf": shares, "a": logits}, {"tf": "softmax"}, "tf")["a"] == "softmax"
    assert settled(specs[1:], {"a": logits, "c": shares}, {}, None) == {"a": "softmax", "b": "sigmoid", "c": "none"}
