from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import Config, Input
from harness.conversion import convert, import_openvino
from harness.conversion.check import check, feed, pictures
from harness.errors import ModelError

Make = Callable[..., Config]


def original(config: Config) -> Any:
    ov = import_openvino()
    return ov.convert_model(str(config.original.model), input=[("input:0", [1, 16, 16, 3])], output="Net/Reshape_1:0")


def spoiled(config: Config, folder: Path, **steps: Any) -> Path:
    """Write an IR with preprocessing of the test's own choice."""
    from openvino.preprocess import PrePostProcessor

    ov = import_openvino()
    processor = PrePostProcessor(original(config))
    port = processor.input()
    port.tensor().set_layout(ov.Layout("NHWC"))
    port.model().set_layout(ov.Layout("NHWC"))
    if steps.get("reverse", True):
        port.preprocess().reverse_channels()
    port.preprocess().mean(steps.get("mean", [120.0, 110.0, 100.0])).scale(steps.get("scale", [60.0, 50.0, 40.0]))
    model = processor.build()
    model.input(0).get_tensor().set_names({steps.get("name", "input")})
    model.output(0).get_tensor().set_names({steps.get("output", "Net/Probabilities")})
    ov.save_model(model, str(folder / "spoiled.xml"), compress_to_fp16=False)
    return folder / "spoiled.xml"


def test_pictures_are_red_and_blue_and_mirror_each_other() -> None:
    found = pictures(16, 16)
    assert list(found) == ["red", "blue", "pale red", "pale blue"]
    red = found["red"]
    assert red.shape == (16, 16, 3)
    assert red.dtype == np.uint8
    assert red[..., 0].mean() > 100
    assert not red[..., 1:].any()
    np.testing.assert_array_equal(found["blue"][..., ::-1], red)
    pale = found["pale blue"].astype(int)
    np.testing.assert_array_equal(pale[..., 2] - pale[..., 0], np.full((16, 16), 64))
    np.testing.assert_array_equal(found["pale red"][..., ::-1], pale)


def test_what_is_fed_follows_the_contract() -> None:
    rgb = np.array([[[10, 20, 30]]], np.uint8)
    fed = feed(rgb, Input(color="BGR", mean=(1.0, 2.0, 3.0), scale=(1.0, 2.0, 4.0)))
    assert fed.dtype == np.float32
    np.testing.assert_array_equal(fed, [[[[29.0, 9.0, 1.75]]]])
    np.testing.assert_array_equal(feed(rgb, Input(color="RGB")), [[[[10.0, 20.0, 30.0]]]])


def test_a_right_ir_passes_with_its_measurements(tiny: Any, configure: Make, tmp_path: Path) -> None:
    config = configure(tiny.path)
    found = {
        item.name: item
        for item in check(import_openvino(), spoiled(config, tmp_path), original(config), config, config.candidates[0])
    }
    assert float(found["largest difference from the graph"].found) < 1e-5
    assert float(found["difference with red and blue swapped"].found) > 1e-2
    assert found["output shape"].found == found["output shape"].wanted == "[1,5]"


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"name": "pixels"}, "input name: pixels, expected input"),
        ({"output": "Net/Other"}, "output name: Net/Other, expected Net/Probabilities"),
        ({"mean": [121.0, 110.0, 100.0]}, "agreement with the graph on a (pale )?red picture"),
        ({"mean": [100.0, 110.0, 120.0]}, "agreement with the graph"),
        ({"scale": [60.0, 50.0, 41.0]}, "agreement with the graph"),
        ({"reverse": False}, "agreement with the graph"),
    ],
)
def test_every_fault_is_named(tiny: Any, configure: Make, tmp_path: Path, steps: dict[str, Any], message: str) -> None:
    config = configure(tiny.path)
    xml = spoiled(config, tmp_path, **steps)
    with pytest.raises(ModelError, match=f"check of the written IR failed: {message}"):
        check(import_openvino(), xml, original(config), config, config.candidates[0])


def test_swapped_channels_are_called_by_their_name(tiny: Any, configure: Make, tmp_path: Path) -> None:
    def same(data: dict[str, Any]) -> None:
        data["reference"]["input"].update(mean=110.0, scale=50.0)

    config = configure(tiny.path, same)
    xml = spoiled(config, tmp_path, reverse=False, mean=[110.0] * 3, scale=[50.0] * 3)
    with pytest.raises(ModelError, match="the channels are in the wrong order"):
        check(import_openvino(), xml, original(config), config, config.candidates[0])


def test_an_output_that_does_not_depend_on_the_colours_proves_nothing(configure: Make, tmp_path: Path) -> None:
    ov = pytest.importorskip("openvino")
    assert ov is not None
    import openvino.opset13 as ops

    pixels = ops.parameter([1, 16, 16, 3], np.float32, name="input")
    grey = ops.reduce_mean(pixels, np.array([1, 2, 3]), keep_dims=False)
    row = ops.multiply(
        ops.reshape(grey, np.array([1, 1]), special_zero=False), np.linspace(0, 1, 5, dtype=np.float32)[None]
    )
    blind = import_openvino().Model([ops.softmax(row, 1)], [pixels], "blind")
    blind.input(0).get_tensor().set_names({"input"})
    blind.output(0).get_tensor().set_names({"Net/Probabilities"})
    blind.input(0).node.set_layout(import_openvino().Layout("NHWC"))
    import_openvino().save_model(blind, str(tmp_path / "blind.xml"), compress_to_fp16=False)

    def plain(data: dict[str, Any]) -> None:
        data["reference"]["input"].update(mean=0.0, scale=100.0)
        data["candidates"][0]["input"].update(scale=100.0)

    config = configure(tmp_path / "net.pb", plain)
    with pytest.raises(ModelError, match=r"colour order: .* so the order cannot be determined"):
        check(import_openvino(), tmp_path / "blind.xml", blind, config, config.candidates[0])


def test_convert_reports_its_checks(tiny: Any, configure: Make) -> None:
    config = configure(tiny.path)
    names = [item.name for item in convert(config, config.candidates[0]).checks]
    assert names[:6] == ["input name", "input shape", "input type", "input layout", "output name", "output shape"]
    assert "probabilities" in names
