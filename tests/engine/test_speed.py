"""Speeds of the finalists: who is measured, how often and by what, with a fake model and a fake clock."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import harness.dataset.manifest
from harness.backends.base import Pixels, Probabilities
from harness.backends.registry import register
from harness.engine.speed import ROUNDS
from harness.errors import ModelError
from harness.record import RunRecord
from harness.record.schema import SpeedPart
from tests.backends.fake import FACTS
from tests.engine.conftest import FakeModel, Fakes, probabilities_of
from tests.engine.test_session import LABELS, Change, Project, values_for

SECONDS = {"ir": 0.01, "slow": 0.02}  # an image, by model


class Timed(FakeModel):
    """Takes as long as ``SECONDS`` says, and every tenth request twice as long."""

    order: list[str] = []  # noqa: RUF012
    fail_after: int | None = None
    details: dict[str, Any] = {}  # noqa: RUF012

    def load(self) -> Any:
        self._asked = 0
        loaded = super().load()
        return dataclasses.replace(loaded, details={**loaded.details, **self.details})

    def infer(self, pixels: Pixels) -> Probabilities:
        found = super().infer(pixels)
        each = SECONDS.get(self.spec.id, 0.001)
        self.infer_seconds = each * len(pixels)
        self._latencies += [1000 * each * (2 if number % 10 == 9 else 1) for number in range(len(pixels))]
        return found

    def _infer(self, pixels: Pixels) -> Probabilities:
        self._asked += 1
        if self.spec.id == "slow" and self.fail_after is not None and self._asked > self.fail_after:
            raise ModelError("slow: the device was lost")
        if len(pixels) > 4 and self.spec.id != "reference":
            self.order.append(self.spec.id)
        bad = self.spec.id == "bad"
        return probabilities_of(pixels, 9.0 if bad else 1.0 if self.spec.id == "reference" else 1.01)


@pytest.fixture
def project(tmp_path: Any, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 4)
    monkeypatch.setattr(Timed, "order", [])
    monkeypatch.setattr(Timed, "fail_after", None)
    register(dataclasses.replace(FACTS, runner="tests.engine.test_speed:Timed"))
    found = Project(tmp_path)
    found.images(values_for(LABELS), LABELS)
    return found


def several(*names: str, limit: float = 0.02) -> Change:
    def change(data: dict[str, Any]) -> None:
        data["candidates"] = [{**data["candidates"][0], "id": name} for name in names]
        data["gates"] = {"parity": {"images": 8, "max_abs_diff": limit}, "target": None, "drop": None}

    return change


def speeds(record: RunRecord) -> dict[str, SpeedPart | None]:
    return {part.id: part.speed for part in record.models}


def test_those_that_may_ship_are_measured_and_the_others_are_not(project: Project) -> None:
    record = project.validate(several("slow", "ir", "bad"), speed=True)
    assert record.matrix is not None
    assert set(record.matrix.may_ship) == {"ir", "slow"}
    found = speeds(record)
    assert (found["bad"], found["reference"]) == (None, None)
    for name in ("ir", "slow"):
        part = found[name]
        assert part is not None
        assert part.rounds == ROUNDS
        assert part.images_per_second.median == pytest.approx(1 / SECONDS[name])
        assert part.images_per_second.ci95 == pytest.approx((1 / SECONDS[name], 1 / SECONDS[name]))
        assert part.latency_median_ms.median == pytest.approx(1000 * SECONDS[name])
        assert part.images == pytest.approx(0.4 / SECONDS[name], rel=0.3)
    assert record.matrix.best == "ir"
    assert "100 images/s" in record.matrix.reason
    assert record.timing["speed_seconds"] is not None


def test_models_take_turns_another_one_first_each_round(project: Project) -> None:
    project.validate(several("slow", "ir"), speed=True)
    turns = [name for place, name in enumerate(Timed.order) if place == 0 or Timed.order[place - 1] != name]
    # Both are warmed up; then each round begins with the model that ended the round before, so that its turns meet.
    assert turns[:2] == ["slow", "ir"]
    assert turns[2:] == (["slow", "ir"] * ROUNDS)[: ROUNDS + 1]


def test_all_are_measured_where_none_may_ship(project: Project) -> None:
    record = project.validate(several("slow", "ir", limit=1e-9), speed=True)
    assert record.exit_code == 1
    assert {name for name, part in speeds(record).items() if part} == {"slow", "ir"}


def test_a_model_that_fails_meanwhile_keeps_its_verdict(project: Project) -> None:
    Timed.fail_after = 20
    record = project.validate(several("slow", "ir"), speed=True)
    assert record.exit_code == 0
    found = speeds(record)
    assert (found["slow"], found["ir"] is None) == (None, False)
    assert "slow: its speed was not measured: slow: the device was lost" in record.warnings


def test_a_resumed_run_measures_and_one_without_the_option_does_not(project: Project) -> None:
    before = project.validate(several("slow", "ir"), out=project.folder / "run")
    assert set(speeds(before).values()) == {None}
    after = project.validate(several("slow", "ir"), out=project.folder / "run", resume=True, speed=True)
    assert all(part for name, part in speeds(after).items() if name != "reference")


@pytest.mark.parametrize("details", [{}, {"batch": 8, "streams": 2}, {"batch": 64, "streams": 4}, {"streams": "auto"}])
def test_each_batch_of_those_at_the_same_time_has_its_images(
    project: Project, monkeypatch: pytest.MonkeyPatch, details: dict[str, Any]
) -> None:
    monkeypatch.setattr(Timed, "details", details)
    monkeypatch.setattr(Timed, "order", [])
    part = speeds(project.validate(several("ir"), speed=True))["ir"]
    assert part is not None
    together = details.get("batch", 1) * (details.get("streams", 1) if "batch" in details else 1)
    assert part.images % together == 0
    assert part.images >= together
