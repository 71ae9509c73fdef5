from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import pytest

from harness.backends.openvino import devices_process
from harness.backends.openvino.devices import find_devices
from harness.backends.registry import backends, facts_of, load_target
from harness.commands import devices
from tests.backends.openvino.test_devices import CORE, Core
from tests.conftest import require


@pytest.fixture
def standing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_process, "find_devices_in_process", lambda: find_devices(CORE, "2025.3"))


@pytest.mark.usefixtures("standing_in")
def test_text() -> None:
    result = devices.run(argparse.Namespace(json=False))
    assert (result.exit_code, result.document) == (0, None)
    text = result.text
    assert "Example CPU" in text
    assert "CPU: `precision: device_default` runs bf16; pin `precision: f32`" in text
    assert "AUTO:CPU,GPU.0,GPU.1: chooses a device, and may change it" in text
    assert "GPU.1 does not respond" in text
    assert "Not found: NPU: Cannot load library of NPU" in text


@pytest.mark.usefixtures("standing_in")
def test_json_is_one_document() -> None:
    result = devices.run(argparse.Namespace(json=True))
    assert (result.exit_code, result.text) == (0, "")
    document = json.loads(json.dumps(result.document, allow_nan=False))
    assert [item["name"] for item in document["devices"]][:3] == ["CPU", "GPU.0", "GPU.1"]
    own = [item for item in document["devices"] if item["backend"] == "openvino"]
    assert [item["name"] for item in own] == ["CPU", "GPU.0", "GPU.1"]
    assert {item["backend"] for item in (*document["devices"], *document["not_installed"])} == set(backends())


def test_no_device_at_all_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_process, "find_devices_in_process", lambda: find_devices(Core([], {}, {}), "2025.3"))
    for facts in backends().values():
        if facts.name != "openvino":
            monkeypatch.setitem(sys.modules, facts.module, None)
    assert devices.run(argparse.Namespace(json=True)).exit_code == 3


@pytest.mark.usefixtures("standing_in")
@pytest.mark.parametrize("name", list(backends()))
def test_a_missing_backend_is_listed_with_what_to_install(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    facts = facts_of(name)
    monkeypatch.setitem(sys.modules, facts.module, None)
    result = devices.run(argparse.Namespace(json=False))
    assert result.exit_code == 0
    wanted = f"run `pip install 'conversion-accuracy-harness[{facts.extra}]'`"
    assert f"Not installed: {facts.title}: {wanted}" in result.text
    document = devices.run(argparse.Namespace(json=True)).document
    assert document is not None
    assert name not in document
    assert {"backend": name, "reason": wanted} in document["not_installed"]


def test_keras_is_listed_with_the_backend_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    require("keras")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    (device,) = load_target(facts_of("keras").devices or "")().devices
    assert device.remark == "KERAS_BACKEND is jax; set it to tensorflow, which this backend needs"


def test_litert_is_listed_with_and_without_its_delegate() -> None:
    require("ai_edge_litert")
    found = load_target(facts_of("litert").devices or "")().devices
    assert [(device.name, device.plugin) for device in found] == [
        ("CPU", "XNNPACK delegate"),
        ("CPU.BUILTIN", "LiteRT's own kernels"),
    ]


def test_every_provider_of_onnx_runtime_but_the_remote_one_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; it is the extra [onnx]")
    providers = ["CUDAExecutionProvider", "AzureExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    found = load_target(facts_of("onnxruntime").devices or "")().devices
    assert [(device.name, device.plugin) for device in found] == [
        ("CPU", "CPUExecutionProvider"),
        ("CUDA", "CUDAExecutionProvider"),
    ]


def test_the_real_one() -> None:
    require("openvino")
    result = devices.run(argparse.Namespace(json=True))
    assert result.exit_code == 0
    document: dict[str, Any] = json.loads(json.dumps(result.document))
    cpu = next(item for item in document["devices"] if item["name"] == "CPU")
    assert "f32" in cpu["precisions"]
    assert cpu["plugin"].startswith("openvino_intel_cpu_plugin")
    assert {"AUTO", "HETERO", "BATCH"} <= {item["name"] for item in document["virtual"]}
