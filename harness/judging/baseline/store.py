"""Baseline files: written atomically in a form that diffs well, read back with words for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.disk.atomic import make_folder, write_atomically
from harness.errors import BaselineError, RecordError
from harness.judging.baseline.schema import SCHEMA_VERSION, Baseline

_ANEW = "restore it, or delete it and accept a run: harness baseline update RUN FILE"


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline as sorted, indented JSON, so that a review sees one changed line for one changed count.

    Raises RecordError where the file cannot be written.
    """
    path = path.resolve()  # a link to a baseline stays a link
    text = json.dumps(baseline.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        make_folder(path.parent)
        write_atomically(path, (text + "\n").encode("utf-8", "backslashreplace"))
    except RecordError as error:
        cause = error.__cause__
        why = cause.strerror if isinstance(cause, OSError) else None
        raise RecordError(f"{path}: the baseline cannot be written: {why or cause}; name another FILE") from None


def read_baseline(path: Path) -> Baseline:
    """Read a baseline. Raises BaselineError where it is missing, no baseline, or written by a newer harness."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BaselineError(
            f"{path}: no baseline there; accept a run with: harness baseline update RUN {path}"
        ) from None
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BaselineError(f"{path}: not UTF-8 text, so no baseline") from None
    try:
        data: Any = json.loads(text, object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{path}: no JSON ({error}); {_ANEW}") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise BaselineError(f"{path}: no baseline: it has no schema_version; {_ANEW}")
    if version > SCHEMA_VERSION:
        raise BaselineError(
            f"{path}: written by a newer harness (baseline schema {version}, this one reads up to {SCHEMA_VERSION}); "
            "upgrade the harness"
        )
    try:
        return Baseline.model_validate(data)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise BaselineError(f"{path}: no baseline: {where}: {fault['msg']}; {_ANEW}") from None


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice, as a merge by hand leaves it: which one counts would be a matter of luck."""
    names = [name for name, _ in pairs]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"the key '{repeated}' stands twice")
    return dict(pairs)
