"""Why OpenVINO does not read a model: newer than OpenVINO itself, or its own words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from harness.backends.onnxruntime.graph import read_model
from harness.backends.openvino.framework import import_openvino, reason
from harness.backends.openvino.ir_xml import read_ir_xml
from harness.errors import ModelError

_NO_READER = "Unable to read the model"
_OPSET = re.compile(r"Cannot create (\S+) layer (\S+) id:\S+ from unsupported opset: (\S+)")
_OPERATION = re.compile(r"Opset (\S+) doesn't contain the operation with type: (\S+)")
_NUMBER = re.compile(r"[-/](\d+)$")
_PARTIAL = re.compile(r"(?:No conversion rule found for operations|Conversion is failed for): (.*)")
_COMMON = 17  # the opset that converters write by default
_TRIED = range(1, 64)  # versions of the IR: the first was 1, in 2018; 11 has been written since 2022


def refusal(model: Path, error: Exception) -> str:
    """Return why OpenVINO does not read a file, in one sentence that follows its name."""
    ov = import_openvino()
    here = f"the OpenVINO here ({ov.__version__.partition('-')[0]})"
    if model.suffix == ".xml":
        return _of_ir(ov, model, error, here)
    if model.suffix == ".onnx" and (opset := _opset(model)):
        said = reason(error)
        partial = _PARTIAL.match(said)
        named = ", ".join(_NUMBER.sub("", each.strip()) for each in partial[1].split(",")) if partial else "this model"
        because = "" if partial else f": {said}"
        mend = f"for an older opset, such as {_COMMON}" if opset > _COMMON else "with other operations"
        return f"{here} cannot read {named} of ONNX opset {opset}{because}; export it {mend}"
    return f"OpenVINO cannot read this model: {reason(error)}"


def _of_ir(ov: Any, model: Path, error: Exception, here: str) -> str:
    said = str(error)
    mend = "convert it again with an older OpenVINO, or install a newer openvino"
    found = _ir_version(model)
    if _NO_READER in said or not found.isdecimal():
        known = [version for version in _TRIED if _reads(ov, version)]
        if known and not (found.isdecimal() and int(found) in known):
            newer = found.isdecimal() and int(found) > known[-1]
            reads = " and ".join(map(str, known))
            mend = mend if newer else "convert it again from the original model"
            return f"written as IR version {found or '(not stated)'}, but {here} reads {reads}; {mend}"
    if match := _OPSET.search(said):
        newest = max((int(name[5:]) for name in dir(ov) if re.fullmatch(r"opset\d+", name)), default=0)
        return f"its layer '{match[2]}' ({match[1]}) is of {match[3]}, but {here} supports up to opset{newest}; {mend}"
    if match := _OPERATION.search(said):
        return f"its operation {match[2]} ({match[1]}) is unknown to {here}; {mend}"
    return f"OpenVINO cannot read this IR: {reason(error)}"


def _reads(ov: Any, version: int) -> bool:
    """Return whether OpenVINO reads an IR of a version, which it tells in no other way."""
    empty = f'<?xml version="1.0"?><net name="empty" version="{version}"><layers/><edges/></net>'
    try:
        ov.Core().read_model(empty.encode(), b"")
    except RuntimeError:
        return False
    return True


def _ir_version(model: Path) -> str:
    try:
        return read_ir_xml(model).version
    except ModelError:
        return ""


def _opset(model: Path) -> int:
    try:
        return read_model(model.read_bytes()).opset
    except (OSError, ValueError):
        return 0
