"""The pixels of evaluated images, for the gallery: read again from the data set, prepared as they were for the models.

A report is often rendered where the images are not, or no longer: then there is a reason instead of a picture.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from harness.errors import HarnessError
from harness.record.schema import RunRecord
from harness.text import visible

THUMBNAIL = 160
_THUMBNAIL_QUALITY = 72
_LOSSLESS = 101  # OpenCV's word for a WebP that keeps every pixel
_LARGEST = 512  # a wider network's input is shown smaller, as a copy


@dataclass(frozen=True)
class Picture:
    """A small copy as a data URI, and the prepared pixels, uint8 (height, width, 3) BGR."""

    thumbnail: str
    pixels: Any

    def exact(self) -> str | None:
        """Return the exact prepared pixels as a data URI; None if they are too many to carry."""
        return None if max(self.pixels.shape[:2]) > _LARGEST else _webp(self.pixels, _LOSSLESS)


def pictures(record: RunRecord, image_ids: Iterable[str]) -> tuple[dict[str, Picture], str | None]:
    """Return the readable pictures by image id, and why the others are missing (None: all are there)."""
    chosen_ids = list(dict.fromkeys(image_ids))
    if not chosen_ids:
        return {}, None
    found: dict[str, Picture] = {}
    try:
        from harness.config.schema import Dataset
        from harness.dataset.remote.local import kept_dataset
        from harness.dataset.remote.mirror import RemoteCache, offline

        configured = Dataset.model_validate(record.recorded_config.dataset.raw)
        dataset = kept_dataset(configured, RemoteCache(_cache_folder(record), 0))
    except (HarnessError, ValueError, OSError) as error:
        return {}, _reason(error)
    reason = None
    with offline():
        try:
            prepared_of = _reader(dataset, chosen_ids, remote=dataset.path != configured.path)
        except (HarnessError, ValueError, OSError) as error:
            return {}, _reason(error)
        for image_id in chosen_ids:
            try:
                prepared = _visible(prepared_of(image_id))
                found[image_id] = Picture(_webp(_small(prepared), _THUMBNAIL_QUALITY), prepared)
            except (HarnessError, ValueError, OSError) as error:
                reason = f"{visible(image_id)}: {_reason(error)}"
    return found, reason


def _cache_folder(record: RunRecord) -> Path:
    """Return the cache's folder of a run."""
    from harness.machine.cache_place import default_cache_folder

    folder = (record.config.get("cache") or {}).get("folder")
    return Path(folder) if isinstance(folder, str) else default_cache_folder()


def _reader(dataset: Any, chosen_ids: list[str], *, remote: bool) -> Callable[[str], Any]:
    """Return how to get an image's pixels by its id; a folder that lost some of its images still gives the others.

    A capsule has them as they were prepared where it was made. ``remote``: the set is a mirror, whose files are empty
    if they were not read or went to make room.
    """
    from harness.dataset.image_set import open_image_set
    from harness.feeding.pipeline import prepare

    try:
        images = open_image_set(dataset)
    except HarnessError:
        if not any(_below(dataset.path, image_id) for image_id in chosen_ids):
            raise
        return lambda image_id: prepare(_read_below(dataset.path, image_id), dataset.preprocess)
    chosen = set(chosen_ids)
    rows = {image_id: row for row, image_id in enumerate(images.manifest.image_ids) if image_id in chosen}
    carried = images.carried.pixels if images.carried else None

    def pixels(image_id: str) -> Any:
        if image_id not in rows:
            raise FileNotFoundError("the data set no longer lists it")
        if carried is not None:
            return carried(rows[image_id], dataset.preprocess)
        data = images.read(rows[image_id])
        if remote and not data:
            raise FileNotFoundError("no longer in the cache of what was read from URLs")
        return prepare(data, dataset.preprocess)

    return pixels


def _below(folder: Path, image_id: str) -> Path | None:
    """Return the file of an image id in a plain folder; None if it is none, or would lead out of the folder."""
    parts = PurePosixPath(image_id)
    if parts.is_absolute() or ".." in parts.parts or "\0" in image_id:
        return None
    try:
        path = folder / parts
        return path if path.is_file() else None
    except OSError:
        return None


def _read_below(folder: Path, image_id: str) -> bytes:
    path = _below(folder, image_id)
    if path is None:
        raise FileNotFoundError("no longer exists")
    return path.read_bytes()


def _visible(pixels: Any) -> Any:
    """Return uint8 pixels; floating ones are rounded, or stretched to 0..255 where a normalisation moved them."""
    import numpy as np

    if pixels.dtype == np.uint8:
        return pixels
    low, high = float(pixels.min()), float(pixels.max())
    if low < 0 or high > 255 or high <= 1:
        pixels = (pixels - low) * (255 / max(high - low, 1e-12))
    return np.rint(pixels).clip(0, 255).astype(np.uint8)


def _small(pixels: Any) -> Any:
    import cv2

    side = max(pixels.shape[:2])
    if side <= THUMBNAIL:
        return pixels
    height, width = (max(1, round(length * THUMBNAIL / side)) for length in pixels.shape[:2])
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def _webp(pixels: Any, quality: int) -> str:
    import cv2

    done, encoded = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise ValueError("cannot be encoded")
    return "data:image/webp;base64," + base64.b64encode(encoded.tobytes()).decode()


def _reason(error: Exception) -> str:
    """Return an error's first line, as text that is safe in a page."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return "the record does not say how its data set is opened"
    if isinstance(error, OSError) and error.strerror:
        return visible(error.strerror)
    return visible((str(error).splitlines() or ["unreadable"])[0])
