"""A file that is newer than OpenVINO: what the file says, what OpenVINO knows, and the mend."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.backends.openvino.refusal import refusal
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.conftest import Network, Tiny


def refused(ov: Any, model: Path) -> str:
    with pytest.raises(RuntimeError) as caught:
        ov.Core().read_model(str(model))
    return refusal(model, caught.value)


@pytest.fixture
def changed(tiny: Tiny, tmp_path: Path) -> Any:
    def change(before: str, after: str) -> Path:
        path = tmp_path / "net.xml"
        text, count = re.subn(before, after, tiny.ir.read_text(encoding="utf-8"), count=1)
        assert count == 1
        path.write_text(text, encoding="utf-8")
        path.with_suffix(".bin").write_bytes(tiny.ir.with_suffix(".bin").read_bytes())
        return path

    return change


@pytest.mark.parametrize(
    ("written", "shown", "mend"),
    [
        (' version="99"', "99", "with an older OpenVINO, or install a newer openvino"),
        (' version="7"', "7", "from the original model"),
        (' version="x"', "x", "from the original model"),
        ("", "(not stated)", "from the original model"),
    ],
)
def test_the_version_of_an_ir(openvino: Any, changed: Any, written: str, shown: str, mend: str) -> None:
    message = refused(openvino, changed(r'(?<=<net name="\w{4}") version="\d+"|(?<=<net )version="11"', written))
    # https://github.com/openvinotoolkit/openvino/blob/master/src/frontends/ir/src/frontend.cpp: 10 and 11
    found = rf"written as IR version {re.escape(shown)}, but the OpenVINO here \(20\d\d\.\S+\) reads 10 and 11"
    assert re.fullmatch(f"{found}; convert it again {mend}", message), message


def test_an_operation_of_a_later_set(openvino: Any, changed: Any) -> None:
    message = refused(openvino, changed(r'type="SoftMax" version="opset\d+"', 'type="SoftMax" version="opset99"'))
    assert re.match(
        r"its layer '\S+' \(SoftMax\) is of opset99, but the OpenVINO here \(.*\) supports up to opset\d\d; ", message
    )


def test_an_operation_that_is_unknown(openvino: Any, changed: Any) -> None:
    message = refused(openvino, changed('type="SoftMax"', 'type="Hypermax"'))
    assert re.match(r"its operation Hypermax \(opset\d+\) is unknown to the OpenVINO here", message), message


@pytest.mark.parametrize(
    ("opset", "mend"), [(99, "export it for an older opset, such as 17"), (13, "export it with other operations")]
)
def test_the_opset_of_an_onnx_file(openvino: Any, network: Network, tmp_path: Path, opset: int, mend: str) -> None:
    model = write_onnx(tmp_path / "m.onnx", network, opset=opset, operation="Hypermax")
    message = refused(openvino, model)
    assert re.match(rf"the OpenVINO here \(.*\) cannot read Hypermax of ONNX opset {opset}", message), message
    assert message.endswith(mend)
