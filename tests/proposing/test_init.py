"""`harness init` on the tiny network in several formats: what files say, what images tell, and what cannot be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main
from harness.proposing.measuring import Choice
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.conftest import CLASSES, SIZE, IrMaker, Network, Tiny, write_images


def proposed(path: Path) -> dict[str, Any]:
    plain: dict[str, Any] = yaml.safe_load(path.read_text())
    return plain


def test_without_images_each_line_says_where_it_comes_from(network: Network, tmp_path: Path) -> None:
    model = write_onnx(tmp_path / "net.onnx", network)
    out = tmp_path / "net.yml"
    assert main(["init", str(model), "-o", str(out)]) == 0
    plain = proposed(out)
    assert plain["name"] == "net"
    assert plain["dataset"]["path"] == "${IMAGES}"
    assert (plain["dataset"]["classes"], plain["dataset"]["background_class"]) == (CLASSES + 1, False)
    assert plain["dataset"]["preprocess"]["size"] == SIZE
    reference = plain["reference"]
    assert (reference["backend"], reference["model"], reference["output"]) == (
        "onnxruntime",
        "net.onnx",
        "probabilities",
    )
    assert reference["input"] == {"name": "input", "color": "RGB", "mean": 127.5, "scale": 127.5}
    assert plain["candidates"][0]["conversion"] == {"automatic": True}
    lines = [line for line in out.read_text().splitlines() if ":" in line and not line.strip().startswith("#")]
    values = [line for line in lines if not line.split("#")[0].rstrip().endswith(":")]
    without = [line for line in values if "#" not in line]
    assert [line.strip().split(":")[0] for line in without] == ["version", "model", "output"]
    assert "not in the file: the usual one; measure it with --images" in out.read_text()


def test_what_an_ir_says_of_itself_is_taken(tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from harness import load_config
    from harness.conversion import convert
    from tests.conftest import write_config

    def change(data: dict[str, Any]) -> None:
        data["candidates"][0]["model"] = "made.xml"

    write_images(tmp_path / "images", 4)
    config = load_config(write_config(tmp_path, tiny, change))
    convert(config, config.candidates[0])
    capsys.readouterr()
    assert main(["init", str(tiny.graph), str(tmp_path / "made.xml")]) == 0
    text = capsys.readouterr().out
    plain = yaml.safe_load(text)
    assert plain["reference"]["backend"] == "tensorflow"
    (candidate,) = plain["candidates"]
    assert (candidate["id"], candidate["input"]["color"]) == ("openvino", "BGR")
    assert (candidate["input"]["mean"], candidate["input"]["scale"]) == (0.0, 1.0)
    assert "rt_info of the .xml, written by the harness" in text


def test_the_colour_order_is_measured_on_images(
    make_ir: IrMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The IR wants BGR and says nothing of it; the labels are what it answers to BGR."""
    model = make_ir(tmp_path / "net.xml")
    write_images(tmp_path / "images", 80)
    assert main(["init", str(model), "--images", str(tmp_path / "images"), "-o", str(tmp_path / "net.yml")]) == 0
    text = (tmp_path / "net.yml").read_text()
    plain = yaml.safe_load(text)
    contract = plain["candidates"][0]["input"]
    assert (contract["color"], contract["mean"], contract["scale"]) == ("BGR", 0.0, 1.0)
    assert "measured:" in text
    assert plain["reference"] is None
    assert "images correct with BGR, plain pixels" in capsys.readouterr().out


def test_a_margin_that_is_not_clear_is_said() -> None:
    close = Choice("color", "RGB", 161, "BGR", 160, 256, 1.0)
    assert not close.clear
    assert close.words == "measured: 161 of 256 correct, 160 with BGR: no clear margin (p 1)"
    assert Choice("color", "RGB", 161, "BGR", 60, 256, 1e-9).clear


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.onnx"], 2, "missing.onnx: does not exist"),
        (["notes.txt"], 2, "no model of a kind that is known"),
        (["cut.onnx"], 3, "cut.onnx"),
        (["net.onnx", "-o", "there.yml"], 2, "exists; name another file with -o, or add --force"),
        (["net.onnx", "--images", "nowhere"], 3, "nowhere"),
        (["net.onnx", "--images", "empty"], 3, "empty"),
        (["net.onnx", "small.onnx"], 2, "take pixels of several sizes"),
    ],
)
def test_what_cannot_be_proposed(
    network: Network,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    model = write_onnx(tmp_path / "net.onnx", network)
    content = model.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(content[: len(content) // 2])
    with monkeypatch.context() as patch:
        patch.setattr("tests.backends.onnxruntime.onnx_files.SIZE", SIZE // 2)
        write_onnx(tmp_path / "small.onnx", network)
    (tmp_path / "notes.txt").write_text("no model")
    (tmp_path / "there.yml").write_text("mine")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["init", *arguments]) == code
    assert message in capsys.readouterr().err
    assert (tmp_path / "there.yml").read_text() == "mine"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx", ("RGB", 127.5, 127.5, False)),
        ("mobilenet_v1_0.25_128_quant.tflite", ("RGB", 128.0, 128.0, True)),
        ("squeezenet1.1_fp16_mo2021.2/squeezenet1.1.xml", ("BGR", 0.0, 1.0, False)),
    ],
)
def test_real_models(shared: Path, tmp_path: Path, model: str, expected: tuple[str, float, float, bool]) -> None:
    images = shared / "imagenet" / "val"
    command = ["init", str(shared / "models" / model), "--images", str(images), "--labels", f"{images}.txt"]
    assert main([*command, "-o", str(tmp_path / "net.yml")]) == 0
    plain = proposed(tmp_path / "net.yml")
    contract = (plain["reference"] or plain["candidates"][0])["input"]
    found = (contract["color"], contract["mean"], contract["scale"], plain["dataset"]["background_class"])
    assert found == expected
