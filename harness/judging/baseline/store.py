"""Baseline files: written atomically in a form that diffs well, read back in fixed steps."""

from __future__ import annotations

import json
from pathlib import Path

from harness.disk.atomic import FREE, is_full, make_folder, write_atomically
from harness.disk.versioned_json import FileKind, read_versioned_json
from harness.errors import BaselineError, RecordError
from harness.judging.baseline.schema import SCHEMA_VERSION, Baseline

_ANEW = "restore it, or delete it and save a run: harness baseline update RUN FILE"


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline as sorted, indented JSON, so that a review sees one changed line for one changed count.

    Raises RecordError if the file cannot be written.
    """
    path = path.resolve()  # a link to a baseline stays a link
    text = json.dumps(baseline.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        make_folder(path.parent)
        write_atomically(path, (text + "\n").encode("utf-8", "backslashreplace"))
    except RecordError as error:
        cause = error.__cause__
        why = cause.strerror if isinstance(cause, OSError) else None
        mend = FREE if isinstance(cause, OSError) and is_full(cause) else "name another FILE"
        raise RecordError(f"{path}: the baseline cannot be written: {why or cause}; {mend}") from None


def read_baseline(path: Path) -> Baseline:
    """Read a baseline. Raises BaselineError if it is missing, damaged, or written by a newer harness."""
    kind = FileKind(
        name="baseline",
        newest=SCHEMA_VERSION,
        missing=f"save a run with: harness baseline update RUN {path}",
        other=_ANEW,
        damaged=_ANEW,
        error=BaselineError,
    )
    return read_versioned_json(path, kind, Baseline)
