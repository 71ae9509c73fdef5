"""The commands that are killed, by kind.

Conversions and plain validations are those of the demo, with the real frameworks. Capsules, the cache and suites run a
model of numpy, which starts in a moment: what is tried there is what the harness itself writes.
"""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.bisecting.wheels import runtime
from tests.campaign.killing import Bed, Running, Writing
from tests.campaign.kind import PROJECT

_CLASSES, _IMAGES = 4, 600  # three shards

KINDS = ("validate", "convert", "capsule", "cache", "suite")

Work = Callable[[Bed], Writing | Running]


def works(kind: str) -> Iterator[tuple[str, Work]]:
    """Yield the commands of a kind, with their names; without those whose packages are not installed."""
    if kind == "convert":
        needs = {"openvino": "openvino", "onnx": "tf2onnx", "litert": "ai_edge_litert", "int8": "nncf"}
        for target, module in needs.items():
            if importlib.util.find_spec(module) is None:
                print(f"convert to {target}: left out, {module} is not installed")
                continue
            yield f"convert {target}", lambda bed, target=target: _converting(bed, target)  # type: ignore[misc]
    elif kind == "capsule":
        yield "capsule make", _making
        yield "validate CAPSULE", _running_capsule
    else:
        yield kind, {"validate": _validating, "cache": _caching, "suite": _suite}[kind]


def _config(bed: Bed, **candidate: Any) -> Path:
    """Write the demo's configuration with its model in a folder of its own; ``candidate``: what that has instead."""
    demo = PROJECT / "configs" / "demo.yml"
    plain = yaml.safe_load(demo.read_text(encoding="utf-8"))
    made = {**plain["candidates"][0], "model": str(bed.folder / "made" / "m.xml"), **candidate}
    for keys in (
        ("dataset", "path"),
        ("dataset", "labels"),
        ("reference", "model"),
        ("conversion", "calibration", "path"),
    ):
        place = plain
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = str((demo.parent / place[keys[-1]]).resolve())
    plain["conversion"]["calibration"]["images"] = 8
    plain |= {"candidates": [made], "checksums": None}
    (bed.folder / "made").mkdir(exist_ok=True)
    (bed.folder / "c.yml").write_text(yaml.safe_dump(plain), encoding="utf-8")
    return bed.folder / "c.yml"


def _converting(bed: Bed, target: str) -> Writing:
    from harness.config import load_config
    from harness.conversion import staleness

    suffix = {"onnx": ".onnx", "litert": ".tflite"}.get(target, ".xml")
    changes: dict[str, Any] = {"model": str(bed.folder / "made" / f"m{suffix}")}
    if target in ("onnx", "litert"):
        backend = {"onnx": "onnxruntime", "litert": "litert"}[target]
        changes |= {"backend": backend, "conversion": {"to": target}}
        changes |= {"input": {"name": "pixels", "color": "BGR"}, "output": "answer"}
    if target == "int8":
        changes["conversion"] = {"weights": "int8"}
    file = _config(bed, **changes)
    config = load_config(file)
    others = {".xml": "m.bin", ".onnx": "m.onnx.contract.json", ".tflite": "m.tflite.contract.json"}[suffix]
    return Writing(
        f"convert {target}",
        ["convert", str(file)],
        bed.folder / "made",
        (others, f"m{suffix}"),
        lambda: staleness(config, config.candidates[0]),
        exact=target != "onnx",  # tf2onnx numbers names anew
    )


def _prepared(bed: Bed) -> Path:
    """Return the demo's configuration with its IR already made."""
    file, faults = _config(bed), list[str]()
    bed.to_end(["convert", str(file)], faults)
    assert not faults, faults
    return file


def _planted(bed: Bed) -> Path:
    """Write an image set and a configuration of a backend of numpy, and install that; return the configuration."""
    import cv2

    with zipfile.ZipFile(runtime(bed.folder / "wheel", "1.0")) as archive:
        archive.extractall(bed.installed)
    generator, folder = np.random.default_rng(5), bed.folder / "images"
    folder.mkdir()
    lines: list[str] = []
    while len(lines) < _IMAGES:
        colour, name = generator.integers(0, 256, 3), f"{len(lines):03d}.png"
        answer = int((colour / 64 @ np.random.default_rng(7).normal(size=(3, _CLASSES + 1))).argmax())
        if answer > 0:  # the model's own answer, and not background
            cv2.imwrite(str(folder / name), np.full((8, 8, 3), colour, np.uint8))
            lines.append(f"{name} {answer - 1}\n")
    (bed.folder / "images.txt").write_text("".join(lines), encoding="utf-8")
    (bed.folder / "model.planted").write_text("weights", encoding="utf-8")
    model = {"backend": "planted", "model": str(bed.folder / "model.planted"), "input": {"color": "BGR"}}
    data = {"path": str(folder), "classes": _CLASSES, "images": _IMAGES, "preprocess": {"size": 8}}
    plain = {"version": 1, "name": "planted", "dataset": data, "reference": {**model, "id": "original"}}
    plain |= {"candidates": [{**model, "id": "other"}]}
    (bed.folder / "planted.yml").write_text(yaml.safe_dump(plain), encoding="utf-8")
    return bed.folder / "planted.yml"


def _making(bed: Bed) -> Writing:
    from harness.capsule.opened import open_capsule
    from harness.errors import HarnessError

    target = bed.folder / "capsules" / "a.capsule"
    target.parent.mkdir()

    def fault() -> str | None:
        try:
            open_capsule(target)
        except HarnessError as error:
            return str(error)
        return None

    command = ["capsule", "make", str(_planted(bed)), str(target), "--images", str(_IMAGES), "--overwrite"]
    return Writing("capsule make", command, target.parent, (target.name,), fault, exact=False)


def _running_capsule(bed: Bed) -> Running:
    capsule, faults = bed.folder / "a.capsule", list[str]()
    bed.to_end(["capsule", "make", str(_planted(bed)), str(capsule), "--images", str(_IMAGES)], faults)
    assert not faults, faults
    return Running(lambda out: ["validate", str(capsule), "--no-cache", "--out", str(out)])


def _validating(bed: Bed) -> Running:
    file = _prepared(bed)
    return Running(lambda out: ["validate", str(file), "--no-cache", "--out", str(out)])


def _caching(bed: Bed) -> Running:
    file = _planted(bed)
    return Running(lambda out: ["validate", str(file), "--out", str(out)], fresh=True)


def _suite(bed: Bed) -> Running:
    file, suite = _planted(bed), bed.folder / "suite.yml"
    runs = [{"config": str(file), "id": name} for name in ("one", "two", "three")]
    suite.write_text(yaml.safe_dump({"version": 1, "name": "killed", "runs": runs}), encoding="utf-8")
    return Running(lambda out: ["suite", str(suite), "--no-cache", "--out", str(out)])
