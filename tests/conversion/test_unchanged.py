"""A conversion whose source was replaced while it ran keeps nothing: no file belongs to bytes that nobody digested."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.config import Config
from harness.conversion import convert
from harness.conversion.formats.contract_file import contract_file
from harness.conversion.prepared import prepare_models, refuse_replaced_contract
from harness.conversion.unchanged import source_as_it_is
from harness.errors import EXIT_NOT_COMPLETED, ModelError
from harness.machine.digests import file_sha256

Make = Callable[..., Config]
REPLACED = "was replaced or changed during its conversion, so nothing was kept"
# id -> where a conversion is when the source is replaced, and where when it is put back; None: it never is
MOMENTS = {
    "before-openvino-reads": ("harness.conversion.convert.import_openvino", None),
    "while-openvino-reads": ("harness.conversion.source._converted", None),
    "after-the-check": ("harness.conversion.check.check", None),
    "and-put-back": ("harness.conversion.convert.import_openvino", "harness.conversion.check.check"),
}


@pytest.fixture
def copy(tiny: Any, tmp_path: Path) -> tuple[Path, bytes]:
    """The graph in a file of its own, and the bytes of another graph of the same size: its weights are negative."""
    path, content = tmp_path / "source" / "tiny.pb", tiny.path.read_bytes()
    path.parent.mkdir()
    path.write_bytes(content)
    assert content.count(tiny.first.tobytes()) == 1
    return path, content.replace(tiny.first.tobytes(), (-tiny.first).tobytes())


def when(patch: pytest.MonkeyPatch, place: str, path: Path, content: bytes) -> None:
    """Write ``content`` into ``path`` whenever the function at ``place`` returns."""
    module, _, name = place.rpartition(".")
    there = importlib.import_module(module)
    real = getattr(there, name)

    def wrapped(*args: Any, **keys: Any) -> Any:
        answer = real(*args, **keys)
        path.write_bytes(content)
        return answer

    patch.setattr(there, name, wrapped)


def content_below(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_of_a_replaced_source_is_kept(
    copy: tuple[Path, bytes], configure: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path, other = copy
    good, (replaced, put_back) = path.read_bytes(), MOMENTS[moment]
    config = configure(path)
    before = content_below(tmp_path)
    with monkeypatch.context() as patch:
        when(patch, replaced, path, other)
        if put_back:
            when(patch, put_back, path, good)
        with pytest.raises(ModelError, match=REPLACED) as caught:
            convert(config, config.candidates[0])
    assert caught.value.exit_code == EXIT_NOT_COMPLETED
    assert str(path) in str(caught.value)
    assert content_below(tmp_path) == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["config.yml", "source"]


def test_an_earlier_conversion_stays_as_it_was(
    copy: tuple[Path, bytes], configure: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = copy
    config = configure(path)
    convert(config, config.candidates[0])
    before = content_below(tmp_path)
    assert set(before) == {"config.yml", "ir.xml", "ir.bin"}
    when(monkeypatch, "harness.conversion.check.check", path, other)
    with pytest.raises(ModelError, match=REPLACED):
        convert(config, config.candidates[0])
    assert content_below(tmp_path) == before


def to_litert(data: dict[str, Any]) -> None:
    data["candidates"][0].update(model="made.tflite", backend="litert", conversion={"to": "litert"})


def test_other_formats_and_their_contract_files(
    copy: tuple[Path, bytes], configure: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = copy
    config = configure(path, to_litert)
    with monkeypatch.context() as patch:
        when(patch, "harness.conversion.formats.convert._check", path, other)
        with pytest.raises(ModelError, match=REPLACED):
            convert(config, config.candidates[0])
    assert sorted(item.name for item in tmp_path.iterdir()) == ["config.yml", "source"]
    convert(config, config.candidates[0])
    (tmp_path / "images").mkdir()
    _, made = prepare_models(config, quiet=True).models
    refuse_replaced_contract(made)
    beside = contract_file(config.candidates[0].model)
    content = beside.read_text(encoding="utf-8")
    beside.write_text(content.replace('"BGR"', '"RGB"'), encoding="utf-8")
    with pytest.raises(ModelError, match=r"ir: .*made\.tflite\.contract\.json was replaced or changed while the run"):
        refuse_replaced_contract(made)
    beside.unlink()
    with pytest.raises(ModelError, match="was replaced or changed"):
        refuse_replaced_contract(made)
    beside.write_text(content, encoding="utf-8")
    refuse_replaced_contract(made)


def test_what_counts_as_replaced(copy: tuple[Path, bytes], configure: Make) -> None:
    path, other = copy
    config = configure(path)
    sha256, files = file_sha256(path), source_as_it_is(config)
    files.refuse_replaced(sha256)
    with pytest.raises(ModelError, match=REPLACED):
        files.refuse_replaced("0" * 64)
    path.write_bytes(other)
    with pytest.raises(ModelError, match=REPLACED):
        files.refuse_replaced(sha256)
    path.unlink()
    with pytest.raises(ModelError, match=REPLACED):
        files.refuse_replaced(sha256)
