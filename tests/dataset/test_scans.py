"""Progressive JPEG files with many scans: each costs a pass over all pixels, however few bytes it has."""

from __future__ import annotations

import io
import struct
import time

import numpy as np
import pytest
from PIL import Image

from harness.dataset.header import HeaderError, read_header
from harness.dataset.image import decode

# A scan of the luma's AC coefficients 1 to 5 at one bit more precision each time says nothing new: end of band only.
_SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x01\x05\x00\x00"


def progressive(width: int, height: int, more: int) -> bytes:
    sink = io.BytesIO()
    pixels = np.full((height, width, 3), 90, np.uint8)
    Image.fromarray(pixels).save(sink, "JPEG", progressive=True)
    return sink.getvalue()[:-2] + _SCAN * more + b"\xff\xd9"


def test_what_encoders_write_is_read() -> None:
    data = progressive(64, 48, 0)
    assert 2 < data.count(b"\xff\xda") < 20
    assert (read_header(data).width, read_header(data).height) == (64, 48)
    assert decode(data).shape == (48, 64, 3)


def test_a_thousand_empty_scans_are_refused_at_once() -> None:
    data = progressive(2000, 2000, 1000)
    start = time.thread_time()  # whatever else the machine does
    with pytest.raises(HeaderError, match="too many scans: a JPEG of 2000x2000 pixels with 65 scans or more"):
        read_header(data)
    assert time.thread_time() - start < 1


def test_fewer_scans_over_more_pixels_are_refused_too() -> None:
    with pytest.raises(HeaderError, match="too many scans: a JPEG of 9000x9000 pixels with 19 scans or more"):
        read_header(progressive(9000, 9000, 40))


def test_the_marker_of_a_scan_inside_a_comment_is_no_scan() -> None:
    data = progressive(64, 48, 0)
    comment = b"\xff\xda" * 1000
    data = data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]
    assert read_header(data).width == 64


def test_an_avif_of_many_boxes_is_read_in_one_pass() -> None:
    """Each box costs the same, however many were before: 16 times as many cost nothing like 256 times as much."""

    def boxes(count: int) -> float:
        whole = data + (b"\0\0\0\x08free" + b"\0\0\0\x10abcd" + bytes(8)) * count
        start = time.thread_time()
        assert read_header(whole).width == 8
        return time.thread_time() - start

    sink = io.BytesIO()
    Image.new("RGB", (8, 8)).save(sink, "AVIF")
    data = sink.getvalue()
    boxes(1000)
    assert boxes(160_000) < 60 * max(boxes(10_000), 0.002)


def run_lengths(width: int, height: int, codes: bytes) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(codes), 0, 0, 256, 0)
    place = 14 + len(head) + 1024
    return b"BM" + struct.pack("<IHHI", place + len(codes), 0, 0, place) + head + bytes(1024) + codes


def test_a_bmp_with_far_more_run_length_codes_than_pixels_is_refused() -> None:
    right = (b"\x01\x07" * 64 + b"\0\0") * 64 + b"\0\1"  # each pixel alone, the most that a writer needs
    assert decode(run_lengths(64, 64, right)).shape == (64, 64, 3)
    assert decode(run_lengths(64, 64, right + bytes(1 << 16))).shape == (64, 64, 3)
    with pytest.raises(HeaderError, match="damaged: the BMP has far more run-length codes than pixels"):
        read_header(run_lengths(64, 64, b"\0\0" * 50_000 + b"\0\1"))
