"""Many candidates in one pass: one decode, and a failure costs only its own candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.backends.isolation.backend import IsolatedBackend
from harness.config import load_config
from harness.engine.run import Options
from harness.engine.session import validate
from harness.errors import AbsentDeviceError, ConfigError, DeviceError, ModelError
from harness.record.schema import RunRecord
from harness.record.store import read_record
from tests.conftest import Tiny, write_config, write_images


def with_candidates(tiny: Tiny, folder: Path, *more: dict[str, Any]) -> Path:
    write_images(folder / "images", 300, different=30)

    def change(data: dict[str, Any]) -> None:
        (first,) = data["candidates"]
        data["candidates"] += [{**first, **item} for item in more]

    return write_config(folder, tiny, change)


def run(path: Path) -> RunRecord:
    return validate(load_config(path), Options(out=path.parent / "run", quiet=True, use_cache=False))


def verdicts(record: RunRecord, model: str) -> dict[str, str]:
    return {gate.gate: gate.verdict for gate in record.gates if gate.model == model}


def test_each_image_is_decoded_once_for_all(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.feeding.pipeline import decode_with as real

    decoded: list[bytes] = []

    def counted(library: Any, data: bytes, **rest: Any) -> Any:
        decoded.append(data)
        return real(library, data, **rest)

    monkeypatch.setattr("harness.feeding.pipeline.decode_with", counted)
    record = run(with_candidates(tiny, tmp_path, {"id": "two"}, {"id": "three"}))
    assert len(decoded) == 300
    assert [part.candidate for part in record.comparisons] == ["ir", "two", "three"]
    assert [(pair.first, pair.second) for pair in record.pairwise] == [("ir", "two"), ("ir", "three"), ("two", "three")]
    assert all(pair.top1_agreement.count == 300 for pair in record.pairwise)
    for part in record.models[1:]:
        assert part.latency_ms is not None
        assert part.latency_ms.requests == 300
        assert part.model_bytes == tiny.ir.stat().st_size + tiny.ir.with_suffix(".bin").stat().st_size


def test_a_device_that_is_not_there_is_an_error_of_its_candidate(tiny: Tiny, tmp_path: Path) -> None:
    record = run(with_candidates(tiny, tmp_path, {"id": "gpu", "device": "GPU.9"}))
    assert record.status == "complete"
    assert record.exit_code == 3
    (gpu,) = (part for part in record.models if part.id == "gpu")
    assert (gpu.status, gpu.top1) == ("error", None)
    assert "GPU.9" in (gpu.error or "")
    assert set(verdicts(record, "gpu").values()) == {"error"}
    assert verdicts(record, "ir")["parity"] == "pass"
    assert record.matrix is not None
    assert (record.matrix.order, record.matrix.best) == (("ir", "gpu"), "ir")
    assert gpu.model_bytes == tiny.ir.stat().st_size + tiny.ir.with_suffix(".bin").stat().st_size
    assert record.to_pandas().columns.str.startswith("gpu.").sum() == 0


def test_an_optional_device_that_is_not_there_is_unavailable(tiny: Tiny, tmp_path: Path) -> None:
    record = run(with_candidates(tiny, tmp_path, {"id": "gpu", "device": "GPU.9", "optional": True}))
    assert record.exit_code == 0
    assert next(part.status for part in record.models if part.id == "gpu") == "unavailable"
    assert set(verdicts(record, "gpu").values()) == {"not_applicable"}
    assert record.matrix is not None
    assert record.matrix.may_ship == ("ir",)
    assert record.matrix.order == ("ir", "gpu")


def test_a_baseline_that_is_missing_keeps_candidates_from_shipping(tiny: Tiny, tmp_path: Path) -> None:
    """The matrix is made after the baseline gates were added."""

    def with_baseline(data: dict[str, Any]) -> None:
        data["gates"] = {"baseline": {"file": str(tmp_path / "missing.json")}}

    write_images(tmp_path / "images", 20)
    record = run(write_config(tmp_path, tiny, with_baseline))
    assert verdicts(record, "ir")["baseline"] == "error"
    assert record.matrix is not None
    assert (record.matrix.best, record.matrix.may_ship) == (None, ())


def test_a_finished_run_is_resumed_without_the_device_that_was_never_there(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_candidates(tiny, tmp_path, {"id": "gpu", "device": "GPU.9", "optional": True})
    first = run(path)

    def no_image(*_: Any, **__: Any) -> Any:
        raise AssertionError("an image is decoded again")

    def no_load(*_: Any) -> Any:
        raise AssertionError("a model is loaded only to describe it")

    monkeypatch.setattr("harness.feeding.pipeline.decode_with", no_image)
    monkeypatch.setattr("harness.engine.lane.open_backend", no_load)
    again = Options(out=path.parent / "run", quiet=True, use_cache=False, resume=True)
    second = validate(load_config(path), again)
    assert second.exit_code == first.exit_code == 0
    assert second.comparisons == first.comparisons
    assert {part.id: part.status for part in second.models} == {"tf": "ok", "ir": "ok", "gpu": "unavailable"}


def test_a_precision_that_the_device_lacks_is_a_matter_of_an_optional_candidate_too(
    tiny: Tiny, openvino: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = openvino.Core.get_property

    def without_bf16(self: Any, *arguments: Any) -> Any:
        value = real(self, *arguments)
        return [each for each in value if each != "BF16"] if arguments[-1] == "OPTIMIZATION_CAPABILITIES" else value

    monkeypatch.setattr(openvino.Core, "get_property", without_bf16)
    more = ({"id": "bf16", "precision": "bf16", "optional": True}, {"id": "needed", "precision": "bf16"})
    record = run(with_candidates(tiny, tmp_path, *more))
    assert {part.id: part.status for part in record.models} == {
        "tf": "ok",
        "ir": "ok",
        "bf16": "unavailable",
        "needed": "error",
    }
    assert record.exit_code == 3
    assert all("CPU lacks bf16" in (part.error or "") for part in record.models[2:])


def test_a_wrong_output_name_is_no_matter_of_an_optional_device(tiny: Tiny, tmp_path: Path) -> None:
    record = run(with_candidates(tiny, tmp_path, {"id": "two", "output": "Net/Nothing", "optional": True}))
    assert record.exit_code == 3
    assert next(part.status for part in record.models if part.id == "two") == "error"


def test_the_only_candidate_that_is_not_there_ends_the_run(tiny: Tiny, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 5)

    def absent(data: dict[str, Any]) -> None:
        data["candidates"][0] |= {"device": "GPU.9", "optional": True}

    with pytest.raises(AbsentDeviceError, match=r"GPU\.9"):
        run(write_config(tmp_path, tiny, absent))


def test_where_no_candidate_can_run_each_reason_is_told_the_required_ones_first(tiny: Tiny, tmp_path: Path) -> None:
    def absent(data: dict[str, Any]) -> None:
        first = data["candidates"][0] | {"device": "GPU.9", "optional": True}
        data["candidates"] = [first, first | {"id": "typo", "device": "cpu", "optional": False}]

    write_images(tmp_path / "images", 5)
    with pytest.raises(AbsentDeviceError) as caught:
        run(write_config(tmp_path, tiny, absent))
    _, typo, gpu = str(caught.value).splitlines()
    assert "typo: device 'cpu' not found; did you mean CPU?" in typo
    assert "GPU.9" in gpu


def test_a_crash_in_the_middle_costs_only_its_candidate(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = IsolatedBackend._infer

    def crashes(self: IsolatedBackend, pixels: Any) -> Any:
        assert self._child is not None
        self._child.kill()
        return real(self, pixels)

    monkeypatch.setattr(IsolatedBackend, "_infer", crashes)
    record = run(with_candidates(tiny, tmp_path, {"id": "two", "isolate": True}))
    assert record.exit_code == 3
    assert "died (signal 9)" in next(part.error or "" for part in record.models if part.id == "two")
    assert verdicts(record, "ir")["parity"] == "pass"
    assert record.dataset.evaluated == 300


@pytest.mark.parametrize(
    ("script", "told"),
    [("kill -SEGV $$", "died (signal 11)"), ("exit 7", "died (exit code 7)"), ("exec sleep 60", "within 1 s")],
)
def test_a_plug_in_that_crashes_or_hangs_while_it_loads_costs_only_its_candidate(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    child = tmp_path / "child"
    child.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    child.chmod(0o755)
    limit = 1 if "sleep" in script else 60  # what ends by itself has its time on a busy machine
    path = with_candidates(tiny, tmp_path, {"id": "two", "isolate": True, "timeout_seconds": limit})
    monkeypatch.setattr("harness.backends.isolation.backend.sys.executable", str(child))
    monkeypatch.setattr("harness.backends.base._START_SECONDS", 0.0)
    record = run(path)
    assert (record.exit_code, record.status, record.dataset.evaluated) == (3, "complete", 300)
    two = next(part for part in record.models if part.id == "two")
    assert (two.status, two.top1) == ("error", None)
    assert told in (two.error or "")
    assert verdicts(record, "ir")["parity"] == "pass"


def test_a_failing_reference_ends_the_run(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.backends.tensorflow.runner import TensorFlowBackend

    def fails(self: TensorFlowBackend, pixels: Any) -> Any:
        raise ModelError("tf: broke")

    monkeypatch.setattr(TensorFlowBackend, "_infer", fails)
    with pytest.raises((ModelError, DeviceError), match="tf: broke"):
        run(with_candidates(tiny, tmp_path, {"id": "two"}))


def test_a_property_that_there_is_not_ends_the_run_before_the_first_image(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_image(*_: Any, **__: Any) -> Any:
        raise AssertionError("an image is decoded")

    monkeypatch.setattr("harness.feeding.pipeline.decode_with", no_image)
    path = with_candidates(tiny, tmp_path, {"id": "two", "properties": {"NUM_STREAM": 1}})
    with pytest.raises(ConfigError, match=r"two: properties.NUM_STREAM: .* did you mean NUM_STREAMS\?"):
        run(path)
    record = read_record(tmp_path / "run")
    assert (record.status, record.exit_code) == ("error", 2)


def test_properties_and_the_row_that_people_ship_are_recorded(tiny: Tiny, tmp_path: Path) -> None:
    asked = {"NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    record = run(with_candidates(tiny, tmp_path, {"id": "two", "properties": asked, "deployment": True}))
    _, first, two, shipped = record.models
    assert (first.properties, first.hints) == ({}, "pinned")
    for model in (two, shipped):
        assert {name: (pair.requested, pair.effective) for name, pair in model.properties.items()} == {
            name: (value, value) for name, value in asked.items()
        }
    assert (two.hints, shipped.id, shipped.hints) == ("pinned", "two-deployment", "device")
    assert (two.precision.requested, shipped.precision.requested) == ("f32", "device_default")
    assert verdicts(record, "two-deployment")["parity"] == "not_applicable"
    assert verdicts(record, "two-deployment")["drop"] in ("pass", "fail")
