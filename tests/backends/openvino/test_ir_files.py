from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.conversion import ir_sha256, weights_file_fault
from harness.errors import ModelError


def ir(folder: Path, size: int, weights: bytes | None, digest: str = "") -> Path:
    recorded = f'<rt_info><harness><bin_sha256 value="{digest}"/></harness></rt_info>' if digest else ""
    data = f'<data element_type="f32" offset="4" size="{size - 4}"/>' if size else ""
    xml = folder / "net-1.0.xml"
    xml.write_text(f'<net><layers><layer type="Const">{data}</layer></layers>{recorded}</net>')
    xml.with_suffix(".bin").unlink(missing_ok=True)
    if weights is not None:
        (folder / "net-1.0.bin").write_bytes(weights)
    return xml


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (None, "is missing; copy the .bin"),
        (b"", "cut off or belongs to another model: it has 0 bytes, net-1.0.xml needs 100"),
        (bytes(99), "it has 99 bytes, net-1.0.xml needs 100"),
        (bytes(100), None),
        (bytes(101), "belongs to another model: it has 101 bytes"),
    ],
)
def test_the_size_against_the_constants(tmp_path: Path, weights: bytes | None, message: str | None) -> None:
    fault = weights_file_fault(ir(tmp_path, 100, weights))
    assert fault is None if message is None else fault is not None and message in fault


def test_the_content_against_the_recorded_digest(tmp_path: Path) -> None:
    digest = hashlib.sha256(bytes(100)).hexdigest()
    assert weights_file_fault(ir(tmp_path, 100, bytes(100), digest)) is None
    fault = weights_file_fault(ir(tmp_path, 100, bytes(99) + b"\1", digest))
    assert fault is not None
    assert "its sha256 is not the one in net-1.0.xml" in fault


def test_a_model_without_constants_needs_no_weights(tmp_path: Path) -> None:
    assert weights_file_fault(ir(tmp_path, 0, None)) is None


def test_the_digest_is_over_both_files_in_this_order(tmp_path: Path) -> None:
    xml = ir(tmp_path, 100, b"weights")
    assert ir_sha256(xml) == hashlib.sha256(xml.read_bytes() + b"weights").hexdigest()
    xml.with_suffix(".bin").unlink()
    with pytest.raises(ModelError, match=r"net-1\.0\.bin"):
        ir_sha256(xml)


def test_an_xml_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        weights_file_fault(tmp_path / "none.xml")


@pytest.mark.shared
def test_the_old_model_optimizers_ir_fits_and_another_bin_does_not(shared: Path, tmp_path: Path) -> None:
    original = shared / "models" / "mo_2024.6" / "mobilenet-v2-1.0-224.xml"
    assert weights_file_fault(original) is None
    copy = tmp_path / original.name
    copy.write_bytes(original.read_bytes())
    copy.with_suffix(".bin").write_bytes(original.with_suffix(".bin").read_bytes()[:-1])
    fault = weights_file_fault(copy)
    assert fault is not None
    assert "13956483 bytes" in fault
