from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import pytest

from harness.backends.openvino import devices_process
from harness.backends.openvino.devices import find_devices
from harness.commands import devices
from harness.errors import ModelError
from tests.backends.openvino.test_devices import CORE, Core
from tests.conftest import require


@pytest.fixture
def standing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_process, "find_devices_in_process", lambda: find_devices(CORE, "2025.3"))


@pytest.mark.usefixtures("standing_in")
def test_text() -> None:
    result = devices.run(argparse.Namespace(json=False))
    assert (result.exit_code, result.document) == (0, None)
    text = result.text
    assert "Example CPU" in text
    assert "CPU: `precision: device_default` runs bf16; pin `precision: f32`" in text
    assert "AUTO:CPU,GPU.0,GPU.1: chooses a device by itself" in text
    assert "GPU.1 did not answer" in text
    assert "Not there: NPU: Cannot load library of NPU" in text


@pytest.mark.usefixtures("standing_in")
def test_json_is_one_document() -> None:
    result = devices.run(argparse.Namespace(json=True))
    assert (result.exit_code, result.text) == (0, "")
    document = json.loads(json.dumps(result.document, allow_nan=False))
    assert [item["name"] for item in document["devices"]] == ["CPU", "GPU.0", "GPU.1"]


def test_no_device_at_all_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_process, "find_devices_in_process", lambda: find_devices(Core([], {}, {}), "2025.3"))
    assert devices.run(argparse.Namespace(json=True)).exit_code == 3


def test_without_openvino_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match="OpenVINO is not installed") as raised:
        devices.run(argparse.Namespace(json=False))
    assert raised.value.exit_code == 3


def test_the_real_one() -> None:
    require("openvino")
    result = devices.run(argparse.Namespace(json=True))
    assert result.exit_code == 0
    document: dict[str, Any] = json.loads(json.dumps(result.document))
    cpu = next(item for item in document["devices"] if item["name"] == "CPU")
    assert "f32" in cpu["precisions"]
    assert cpu["plugin"].startswith("openvino_intel_cpu_plugin")
    assert {"AUTO", "HETERO", "BATCH"} <= {item["name"] for item in document["virtual"]}
