"""Asking for devices in a process of its own, with plug-ins that crash or hang in it."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from harness.backends.openvino.devices import find_devices
from harness.backends.openvino.devices_process import find_devices_in_process, from_json
from harness.errors import DeviceError
from harness.machine.devices import AbsentDevice, Device, Devices
from tests.backends.openvino.test_devices import CORE
from tests.conftest import require

CPU = Device("CPU", "Example", "integrated", ("FP32",), ("f32",), "f32", "cpu_plugin 1")


def test_json_and_back() -> None:
    found = find_devices(CORE, "2025.3")
    assert from_json(json.loads(json.dumps(dataclasses.asdict(found)))) == found


def test_only_one_plug_in_is_asked() -> None:
    core = type("One", (), {"get_versions": CORE.get_versions, "get_property": CORE.get_property})()  # lists nothing
    found = find_devices(core, "2025.3", "NPU")
    assert [item.name for item in found.absent] == ["NPU"]
    assert not found.devices


def test_the_real_ones() -> None:
    require("openvino")
    found = find_devices_in_process()
    assert "CPU" in [item.name for item in found.devices]
    assert "AUTO" in [item.name for item in found.virtual]


def child(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a shell script stand in for the process; its arguments are those of the interpreter."""
    answers = {name: Devices("2025.3", (CPU,) if name == "CPU" else (), (), ()) for name in ("CPU", "NPU")}
    for name, devices in answers.items():
        (folder / f"{name}.json").write_text(json.dumps(dataclasses.asdict(devices)), encoding="utf-8")
    path = folder / "python"
    path.write_text(f"#!/bin/sh\ncd {folder}\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("kill -SEGV $$", "crashed (signal 11)"),
        ("exec sleep 60", "did not respond within 1 s"),
        ("exit 3", "exit code 3"),
    ],
)
def test_a_plug_in_that_crashes_or_hangs_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, told: str
) -> None:
    monkeypatch.setattr("harness.backends.openvino.devices_process._SECONDS", 1.0)
    child(tmp_path, f'case "$3" in CPU|NPU) cat "$3.json" ;; *) {does} ;; esac', monkeypatch)
    found = find_devices_in_process()
    assert found.devices == (CPU,)
    (gpu,) = found.absent
    assert isinstance(gpu, AbsentDevice)
    assert gpu.name == "GPU"
    assert told in gpu.reason


def test_where_every_plug_in_crashes_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child(tmp_path, "kill -SEGV $$", monkeypatch)
    with pytest.raises(DeviceError, match=r"CPU: its plugin crashed \(signal 11\)"):
        find_devices_in_process()


def test_what_the_process_refuses_is_refused_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child(tmp_path, """echo '{"error": "OpenVINO is broken"}'""", monkeypatch)
    with pytest.raises(DeviceError, match="OpenVINO is broken"):
        find_devices_in_process()
