"""What a compiled model reports of itself, with devices that no test machine needs to have; and on the CPU."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Loaded, ModelSpec
from harness.backends.openvino.report import Observed, Request, after_a_change, deviations, report
from harness.backends.openvino.runner import OpenVINOBackend
from harness.config import Input
from tests.backends.openvino.test_runner import spec
from tests.conftest import IrMaker, Tiny


def wanted(device: str, precision: str = "f32") -> ModelSpec:
    return ModelSpec("ir", "m.xml", Input(color="BGR"), "o", 224, 1001, device=device, precision=precision)


def told(device: str, precision: str = "f32", **seen: Any) -> list[str]:
    return deviations(wanted(device, precision), Observed(**{"precision": "f32", "devices": (device,), **seen}))


class TestWarnings:
    def test_nothing(self) -> None:
        assert told("CPU", layers={"f32": 53}) == []
        assert deviations(wanted("CPU", "device_default"), Observed("bf16", ("CPU",))) == []
        assert deviations(wanted("CPU"), Observed("int8+f32", ("CPU",), layers={"int8": 50, "f32": 3})) == []

    def test_f16_asked_and_bf16_given(self) -> None:
        assert deviations(wanted("CPU", "f16"), Observed("bf16", ("CPU",))) == [
            "f16 was requested on CPU, but the compiled model runs in bf16"
        ]
        assert deviations(wanted("CPU", "f16"), Observed("int8+bf16", ("CPU",))) == [
            "f16 was requested on CPU, but the compiled model runs in bf16"
        ]

    def test_layers_that_run_otherwise_than_reported(self) -> None:
        assert told("CPU", layers={"bf16": 50, "f32": 3}) == [
            "the compiled model reports f32, but of its 53 multiplying layers 50 in bf16"
        ]

    def test_auto_may_change(self) -> None:
        (only,) = told("AUTO:GPU,CPU", devices=("CPU",))
        assert only == "AUTO may change the device during the run; it started on CPU"

    @pytest.mark.parametrize(
        ("device", "gathers", "expected"),
        [
            ("BATCH:CPU(4)", 4, "BATCH:CPU(4) collects 4 requests into a batch; latencies include"),
            ("GPU", 16, "GPU collects 16 requests into a batch; latencies include the waiting time"),
            ("GPU", None, "GPU collects requests into a batch; latencies include the waiting time"),
            ("BATCH:CPU", 1, "BATCH:CPU isn't batching; use BATCH:CPU(4)"),
        ],
    )
    def test_automatic_batching(self, device: str, gathers: int | None, expected: str) -> None:
        (only,) = told(device, gathers=gathers)
        assert only.startswith(expected)

    def test_dynamic_shapes_on_npu(self) -> None:
        assert told("NPU", batch=4, fixed=True) == [
            "the NPU needs a fixed shape, so the IR's free dimension was set to batch 4"
        ]
        assert told("HETERO:NPU,CPU", devices=("NPU", "CPU"), batch=1, fixed=True) != []
        assert told("NPU", batch=8) == ["the NPU runs a batch of 8; use batch 1 for full speed"]
        assert told("NPU") == []
        assert told("CPU", batch=4, fixed=True) == []


class Text:
    """A text as OpenVINO gives it: ``astype`` for what an information holds, ``to_string`` for a type."""

    def __init__(self, text: str) -> None:
        self.text = text

    def astype(self, _: type) -> str:
        return self.text

    def to_string(self) -> str:
        return self.text


class Layer:
    """A layer of the model that runs. ``data``: the type that its data comes in."""

    def __init__(self, kind: str, data: str, runtime: str = "") -> None:
        self.facts = {"layerType": Text(kind), "runtimePrecision": Text(runtime or data)}
        self.data = data

    def get_rt_info(self) -> dict[str, Text]:
        return self.facts

    def input_value(self, _: int) -> Layer:
        return self

    def get_element_type(self) -> Text:
        return Text(self.data)


class Compiled:
    """A compiled model that answers only what it is given; asked for anything else it raises, as OpenVINO does."""

    def __init__(self, properties: dict[str, Any], layers: list[Layer] | None = None) -> None:
        self.properties, self.layers = properties, layers

    def get_property(self, name: str) -> Any:
        if name not in self.properties:
            raise RuntimeError(f"Unsupported property: {name}")
        return self.properties[name]

    def get_runtime_model(self) -> Compiled:
        if self.layers is None:
            raise RuntimeError("not implemented")
        return self

    def get_ops(self) -> list[Layer]:
        return self.layers or []


class Core:
    def get_property(self, device: str, name: str) -> str:
        if device == "SILENT":
            raise RuntimeError("does not answer")
        return f"{device}'s {name}"

    def get_versions(self, device: str) -> dict[str, Any]:
        if device == "SILENT":
            raise RuntimeError("does not answer")
        return {device: type("Version", (), {"build_number": "1.2"})()}


def reported(openvino: Any, compiled: Compiled, device: str = "GPU", precision: str = "f32") -> Any:
    request = Request(batch=1, requests=4, input_shape="[?,2,2,3]", fixed=True)
    return report(openvino, Core(), compiled, wanted(device, precision), "s", request)


class TestReport:
    def test_everything_is_recorded(self, openvino: Any) -> None:
        properties = {
            "INFERENCE_PRECISION_HINT": openvino.Type.f16,
            "EXECUTION_DEVICES": ["GPU.0"],
            "PERFORMANCE_HINT": openvino.properties.hint.PerformanceMode.THROUGHPUT,
            "EXECUTION_MODE_HINT": openvino.properties.hint.ExecutionMode.PERFORMANCE,
            "NUM_STREAMS": 2,
            "AUTO_BATCH_TIMEOUT": 1000,
        }
        found = reported(openvino, Compiled(properties), precision="f16")
        assert (found.effective_precision, found.device_name) == ("f16", "GPU.0's FULL_DEVICE_NAME")
        assert found.details == {
            "batch": 1,
            "input_shape": "[?,2,2,3]",
            "requests": 4,
            "streams": 2,
            "threads": None,
            "performance_hint": "THROUGHPUT",
            "execution_mode_hint": "PERFORMANCE",
            "requests_a_batch": None,
            "execution_devices": ["GPU.0"],
            "layers_by_precision": {},
            "plugin_versions": {"GPU.0": "1.2"},
        }
        told = "ir: GPU collects requests into a batch; latencies include the waiting time"
        assert found.warnings == (told,)

    def test_quantised_layers_make_the_precision(self, openvino: Any) -> None:
        layers = [Layer("Convolution", "i8")] * 3 + [Layer("FullyConnected", "u8"), Layer("MatMul", "f32")]
        layers.append(Layer("Softmax", "bf16"))  # multiplies nothing
        found = reported(openvino, Compiled({"INFERENCE_PRECISION_HINT": openvino.Type.f32}, layers), device="CPU")
        assert found.effective_precision == "int8+f32"
        assert found.details["layers_by_precision"] == {"int8": 4, "f32": 1}
        assert found.warnings == ()

    def test_a_device_that_tells_no_precision_is_known_by_its_layers(self, openvino: Any) -> None:
        found = reported(openvino, Compiled({}, [Layer("Convolution", "bf16")] * 2), device="CPU")
        assert found.effective_precision == "bf16"
        assert found.warnings == ("ir: f32 was requested on CPU, but the compiled model runs in bf16",)
        assert reported(openvino, Compiled({}), device="SILENT").effective_precision == "unknown"

    def test_each_device_below_has_its_precision(self, openvino: Any) -> None:
        below = {
            "GPU": {"INFERENCE_PRECISION_HINT": openvino.Type.f16},
            "CPU": {"INFERENCE_PRECISION_HINT": openvino.Type.f32},
        }
        properties = {"EXECUTION_DEVICES": ["GPU", "CPU"], "DEVICE_PROPERTIES": below}
        found = reported(openvino, Compiled(properties), device="HETERO:GPU,CPU")
        assert found.effective_precision == "f16+f32"
        assert found.warnings == ("ir: f32 was requested on HETERO:GPU,CPU, but the compiled model runs in f16+f32",)


class TestADeviceThatChanges:
    """AUTO begins on the CPU and moves to a GPU when that has compiled the model: the record tells of both."""

    def test_the_record_is_of_both(self, openvino: Any) -> None:
        first = {"INFERENCE_PRECISION_HINT": openvino.Type.f32, "EXECUTION_DEVICES": ["(CPU)"]}
        second = {"INFERENCE_PRECISION_HINT": openvino.Type.f16, "EXECUTION_DEVICES": ["GPU.0"]}
        before, now = (reported(openvino, Compiled(each), device="AUTO") for each in (first, second))
        found = after_a_change(before, now, "ir")
        assert found.effective_precision == "f32+f16"
        assert found.details["execution_devices"] == ["CPU", "GPU.0"]
        assert found.device_name == "CPU's FULL_DEVICE_NAME, GPU.0's FULL_DEVICE_NAME"
        assert found.warnings == (
            "ir: AUTO may change the device during the run; it started on CPU",
            "ir: f32 was requested on AUTO, but the compiled model runs in f16",
            "ir: AUTO may change the device during the run; it started on GPU.0",
            "ir: AUTO changed the device during the run: CPU, GPU.0; the figures cover all of them",
        )

    def test_it_is_noticed_and_survives_the_way_to_another_process(
        self, openvino: Any, tiny: Tiny, pixels: Any
    ) -> None:
        with OpenVINOBackend(spec(tiny.ir, device="AUTO")) as backend:
            backend.infer(pixels)
            assert backend.loaded.details["execution_devices"] == ["CPU"]
            assert len(backend.loaded.warnings) == 1
            # Assigned and not patched: a patch would keep the compiled model beyond the queue's end, and OpenVINO's
            # threads of AUTO then abort the process now and then.
            backend._devices = lambda: ["GPU.0"]
            changed = dataclasses.replace(
                backend.loaded, details={**backend.loaded.details, "execution_devices": ["GPU.0"]}
            )
            backend._report = lambda: changed  # type: ignore[assignment]
            backend.infer(pixels)
            assert backend.loaded.details["execution_devices"] == ["CPU", "GPU.0"]
            assert "AUTO changed the device during the run" in backend.loaded.warnings[-1]
            plain = json.loads(json.dumps(backend.loaded.to_json()))
            assert Loaded.from_json(plain) == backend.loaded


def test_on_the_cpu(tiny: Tiny, openvino: Any) -> None:
    with OpenVINOBackend(spec(tiny.ir)) as backend:
        details = backend.loaded.details
    assert details["execution_devices"] == ["CPU"]
    assert (details["performance_hint"], details["execution_mode_hint"]) == ("THROUGHPUT", "PERFORMANCE")
    assert details["requests_a_batch"] == 1
    assert sum(details["layers_by_precision"].values()) == details["layers_by_precision"]["f32"] > 0


@pytest.mark.parametrize("element", ["f32", "f16"])
def test_smaller_weights_are_no_other_precision(make_ir: IrMaker, openvino: Any, tmp_path: Path, element: str) -> None:
    model = openvino.Core().read_model(make_ir(tmp_path / "m.xml"))
    openvino.save_model(model, tmp_path / "w.xml", compress_to_fp16=element == "f16")
    with OpenVINOBackend(spec(tmp_path / "w.xml")) as backend:
        assert set(backend.loaded.details["layers_by_precision"]) == {"f32"}
        assert (backend.loaded.effective_precision, backend.loaded.warnings) == ("f32", ())


@pytest.mark.parametrize(
    ("device", "gathers", "told"), [("BATCH:CPU(2)", 2, "collects 2 requests"), ("BATCH:CPU", 1, "isn't batching")]
)
def test_batches_on_the_cpu(tiny: Tiny, pixels: Any, device: str, gathers: int, told: str) -> None:
    with OpenVINOBackend(spec(tiny.ir, device=device)) as backend:
        assert backend.loaded.effective_precision == "f32"
        assert backend.loaded.details["requests_a_batch"] == gathers
        assert told in backend.loaded.warnings[0]
        np.testing.assert_allclose(backend.infer(pixels[:4]), tiny.network.of_pixels(pixels[:4]), atol=1e-5)


def test_a_free_batch_is_recorded(make_ir: IrMaker, tmp_path: Path) -> None:
    with OpenVINOBackend(spec(make_ir(tmp_path / "m.xml", batch=-1), batch=3)) as backend:
        assert backend.loaded.details["input_shape"] == "[?,16,16,3]"
        assert backend.loaded.details["batch"] == 3
