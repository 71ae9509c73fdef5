"""`harness init` on the tiny network in several formats: what files say, what images tell, and what cannot be told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from harness.cli import main
from harness.record import read_record
from tests.backends.keras.keras_files import functional, require_keras
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.backends.tensorflow.variable_graphs import save_checkpoint
from tests.conftest import CLASSES, SIZE, IrMaker, Network, Tiny, write_images

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")  # Keras's


def proposed(path: Path) -> dict[str, Any]:
    plain: dict[str, Any] = yaml.safe_load(path.read_text())
    return plain


def test_without_images_each_line_says_where_it_comes_from(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_onnx(tmp_path / "net.onnx", network)
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "configs" / "net.yml"
    assert main(["init", "net.onnx", "-o", "configs/net.yml"]) == 0
    plain = proposed(out)
    assert plain["name"] == "net"
    assert plain["dataset"]["path"] == "${IMAGES}"
    assert (plain["dataset"]["classes"], plain["dataset"]["background_class"]) == (CLASSES + 1, False)
    assert plain["dataset"]["preprocess"] == {"crop_fraction": 0.875, "size": SIZE, "interpolation": "bilinear"}
    reference = plain["reference"]
    assert (reference["id"], reference["backend"], reference["model"]) == ("onnxruntime", "onnxruntime", "../net.onnx")
    assert reference["output"] == "probabilities"
    assert reference["input"] == {"name": "input", "color": "RGB", "mean": 127.5, "scale": 127.5, "layout": "NHWC"}
    assert plain["candidates"][0]["conversion"] == {"automatic": True}
    lines = [line for line in out.read_text().splitlines() if ":" in line and not line.strip().startswith("#")]
    values = [line for line in lines if not line.split("#")[0].rstrip().endswith(":")]
    assert [line.strip() for line in values if "#" not in line] == ["version: 1"]
    assert "not in the file; the usual, values from -1 to 1; measure it with --images" in (out.read_text())


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
    assert main(["init", str(tmp_path / "made.xml"), str(tiny.graph)]) == 0
    text = capsys.readouterr().out
    plain = yaml.safe_load(text)
    assert plain["reference"]["backend"] == "tensorflow"  # the less derived one, whatever comes first
    (candidate,) = plain["candidates"]
    assert (candidate["id"], candidate["input"]["color"]) == ("openvino", "BGR")
    assert (candidate["input"]["mean"], candidate["input"]["scale"]) == (0.0, 1.0)
    assert "rt_info of made.xml: has mean" in text


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 images with the classes that the network answers for five of six, fed as it was made."""
    folder = tmp_path_factory.mktemp("labelled") / "images"
    write_images(folder, 96)
    return folder


Maker = Callable[[Path], Path]


@pytest.fixture
def makers(request: pytest.FixtureRequest, network: Network) -> dict[str, Maker]:
    """How the network is written in each format that takes part here."""

    def graph(folder: Path) -> Path:
        return Path(request.getfixturevalue("make_graph")(folder / "net.pb"))

    def checkpoint(folder: Path) -> Path:
        return save_checkpoint(request.getfixturevalue("tensorflow"), network, folder / "net.ckpt")

    def saved_model(folder: Path) -> Path:
        functional(require_keras(), network).export(folder / "saved", verbose=False)
        return folder / "saved"

    def keras(folder: Path) -> Path:
        functional(require_keras(), network).save(folder / "net.keras")
        return folder / "net.keras"

    def lite(folder: Path) -> Path:
        from tests.backends.litert.tflite_files import write_tflite

        return write_tflite(request.getfixturevalue("tensorflow"), folder / "net.tflite", network, element="int8")

    return {
        "graph": graph,
        "checkpoint": checkpoint,
        "saved_model": saved_model,
        "keras": keras,
        "quantised": lite,
        "onnx": lambda folder: write_onnx(folder / "net.onnx", network, layout="NCHW"),
    }


@pytest.mark.parametrize("form", ["graph", "checkpoint", "saved_model", "keras", "quantised", "onnx"])
def test_every_format_is_described_measured_checked_and_validated(
    form: str,
    makers: dict[str, Maker],
    labelled: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The network wants RGB; mean and scale are none of the usual ones, so those that come nearest are found."""
    monkeypatch.chdir(tmp_path)
    model = makers[form](tmp_path)
    out = tmp_path / "net.yml"
    assert main(["init", str(model), "--images", str(labelled), "-o", str(out)]) == 0
    plain = proposed(out)
    contract = plain["reference"]["input"]
    assert contract["color"] == "RGB"
    assert plain["dataset"]["background_class"] is True
    assert plain["dataset"]["classes"] == CLASSES
    assert contract.get("layout") == ("NCHW" if form == "onnx" else "NHWC")
    assert main(["config", "check", str(out)]) == 0
    code = main(["validate", str(out), "--out", str(tmp_path / "run"), "--no-cache"])
    told = capsys.readouterr().err
    if code == 5:  # with the usual mean and scale nearest to its own, the network gives one class to all images
        first = read_record(tmp_path / "run").gates[0]
        assert (first.gate, first.verdict) == ("chance", "inconclusive"), told
        assert "predicts the same class for every image" in first.reason
    else:
        assert code in (0, 1), told  # 1: another filter than the network's own costs accuracy


def test_the_colour_order_is_measured_on_images(
    make_ir: IrMaker, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The IR wants BGR and says nothing of it; the labels are what it answers to BGR."""
    model = make_ir(tmp_path / "net.xml")
    assert main(["init", str(model), "--images", str(labelled), "-o", str(tmp_path / "net.yml")]) == 0
    text = (tmp_path / "net.yml").read_text()
    plain = yaml.safe_load(text)
    contract = plain["candidates"][0]["input"]
    assert (contract["color"], contract["mean"], contract["scale"]) == ("BGR", 0.0, 1.0)
    assert "color: BGR" in text
    (line,) = [line for line in text.splitlines() if "color:" in line]
    assert "# measured: " in line
    assert " right, " in line
    assert " with RGB (p " in line
    assert plain["reference"] is None
    assert "openvino: contract found: " in capsys.readouterr().out


@pytest.mark.parametrize(("shift", "background"), [(0, True), (1, False), (2, False)])
def test_the_label_shift_is_measured(
    make_ir: IrMaker,
    labelled: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    shift: int,
    background: bool,
) -> None:
    """Of labels that count from 0, of those that count the background, and of those that count from 1 beyond it."""
    labels = tmp_path / "labels.txt"
    rows = [line.rsplit(" ", 1) for line in Path(f"{labelled}.txt").read_text().splitlines()]
    labels.write_text(
        "".join(f"{name} {int(value) + shift}\n" for name, value in rows if int(value) + shift <= CLASSES)
    )
    kept = {name for name, value in rows if int(value) + shift <= CLASSES}
    images = tmp_path / "images"
    images.mkdir()
    for name in kept:
        (images / name).hardlink_to(labelled / name)
    model = make_ir(tmp_path / "net.xml")
    code = main(["init", str(model), "--images", str(images), "--labels", str(labels), "-o", str(tmp_path / "net.yml")])
    assert code == 0
    assert proposed(tmp_path / "net.yml")["dataset"]["background_class"] is background
    told = "labels: they count from 1; subtract 1 from every class of the list" in capsys.readouterr().out
    assert told is (shift == 2)


def test_labels_of_other_images_give_no_contract(
    make_ir: IrMaker, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Classes at random: nothing is better than guessing, which is said, and the usual is written as such."""
    generator = np.random.default_rng(3)
    names = [line.rsplit(" ", 1)[0] for line in Path(f"{labelled}.txt").read_text().splitlines()]
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"{name} {generator.integers(0, CLASSES)}\n" for name in names))
    model = make_ir(tmp_path / "net.xml")
    out = tmp_path / "net.yml"
    assert main(["init", str(model), "--images", str(labelled), "--labels", str(labels), "-o", str(out)]) == 5
    assert "contract not found: at best" in capsys.readouterr().out
    assert "the model is no better than guessing with any of those tried" in out.read_text()


def test_images_that_do_not_tell_are_said_to_be_no_clear_margin(
    make_ir: IrMaker, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Grey images look the same in either colour order."""
    images = tmp_path / "grey"
    images.mkdir()
    for name in (line.rsplit(" ", 1)[0] for line in Path(f"{labelled}.txt").read_text().splitlines()):
        Image.open(labelled / name).convert("L").convert("RGB").save(images / name)
    labels = tmp_path / "labels.txt"
    labels.write_text(_answers_to(images, make_ir(tmp_path / "net.xml")))
    out = tmp_path / "net.yml"
    main(["init", str(tmp_path / "net.xml"), "--images", str(images), "--labels", str(labels), "-o", str(out)])
    (line,) = [line for line in out.read_text().splitlines() if "color:" in line]
    assert "# no clear margin: " in line
    assert "colour: no clear margin: " in capsys.readouterr().out


def _answers_to(images: Path, model: Path) -> str:
    """Return a list of the images with what the IR itself answers to each, by OpenVINO and OpenCV alone."""
    import cv2
    import openvino

    compiled = openvino.Core().compile_model(str(model), "CPU")
    lines = []
    for file in sorted(images.iterdir()):
        image = np.asarray(cv2.imread(str(file)))
        height, width = (int(side * 0.875) for side in image.shape[:2])
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        pixels = cv2.resize(image[top : top + height, left : left + width], (SIZE, SIZE))
        answer = int(compiled(pixels[None].astype(np.float32))[0].argmax())
        lines.append(f"{file.name} {max(0, answer - 1)}\n")
    return "".join(lines)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.onnx"], 2, "missing.onnx: does not exist"),
        (["notes.txt"], 2, "not a known kind of model"),
        (["cut.onnx"], 3, "cut.onnx"),
        (["net.onnx", "net.onnx"], 2, "is given twice"),
        (
            ["net.onnx", "-o", "there.yml"],
            2,
            "already exists; give another file with -o FILE, or replace it with --force",
        ),
        (["net.onnx", "-o", "empty"], 2, "is a folder; give a file with -o FILE"),
        (["net.onnx", "--labels", "labels.txt"], 2, "--labels needs an image set"),
        (["net.onnx", "--images", "nowhere"], 3, "nowhere"),
        (["net.onnx", "--images", "empty"], 3, "empty"),
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
    (tmp_path / "notes.txt").write_text("no model")
    (tmp_path / "there.yml").write_text("mine")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["init", *arguments]) == code
    assert message in capsys.readouterr().err
    assert (tmp_path / "there.yml").read_text() == "mine"


def test_models_of_two_sizes_each_have_their_own_preprocessing(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_onnx(tmp_path / "net.onnx", network)
    with monkeypatch.context() as patch:
        patch.setattr("tests.backends.onnxruntime.onnx_files.SIZE", SIZE // 2)
        write_onnx(tmp_path / "small.onnx", network)
    out = tmp_path / "net.yml"
    assert main(["init", str(tmp_path / "net.onnx"), str(tmp_path / "small.onnx"), "-o", str(out)]) == 0
    plain = proposed(out)
    assert plain["dataset"]["preprocess"]["size"] == SIZE
    assert plain["candidates"][0]["id"] == "onnxruntime-2"
    assert plain["candidates"][0]["preprocess"]["size"] == SIZE // 2


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "expected"),
    [
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


@pytest.mark.parametrize("how", ["found beside the images", "--class-names"])
def test_own_class_names_are_found_or_given(
    how: str, network: Network, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four folders named in no alphabetical order; the network has a fifth value, its background."""
    names = ["sloth", "ant", "bee", "cat"]
    monkeypatch.chdir(tmp_path)
    for line in labelled.with_suffix(".txt").read_text().splitlines():
        image, label = line.rsplit(maxsplit=1)
        folder = Path("images", names[int(label)])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / image).hardlink_to(labelled / image)
    model = write_onnx(tmp_path / "net.onnx", network)
    file = Path("classes.txt" if how != "--class-names" else "order.list")
    given = ["--class-names", str(file)] if how == "--class-names" else []
    file.write_text("".join(f"{name}\n" for name in names))
    assert main(["init", str(model), "--images", "images", *given, "-o", "net.yml"]) == 0
    dataset = proposed(Path("net.yml"))["dataset"]
    assert (dataset["class_names"], dataset["classes"], dataset["background_class"]) == (str(file), 4, True)
    assert how.partition(" ")[0] in Path("net.yml").read_text()
    assert main(["config", "check", "net.yml"]) == 0


def test_class_names_that_do_not_fit(
    network: Network, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, names = write_onnx(tmp_path / "net.onnx", network), tmp_path / "names.txt"
    names.write_text("a\nb\n")
    command = ["init", str(model), "--images", str(labelled)]
    assert main([*command, "--class-names", str(names)]) == 2
    assert "lists 2 classes, but the model gives 5 values per image" in capsys.readouterr().err
    assert main(["init", str(model), "--class-names", str(names)]) == 2
    assert "--class-names needs an image set" in capsys.readouterr().err
