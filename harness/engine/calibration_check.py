"""An INT8 candidate is never evaluated on an image it was calibrated on, told by the bytes and not by the name."""

from __future__ import annotations

from collections.abc import Sequence

from harness.dataset.manifest import Manifest
from harness.engine.lane import Lane
from harness.errors import ModelError


def calibration_overlap(
    lane: Lane, manifest: Manifest, rows: Sequence[int], image_digests: Sequence[bytes]
) -> ModelError | None:
    """Return why a candidate must not go on; None where it was calibrated on none of these images.

    ``rows``: those of the manifest that were read; ``image_digests``: sha256 of each one's bytes.
    """
    if not lane.calibrated_on:
        return None
    found = [row for row, digest in zip(rows, image_digests, strict=True) if digest in lane.calibrated_on]
    if not found:
        return None
    return ModelError(
        f"{lane.spec.id}: {len(found)} of the evaluated images, as far as they were read, are among the "
        f"{len(lane.calibrated_on)} that its INT8 was calibrated on, such as {manifest.image_ids[found[0]]} (told by "
        "its bytes); what it gets right there proves nothing. Calibrate on others: set `conversion.calibration.path` "
        "and run `harness convert`"
    )
