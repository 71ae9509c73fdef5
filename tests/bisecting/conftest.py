"""The program uv, and a folder for its own cache, so that nothing of a test stays in the user's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
