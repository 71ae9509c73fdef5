"""The gate `stability` on a fake device with each fault that devices have, and on one that has none."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import harness.dataset.manifest
from harness.backends.base import Loaded, Pixels, Probabilities
from harness.backends.registry import register
from harness.config.gates import StabilityGate
from harness.errors import DeviceError, ModelError, RecordError
from harness.judging.recount import sound_record
from harness.judging.stability_gate import judge_stability
from harness.record import RunRecord
from harness.record.schema import GatePart, StabilityPart, StabilityPass
from tests.backends.fake import FACTS
from tests.engine.conftest import FakeModel, Fakes, probabilities_of
from tests.engine.test_session import LABELS, Change, Project, values_for

IN_BATCHES = ("fixed to 3", "wrong beside others", "wrong last batch", "swapped rows")


class FaultyModel(FakeModel):
    """The candidate misbehaves as ``fault`` says; counts are of one loaded model, so each load starts anew."""

    fault: str = ""

    def load(self) -> Loaded:
        self._calls, self._last = 0, -1
        self._asked: set[int] = set()
        self._batch = 3 if self.fault in IN_BATCHES else self.spec.batch or 1
        if self.fault == "wrong in a batch that is not full":
            self._batch = self.spec.batch or 4  # of the eight images, two whole batches
        if self.fault == "cannot compile" and self.spec.batch is not None and self.spec.id == "ir":
            raise DeviceError("ir: NPU cannot compile a batch of 4\nmore")
        if self.fault == "fixed batch" and self.spec.id == "ir" and self._batch != 1:
            raise ModelError(f"{self.spec.model}: its batch size is fixed to 1, batch: {self._batch} is configured")
        return dataclasses.replace(super().load(), details={"batch": self._batch})

    def _infer(self, pixels: Pixels) -> Probabilities:
        right = super()._infer(pixels)
        if not self.spec.id.startswith("ir"):
            return right
        self._calls += 1
        wrong = np.roll(right, 1, axis=1)
        first = pixels[:, 0, 0, 0].astype(int)
        if self.fault == "wrong second answer":
            seen = np.array([value in self._asked for value in first])
            self._asked |= set(first.tolist())
            return np.where(seen[:, None], wrong, right)
        if self._wrong_by_batch(len(pixels)) or self._wrong_by_hints():
            return wrong
        if self.fault == "swapped rows" and len(pixels) == 3:
            return np.ascontiguousarray(right[::-1])
        if self.fault == "order-dependent":
            before = np.concatenate([[self._last], first[:-1]])
            self._last = int(first[-1])
            backwards = (first < before) & (first > 41)  # each pass but the shuffled one begins with 41
            return np.where(backwards[:, None], wrong, right)
        if self.fault == "precision":  # silently f16 after a while
            return right.astype(np.float16).astype(np.float32) if self._calls > 10 else right
        if self.fault == "says another precision":
            self.loaded = dataclasses.replace(self.loaded, effective_precision="bf16" if self._calls > 10 else "f32")
        if self.fault == "drift":
            return np.asarray(probabilities_of(pixels, 1.01 + self._calls / 1000), np.float32)
        if self._not_finite():
            return np.full_like(right, np.nan)
        if self.fault == "fails" and self._calls > 10:
            raise ModelError("ir: the device was lost")
        return wrong if self.fault == "wrong after a while" and self._calls > 20 else right

    def _wrong_by_batch(self, asked: int) -> bool:
        return {
            "wrong batch": self._batch > 1,
            "wrong beside others": asked > 1,
            "wrong in flight": asked > self._batch,
            "wrong last batch": asked < 3,
            "wrong in a batch that is not full": self._batch > 1 and asked < self._batch,
        }.get(self.fault, False)

    def _wrong_by_hints(self) -> bool:
        return self.fault == "wrong at its own hints" and self.spec.hints == "device"

    def _not_finite(self) -> bool:
        return {"nan": self._calls > 10, "nan at times": self._calls % 13 == 0}.get(self.fault, False)


@pytest.fixture
def project(tmp_path: Any, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 4)
    register(dataclasses.replace(FACTS, runner="tests.engine.test_stability:FaultyModel"))
    found = Project(tmp_path)
    found.images(values_for(LABELS), LABELS)
    yield found
    FaultyModel.fault = ""


def on(**limits: Any) -> Change:
    def change(data: dict[str, Any]) -> None:
        data["gates"] = {"parity": None, "target": None, "drop": None, "stability": {"images": 8, **limits}}

    return change


def gate_of(record: RunRecord) -> GatePart:
    (found,) = [gate for gate in record.gates if gate.gate == "stability"]
    return found


def test_a_model_without_a_fault_passes_with_every_change_tried(project: Project) -> None:
    record = project.validate(on())
    found = gate_of(record)
    assert (record.exit_code, found.verdict) == (0, "pass")
    assert found.measured == {
        "images": 8,
        **{f"{name}_max_abs_diff": 0.0 for name in ("again", "order", "batch", "in_flight", "later")},
    }
    assert found.limit == {"images": 8, "max_abs_diff": 0.0}
    assert record.matrix is not None
    assert record.matrix.may_ship == ("ir",)


@pytest.mark.parametrize(
    ("fault", "cause", "broke"),
    [
        (
            "wrong second answer",
            "repeating an image gives a different prediction",
            {"again", "order", "in_flight", "later"},
        ),
        ("wrong batch", "the predictions depend on the batch", {"batch"}),
        ("wrong in flight", "the predictions depend on the number of requests in flight", {"in_flight"}),
        ("order-dependent", "the predictions depend on the order of the images", {"order"}),
        ("precision", "repeating an image gives a different prediction", {"again", "order", "in_flight", "later"}),
        ("drift", "the predictions drift", {"again", "order", "in_flight", "later", "batch"}),
        ("says another precision", "precision f32 became bf16", set()),
        ("nan", "repeating an image gives a different prediction", {"again", "order", "in_flight", "later"}),
        ("nan at times", "repeating an image gives a different prediction", {"again", "later"}),
        ("wrong after a while", "the predictions change from some pass on", {"order", "in_flight", "later"}),
        (
            "wrong last batch",
            "the predictions depend on which images are computed together",
            {"order", "batch", "in_flight"},
        ),
        (
            "swapped rows",
            "the predictions depend on which images are computed together",
            {"order", "batch", "in_flight"},
        ),
        ("wrong in a batch that is not full", "the predictions depend on the batch", {"batch"}),
    ],
)
def test_each_fault_is_caught_by_name(project: Project, fault: str, cause: str, broke: set[str]) -> None:
    FaultyModel.fault = fault
    record = project.validate(on())
    found = gate_of(record)
    assert (record.exit_code, found.verdict) == (1, "fail")
    assert found.reason.startswith(cause)
    part = record.stability[0]
    beyond = {item.change for item in part.passes if item.max_abs_diff != 0}
    assert beyond >= broke
    assert beyond <= broke | {"batch"} if fault == "drift" else beyond == broke
    assert all(item.worst[0].image.endswith(".png") for item in part.passes if item.differing)
    assert record.matrix is not None
    assert (record.matrix.may_ship, "stability failed for ir" in record.matrix.reason) == ((), True)


def test_a_fault_at_the_own_hints_of_a_device_costs_the_row_that_people_ship(project: Project) -> None:
    FaultyModel.fault = "wrong at its own hints"
    runner = "tests.engine.test_stability:FaultyModel"
    register(dataclasses.replace(FACTS, runner=runner, properties=True))

    def change(data: dict[str, Any]) -> None:
        data["candidates"][0]["deployment"] = True
        data["gates"] = {"parity": {"images": 8}, "target": None, "stability": {"images": 8}}
        data["gates"]["drop"] = {"top1_max_pp": 1.0, "top5_max_pp": 99.0}

    record = project.validate(change)
    verdicts = {(gate.model, gate.gate): gate.verdict for gate in record.gates if gate.model.startswith("ir")}
    assert (verdicts["ir", "drop"], verdicts["ir-deployment", "drop"]) == ("pass", "fail")
    assert (verdicts["ir", "stability"], verdicts["ir-deployment", "stability"]) == ("pass", "pass")
    assert record.exit_code == 1


def test_slow_drift_within_the_limit_at_first_is_caught_at_the_end(project: Project) -> None:
    FaultyModel.fault = "drift"
    moved = {item.change: item.max_abs_diff for item in project.validate(on()).stability[0].passes}
    assert moved["again"] is not None
    assert moved["in_flight"] is not None
    found = gate_of(project.validate(on(max_abs_diff=moved["in_flight"])))
    assert found.verdict == "fail"
    assert found.reason.startswith("the predictions drift: each pass differs more than the one before; at the end: ")
    everything = gate_of(project.validate(on(max_abs_diff=max(filter(None, moved.values())))))
    assert everything.verdict == "pass"  # the boundary itself


def test_a_fixed_batch_is_said_and_not_passed_over(project: Project) -> None:
    FaultyModel.fault = "fixed batch"
    found = gate_of(project.validate(on()))
    assert found.verdict == "pass"
    assert found.reason.endswith("; batch not tried: the batch is fixed to 1")


def test_a_fixed_larger_batch_is_asked_for_one_image_at_a_time(project: Project) -> None:
    FaultyModel.fault = "fixed to 3"
    found = gate_of(project.validate(on()))
    assert (found.verdict, found.measured and found.measured["batch_max_abs_diff"]) == ("pass", 0.0)
    FaultyModel.fault = "wrong beside others"
    found = gate_of(project.validate(on()))
    assert (found.verdict, found.reason.partition(";")[0]) == ("fail", "the predictions depend on the batch")


def test_a_batch_that_the_device_does_not_compile_is_said(project: Project) -> None:
    FaultyModel.fault = "cannot compile"
    found = gate_of(project.validate(on()))
    assert found.verdict == "pass"
    assert found.reason.endswith("; batch not tried: ir: NPU cannot compile a batch of 4")


def test_a_device_that_fails_meanwhile_is_an_error(project: Project) -> None:
    FaultyModel.fault = "fails"
    record = project.validate(on())
    assert (record.exit_code, gate_of(record).verdict, gate_of(record).reason) == (
        3,
        "error",
        "ir: the device was lost",
    )


def test_off_asks_nothing(project: Project, fakes: Fakes) -> None:
    record = project.validate()
    assert record.stability == ()
    assert "stability" not in {gate.gate for gate in record.gates}
    assert fakes.loads["ir"] == 1


def test_a_verdict_that_its_own_numbers_do_not_give_is_refused(project: Project) -> None:
    FaultyModel.fault = "wrong batch"
    record = project.validate(on())
    gates = [gate.model_copy(update={"verdict": "pass"}) if gate.gate == "stability" else gate for gate in record.gates]
    for changed in ({"gates": tuple(gates), "exit_code": 0}, {"stability": ()}):
        with pytest.raises(RecordError):
            sound_record(record.model_copy(update=changed).in_folder(record.stored_in), None)


@pytest.mark.parametrize("missing", ["again", "order", "in_flight", "later"])
def test_nothing_passes_because_a_change_was_not_tried(missing: str) -> None:
    names = [name for name in ("again", "order", "batch", "in_flight", "later") if name != missing]
    part = StabilityPart(
        model="ir", images=4, passes=tuple(StabilityPass(change=name, max_abs_diff=0) for name in names)
    )
    assert judge_stability("ir", part, StabilityGate()).verdict == "error"


def test_of_no_image_and_of_nothing_measured_nothing_is_said() -> None:
    for part in (None, StabilityPart(model="ir", images=0)):
        assert judge_stability("ir", part, StabilityGate()).verdict == "not_applicable"
    assert math.isclose(StabilityGate().max_abs_diff, 0)


def test_a_device_that_only_a_worker_has_is_not_checked_and_decides_nothing() -> None:
    part = StabilityPart(model="ir", images=4, absent="ir: this machine has no device NPU")
    found = judge_stability("ir", part, StabilityGate())
    assert found.verdict == "inconclusive"
    assert found.reason.startswith("not checked: ir: this machine has no device NPU; run `harness validate` on")
