"""Steps and whole preprocessings against plain OpenCV, Pillow and numpy; `harness feed` as a command."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from harness.cli import main
from harness.config import Preprocess, load_config
from harness.config.steps import ResizeStep, WrittenStep
from harness.dataset.image import BadImageError, decode, decode_with_pillow
from harness.errors import ConfigError
from harness.feeding.pipeline import prepare
from harness.feeding.steps import Pixels, apply_step, resized_size

CONFIG = """\
version: 1
name: net
dataset:
  path: ${UNSET_IMAGES}
  labels: ${UNSET_LABELS}
  class_names: ${UNSET_CLASSES}
  preprocess:
    decoder: pillow
    steps:
      - resize: {short_side: 32, interpolation: bicubic, library: pillow}
      - crop: {size: 24, library: pillow}
reference: null
candidates:
  - id: file
    backend: some_backend
    model: ${UNSET_MODEL}
    input: {color: RGB, mean: [1, 2, 3], scale: 2}
  - id: plain
    backend: some_backend
    model: net.bin
    input: {color: BGR}
    preprocess: {crop_fraction: 1.0, size: 16, interpolation: area}
"""


def _noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _step(pixels: Any, **step: Any) -> Pixels:
    """Apply one step to BGR pixels."""
    return apply_step(WrittenStep.model_validate(step).resolved("opencv"), pixels, is_rgb=False)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "area", "cubic"])
@pytest.mark.parametrize(("height", "width"), [(97, 61), (50, 227), (224, 224)])
def test_the_short_form_gives_the_pixels_of_every_other_command(interpolation: str, height: int, width: int) -> None:
    data = _png(_noise(height, width))
    filters = {"bilinear": 1, "nearest": 0, "area": 3, "cubic": 2}  # OpenCV's InterpolationFlags
    forms: list[dict[str, Any]] = [{}, {"interpolation": interpolation, "size": 40, "crop_fraction": 0.7}]
    for short in forms:
        fraction, size = short.get("crop_fraction", 0.875), short.get("size", 224)
        rows, columns = int(height * fraction), int(width * fraction)
        top, left = (height - rows) // 2, (width - columns) // 2
        middle = decode(data)[top : top + rows, left : left + columns]
        expected = cv2.resize(middle, (size, size), interpolation=filters[short.get("interpolation", "bilinear")])
        pixels = prepare(data, Preprocess.model_validate(short))
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize(
    ("name", "of_opencv", "of_pillow"),
    [
        ("nearest", cv2.INTER_NEAREST, Image.Resampling.NEAREST),
        ("bilinear", cv2.INTER_LINEAR, Image.Resampling.BILINEAR),
        ("bicubic", cv2.INTER_CUBIC, Image.Resampling.BICUBIC),
        ("area", cv2.INTER_AREA, Image.Resampling.BOX),
        ("lanczos", cv2.INTER_LANCZOS4, Image.Resampling.LANCZOS),
    ],
)
def test_each_filter_is_the_librarys_own(name: Any, of_opencv: int, of_pillow: Any) -> None:
    pixels = _noise(61, 83)
    ours = _step(pixels, resize={"size": [20, 31], "interpolation": name, "library": "opencv"})
    np.testing.assert_array_equal(ours, cv2.resize(pixels, (31, 20), interpolation=of_opencv))
    ours = _step(pixels, resize={"size": [20, 31], "interpolation": name, "library": "pillow"})
    np.testing.assert_array_equal(ours, np.array(Image.fromarray(pixels).resize((31, 20), of_pillow)))
    real = pixels.astype(np.float32) / 7
    ours = _step(real.astype(np.float64), resize={"size": [20, 31], "interpolation": name, "library": "pillow"})
    red = np.array(Image.fromarray(np.ascontiguousarray(real[..., 2])).resize((31, 20), of_pillow))
    assert ours.dtype == np.float64
    np.testing.assert_array_equal(ours[..., 2], red)


@pytest.mark.parametrize(
    ("step", "height", "width", "wanted"),
    [
        ({"short_side": 256}, 375, 500, (256, 341)),  # 341.33
        ({"short_side": 256}, 500, 333, (384, 256)),  # 384.38
        ({"short_side": 256}, 300, 599, (256, 511)),  # 511.15
        ({"long_side": 100}, 375, 500, (75, 100)),
        ({"long_side": 100}, 500, 333, (100, 66)),  # 66.6
        ({"size": [10, 20]}, 500, 333, (10, 20)),
        ({"size": 10}, 500, 333, (10, 10)),
    ],
)
def test_sizes_are_rounded_down(step: dict[str, Any], height: int, width: int, wanted: tuple[int, int]) -> None:
    resize = WrittenStep.model_validate({"resize": step}).resolved("opencv")
    assert isinstance(resize, ResizeStep)
    assert resized_size(resize, height, width) == wanted


@pytest.mark.parametrize(
    ("side", "opencv", "pillow"), [(224, 0, 0), (225, 0, 0), (227, 1, 2), (229, 2, 2), (231, 3, 4)]
)
def test_a_crop_starts_where_each_library_starts_it(side: int, opencv: int, pillow: int) -> None:
    pixels = _noise(side, side)
    for library, offset in (("opencv", opencv), ("pillow", pillow)):
        ours = _step(pixels, crop={"size": 224, "library": library})
        np.testing.assert_array_equal(ours, pixels[offset : offset + 224, offset : offset + 224])


def test_what_cannot_be_cut_is_a_bad_image() -> None:
    with pytest.raises(BadImageError, match="10x20 pixels: smaller than the crop of 16x16"):
        _step(_noise(20, 10), crop={"size": 16, "rounding": "tf_slim"})
    with pytest.raises(BadImageError, match="1x5000 pixels: the crop of 224x224 would need 224x1120000 pixels"):
        _step(_noise(5000, 1), crop={"size": 224, "library": "opencv"})
    with pytest.raises(BadImageError, match="nothing is left"):
        _step(_noise(20, 1), crop={"fraction": 0.5})
    with pytest.raises(BadImageError, match="the resize would make the other side 1280000 pixels long"):
        _step(_noise(1, 5000), resize={"short_side": 256})


def test_normalize_takes_red_green_blue() -> None:
    ours = _step(np.array([[[30, 20, 10]]], np.uint8), normalize={"mean": [1, 2, 3], "scale": [1, 2, 3]})
    assert ours.dtype == np.float64
    np.testing.assert_array_equal(ours, np.array([[[9, 9, 9]]]))


def test_pillow_decodes_behind_the_same_checks() -> None:
    pixels = _noise(40, 50)
    np.testing.assert_array_equal(decode_with_pillow(_png(pixels)), pixels)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG")
    for data in (b"", b"no image", stream.getvalue()[:-200]):
        with pytest.raises(BadImageError):
            decode_with_pillow(data)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"steps": [{"resize": {"short_side": 256}}]}, "does not end at one size"),
        ({"steps": [{"resize": {"short_side": 256, "size": 2}}]}, "exactly one of `size`, `short_side`, `long_side`"),
        ({"steps": [{"crop": {}}]}, "exactly one of `size`, `fraction`"),
        ({"steps": [{"crop": {"size": 2}, "resize": {"size": 2}}]}, "write one key per step"),
        ({"steps": [{"resize": {"size": 2}}], "size": 3}, "write `size` as a step"),
        ({"decoder": "pillow"}, "list the steps, too"),
        ({"preset": "caffe", "crop_fraction": 0.5}, "which the preset defines; keep one of the two"),
        ({"steps": [{"resize": {"size": [1, 2, 3]}}]}, "write one whole number from 1 to 4096, or two of them"),
        ({"steps": [{"normalize": {"scale": 0}}, {"resize": {"size": 2}}]}, "divide by zero"),
    ],
)
def test_contradictions_are_refused(value: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Preprocess.model_validate(value)


def test_torchvision_is_short_side_256_and_the_middle_224_of_pillow() -> None:
    pixels = _noise(301, 400)
    ours = prepare(_png(pixels), Preprocess(preset="torchvision"))
    small = Image.fromarray(pixels).resize((340, 256), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(ours[..., ::-1], np.array(small.crop((58, 16, 282, 240))))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "net.yml"
    path.write_text(CONFIG)
    (tmp_path / "a.png").write_bytes(_png(_noise(48, 64, 1)))
    (tmp_path / "b.png").write_bytes(_png(_noise(64, 48, 2)))
    return path


def test_feed_writes_one_array_a_model(config: Path) -> None:
    folder = config.parent
    out = folder / "new" / "fed.npz"
    assert main(["feed", str(config), str(folder / "a.png"), str(folder / "b.png"), "--out", str(out)]) == 0
    fed = np.load(out)
    assert sorted(fed) == ["file", "plain"]
    image = Image.open(folder / "a.png").resize((42, 32), Image.Resampling.BICUBIC)
    wanted = (np.array(image)[4:28, 9:33].astype(np.float32) - np.asarray([1, 2, 3], np.float32)) / np.float32(2)
    assert (fed["file"].shape, fed["file"].dtype) == ((2, 24, 24, 3), np.float32)
    np.testing.assert_array_equal(fed["file"][0], wanted)
    plain = cv2.resize(cv2.imread(str(folder / "b.png")), (16, 16), interpolation=cv2.INTER_AREA)
    assert fed["plain"].dtype == np.uint8
    np.testing.assert_array_equal(fed["plain"][1], plain)
    assert [item.name for item in out.parent.iterdir()] == ["fed.npz"]


def test_feed_names_bad_images_and_unknown_models(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = config.parent, config.parent / "fed.npz"
    (folder / "c.png").write_bytes(b"no image")
    arguments = ["feed", str(config), "--out", str(out)]
    assert main([*arguments, str(folder / "c.png"), str(folder / "d.png")]) == 3
    said = capsys.readouterr().err
    assert f"{folder}/c.png: " in said
    assert f"{folder}/d.png: cannot be read: No such file" in said
    assert main([*arguments, str(folder / "a.png"), "--model", "plane"]) == 2
    assert "--model plane: no such model" in capsys.readouterr().err
    assert not out.exists()
    assert main([*arguments, str(folder / "a.png"), "--model", "plain"]) == 0
    assert list(np.load(out)) == ["plain"]


def test_feed_refuses_misspelt_keys(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(CONFIG.replace("    preprocess: {crop", "    preproces: {crop"))
    arguments = ["feed", str(config), str(config.parent / "a.png"), "--out", str(config.parent / "fed.npz")]
    assert main(arguments) == 2
    assert "did you mean `preprocess`?" in capsys.readouterr().err


def test_other_commands_take_the_same_preprocessing(config: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(config)
    assert "preprocess" not in str(refused.value)  # only what `harness feed` does not need is missing
