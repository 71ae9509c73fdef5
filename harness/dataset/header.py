"""What the header of an encoded image says, read before anything is decoded; and whether its data is all there.

A decoder that meets a picture of 60,000 x 60,000 pixels in a kilobyte allocates gigabytes, and one whose data ends too
early fills the rest with grey. Both are refused here. Formats: JPEG (ISO/IEC 10918-1), PNG (W3C), GIF89a, BMP, WebP
(RFC 9649), TIFF 6.0.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

LARGEST_SIDE = 65_500  # what the JPEG library allows
LARGEST_PIXELS = 100_000_000  # 300 MB once decoded; ImageNet's largest validation image has 17 million

# A progressive JPEG passes over all of its pixels once a scan, even where a scan is empty; encoders write up to 20.
MOST_SCANS = 64
MOST_SCANNED_PIXELS = 1_500_000_000

_SLACK = 1 << 16  # bytes: end marks, padding

NO_IMAGE = "not an image that can be decoded"
_UNKNOWN = f"{NO_IMAGE} (JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF)"
_PNG = b"\x89PNG\r\n\x1a\n"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd8]")  # not a stuffed byte, fill byte, restart or start
_SCAN = b"\xff\xda"
_SECOND_SCAN = re.compile(_SCAN)  # finds two bytes in half the time of `bytes.count`
_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


class HeaderError(ValueError):
    """An image that is not decoded; the text is the reason."""


@dataclass(frozen=True)
class Header:
    """Format, pixels, and what kind of pixels: `grey`, `RGB`, `CMYK`, `palette`, ..., with more than 8 bits said.

    ``adobe``: of a JPEG of four channels, the transform of its Adobe marker, None if it has none. ``frames``: more than
    one for animations, as far as the header tells.
    """

    format: str
    width: int
    height: int
    mode: str
    adobe: int | None = None
    animated: bool = False


def read_header(data: bytes) -> Header:
    """Return what the header of whole image data says.

    Raises HeaderError with the reason: empty, not an image, damaged, cut off, or of absurd dimensions.
    """
    if not data:
        raise HeaderError("empty file")
    for start, offset, reader in _READERS:
        if data.startswith(start, offset):
            try:
                header = reader(data)
            except HeaderError:
                raise
            except (struct.error, IndexError, ValueError):
                raise HeaderError(f"{NO_IMAGE}: its header is incomplete") from None
            _check_size(header)
            return header
    raise HeaderError(_UNKNOWN)


def without_names(data: bytes) -> bytes:
    """Return a PNG without the chunks whose names libpng repeats in warnings on stderr, as they are in the file.

    They hold a colour profile, palettes to choose from and scales, of which no pixel depends. ``data``: of an image of
    any format, whose header was read.
    """
    if not data.startswith(_PNG) or not any(kind in data for kind in _NAMED):
        return data
    kept, place = [data[:8]], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 12 + length
        if data[place + 4 : place + 8] not in _NAMED:
            kept.append(data[place:end])
        if data[place + 4 : place + 8] == b"IEND":
            break
        place = end
    return b"".join(kept)


def _check_size(header: Header) -> None:
    width, height = header.width, header.height
    if width < 1 or height < 1:
        raise HeaderError(f"implausible dimensions: {width}x{height} pixels")
    if max(width, height) > LARGEST_SIDE or width * height > LARGEST_PIXELS:
        raise HeaderError(
            f"implausible dimensions: {width}x{height} pixels; more than {LARGEST_PIXELS:,}, or {LARGEST_SIDE:,} "
            "on a side, "
            "are not decoded"
        )


def _jpeg(data: bytes) -> Header:
    place, size, channels, bits, adobe, scans = 2, None, 0, 8, None, 0
    first = data.find(_SCAN)
    many = first >= 0 and _SECOND_SCAN.search(data, first + 2) is not None
    while found := _MARKER.search(data, place):
        place, marker = found.end(), data[found.end() - 1]
        if marker == 0xD9:
            break
        if marker == 0x01:
            continue
        length = int.from_bytes(data[place : place + 2], "big")
        body = data[place + 2 : place + min(length, 64)]
        if marker in _SOF and size is None:
            bits, height, width, channels = struct.unpack_from(">BHHB", body)
            size = width, height
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif marker == 0xDA and size is None:
            raise HeaderError(f"{NO_IMAGE}: a JPEG whose dimensions are missing")
        elif marker == 0xDA and size is not None:
            scans += 1
            _check_scans(scans, size)
            if not many and data.endswith(b"\xff\xd9"):
                break  # as nearly every file; only the others are searched for what ends the picture
        place += max(length, 2)
    else:
        what = "cut off: the JPEG data has no end marker"
        raise HeaderError(what if len(data) > 3 else f"{NO_IMAGE}: a JPEG without a picture")
    if size is None:
        raise HeaderError(f"{NO_IMAGE}: a JPEG without a picture")
    mode = {1: "grey", 3: "RGB", 4: "CMYK"}.get(channels, f"{channels} channels")
    return Header("JPEG", *size, mode if bits == 8 else f"{mode} {bits} bit", adobe)


def _check_scans(scans: int, size: tuple[int, int]) -> None:
    _check_size(Header("JPEG", *size, ""))
    if scans > MOST_SCANS or scans * size[0] * size[1] > MOST_SCANNED_PIXELS:
        raise HeaderError(
            f"too many scans: a JPEG of {size[0]}x{size[1]} pixels with {scans} scans or more; at most {MOST_SCANS} "
            f"scans, and {MOST_SCANNED_PIXELS:,} pixels in all of them, are decoded"
        )


_NAMED = (b"iCCP", b"sPLT", b"pCAL", b"sCAL")
_PNG_MODES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey+alpha", 6: "RGB+alpha"}


def _png(data: bytes) -> Header:
    header, animated, place, pixels = None, False, 8, False
    while True:
        if place + 8 > len(data):
            raise HeaderError("cut off: the PNG data has no end chunk")
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data):
            raise HeaderError("cut off: the PNG data has no end chunk")
        if kind[0] < 0x60:  # a critical chunk
            (checksum,) = struct.unpack_from(">I", data, end - 4)
            if zlib.crc32(memoryview(data)[place + 4 : end - 4]) != checksum:
                raise HeaderError(f"damaged: the checksum of a PNG chunk ({kind.decode('ascii', 'replace')}) is wrong")
        if header is None:
            if kind != b"IHDR" or length != 13:
                raise HeaderError(f"{NO_IMAGE}: a PNG without a header")
            width, height, bits, colour = struct.unpack_from(">IIBB", data, place + 8)
            mode = _PNG_MODES.get(colour, f"colour type {colour}")
            header = Header("PNG", width, height, f"{mode} 16 bit" if bits == 16 else mode)
            _check_size(header)
        pixels |= kind == b"IDAT"
        animated |= kind == b"acTL"
        if kind == b"IEND":
            break
        place = end
    if not pixels:
        raise HeaderError("cut off: the PNG has no image data")
    return Header(header.format, header.width, header.height, header.mode, animated=animated)


def _gif(data: bytes) -> Header:
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        raise HeaderError(f"{NO_IMAGE}: an unknown GIF")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    place = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    frames = 0
    while place < len(data) and data[place] != 0x3B:
        if data[place] == 0x21:
            place += 2
        elif data[place] == 0x2C:
            frames += 1
            local = data[place + 9]
            place += 11 + (3 << (local & 7) + 1 if local & 0x80 else 0)
        else:
            raise HeaderError("damaged: an unknown block in GIF data")
        while place < len(data) and data[place]:
            place += 1 + data[place]
        place += 1
    if place >= len(data):
        raise HeaderError("cut off: the GIF data has no end" if frames else f"{NO_IMAGE}: a GIF without a picture")
    if frames == 0:
        raise HeaderError(f"{NO_IMAGE}: a GIF without a picture")
    return Header("GIF", width, height, "palette", animated=frames > 1)


def _bmp(data: bytes) -> Header:
    offset, size = struct.unpack_from("<I", data, 10)[0], struct.unpack_from("<I", data, 14)[0]
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    if width < 0 or bits not in (1, 2, 4, 8, 16, 24, 32):
        raise HeaderError(f"{NO_IMAGE}: an unknown BMP")
    header = Header("BMP", width, abs(height), "palette" if bits <= 8 else "RGB+alpha" if bits == 32 else "RGB")
    _check_size(header)
    pixels = width * abs(height)
    if compression in (1, 2) and len(data) - offset > 4 * (pixels + abs(height)) + _SLACK:
        raise HeaderError("damaged: the BMP has far more run-length codes than pixels")
    if compression in (0, 3) and len(data) < offset + (width * bits + 31) // 32 * 4 * abs(height):
        raise HeaderError("cut off: the BMP has fewer bytes than pixels")
    return header


def _webp(data: bytes) -> Header:
    if data[8:12] != b"WEBP":
        raise HeaderError(_UNKNOWN)
    if struct.unpack_from("<I", data, 4)[0] + 8 > len(data) + 1:  # a last odd chunk may lack its padding
        raise HeaderError("cut off: the WebP has fewer bytes than its header says")
    kind, place = data[12:16], 20
    if kind == b"VP8X":
        flags = data[place]
        width, height = (1 + int.from_bytes(data[place + at : place + at + 3], "little") for at in (4, 7))
        return Header("WebP", width, height, "RGB+alpha" if flags & 0x10 else "RGB", animated=bool(flags & 0x02))
    if kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, place + 1)
        alpha = packed >> 28 & 1
        return Header("WebP", 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF), "RGB+alpha" if alpha else "RGB")
    if kind == b"VP8 " and data[place + 3 : place + 6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, place + 6)
        return Header("WebP", width & 0x3FFF, height & 0x3FFF, "RGB")
    raise HeaderError(f"{NO_IMAGE}: an unknown WebP")


_TIFF_TAGS = frozenset({256, 257, 258, 262, 273, 277, 279, 324, 325})


def _tiff(data: bytes) -> Header:
    order = "<" if data.startswith(b"II") else ">"
    (place,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, place)
    tags: dict[int, list[int]] = {}
    for entry in range(count):
        tag, kind, number = struct.unpack_from(f"{order}HHI", data, place + 2 + entry * 12)
        letter = {1: "B", 3: "H", 4: "I"}.get(kind)
        if letter is None or not 0 < number <= 1_000_000 or tag not in _TIFF_TAGS or tag in tags:
            continue
        at = place + 2 + entry * 12 + 8
        if struct.calcsize(letter) * number > 4:
            (at,) = struct.unpack_from(f"{order}I", data, at)
        tags[tag] = list(struct.unpack_from(f"{order}{number}{letter}", data, at))
    width, height = (tags.get(tag, [0])[0] for tag in (256, 257))
    for starts, sizes in ((273, 279), (324, 325)):
        ends = [start + size for start, size in zip(tags.get(starts, []), tags.get(sizes, []), strict=False)]
        if ends and max(ends) > len(data):
            raise HeaderError("cut off: the TIFF has fewer bytes than its header says")
    channels, bits = tags.get(277, [1])[0], max(tags.get(258, [1]))
    mode = {1: "grey", 3: "RGB", 4: "RGB+alpha"}.get(channels, f"{channels} channels")
    mode = {3: "palette", 5: "CMYK"}.get(tags.get(262, [1])[0], mode)
    return Header("TIFF", width, height, mode if bits <= 8 else f"{mode} {bits} bit")


def _avif(data: bytes) -> Header:
    """Read an AVIF: boxes of ISO/IEC 14496-12, the largest size in any `ispe` (ISO/IEC 23008-12) or track header.

    A file may hold several sizes, and which one is decoded depends on references between its items.
    """
    place, boxes, pixels = 0, list[bytes](), False
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, place + 8)
        size = size or len(data) - place  # to the end of the file
        if size < 8 or place + size > len(data):
            raise HeaderError("cut off: the AVIF has fewer bytes than its header says")
        pixels |= kind == b"mdat"
        if kind not in (b"mdat", b"free", b"skip"):
            boxes.append(data[place : place + size])
        place += size
    found = b"".join(boxes)
    sizes = [struct.unpack_from(">II", found, match.end() + 4) for match in re.finditer(b"ispe", found)]
    if not sizes or not (pixels or b"idat" in found):
        raise HeaderError(f"{NO_IMAGE}: an AVIF without size or pixels")
    for match in re.finditer(b"tkhd", found):  # of a sequence; its last numbers, in units of 1/65536
        (length,) = struct.unpack_from(">I", found, match.start() - 4)
        width, height = struct.unpack_from(">II", found, match.start() - 4 + length - 8)
        sizes.append((width >> 16, height >> 16))
    width, height = max(sizes, key=lambda sides: sides[0] * sides[1])
    return Header("AVIF", width, height, "RGB", animated=data[8:12] == b"avis")


# What tells a format, the place of that in the data, and what reads its header.
_READERS: tuple[tuple[bytes, int, Callable[[bytes], Header]], ...] = (
    (b"\xff\xd8", 0, _jpeg),
    (_PNG, 0, _png),
    (b"GIF8", 0, _gif),
    (b"BM", 0, _bmp),
    (b"RIFF", 0, _webp),
    (b"II*\0", 0, _tiff),
    (b"MM\0*", 0, _tiff),
    (b"ftypavif", 4, _avif),
    (b"ftypavis", 4, _avif),
)
_NOT_DECODED = frozenset({b"heic", b"heix", b"hevc", b"mif1", b"msf1"})  # brands of HEIF


def begins_as_image(start: bytes) -> bool:
    """Return whether the first 16 bytes of a file are those of an image, of a format that is decoded or of HEIF."""
    if start.startswith(b"BM"):
        return start[6:10] == bytes(4)  # two letters alone may be text
    if start.startswith(b"RIFF"):
        return start[8:12] == b"WEBP"
    if start[4:8] == b"ftyp" and start[8:12] in _NOT_DECODED:
        return True
    return any(start.startswith(magic, offset) for magic, offset, _ in _READERS)
