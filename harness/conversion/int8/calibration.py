"""Which images INT8 is calibrated on: a seeded choice that never holds an image that is evaluated, told by content."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from harness.backends.openvino.contract import DIGESTS, IrContract
from harness.config import Candidate, Config
from harness.config.files import calibration_key
from harness.dataset.image import BadImageError
from harness.dataset.image_set import ImageSet, open_image_set
from harness.dataset.sources.opening import ImageSetRequest, open_unlabelled
from harness.dataset.sources.pictures import Pictures, size_in
from harness.errors import ConfigError, DatasetError
from harness.feeding.pipeline import Prepared, prepare
from harness.metrics.sequential import random_order


@dataclass(frozen=True)
class Calibration:
    """The chosen images, in the order of the choice.

    ``digests``: sha256 (hex) of each file's bytes; ``pixels``: (n, height, width, 3) BGR, prepared as the evaluated
    images are; ``listed``: how many images the choice was made from; ``left_out``: how many were met that could not be
    used, by reason; ``notes``: what the user should know, in sentences.
    """

    digests: tuple[str, ...]
    pixels: Prepared
    listed: int
    left_out: dict[str, int]
    notes: tuple[str, ...]

    @property
    def summary(self) -> str:
        """A sentence: how many images were used, of how many, and which ones were left out."""
        left = "".join(f", {count} left out ({reason})" for reason, count in self.left_out.items())
        return f"{len(self.digests)} of the {self.listed} that are there{left}"

    def recorded(self) -> dict[str, str]:
        """Return what is written into the IR, next to the settings."""
        return {"calibration_count": str(len(self.digests)), DIGESTS: " ".join(self.digests)}


def choose_images(config: Config, candidate: Candidate, opened: ImageSet | None = None) -> Calibration:
    """Choose and decode the images that a candidate is calibrated on.

    They come from `conversion.calibration.path`, or from what `dataset.subset` leaves over. An image with the bytes of
    an evaluated one is not used, nor one that cannot be decoded, nor the same bytes twice. Raises ConfigError if the
    configuration leaves no image, DatasetError if a set cannot be read or no image of it can be used. ``opened``: the
    evaluated images, where they are open already.
    """
    found = _choose(config, candidate, opened)
    if not found.digests:
        raise DatasetError(_none_message(config, candidate, found))
    return found


def calibration_fault(
    config: Config, candidate: Candidate, contract: IrContract, opened: ImageSet | None = None
) -> str | None:
    """Return how the images that an IR was calibrated on differ from those that would be chosen now; None: not at all.

    They are read again, and so are evaluated ones of the same size; only images that the IR does not name are decoded.
    Where there are no images to choose from any more, nothing can be said; where the evaluated ones are not there, an
    image that the IR does not name may have been one of them, and is passed over. Raises as ``choose_images`` does.
    """
    path = config.conversion_for(candidate).calibration.path
    if not (_is_there(config) if path is None else os.path.exists(path)):  # noqa: PTH110  (False without permission)
        return None
    recorded = contract.parameters.get(DIGESTS, "").split()
    now = _choose(config, candidate, opened, known=frozenset(recorded), only_known=not _is_there(config)).digests
    if list(now) == recorded:
        return None
    same = len({*now} & {*recorded})
    return (
        f"it was calibrated on different images: {same} of its {len(recorded)} are among the {len(now)} configured now"
    )


def _choose(
    config: Config,
    candidate: Candidate,
    opened: ImageSet | None,
    *,
    known: Collection[str] = (),
    only_known: bool = False,
) -> Calibration:
    """Choose as ``choose_images`` says, perhaps nothing.

    Images whose digest is ``known`` are not decoded, so they have no pixels; ``only_known``: others are passed over.
    """
    asked = config.conversion_for(candidate).calibration
    preprocess = config.preprocess_for(candidate)
    source, evaluated, notes = _sources(config, candidate, opened)
    there = _Evaluated(evaluated)
    digests: dict[str, None] = {}
    pixels: list[Prepared] = []
    left_out: Counter[str] = Counter()
    for row in random_order(len(source.names), asked.seed):
        if len(digests) == asked.images:
            break
        try:
            data = source.read(int(row))
        except OSError:
            left_out["unreadable"] += 1
            continue
        digest = hashlib.sha256(data)
        if digest.hexdigest() in digests:
            left_out["listed twice"] += 1
        elif there.has(data, digest.digest()):
            left_out["evaluated"] += 1
        elif digest.hexdigest() in known:
            digests[digest.hexdigest()] = None
        elif not only_known:
            try:
                pixels.append(prepare(data, preprocess))
            except BadImageError:
                left_out["no image"] += 1
                continue
            digests[digest.hexdigest()] = None
    if len(digests) < asked.images:
        notes.append(
            f"calibrated on only {len(digests)} of the {asked.images} images of conversion.calibration.images, "
            f"because no more of the set's {len(source.names)} can be used"
        )
    shape = (len(pixels), *preprocess.output_size, 3)
    stacked = np.stack(pixels) if pixels else np.empty(shape, np.uint8)
    return Calibration(tuple(digests), stacked, len(source.names), dict(left_out), tuple(notes))


def _sources(
    config: Config, candidate: Candidate, opened: ImageSet | None
) -> tuple[Pictures, ImageSet | None, list[str]]:
    """Return the images to choose from, those that are evaluated where they are there, and notes."""
    asked = config.conversion_for(candidate).calibration
    evaluated = opened or (open_image_set(config.dataset) if _is_there(config) else None)
    if asked.path is None:
        return _left_over(config, evaluated), evaluated, []
    wanted = ImageSetRequest(asked.path, asked.form, classes=config.dataset.classes, may_miss=True)
    try:
        source = open_unlabelled(wanted)
    except DatasetError as error:
        where = config.where(calibration_key(config, candidate))
        raise DatasetError(f"{where}: {str(error).replace('dataset.path', 'conversion.calibration.path')}") from None
    if evaluated is None:
        absent = "dataset.path does not exist, so the calibration images were not compared with the evaluated ones"
        return source, None, [f"{absent}; `harness validate` does it"]
    return source, evaluated, []


def _is_there(config: Config) -> bool:
    labels = config.dataset.label_source
    places = [str(config.dataset.path)] if labels == "auto" else [str(config.dataset.path), labels]
    return all(os.path.exists(place) for place in places)  # noqa: PTH110


def _left_over(config: Config, evaluated: ImageSet | None) -> Pictures:
    """Return the images of the data set that `dataset.subset` did not choose."""
    where = config.where("conversion.calibration.path")
    mend = "write `conversion: {calibration: {path: FOLDER}}` with images that are not evaluated"
    if evaluated is None:
        raise ConfigError(f"{where}: INT8 needs images to calibrate on, but dataset.path does not exist; {mend}")
    whole = evaluated.chosen_from
    if whole is None:
        raise ConfigError(
            f"{where}: every image of {config.dataset.path} is evaluated, so none is left to calibrate on; {mend}, or "
            "evaluate a `dataset.subset`"
        )
    taken = set(evaluated.manifest.image_ids)
    rest = whole.rows([row for row, name in enumerate(whole.manifest.image_ids) if name not in taken])
    if len(rest.manifest) == 0:
        raise ConfigError(
            f"{where}: dataset.subset chooses every image of {config.dataset.path}, so none is "
            f"left to calibrate on; choose fewer, {mend}"
        )
    return Pictures(rest.form, rest.manifest.image_ids, rest.read, rest.signature)


class _Evaluated:
    """The evaluated images by content. Only those that have as many bytes as a calibration image are ever read."""

    def __init__(self, images: ImageSet | None) -> None:
        self._images = images
        self._by_size: dict[int | None, list[int]] = {}
        self._digests: set[bytes] = set()
        if images is None:
            return
        for row in range(len(images.manifest)):
            try:
                size = size_in(images.signature(row))
            except OSError:
                continue  # a missing image; the evaluation will say so
            self._by_size.setdefault(size, []).append(row)

    def has(self, data: bytes, digest: bytes) -> bool:
        """Return whether an evaluated image has these bytes; ``digest`` is their sha256."""
        for size in (len(data), None):
            self._digests.update(map(self._digest, self._by_size.pop(size, ())))
        return digest in self._digests

    def _digest(self, row: int) -> bytes:
        if self._images is None:
            return b""
        try:
            return hashlib.sha256(self._images.read(row)).digest()
        except OSError:
            return b""


def _none_message(config: Config, candidate: Candidate, found: Calibration) -> str:
    where = config.where(calibration_key(config, candidate))
    reasons = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items()) or "the set is empty"
    return (
        f"{where}: none of the {found.listed} images can be calibrated on ({reasons}); set "
        "conversion.calibration.path to images that are not evaluated"
    )
