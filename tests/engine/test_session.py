"""Whole validations in memory of fake models: counts and denominators by hand, policies, interruption, resume."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

import harness.dataset.manifest
from harness import load_config, validate
from harness.backends.base import Loaded, Pixels, Probabilities
from harness.disk.checked_table import read_table
from harness.engine.run import Options
from harness.errors import ConfigError, DatasetError, HarnessError, ModelError
from harness.judging.recount import read_sound_record, sound_record
from harness.metrics.sequential import random_order
from harness.record import RunRecord, read_record
from harness.record.shard_table import ShardTable
from tests.engine.conftest import SIDE, FakeModel, Fakes

Change = Callable[[dict[str, Any]], None]


def nothing(_: dict[str, Any]) -> None:
    pass


class Project:
    """A folder with images of one value each, their list, and a configuration of two fake models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "images").mkdir()
        (folder / "one.fake").write_bytes(b"one")
        (folder / "two.fake").write_bytes(b"two")

    def images(self, values: Sequence[int | None], labels: Sequence[int]) -> None:
        """Write images, None: a text file; ``labels``: 0-based classes."""
        lines = []
        for row, (value, label) in enumerate(zip(values, labels, strict=True)):
            name = f"{row:03d}.png"
            data = b"text" if value is None else cv2.imencode(".png", np.full((SIDE, SIDE, 3), value, np.uint8))[1]
            (self.folder / "images" / name).write_bytes(bytes(data))
            lines.append(f"{name} {label}\n")
        (self.folder / "images.txt").write_text("".join(lines))

    def validate(self, change: Change = nothing, **options: Any) -> RunRecord:
        data: dict[str, Any] = {
            "version": 1,
            "name": "net",
            "dataset": {"path": "images", "classes": 4, "preprocess": {"size": SIDE, "crop_fraction": 1.0}},
            "reference": {
                "id": "reference",
                "backend": "fake",
                "model": "one.fake",
                "input": {"color": "RGB"},
                "output": "o",
            },
            "candidates": [
                {"id": "ir", "backend": "fake", "model": "two.fake", "input": {"color": "RGB"}, "output": "o"}
            ],
            "cache": {"folder": "cache"},
            "gates": {"parity": {"max_abs_diff": 0.5}},
        }
        data["dataset"]["images"] = len((self.folder / "images.txt").read_text().splitlines()) or None
        change(data)
        (self.folder / "config.yml").write_text(yaml.safe_dump(data))
        options.setdefault("reports", self.folder / "reports")
        record = validate(load_config(self.folder / "config.yml"), Options(**{"quiet": True, **options}))
        assert read_sound_record(record.stored_in) == record  # judged again from its table, every sentence included
        sound_record(record, None)
        return record


@pytest.fixture
def project(tmp_path: Path, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 4)
    return Project(tmp_path)


def values_for(labels: Sequence[int], wrong: Sequence[int] = ()) -> list[int | None]:
    """Return values for which the fake models answer class + 1, and another class for the ``wrong`` rows."""
    return [40 + 5 * row + label + (2 if row in wrong else 1) for row, label in enumerate(labels)]


LABELS = [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_counts_by_hand(project: Project) -> None:
    project.images(values_for(LABELS, wrong=[1, 4, 9]), LABELS)
    record = project.validate()
    assert (record.status, record.exit_code) == ("complete", 0)
    for model in record.models:
        assert model.top1 is not None
        assert (model.top1.correct, model.top1.total, model.top1.percent) == (7, 10, 70.0)
        assert model.top5 is not None
        assert (model.top5.correct, model.top5.total) == (10, 10)
    comparison = record.comparisons[0]
    assert (comparison.top1_agreement.count, comparison.top1_agreement.total) == (10, 10)
    assert (comparison.flips.fixed, comparison.flips.broken, comparison.flips.changed_wrong) == (0, 0, 0)
    assert (record.dataset.images, record.dataset.listed, record.dataset.evaluated) == (10, 10, 10)
    frame = record.to_pandas()
    assert frame["image_id"].tolist() == [f"{row:03d}.png" for row in range(10)]
    assert frame["label"].tolist() == [label + 1 for label in LABELS]
    assert (frame["reference.rank_of_label"] == 1).tolist() == [row not in (1, 4, 9) for row in range(10)]
    assert "a warning" in record.warnings


def test_the_record_on_disk_is_the_record(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)
    record = project.validate()
    assert record.folder is not None
    assert read_record(record.folder).model_dump() == record.model_dump()
    assert (project.folder / "reports" / "net" / "latest").resolve() == record.folder.resolve()
    assert json.loads((record.folder / "run.json").read_text())["exit_code"] == 0


def bad(policy: str, most: int) -> Change:
    def change(data: dict[str, Any]) -> None:
        data["dataset"]["bad_images"] = {"policy": policy, "max": most, "max_percent": 100}

    return change


WITH_BAD = [None if row in (2, 7) else value for row, value in enumerate(values_for(LABELS, wrong=[1]))]


def test_bad_images_fail_and_are_all_listed(project: Project) -> None:
    project.images(WITH_BAD, LABELS)
    with pytest.raises(DatasetError) as caught:
        project.validate(out=project.folder / "run")
    assert str(caught.value).startswith("2 bad images (bad_images.policy is fail, 0 allowed)")
    assert "002.png: not an image" in str(caught.value)
    assert "007.png: not an image" in str(caught.value)
    record = read_record(project.folder / "run")
    assert (record.status, record.exit_code) == ("error", 3)
    assert [each.id for each in record.dataset.bad_images] == ["002.png", "007.png"]
    assert {gate.verdict for gate in record.gates} == {"error"}


def test_bad_images_count_as_wrong(project: Project) -> None:
    project.images(WITH_BAD, LABELS)
    record = project.validate(bad("wrong", 2))
    assert record.exit_code == 0
    for model in record.models:
        assert model.top1 is not None
        assert (model.top1.correct, model.top1.total) == (7, 10)
        assert model.top5 is not None
        assert (model.top5.correct, model.top5.total) == (8, 10)
    assert (record.dataset.evaluated, record.dataset.images) == (10, 10)
    assert [each.id for each in record.dataset.bad_images] == ["002.png", "007.png"]
    agreement = record.comparisons[0].top1_agreement
    assert (agreement.count, agreement.total) == (8, 8)
    frame = record.to_pandas()
    assert frame["ir.top1"].tolist()[2] == -1
    assert frame["ir.rank_of_label"].tolist()[7] == 0


def test_bad_images_are_left_out(project: Project) -> None:
    project.images(WITH_BAD, LABELS)
    record = project.validate(bad("skip", 2))
    assert record.exit_code == 5
    for model in record.models:
        assert model.top1 is not None
        assert (model.top1.correct, model.top1.total) == (7, 8)
    assert (record.dataset.evaluated, record.dataset.images, record.dataset.listed) == (8, 10, 10)
    assert len(record.to_pandas()) == 8
    drop = next(gate for gate in record.gates if gate.gate == "drop")
    assert "on 8 of 10 images" in drop.reason  # without the two, it is a subset
    assert drop.verdict == "inconclusive"


@pytest.mark.parametrize("policy", ["wrong", "skip"])
def test_a_share_of_bad_images_ends_a_run_whatever_their_number(project: Project, policy: str) -> None:
    project.images(WITH_BAD, LABELS)

    def many(data: dict[str, Any]) -> None:
        data["dataset"]["bad_images"] = {"policy": policy, "max": 1000}

    with pytest.raises(
        DatasetError, match=r"0 allowed, which is 1 % of 10\); fix them, or set .*max_percent"
    ) as caught:
        project.validate(many)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("policy", ["wrong", "skip"])
def test_a_run_that_stops_early_is_not_allowed_the_bad_images_of_the_rest(project: Project, policy: str) -> None:
    """1 of 40 images is 2.5 %, but 1 of the 4 that a certification looks at is 25 %."""
    first = [int(row) for row in random_order(40, 0)[:4]]
    labels = LABELS * 4
    project.images([None if row == first[1] else value for row, value in enumerate(values_for(labels))], labels)

    def tolerant(data: dict[str, Any]) -> None:
        data["dataset"]["bad_images"] = {"policy": policy, "max": 40, "max_percent": 5}

    assert len(project.validate(tolerant).dataset.bad_images) == 1
    with pytest.raises(DatasetError, match=r"1 bad image \(.*, 0 allowed, which is 5 % of 4\)") as caught:
        project.validate(tolerant, certify_pp=100.0)
    assert caught.value.exit_code == 3


def test_a_certification_passes_on_no_image_that_is_left_out(project: Project) -> None:
    project.images(WITH_BAD, LABELS)
    record = project.validate(bad("skip", 2), certify_pp=0.1)
    certify = next(gate for gate in record.gates if gate.gate == "certify")
    assert (certify.verdict, record.exit_code) == ("inconclusive", 5)
    assert certify.measured is not None
    assert certify.measured["images"] == record.dataset.evaluated == 8
    assert record.matrix is not None
    assert record.matrix.may_ship == ()


def test_a_resumed_run_has_the_same_share_of_bad_images(project: Project) -> None:
    project.images(WITH_BAD, LABELS)
    out = project.folder / "run"
    first = project.validate(bad("skip", 2), out=out)
    next((out / "shards").glob("*.table")).unlink()
    again = project.validate(bad("skip", 2), out=out, resume=True)
    assert (again.dataset, again.gates, again.exit_code) == (first.dataset, first.gates, 5)


def undeclared(limit: float | None, images: int | None = None) -> Change:
    def change(data: dict[str, Any]) -> None:
        data["dataset"]["images"] = images
        if limit is not None:
            data["gates"]["drop"] = {"top1_max_pp": limit, "top5_max_pp": limit}

    return change


def drop_of(record: RunRecord) -> tuple[str, str]:
    return next((gate.verdict, gate.reason) for gate in record.gates if gate.gate == "drop")


def test_images_that_nobody_called_the_whole_set_are_none_where_one_weighs_more_than_the_limit(
    project: Project,
) -> None:
    project.images(values_for(LABELS), LABELS)
    verdict, reason = drop_of(project.validate(undeclared(None)))
    assert verdict == "inconclusive"
    assert "one image weighs 10 pp, more than the limit of 0.1 pp; write `dataset.images: 10` if these 10" in reason
    assert drop_of(project.validate(undeclared(10.0)))[0] == "pass"  # one image weighs no more than the limit
    assert drop_of(project.validate(undeclared(9.9)))[0] == "inconclusive"
    assert drop_of(project.validate(undeclared(None, 10)))[0] == "pass"


def test_nor_are_they_for_the_gates_certify_and_target(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)

    def change(data: dict[str, Any]) -> None:
        data["dataset"]["images"] = None
        data["published"] = {"top1_percent": 100, "top5_percent": 100}

    record = project.validate(change, certify_pp=0.1)
    certify = next(gate for gate in record.gates if gate.gate == "certify")
    assert certify.verdict == "inconclusive"
    assert "one image weighs 10 pp, more than the limit of 0.1 pp" in certify.reason
    targets = [gate for gate in record.gates if gate.gate == "target"]
    assert {gate.verdict for gate in targets} == {"not_applicable"}
    assert "published on an unknown number of images: one image weighs 10 pp" in targets[0].reason


@pytest.mark.parametrize("policy", ["wrong", "skip"])
def test_more_bad_images_than_allowed(project: Project, policy: str) -> None:
    project.images(WITH_BAD, LABELS)
    with pytest.raises(DatasetError, match=rf"2 bad images \(bad_images.policy is {policy}, 1 allowed\)"):
        project.validate(bad(policy, 1), out=project.folder / "run")
    assert read_record(project.folder / "run").exit_code == 3


@pytest.mark.parametrize("policy", ["wrong", "skip"])
def test_nothing_but_bad_images_never_passes(project: Project, policy: str) -> None:
    project.images([None] * 6, [0] * 6)
    record = project.validate(bad(policy, 6))
    assert record.exit_code == 5


def test_an_empty_list_never_passes(project: Project) -> None:
    project.images([41], [0])
    (project.folder / "images.txt").write_text("")
    record = project.validate()
    assert (record.exit_code, record.dataset.evaluated, record.dataset.images) == (5, 0, 0)
    assert len(record.to_pandas()) == 0


@pytest.mark.parametrize("text", ["", "# nothing\n", "name class\n"])
def test_an_empty_list_decides_nothing_when_certified_either(project: Project, text: str) -> None:
    project.images([41], [0])
    (project.folder / "images.txt").write_text(text)
    record = project.validate(certify_pp=0.1)
    assert (record.exit_code, record.dataset.evaluated) == (5, 0)


def test_a_limit_makes_a_subset_of_what_is_listed(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)
    record = project.validate(limit=5)
    assert (record.dataset.images, record.dataset.listed, record.dataset.evaluated) == (10, 10, 5)
    drop = next(gate for gate in record.gates if gate.gate == "drop")
    assert "on 5 of 10 images" in drop.reason
    assert record.exit_code == 5


def published(data: dict[str, Any]) -> None:
    data["published"] = {"top1_percent": 100, "top5_percent": 100}


def test_a_limit_is_never_held_against_the_published_numbers(project: Project) -> None:
    project.images(values_for(LABELS, wrong=[9]), LABELS)
    verdicts = {
        limit: {gate.verdict for gate in project.validate(published, limit=limit).gates if gate.gate == "target"}
        for limit in (None, 5, 10, 99)
    }
    assert verdicts == {None: {"fail"}, 5: {"not_applicable"}, 10: {"fail"}, 99: {"fail"}}


def test_every_image_is_read_once_by_a_second_run_too_but_the_reference_is_cached(
    project: Project, fakes: Fakes
) -> None:
    project.images(values_for(LABELS), LABELS)
    first, second = project.validate(), project.validate()
    assert fakes.images == {"reference": 10, "ir": 20}
    assert [model.cached for model in first.models] == [False, False]
    assert [model.cached for model in second.models] == [True, False]
    assert second.models[0].images_per_second is None
    assert first.comparisons == second.comparisons
    project.validate(use_cache=False)
    assert fakes.images == {"reference": 20, "ir": 30}


def damage(project: Project) -> None:
    for path in (project.folder / "cache" / "probabilities").glob("*/*.rows"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


def test_damaged_cache_entries_are_computed_again(project: Project, fakes: Fakes) -> None:
    project.images(values_for(LABELS), LABELS)
    first = project.validate()
    damage(project)
    second = project.validate()
    assert fakes.images["reference"] == 20
    assert first.comparisons == second.comparisons
    assert not second.models[0].cached
    assert project.validate().models[0].cached


def test_a_changed_image_is_not_in_the_cache_but_all_others_are(project: Project, fakes: Fakes) -> None:
    project.images(values_for(LABELS), LABELS)
    project.validate()
    project.images(values_for(LABELS, wrong=[5]), LABELS)
    record = project.validate()
    assert fakes.images["reference"] == 11
    assert record.models[0].top1 is not None
    assert record.models[0].top1.correct == 9


@pytest.mark.parametrize("asked", [{"limit": 3}, {"limit": 7}, {"certify_pp": 0.1}], ids=repr)
def test_a_part_of_the_set_and_a_random_order_of_it_are_in_the_cache(
    project: Project, fakes: Fakes, asked: dict[str, Any]
) -> None:
    project.images(values_for(LABELS, wrong=[3, 8]), LABELS)
    cold = project.validate(use_cache=False, **asked)
    project.validate()
    before = fakes.images["reference"]
    warm = project.validate(**asked)
    assert fakes.images["reference"] == before
    assert warm.models[0].cached
    assert warm.comparisons == cold.comparisons


def test_the_speed_of_a_partly_cached_reference_is_that_of_what_it_was_asked(project: Project, fakes: Fakes) -> None:
    """All 10 images at 3 known ones: the first shard of 4 asks for one, which alone counts in its time."""
    project.images(values_for(LABELS), LABELS)
    project.validate(limit=3)
    record = project.validate()
    assert fakes.images["reference"] == 10
    rate = record.models[0].images_per_second
    stored = [read_table(path) for path in (record.stored_in / "shards").glob("*.table")]
    seconds = sum(ShardTable.from_arrow(table).seconds["reference"] for table in stored)
    assert rate == pytest.approx(7 / seconds)


def test_parity_alone_looks_at_its_images_and_goes_by_its_gate(project: Project, fakes: Fakes) -> None:
    project.images(values_for(LABELS), LABELS)

    def six(limit: float) -> Change:
        def change(data: dict[str, Any]) -> None:
            data["gates"]["parity"] = {"images": 6, "max_abs_diff": limit}

        return change

    record = project.validate(six(0.5), parity_only=True)
    assert (record.exit_code, record.dataset.evaluated, record.dataset.images) == (0, 6, 10)
    assert fakes.images == {"reference": 6, "ir": 6}
    assert {gate.gate: gate.verdict for gate in record.gates} == {
        "target": "not_applicable",
        "parity": "pass",
        "drop": "not_applicable",
    }
    assert record.config["only"] == "parity"
    assert project.validate(six(1e-9), parity_only=True).exit_code == 1
    assert project.validate(six(1e-9), parity_only=True, limit=2).dataset.evaluated == 2
    out = record.stored_in
    again = project.validate(six(0.5), parity_only=True, resume=True, out=out)
    assert again.comparisons == record.comparisons
    with pytest.raises(ConfigError, match="cannot be resumed, because the configuration"):
        project.validate(six(0.5), resume=True, out=out)


def test_parity_is_said_before_the_first_shard_is_there(
    project: Project, fakes: Fakes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.engine.first_verdict._WHOLE_BATCHES", 1)
    project.images(values_for(LABELS), LABELS)

    def three(data: dict[str, Any]) -> None:
        data["gates"]["parity"] = {"images": 3, "max_abs_diff": 1e-6}

    record = project.validate(three, quiet=False)
    said = [line for line in capsys.readouterr().err.splitlines() if line]
    (gate,) = (gate for gate in record.gates if gate.gate == "parity")
    assert said[0] == f"ir: parity FAIL: {gate.reason}"
    assert said[1].startswith("10/10 images")
    first, shard = (record.timing[f"first_{name}_seconds"] or 0.0 for name in ("verdict", "shard"))
    assert 0 < first <= shard
    assert fakes.images == {"reference": 10, "ir": 10}

    def with_a_yardstick(data: dict[str, Any]) -> None:
        three(data)
        data["candidates"].append({**data["candidates"][0], "id": "other"})
        data["candidates"][0]["gates"] = {"parity": {"yardstick": "other"}}

    project.validate(with_a_yardstick, quiet=False, use_cache=False)
    said = [line for line in capsys.readouterr().err.splitlines() if "parity" in line]
    assert sorted(line.partition(":")[0] for line in said) == ["ir", "other"]
    assert any(line.endswith("times) that of other, limit 2") for line in said)

    def with_a_precision(data: dict[str, Any]) -> None:
        three(data)
        data["gates"]["parity"] = {"images": 3, "yardstick": "f16"}

    project.validate(with_a_precision, quiet=False, use_cache=False)
    assert (
        "ir: parity is judged at the end, relative to what rounding to f16 changes"
    ) in capsys.readouterr().err.splitlines()


def test_the_candidate_has_answered_before_the_reference_is_there(
    project: Project, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference's loading waits for the candidate's first answer, and would for ever if that waited for it."""
    answered = threading.Event()

    def load(model: FakeModel) -> Loaded:
        assert model.spec.id == "ir" or answered.wait(20)
        return plain_load(model)

    def infer(model: FakeModel, pixels: Pixels) -> Probabilities:
        if model.spec.id == "ir":
            answered.set()
        return plain_infer(model, pixels)

    plain_load, plain_infer = FakeModel.load, FakeModel._infer
    monkeypatch.setattr(FakeModel, "load", load)
    monkeypatch.setattr(FakeModel, "_infer", infer)
    project.images(values_for(LABELS), LABELS)
    assert project.validate().exit_code == 0


def test_a_cache_that_cannot_be_written_does_not_stop_the_run(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)
    (project.folder / "cache").write_bytes(b"a file")
    assert project.validate().exit_code == 0


def test_the_cache_is_trimmed(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)

    def small(data: dict[str, Any]) -> None:
        data["cache"]["max_gb"] = 1e-9

    project.validate(small)
    assert not list((project.folder / "cache").glob("*/*/*"))


def test_nan_names_the_image_and_leaves_a_record(project: Project, fakes: Fakes) -> None:
    values = values_for(LABELS)
    values[6] = 200
    fakes.nan = frozenset({200})
    project.images(values, LABELS)
    with pytest.raises(ModelError, match=r"first for the image 006\.png"):
        project.validate(out=project.folder / "run")
    record = read_record(project.folder / "run")
    assert (record.status, record.exit_code) == ("error", 3)
    assert "006.png" in (record.error or "")


def untimed(record: RunRecord) -> dict[str, Any]:
    """Return the record without what may differ between two evaluations of the same."""
    plain = record.model_dump(mode="json", exclude={"timing", "started_utc", "command", "environment"})
    for model in plain["models"]:
        model.pop("images_per_second")
        model.pop("cached")
    return plain


@pytest.mark.parametrize("after", [1, 3, 5])
def test_an_interrupted_run_goes_on(project: Project, fakes: Fakes, after: int) -> None:
    """``after``: how many calls of a model succeed before Ctrl-C; three shards and two models make six."""
    project.images(values_for(LABELS, wrong=[1]), LABELS)
    whole = project.validate(out=project.folder / "whole", use_cache=False)
    calls = 0
    real = fakes.images.__class__.__getitem__

    class Interrupting(type(fakes.images)):  # type: ignore[misc]
        def __getitem__(self, key: str) -> int:
            nonlocal calls
            calls += 1
            if calls == after + 1:
                raise KeyboardInterrupt
            return int(real(self, key))

    fakes.images = Interrupting()
    with pytest.raises(HarnessError) as caught:
        project.validate(out=project.folder / "run", use_cache=False)
    assert caught.value.exit_code == 130
    assert f"continue with: --resume --out {project.folder / 'run'}" in str(caught.value)
    record = read_record(project.folder / "run")
    assert (record.status, record.exit_code) == ("incomplete", 130)
    kept = len(list((project.folder / "run" / "shards").glob("*.table")))
    resumed = project.validate(out=project.folder / "run", resume=True, use_cache=False)
    assert untimed(resumed) == untimed(whole)
    assert resumed.to_pandas().equals(whole.to_pandas())
    assert kept < 3


@pytest.mark.parametrize("damaged", ["half", "flip", "empty", "gone"])
def test_a_damaged_table_is_computed_again(project: Project, fakes: Fakes, damaged: str) -> None:
    project.images(values_for(LABELS, wrong=[1, 6]), LABELS)
    whole = project.validate(out=project.folder / "run", use_cache=False)
    path = project.folder / "run" / "shards" / "000001.table"
    data = path.read_bytes()
    flipped = data[:200] + bytes([data[200] ^ 1]) + data[201:]
    new = {"half": data[: len(data) // 2], "flip": flipped, "empty": b"", "gone": None}[damaged]
    path.unlink()
    if new is not None:
        path.write_bytes(new)
    fakes.images.clear()
    resumed = project.validate(out=project.folder / "run", resume=True, use_cache=False)
    assert fakes.images == {"reference": 4, "ir": 4}
    assert untimed(resumed) == untimed(whole)


def test_resuming_a_finished_run_evaluates_nothing(project: Project, fakes: Fakes) -> None:
    project.images(values_for(LABELS), LABELS)
    whole = project.validate(use_cache=False)
    fakes.images.clear()
    fakes.loads.clear()
    again = project.validate(resume=True, use_cache=False)
    assert again.folder == whole.folder
    assert not fakes.images
    assert not fakes.loads
    assert untimed(again) == untimed(whole)


def test_bad_images_of_finished_shards_still_count_after_a_resume(project: Project) -> None:
    project.images(WITH_BAD, LABELS)
    whole = project.validate(bad("wrong", 2), out=project.folder / "run", use_cache=False)
    (project.folder / "run" / "shards" / "000002.table").unlink()
    resumed = project.validate(bad("wrong", 2), out=project.folder / "run", resume=True, use_cache=False)
    assert untimed(resumed) == untimed(whole)


def replace_image(project: Project) -> None:
    path = project.folder / "images" / "005.png"
    times = path.stat()
    path.write_bytes((project.folder / "images" / "006.png").read_bytes())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace_label(project: Project) -> None:
    path = project.folder / "images.txt"
    path.write_text(path.read_text().replace("005.png 1", "005.png 2"))


def replace_model(project: Project) -> None:
    (project.folder / "two.fake").write_bytes(b"a new candidate")


def scale(data: dict[str, Any]) -> None:
    data["candidates"][0]["input"]["scale"] = 2


@pytest.mark.parametrize(
    ("spoil", "change", "words"),
    [
        (replace_image, nothing, "the image 005.png was replaced since the run began"),
        (replace_label, nothing, "the images or labels that are listed changed"),
        (replace_model, nothing, "a model file changed since it began (models.ir: "),
        (lambda _: None, scale, "the configuration changed since it began (config.candidates: "),
    ],
)
def test_a_resume_of_something_else_is_refused(
    project: Project, spoil: Callable[[Project], None], change: Change, words: str
) -> None:
    project.images(values_for(LABELS), LABELS)
    project.validate(out=project.folder / "run", use_cache=False)
    (project.folder / "run" / "shards" / "000002.table").unlink()
    spoil(project)
    with pytest.raises(ConfigError) as caught:
        project.validate(change, out=project.folder / "run", resume=True, use_cache=False)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


def test_gates_may_change_when_a_run_goes_on(project: Project) -> None:
    def strict(data: dict[str, Any]) -> None:
        data["gates"] = {"parity": {"max_abs_diff": 1e-9}}

    project.images(values_for(LABELS), LABELS)
    assert project.validate(out=project.folder / "run").exit_code == 0
    assert project.validate(strict, out=project.folder / "run", resume=True).exit_code == 1


def test_another_limit_is_another_run(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)
    project.validate(out=project.folder / "run", limit=5)
    with pytest.raises(ConfigError, match="the images or labels that are listed changed"):
        project.validate(out=project.folder / "run", resume=True)


def test_a_used_folder_is_refused_and_left_as_it_is(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)
    project.validate(out=project.folder / "run")
    before = (project.folder / "run" / "run.json").read_bytes()
    with pytest.raises(ConfigError, match="already contains a run"):
        project.validate(out=project.folder / "run")
    assert (project.folder / "run" / "run.json").read_bytes() == before


def test_nothing_to_resume(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)
    with pytest.raises(ConfigError, match="no run to resume"):
        project.validate(resume=True)


def test_a_folder_of_ones_own_leaves_its_neighbours_alone(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)
    (project.folder / "latest").write_text("a file of somebody's own")
    project.validate(out=project.folder / "run")
    assert (project.folder / "latest").read_text() == "a file of somebody's own"
    assert not (project.folder / "reports").exists()


def test_timing_and_environment_are_there(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)
    record = project.validate()
    for name in ("wall_seconds", "stream_seconds", "load_seconds", "first_shard_seconds"):
        seconds = record.timing[name]
        assert seconds is not None
        assert seconds >= 0
    assert {"python", "cpu", "cores", "versions", "git_commit"} <= set(record.environment)


def test_an_unknown_engine_is_refused_with_what_there_is(project: Project) -> None:
    project.images(values_for(LABELS), LABELS)
    with pytest.raises(ConfigError, match=r"there is no engine 'lokal'; did you mean 'local'\? Available: local, ray"):
        project.validate(engine="lokal", use_cache=False)


def test_a_run_that_cannot_be_prepared_leaves_no_folder(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.images(values_for(LABELS), LABELS)

    def failing(*_: object, **__: object) -> None:
        raise ModelError("cannot be converted")

    monkeypatch.setattr("harness.engine.session.prepare_models", failing)
    with pytest.raises(ModelError, match="cannot be converted"):
        project.validate(out=project.folder / "new" / "run", use_cache=False)
    assert not (project.folder / "new").exists()
