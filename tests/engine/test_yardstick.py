"""The gate `parity` with a yardstick in whole runs: measured, recorded, judged again, with and without bad images."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import harness.dataset.manifest
from harness import load_config
from harness.backends.base import Pixels, Probabilities
from harness.backends.registry import register
from harness.engine.first_images import FirstImages
from harness.engine.run import Run
from harness.engine.yardstick import measure_yardsticks
from harness.errors import ConfigError, DatasetError, RecordError
from harness.judging.recount import sound_record
from harness.record import RunRecord
from harness.record.predictions import read_predictions
from harness.record.schema import GatePart
from tests.backends.fake import FACTS
from tests.engine.conftest import FakeModel, Fakes, probabilities_of
from tests.engine.test_session import LABELS, Change, Project, values_for

DRAWS = {"f16": 4, "bf16": 4, "int8": 1}


class Rounded(FakeModel):
    """The candidate, whose rounding makes it another one by a little: the more, the higher the draw."""

    def _infer(self, pixels: Pixels) -> Probabilities:
        assert self.spec.rounding is not None
        assert (self.spec.device, self.spec.precision, self.spec.cache_dir) == ("CPU", "f32", None)
        return probabilities_of(pixels, 1.01 + self.spec.rounding[1] / 500)


@pytest.fixture
def project(tmp_path: Any, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 4)
    facts = dataclasses.replace(FACTS, runner="tests.engine.conftest:FakeModel")
    register(dataclasses.replace(facts, rounder="tests.engine.test_yardstick:Rounded"))
    found = Project(tmp_path)
    found.images(values_for(LABELS), LABELS)
    return found


def by(yardstick: str, max_ratio: float, **more: Any) -> Change:
    def change(data: dict[str, Any]) -> None:
        parity = {"images": 8, "yardstick": yardstick, "max_ratio": max_ratio}
        data["gates"] = {"target": None, "drop": None, "parity": parity}
        data["dataset"] |= more

    return change


def gate_of(record: RunRecord, model: str = "ir") -> GatePart:
    (found,) = [gate for gate in record.gates if (gate.gate, gate.model) == ("parity", model)]
    return found


def mean_error(values: list[Any], one: float, other: float) -> NDArray[np.float64]:
    """Return the mean absolute difference of each image between two powers, as numpy gives it."""
    pixels = np.array(values, np.uint8)[:, None, None, None]
    off = np.abs(probabilities_of(pixels, one) - probabilities_of(pixels, other))
    return np.asarray(off.mean(axis=1, dtype=np.float64))


@pytest.mark.parametrize("precision", DRAWS)
def test_the_error_is_divided_by_that_of_the_rounded_network(project: Project, precision: str, fakes: Fakes) -> None:
    record = project.validate(by(precision, 1000))
    values = values_for(LABELS)[:8]
    moved = [mean_error(values, 1.01 + draw / 500, 1.01) for draw in range(1, 1 + DRAWS[precision])]
    beside = np.sqrt(np.mean(np.square(moved), axis=0))
    (part,) = record.yardsticks
    assert (part.model, part.yardstick, part.error) == ("ir", precision, None)
    assert part.errors == pytest.approx(beside.tolist())
    found = gate_of(record)
    assert (record.exit_code, found.verdict) == (0, "pass")
    assert found.measured is not None
    wanted = mean_error(values, 1.01, 1.0).mean() / beside.mean()
    assert found.measured["mean_ratio"] == pytest.approx(wanted, rel=1e-5)
    assert fakes.open["ir"] == 0
    assert gate_of(project.validate(by(precision, float(0.5 * wanted)))).verdict == "fail"


class Scaled(Rounded):
    """The candidate's network, which takes pixels that are no whole numbers."""

    takes_floating = True

    def _infer(self, pixels: Pixels) -> Probabilities:
        assert self.spec.rounding is not None
        return by_value(pixels, 1.01 + self.spec.rounding[1] / 500)


def by_value(pixels: Pixels, power: float) -> Probabilities:
    """Return what moves a little with the value itself, whole number or not."""
    return probabilities_of(pixels, power + pixels[:, 0, 0, :1] / 1000)


@pytest.mark.parametrize("answers", ["cached", "asked for again"])
def test_known_changes_of_the_input_are_measured_against_the_reference(project: Project, answers: str) -> None:
    facts = dataclasses.replace(FACTS, runner="tests.engine.conftest:FakeModel")
    register(dataclasses.replace(facts, rounder="tests.engine.test_yardstick:Scaled"))
    record = project.validate(by("int8", 1000), use_cache=answers == "cached")
    (part,) = record.yardsticks
    shares = {each.change: each.share for each in part.input_changes}
    assert set(shares) == {"pixel values times 256/255", "pixel values times 255/256"}
    values = np.array(values_for(LABELS)[:8], np.float32)[:, None, None, None]
    reference, fed = (each.astype(np.float64) for each in (probabilities_of(values, 1.0), by_value(values, 1.01)))
    step = by_value(values * np.float32(256 / 255), 1.01) - fed
    root = np.sqrt(reference * (1 - reference))
    wanted, *_ = np.linalg.lstsq((step / root).reshape(-1, 1), ((reference - fed) / root).reshape(-1), rcond=None)
    assert shares["pixel values times 256/255"] == pytest.approx(float(wanted[0]), rel=1e-3)
    assert shares["pixel values times 255/256"] == -shares["pixel values times 256/255"]


@pytest.mark.parametrize("policy", ["skip", "wrong"])
def test_bad_images_have_no_part_in_it(project: Project, policy: str) -> None:
    values = [*values_for(LABELS)]
    values[2] = None
    project.images(values, LABELS)
    record = project.validate(by("f16", 1000, bad_images={"policy": policy, "max": 2, "max_percent": 50}))
    good = [value for value in values if value is not None][: 8 if policy == "skip" else 7]
    found = gate_of(record)
    assert (found.verdict, found.measured and found.measured["images"]) == ("pass", len(good))
    assert len(record.yardsticks[0].errors) == len(good)


def test_a_network_that_nobody_can_round_decides_nothing(project: Project) -> None:
    register(dataclasses.replace(FACTS, runner="tests.engine.conftest:FakeModel"))
    record = project.validate(by("f16", 2))
    assert (record.exit_code, gate_of(record).verdict) == (3, "error")
    assert "ir: rounding to f16 works on a model that OpenVINO reads" in gate_of(record).reason


def test_another_candidate_is_a_yardstick(project: Project, fakes: Fakes) -> None:
    def change(data: dict[str, Any]) -> None:
        by("tw", 1)(data)
        data["candidates"].append({**data["candidates"][0], "id": "tw", "gates": {"parity": {"yardstick": None}}})
        data["gates"]["parity"]["max_abs_diff"] = 0.5

    record = project.validate(change)
    assert (record.exit_code, record.yardsticks) == (0, ())
    measured = gate_of(record).measured
    assert measured is not None
    assert (measured["mean_ratio"], measured["rms_ratio"]) == (1, 1)  # the boundary
    assert gate_of(record, "tw").limit == {"images": 8, "max_abs_diff": 0.5}


def test_a_resumed_run_measures_it_again(project: Project) -> None:
    before = project.validate(by("f16", 1000), out=project.folder / "run")
    after = project.validate(by("f16", 1000), out=project.folder / "run", resume=True)
    assert (after.yardsticks, after.gates) == (before.yardsticks, before.gates)


def test_parity_alone_needs_no_more_than_its_own_images(project: Project) -> None:
    record = project.validate(by("f16", 1000), parity_only=True)
    assert (gate_of(record).verdict, record.dataset.evaluated, len(record.yardsticks[0].errors)) == ("pass", 8, 8)


def test_numbers_that_were_changed_are_refused(project: Project) -> None:
    record = project.validate(by("f16", 1000))
    (part,) = record.yardsticks
    other = part.model_copy(update={"errors": tuple(2 * error for error in part.errors)})
    named = part.model_copy(update={"yardstick": "int8"})
    table = read_predictions(record.stored_in)
    assert table is not None
    for yardsticks in ((), (other,), (named,), (part, part)):
        forged = record.model_copy(update={"yardsticks": yardsticks}).in_folder(record.stored_in)
        with pytest.raises(RecordError):
            sound_record(forged, table)
    gates = [gate.model_copy(update={"verdict": "fail"}) if gate.gate == "parity" else gate for gate in record.gates]
    with pytest.raises(RecordError):
        sound_record(record.model_copy(update={"gates": tuple(gates), "exit_code": 1}), None)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ir", "`parity.yardstick` names ir itself"),
        ("int4", "there is no `parity.yardstick` int4; did you mean `int8`?"),
        ("reference", "there is no `parity.yardstick` reference; valid: f16, bf16, int8, ir"),
    ],
)
def test_a_yardstick_that_is_none_is_refused_before_anything_runs(project: Project, name: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        project.validate(by(name, 2))
    assert said in str(caught.value)
    assert load_config(project.folder / "config.yml", ["gates.parity.yardstick=f16"]).gates.parity is not None


def test_an_image_that_was_replaced_meanwhile_is_compared_with_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models predicted other pixels than those that the yardstick would be measured on."""
    image = project.folder / "images" / "002.png"

    def replaced(run: Run, first: FirstImages) -> Any:
        image.write_bytes((project.folder / "images" / "003.png").read_bytes())
        return measure_yardsticks(run, first)

    monkeypatch.setattr("harness.engine.session.measure_yardsticks", replaced)
    with pytest.raises(DatasetError, match=r"^002\.png: was replaced or changed while the run used it") as caught:
        project.validate(by("f16", 100.0))
    assert caught.value.exit_code == 3
