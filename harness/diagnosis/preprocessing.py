"""Faults of preprocessing, in any form of its configuration: another filter, or no crop."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.backends.base import CannotEditError
from harness.config import Preprocess
from harness.config.steps import CropStep, Library, NormalizeStep, ResizeStep, Step
from harness.feeding.other_filters import with_filter


def with_fault(preprocess: Preprocess, wrong: dict[str, Any]) -> Preprocess:
    """Return a preprocessing with keys of the short form changed, or with what they mean in its steps.

    ``wrong``: `interpolation` changes the filter of the last resize; `crop_fraction` 1.0 leaves the crops out, and the
    last resize then makes the final size. Raises CannotEditError if that changes nothing or there is no such step.
    """
    if "interpolation" in wrong:
        found = with_filter(preprocess, wrong["interpolation"])
        if found is None:
            raise CannotEditError("its steps have no resize")
        changed = found
    else:
        changed = preprocess.model_copy(update=wrong) if preprocess.is_short else _with_steps(preprocess, wrong)
    if changed.pixels_key == preprocess.pixels_key:
        raise CannotEditError(f"the configuration itself has {wrong}")
    return changed


def _with_steps(preprocess: Preprocess, wrong: dict[str, Any]) -> Preprocess:
    steps = [step.model_dump(mode="json", exclude_none=True) for step in preprocess.written_steps]
    resizes = [step["resize"] for step in steps if "resize" in step]
    if not resizes:
        raise CannotEditError("its steps have no resize")
    if "crop_fraction" in wrong:
        if not any("crop" in step for step in steps):
            raise CannotEditError("its steps have no crop")
        steps = [step for step in steps if "crop" not in step]
        resizes[-1].update(size=list(preprocess.output_size))
        for other in ("short_side", "long_side", "rounding"):
            resizes[-1].pop(other, None)
    return Preprocess.model_validate({"decoder": preprocess.resolved_decoder, "exif": preprocess.exif, "steps": steps})


@dataclass(frozen=True)
class PixelChange:
    """A part of the preprocessing in which a candidate differs from the reference.

    ``cause``: its documented identifier; ``words``: what the candidate's pixels are; ``wanted``: what the reference's
    are; ``preprocess``: the candidate's own, with that part as the reference has it.
    """

    cause: str
    words: str
    wanted: str
    preprocess: Preprocess


def differences(own: Preprocess, wanted: Preprocess) -> list[PixelChange]:
    """Return each part in which a candidate's preprocessing differs, then the whole where several do.

    Neither has a normalisation at its end. Where the steps are not of the same kinds one by one, only the whole is
    returned; where the pixels are the same, nothing.
    """
    if own.pixels_key == wanted.pixels_key:
        return []
    parts = _parts(own, wanted)
    whole = PixelChange("preprocess", _listed(own), _listed(wanted), wanted)
    if len(parts) == 1:
        return [dataclasses.replace(parts[0], preprocess=wanted)]
    return [whole, *(part for part in parts if part.preprocess.pixels_key != own.pixels_key)]


# What the fields of a step are to the user: cause, and the word for it.
_RESIZE_PARTS = {
    "filter": ("resize-filter", "filter"),
    "library": ("resize-library", "library"),
    "to": ("resize-aspect", "side"),
    "height": ("resize-size", "height"),
    "width": ("resize-size", "width"),
    "rounding": ("resize-rounding", "rounding"),
    "sampling": ("resize-sampling", "sampling"),
}


def _parts(own: Preprocess, wanted: Preprocess) -> list[PixelChange]:
    found: dict[str, PixelChange] = {}
    first, second = own.resolved_steps, wanted.resolved_steps
    if own.resolved_decoder != wanted.resolved_decoder:
        kept = _written(wanted.resolved_decoder, own.exif, own)
        found["decoder"] = PixelChange("decoder", own.resolved_decoder, wanted.resolved_decoder, kept)
    if own.exif != wanted.exif:
        kept = _written(own.resolved_decoder, wanted.exif, own)
        found["exif"] = PixelChange("exif", f"exif: {own.exif}", f"exif: {wanted.exif}", kept)
    if _without_whole_crop(first) != first or _without_whole_crop(second) != second:
        first, second = _without_whole_crop(first), _without_whole_crop(second)
    if [type(step) for step in first] != [type(step) for step in second]:
        crops = [step for step in (*first, *second) if isinstance(step, CropStep)]
        rest = [[step for step in steps if not isinstance(step, CropStep)] for steps in (first, second)]
        cause = "crop" if crops and rest[0] == rest[1] else "preprocess"
        found["steps"] = PixelChange(cause, _listed(own), _listed(wanted), wanted)
        return list(found.values())
    for mine, other in zip(first, second, strict=True):
        for name in (field.name for field in dataclasses.fields(mine)):
            before, after = getattr(mine, name), getattr(other, name)
            if before == after:
                continue
            cause, word = _RESIZE_PARTS.get(name, ("crop", name)) if isinstance(mine, ResizeStep) else ("crop", name)
            if isinstance(mine, NormalizeStep):
                cause = "preprocess"
            if cause not in found:
                changed = _with_part(own, wanted, cause)
                found[cause] = PixelChange(cause, f"{word} {before}", f"{word} {after}", changed)
    return list(found.values())


def _without_whole_crop(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Leave out crops that keep everything."""
    return tuple(step for step in steps if not (isinstance(step, CropStep) and step.fraction == 1.0))


def _with_part(own: Preprocess, wanted: Preprocess, cause: str) -> Preprocess:
    """Return ``own`` with the keys of its steps that belong to one cause as ``wanted`` has them."""
    steps = []
    for mine, other in zip(own.resolved_steps, wanted.resolved_steps, strict=False):
        if type(mine) is not type(other):
            return wanted
        names = [
            field.name
            for field in dataclasses.fields(mine)
            if (_RESIZE_PARTS.get(field.name, ("crop",))[0] if isinstance(mine, ResizeStep) else "crop") == cause
        ]
        steps.append(dataclasses.replace(mine, **{name: getattr(other, name) for name in names}))
    return _of_steps(own, steps)


def _written(decoder: Library, exif: str, preprocess: Preprocess) -> Preprocess:
    made = _of_steps(preprocess, preprocess.resolved_steps)
    return made.model_copy(update={"decoder": decoder, "exif": exif})


def _of_steps(preprocess: Preprocess, steps: Iterable[Step]) -> Preprocess:
    """Return a preprocessing in its long form that has these steps."""
    written = []
    for step in steps:
        if isinstance(step, ResizeStep):
            size: Any = [step.height, step.width] if step.to == "size" else step.height
            resize = {step.to: size, "interpolation": step.filter, "library": step.library, "sampling": step.sampling}
            written.append({"resize": resize | ({} if step.to == "size" else {"rounding": step.rounding})})
        elif isinstance(step, CropStep):
            kept: Any = {"size": list(step.size)} if step.size else {"fraction": step.fraction}
            written.append({"crop": {**kept, "rounding": step.rounding}})
        else:
            written.append({"normalize": {"mean": list(step.mean), "scale": list(step.scale)}})
    return Preprocess.model_validate(
        {"decoder": preprocess.resolved_decoder, "exif": preprocess.exif, "steps": written}
    )


def _listed(preprocess: Preprocess) -> str:
    """Return the steps in a few words."""
    words = []
    for step in preprocess.resolved_steps:
        if isinstance(step, ResizeStep):
            sides = f"{step.height}x{step.width}" if step.to == "size" else f"{step.to.replace('_', ' ')} {step.height}"
            words.append(f"resize to {sides} by {step.library}, {step.filter}")
        elif isinstance(step, CropStep):
            words.append(f"crop of {step.fraction if step.size is None else f'{step.size[0]}x{step.size[1]}'}")
        else:
            words.append("normalisation")
    return f"{preprocess.resolved_decoder}: {', '.join(words)}"
