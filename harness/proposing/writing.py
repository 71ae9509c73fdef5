"""The configuration as commented YAML."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.backends.registry import default_backend, facts_of
from harness.config.color import Color, Triple
from harness.importing.yaml_lines import YamlLines
from harness.proposing.measuring import Measured
from harness.proposing.proposal import Found, classes_of, size_of, title_of


@dataclass(frozen=True)
class Contract:
    """How a model is fed, and where that comes from. ``mean``, ``scale``: in the order of ``color``."""

    color: Color
    mean: Triple
    scale: Triple
    color_source: str
    normalisation_source: str


def contract_of(item: Found, measured: Measured | None) -> Contract:
    """Return a model's contract: measured, else what its file says, else the usual one, and said so."""
    said = item.description
    if measured is not None:
        trial, choices = measured.trial, measured.choices
        color = choices["color"].words if "color" in choices else said.source
        normal = choices["normalisation"].words if "normalisation" in choices else said.source
        return Contract(trial.color, trial.mean, trial.scale, color, normal)
    color_source = said.source if said.color else "not in the file: most are RGB; measure it with --images"
    if said.mean is not None and said.scale is not None:
        return Contract(said.color or "RGB", said.mean, said.scale, color_source, said.source)
    guess = "not in the file: the usual one; measure it with --images"
    return Contract(said.color or "RGB", (127.5,) * 3, (127.5,) * 3, color_source, guess)


def written(
    found: list[Found], measured: dict[str, Measured], images: Path | None, labels: str | None, place: Path
) -> str:
    """Return the configuration's text, with paths relative to ``place``, the folder that it is written to."""
    lines = YamlLines()
    lines.comment("A first configuration by `harness init`; each line says where it comes from.")
    classes, background, source = classes_of(found)
    best = measured.get(found[0].id) or next(iter(measured.values()), None)
    lines.put("version", 1)
    lines.put("name", title_of(found), "the first model's file")
    lines.put("dataset")
    if images is not None:
        lines.put("path", _relative(images, place), "--images", 2)
    else:
        lines.variable("path", "IMAGES", "the image set: set this variable, or write a path", 2)
    if labels is not None:
        lines.put("labels", labels if labels == "auto" else _relative(Path(labels), place), "--labels", 2)
    if best is not None and "shift" in best.choices:
        source = best.choices["shift"].words
    lines.put("background_class", background, source, 2)
    lines.put("classes", classes, f"{classes + int(background)} values an image", 2)
    _preprocess(lines, found, best)
    original = found[0] if found[0].is_original else None
    if original is None:
        lines.null("reference", "no original among the models: candidates against published numbers or each other")
    else:
        lines.put("reference")
        _model(lines, original, measured.get(original.id), place, 2)
    lines.put("candidates")
    others = [item for item in found if item is not original]
    for item in others:
        _model(lines, item, measured.get(item.id), place, 4, begins=True)
    if not others and original is not None:
        _converted(lines, original)
    if best is not None:
        lines.comment(f"measured on {best.images} images: {best.correct} correct with {best.trial.words}")
        for choice in best.choices.values():
            if not choice.clear:
                lines.comment(f"no clear margin for {choice.part}: {choice.words}")
    return lines.text()


def _preprocess(lines: YamlLines, found: list[Found], best: Measured | None) -> None:
    size = size_of(found)
    said = any(item.description.size for item in found)
    size_source = "the input's shape" if said else "not in the file: the usual one"
    keys: dict[str, Any] = best.trial.way.keys if best else {"crop_fraction": 0.875, "interpolation": "bilinear"}
    source = best.choices["way"].words if best and "way" in best.choices else "the usual one; measure it with --images"
    lines.put("preprocess", indent=2)
    if "steps" not in keys:
        lines.put("size", list(size) if isinstance(size, tuple) else size, size_source, 4)
        for key, value in keys.items():
            lines.put(key, value, source, 4)
        return
    lines.put("decoder", keys["decoder"], source, 4)
    lines.put("steps", indent=4)
    for step in keys["steps"]:
        ((name, settings),) = step.items()
        lines.item(name, settings, size_source, 6)


def _model(
    lines: YamlLines, item: Found, measured: Measured | None, place: Path, indent: int, *, begins: bool = False
) -> None:
    contract = contract_of(item, measured)
    lines.put("id", item.id, "the backend's name", indent - 2 * begins, item=begins)
    lines.put("backend", item.facts.name, f"the file's content: {item.facts.title}", indent)
    lines.put("model", _relative(item.path, place), "", indent)
    _input(lines, item.description.inputs[0].name, contract, indent)
    if output := item.description.outputs[-1].name:
        lines.put("output", output, "the file's last output", indent)


def _input(lines: YamlLines, name: str, contract: Contract, indent: int) -> None:
    lines.put("input", indent=indent)
    if name:
        lines.put("name", name, "the file's only input", indent + 2)
    lines.put("color", contract.color, contract.color_source, indent + 2)
    lines.put("mean", _value(contract.mean), contract.normalisation_source, indent + 2)
    lines.put("scale", _value(contract.scale), contract.normalisation_source, indent + 2)


def _converted(lines: YamlLines, original: Found) -> None:
    """Write a candidate that is converted from the original, so that there is something to compare."""
    suffix = facts_of(default_backend("candidate")).suffixes[0]
    lines.put("id", "ir", "converted from the reference by `harness convert`", 2, item=True)
    lines.put("model", f"build/{title_of([original])}{suffix}", "written on the first run", 4)
    lines.put("input", {"name": "input", "color": "BGR"}, "colour order, mean and scale go inside", 4)
    lines.put("output", "output", "", 4)
    quantised = original.description.inputs[0].element in ("u8", "i8")
    if quantised:
        lines.put("gates", {}, "", 4) if False else lines.comment(
            "a quantised original rounds otherwise than its IR, so", 4
        )
        lines.put("gates", indent=4)
        lines.null("parity", "the drop of accuracy is judged alone", 6)
    lines.put("conversion", {"automatic": True}, "without it: run `harness convert`", 4)


def _value(values: Triple) -> Any:
    return values[0] if len(set(values)) == 1 else list(values)


def _relative(path: Path, place: Path) -> str:
    return Path(os.path.relpath(path.absolute(), place.absolute())).as_posix()
