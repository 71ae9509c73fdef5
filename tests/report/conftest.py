from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)  # `tests.report.records` is shared by the test modules

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "HARNESS_UPDATE_GOLDEN"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Return a check of a text against a golden file; with HARNESS_UPDATE_GOLDEN=1 the file is written instead."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get(UPDATE) == "1":
            path.write_bytes(text.encode())
        assert text == path.read_bytes().decode(), f"{name} differs; if that is right, run with {UPDATE}=1 and review"

    return check
