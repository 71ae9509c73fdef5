"""One more candidate: the same model with other weights, next to the one that a configuration has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from harness.config import Candidate, Config
from harness.config.schema import Conversion


def with_added_candidate(config: Config, candidate: Candidate, weights: str) -> tuple[Config, Candidate]:
    """Return the configuration with one more candidate, and that one: ``<stem>-<weights>.xml`` next to the given one's.

    The file is never the given candidate's own; whether a third one wants it differently is the conversion's question.
    """
    ids = {model.id for model in config.models}
    names = (f"{candidate.id[:70]}-{weights}{end}" for end in ("", *(f"-{count}" for count in range(2, 1000))))
    model = candidate.model.with_name(f"{candidate.model.stem}-{weights}.xml")
    own = candidate.conversion.model_dump(exclude_unset=True) if candidate.conversion else {}
    conversion = Conversion.model_validate({**own, "weights": weights})
    changed = {"id": next(name for name in names if name not in ids), "model": model, "conversion": conversion}
    another = candidate.model_copy(update=changed)
    return config.model_copy(update={"candidates": (*config.candidates, another)}), another


def yaml_lines(config: Config, candidate: Candidate) -> str:
    """Return a candidate as YAML, an item of the list `candidates`, its paths relative to the configuration's folder.

    The parity gate is off where the weights are not those of the reference: it would rightly fail.
    """
    plain: dict[str, Any] = candidate.model_dump(mode="json", exclude_unset=True)
    asked = config.conversion_for(candidate)
    conversion: dict[str, Any] = {"weights": asked.weights}
    if asked.weights == "int8":
        calibration = asked.calibration.model_dump(mode="json", exclude_defaults=True)
        if asked.calibration.path is not None:
            calibration["path"] = _relative(config, asked.calibration.path)
        if calibration:
            conversion["calibration"] = calibration
    plain |= {"model": _relative(config, candidate.model), "conversion": conversion}
    if asked.weights != "f32":
        plain["gates"] = {**(plain.get("gates") or {}), "parity": None}
    text = yaml.safe_dump([plain], sort_keys=False, allow_unicode=True, default_flow_style=False, width=1000)
    return "".join(f"  {line}\n" for line in text.splitlines())


def _relative(config: Config, path: Path) -> str:
    folder = config.source_file.absolute().parent if config.source_file else Path.cwd()
    return Path(os.path.relpath(path, folder)).as_posix()
