"""The record of a suite, `suite.json`: which runs it has, how each ended, and where its own record is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt

from harness.config.secrets import redact_all
from harness.disk.atomic import write_atomically
from harness.disk.versioned_json import FileKind, read_versioned_json
from harness.errors import RecordError

SUITE_FILE = "suite.json"
SCHEMA_VERSION = 1
_KIND = FileKind(
    name="suite record",
    newest=SCHEMA_VERSION,
    missing="give the folder of a suite, such as reports/NAME/latest",
    other="give the folder of a suite",
    damaged="run the suite again",
    error=RecordError,
)

State = Literal["done", "refused", "died", "not_run"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class SuiteRunPart(_Part):
    """A run of a suite.

    ``state``: `done`: it left a record, with or without a verdict; `refused`: its configuration cannot be used; `died`:
    its process ended without a verdict; `not_run`: the suite was interrupted before.
    """

    id: str
    config: str
    overrides: tuple[str, ...] = ()
    state: State = "not_run"
    exit_code: int | None = None
    error: str | None = None
    seconds: FiniteFloat | None = None
    shares_pixels_with: tuple[str, ...] = Field((), description="Runs of the same images, prepared in the same way.")
    images_not_decoded: NonNegativeInt = Field(
        0, description="Number of images whose pixels came from another run of the suite."
    )


class SuiteRecord(_Part):
    """A suite and how it ended; each run's own record is in the folder of its id."""

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    harness_version: str
    name: str
    suite_file: str
    started_utc: str
    engine: str | None = Field(None, description="What evaluated the shards; null: as each run configures it.")
    status: Literal["complete", "incomplete"]
    exit_code: int
    seconds: FiniteFloat | None = None
    runs: tuple[SuiteRunPart, ...]


def write_suite(folder: Path, record: SuiteRecord) -> Path:
    """Write `suite.json` atomically and return its path. Raises RecordError."""
    path = folder / SUITE_FILE
    text = json.dumps(redact_all(record.model_dump(mode="json")), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, f"{text}\n".encode("utf-8", "backslashreplace"))
    return path


def read_suite(folder: Path) -> SuiteRecord:
    """Read a suite's record. Raises RecordError if it is missing, damaged, or of a newer harness."""
    return read_versioned_json(folder / SUITE_FILE, _KIND, SuiteRecord)
