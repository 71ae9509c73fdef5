"""Faults of preprocessing, in whatever form it is configured: another filter, or no crop."""

from __future__ import annotations

from typing import Any

from harness.backends.base import CannotEditError
from harness.config import Preprocess

_FILTERS = {"cubic": "bicubic"}  # the short form's word for it


def with_fault(preprocess: Preprocess, wrong: dict[str, Any]) -> Preprocess:
    """Return a preprocessing with keys of the short form changed, or with what they mean in its steps.

    ``wrong``: `interpolation` changes the filter of the last resize; `crop_fraction` 1.0 leaves the crops out, and the
    last resize then makes the final size. Raises CannotEditError where that changes nothing or there is no such step.
    """
    changed = preprocess.model_copy(update=wrong) if preprocess.is_short else _with_steps(preprocess, wrong)
    if changed.pixels_key == preprocess.pixels_key:
        raise CannotEditError(f"the configuration itself has {wrong}")
    return changed


def _with_steps(preprocess: Preprocess, wrong: dict[str, Any]) -> Preprocess:
    steps = [step.model_dump(mode="json", exclude_none=True) for step in preprocess.written_steps]
    resizes = [step["resize"] for step in steps if "resize" in step]
    if not resizes:
        raise CannotEditError("its steps have no resize")
    if "interpolation" in wrong:
        resizes[-1]["interpolation"] = _FILTERS.get(wrong["interpolation"], wrong["interpolation"])
        resizes[-1].pop("sampling", None)  # at corners there is the filter bilinear alone
    if "crop_fraction" in wrong:
        if not any("crop" in step for step in steps):
            raise CannotEditError("its steps have no crop")
        steps = [step for step in steps if "crop" not in step]
        resizes[-1].update(size=list(preprocess.output_size))
        for other in ("short_side", "long_side", "rounding"):
            resizes[-1].pop(other, None)
    return Preprocess.model_validate({"decoder": preprocess.resolved_decoder, "exif": preprocess.exif, "steps": steps})
