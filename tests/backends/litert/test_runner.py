from __future__ import annotations

import hashlib
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.backends.litert import flatbuffer
from harness.backends.litert.runner import LiteRTBackend
from harness.config import Input
from harness.errors import DeviceError
from tests.backends.litert.tflite_files import write_tflite
from tests.backends.one_backend import OneBackend
from tests.backends.real_runs import stopped
from tests.conftest import CLASSES, MEAN, PROJECT, SCALE, SIZE, Network, write_images

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed; it is the extra [litert]")
TOLERANCE = 1e-5
Maker = Callable[..., Path]


@pytest.fixture(scope="session")
def make_tflite(tensorflow: Any, network: Network) -> Maker:
    """Return a function that writes the network as a LiteRT model; ``element``: of input and output."""

    def make(path: Path, **wanted: Any) -> Path:
        return write_tflite(tensorflow, path, network, **wanted)

    return make


@pytest.fixture(scope="session")
def model(make_tflite: Maker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tflite(tmp_path_factory.mktemp("litert") / "m.tflite")


CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
ALONE = OneBackend(LiteRTBackend, ModelSpec("lite", "", CONTRACT, "probabilities", SIZE, CLASSES + 1, batch=3))
spec, infer, refused = ALONE.spec, ALONE.infer, ALONE.refused


@pytest.mark.parametrize("batch", [1, 3, 32, None])
def test_a_free_batch_dimension(model: Path, network: Network, pixels: Pixels, batch: int | None) -> None:
    found = infer(pixels, spec(model, batch=batch))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=TOLERANCE)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("fixed", [1, 4])
def test_layouts_and_a_fixed_batch(
    make_tflite: Maker, network: Network, pixels: Pixels, tmp_path: Path, layout: str, fixed: int
) -> None:
    path = make_tflite(tmp_path / "m.tflite", batch=fixed, layout=layout)
    with LiteRTBackend(spec(path, batch=32)) as backend:
        assert (backend.loaded.details["batch"], backend.loaded.details["layout"]) == (fixed, layout)
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=TOLERANCE)


@pytest.mark.parametrize("color", ["RGB", "BGR"])
@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (127.5, 127.5), ((10.0, 20.0, 30.0), (40.0, 50.0, 60.0))])
def test_colour_order_mean_and_scale(
    model: Path, network: Network, pixels: Pixels, color: Any, mean: Any, scale: Any
) -> None:
    ordered = pixels[..., ::-1] if color == "RGB" else pixels
    fed = (ordered.astype(np.float64) - np.array(mean)) / np.array(scale)
    found = infer(pixels, spec(model, input=Input(name="input", color=color, mean=mean, scale=scale)))
    np.testing.assert_allclose(found, network.of_normalised(fed), atol=TOLERANCE)


@pytest.mark.parametrize(("fixed", "asked"), [(1, 4), (4, 1), (None, 2)])
def test_a_fixed_batch_is_changed_where_that_is_asked(
    make_tflite: Maker, network: Network, pixels: Pixels, tmp_path: Path, fixed: int | None, asked: int
) -> None:
    path = make_tflite(tmp_path / "m.tflite", batch=fixed)
    with LiteRTBackend(spec(path, batch=asked, rebatch=True)) as backend:
        assert backend.loaded.details["batch"] == asked
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=1e-4)


@pytest.mark.parametrize("element", ["uint8", "int8"])
def test_a_quantised_model(make_tflite: Maker, network: Network, pixels: Pixels, tmp_path: Path, element: str) -> None:
    path = make_tflite(tmp_path / "m.tflite", element=element)
    with LiteRTBackend(spec(path)) as backend:
        assert backend.loaded.effective_precision == "int8"
        assert "f32 was requested, but the model computes in int8" in backend.loaded.warnings[-1]
        found = backend.infer(pixels)
    # Eight bits of a network that amplifies its logits: the error is some percent, a wrong zero point gives far more.
    assert np.abs(found - network.of_pixels(pixels)).max() < 0.1
    np.testing.assert_array_equal(found * 256, np.rint(found * 256))  # the output's scale is 1/256
    raw = infer(pixels, spec(path, input=Input(name="input", color="RGB")))
    assert np.abs(raw - network.of_pixels(pixels)).max() > 0.1


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_floating_pixels(make_tflite: Maker, network: Network, pixels: Pixels, tmp_path: Path, layout: str) -> None:
    path = make_tflite(tmp_path / "m.tflite", layout=layout)
    floating = pixels.astype(np.float32) / 7
    found = infer(floating, spec(path, floating=True, input=Input(color="RGB", mean=3.0, scale=2.0)))
    expected = network.of_normalised((floating[..., ::-1].astype(float) - 3) / 2)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_floating_pixels_of_a_quantised_input_go_through_its_scale(
    make_tflite: Maker, pixels: Pixels, tmp_path: Path
) -> None:
    path = make_tflite(tmp_path / "m.tflite", element="uint8")
    floating = infer(pixels.astype(np.float32), spec(path, floating=True))  # whole values: as the table has them
    np.testing.assert_array_equal(floating, infer(pixels, spec(path)))


def test_an_input_and_an_output_without_a_name(model: Path, pixels: Pixels) -> None:
    named = spec(model)
    unnamed = spec(model, output=None, input=named.input.model_copy(update={"name": None}))
    np.testing.assert_array_equal(infer(pixels, unnamed), infer(pixels, named))


def test_pixels_that_the_input_cannot_hold_are_warned_about(make_tflite: Maker, tmp_path: Path) -> None:
    path = make_tflite(tmp_path / "m.tflite", element="uint8")
    with LiteRTBackend(spec(path, input=Input(name="input", color="RGB"))) as backend:
        assert "pixel values are outside what the input 'input' can hold" in backend.loaded.warnings[0]
        assert backend.loaded.warnings[0].endswith("check `mean` and `scale`")


def test_what_it_reports(model: Path) -> None:
    import importlib.metadata

    with LiteRTBackend(spec(model, threads=1)) as backend:
        loaded = backend.loaded
    assert loaded.backend == f"litert {importlib.metadata.version('ai-edge-litert')}"
    assert (loaded.device, loaded.effective_precision, loaded.warnings) == ("CPU", "f32", ())
    assert loaded.model_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert loaded.details["threads"] == 1


def test_a_wrong_name_is_answered_with_the_nearest(model: Path) -> None:
    assert "has no output 'probability'; did you mean 'probabilities'? Available: " in refused(
        spec(model, output="probability")
    )
    assert "has no input 'inptu'; did you mean 'input'? Available: " in refused(
        spec(model, input=Input(name="inptu", color="RGB"))
    )


def test_another_size_and_another_width(model: Path) -> None:
    assert "[?, 16, 16, 3], but [?, 24, 24, 3] or [?, 3, 24, 24] is configured" in refused(spec(model, size=24))
    assert ("has 5 values per image, but the labels need 4; set dataset.background_class") in refused(
        spec(model, outputs=4)
    )


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_cut_off_model(model: Path, tmp_path: Path, share: float) -> None:
    data = model.read_bytes()
    path = tmp_path / "m.tflite"
    path.write_bytes(data[: int(len(data) * share)])
    assert refused(spec(path)) == f"{path}: not a LiteRT model, or cut off; fetch or convert it again"


def test_a_model_that_is_newer_than_litert(model: Path, tmp_path: Path) -> None:
    """Fields by number: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs."""

    def refusal(place: int, form: str, value: int) -> str:
        changed = bytearray(data)
        struct.pack_into(form, changed, place, value)
        path = tmp_path / "m.tflite"
        path.write_bytes(changed)
        message = refused(spec(path))
        assert message.startswith(f"{path}: ")
        return message

    data = memoryview(model.read_bytes())
    root = flatbuffer.offset(data, 0)
    schema = flatbuffer.place_of(data, root, 0)
    code = next(flatbuffer.tables(data, root, 1))
    number = flatbuffer.place_of(data, code, 3)
    assert schema is not None
    assert number is not None
    fields = code - flatbuffer.unpack("<i", data, code)
    as_version = fields + 4 + 2 * 2, "<H", number - code  # what is read as the version is where the number stands
    newer = "install a newer ai-edge-litert"
    found = refusal(schema, "<I", 9)
    assert (
        "written in version 9 of LiteRT's schema, but the installed LiteRT reads version 3; convert it again"
    ) in found
    assert newer in found
    found = refusal(number, "<i", 999)
    assert "an operation of number 999, which the LiteRT here (ai-edge-litert " in found
    assert newer in found
    found = refusal(*as_version)
    assert re.search(r"its operation \w+ has version \d+, which is newer than what the LiteRT here", found), found


def test_a_missing_model_and_a_folder(tmp_path: Path) -> None:
    assert "No such file" in refused(spec(tmp_path / "m.tflite"))
    assert "Is a directory" in refused(spec(tmp_path))


def test_other_devices_and_precisions_are_refused(model: Path) -> None:
    assert "runs on the CPU, not on GPU" in refused(spec(model, device="GPU"), DeviceError)
    assert "runs f32, not f16" in refused(spec(model, precision="f16"), DeviceError)


def test_the_missing_package_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.delitem(sys.modules, "ai_edge_litert.interpreter", raising=False)
    assert refused(spec(model)).endswith("run `pip install 'conversion-accuracy-harness[litert]'`")


def test_what_stops_a_whole_run(model: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 3)
    dataset = {"path": "images", "classes": CLASSES, "preprocess": {"size": SIZE}}
    contract = {"name": "input", "color": "RGB"}
    good = {"backend": "litert", "model": str(model), "input": contract, "output": "probabilities"}
    code, message = stopped(tmp_path, {**good, "output": "probability"}, dataset)
    assert (code, "did you mean 'probabilities'?" in message) == (2, True)
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(model.read_bytes()[:-99])
    code, message = stopped(tmp_path, {**good, "model": str(cut)}, dataset)
    assert (code, "not a LiteRT model, or cut off" in message) == (3, True)
    absent = tmp_path / "absent/ai_edge_litert"
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ImportError('it is not there')\n")
    code, message = stopped(tmp_path, good, dataset, PYTHONPATH=f"{absent.parent}:{PROJECT}")
    assert (code, "run `pip install 'conversion-accuracy-harness[litert]'`" in message) == (3, True)


def test_with_and_without_xnnpack(model: Path, network: Network, pixels: Pixels) -> None:
    with LiteRTBackend(spec(model, device="CPU.BUILTIN")) as backend:
        assert backend.loaded.device == "CPU.BUILTIN"
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=TOLERANCE)
    assert "not on GPU; set `device` to CPU or CPU.BUILTIN" in refused(spec(model, device="GPU"), DeviceError)
