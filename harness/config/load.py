"""From a YAML file to a checked configuration: variables, overrides, paths, schema; all faults in one message."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from harness.config.deployment import SUFFIX, add_deployments
from harness.config.explain import explain
from harness.config.matrix import expand
from harness.config.origin import Key, Origin, dotted
from harness.config.override import apply
from harness.config.schema import EXPANDED, Config
from harness.config.urls import is_url
from harness.config.yaml_text import Fault, YamlText
from harness.disk.beginnings import CAPSULE, begins_with
from harness.errors import ConfigError, nearest
from harness.text import first_line, printable

_LARGEST = 200_000  # bytes; far beyond any configuration, and read in a second
_MOST_FAULTS = 50  # shown of one configuration
PATH_KEYS: tuple[Key, ...] = (
    ("dataset", "path"),
    ("dataset", "labels"),
    ("dataset", "labels", "source"),
    ("dataset", "class_names"),
    ("reference", "model"),
    ("reference", "recorded"),
    ("archive", "folder"),
    ("cache", "folder"),
    ("checksums",),
    ("gates", "baseline", "file"),
    ("conversion", "calibration", "path"),
)
CANDIDATE_PATHS: tuple[Key, ...] = (
    ("model",),
    ("gates", "baseline", "file"),
    ("conversion", "calibration", "path"),
)
_LISTS: tuple[Key, ...] = (("candidates",), ("matrix", "models"), ("matrix", "devices"), ("matrix", "precisions"))
_OF_A_DEPLOYMENT = re.compile(rf"\s*candidates\.[^=]*{SUFFIX}\.")
_OF_ONE_CANDIDATE = re.compile(r"\s*candidates\s*[.\[]")


def load_config(
    path: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    *,
    without_dataset: bool = False,
) -> Config:
    """Read a configuration.

    ``overrides`` are ``KEY=VALUE`` as after ``--set``: the key dotted (``dataset.path``, ``candidates[0].device`` or
    ``candidates.<id>.device``), the value YAML. Relative paths are resolved against the file's folder, those in an
    override against the current folder. ``environment`` replaces the process's own for ``${VARIABLE}``.
    ``without_dataset``: for what needs no images; a path in `dataset` with an unset variable is then no fault.

    Raises ConfigError that lists every fault with file, line, key and the fix.
    """
    file = Path(path)
    data, origin, unreadable, misused = read_values(file, overrides, environment)
    unread = [fault for fault in unreadable if not origin.is_overridden(fault[0])]
    if without_dataset:
        unread = [fault for fault in unread if not _stand_in(data, fault[0])]
    faults = [f"{file}:{line}: {dotted(key) or 'the configuration'}: {what}" for key, line, what in unread] + misused
    return _validated(data, file, origin, faults, unread=frozenset(key for key, _, _ in unread))


def load_values(values: Mapping[str, Any], file: Path, overrides: Sequence[str] = ()) -> Config:
    """Return the configuration that plain values stand for, which were read from ``file``.

    ``overrides``: as ``load_config`` takes them. No variable is replaced in the values. Raises ConfigError.
    """
    data, origin = copy.deepcopy(dict(values)), Origin(file)
    return _validated(data, file, origin, _overridden(data, file, origin, overrides, None))


def _validated(
    data: dict[str, Any], file: Path, origin: Origin, faults: list[str], unread: frozenset[Key] = frozenset()
) -> Config:
    """Return the configuration. ``faults``: what is wrong already; ``unread``: keys of which that is said."""
    repeated = repeated_ids(data, origin)
    faults = [*faults, *repeated]
    _resolve_paths(data, file, origin)
    config: Config | None = None
    try:
        config = Config.model_validate(data, context=EXPANDED)
    except ValidationError as error:
        already = set(unread) | ({()} if repeated else set())
        if data.get("matrix") is not None and not data.get("candidates"):
            already.add(("candidates",))  # the faults of the matrix say why there is none
        faults += explain(error, data, origin, Config, already=frozenset(already))
    if faults or config is None:
        raise refusal(file, faults)
    config._origin = origin  # noqa: SLF001  (a private attribute of our own class, not part of its value)
    return config


def refusal(file: Path, faults: Sequence[str]) -> ConfigError:
    """Return the error that lists the faults of a configuration."""
    count = f"{len(faults)} faults" if len(faults) > 1 else "1 fault"
    more = [f"and {len(faults) - _MOST_FAULTS} more"] if len(faults) > _MOST_FAULTS else []
    return ConfigError(f"{file}: {count} in the configuration", [*faults[:_MOST_FAULTS], *more])


def read_values(
    file: Path, overrides: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], Origin, list[Fault], list[str]]:
    """Return a file's values before the schema: paths resolved, overrides applied, the matrix written out.

    With them where each was written, the faults of the text (by key and line) and those of overrides and matrix. Raises
    ConfigError if the file is not a YAML mapping.
    """
    text = _read(file)
    reader = YamlText(environment)
    try:
        data = reader.load(text)
    except yaml.YAMLError as error:
        raise _refused(f"{_place(file, text, error)}: not readable as YAML: {_problem(text, error)}") from None
    if not isinstance(data, dict):
        raise _refused(f"{file}: the file must contain a mapping that begins with `version: 1`")
    origin = Origin(file, reader.lines, typed=reader.typed)
    return data, origin, reader.faults, _overridden(data, file, origin, overrides, environment)


def _overridden(
    data: dict[str, Any],
    file: Path,
    origin: Origin,
    overrides: Sequence[str],
    environment: Mapping[str, str] | None,
) -> list[str]:
    """Apply overrides, resolve paths and write out the matrix; return what is wrong with overrides and matrix."""
    # Keys of a single candidate may be those of one that the matrix or a deployment stands for; all others may change
    # the matrix.
    last = [override for override in overrides if _OF_A_DEPLOYMENT.match(override)]
    later = [override for override in overrides if _OF_ONE_CANDIDATE.match(override) and override not in last]
    first = [override for override in overrides if override not in (*later, *last)]
    misused = [fault for override in first for fault in apply(override, data, origin, environment)]
    _resolve_paths(data, file, origin)
    if data.get("matrix") is not None:
        misused += expand(data, origin)
    misused += [fault for override in later for fault in apply(override, data, origin, environment)]
    add_deployments(data, origin)
    return misused + [fault for override in last for fault in apply(override, data, origin, environment)]


def _stand_in(data: dict[str, Any], key: Key) -> bool:
    """Put a word where a path of the data set could not be read; return whether ``key`` is one."""
    if key not in (("dataset", "path"), ("dataset", "labels")):
        return False
    data["dataset"][key[1]] = "unset"
    return True


def _refused(message: str) -> ConfigError:
    """Return the error of a message of one line, with names from outside in it."""
    return ConfigError(printable(message))


def _read(file: Path) -> str:
    if begins_with(file, CAPSULE):
        raise _refused(f"{file}: a capsule, which only `harness validate` accepts; give the configuration file")
    return read_text(
        file,
        largest=_LARGEST,
        kind="configuration",
        missing=lambda: _no_such_file(file),
        folder=lambda: f"{file}: a folder; give the YAML file in it{_one_of(file)}",
    )


def read_text(file: Path, *, largest: int, kind: str, missing: Callable[[], str], folder: Callable[[], str]) -> str:
    """Return the text of a YAML file of at most ``largest`` bytes.

    ``kind``: a name for what it should be; ``missing``, ``folder``: the message for a missing file, or a folder. Raises
    ConfigError.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(largest + 1)
    except FileNotFoundError:
        raise _refused(missing()) from None
    except IsADirectoryError:
        raise _refused(folder()) from None
    except (OSError, ValueError) as error:
        raise _refused(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > largest:
        raise _refused(f"{file}: larger than {largest:,} bytes; this is no {kind}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(f"{file}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def _yaml_files(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.absolute().iterdir() if item.suffix in (".yml", ".yaml"))


def _one_of(folder: Path) -> str:
    try:
        names = _yaml_files(folder)
    except OSError:
        return ""
    return f", such as {folder / names[0]}" if names else ""


def _no_such_file(file: Path) -> str:
    try:
        siblings = _yaml_files(file.absolute().parent)
    except OSError:
        return f"{file}: no such file, and no such folder"
    close = nearest(file.name, siblings)
    hint = f"; did you mean {file.parent / close[0]}?" if close else ""
    return f"{file}: no such configuration{hint}"


def _line(text: str, error: yaml.YAMLError) -> int | None:
    """Return the line of a YAML error, from 1, where there is one."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    position = getattr(error, "position", None)
    return None if position is None else text.count("\n", 0, position) + 1


def _place(file: Path, text: str, error: yaml.YAMLError) -> str:
    line = _line(text, error)
    return str(file) if line is None else f"{file}:{line}"


def _problem(text: str, error: yaml.YAMLError) -> str:
    what = str(getattr(error, "problem", None) or getattr(error, "reason", None) or first_line(error))
    lines = text.splitlines()
    line = _line(text, error)
    if line is not None and line <= len(lines) and "${" in lines[line - 1]:
        what += '; inside { } and [ ], put a variable in quotes: "${NAME}"'
    return what


def repeated_ids(data: dict[str, Any], origin: Origin) -> list[str]:
    """Return what is wrong with ids that two models share; the schema would say it only once all else is right."""
    reference, candidates = data.get("reference"), data.get("candidates")
    models: list[tuple[Key, Any]] = [(("reference",), reference)]
    if isinstance(candidates, list):
        models += [(("candidates", index), item) for index, item in enumerate(candidates)]
    faults: list[str] = []
    seen: dict[str, Key] = {}
    for key, model in models:
        name = model.get("id") if isinstance(model, dict) else None
        if not isinstance(name, str):
            continue
        if name in seen:
            first = dotted(seen[name])
            faults.append(
                f"{origin.place((*key, 'id'))}: the id '{name}' is already used by {first}; give each model its own id"
            )
        seen.setdefault(name, key)
    return faults


def _may_be_url(key: Key) -> bool:
    """Return whether a key may be a URL: images, labels and models, which are read and never written."""
    return key[0] == "dataset" or key[-1] == "model"


def _resolve_paths(data: dict[str, Any], file: Path, origin: Origin) -> None:
    if isinstance(data.get("archive"), dict):
        data["archive"].setdefault("folder", "build")  # the schema's default, which is relative too
    inner: list[Key] = []
    for name in _LISTS:
        listed: Any = data
        for part in name:
            listed = listed.get(part) if isinstance(listed, dict) else None
        count = len(listed) if isinstance(listed, list) else 0
        inner += [(*name, index, *key) for index in range(count) for key in CANDIDATE_PATHS]
    for key in (*PATH_KEYS, *inner):
        parent: Any = data
        for part in key[:-1]:
            listed = isinstance(parent, list) and isinstance(part, int)  # then within its bounds
            parent = parent[part] if listed or (isinstance(parent, dict) and part in parent) else None
        value = parent.get(key[-1]) if isinstance(parent, dict) else None
        if not isinstance(value, str) or not value or (key[:2] == ("dataset", "labels") and value == "auto"):
            continue
        if is_url(value) and _may_be_url(key):
            continue
        base = Path.cwd() if origin.is_overridden(key) else file.absolute().parent
        parent[key[-1]] = os.path.normpath(base / os.path.expanduser(value))  # noqa: PTH111  (keeps an unknown ~user)
