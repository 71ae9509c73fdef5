"""Every fault is injected into a network that is small enough to see that the injection is the fault it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from harness.capsule.configuration import load
from harness.commands.selftest import as_json, as_markdown, bad_model
from harness.config import load_config
from harness.diagnosis.faults import FAULTS, Fault
from harness.diagnosis.selftest import SelfTest, of_candidate_alone, selftest
from harness.engine.capsule import Making, make_capsule
from harness.errors import ConfigError, DatasetError
from tests.conftest import Tiny, run_harness, write_config, write_images, write_list

IMAGES = 40


def measured_top(tiny: Tiny, folder: Path, k: int) -> float:
    """The network's Top-k in percent, by OpenCV and numpy alone."""
    import cv2

    correct = 0
    for line in (folder / "images.txt").read_text().splitlines():
        name, _, label = line.rpartition(" ")
        image: Any = cv2.imread(str(folder / "images" / name), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        height, width = (int(side * 0.875) for side in image.shape[:2])
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        small = cv2.resize(image[top : top + height, left : left + width], (16, 16), interpolation=cv2.INTER_LINEAR)
        order = np.argsort(-tiny.network.of_pixels(np.asarray(small)[None])[0], kind="stable")
        correct += int(label) + 1 in order[:k].tolist()
    return 100 * correct / IMAGES


@pytest.fixture
def setup(tiny: Tiny, tmp_path: Path) -> tuple[Tiny, Path]:
    write_images(tmp_path / "images", IMAGES, seed=3)
    return tiny, tmp_path


def configured(tiny: Tiny, folder: Path, **more: Any) -> Path:
    def change(data: dict[str, Any]) -> None:
        data["published"] = {
            "top1_percent": measured_top(tiny, folder, 1),
            "top5_percent": measured_top(tiny, folder, 5),
        }
        data["gates"] = {"parity": {"images": 16, "max_abs_diff": 1e-4}, **more}

    return write_config(folder, tiny, change)


def findings(result: SelfTest) -> dict[str, tuple[bool | None, str | None]]:
    return {item.name: (item.caught, item.gate) for item in result.faults}


def test_the_faults_that_change_what_the_network_sees_are_caught_by_parity(setup: tuple[Tiny, Path]) -> None:
    result = selftest(load_config(configured(*setup)))
    found = findings(result)
    # The network sees only mean colours, so that filters of the resize may stay too small a fault for it.
    for name in (
        "channels not swapped", "mean and scale missing", "mean and scale applied twice", "input scaled to [0, 1]",
        "mean and scale 128", "means of another model family", "NCHW fed to an NHWC input", "softmax missing",
        "stale BIN of other weights", "transposed class order", "weights rounded to 8 bits",
    ):  # fmt: skip
        assert found[name] == (True, "parity"), name
    assert found["the wrong output"] == (True, "refused")
    assert result.false_alarms == ()
    assert result.images == IMAGES


def test_a_gate_that_is_off_catches_nothing_and_the_fault_is_called_missed(setup: tuple[Tiny, Path]) -> None:
    config = load_config(configured(*setup, parity=None, drop=None, target=None))
    result = selftest(config, faults=FAULTS[:1])
    assert findings(result) == {"channels not swapped": (False, None)}
    assert not result.passed


def test_a_faithful_candidate_that_a_gate_fails_is_a_false_alarm(setup: tuple[Tiny, Path]) -> None:
    tiny, folder = setup
    path = configured(tiny, folder)
    data = yaml.safe_load(path.read_text())
    data["published"]["top1_percent"] = 100.0
    path.write_text(yaml.safe_dump(data))
    result = selftest(load_config(path), faults=FAULTS[:1])
    assert {(gate.gate, gate.model) for gate in result.false_alarms} == {("target", "ir"), ("target", "tf")}
    assert not result.passed


def test_a_candidate_that_is_wrong_by_itself_is_named_and_diagnose_offered(setup: tuple[Tiny, Path]) -> None:
    path = configured(*setup)
    data = yaml.safe_load(path.read_text())
    data["candidates"][0]["input"]["color"] = "RGB" if data["candidates"][0]["input"]["color"] == "BGR" else "BGR"
    path.write_text(yaml.safe_dump(data))
    result = selftest(load_config(path), faults=FAULTS[:2])
    assert findings(result) == {FAULTS[0].name: (None, None), FAULTS[1].name: (None, None)}
    assert not result.passed
    text = bad_model(result, of_candidate_alone("ir", result.false_alarms), "x y.yml")
    lead, *_, last = text.splitlines()
    assert lead == "FAIL: ir is wrong without any injected fault, so the gates cannot be tested with it"
    assert last == "  Find the cause: harness diagnose 'x y.yml' --candidate ir"


def test_nothing_tried_is_no_pass(setup: tuple[Tiny, Path]) -> None:
    assert not selftest(load_config(configured(*setup)), faults=()).passed


def test_what_cannot_be_injected_is_said_and_not_counted(setup: tuple[Tiny, Path]) -> None:
    result = selftest(
        load_config(configured(*setup)), faults=(FAULTS[0], Fault("in the configuration", precision="f32"))
    )
    assert findings(result)["in the configuration"] == (None, None)
    assert "already requests f32" in result.faults[1].reason
    assert result.passed  # the other one was caught


def test_a_set_without_images_is_refused(setup: tuple[Tiny, Path]) -> None:
    tiny, folder = setup
    path = configured(tiny, folder)
    write_list(folder / "images", [])
    with pytest.raises(DatasetError, match="lists no image"):
        selftest(load_config(path))


def test_an_unknown_candidate_is_refused(setup: tuple[Tiny, Path]) -> None:
    with pytest.raises(ConfigError, match="no candidate irr"):
        selftest(load_config(configured(*setup)), "irr")


def test_a_capsule_has_no_pixels_of_another_preprocessing(setup: tuple[Tiny, Path]) -> None:
    tiny, folder = setup
    whole = load_config(configured(tiny, folder))
    make_capsule(whole, folder / "a.capsule", Making(IMAGES))
    config = load(folder / "a.capsule", [f"candidates.ir.model={tiny.ir}"])
    faults = tuple(fault for fault in FAULTS if fault.name in ("channels not swapped", "crop forgotten"))
    result = selftest(config, faults=faults)
    assert findings(result) == {"channels not swapped": (True, "parity"), "crop forgotten": (None, None)}
    assert "make the capsule with --encoded" in result.faults[1].reason
    assert result.false_alarms == ()


def test_json_and_markdown_say_the_same(setup: tuple[Tiny, Path]) -> None:
    result = selftest(load_config(configured(*setup)), faults=FAULTS[:2])
    plain = json.loads(json.dumps(as_json(result), allow_nan=False))
    assert {"name", "caught", "gate", "images", "measured"} <= set(plain["faults"][0])
    assert plain["false_alarms"] == []
    rows = as_markdown(result).splitlines()
    assert len(rows) == 2 + 2 + 1
    assert rows[2].startswith("| channels not swapped | parity | ")
    assert "no alarm" in rows[-1]


def test_the_command_exits_1_when_a_fault_is_missed(setup: tuple[Tiny, Path]) -> None:
    path = configured(*setup, parity=None)
    done = run_harness("selftest", path, cwd=setup[1])
    assert done.returncode == 1, done.stderr
    assert "MISSED" in done.stdout
    assert "Traceback" not in done.stderr
