from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.config import Config
from harness.conversion import IrContract, calibrated_on, contract_contradictions, describe, read_contract

Make = Callable[..., Config]

OLD = {"mean_values": "input[120,110,100]", "scale_values": "input[60,50,40]"}
NONE, REFERENCE_MEAN, REFERENCE_SCALE = None, [120.0, 110.0, 100.0], [60.0, 50.0, 40.0]  # RGB; of the configuration


def ir(path: Path, section: str = "", values: dict[str, str] | None = None, shape: str = "1,16,16,3") -> Path:
    inner = "".join(f'<{key} value="{value}"/>' for key, value in (values or {}).items())
    tool = '<MO_version value="2024.6"/>' if section in ("conversion_parameters", "cli_parameters") else ""
    written = f"{tool}<{section}>{inner}</{section}>" if section else '<Runtime_version value="2026"/>'
    root = "meta_data" if section == "cli_parameters" else "rt_info"
    path.write_text(
        '<net name="n" version="11"><layers><layer name="input" type="Parameter">'
        f'<data shape="{shape}" element_type="f32"/><output><port names="input"/></output></layer></layers>'
        f"<{root}>{written}</{root}></net>"
    )
    return path


@pytest.fixture
def faults(configure: Make, tmp_path: Path) -> Callable[..., list[str]]:
    """Return a function: what is held against an old IR with these parameters, fed with this input contract."""

    def run(parameters: dict[str, str], section: str = "conversion_parameters", **asked: Any) -> list[str]:
        shape = parameters.pop("shape", "1,16,16,3")
        ir(tmp_path / "ir.xml", section, parameters, shape)

        def change(data: dict[str, Any]) -> None:
            data["candidates"][0]["input"].update(asked)

        config = configure(tmp_path / "net.pb", change)
        return contract_contradictions(config, config.candidates[0])

    return run


def test_the_old_tools_parameters_in_both_places(tmp_path: Path) -> None:
    for section in ("conversion_parameters", "cli_parameters"):
        found = read_contract(ir(tmp_path / "n.xml", section, {**OLD, "reverse_input_channels": "True"}))
        assert (found.source, found.color, found.reversed_channels) == ("model-optimizer", None, True)
        assert (found.mean, found.scale) == ((120.0, 110.0, 100.0), (60.0, 50.0, 40.0))
        assert (found.layout, found.shape, found.tool) == ("NHWC", (1, 16, 16, 3), "2024.6")


def test_an_ir_that_says_nothing(tmp_path: Path, faults: Callable[..., list[str]]) -> None:
    found = read_contract(ir(tmp_path / "n.xml"))
    assert found == IrContract(None, layout="NHWC", shape=(1, 16, 16, 3), model_name="n", tool="2026", parameters={})
    assert faults({}, "") == []
    assert ("mean inside", "unknown") in describe(found)


@pytest.mark.parametrize(
    ("reverse", "color", "expected"),
    [
        ("True", "BGR", []),
        ("False", "RGB", []),
        (
            "False",
            "BGR",
            ["without --reverse_input_channels", "expects RGB", "`input.color` is BGR", "write `color: RGB`"],
        ),
        ("True", "RGB", ["with --reverse_input_channels", "expects BGR", "`input.color` is RGB", "write `color: BGR`"]),
    ],
)
def test_color(faults: Callable[..., list[str]], reverse: str, color: str, expected: list[str]) -> None:
    found = faults({**OLD, "reverse_input_channels": reverse}, color=color)
    assert len(found) == (1 if expected else 0)
    assert all(part in found[0] for part in expected)


BGR_MEAN, BGR_SCALE = [100.0, 110.0, 120.0], [40.0, 50.0, 60.0]


@pytest.mark.parametrize(
    ("inside", "asked", "expected"),
    [
        (OLD, {}, ""),
        ({}, {"mean": BGR_MEAN, "scale": BGR_SCALE}, ""),
        ({"scale_values": "[60,50,40]"}, {"mean": BGR_MEAN}, ""),
        (OLD, {"mean": BGR_MEAN, "scale": BGR_SCALE}, "applied twice"),
        (OLD, {"scale": BGR_SCALE}, "applied twice"),
        ({}, {}, "missing: neither in the IR nor in `input`; write `mean: [100, 110, 120]` and `scale: [40, 50, 60]`"),
        ({}, {"mean": REFERENCE_MEAN, "scale": REFERENCE_SCALE}, "in `input` are not the reference's"),  # RGB, fed BGR
        ({"mean_values": "[120,110,100]", "scale_values": "[1,1,1]"}, {}, "inside the IR are not the reference's"),
        ({"mean_values": "a[1,2,3],b[4,5,6]"}, {}, "cannot be read (mean_values: 'a[1,2,3],b[4,5,6]')"),
    ],
)
def test_mean_and_scale(
    faults: Callable[..., list[str]], inside: dict[str, str], asked: dict[str, Any], expected: str
) -> None:
    found = faults({**inside, "reverse_input_channels": "True"}, **asked)
    assert len(found) == (1 if expected else 0)
    assert not expected or expected in found[0]
    assert all(sentence.startswith("ir: ") for sentence in found)


@pytest.mark.parametrize("shape", ["1,32,16,3", "1,3,32,16"])
def test_another_size(faults: Callable[..., list[str]], shape: str) -> None:
    found = faults({**OLD, "reverse_input_channels": "True", "shape": shape})
    assert found == ["ir: the IR takes 32x16 pixels, but `dataset.preprocess.size` is 16; set it to the IR's size"]


def test_our_own_contract(faults: Callable[..., list[str]]) -> None:
    ours = {"color": "BGR", "channels_reversed": "true", "mean_inside": "[120,110,100]", "scale_inside": "[60,50,40]"}
    assert faults(dict(ours), "harness") == []
    assert "it was converted for BGR" in faults(dict(ours), "harness", color="RGB")[0]
    assert "applied twice" in faults(dict(ours), "harness", mean=BGR_MEAN)[0]


def test_every_fault_is_said(faults: Callable[..., list[str]]) -> None:
    assert len(faults({"shape": "1,8,8,3", "input": "input"})) == 3


def test_the_images_of_a_calibration(tmp_path: Path) -> None:
    first, second = "0f" * 32, "a0" * 32
    written = {"color": "BGR", "calibration_sha256": f"{first} {second} no-digest", "calibration_count": "2"}
    found = read_contract(ir(tmp_path / "ir.xml", "harness", written))
    assert calibrated_on(found) == {bytes.fromhex(first), bytes.fromhex(second)}
    assert calibrated_on(read_contract(ir(tmp_path / "ir.xml", "other", written))) == frozenset()
    assert "calibrated on" not in dict(describe(found))


def test_int8_of_another_tool_does_not_say_on_which_images(tmp_path: Path) -> None:
    found = read_contract(ir(tmp_path / "ir.xml", "nncf", {"version": "2.14"}))
    assert found.nncf == "2.14"
    said = dict(describe(found))["calibrated on"]
    assert said == "unknown images, which may be among the evaluated ones (NNCF 2.14)"


@pytest.mark.shared
def test_the_old_model_optimizers_ir(shared: Path, configure: Make) -> None:
    xml = shared / "models" / "mo_2024.6" / "mobilenet-v2-1.0-224.xml"
    begin = time.thread_time()  # whatever else the machine does
    found = read_contract(xml)
    assert time.thread_time() - begin < 0.5
    assert found.source == "model-optimizer"
    assert found.reversed_channels is True
    assert found.mean == found.scale == (127.5, 127.5, 127.5)
    assert (found.weights, found.layout, found.shape) == ("f32", "NHWC", (1, 224, 224, 3))
    assert found.parameters["output"] == "MobilenetV2/Predictions/Reshape_1"
    rows = dict(describe(found))
    assert rows["preprocessing from"] == "model-optimizer"
    assert rows["color order"] == "as in the original model, swapped inside first"
    assert rows["mean inside"] == rows["scale inside"] == "127.5"

    def change(data: dict[str, Any]) -> None:
        data["dataset"]["preprocess"]["size"] = 224
        data["reference"]["input"].update(mean=127.5, scale=127.5)
        data["candidates"][0]["model"] = str(xml)

    config = configure(shared / "none.pb", change)
    assert contract_contradictions(config, config.candidates[0]) == []
