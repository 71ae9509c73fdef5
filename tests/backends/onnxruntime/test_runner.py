from __future__ import annotations

import hashlib
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.backends.onnxruntime.facts import FACTS
from harness.backends.onnxruntime.runner import ONNXRuntimeBackend
from harness.config import Input
from harness.errors import AbsentDeviceError, DeviceError
from tests.backends.one_backend import OneBackend
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network

ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; it is the extra [onnx]")
TOLERANCE = 1e-5
CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
ALONE = OneBackend(ONNXRuntimeBackend, ModelSpec("onnx", "", CONTRACT, "probabilities", SIZE, CLASSES + 1, batch=3))
spec, infer, refused = ALONE.spec, ALONE.infer, ALONE.refused


@pytest.fixture
def model(network: Network, tmp_path: Path) -> Path:
    return write_onnx(tmp_path / "m.onnx", network)


@pytest.mark.parametrize("batch", [1, 3, 32, None])
def test_a_free_batch_dimension(model: Path, network: Network, pixels: Pixels, batch: int | None) -> None:
    found = infer(pixels, spec(model, batch=batch))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=TOLERANCE)


@pytest.mark.parametrize("fixed", [1, 4])
def test_a_fixed_batch_is_kept_and_the_rest_padded(
    network: Network, pixels: Pixels, tmp_path: Path, fixed: int
) -> None:
    with ONNXRuntimeBackend(spec(write_onnx(tmp_path / "m.onnx", network, batch=fixed), batch=32)) as backend:
        assert backend.loaded.details["batch"] == fixed
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=TOLERANCE)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("form", "batch"), [("NC", "n"), ("C", 1), ("NC11", "n"), ("N1C", "n"), ("CN", "n"), ("CN", 3)]
)
def test_layouts_and_forms_of_the_output(
    network: Network, pixels: Pixels, tmp_path: Path, layout: str, form: str, batch: int | str
) -> None:
    path = write_onnx(tmp_path / "m.onnx", network, layout=layout, form=form, batch=batch)
    with ONNXRuntimeBackend(spec(path)) as backend:
        assert backend.loaded.details["layout"] == layout
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=TOLERANCE)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("color", ["RGB", "BGR"])
@pytest.mark.parametrize(
    ("mean", "scale"), [(0.0, 1.0), (127.5, 127.5), ((10.0, 20.0, 30.0), (40.0, 50.0, 60.0)), (0.0, (2.0, 3.0, 4.0))]
)
def test_colour_order_mean_and_scale(
    network: Network, pixels: Pixels, tmp_path: Path, layout: str, color: Any, mean: Any, scale: Any
) -> None:
    ordered = pixels[..., ::-1] if color == "RGB" else pixels
    fed = (ordered.astype(np.float64) - np.array(mean)) / np.array(scale)
    path = write_onnx(tmp_path / "m.onnx", network, layout=layout)
    found = infer(pixels, spec(path, input=Input(name="input", color=color, mean=mean, scale=scale)))
    np.testing.assert_allclose(found, network.of_normalised(fed), atol=TOLERANCE)


def test_pixels_as_they_are_for_an_input_of_uint8(network: Network, pixels: Pixels, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx", network, element="uint8")
    found = infer(pixels, spec(path, input=Input(name="input", color="RGB")))
    np.testing.assert_allclose(found, network.of_normalised(pixels[..., ::-1].astype(np.float64)), atol=TOLERANCE)
    assert "takes tensor(uint8), which cannot hold pixels after mean and scale" in refused(spec(path))


@pytest.mark.parametrize(("element", "mean"), [("float16", 127.5), ("int8", 128.0), ("uint8", 0.0)])
def test_element_types_that_hold_the_values(
    network: Network, pixels: Pixels, tmp_path: Path, element: str, mean: float
) -> None:
    path = write_onnx(tmp_path / "m.onnx", network, element=element)
    found = infer(pixels, spec(path, input=Input(color="RGB", mean=mean)))
    np.testing.assert_allclose(found, network.of_normalised(pixels[..., ::-1].astype(float) - mean), atol=TOLERANCE)


def test_an_input_and_an_output_without_a_name(model: Path, pixels: Pixels) -> None:
    named = spec(model)
    unnamed = spec(model, output=None, input=named.input.model_copy(update={"name": None}))
    np.testing.assert_array_equal(infer(pixels, unnamed), infer(pixels, named))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_floating_pixels(network: Network, pixels: Pixels, tmp_path: Path, layout: str) -> None:
    path = write_onnx(tmp_path / "m.onnx", network, layout=layout)
    floating = pixels.astype(np.float32) / 7
    found = infer(floating, spec(path, floating=True, input=Input(color="RGB", mean=3.0, scale=2.0)))
    expected = network.of_normalised((floating[..., ::-1].astype(float) - 3) / 2)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_floating_pixels_before_an_integer_input_are_refused(network: Network, tmp_path: Path) -> None:
    whole = write_onnx(tmp_path / "whole.onnx", network, element="uint8")
    assert "takes tensor(uint8), which cannot hold" in refused(spec(whole, floating=True, input=Input(color="RGB")))


def test_a_layout_that_the_shape_contradicts(model: Path) -> None:
    message = refused(spec(model, input=Input(color="RGB", layout="NCHW")))
    assert message == f"{model}: the input is NHWC, but `layout: NCHW` is configured; correct `layout`"


def test_a_configured_element_type(model: Path, network: Network, pixels: Pixels) -> None:
    contract = Input(color="RGB", mean=127.5, scale=127.5, element_type="f16")
    fed = ((pixels[..., ::-1].astype(np.float32) - 127.5) / 127.5).astype(np.float16)
    found = infer(pixels, spec(model, input=contract))
    np.testing.assert_allclose(found, network.of_normalised(fed.astype(float)), atol=TOLERANCE)
    message = refused(spec(model, input=Input(color="RGB", scale=2.0, element_type="u8")))
    assert message.startswith(
        "`element_type: u8` cannot hold pixels after mean and scale, 0 to 127.5; leave `element_type` out"
    )
    message = refused(spec(model, floating=True, input=Input(color="RGB", element_type="i8", mean=128)))
    assert "`element_type: i8` cannot hold the values after `normalize` in `preprocess`" in message


def test_what_it_reports(model: Path) -> None:
    with ONNXRuntimeBackend(spec(model, threads=1)) as backend:
        loaded = backend.loaded
    assert loaded.backend == f"onnxruntime {ort.__version__}"
    assert (loaded.device, loaded.effective_precision, loaded.warnings) == ("CPU", "f32", ())
    assert loaded.model_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert loaded.details["threads"] == 1
    assert loaded.details["providers"] == ["CPUExecutionProvider"]
    assert list(loaded.details["nodes_by_provider"]) == ["CPUExecutionProvider"]
    assert loaded.details["nodes_by_provider"]["CPUExecutionProvider"] >= 5  # what is fused, fewer than in the file


def test_external_data_is_read_and_counted(network: Network, pixels: Pixels, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx", network, location="m.data")
    (tmp_path / "m.data").write_bytes(network.first.tobytes())
    assert FACTS.files_of(path) == (path, tmp_path / "m.data")
    with ONNXRuntimeBackend(spec(path)) as backend:
        both = path.read_bytes() + network.first.tobytes()
        assert backend.loaded.model_sha256 == hashlib.sha256(both).hexdigest()
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=TOLERANCE)
    (tmp_path / "m.data").unlink()
    assert refused(spec(path)) == f"{path}: its external data 'm.data' is missing; copy it to {tmp_path}"


def test_external_data_outside_the_folder_is_refused(network: Network, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(network.first.tobytes())
    (tmp_path / "model").mkdir()
    (tmp_path / "model/link").symlink_to(tmp_path / "secret")
    for location in ("../secret", str(tmp_path / "secret"), "link"):
        path = write_onnx(tmp_path / "model/m.onnx", network, location=location)
        assert FACTS.files_of(path) == (path,)
        assert f"refused: its external data '{location}' is outside the model's folder" in refused(spec(path))


def test_a_wrong_name_is_answered_with_the_nearest(model: Path) -> None:
    message = refused(spec(model, output="probability"))
    assert message.endswith("has no output 'probability'; did you mean 'probabilities'? Available: probabilities")
    message = refused(spec(model, input=Input(name="inptu", color="RGB")))
    assert message.endswith("has no input 'inptu'; did you mean 'input'? Available: input")


def test_another_size_another_width_and_a_second_input(model: Path, network: Network, tmp_path: Path) -> None:
    assert "[?, 16, 16, 3], but [?, 24, 24, 3] or [?, 3, 24, 24] is configured" in refused(spec(model, size=24))
    assert ("has 5 values per image, but the labels need 4; set dataset.background_class") in refused(
        spec(model, outputs=4)
    )
    two = write_onnx(tmp_path / "two.onnx", network, second_input=True)
    assert "also needs the input 'other', which receives no value; export the model for inference" in refused(spec(two))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_off_model(model: Path, share: float) -> None:
    data = model.read_bytes()
    model.write_bytes(data[: int(len(data) * share)])
    assert refused(spec(model)) == f"{model}: not an ONNX model, or cut off; fetch or export it again"


@pytest.mark.parametrize("data", [b"", b"this is a text, and no model at all\n" * 9, b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_model(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    assert refused(spec(tmp_path / "m.onnx")).startswith(f"{tmp_path / 'm.onnx'}: ")


def test_a_missing_model_and_a_folder(tmp_path: Path) -> None:
    assert "No such file" in refused(spec(tmp_path / "m.onnx"))
    assert "Is a directory" in refused(spec(tmp_path))


def test_operators_that_are_not_there_and_a_newer_opset(network: Network, tmp_path: Path) -> None:
    custom = write_onnx(tmp_path / "m.onnx", network, operation="Evil", domain="com.example")
    assert "refused: 'relu' (com.example::Evil) is a custom operation, and no library" in refused(spec(custom))
    absent = write_onnx(tmp_path / "m.onnx", network, operation="Evil")
    assert "No Op registered for Evil" in refused(spec(absent))
    newer: dict[str, Any] = {"opset": {"opset": 999}, "IR version": {"ir_version": 999}}
    for what, asked in newer.items():
        message = refused(spec(write_onnx(tmp_path / "m.onnx", network, **asked)))
        assert f"m.onnx: written for ONNX {what} 999, but the installed ONNX Runtime supports up to " in message


def test_other_devices_and_precisions_are_refused(model: Path) -> None:
    there = ort.get_available_providers()
    message = refused(spec(model, device="GPU"), AbsentDeviceError)
    assert "has no execution provider for 'GPU'" in message
    assert all((name.removesuffix("ExecutionProvider") in message) == ("Azure" not in name) for name in there)
    assert "runs f32, not f16" in refused(spec(model, precision="f16"), DeviceError)


def test_falling_back_to_the_cpu_in_silence_is_caught(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that is there and cannot start, as without its driver: ONNX Runtime goes on with the CPU's."""
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        message = refused(spec(model, device="CUDA"), AbsentDeviceError)
    assert "cannot start CUDAExecutionProvider for 'CUDA' and would run on CPUExecutionProvider" in message


def test_the_provider_of_openvino(model: Path, network: Network, pixels: Pixels) -> None:
    if "OpenVINOExecutionProvider" not in ort.get_available_providers():
        pytest.skip("this build of ONNX Runtime has no OpenVINO; onnxruntime-openvino has")
    with ONNXRuntimeBackend(spec(model, device="OpenVINO")) as backend:
        loaded = backend.loaded
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=TOLERANCE)
    assert loaded.device == "OpenVINO"
    assert loaded.device_name == "OpenVINOExecutionProvider device_type=CPU"
    assert "OpenVINOExecutionProvider" in loaded.details["providers"]
    assert loaded.effective_precision == "unknown"
    assert "OpenVINOExecutionProvider does not report its precision" in loaded.warnings[0]
    message = refused(spec(model, device="OpenVINO:GPU"), AbsentDeviceError)
    assert "cannot start OpenVINOExecutionProvider for 'OpenVINO:GPU' and would run on CPU" in message


def test_the_missing_package_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert refused(spec(model)).endswith("run `pip install 'conversion-accuracy-harness[onnx]'`")
