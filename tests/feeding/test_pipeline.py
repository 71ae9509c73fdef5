from __future__ import annotations

import io
import re
from typing import Any

import cv2
import numpy as np
import PIL
import pytest
from PIL import Image

from harness.config.preprocess import Preprocess
from harness.dataset.image import BadImageError, decode
from harness.feeding.pipeline import decode_with, libraries, prepare
from tests.dataset.test_image import encode

PHOTO = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8), (0, 0), 2)  # RGB
JPEG = encode(PHOTO, "JPEG", quality=90)


def steps(*listed: dict[str, Any], decoder: str = "pillow", exif: str = "ignore") -> Preprocess:
    return Preprocess.model_validate({"decoder": decoder, "exif": exif, "steps": list(listed)})


WHOLE = {"resize": {"size": [90, 120], "interpolation": "nearest"}}


def test_the_published_protocol_is_unchanged() -> None:
    image = cv2.imdecode(np.frombuffer(JPEG, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    expected = cv2.resize(image[6 : 6 + 78, 7 : 7 + 105], (224, 224), interpolation=cv2.INTER_LINEAR)
    for preprocess in (Preprocess(), Preprocess(preset="inception")):
        found = prepare(JPEG, preprocess)
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "area", "cubic"])
def test_the_short_form_is_opencvs(interpolation: Any) -> None:
    codes = {"bilinear": 1, "nearest": 0, "area": 3, "cubic": 2}  # OpenCV's InterpolationFlags
    cropped = decode(JPEG)[22 : 22 + 45, 30 : 30 + 60]
    expected = cv2.resize(cropped, (40, 32), interpolation=codes[interpolation])
    found = prepare(JPEG, Preprocess(crop_fraction=0.5, size=(32, 40), interpolation=interpolation))
    np.testing.assert_array_equal(found, expected)


def test_torchvisions_protocol_by_pillow_alone() -> None:
    image = Image.open(io.BytesIO(JPEG)).convert("RGB").resize((341, 256), Image.Resampling.BILINEAR)
    expected = np.asarray(image.crop((58, 16, 58 + 224, 16 + 224)))  # round((341 - 224) / 2) = round(58.5) = 58
    np.testing.assert_array_equal(prepare(JPEG, Preprocess(preset="torchvision"))[:, :, ::-1], expected)


def test_kerass_protocol_by_pillow_alone() -> None:
    image = Image.open(io.BytesIO(JPEG)).convert("RGB").resize((299, 299), Image.Resampling.NEAREST)
    found = prepare(JPEG, Preprocess(preset="keras-applications", size=299))
    np.testing.assert_array_equal(found[:, :, ::-1], np.asarray(image))


def test_caffes_protocol_by_opencv_alone() -> None:
    decoded = cv2.imdecode(np.frombuffer(JPEG, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    image = cv2.resize(decoded, (256, 256))
    np.testing.assert_array_equal(prepare(JPEG, Preprocess(preset="caffe")), image[16:240, 16:240])
    np.testing.assert_array_equal(prepare(JPEG, Preprocess(preset="caffe", size=227)), image[14:241, 14:241])


def test_a_normalisation_makes_floats_in_bgr() -> None:
    preprocess = steps({"normalize": {"mean": [1, 2, 3], "scale": [1, 2, 4]}}, WHOLE, decoder="opencv")
    found = prepare(encode(PHOTO, "PNG"), preprocess)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, ((PHOTO - [1.0, 2.0, 3.0]) / [1, 2, 4])[:, :, ::-1].astype(np.float32))
    other = steps({"normalize": {"mean": [3, 2, 1], "scale": [4, 2, 1], "color": "BGR"}}, WHOLE)
    np.testing.assert_array_equal(prepare(encode(PHOTO, "PNG"), other), found)


def _palette() -> Image.Image:
    image = Image.fromarray(PHOTO).quantize(16)
    image.info["transparency"] = bytes(range(16))
    return image


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (Image.fromarray(PHOTO[:, :, 0]), "JPEG"),
        (Image.fromarray(PHOTO[:, :, 0]), "PNG"),
        (Image.fromarray(PHOTO).convert("CMYK"), "JPEG"),
        (Image.fromarray(PHOTO).convert("RGBA"), "PNG"),
        (Image.fromarray(PHOTO).convert("1"), "PNG"),
        (_palette(), "PNG"),
        (Image.fromarray(PHOTO[:, :, 0].astype(np.uint16) * 257), "PNG"),
        (Image.fromarray(PHOTO), "WEBP"),
        (Image.fromarray(PHOTO).quantize(16), "GIF"),
    ],
)
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_pillow_makes_rgb_of_every_mode(image: Image.Image, kind: str) -> None:
    data = encode(image, kind, **({"transparency": image.info["transparency"]} if "transparency" in image.info else {}))
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(prepare(data, steps(WHOLE))[:, :, ::-1], expected)


def test_pillow_does_not_warn_of_transparency() -> None:
    image = _palette()
    prepare(encode(image, "PNG", transparency=image.info["transparency"]), steps(WHOLE))  # warnings are errors here


@pytest.mark.parametrize("decoder", ["opencv", "pillow"])
def test_the_exif_orientation(decoder: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is at the right: turned clockwise to be shown
    image = Image.fromarray(PHOTO)
    data = encode(image, "PNG", exif=exif)
    stored = prepare(data, steps(WHOLE, decoder=decoder))[:, :, ::-1]
    np.testing.assert_array_equal(stored, PHOTO)
    turned = steps({"resize": {"size": [120, 90], "interpolation": "nearest"}}, decoder=decoder, exif="apply")
    np.testing.assert_array_equal(prepare(data, turned)[:, :, ::-1], np.rot90(PHOTO, -1))


@pytest.mark.parametrize("decoder", ["opencv", "pillow"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"words", "not an image"),
        (JPEG[:-300], "cut off"),
        (encode(PHOTO, "PNG")[:-300], "cut off"),
    ],
)
def test_damaged_files_are_refused_before_either_library_decodes(data: bytes, reason: str, decoder: str) -> None:
    with pytest.raises(BadImageError, match=re.escape(reason)):
        prepare(data, steps(WHOLE, decoder=decoder))


def test_what_pillow_cannot_decode_is_a_bad_image() -> None:
    data = bytearray(encode(PHOTO, "PNG"))
    start = data.index(b"IDAT")
    data[start + 20 : start + 60] = bytes(40)
    with pytest.raises(BadImageError):
        prepare(bytes(data), steps(WHOLE))


def test_the_order_of_decoders() -> None:
    data = encode(PHOTO, "PNG")
    assert decode_with("pillow", data, exif=False).is_rgb
    assert not decode_with("opencv", data, exif=False).is_rgb
    np.testing.assert_array_equal(prepare(data, steps(WHOLE)), prepare(data, steps(WHOLE, decoder="opencv")))


def test_the_libraries_for_the_record() -> None:
    opencv, pillow = f"opencv {cv2.__version__}", f"pillow {PIL.__version__}"
    assert libraries(Preprocess()) == (opencv,)
    assert libraries(Preprocess(preset="torchvision")) == (pillow,)
    mixed = steps({"resize": {"size": 8, "library": "pillow"}}, decoder="opencv")
    assert libraries(mixed) == (opencv, pillow)
