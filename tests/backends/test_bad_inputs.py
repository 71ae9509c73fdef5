"""What every backend of the registry says of a bad model: one sentence that names what is wrong, and exit code 3.

Hostile files are of each format's own kind: they are in the tests of the backends.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.backends.opening import open_backend
from harness.backends.registry import facts_of
from harness.config import Input
from harness.errors import EXIT_NOT_COMPLETED, EXIT_USAGE, ModelError
from tests.backends.every_format import BACKENDS, Formats, Made
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.conftest import CLASSES, SIZE, Tiny, require

# Keras's own, while it saves with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@pytest.fixture(scope="module")
def formats(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Formats:
    require("tensorflow")
    return Formats(tiny, tmp_path_factory.mktemp("every"))


def refused(made: Made, exit_code: int = EXIT_NOT_COMPLETED, **changes: Any) -> str:
    with pytest.raises(ModelError) as caught, open_backend(made.backend, made.spec(**changes)):
        pass
    assert caught.value.exit_code == exit_code
    message = str(caught.value)
    assert "\n" not in message
    return message


def copied(made: Made, folder: Path) -> Path:
    """Copy a model with all of its files; return the copy of what is named."""
    if made.model.is_dir():
        return Path(shutil.copytree(made.model, folder / made.model.name))
    for path in facts_of(made.backend).files_of(made.model):
        shutil.copy(path, folder / path.name)
    return folder / made.model.name


def main_file(model: Path) -> Path:
    return model / "saved_model.pb" if model.is_dir() else model


@pytest.mark.parametrize("name", BACKENDS)
def test_a_wrong_name_is_answered_with_the_nearest(formats: Formats, name: str) -> None:
    made = formats[name]
    assert f"did you mean '{made.output}'?" in refused(made, EXIT_USAGE, output=f"{made.output}s")
    wrong = Input(**{**made.plain, "name": f"{made.plain['name']}s"})
    assert f"has no input '{made.plain['name']}s'" in refused(made, EXIT_USAGE, input=wrong)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_wrong_size_and_width_name_both_numbers_and_the_key(formats: Formats, name: str) -> None:
    made = formats[name]
    message = refused(made, size=SIZE + 8)
    assert str(SIZE) in message
    assert f"dataset.preprocess.size: {SIZE + 8}" in message
    spec = made.spec()
    message = refused(made, outputs=CLASSES) if spec.outputs == CLASSES + 1 else ""
    assert f"has {CLASSES + 1} values per image, but the labels need {CLASSES}" in message
    assert "background_class" in message


@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
@pytest.mark.parametrize("name", BACKENDS)
def test_a_file_that_is_cut_off_is_named(formats: Formats, tmp_path: Path, name: str, share: float) -> None:
    made = formats[name]
    model = copied(made, tmp_path)
    content = main_file(model).read_bytes()
    main_file(model).write_bytes(content[: int(share * len(content))])
    assert model.name in refused(made, model=str(model))


@pytest.mark.parametrize("name", BACKENDS)
def test_a_file_of_another_kind_is_named(formats: Formats, tmp_path: Path, name: str) -> None:
    made = formats[name]
    model = copied(made, tmp_path)
    for content in (b"this is a text, and no model\n" * 50, b"\x89PNG\r\n\x1a\n" + bytes(range(256))):
        main_file(model).write_bytes(content)
        assert model.name in refused(made, model=str(model))


@pytest.mark.parametrize("name", BACKENDS)
def test_a_missing_file_is_named(formats: Formats, tmp_path: Path, name: str) -> None:
    made = formats[name]
    parts = [path for path in facts_of(name).files_of(made.model) if path.is_file() and path.stat().st_size]
    for part in parts:
        if made.model.is_dir() and part.name == "fingerprint.pb":  # says what the others are, and is not needed
            continue
        folder = tmp_path / part.name
        folder.mkdir()
        model = copied(made, folder)
        (model / part.relative_to(made.model) if model.is_dir() else folder / part.name).unlink()
        message = refused(made, model=str(model))
        assert part.name in message or model.name in message


@pytest.mark.parametrize("name", BACKENDS)
def test_a_missing_framework_names_its_extra(formats: Formats, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    made = formats[name]
    monkeypatch.setitem(sys.modules, facts_of(name).module, None)
    assert f"pip install 'conversion-accuracy-harness[{facts_of(name).extra}]'" in refused(made)


def of_onnx(tiny: Tiny, folder: Path) -> Path:
    return write_onnx(folder / "newer.onnx", tiny.network, opset=999)


def of_ir(tiny: Tiny, folder: Path) -> Path:
    text = tiny.ir.read_text(encoding="utf-8")
    shutil.copy(tiny.ir.with_suffix(".bin"), folder / "newer.bin")
    newer = folder / "newer.xml"
    newer.write_text(text.replace('version="opset1"', 'version="opset999"'), encoding="utf-8")
    return newer


@pytest.mark.parametrize(("name", "write"), [("onnxruntime", of_onnx), ("openvino", of_onnx), ("openvino", of_ir)])
def test_a_newer_opset_is_named(
    formats: Formats, tiny: Tiny, tmp_path: Path, name: str, write: Callable[[Tiny, Path], Path]
) -> None:
    message = refused(formats[name], model=str(write(tiny, tmp_path)))
    assert "newer." in message
    assert "opset" in message.casefold()
