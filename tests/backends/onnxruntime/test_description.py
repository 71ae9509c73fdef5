from __future__ import annotations

from pathlib import Path

import pytest

from harness.backends.onnxruntime.description import describe
from harness.config.color import Color
from harness.errors import ModelError
from tests.backends.onnxruntime.onnx_files import field, write_onnx
from tests.conftest import CLASSES, SIZE, Network


def with_metadata(path: Path, **values: str) -> Path:
    """Add `metadata_props`, field 14 of ModelProto, as the ONNX format has them: pairs of texts."""
    entries = (field(14, field(1, f"Image.{key}") + field(2, value)) for key, value in values.items())
    path.write_bytes(path.read_bytes() + b"".join(entries))
    return path


@pytest.mark.parametrize(
    ("range_", "mean", "scale"),
    [("NominalRange_0_255", 0.0, 1.0), ("Normalized_0_1", 0.0, 255.0), ("Normalized_1_1", 127.5, 127.5)],
)
@pytest.mark.parametrize(("order", "color"), [("Bgr8", "BGR"), ("Rgb8", "RGB")])
def test_the_metadata_of_an_image_input(
    network: Network, tmp_path: Path, range_: str, mean: float, scale: float, order: str, color: Color
) -> None:
    model = with_metadata(
        write_onnx(tmp_path / "net.onnx", network, layout="NCHW"), BitmapPixelFormat=order, NominalPixelRange=range_
    )
    found = describe(model)
    assert found.color is not None
    assert (found.color.value, found.color.source) == (color, "metadata of net.onnx, Image.BitmapPixelFormat")
    assert found.mean is not None
    assert found.scale is not None
    assert (found.mean.value, found.scale.value) == ((mean,) * 3, (scale,) * 3)


def test_ports_without_metadata(network: Network, tmp_path: Path) -> None:
    found = describe(write_onnx(tmp_path / "net.onnx", network, layout="NCHW"))
    (source,), (answer,) = found.inputs, found.outputs
    assert (source.name, source.shape, source.layout) == ("input", (None, 3, SIZE, SIZE), "NCHW")
    assert (answer.name, answer.width) == ("probabilities", CLASSES + 1)
    assert (found.color, found.mean, found.scale) == (None, None, None)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"none")
    with pytest.raises(ModelError, match="cannot load this model"):
        describe(tmp_path / "net.onnx")
