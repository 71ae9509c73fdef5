"""The files that a configuration names: refused before any model loads, with the near-miss and the mend."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.config.schema import Candidate, Config
from harness.errors import ConfigError, nearest


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
            mend = "name a file with one class name a line"
            faults += _fault(config, "dataset.class_names", config.dataset.class_names, mend)
        if config.checksums:
            faults += _fault(config, "checksums", config.checksums, "name a `sha256sum` list")
    if reference:
        mend = f"run `harness fetch {command}`" if config.archive else "name the frozen graph (.pb)"
        faults += _model_fault(config, "reference.model", config.reference.model, mend)
    if candidates:
        for index, candidate in enumerate(config.candidates):
            faults += _candidate(config, f"candidates[{index}].model", candidate, f"run `harness convert {command}`")
        faults = list(dict.fromkeys(faults))  # candidates of one matrix share a file
    if faults:
        raise ConfigError("files that the configuration names are missing\n  " + "\n  ".join(faults))


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
        raise ConfigError("files that the configuration names are missing\n  " + "\n  ".join(faults.values()))


def calibration_key(config: Config, candidate: Candidate) -> str:
    """Return the dotted key of the path of a candidate's calibration images: its own, or the one for all."""
    own = candidate.conversion
    if own and "calibration" in own.model_fields_set and "path" in own.calibration.model_fields_set:
        index = [item.id for item in config.candidates].index(candidate.id)
        return f"candidates[{index}].conversion.calibration.path"
    return "conversion.calibration.path"


def _candidate(config: Config, key: str, candidate: Candidate, mend: str) -> list[str]:
    faults = _model_fault(config, key, candidate.model, mend)
    if not faults and candidate.backend == "openvino" and candidate.model.suffix == ".xml":
        faults = _model_fault(
            config, key, candidate.model.with_suffix(".bin"), "copy the .bin that belongs to the .xml"
        )
    return faults


def _model_fault(config: Config, key: str, path: Path, mend: str) -> list[str]:
    faults = _fault(config, key, path, mend)
    if not faults and path.is_dir():
        return [f"{config.where(key)}: {path} is a folder; name the file in it"]
    return faults


def _fault(config: Config, key: str, path: Path, mend: str) -> list[str]:
    try:
        path.stat()
        readable = os.access(path, os.R_OK)
    except PermissionError:
        readable = False
    except (OSError, ValueError):
        variable = "; a variable is written ${NAME}" if "$" in str(path) else ""
        return [f"{config.where(key)}: {path} does not exist{_near(path)}{variable}; {mend}"]
    if not readable:
        return [f"{config.where(key)}: {path} may not be read by this user; change its permissions"]
    return []


def _near(path: Path) -> str:
    for folder in path.parents:
        try:
            names = os.listdir(folder)
        except NotADirectoryError:
            return f" ({folder} is no folder)"
        except (FileNotFoundError, ValueError):
            continue
        except OSError:
            return ""
        close = nearest(path.relative_to(folder).parts[0], names)
        return f" (there is {folder / close[0]})" if close else ""
    return ""
