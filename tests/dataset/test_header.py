"""Headers against Pillow's; bombs are refused before they are decoded; no cut is taken for a whole image."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from harness.config import Preprocess
from harness.dataset import image as image_module
from harness.dataset.header import LARGEST_PIXELS, HeaderError, read_header
from harness.dataset.image import BadImageError, decode, decode_with_pillow
from harness.feeding.pipeline import prepare

Pixels = NDArray[np.uint8]


def blocks(width: int = 64, height: int = 48, seed: int = 0) -> Pillow.Image:
    colours = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3))
    return Pillow.fromarray(np.kron(colours, np.ones((8, 8, 1))).astype(np.uint8))


def encode(image: Pillow.Image, kind: str, **options: Any) -> bytes:
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def by_pillow(data: bytes) -> NDArray[np.int64]:
    return np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB")).astype(np.int64)


def ours(data: bytes) -> NDArray[np.int64]:
    return decode(data)[..., ::-1].astype(np.int64)


KINDS: list[tuple[str, str, str, dict[str, Any]]] = [  # format, mode of Pillow, ours, options
    ("JPEG", "RGB", "RGB", {}),
    ("JPEG", "RGB", "RGB", {"progressive": True}),
    ("JPEG", "L", "grey", {}),
    ("JPEG", "CMYK", "CMYK", {"quality": 95}),
    ("PNG", "RGB", "RGB", {}),
    ("PNG", "L", "grey", {}),
    ("PNG", "1", "grey", {}),
    ("PNG", "P", "palette", {}),
    ("PNG", "RGBA", "RGB+alpha", {}),
    ("PNG", "LA", "grey+alpha", {}),
    ("WebP", "RGB", "RGB", {"lossless": True}),
    ("WebP", "RGB", "RGB", {}),
    ("WebP", "RGBA", "RGB+alpha", {"lossless": True}),
    ("BMP", "RGB", "RGB", {}),
    ("BMP", "L", "palette", {}),
    ("BMP", "P", "palette", {}),
    ("GIF", "P", "palette", {}),
    ("TIFF", "RGB", "RGB", {}),
    ("TIFF", "L", "grey", {}),
    ("TIFF", "RGB", "RGB", {"compression": "tiff_lzw"}),
]
IDS = [f"{kind}-{mode}-{'-'.join(options) or 'plain'}" for kind, mode, _, options in KINDS]


@pytest.mark.parametrize(("kind", "mode", "name", "options"), KINDS, ids=IDS)
def test_dimensions_mode_and_pixels(kind: str, mode: str, name: str, options: dict[str, Any]) -> None:
    image = blocks()
    if mode.endswith("A"):
        image.putalpha(blocks(seed=1).convert("L"))
    data = encode(image.convert(mode), kind, **options)
    header = read_header(data)
    assert (header.format, header.width, header.height, header.mode, header.animated) == (kind, 64, 48, name, False)
    if not mode.endswith("A"):  # alpha is dropped here and by Pillow; WebP may change colours that nobody sees
        assert np.abs(ours(data) - by_pillow(data)).max() <= 2


@pytest.mark.parametrize(("kind", "mode", "name", "options"), KINDS, ids=IDS)
def test_no_cut_is_taken_for_a_whole_image(kind: str, mode: str, name: str, options: dict[str, Any]) -> None:
    data = encode(blocks(24, 16).convert(mode), kind, **options)
    whole = decode(data)
    accepted = []
    for length in range(len(data)):
        try:
            decoded = decode(data[:length])
        except BadImageError:
            continue
        accepted.append(length)
        np.testing.assert_array_equal(decoded, whole)  # what was cut off was no part of the picture
    assert all(len(data) - length <= 9 for length in accepted), accepted


def test_sixteen_bits_are_said() -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (8, 9)).astype(np.uint16)
    data = encode(Pillow.fromarray(deep), "PNG")
    assert read_header(data).mode == "grey 16 bit"
    np.testing.assert_array_equal(ours(data)[..., 0], deep >> 8)


def without_adobe(data: bytes) -> bytes:
    place = data.index(b"\xff\xee")
    return data[:place] + data[place + 2 + int.from_bytes(data[place + 2 : place + 4], "big") :]


def test_cmyk_is_read_as_adobe_inverts_it_with_or_without_its_marker() -> None:
    inverted = encode(blocks().convert("CMYK"), "JPEG", quality=95)
    plain = without_adobe(inverted)
    ycck = inverted.replace(b"Adobe\0\x64\0\0\0\0\0", b"Adobe\0\x64\0\0\0\0\2")
    assert ycck != inverted
    assert [read_header(data).adobe for data in (inverted, plain, ycck)] == [0, None, 2]
    for data in (inverted, plain, ycck):
        assert np.abs(ours(data) - by_pillow(data)).max() <= 2
    np.testing.assert_array_equal(ours(inverted), ours(plain))  # as Pillow: files without the marker are inverted too


@pytest.mark.parametrize("kind", ["GIF", "WebP", "PNG"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    first, *rest = (blocks(seed=seed) for seed in range(3))
    options: dict[str, Any] = {"lossless": True} if kind == "WebP" else {}
    data = encode(first, kind, save_all=True, append_images=rest, **options)
    header = read_header(data)
    assert (header.animated, header.width, header.height) == (True, 64, 48)
    assert np.abs(ours(data) - by_pillow(data)).max() <= 1
    assert np.abs(ours(data) - np.asarray(first).astype(np.int64)).max() <= (0 if kind != "GIF" else 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_apply_turns_as_pillow_does(kind: str, orientation: int) -> None:
    notes = Pillow.Exif()
    notes[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    data = encode(blocks(), kind, exif=notes, **options)
    turned = ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))).convert("RGB")
    found = decode(data, exif=True)[..., ::-1].astype(np.int64)
    assert np.abs(found - np.asarray(turned).astype(np.int64)).max() <= 1
    size = Preprocess(size=16, exif="apply"), Preprocess(size=16)
    same = np.array_equal(prepare(data, size[0]), prepare(data, size[1]))
    assert same == (orientation == 1)


def png(width: int, height: int, *, data: bytes = b"\0") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def bombs() -> dict[str, bytes]:
    jpeg = encode(blocks(), "JPEG")
    place = jpeg.index(b"\xff\xc0") + 5
    gif, bmp = encode(blocks().convert("P"), "GIF"), encode(blocks(), "BMP")
    webp = encode(blocks(), "WebP", lossless=True)
    return {
        "PNG": png(60_000, 60_000),
        "PNG of a long side": png(70_000, 1),
        "JPEG": jpeg[:place] + struct.pack(">HH", 65_000, 65_000) + jpeg[place + 4 :],
        "GIF": gif[:6] + struct.pack("<HH", 65_000, 65_000) + gif[10:],
        "BMP": bmp[:18] + struct.pack("<ii", 60_000, -60_000) + bmp[26:],
        "WebP": webp[:21] + struct.pack("<I", 16_383 - 1 | (16_383 - 1) << 14) + webp[25:],
    }


@pytest.mark.parametrize("name", bombs())
def test_a_bomb_is_refused_before_it_is_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> Any:
        raise AssertionError("the decoder was requested")

    monkeypatch.setattr(image_module, "opencv", never)
    with pytest.raises(BadImageError, match=r"implausible dimensions: \d+x\d+ pixels"):
        decode(bombs()[name])


def test_the_limit_itself_passes() -> None:
    assert read_header(png(10_000, LARGEST_PIXELS // 10_000)).width == 10_000
    with pytest.raises(HeaderError, match="implausible dimensions"):
        read_header(png(10_000, LARGEST_PIXELS // 10_000 + 1))
    with pytest.raises(HeaderError, match="implausible dimensions: 0x5"):
        read_header(png(0, 5))


def test_png_with_too_little_data_or_a_flipped_bit() -> None:
    with pytest.raises(BadImageError):
        decode(png(100, 100, data=bytes(301 * 50)))
    assert decode(png(100, 100, data=bytes(301 * 100))).shape == (100, 100, 3)
    data = bytearray(encode(blocks(), "PNG"))
    data[len(data) // 2] ^= 4
    with pytest.raises(BadImageError, match="damaged: the checksum of a PNG chunk"):
        decode(bytes(data))


def test_a_tiff_with_an_empty_list_of_bit_depths() -> None:
    """Found by the fuzz run: the header's reader failed on it."""
    data = bytearray(encode(blocks(), "TIFF"))
    place = struct.unpack_from("<I", data, 4)[0]
    for entry in range(struct.unpack_from("<H", data, place)[0]):
        at = place + 2 + entry * 12
        if struct.unpack_from("<H", data, at)[0] == 258:
            struct.pack_into("<I", data, at + 4, 0)
    try:
        decode(bytes(data))
    except BadImageError as error:
        assert str(error)  # noqa: PT017


def test_an_avif_is_read_and_no_cut_is_taken_for_a_whole_one() -> None:
    """Colours are compared with Pillow's: both decode by libavif, and convert from YUV by themselves."""
    data = encode(blocks(), "AVIF", quality=95)
    from PIL import Image

    header = read_header(data)
    assert (header.format, header.width, header.height) == ("AVIF", *blocks().size)
    with Image.open(io.BytesIO(data)) as picture:
        theirs = np.asarray(picture.convert("RGB")).astype(np.int64)
    assert np.abs(ours(data) - theirs).max() <= 3
    for cut in range(12, len(data), max(1, len(data) // 200)):
        with pytest.raises(BadImageError):
            decode(data[:cut])


@pytest.mark.parametrize("decoder", [decode, decode_with_pillow])
def test_an_avif_whose_pixels_are_damaged(decoder: Any) -> None:
    data = encode(blocks(), "AVIF")
    start = data.index(b"mdat") + 4
    with pytest.raises(BadImageError, match=r"^(unreadable|not an image that can be decoded)"):
        decoder(data[:start] + bytes(len(data) - start))


def boxed(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return (8 + len(data)).to_bytes(4, "big") + kind + data


def sides(width: int, height: int) -> bytes:
    return struct.pack(">II", width, height)


def test_the_largest_size_in_an_avif_counts() -> None:
    """Which of several sizes is decoded depends on references; a small one in front must not hide a large one."""
    kind = boxed(b"ftyp", b"avif\0\0\0\0")
    small, large = (boxed(b"ispe", bytes(4), sides(side, side)) for side in (8, 12_000))
    pixels = boxed(b"mdat", b"ispe", bytes(4), sides(70_000, 70_000))
    header = read_header(kind + boxed(b"meta", small) + pixels)
    assert (header.width, header.height) == (8, 8)
    with pytest.raises(HeaderError, match="implausible dimensions: 12000x12000"):
        read_header(kind + boxed(b"meta", small, large) + pixels)
    track = boxed(b"moov", boxed(b"tkhd", bytes(76), sides(12_000 << 16, 12_000 << 16)))
    with pytest.raises(HeaderError, match="implausible dimensions: 12000x12000"):
        read_header(boxed(b"ftyp", b"avis\0\0\0\0") + boxed(b"meta", small) + track + pixels)
