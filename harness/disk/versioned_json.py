"""JSON files with a schema version: read in fixed steps, each refused with its reason and the remedy."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from harness.errors import HarnessError

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class FileKind:
    """A kind of file, for messages. ``name``: "run record"; ``newest``: the newest schema that can be read.

    ``missing``: what to do where there is no such file, ``other``: where it is something else, ``damaged``: where it
    is not JSON.
    """

    name: str
    newest: int
    missing: str
    other: str
    damaged: str
    error: Callable[[str], HarnessError]


def read_versioned_json(path: Path, kind: FileKind, model: type[Model]) -> Model:
    """Read a file that holds a ``model`` with a `schema_version`.

    Raises ``kind.error`` where it is missing, unreadable, not JSON, of a newer schema, or not valid.
    """
    data = _parsed(path, _text(path, kind), kind)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise kind.error(f"{path}: not a {kind.name}: it has no schema_version; {kind.other}")
    if version > kind.newest:
        raise kind.error(
            f"{path}: written by a newer harness ({kind.name} schema {version}, this one reads up to {kind.newest}); "
            "upgrade the harness"
        )
    try:
        return model.model_validate(data)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise kind.error(f"{path}: not a valid {kind.name}: {where}: {fault['msg']}; {kind.other}") from None


def _text(path: Path, kind: FileKind) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise kind.error(f"{path}: no {kind.name} found; {kind.missing}") from None
    except OSError as error:
        raise kind.error(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise kind.error(f"{path}: not a {kind.name}: not UTF-8 text; {kind.other}") from None


def _parsed(path: Path, text: str, kind: FileKind) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise kind.error(f"{path}: not valid JSON ({error}); {kind.damaged}") from None


def parse_json(text: str) -> Any:
    """Return JSON values. Raises ValueError for what is not JSON and for a repeated key, RecursionError for depth."""
    return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unrepeated)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated key, as a merge by hand leaves it: which one counts would be a matter of luck."""
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key '{repeated}' is repeated")
    return found
