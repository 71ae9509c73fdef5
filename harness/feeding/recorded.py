"""A preprocessing as the record has it: libraries with their versions, and the steps with nothing left open."""

from __future__ import annotations

import dataclasses
from typing import Any

from harness.config.preprocess import Preprocess
from harness.config.steps import CropStep, NormalizeStep, ResizeStep
from harness.feeding.pipeline import libraries

_NAMES = {ResizeStep: "resize", CropStep: "crop", NormalizeStep: "normalize"}


def recorded(preprocess: Preprocess) -> dict[str, Any]:
    """Return `libraries` (the decoder first), `exif` and `steps`, each step with its name as `step`; JSON values."""
    steps = []
    for step in preprocess.resolved_steps:
        settings = {name: value for name, value in dataclasses.asdict(step).items() if value is not None}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
        steps.append({"step": _NAMES[type(step)], **plain})
    return {"libraries": list(libraries(preprocess)), "exif": preprocess.exif, "steps": steps}
