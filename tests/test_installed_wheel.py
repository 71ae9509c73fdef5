"""What an installed wheel does without the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.built_wheel import build_wheel
from tests.conftest import require


@pytest.mark.slow
def test_the_demo_of_the_installed_wheel(tmp_path: Path) -> None:
    require("tensorflow")
    require("openvino")
    wheel = build_wheel(tmp_path)
    site, empty = tmp_path / "site", tmp_path / "empty"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "harness", "demo"],
        cwd=empty,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert done.returncode == 0, done.stderr
    assert "PASS (exit 0)" in done.stdout
    [report] = re.findall(r"^Report: (.*)$", done.stdout, re.MULTILINE)
    assert Path(report).is_file()
    assert [path.name for path in empty.iterdir()] == ["harness-demo"]
