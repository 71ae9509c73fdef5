"""Decoding, cropping and resizing; the expected pixels come from Pillow, from numpy, or from arithmetic."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from harness.config import Preprocess
from harness.config.steps import CropStep
from harness.dataset.image import BadImageError, decode, decoder_version
from harness.feeding import steps
from harness.feeding.pipeline import prepare

Pixels = NDArray[np.uint8]


def picture(height: int = 20, width: int = 30) -> Pixels:
    """Return uint8 RGB with a different slope in each channel."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.dstack([columns * 8 % 256, rows * 12 % 256, (rows + columns) * 5 % 256]).astype(np.uint8)


def noise(height: int = 96, width: int = 128) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)


def encode(pixels: Pixels | Pillow.Image, kind: str, **options: Any) -> bytes:
    sink = io.BytesIO()
    image = pixels if isinstance(pixels, Pillow.Image) else Pillow.fromarray(pixels)
    image.save(sink, kind, **options)
    return sink.getvalue()


def central_crop(image: Pixels, fraction: float) -> Pixels:
    """Crop as the short form of `preprocess` does."""
    return steps.apply_step(CropStep(None, fraction, "floor"), image, is_rgb=False).astype(np.uint8, copy=False)


def resize(image: Pixels, size: int, name: Any) -> Pixels:
    """Resize as the short form of `preprocess` does."""
    found = steps.resize(image, size, size, "bicubic" if name == "cubic" else name, "opencv")
    assert found.dtype == np.uint8
    return found.astype(np.uint8, copy=False)


def by_pillow(data: bytes) -> Pixels:
    return np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB"))


def rgb(data: bytes) -> Pixels:
    """Return what the harness decodes, in the order of Pillow."""
    return decode(data)[..., ::-1]


def exif(orientation: int) -> Pillow.Exif:
    notes = Pillow.Exif()
    notes[0x0112] = orientation
    return notes


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("PNG", {"compress_level": 0})],
)
def test_lossless_formats_give_their_pixels(kind: str, options: dict[str, Any]) -> None:
    decoded = decode(encode(picture(), kind, **options))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded[..., ::-1], picture())


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}, {"quality": 20}])
def test_jpeg_is_decoded_as_pillow_decodes_it(options: dict[str, Any]) -> None:
    data = encode(picture(45, 61), "JPEG", **options)
    assert np.abs(rgb(data).astype(int) - by_pillow(data)).max() <= 1  # two builds of libjpeg-turbo


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_greyscale_becomes_three_equal_channels(kind: str) -> None:
    data = encode(Pillow.fromarray(picture()).convert("L"), kind)
    decoded = decode(data)
    assert decoded.shape == (20, 30, 3)
    np.testing.assert_array_equal(decoded[..., 0], decoded[..., 1])
    np.testing.assert_array_equal(decoded[..., 0], decoded[..., 2])
    assert np.abs(rgb(data).astype(int) - by_pillow(data)).max() <= 1


def test_cmyk_is_converted_as_pillow_converts_it() -> None:
    data = encode(Pillow.fromarray(picture(64, 64)).convert("CMYK"), "JPEG", quality=95)
    assert Pillow.open(io.BytesIO(data)).mode == "CMYK"
    assert np.abs(rgb(data).astype(int) - by_pillow(data)).max() <= 2  # (255-c)*(255-k)/255, rounded differently


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_exif_orientation_is_ignored(kind: str, orientation: int) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    plain, turned = encode(picture(), kind, **options), encode(picture(), kind, exif=exif(orientation), **options)
    assert Pillow.open(io.BytesIO(turned)).getexif()[0x0112] == orientation
    np.testing.assert_array_equal(decode(turned), decode(plain))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied_where_that_is_configured(orientation: int) -> None:
    from PIL import ImageOps

    data = encode(picture(), "PNG", exif=exif(orientation))
    turned = np.asarray(ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))))
    np.testing.assert_array_equal(decode(data, exif=True)[..., ::-1], turned)
    small = Preprocess(size=8, exif="apply")
    np.testing.assert_array_equal(prepare(data, small), prepare(encode(turned, "PNG"), Preprocess(size=8)))


def test_the_name_does_not_matter_but_the_content() -> None:
    """ImageNet's training set has a PNG that is called .JPEG; the decoder is given bytes and no name."""
    np.testing.assert_array_equal(rgb(encode(picture(), "PNG")), picture())


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True})])
@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_alpha_is_dropped_and_not_blended(kind: str, options: dict[str, Any], alpha: int) -> None:
    pixels = np.dstack([picture(), np.full((20, 30), alpha, np.uint8)])
    np.testing.assert_array_equal(rgb(encode(pixels, kind, **options)), picture())


def test_grey_with_alpha_and_palettes() -> None:
    grey = picture()[..., 0]
    data = encode(Pillow.fromarray(np.dstack([grey, picture()[..., 1]]), "LA"), "PNG")
    np.testing.assert_array_equal(rgb(data), np.dstack([grey] * 3))
    palette = Pillow.fromarray(picture()).quantize(7)
    np.testing.assert_array_equal(rgb(encode(palette, "PNG", transparency=0)), np.asarray(palette.convert("RGB")))


def test_sixteen_bits_lose_the_lower_eight() -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    data = cv2.imencode(".png", deep)[1].tobytes()
    np.testing.assert_array_equal(decode(data), deep >> 8)
    grey = cv2.imencode(".png", deep[..., 0])[1].tobytes()
    np.testing.assert_array_equal(decode(grey)[..., 1], deep[..., 0] >> 8)


def test_one_pixel() -> None:
    assert decode(encode(picture(1, 1), "PNG")).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"these are words and no image\n" * 20, "not an image"),
        (bytes(1000), "not an image"),
        (b"\xff\xd8\xff\xd9", "not an image"),
        (b"\xff\xd8", "not an image"),
        (b"GIF89a", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "not an image"),
    ],
)
def test_what_is_no_image_has_a_reason(data: bytes, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadImageError, match=reason):
        decode(data)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("BMP", {})])
def test_a_cut_off_image_is_refused(kind: str, options: dict[str, Any], share: float) -> None:
    data = encode(noise(), kind, **options)
    with pytest.raises(BadImageError):
        decode(data[: int(len(data) * share)])


def test_a_jpeg_without_its_last_byte_is_cut_off() -> None:
    with pytest.raises(BadImageError, match="cut off: the JPEG data has no end marker"):
        decode(encode(noise(), "JPEG")[:-1])


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_image() -> None:
    thumbnail = encode(noise(24, 32), "JPEG")
    segment = b"\xff\xe1" + (2 + 6 + len(thumbnail)).to_bytes(2, "big") + b"Exif\0\0" + thumbnail
    data = encode(noise(), "JPEG")
    whole = data[:2] + segment + data[2:]
    np.testing.assert_array_equal(decode(whole), decode(data))
    for end in (len(segment) // 2, len(segment) + 4, len(whole) // 2, len(whole) - 2):
        with pytest.raises(BadImageError):
            decode(whole[:end])


@pytest.mark.parametrize("behind", [b"\xff\xda junk", b"\0" * 9, b"\xff\xd8\xff\xda", encode(noise(), "JPEG")[:-40]])
def test_what_stands_behind_the_end_of_a_jpeg_does_not_matter(behind: bytes) -> None:
    data = encode(noise(40, 40), "JPEG")
    np.testing.assert_array_equal(decode(data + behind), decode(data))


def test_restart_markers_are_no_ends() -> None:
    data = cv2.imencode(".jpg", noise(), [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1].tobytes()
    assert b"\xff\xd3" in data
    assert decode(data + b"\xff\xda").shape == (96, 128, 3)
    with pytest.raises(BadImageError, match="cut off"):
        decode(data[:-2])


@pytest.mark.parametrize(
    ("height", "width", "fraction", "top", "left", "rows", "columns"),
    [  # by hand: int(side * fraction), (side - crop) // 2
        (100, 200, 0.875, 6, 12, 87, 175),  # 87.5 -> 87, 13 // 2; 175, 25 // 2
        (227, 227, 0.875, 14, 14, 198, 198),  # 198.625 -> 198, 29 // 2
        (375, 500, 0.875, 23, 31, 328, 437),  # 328.125, 47 // 2; 437.5, 63 // 2
        (256, 256, 0.875, 16, 16, 224, 224),
        (7, 3, 0.5, 2, 1, 3, 1),  # 3.5 -> 3, 4 // 2; 1.5 -> 1, 2 // 2
        (5, 9, 1.0, 0, 0, 5, 9),
        (2, 2, 0.875, 0, 0, 1, 1),  # 1.75 -> 1, 1 // 2
    ],
)
def test_the_central_crop_by_hand(
    height: int, width: int, fraction: float, top: int, left: int, rows: int, columns: int
) -> None:
    image = noise(height, width)
    cropped = central_crop(image, fraction)
    np.testing.assert_array_equal(cropped, image[top : top + rows, left : left + columns])
    assert cropped.shape == (rows, columns, 3)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (500, 1)])
def test_nothing_left_after_the_crop_is_a_bad_image(height: int, width: int) -> None:
    data = encode(picture(height, width), "PNG")
    with pytest.raises(BadImageError, match=f"{width}x{height} pixels: nothing is left"):
        prepare(data, Preprocess(size=8))
    assert prepare(data, Preprocess(size=8, crop_fraction=1)).shape == (8, 8, 3)


def bilinear(image: Pixels, size: int) -> NDArray[np.float64]:
    """Interpolate at pixel centres, the border repeated, without a filter when the image shrinks."""

    def places(length: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        centres = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        low = np.floor(centres).astype(np.int64)
        return low, np.minimum(low + 1, length - 1), centres - low

    top, bottom, down = places(image.shape[0])
    left, right, across = places(image.shape[1])
    values = image.astype(np.float64)
    upper = values[top][:, left] * (1 - across)[None, :, None] + values[top][:, right] * across[None, :, None]
    lower = values[bottom][:, left] * (1 - across)[None, :, None] + values[bottom][:, right] * across[None, :, None]
    return np.asarray(upper * (1 - down)[:, None, None] + lower * down[:, None, None])


@pytest.mark.parametrize(("height", "width"), [(198, 198), (437, 328), (100, 60), (1, 1), (224, 224), (225, 223)])
def test_the_bilinear_resize_is_the_textbook_one(height: int, width: int) -> None:
    image = noise(height, width)
    found = resize(image, 224, "bilinear")
    assert found.shape == (224, 224, 3)
    assert found.dtype == np.uint8
    assert np.abs(found - bilinear(image, 224)).max() <= 1  # uint8: rounded, with weights of 11 bits


def test_a_ramp_stays_a_ramp() -> None:
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(100, axis=0)
    found = resize(ramp, 200, "bilinear")[100, 1:-1, 0].astype(float)
    assert np.abs(found - (np.arange(1, 199) - 0.5)).max() <= 1  # pixel d lies at (d + 0.5) / 2 - 0.5, there is 2 x
    np.testing.assert_array_equal(np.diff(found) >= 0, np.ones(197, bool))


def test_the_other_filters_are_others() -> None:
    image = noise(100, 100)
    found = {name: resize(image, 40, name) for name in ("bilinear", "nearest", "area", "cubic")}
    assert len({array.tobytes() for array in found.values()}) == 4
    picked = (np.arange(40) * 2.5).astype(int)
    np.testing.assert_array_equal(found["nearest"], image[np.ix_(picked, picked)])
    blocks = resize(image, 20, "area")
    means = image.reshape(20, 5, 20, 5, 3).mean(axis=(1, 3))
    assert np.abs(blocks - means).max() <= 0.51


def test_prepare_is_decode_crop_and_resize_in_this_order() -> None:
    image = noise(90, 130)
    found = prepare(encode(image, "PNG"), Preprocess(size=32))
    middle = image[6 : 6 + 78, 8 : 8 + 113, ::-1]  # int(90*.875)=78, (90-78)//2=6; int(130*.875)=113, 17//2=8
    assert np.abs(found - bilinear(middle, 32)).max() <= 1


def test_the_decoder_is_named_with_its_version() -> None:
    assert decoder_version() == f"opencv {cv2.__version__}"


NAME = b"a\n::error::in a profile\x1b[31m"


@pytest.mark.parametrize("kind", ["iCCP", "sPLT", "pCAL", "sCAL", "tEXt", "zTXt", "iTXt", "eXIf", "caBX"])
def test_no_name_inside_a_png_reaches_the_terminal(kind: str) -> None:
    """libpng writes warnings to stderr by itself, and some repeat names from the file."""
    from harness.dataset.header import without_names

    sink = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).save(sink, "PNG")
    plain = sink.getvalue()
    noise = np.random.default_rng(1).bytes(5000)  # of a profile: too short by its own count
    content = NAME + (b"\0\0" + zlib.compress(bytes(132) + noise) if kind == "iCCP" else b"\0\x09" + NAME)
    chunk = len(content).to_bytes(4, "big") + kind.encode() + content
    data = plain[:33] + chunk + zlib.crc32(chunk[4:]).to_bytes(4, "big") + plain[33:]
    code = (
        "import sys; from harness.dataset.image import decode; sys.stdout.buffer.write(decode(sys.stdin.buffer.read()))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert b"::error" not in done.stderr
    assert b"\x1b" not in done.stderr
    assert done.stdout == pixels[:, :, ::-1].tobytes()
    assert without_names(plain) is plain
    assert (without_names(data) == plain) is (kind in ("iCCP", "sPLT", "pCAL", "sCAL"))
