"""The configuration in a capsule: what of one is put in, and how it is read again, with `--set` over it.

A capsule may come from anywhere. Its configuration names no place outside of its own folder, switches on no operation
of a model, and uses no variable; what needs any of that is set on the command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from harness.capsule.contents import KIND
from harness.capsule.opened import Capsule, capsule_at, is_capsule, open_capsule
from harness.config import Candidate, Config
from harness.config.deployment import SUFFIX
from harness.config.load import load_config, load_values
from harness.config.schema import AGAINST_REFERENCE
from harness.errors import ConfigError

# Everything else is of the machine where the capsule is made: archive, cache, checksums, conversion, matrix.
_KEPT = ("version", "name", "published", "gates", "certify")
_KEPT_OF_DATASET = ("background_class", "classes", "images", "preprocess", "bad_images")
_LEFT_OUT = ("conversion", "allow_ops", "recorded")


def travelling(config: Config) -> dict[str, Any]:
    """Return what of a configuration goes into a capsule, as JSON values.

    Models are named below the folder that all candidates have in common.
    """
    plain = config.resolved()
    kept = {name: plain[name] for name in _KEPT}
    dataset = {name: plain["dataset"][name] for name in _KEPT_OF_DATASET}
    dataset["labels"] = {"source": "auto", "trust": config.dataset.labels_trusted}
    reference = plain["reference"] and {**_without(plain["reference"]), "model": config.original.model.name}
    names = _below_common_folder(config.candidates)
    # A deployment is written out again when the capsule is read, so that it follows what is set for its candidate.
    made = {f"{item.id}{SUFFIX}" for item in config.candidates if item.deployment}
    candidates = [
        {**_without(item), "model": names[item["id"]], "gates": _stated_gates(config, item["id"])}
        for item in plain["candidates"]
        if item["id"] not in made
    ]
    kept["gates"] = _portable_gates(config, kept["gates"])
    return {**kept, "dataset": dataset, "reference": reference, "candidates": candidates}


def _without(model: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in model.items() if key not in _LEFT_OUT}


def _portable_gates(config: Config, gates: dict[str, Any]) -> dict[str, Any]:
    """Return gates whose baseline is named by its file's name alone; defaults that need a reference only with one."""
    unmeant = AGAINST_REFERENCE if config.reference is None else ()
    kept = {name: limits for name, limits in gates.items() if limits is None or name not in unmeant}
    baseline = kept.get("baseline")
    return {**kept, "baseline": {**baseline, "file": Path(baseline["file"]).name}} if baseline else kept


def _stated_gates(config: Config, candidate: str) -> dict[str, Any] | None:
    """Return what a candidate itself states, so that what is set for all reaches it on the board, too."""
    own = next(item.gates for item in config.candidates if item.id == candidate)
    return None if own is None else _portable_gates(config, own.model_dump(mode="json", exclude_unset=True))


def _below_common_folder(candidates: Sequence[Candidate]) -> dict[str, str]:
    folder = os.path.commonpath([candidate.model.parent for candidate in candidates])
    return {candidate.id: candidate.model.relative_to(folder).as_posix() for candidate in candidates}


def load(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Return the configuration of a YAML file or of a capsule. Raises ConfigError or DatasetError."""
    return load_capsule(path, overrides) if is_capsule(path) else load_config(path, overrides)


def load_capsule(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Return the configuration of a capsule: images and the reference's predictions come from it.

    ``overrides``: as ``load_config`` takes them. Models are looked for next to the capsule. Raises DatasetError for a
    damaged capsule, ConfigError for overrides that do not fit.
    """
    capsule = open_capsule(path)
    values = dict(capsule.contents.config)
    for what in _foreign(values):
        raise KIND.refuse(path, f"its configuration {what}, which no capsule has")
    own = os.path.abspath(path)  # noqa: PTH100  (a link stays a link)
    values["dataset"] = {**values["dataset"], "path": own}
    if values.get("reference") is not None:
        values["reference"] = {**values["reference"], "recorded": own}
    return load_values(values, path, overrides)


def _foreign(values: dict[str, Any]) -> Iterator[str]:
    """Yield what an untrusted configuration must not have."""
    for key in sorted(set(values) - {*_KEPT, "dataset", "reference", "candidates"}):
        yield f"has the key `{key}`"
    dataset, reference, candidates = (values.get(name) for name in ("dataset", "reference", "candidates"))
    if not isinstance(dataset, dict) or not isinstance(candidates, list):
        yield "has no data set or no candidates"
        return
    for key in sorted(set(dataset) - {*_KEPT_OF_DATASET, "labels"}):
        yield f"has the key `dataset.{key}`"
    labels = dataset.get("labels")
    if labels is not None and (not isinstance(labels, dict) or labels.get("source") != "auto"):
        yield "has its own labels"
    for model in (*([] if reference is None else [reference]), *candidates):
        if not isinstance(model, dict):
            yield "has a model that is not a mapping"
            continue
        yield from (f"has the key `{key}` of a model" for key in _LEFT_OUT if key in model)
        yield from (f"contains the path {place!r}" for place in _places(model) if not _is_below(place))
        yield from (f"has the property {name}={value!r}" for name, value in _named_files(model))
    yield from (f"contains the path {place!r}" for place in _places(values) if not _is_below(place))


def _places(part: dict[str, Any]) -> Iterator[Any]:
    if "model" in part:
        yield part["model"]
    gates = part.get("gates")
    baseline = gates.get("baseline") if isinstance(gates, dict) else None
    if isinstance(baseline, dict) and "file" in baseline:
        yield baseline["file"]


def _is_below(place: Any) -> bool:
    """Return whether a place is a plain name, or a path of such names."""
    if not isinstance(place, str) or not place or "\\" in place or "\0" in place:
        return False
    path = PurePosixPath(place)
    drive = PureWindowsPath(place).drive
    return not path.is_absolute() and not drive and ".." not in path.parts and not place.startswith("~")


def _named_files(model: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield properties that may name a file, such as a library that a plug-in would load."""
    properties = model.get("properties")
    for name, value in properties.items() if isinstance(properties, dict) else ():
        if isinstance(value, str) and ("/" in value or "\\" in value):
            yield name, value


def require_fitting(config: Config) -> Capsule | None:
    """Return the capsule that has the images of a configuration; None if they come from elsewhere.

    Raises ConfigError if a model is to be fed pixels that the capsule does not have, or a certification wants other
    images than it has.
    """
    capsule = capsule_at(config.dataset.path)
    if capsule is None:
        return None
    images = capsule.contents.images
    if not capsule.contents.encoded:
        for model in config.models:
            if not capsule.has_pixels(config.preprocess_for(model)):
                raise ConfigError(
                    f"{model.id}: {capsule.path} has no pixels for its `preprocess`; make the capsule with it, or with "
                    "--encoded"
                )
    if config.certify is not None and images.seed != config.certify.seed and images.count < images.listed:
        drawn = "the first as listed" if images.seed is None else f"drawn at random with the seed {images.seed}"
        raise ConfigError(
            f"{capsule.path}: its {images.count:,} of {images.listed:,} images are {drawn}, but certifying needs "
            f"those of the seed {config.certify.seed}; make the capsule with --certify"
        )
    return capsule
