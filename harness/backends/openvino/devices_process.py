"""The devices of this machine, queried in a separate process, which a broken plug-in may crash or block."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
from typing import Any

from harness.backends.openvino.devices import EXPECTED, find_devices
from harness.backends.openvino.framework import import_openvino
from harness.errors import DeviceError, HarnessError
from harness.machine.devices import AbsentDevice, Device, Devices, VirtualDevice
from harness.machine.garbage import begin_own_process

_SECONDS = 120.0


class _LostError(Exception):
    """The process did not respond; the text says how it ended."""


def find_devices_in_process() -> Devices:
    """Return what OpenVINO offers here. Where a plug-in crashes or hangs, it is listed as absent with that reason.

    Raises ModelError if OpenVINO is not installed, DeviceError if not even one plug-in alone could be asked.
    """
    if importlib.util.find_spec("openvino") is None:
        import_openvino()  # says what to install
    try:
        return _ask()
    except _LostError:
        found = [_ask_for(name) for name in EXPECTED]
    answers = [each for each in found if isinstance(each, Devices)]
    lost = [each for each in found if isinstance(each, AbsentDevice)]
    if not answers:
        raise DeviceError("; ".join(f"{each.name}: {each.reason}" for each in lost))
    virtual = {item.name: item for each in answers for item in reversed(each.virtual)}
    return Devices(
        answers[0].version,
        tuple(device for each in answers for device in each.devices),
        tuple(virtual.values()),
        (*(item for each in answers for item in each.absent), *lost),
    )


def _ask_for(name: str) -> Devices | AbsentDevice:
    try:
        return _ask(name)
    except _LostError as error:
        return AbsentDevice(name, f"its plugin {error} while it was loaded and queried")


def _ask(only: str | None = None) -> Devices:
    command = [sys.executable, "-m", "harness.backends.openvino.devices_process", *([only] if only else [])]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise _LostError(f"did not respond within {_SECONDS:g} s") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        code = done.returncode
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise _LostError(f"crashed ({how})") from None
    if "error" in answer:
        raise DeviceError(answer["error"])
    return from_json(answer)


def from_json(plain: dict[str, Any]) -> Devices:
    """Return what ``dataclasses.asdict`` and JSON made of the devices."""
    lists = ("capabilities", "precisions")
    return Devices(
        plain["version"],
        tuple(Device(**{**item, **{name: tuple(item[name]) for name in lists}}) for item in plain["devices"]),
        tuple(VirtualDevice(**item) for item in plain["virtual"]),
        tuple(AbsentDevice(**item) for item in plain["absent"]),
    )


def main(arguments: list[str]) -> int:
    """Print the devices as JSON; ``arguments``: the plug-in to ask, or nothing for all."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what plug-ins print must not end up in the answer
    try:
        openvino = import_openvino()
        found = find_devices(openvino.Core(), str(openvino.get_version()), *arguments)
        answer = dataclasses.asdict(found)
    except HarnessError as error:
        answer = {"error": str(error)}
    with answers:
        json.dump(answer, answers)
    return 0


if __name__ == "__main__":
    begin_own_process()
    sys.exit(main(sys.argv[1:]))
