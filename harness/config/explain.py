"""Schema faults in the user's words: the key, what is wrong with it, the near-miss, and the fix."""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.config.origin import Key, Origin
from harness.errors import nearest
from harness.text import printable


def model_at(root: type[BaseModel], key: Key) -> type[BaseModel] | None:
    """Return the schema class of the mapping at ``key``, or None if there is none."""
    current: Any = root
    for part in key:
        if isinstance(part, int):
            arguments = [item for item in typing.get_args(current) if item is not Ellipsis]
            current = _without_none(arguments[0]) if arguments else None
        elif isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = _without_none(current.model_fields[part].annotation)
        else:
            return None
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) is typing.Annotated:
        return _without_none(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kept = [item for item in typing.get_args(annotation) if item is not type(None)]
        return kept[0] if len(kept) == 1 else annotation
    return annotation


def _existing(location: tuple[str | int, ...], data: Any, missing: bool) -> Key:
    """Cut off what pydantic adds to a location (union members) and the data does not have."""
    kept: list[str | int] = []
    for part in location:
        inside = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        if not inside:
            if missing and isinstance(data, dict):
                kept.append(part)
            break
        kept.append(part)
        data = data[part]
    return tuple(kept)


def explain(
    error: ValidationError, data: Any, origin: Origin, root: type[BaseModel], already: frozenset[Key] = frozenset()
) -> list[str]:
    """Return one line per fault, ``file:line: key: what is wrong; the fix``, except for keys ``already`` explained."""
    lines: dict[tuple[Key, str], str] = {}
    for fault in error.errors():
        missing = fault["type"] == "missing"
        key = _existing(fault["loc"], data, missing)
        if key in already or fault["loc"] in already or (fault["type"] == "too_short" and fault["input"]):
            continue  # said elsewhere: an unset variable, or the faults of the list's own items
        if fault["type"] == "extra_forbidden":
            text = _unknown(key, root)
        elif missing:
            parent = model_at(root, key[:-1])
            about = parent.model_fields[str(key[-1])].description if parent else None
            mend = "; add `version: 1`" if key == ("version",) else f": {about}" if about else "; add it"
            text = f"is missing{mend}"
        else:
            text = _wrong(fault, data, origin.text(key))
        lines.setdefault((origin.written(key), text), f"{origin.place(key)}: {text}")
    return list(lines.values())


def _unknown(key: Key, root: type[BaseModel]) -> str:
    parent = model_at(root, key[:-1])
    known = list(parent.model_fields) if parent else []
    close = nearest(str(key[-1]), known)
    if close:
        return f"unknown key; did you mean `{close[0]}`?"
    elsewhere = _place_of(str(key[-1]), root)
    if elsewhere:
        return f"unknown key; did you mean `{elsewhere}`?"
    return f"unknown key; valid: {', '.join(known)}"


def _place_of(name: str, root: type[BaseModel], place: str = "") -> str | None:
    """Return the dotted key nearest to the top whose last part is ``name``; lists are left out."""
    inner = []
    for field, info in root.model_fields.items():
        model = _without_none(info.annotation)
        if isinstance(model, type) and issubclass(model, BaseModel):
            if name in model.model_fields:
                return f"{place}{field}.{name}"
            inner.append((model, f"{place}{field}."))
    return next(filter(None, (_place_of(name, model, below) for model, below in inner)), None)


def _wrong(fault: Any, data: Any, written: str | None) -> str:
    value, kind = fault.get("input"), fault["type"]
    if fault["loc"] == ("version",):
        return f"{_shown(value)} is not supported, only version 1 is; write `version: 1`, or upgrade the harness"
    if kind == "literal_error":
        expected = str(fault["ctx"]["expected"])
        close = nearest(str(value), [word.strip("' ") for word in expected.replace(" or ", ",").split(",")])
        return f"{_shown(value)} is not one of {expected}" + (f"; did you mean '{close[0]}'?" if close else "")
    message = _WORDS.get(kind) or str(fault["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    if kind in _TEXT_WANTED and isinstance(value, (bool, int, float)):
        text = str(value) if written is None else written[:80]
        return f'{message}; put it in quotes, such as "{printable(text)}" (it is {_shown(value)})'
    if isinstance(value, (dict, list, tuple)) or value is data:
        return message
    shown = _shown(value)
    return message if shown in message else f"{message} (it is {shown})"


_TEXT_WANTED = {"string_type", "path_type"}
_WORDS = {
    "string_type": "should be text",
    "path_type": "should be a path",
    "tuple_type": "should be a list: one item per line that starts with `-`",
    "model_type": "should be a mapping of `key: value` lines",
    "model_attributes_type": "should be a mapping of `key: value` lines",
    "dict_type": "should be a mapping of `key: value` lines",
    "too_short": "is empty; add at least one",
}


def _shown(value: Any) -> str:
    """Return a value for a message: as YAML has it where Python spells it otherwise, and not at any length."""
    text = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, (bool, type(None))) else None
    try:
        text = text or repr(value)
    except ValueError:  # an integer of more digits than Python prints
        text = "a number of thousands of digits"
    return text if len(text) <= 80 else text[:77] + "..."
