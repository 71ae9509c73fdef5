"""OpenVINO's telemetry sends through a forked process and writes below the home folder; neither may happen."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.backends.openvino.framework import without_telemetry
from harness.conversion import import_openvino
from harness.errors import ModelError

ROOT = Path(__file__).resolve().parents[2]

WATCH = """
import sys, time
seen = []
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.fork", "os.posix_spawn", "urllib.")):
        seen.append(event)
        raise RuntimeError("not allowed")
sys.addaudithook(watch)
{before}
from harness import config, conversion
c = config.load_config(sys.argv[1])
{between}
conversion.convert(c, c.candidates[0])
time.sleep(0.5)
print(seen)
print("openvino_telemetry" in sys.modules)
"""


def run(script: str, config: Path, home: Path) -> list[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environment.update(HOME=str(home), PYTHONPATH=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", script, str(config)],
        env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_nothing_is_sent_and_nothing_written_to_the_home(tiny: Any, configure: Any, tmp_path: Path) -> None:
    configure(tiny.path)
    home = tmp_path / "home"
    home.mkdir()
    assert run(WATCH.format(before="", between=""), tmp_path / "config.yml", home) == ["[]", "False"]
    assert list(home.rglob("*")) == []


def test_nothing_more_is_sent_where_somebody_else_imported_openvino_first(
    tiny: Any, configure: Any, tmp_path: Path
) -> None:
    configure(tiny.path)
    home = tmp_path / "home"
    home.mkdir()
    script = WATCH.format(before="import openvino", between="time.sleep(0.5); seen.clear()")
    assert run(script, tmp_path / "config.yml", home)[0] == "[]"


def test_the_block_ends_where_it_should() -> None:
    before = sys.modules.get("openvino_telemetry", "absent")
    with without_telemetry(), pytest.raises(ImportError):
        importlib.import_module("openvino_telemetry")
    assert sys.modules.get("openvino_telemetry", "absent") is before


def test_a_missing_openvino_is_answered_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match=r"pip install 'conversion-accuracy-harness\[openvino\]'"):
        import_openvino()
