"""Properties of OpenVINO: set, read back, and refused before anything is compiled."""

from __future__ import annotations

from typing import Any

import pytest

from harness.backends.opening import open_backend
from harness.backends.openvino.properties import deviating
from harness.backends.openvino.runner import OpenVINOBackend
from harness.errors import ConfigError
from tests.backends.openvino.test_runner import spec
from tests.conftest import Tiny


def loaded(tiny: Tiny, properties: dict[str, Any], **more: Any) -> Any:
    with OpenVINOBackend(spec(tiny.ir, properties=properties, **more)) as backend:
        return backend.loaded


def refusal(tiny: Tiny, properties: dict[str, Any], **more: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(tiny, properties, **more)
    return str(caught.value)


def test_read_back(tiny: Tiny) -> None:
    found = loaded(tiny, {"NUM_STREAMS": 2, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False})
    assert found.properties == {
        "NUM_STREAMS": {"requested": 2, "effective": 2},
        "PERFORMANCE_HINT": {"requested": "LATENCY", "effective": "LATENCY"},
        "ENABLE_CPU_PINNING": {"requested": False, "effective": False},
    }
    assert (found.details["streams"], found.details["performance_hint"]) == (2, "LATENCY")
    assert found.effective_precision == "f32"  # pinned all the same


def test_the_devices_own_hints(tiny: Tiny, openvino: Any) -> None:
    """Nothing is asked for: what comes back is what OpenVINO gives whoever compiles without any setting."""
    plain = openvino.Core().compile_model(str(tiny.ir), "CPU")
    found = loaded(tiny, {}, hints="device", precision="device_default", threads=1)
    assert found.details["performance_hint"] == str(plain.get_property("PERFORMANCE_HINT")).rpartition(".")[2]
    assert found.details["streams"] == plain.get_property("NUM_STREAMS")
    assert found.details["threads"] == plain.get_property("INFERENCE_NUM_THREADS")
    names = {"f32": "f32", "bf16": "bf16", "f16": "f16", "float32": "f32", "bfloat16": "bf16", "float16": "f16"}
    assert found.effective_precision == names[plain.get_property("INFERENCE_PRECISION_HINT").to_string()]
    assert loaded(tiny, {}, threads=1).details["performance_hint"] == "THROUGHPUT"


def test_a_precision_hint_where_nothing_is_pinned(tiny: Tiny) -> None:
    found = loaded(tiny, {"INFERENCE_PRECISION_HINT": "f32"}, hints="device", precision="device_default")
    assert found.properties["INFERENCE_PRECISION_HINT"] == {"requested": "f32", "effective": "f32"}
    assert found.warnings == ()


def test_of_the_device_below_a_virtual_one(tiny: Tiny) -> None:
    asked = {"DEVICE_PROPERTIES": {"CPU": {"NUM_STREAMS": 1}}}
    found = loaded(tiny, asked, device="HETERO:CPU")
    assert found.properties["DEVICE_PROPERTIES.CPU.NUM_STREAMS"]["requested"] == 1
    asked["DEVICE_PROPERTIES"]["CPU"] = {"NUM_STREAM": 1}
    assert "DEVICE_PROPERTIES.CPU.NUM_STREAM: CPU has no such property; did you mean NUM_STREAMS?" in refusal(
        tiny, asked, device="HETERO:CPU"
    )


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"NUM_STREAM": 1}, "ir: properties.NUM_STREAM: CPU has no such property; did you mean NUM_STREAMS?"),
        ({"num_streams": 1}, "did you mean NUM_STREAMS?"),
        ({"ZZZ": 1}, "it has"),
        ({"NUM_STREAMS": "many"}, "does not accept 'many'"),
        ({"AVAILABLE_DEVICES": "x"}, "it is read-only"),
        ({"CACHE_DIR": "/tmp"}, "`cache.folder`"),
        ({"WEIGHTS_PATH": "w.bin"}, "set `model` instead"),
        ({"INFERENCE_PRECISION_HINT": "bf16"}, "write `precision: device_default`"),
        ({"NUM_STREAMS": {"CPU": {}}}, "is a mapping"),
        ({"DEVICE_PROPERTIES": {"CPU": {}}}, "is a mapping"),
    ],
)
def test_refused(tiny: Tiny, properties: dict[str, Any], said: str) -> None:
    assert said in refusal(tiny, properties)


def test_a_virtual_device_names_the_way_to_the_one_below(tiny: Tiny) -> None:
    assert "DEVICE_PROPERTIES: {CPU: {NUM_STREAMS: ...}}" in refusal(tiny, {"NUM_STREAMS": 1}, device="AUTO:CPU")


def test_refused_in_a_process_of_its_own_too(tiny: Tiny) -> None:
    wrong = spec(tiny.ir, properties={"NUM_STREAM": 1}, isolate=True, timeout_seconds=60.0)
    with pytest.raises(ConfigError, match="did you mean NUM_STREAMS"), open_backend("openvino", wrong):
        pass
    right = spec(tiny.ir, properties={"NUM_STREAMS": 1}, isolate=True, timeout_seconds=60.0)
    with open_backend("openvino", right) as backend:
        assert backend.loaded.properties == {"NUM_STREAMS": {"requested": 1, "effective": 1}}


def test_another_value_than_was_asked_is_a_sentence() -> None:
    pairs: dict[str, dict[str, Any]] = {
        "A": {"requested": "YES", "effective": True},
        "B": {"requested": 2, "effective": "2"},
        "C": {"requested": "latency", "effective": "LATENCY"},
        "D": {"requested": 4, "effective": None},
        "E": {"requested": "f16", "effective": "bf16"},
        "F": {"requested": 1, "effective": 2},
    }
    assert deviating(pairs) == [
        "E: f16 was requested, but the compiled model reports bf16",
        "F: 1 was requested, but the compiled model reports 2",
    ]
