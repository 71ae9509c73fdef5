"""`--set KEY=VALUE`: one key of a configuration replaced from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from harness.config.origin import Key, Origin, dotted, parse_key
from harness.config.secrets import is_secret_key, remember
from harness.config.yaml_text import YamlText
from harness.errors import nearest
from harness.text import first_line


def apply(text: str, data: dict[str, Any], origin: Origin, environment: Mapping[str, str] | None) -> list[str]:
    """Set one key of ``data``, given as ``KEY=VALUE`` with the value in YAML; return what is wrong with it.

    A key of a candidate may name it by its place or by its id: ``candidates[0].device``, ``candidates.ir.device``.
    """
    name, equals, raw = text.partition("=")
    key = _by_id(parse_key(name.strip()), data)
    if not equals or "" in key:
        return [f"--set {text}: write KEY=VALUE, such as --set dataset.path=/data/val"]
    if is_secret_key(str(key[-1])):
        remember(raw.strip().strip("'\""))
    reader = YamlText(environment)
    try:
        value = reader.load(raw, key) if raw.strip() else ""
    except yaml.YAMLError as error:
        what = getattr(error, "problem", None) or first_line(error)
        return [f"--set {text}: the value is not readable as YAML: {what}; put it in quotes"]
    if reader.faults:
        return [f"--set {text}: {what}" for _, _, what in reader.faults]
    fault = _put(key, value, data)
    if fault:
        return [f"--set {text}: {fault}"]
    origin.overridden.add(key)
    origin.typed |= reader.typed
    return []


def _put(key: Key, value: Any, data: dict[str, Any]) -> str | None:
    current: Any = data
    for depth, part in enumerate(key):
        if isinstance(current, dict) and isinstance(part, str):
            if depth == len(key) - 1:
                current[part] = value
                break
            if current.get(part) is None:
                current[part] = {}
        elif isinstance(current, list) and isinstance(part, int) and part < len(current):
            if depth == len(key) - 1:
                current[part] = value
                break
        else:
            return _no_such(key[: depth + 1], current)
        current = current[part]
    return None


def _no_such(key: Key, parent: Any) -> str:
    if isinstance(parent, list):
        ids = [str(item["id"]) for item in parent if isinstance(item, dict) and "id" in item]
        close = nearest(str(key[-1]), ids)
        near = f"; did you mean {dotted(key[:-1])}.{close[0]}?" if close else ""
        return f"there is no {dotted(key)}{near}"
    return f"there is no {dotted(key)}: {dotted(key[:-1]) or 'the configuration'} has no such items"


def _by_id(key: Key, data: dict[str, Any]) -> Key:
    """Let ``candidates.ir.device`` name the candidate with the id ``ir``; a place in the list comes first."""
    candidates = data.get("candidates")
    if len(key) < 2 or key[0] != "candidates" or not isinstance(candidates, list):
        return key
    if isinstance(key[1], int) and key[1] < len(candidates):
        return key
    for length in range(len(key), 1, -1):
        wanted = ".".join(str(part) for part in key[1:length])
        for index, item in enumerate(candidates):
            if isinstance(item, dict) and str(item.get("id")) == wanted:
                return ("candidates", index, *key[length:])
    return key
