from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from harness.backends.onnxruntime.external_data import files_of, is_inside, locations, private_copy
from harness.errors import ModelError
from tests.backends.onnxruntime.onnx_files import field, tensor

WEIGHTS = tensor("w", np.zeros(3, np.float32), "w.data")


@pytest.mark.parametrize(
    "model",
    [
        field(7, field(5, WEIGHTS)),  # an initializer
        field(7, field(15, field(1, WEIGHTS))),  # a sparse one
        field(7, field(1, field(5, field(5, WEIGHTS)))),  # the value of a Constant
        field(7, field(1, field(5, field(6, field(5, WEIGHTS))))),  # an initializer of a branch of an If
        field(25, field(7, field(5, field(5, WEIGHTS)))),  # a Constant in a function of the model
        field(20, field(2, field(5, WEIGHTS))),  # of the training graph
    ],
)
def test_external_data_is_found_wherever_a_tensor_can_be(model: bytes) -> None:
    assert locations(model) == ["w.data"]


def test_a_model_that_is_nested_too_deeply_is_not_followed(tmp_path: Path) -> None:
    graph = b""
    for _ in range(500):
        graph = field(1, field(5, field(6, graph)))
    with pytest.raises(ValueError, match="nested too deeply"):
        locations(field(7, graph))
    (tmp_path / "m.onnx").write_bytes(field(7, graph))
    assert files_of(tmp_path / "m.onnx") == (tmp_path / "m.onnx",)


@pytest.mark.parametrize("data", [b"\x0b", b"\x3a\xff", b"\x3a\x7f1", b"\x80" * 11, b"\x08", b"\x02\x00"])
def test_bytes_that_are_no_message(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|not a protobuf message"):
        locations(data)


def test_missing_files_are_named_and_files_outside_are_not(tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    names = ("b.data", "a.data", "../c.data", "/etc/hostname", "sub/d.data", "")
    tensors = (tensor(f"w{number}", np.zeros(1, np.float32), name) for number, name in enumerate(names))
    model.write_bytes(field(7, b"".join(field(5, each) for each in tensors)))
    assert files_of(model) == tuple(tmp_path / name for name in ("m.onnx", "a.data", "b.data", "sub/d.data"))
    assert files_of(tmp_path / "absent.onnx") == (tmp_path / "absent.onnx",)


def test_links_are_followed(tmp_path: Path) -> None:
    blobs, names = tmp_path / "blobs", tmp_path / "names"
    for folder in (blobs, names):
        folder.mkdir()
    for name in ("m.onnx", "m.data"):
        (blobs / name).touch()
        (names / name).symlink_to(blobs / name)
    (tmp_path / "secret").touch()
    (names / "secret").symlink_to(tmp_path / "secret")
    assert is_inside(names / "m.onnx", "m.data")  # both link to one folder
    assert not is_inside(names / "m.onnx", "secret")
    assert not is_inside(names / "m.onnx", "a\0b")


def test_the_private_copy_has_the_external_data_and_goes_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, temporary = tmp_path / "m.onnx", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    model.write_bytes(field(7, field(5, tensor("w", np.zeros(3, np.float32), "sub/w.data"))))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.data").write_bytes(b"weights")
    with private_copy(model) as copy:
        assert copy.read_bytes() == model.read_bytes()
        assert (copy.parent / "sub" / "w.data").read_bytes() == b"weights"
        assert copy.is_relative_to(temporary)
    assert not list(temporary.iterdir())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match=r"cannot be copied to .*set TMPDIR to a folder"), private_copy(model):
        pass
    model.write_bytes(field(7, field(5, tensor("w", np.zeros(3, np.float32)))))
    with private_copy(model) as copy:
        assert copy == model
