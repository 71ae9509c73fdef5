"""The same preprocessing with another filter in its last resize, in any form of its configuration."""

from __future__ import annotations

from harness.config import Preprocess

FILTERS = ("bilinear", "area", "cubic", "nearest")  # as the short form names them
_IN_STEPS = {"cubic": "bicubic"}  # the steps' word for it


def with_filter(preprocess: Preprocess, name: str) -> Preprocess | None:
    """Return the preprocessing with the last resize by the filter ``name``; None if there is no resize."""
    if preprocess.is_short:
        return preprocess.model_copy(update={"interpolation": name})
    steps = [step.model_dump(mode="json", exclude_none=True) for step in preprocess.written_steps]
    resizes = [step["resize"] for step in steps if "resize" in step]
    if not resizes:
        return None
    resizes[-1]["interpolation"] = _IN_STEPS.get(name, name)
    resizes[-1].pop("sampling", None)  # at corners there is the filter bilinear alone
    return Preprocess.model_validate({"decoder": preprocess.resolved_decoder, "exif": preprocess.exif, "steps": steps})


def other_filters(preprocess: Preprocess) -> dict[str, Preprocess]:
    """Return the preprocessing with each other filter, by its name; none of those that give the same pixels."""
    found = {name: with_filter(preprocess, name) for name in FILTERS}
    return {name: other for name, other in found.items() if other and other.pixels_key != preprocess.pixels_key}
