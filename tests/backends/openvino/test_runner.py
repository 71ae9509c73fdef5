from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.backends.openvino.ports import output_names
from harness.backends.openvino.runner import OpenVINOBackend, without_wait
from harness.config import Input
from harness.errors import AbsentDeviceError, DeviceError
from tests.backends.one_backend import OneBackend
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, IrMaker, Network, Tiny, harness_environment

TOLERANCE = 1e-5
CONTRACT = Input(name="input", color="BGR")
ALONE = OneBackend(OpenVINOBackend, ModelSpec("ir", "", CONTRACT, "Net/Probabilities", SIZE, CLASSES + 1))
spec, infer, refused = ALONE.spec, ALONE.infer, ALONE.refused


@pytest.mark.parametrize("batch", [1, 4, 7, 8])
@pytest.mark.parametrize("element", ["f32", "u8", "f16"])
def test_static_batches_with_a_remainder(
    make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path, batch: int, element: str
) -> None:
    path = make_ir(tmp_path / "m.xml", batch=batch, element=element)
    with OpenVINOBackend(spec(path)) as backend:
        assert backend.loaded.details["batch"] == batch
        found = backend.infer(pixels)
        again = backend.infer(pixels[:3])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=TOLERANCE)
    np.testing.assert_allclose(again, network.of_pixels(pixels[:3]), atol=TOLERANCE)


@pytest.mark.parametrize(("configured", "used"), [(None, 1), (1, 1), (4, 4)])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_free_batch_is_fixed_to_what_is_configured(
    make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path, configured: int | None, used: int, layout: str
) -> None:
    path = make_ir(tmp_path / "m.xml", batch=-1, layout=layout)
    with OpenVINOBackend(spec(path, batch=configured)) as backend:
        assert backend.loaded.details["batch"] == used
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=TOLERANCE)


def test_a_configured_batch_against_a_fixed_one(make_ir: IrMaker, tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml", batch=4)
    assert "batch size is fixed to 4, but `batch: 2` is configured" in refused(spec(path, batch=2))
    with OpenVINOBackend(spec(path, batch=4)) as backend:
        assert backend.loaded.details["batch"] == 4


@pytest.mark.parametrize(("fixed", "asked"), [(1, 4), (4, 1), (4, 4), (-1, 2)])
def test_a_fixed_batch_is_changed_where_that_is_asked(
    make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path, fixed: int, asked: int
) -> None:
    path = make_ir(tmp_path / "m.xml", batch=fixed, reshape=True)
    with OpenVINOBackend(spec(path, batch=asked, rebatch=True)) as backend:
        assert backend.loaded.details["batch"] == asked
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=1e-5)


def test_a_network_that_holds_its_batch_somewhere_else_cannot_change_it(openvino: Any, tmp_path: Path) -> None:
    ops = openvino.opset13
    given = ops.parameter([1, SIZE, SIZE, 3], np.float32, name="input")
    mean = ops.reshape(ops.reduce_mean(given, np.array([1, 2])), np.array([1, 3]), False)
    path = tmp_path / "held.xml"
    openvino.save_model(openvino.Model([ops.result(mean)], [given]), str(path))
    message = refused(spec(path, batch=4, rebatch=True, outputs=3, output=None))
    assert "cannot be fixed to batch 4" in message or "values per image" in message


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("color", ["RGB", "BGR"])
@pytest.mark.parametrize("element", ["f32", "u8", "f16"])
def test_layout_and_colour_order_with_mean_and_scale_inside(
    make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path, layout: str, color: Any, element: str
) -> None:
    path = make_ir(tmp_path / "m.xml", batch=2, layout=layout, color=color, element=element)
    found = infer(pixels, spec(path, input=Input(name="input", color=color)))
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=TOLERANCE)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("color", ["RGB", "BGR"])
def test_mean_and_scale_in_the_contract(
    make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path, layout: str, color: Any
) -> None:
    path = make_ir(tmp_path / "m.xml", layout=layout, color=color, inside=False)
    order = slice(None, None, 1 if color == "RGB" else -1)
    contract = Input(name="input", color=color, mean=MEAN[order], scale=SCALE[order])
    np.testing.assert_allclose(infer(pixels, spec(path, input=contract)), network.of_pixels(pixels), atol=TOLERANCE)


def test_the_wrong_colour_order_is_seen(make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml")
    found = infer(pixels, spec(path, input=Input(name="input", color="RGB")))
    assert np.abs(found - network.of_pixels(pixels)).max() > 0.01
    np.testing.assert_allclose(found, network.of_pixels(pixels[..., ::-1]), atol=TOLERANCE)


def test_a_half_precision_input_takes_a_normalised_contract(
    make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path
) -> None:
    path = make_ir(tmp_path / "m.xml", element="f16", inside=False, color="RGB")
    contract = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
    found = infer(pixels, spec(path, input=contract))
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=5e-3)  # the input itself has 11 bits


@pytest.mark.parametrize("element", ["f16", "bf16"])
def test_a_configured_element_type(
    make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path, element: Any
) -> None:
    path = make_ir(tmp_path / "m.xml", color="RGB", inside=False)
    exact = (pixels[..., ::-1].astype(np.float32) - 127.5) / 127.5
    if element == "f16":
        fed = exact.astype(np.float16).astype(float)
    else:  # eight bits of the number itself: the nearest multiple of 2^(exponent - 7), halves to even
        step = 2.0 ** (np.floor(np.log2(np.abs(exact).astype(float))) - 7)
        fed = np.rint(exact / step) * step
    contract = Input(color="RGB", mean=127.5, scale=127.5, element_type=element)
    np.testing.assert_allclose(infer(pixels, spec(path, input=contract)), network.of_normalised(fed), atol=TOLERANCE)


def test_an_input_and_an_output_without_a_name(tiny: Tiny, pixels: Pixels) -> None:
    unnamed = infer(pixels, spec(tiny.ir, output=None, input=Input(color="BGR")))
    np.testing.assert_array_equal(unnamed, infer(pixels, spec(tiny.ir)))


def test_an_output_that_has_to_be_named(make_ir: IrMaker, tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml", second_output=True)
    assert "has 2 outputs; choose one with `output: NAME`; available: " in refused(spec(path, output=None))


def test_mean_and_scale_before_an_integer_input_are_refused(make_ir: IrMaker, tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml", element="u8")
    message = refused(spec(path, input=Input(name="input", color="BGR", mean=127.5, scale=127.5)))
    assert "takes u8, which cannot hold pixels after mean and scale" in message


def test_results_are_joined_by_index_under_many_requests(tiny: Tiny) -> None:
    many = np.random.default_rng(2).integers(0, 256, (1000, SIZE, SIZE, 3)).astype(np.uint8)
    many[:] = many[:, :1, :1]  # one colour each: answers far apart
    with OpenVINOBackend(spec(tiny.ir)) as backend:
        found = [backend.infer(many[part]) for part in (slice(None), slice(500, None), slice(None, None, 3))]
    expected = tiny.network.of_pixels(many)
    for answer, rows in zip(found, (expected, expected[500:], expected[::3]), strict=True):
        np.testing.assert_allclose(answer, rows, atol=TOLERANCE)


def test_the_name_of_the_input(tiny: Tiny, pixels: Pixels) -> None:
    for name in ("input", "input:0"):
        assert infer(pixels, spec(tiny.ir, input=Input(name=name, color="BGR"))).shape == (7, 5)
    message = refused(spec(tiny.ir, input=Input(name="imput", color="BGR")))
    assert message.endswith("has no input 'imput'; did you mean 'input'? Available: input")


@pytest.mark.parametrize("wanted", ["Net/Softmax", "Net/Softmax:0", "Net/Reshape_1", "Net/Reshape_1:0"])
@pytest.mark.parametrize(
    "names", [("Net/Softmax:0", "Net/Reshape_1:0"), ("Net/Reshape_1:0",), ("Net/Softmax",), ("Net/Reshape_1",), ("x",)]
)
def test_both_names_of_an_output_behind_a_reshape(
    make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path, wanted: str, names: tuple[str, ...]
) -> None:
    path = make_ir(tmp_path / "m.xml", reshape=True, names=names)
    np.testing.assert_allclose(infer(pixels, spec(path, output=wanted)), network.of_pixels(pixels), atol=TOLERANCE)


def test_both_names_in_an_ir_of_todays_frontend(
    openvino: Any, tiny: Tiny, network: Network, pixels: Pixels, tmp_path: Path
) -> None:
    model = openvino.convert_model(str(tiny.graph), input=[("input:0", [1, SIZE, SIZE, 3])], output="Net/Reshape_1:0")
    openvino.save_model(model, str(tmp_path / "m.xml"), compress_to_fp16=False)
    contract = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
    for wanted in ("Net/Reshape_1", "Net/Softmax", "Net/Softmax:0"):
        found = infer(pixels, spec(tmp_path / "m.xml", input=contract, output=wanted))
        np.testing.assert_allclose(found, network.of_pixels(pixels), atol=TOLERANCE)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["Softmax", "Softmax:0", "Reshape_1", "Reshape_1:0"])
def test_both_names_in_an_ir_of_the_old_model_optimizer(openvino: Any, shared: Path, name: str) -> None:
    model = openvino.Core().read_model(str(shared / "models/mo_2024.6/mobilenet-v2-1.0-224.xml"))
    names = output_names(model)
    found = [
        each for each in (f"MobilenetV2/Predictions/{name}", f"MobilenetV2/Predictions/{name[:-2]}") if each in names
    ]
    assert found
    assert names[found[0]].get_any_name() == model.outputs[0].get_any_name()


def test_a_layer_before_the_output_is_no_name_of_it(tiny: Tiny) -> None:
    message = refused(spec(tiny.ir, output="Net/Softmx"))
    assert "did you mean 'Net/Softmax'? Available: Net/Probabilities, Net/Softmax" in message


def test_one_output_of_several_is_picked_by_name(
    make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path
) -> None:
    path = make_ir(tmp_path / "m.xml", second_output=True)
    np.testing.assert_allclose(infer(pixels, spec(path)), network.of_pixels(pixels), atol=TOLERANCE)


def test_a_second_input_is_refused(make_ir: IrMaker, tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml", second_input=True)
    assert ("also needs the input 'other', which receives no value; export the model for inference") in refused(
        spec(path)
    )


@pytest.mark.parametrize(
    ("outputs", "hint"), [(4, "background_class"), (6, "background_class"), (99, "dataset.classes")]
)
@pytest.mark.parametrize("batch", [1, 4, -1])
def test_another_width_than_the_labels_need(
    make_ir: IrMaker, tmp_path: Path, outputs: int, hint: str, batch: int
) -> None:
    message = refused(spec(make_ir(tmp_path / "m.xml", batch=batch), outputs=outputs))
    assert f"has 5 values per image, but the labels need {outputs}" in message
    assert hint in message


def test_another_size(tiny: Tiny) -> None:
    message = refused(spec(tiny.ir, size=24))
    assert "has the shape [1,16,16,3], but [1,24,24,3] or [1,3,24,24] is configured" in message


def test_what_it_reports(tiny: Tiny, openvino: Any) -> None:
    with OpenVINOBackend(spec(tiny.ir, threads=1)) as backend:
        loaded = backend.loaded
    assert loaded.backend == f"openvino {openvino.get_version()}"
    assert loaded.device == "CPU"
    assert loaded.device_name == openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    assert loaded.effective_precision == "f32"
    assert loaded.warnings == ()
    both = tiny.ir.read_bytes() + tiny.ir.with_suffix(".bin").read_bytes()
    assert loaded.model_sha256 == hashlib.sha256(both).hexdigest()


@pytest.mark.parametrize(
    ("change", "waiting"),
    [
        ({"device": "CPU"}, 2),
        ({"device": "AUTO:CPU"}, 2),
        ({"device": "HETERO:CPU"}, 2),
        ({"device": "BATCH:CPU(4)"}, 1),  # it waits for requests itself
        ({"hints": "device"}, 1),
        ({"properties": {"PERFORMANCE_HINT": "LATENCY"}}, 1),
        ({"properties": {"PERFORMANCE_HINT_NUM_REQUESTS": 2}}, 1),
    ],
)
def test_requests_wait_where_the_cpu_is_set_for_throughput(
    tiny: Tiny, openvino: Any, pixels: Pixels, change: dict[str, Any], waiting: int
) -> None:
    many = np.concatenate([pixels] * 12)
    with OpenVINOBackend(spec(tiny.ir, threads=2, **change)) as backend:
        recommended = backend._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        assert backend.loaded.details["requests"] == waiting * recommended
        np.testing.assert_allclose(backend.infer(many), tiny.network.of_pixels(many), atol=1e-5)
        assert len(backend.take_latencies()) == len(many)


def test_a_latency_does_not_contain_the_wait() -> None:
    """Two streams take one second a request: of four that are started at once, the last two wait for a second."""
    assert [without_wait(1000.0 * end, end, free) for end, free in ((1, None), (1, None), (2, 1), (2, 1))] == [
        1000.0
    ] * 4
    assert without_wait(200.0, 2.0, 1.0) == 200.0  # started long after the device was free
    assert without_wait(500.0, 2.0, 1.0) == 500.0


def test_a_latency_is_not_longer_than_what_the_device_had(tiny: Tiny, pixels: Pixels) -> None:
    """All requests of a stream follow each other, so that their latencies add up to the whole time at most."""
    many = np.concatenate([pixels] * 60)
    with OpenVINOBackend(spec(tiny.ir, threads=1)) as backend:
        assert backend.loaded.details["requests"] == 2
        backend.infer(many)
        assert 0 < sum(backend.take_latencies()) <= 1000 * backend.infer_seconds


def capabilities(openvino: Any) -> list[str]:
    return list(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def test_bf16_is_read_back(openvino: Any, tiny: Tiny, pixels: Pixels) -> None:
    if "BF16" not in capabilities(openvino):
        pytest.skip("this processor has no BF16")
    with OpenVINOBackend(spec(tiny.ir, precision="bf16")) as backend:
        assert backend.loaded.effective_precision == "bf16"
        assert backend.loaded.warnings == ()
        difference = np.abs(backend.infer(pixels) - tiny.network.of_pixels(pixels)).max()
    assert 1e-5 < difference < 0.2


def test_what_the_device_does_by_itself_is_read_back(openvino: Any, tiny: Tiny) -> None:
    with OpenVINOBackend(spec(tiny.ir, precision="device_default")) as backend:
        loaded = backend.loaded
    assert loaded.effective_precision in ("f32", "bf16", "f16")
    assert loaded.warnings == ()
    plain = openvino.Core().compile_model(str(tiny.ir), "CPU").get_property("INFERENCE_PRECISION_HINT")
    assert plain.to_string() == loaded.effective_precision


def test_another_effective_precision_is_a_warning(openvino: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    real, ask = openvino.Core.compile_model, openvino.Core.get_property

    def lists_bf16(self: Any, *arguments: Any) -> Any:  # as processors do that have it
        value = ask(self, *arguments)
        return [*value, "BF16"] if arguments[-1] == "OPTIMIZATION_CAPABILITIES" else value

    monkeypatch.setattr(openvino.Core, "get_property", lists_bf16)

    def compiles_as_f32(self: Any, model: Any, device: str, properties: dict[str, Any]) -> Any:
        return real(self, model, device, {**properties, "INFERENCE_PRECISION_HINT": "f32"})

    monkeypatch.setattr(openvino.Core, "compile_model", compiles_as_f32)
    with OpenVINOBackend(spec(tiny.ir, precision="bf16")) as backend:
        assert backend.loaded.effective_precision == "f32"
        assert backend.loaded.warnings == ("ir: bf16 was requested on CPU, but the compiled model runs in f32",)


@pytest.mark.parametrize(
    ("device", "near"),
    [("NPU9", "device 'NPU9' not found"), ("cpu", "did you mean CPU?"), ("CPU.7", "did you mean CPU?"),
     ("AUTO:CPUU,CPU", "device 'CPUU' not found (in 'AUTO:CPUU,CPU')"), ("CPUU", "did you mean CPU?")],
)  # fmt: skip
def test_an_unknown_device(tiny: Tiny, device: str, near: str) -> None:
    message = refused(spec(tiny.ir, device=device), DeviceError)
    assert "not found" in message
    assert near in message
    assert "OpenVINO has: CPU" in message


def test_a_known_device_that_is_absent_says_what_to_install(tiny: Tiny) -> None:
    message = refused(spec(tiny.ir, device="AUTO:GPU,CPU"), AbsentDeviceError)
    assert message.startswith("ir: GPU not found: ")
    assert message.endswith("(in 'AUTO:GPU,CPU')")


def test_another_devices_plug_in_is_not_loaded(openvino: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in that crashes when it is loaded must not take a candidate on the CPU with it."""

    def crashes(self: Any) -> Any:
        raise AssertionError("every plug-in is loaded")

    monkeypatch.setattr(openvino.Core, "available_devices", property(crashes))
    with OpenVINOBackend(spec(tiny.ir)) as backend:
        assert backend.loaded.effective_precision == "f32"


def test_a_plug_in_without_a_device_is_no_device(openvino: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """The NPU's plug-in tells what an NPU could do where there is none."""
    real = openvino.Core.get_property

    def without_devices(self: Any, *arguments: Any) -> Any:
        known = {("NPU", "AVAILABLE_DEVICES"): [], ("NPU", "OPTIMIZATION_CAPABILITIES"): ["FP16"]}
        return known[arguments] if arguments in known else real(self, *arguments)

    monkeypatch.setattr(openvino.Core, "get_property", without_devices)
    assert "NPU not found" in refused(spec(tiny.ir, device="NPU", precision="f16"), AbsentDeviceError)


@pytest.mark.parametrize("device", ["AUTO", "AUTO:CPU", "AUTO:-GPU", "HETERO:CPU"])
def test_devices_over_devices(tiny: Tiny, pixels: Pixels, device: str) -> None:
    with OpenVINOBackend(spec(tiny.ir, device=device)) as backend:
        np.testing.assert_allclose(backend.infer(pixels), tiny.network.of_pixels(pixels), atol=TOLERANCE)
        assert "CPU" in backend.loaded.device_name or backend.loaded.device_name
        assert backend.loaded.device == device


@pytest.mark.parametrize(("precision", "missing"), [("bf16", "BF16"), ("f16", "FP16")])
def test_a_precision_that_the_device_lacks(
    openvino: Any, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, precision: str, missing: str
) -> None:
    real = openvino.Core.get_property

    def without(self: Any, *arguments: Any) -> Any:
        value = real(self, *arguments)
        return [each for each in value if each != missing] if arguments[-1] == "OPTIMIZATION_CAPABILITIES" else value

    monkeypatch.setattr(openvino.Core, "get_property", without)
    message = refused(spec(tiny.ir, precision=precision), AbsentDeviceError)
    assert message.startswith(f"ir: CPU lacks {precision}; it has ")
    assert missing not in message


def test_a_precision_that_an_older_processor_lacks(tiny: Tiny) -> None:
    """oneDNN can be told to see an older processor; what OpenVINO then lists decides."""
    code = (
        "import sys, openvino\n"
        "from harness.backends.base import ModelSpec\n"
        "from harness.backends.openvino.runner import OpenVINOBackend\n"
        "from harness.config import Input\n"
        "has = openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')\n"
        "for name in ('BF16', 'FP16'):\n"
        "    if name not in has:\n"
        "        precision = {'BF16': 'bf16', 'FP16': 'f16'}[name]\n"
        f"        spec = ModelSpec('ir', {str(tiny.ir)!r}, Input(color='BGR'), 'Net/Probabilities', {SIZE}, 5,\n"
        "            precision=precision)\n"
        "        try:\n"
        "            OpenVINOBackend(spec).load()\n"
        "        except Exception as error:\n"
        "            print(precision, type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=harness_environment(ONEDNN_MAX_CPU_ISA="AVX2"),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    if not done.stdout:
        pytest.skip("OpenVINO still lists BF16 and FP16 with ONEDNN_MAX_CPU_ISA=AVX2")
    for line in done.stdout.splitlines():
        precision = line.split()[0]
        assert line.startswith(f"{precision} AbsentDeviceError ir: CPU lacks {precision}; it has ")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cut_off_bin(make_ir: IrMaker, tmp_path: Path, share: float) -> None:
    path = make_ir(tmp_path / "m.xml")
    weights = path.with_suffix(".bin")
    data = weights.read_bytes()
    weights.write_bytes(data[: int(len(data) * share)])
    message = refused(spec(path))
    assert str(path) in message


def test_a_missing_bin(make_ir: IrMaker, tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml")
    path.with_suffix(".bin").unlink()
    assert refused(spec(path)).startswith(f"{path.with_suffix('.bin')}: cannot be read: No such file")


@pytest.mark.shared
def test_the_bin_of_a_smaller_model(tiny: Tiny, shared: Path, tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_bytes((shared / "models/mo_2024.6/mobilenet-v2-1.0-224.xml").read_bytes())
    (tmp_path / "m.bin").write_bytes(tiny.ir.with_suffix(".bin").read_bytes())
    assert str(tmp_path / "m.xml") in refused(spec(tmp_path / "m.xml"))


@pytest.mark.parametrize("data", [b"", b"words\n", b"<?xml version='1.0'?><net></net>", b"<net><layers>"])
def test_a_file_that_is_no_ir(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.xml").write_bytes(data)
    (tmp_path / "m.bin").write_bytes(b"")
    assert str(tmp_path / "m.xml") in refused(spec(tmp_path / "m.xml"))


def test_nan_is_given_back_and_not_hidden(make_ir: IrMaker, pixels: Pixels, tmp_path: Path) -> None:
    path = make_ir(tmp_path / "m.xml", scale_weights=float("nan"))
    assert not np.isfinite(infer(pixels, spec(path))).any()


def test_a_compiled_model_is_kept_and_gives_the_same(tiny: Tiny, pixels: Pixels, tmp_path: Path) -> None:
    cached = spec(tiny.ir).with_cache(str(tmp_path / "blobs"))
    first = infer(pixels, cached)
    assert list((tmp_path / "blobs").iterdir())
    np.testing.assert_array_equal(infer(pixels, cached), first)


@pytest.mark.parametrize("damage", [b"", b"rubbish"])
def test_a_damaged_compiled_model_is_not_trusted(tiny: Tiny, pixels: Pixels, tmp_path: Path, damage: bytes) -> None:
    cached = spec(tiny.ir).with_cache(str(tmp_path / "blobs"))
    infer(pixels, cached)
    for path in (tmp_path / "blobs").iterdir():
        path.write_bytes(damage)
    np.testing.assert_allclose(infer(pixels, cached), tiny.network.of_pixels(pixels), atol=TOLERANCE)


def test_a_folder_for_compiled_models_that_cannot_be_made(tiny: Tiny, pixels: Pixels, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cached = spec(tiny.ir).with_cache(str(tmp_path / "file" / "blobs"))
    np.testing.assert_allclose(infer(pixels, cached), tiny.network.of_pixels(pixels), atol=TOLERANCE)
