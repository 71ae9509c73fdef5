"""The files that a configuration names: refused before any model loads, with the near-miss and the fix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.backends.registry import BackendFacts, facts_of, is_folder
from harness.config.schema import Candidate, Config
from harness.config.urls import url_of
from harness.errors import ConfigError, nearest

_MISSING = "files that the configuration names are missing"


def require_files(config: Config, *, dataset: bool = True, reference: bool = True, candidates: bool = True) -> None:
    """Refuse a configuration whose files are missing or unreadable. Raises ConfigError that lists them all."""
    faults: list[str] = []
    command = f"{config.source_file}" if config.source_file else "CONFIG"
    if dataset:
        faults += _fault(config, "dataset.path", config.dataset.path, "set it with `--set dataset.path=FOLDER`")
        if config.dataset.label_source != "auto":
            labels = Path(config.dataset.label_source)
            faults += _fault(config, "dataset.labels", labels, "name the `name class` list, or the devkit's folder")
        if config.dataset.class_names:
            mend = "name a file with one class name per line"
            faults += _fault(config, "dataset.class_names", config.dataset.class_names, mend)
        if config.checksums:
            faults += _fault(config, "checksums", config.checksums, "name a `sha256sum` list")
    recorded = config.reference.recorded if config.reference else None
    if reference and recorded is not None:
        faults += _fault(config, "reference.recorded", recorded, "name the capsule that has its predictions")
    elif reference and config.reference is not None:
        facts = facts_of(config.reference.backend)
        named = f"name a {facts.title} model ({facts.forms})"
        mend = f"run `harness fetch {command}`" if config.archive else named
        faults += _model_faults(config, "reference.model", config.reference.model, facts, mend)
    if candidates:
        for index, candidate in enumerate(config.candidates):
            facts = facts_of(candidate.backend)
            converted = facts.reader is not None and candidate.model.suffix not in _read_as_they_are(facts)
            converted = converted or config.conversion_for(candidate).to is not None
            mend = f"run `harness convert {command}`" if converted else f"name the {facts.title} model"
            if recorded is not None and os.path.abspath(command) == str(recorded):  # noqa: PTH100
                mend = f"a capsule has no models: copy it there, or set candidates.{candidate.id}.model"
            faults += _model_faults(config, f"candidates[{index}].model", candidate.model, facts, mend)
        faults = list(dict.fromkeys(faults))  # candidates of one matrix share a file
    if faults:
        raise ConfigError(_MISSING, faults)


def _read_as_they_are(facts: BackendFacts) -> set[str]:
    return {suffix for other in facts.readable[1:] for suffix in other.suffixes}


def require_calibration(config: Config, candidates: Sequence[Candidate]) -> None:
    """Refuse calibration images that are missing or unreadable, for candidates that are about to be converted.

    Raises ConfigError that lists them all.
    """
    faults: dict[Path, str] = {}
    for candidate in candidates:
        conversion = config.conversion_for(candidate)
        path = conversion.calibration.path
        if conversion.weights == "int8" and path is not None:
            mend = "name a folder of images that are not evaluated"
            if found := _fault(config, calibration_key(config, candidate), path, mend):
                faults[path] = found[0]
    if faults:
        raise ConfigError(_MISSING, faults.values())


def calibration_key(config: Config, candidate: Candidate) -> str:
    """Return the dotted key of the path of a candidate's calibration images: its own, or the one for all."""
    own = candidate.conversion
    if own and "calibration" in own.model_fields_set and "path" in own.calibration.model_fields_set:
        index = [item.id for item in config.candidates].index(candidate.id)
        return f"candidates[{index}].conversion.calibration.path"
    return "conversion.calibration.path"


def _model_faults(config: Config, key: str, model: Path, facts: BackendFacts, mend: str) -> list[str]:
    """Return the first fault among the files that a model consists of."""
    if url_of(model):
        return []
    if is_folder(model):
        return _fault(config, key, model, mend) or _folder_faults(config, key, model, facts)
    first, *others = facts.files_of(model)
    faults = _fault(config, key, first, mend)
    for file in others:
        beside = f"copy the {file.suffix} that belongs to the {model.suffix}"
        faults = faults or _fault(config, key, file, beside)
        if not faults and file.is_dir():
            return [f"{config.where(key)}: {file} is a folder; {beside}"]
    return faults


def _folder_faults(config: Config, key: str, model: Path, facts: BackendFacts) -> list[str]:
    """Return why a folder is not a model of this backend, and else the first file in it that cannot be read."""
    markers = facts.folder_markers
    if not markers:
        return [f"{config.where(key)}: {model} is a folder; name the file in it"]
    if not any((model / marker).is_file() for marker in markers):
        listed = " or ".join(markers)
        return [f"{config.where(key)}: {model} is no {facts.title} model, it has no {listed}; name the model's folder"]
    faults = (_fault(config, key, file, "export the model again") for file in facts.files_of(model))
    return next((found for found in faults if found), [])


def _fault(config: Config, key: str, path: Path, mend: str) -> list[str]:
    if url_of(path):
        return []  # whether it is there is found out when it is fetched
    try:
        path.stat()
        readable = os.access(path, os.R_OK)
    except PermissionError:
        readable = False
    except (OSError, ValueError):
        variable = "; a variable is written ${NAME}" if "$" in str(path) else ""
        return [f"{config.where(key)}: {path} does not exist{_near(path)}{variable}; {mend}"]
    if not readable:
        return [f"{config.where(key)}: {path} cannot be read: no permission; change its permissions"]
    return []


def _near(path: Path) -> str:
    for folder in path.parents:
        try:
            names = os.listdir(folder)
        except NotADirectoryError:
            return f" ({folder} is not a folder)"
        except (FileNotFoundError, ValueError):
            continue
        except OSError:
            return ""
        close = nearest(path.relative_to(folder).parts[0], names)
        return f" (there is {folder / close[0]})" if close else ""
    return ""
