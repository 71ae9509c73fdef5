"""The configurations that compare devices and precisions, and one run of the demo's on whatever this machine has."""

from __future__ import annotations

from typing import Any

import pytest

from harness.config import load_config
from harness.engine.run import Options
from harness.engine.session import validate
from harness.record.schema import ModelPart, RunRecord
from tests.conftest import PROJECT, require

EVERYWHERE = ("f32-CPU-f32", "f32-AUTO-f32", "f32-HETERO-CPU-f32", "f32-BATCH-CPU-f32", "f16-weights-CPU-f32")
ELSEWHERE = ("f32-NPU-f16", "f32-CPU-bf16", "f32-GPU-f32", "f32-GPU.1-f32", "f16-weights-GPU-f32", "int8-GPU-f32")
IMAGES = 60  # one of each class of the demo
STABLE = 6  # for the gate `stability`


@pytest.mark.parametrize("name", ["devices.yml", "mobilenet-v2-1.0-224-devices.yml"])
def test_every_combination_is_named(name: str) -> None:
    environment = {"IMAGENET_VAL": "/val", "IMAGENET_CALIBRATION": "/train"}
    config = load_config(PROJECT / "configs" / name, environment=environment)
    assert {item.id for item in config.candidates} == {*EVERYWHERE, *ELSEWHERE, "int8-CPU-f32"}
    optional = {item.id for item in config.candidates if item.optional}
    assert optional == set(ELSEWHERE)  # what a plain CPU may lack
    assert {config.conversion_for(item).weights for item in config.candidates} == {"f32", "f16", "int8"}
    parity = {item.id: config.gates_for(item).parity for item in config.candidates}
    yardsticks = {name: gate.yardstick for name, gate in parity.items() if gate}
    assert {name for name, yardstick in yardsticks.items() if yardstick is None} == {
        "f32-CPU-f32",
        "f32-AUTO-f32",
        "f32-HETERO-CPU-f32",
        "f32-BATCH-CPU-f32",
        "f32-GPU-f32",
        "f32-GPU.1-f32",
    }
    assert {name: yardstick for name, yardstick in yardsticks.items() if yardstick is not None} == {
        "f16-weights-CPU-f32": "f16",
        "f16-weights-GPU-f32": "f16",
        "f32-NPU-f16": "f16",
        "f32-CPU-bf16": "bf16",
        "int8-CPU-f32": "int8",
        "int8-GPU-f32": "int8",
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRecord, int]:
    """Return the record of one run, and how many images were decoded for it."""
    for package in ("tensorflow", "openvino", "nncf"):
        require(package)
    folder = tmp_path_factory.mktemp("devices")
    places = [f"matrix.models[{place}].model={folder}/{name}.xml" for place, name in enumerate(("f32", "f16", "int8"))]
    quick = [f"gates.stability.images={STABLE}"]
    config = load_config(PROJECT / "configs/devices.yml", [*places, f"candidates[0].model={folder}/f32.xml", *quick])
    decoded = 0
    with pytest.MonkeyPatch.context() as patch:
        from harness.feeding.pipeline import decode_with as real

        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal decoded
            decoded += 1
            return real(*arguments, **options)

        patch.setattr("harness.feeding.pipeline.decode_with", counted)
        record = validate(config, Options(limit=IMAGES, out=folder / "run", quiet=True, use_cache=False))
    return record, decoded


def model(record: RunRecord, name: str) -> ModelPart:
    return next(part for part in record.models if part.id == name)


@pytest.mark.slow
class TestOneRun:
    def test_each_image_is_decoded_once_for_all(self, run: tuple[RunRecord, int]) -> None:
        record, decoded = run
        calibrated = load_config(PROJECT / "configs/devices.yml").conversion.calibration.images
        # INT8 is made before the run, from images of its own; the gates that ask again decode theirs once for all.
        asked_again = IMAGES + STABLE
        assert decoded == IMAGES + calibrated + asked_again
        assert record.dataset.evaluated == IMAGES

    def test_every_candidate_has_a_row_whether_its_device_is_there_or_not(
        self, run: tuple[RunRecord, int], openvino: Any
    ) -> None:
        record, _ = run
        states = {part.id: part.status for part in record.models}
        assert {name: states[name] for name in (*EVERYWHERE, "int8-CPU-f32")} == dict.fromkeys(
            (*EVERYWHERE, "int8-CPU-f32"), "ok"
        )
        core = openvino.Core()
        there = {name.partition(".")[0] for name in core.available_devices}
        for name in ELSEWHERE:
            device = name.split("-")[-2].partition(".")[0]
            lacks_bf16 = name.endswith("bf16") and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            if device not in there or lacks_bf16:
                assert states[name] == "unavailable"
                assert {gate.verdict for gate in record.gates if gate.model == name} == {"not_applicable"}
        assert record.matrix is not None
        assert sorted(record.matrix.order) == sorted([*EVERYWHERE, *ELSEWHERE, "int8-CPU-f32"])

    def test_one_ir_gives_the_same_through_every_virtual_device(self, run: tuple[RunRecord, int]) -> None:
        record, _ = run
        same = {name for name in EVERYWHERE if name.startswith("f32-")}
        pairs = [pair for pair in record.pairwise if {pair.first, pair.second} <= same]
        assert len(pairs) == 6
        assert all(pair.top1_agreement.count == IMAGES for pair in pairs)
        for part in record.comparisons:
            if part.candidate in same:
                assert part.max_abs_diff is not None
                assert part.max_abs_diff < 1e-4

    def test_what_is_recorded_of_each(self, run: tuple[RunRecord, int]) -> None:
        record, _ = run
        for name in (*EVERYWHERE, "int8-CPU-f32"):
            part = model(record, name)
            assert part.precision.requested == "f32"
            assert part.precision.effective == ("int8+f32" if name.startswith("int8") else "f32")
            assert part.device_name
            assert part.details["execution_devices"] == ["CPU"]
            assert part.details["performance_hint"] == "THROUGHPUT"
            assert part.details["streams"] >= 1
            assert list(part.details["plugin_versions"]) == ["CPU"]
            assert part.latency_ms is not None
            assert part.latency_ms.requests == IMAGES
            assert part.images_per_second is not None
        sizes = [
            model(record, name).model_bytes or 0 for name in ("int8-CPU-f32", "f16-weights-CPU-f32", "f32-CPU-f32")
        ]
        assert sizes == sorted(sizes)
        assert sizes[0] > 0

    def test_deviations_is_told(self, run: tuple[RunRecord, int]) -> None:
        record, _ = run
        assert "f32-AUTO-f32: AUTO may change the device during the run; it started on CPU" in record.warnings
        told = "f32-BATCH-CPU-f32: BATCH:CPU isn't batching; use BATCH:CPU(4)"
        assert told in record.warnings
        assert not [text for text in record.warnings if "the compiled model reports" in text]
