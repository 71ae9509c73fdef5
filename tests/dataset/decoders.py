"""JPEG decoders against OpenCV, by turns in one process on one thread: processor time, and images with other pixels.

`python -m tests.dataset.decoders FOLDER [--turns 7] [--turbojpeg LIBRARY]` prints the table of docs/performance.md,
with those that are installed: `simplejpeg`, `PyTurboJPEG`, `pillow`, `imagecodecs`, `pyvips`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Decode = Callable[[bytes], NDArray[np.uint8]]


def main() -> int:
    """Measure each decoder and print its row."""
    parser = argparse.ArgumentParser(prog="python -m tests.dataset.decoders", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--turbojpeg", help="path of libturbojpeg, where it is not found")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    data = [path.read_bytes() for path in sorted(options.folder.iterdir())]
    print("| decoder | images with other pixels | processor time / OpenCV's: median (least, most) |\n|---|---|---|")
    for name, decode in _decoders(options.turbojpeg).items():
        other = sum(not np.array_equal(_opencv(each), decode(each)) for each in data)
        ratios = [_seconds(decode, data) / _seconds(_opencv, data) for _ in range(options.turns)]
        shown = f"{statistics.median(ratios):.3f} ({min(ratios):.3f}, {max(ratios):.3f})"
        print(f"| {name} | {other} of {len(data)} | {shown} |", flush=True)
    return 0


def _opencv(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def _seconds(decode: Decode, data: Sequence[bytes]) -> float:
    start = time.process_time()
    for each in data:
        decode(each)
    return time.process_time() - start


def _decoders(library: str | None) -> dict[str, Decode]:
    found: dict[str, Decode] = {"OpenCV, against itself": _opencv}
    with contextlib.suppress(ImportError):
        simplejpeg = import_module("simplejpeg")

        found[f"simplejpeg {simplejpeg.__version__}"] = lambda data: simplejpeg.decode_jpeg(data, colorspace="BGR")
        found["simplejpeg, fast DCT and upsampling"] = lambda data: simplejpeg.decode_jpeg(
            data, colorspace="BGR", fastdct=True, fastupsample=True
        )
    with contextlib.suppress(ImportError, RuntimeError):
        turbojpeg = import_module("turbojpeg")

        found["PyTurboJPEG"] = turbojpeg.TurboJPEG(library).decode
    with contextlib.suppress(ImportError):
        import PIL.Image

        def pillow(data: bytes) -> Any:
            return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))[..., ::-1]

        found[f"Pillow {PIL.__version__}"] = pillow
    with contextlib.suppress(ImportError):
        imagecodecs = import_module("imagecodecs")

        def codecs(data: bytes) -> Any:
            pixels = imagecodecs.jpeg8_decode(data, outcolorspace="RGB")
            return pixels[..., ::-1]

        found[f"imagecodecs {imagecodecs.__version__}"] = codecs
    with contextlib.suppress(ImportError):
        pyvips = import_module("pyvips")

        def vips(data: bytes) -> Any:
            image = pyvips.Image.new_from_buffer(data, "", access="sequential")
            return (image if image.bands == 3 else image.colourspace("srgb")).numpy()[..., ::-1]

        found[f"pyvips {pyvips.__version__}"] = vips
    return found


if __name__ == "__main__":
    sys.exit(main())
