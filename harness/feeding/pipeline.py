"""From encoded bytes to pixels: one decode a library, then the steps of each preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.config.preprocess import Preprocess
from harness.config.steps import Library
from harness.dataset.image import decode, decode_with_pillow, decoder_version
from harness.feeding.steps import Pixels, apply_step

Prepared = NDArray[np.uint8 | np.float32]


class Decoded(NamedTuple):
    """One image: uint8 (height, width, 3); ``is_rgb`` is its colour order, the decoder's own."""

    image: NDArray[np.uint8]
    is_rgb: bool


def decode_with(library: Library, data: bytes, *, exif: bool) -> Decoded:
    """Decode an image. ``exif``: turn it as its EXIF orientation says. Raises BadImageError with the reason.

    OpenCV gives BGR. Pillow gives ``Image.open(...).convert("RGB")``. Damaged, truncated and absurdly large files are
    refused before either library decodes.
    """
    if library == "opencv":
        return Decoded(decode(data, exif=exif), is_rgb=False)
    return Decoded(decode_with_pillow(data, exif=exif), is_rgb=True)


def library_version(library: Library) -> str:
    """Return a library's name and version, for the record."""
    if library == "opencv":
        return decoder_version()
    import PIL

    return f"pillow {PIL.__version__}"


def libraries(preprocess: Preprocess) -> tuple[str, ...]:
    """Return name and version of each library that decides on the pixels, the decoder first."""
    used = [preprocess.resolved_decoder, *(getattr(step, "library", None) for step in preprocess.resolved_steps)]
    return tuple(library_version(name) for name in dict.fromkeys(used) if name is not None)


def run_steps(decoded: Decoded, preprocess: Preprocess) -> Pixels:
    """Return (height, width, 3) in BGR after the steps: uint8, or float64 after a normalisation.

    Raises BadImageError with the reason.
    """
    image: Pixels = decoded.image
    for step in preprocess.resolved_steps:
        image = apply_step(step, image, is_rgb=decoded.is_rgb)
    return image[:, :, ::-1] if decoded.is_rgb else image


def steps_of_each(data: bytes, preprocesses: Sequence[Preprocess]) -> list[Pixels]:
    """Return what ``run_steps`` gives for each preprocessing; the image is decoded once a library.

    Raises BadImageError if it is unusable for one of them.
    """
    decoded: dict[tuple[Library, bool], Decoded] = {}
    found: list[Pixels] = []
    for preprocess in preprocesses:
        if preprocess.decoding not in decoded:
            library, exif = preprocess.decoding
            decoded[preprocess.decoding] = decode_with(library, data, exif=exif)
        found.append(run_steps(decoded[preprocess.decoding], preprocess))
    return found


def prepare_each(data: bytes, preprocesses: Sequence[Preprocess]) -> list[Prepared]:
    """Return the pixels of each preprocessing, as ``prepare`` does; the image is decoded once a library."""
    return [
        np.ascontiguousarray(pixels, np.uint8 if pixels.dtype == np.uint8 else np.float32)
        for pixels in steps_of_each(data, preprocesses)
    ]


def prepare(data: bytes, preprocess: Preprocess) -> Prepared:
    """Decode an image and run the steps: encoded bytes to (height, width, 3) in BGR.

    uint8, or float32 after a normalisation. Raises BadImageError with the reason.
    """
    return prepare_each(data, [preprocess])[0]
