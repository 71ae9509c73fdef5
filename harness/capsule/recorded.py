"""The recorded predictions of a capsule's reference, checked against the current configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.capsule.contents import ReferenceAnswers
from harness.capsule.opened import open_capsule
from harness.config import Config, Preprocess
from harness.errors import ConfigError


def contract_of(config: Config) -> dict[str, Any]:
    """Return what the reference's predictions depend on, except images and file, as JSON values."""
    reference = config.original
    plain = config.resolved()["reference"]
    return {
        "backend": reference.backend,
        "input": plain["input"],
        "output": plain["output"],
        "batch": reference.batch,
        "signature": reference.signature,
        "background_class": config.has_background(reference),
        "classes": config.dataset.classes,
        "preprocess": config.preprocess_for(reference).model_dump(mode="json"),
    }


def recorded_reference(config: Config) -> ReferenceAnswers | None:
    """Return the recorded predictions that stand for the reference; None if it runs itself.

    Raises ConfigError if the configuration is of another reference than the recorded one, DatasetError for a damaged
    capsule.
    """
    reference = config.reference
    if reference is None or reference.recorded is None:
        return None
    found = open_capsule(reference.recorded).contents.reference
    if found is None:
        raise ConfigError(
            f"{config.where('reference.recorded')}: {reference.recorded} has no predictions of a reference"
        )
    for key, was, now in _differing(found.contract, contract_of(config)):
        raise ConfigError(
            f"{config.where('reference.recorded')}: {reference.recorded} has the predictions for {key}: {was}, "
            f"but {now} is configured; restore {key}, or make the capsule again"
        )
    return found


def _differing(recorded: dict[str, Any], configured: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key, now in configured.items():
        was = recorded.get(key)
        if key == "batch" and None in (was, now):  # None: the backend's own, which depends on its version and the cores
            continue
        if was != now and not (key == "preprocess" and _same_pixels(was, now)):
            yield key, was, now


def _same_pixels(one: Any, other: Any) -> bool:
    try:
        return Preprocess.model_validate(one).pixels_key == Preprocess.model_validate(other).pixels_key
    except ValueError:
        return False


def answers_file(config: Config) -> Path | None:
    """Return the capsule that has the reference's predictions; None if the reference runs itself."""
    return config.reference.recorded if config.reference else None
