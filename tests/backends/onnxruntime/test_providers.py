from __future__ import annotations

import dataclasses

import pytest

from harness.backends.base import ModelSpec
from harness.backends.onnxruntime.providers import Provider, devices_of, provider_of, require_ran, require_used
from harness.config import Input
from harness.errors import AbsentDeviceError, DeviceError

CPU, CUDA, OPENVINO = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "OpenVINO"))
AVAILABLE = [OPENVINO, CUDA, "AzureExecutionProvider", CPU]
SPEC = ModelSpec("m", "m.onnx", Input(name="input", color="RGB"), "output", 16, 5)


def found(device: str, precision: str = "f32") -> Provider:
    return provider_of(dataclasses.replace(SPEC, device=device, precision=precision), AVAILABLE)


@pytest.mark.parametrize(
    ("device", "name", "options"),
    [
        ("CPU", CPU, {}),
        ("cpu", CPU, {}),
        ("CUDA", CUDA, {"use_tf32": "0"}),
        ("cuda.1", CUDA, {"use_tf32": "0", "device_id": "1"}),
        ("OpenVINO", OPENVINO, {"precision": "FP32", "device_type": "CPU"}),
        ("OPENVINO:GPU.1", OPENVINO, {"precision": "FP32", "device_type": "GPU.1"}),
    ],
)
def test_devices_are_providers_that_compute_in_what_is_pinned(device: str, name: str, options: dict[str, str]) -> None:
    assert found(device) == Provider(name, options)


def test_nothing_is_pinned_where_the_device_may_choose() -> None:
    assert found("CUDA", "device_default") == Provider(CUDA, {})


def test_the_cpu_comes_first_and_a_remote_service_is_no_device() -> None:
    assert devices_of(AVAILABLE) == ["CPU", "OpenVINO", "CUDA"]


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("Azure", "has no execution provider for 'Azure'; it has CPU, OpenVINO, CUDA"),
        ("CUDAA", "did you mean CUDA? It has CPU, OpenVINO, CUDA"),
        ("GPU.1", "has no execution provider for 'GPU.1'; it has"),
        ("CUDA;1", "has no execution provider for 'CUDA;1'"),
        ("", "has no execution provider for ''"),
    ],
)
def test_an_absent_provider_is_answered_with_those_that_are_there(device: str, message: str) -> None:
    with pytest.raises(AbsentDeviceError) as caught:
        found(device)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("device", "message"),
    [("CUDA:GPU", "only OpenVINO has devices after a colon"), ("CPU.1", "write CPU"), ("OpenVINO.1", ":GPU.1")],
)
def test_another_form_is_refused(device: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        found(device)


def test_what_falls_back_is_caught() -> None:
    cuda = Provider(CUDA)
    require_used(SPEC, cuda, [CUDA, CPU])
    with pytest.raises(AbsentDeviceError, match=f"cannot start {CUDA} .* would run on {CPU}"):
        require_used(SPEC, cuda, [CPU])
    assert require_ran(SPEC, cuda, {CUDA: 7}) == ()
    assert require_ran(SPEC, cuda, {CPU: 2, CUDA: 7}) == (f"m: of 9 nodes, {CUDA} ran 7; 2 on {CPU}",)
    for nodes, ran in (({CPU: 9}, CPU), ({CUDA: 0}, CUDA), ({}, "nothing")):
        with pytest.raises(DeviceError, match=f"ran on {ran}, not on {CUDA}"):
            require_ran(SPEC, cuda, nodes)
