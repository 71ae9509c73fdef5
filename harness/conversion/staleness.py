"""Whether the IR that is there is the one that a conversion would write now. Without OpenVINO."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.openvino.contract import IrContract
from harness.config import Candidate, Config
from harness.conversion.model_files import ModelFiles
from harness.conversion.settings import require_convertible, settings, source_files
from harness.errors import ModelError

if TYPE_CHECKING:
    from harness.dataset.image_set import ImageSet


def staleness(
    config: Config, candidate: Candidate, files: ModelFiles | None = None, images: ImageSet | None = None
) -> str | None:
    """Return why a candidate's IR is not what ``convert`` would write now; None if it is exactly that.

    It is, where it was made from a graph of the same sha256, with the same settings and OpenVINO version, and its .bin
    has the recorded sha256; INT8 also with the same NNCF (where one is installed) and on the very images that would be
    chosen now (where there are any to choose from). ``files``: what was read of model files already; ``images``: the
    evaluated images, where they are open already. Raises ModelError if the reference's graph cannot be read,
    ConfigError if the candidate cannot be converted at all, DatasetError if an image set is unreadable.
    """
    require_convertible(config, candidate)
    xml = candidate.model
    if not xml.exists():
        return f"{xml} does not exist"
    files = files or ModelFiles()
    try:
        contract = files.contract(xml)
    except ModelError as error:
        return str(error)
    if contract.source != "harness":
        tool = {"model-optimizer": "the Model Optimizer", None: "another tool"}[contract.source]
        return f"{xml} was made by {tool} ({contract.tool or 'unknown'}), not by the harness"
    return (
        _difference(config, candidate, contract, files.sha256(*source_files(config)))
        or files.weights_fault(xml)
        or _images(config, candidate, contract, images)
    )


def _images(config: Config, candidate: Candidate, contract: IrContract, images: ImageSet | None) -> str | None:
    if config.conversion_for(candidate).weights != "int8":
        return None
    from harness.conversion.int8.calibration import calibration_fault

    fault = calibration_fault(config, candidate, contract, images)
    return f"{candidate.model}: {fault}" if fault else None


_CONVERTERS = {"tf2onnx": "tf2onnx", "onnx": "onnx", "tensorflow": "TensorFlow", "torch": "PyTorch"}
_CONVERTERS |= {"onnxscript": "onnxscript"}


def _difference(config: Config, candidate: Candidate, contract: IrContract, source_sha256: str) -> str | None:
    written = contract.parameters
    now = settings(config, candidate, source_sha256)
    if now.get("nncf_version") == "":  # it runs without NNCF, and could not be converted again here
        del now["nncf_version"]
    changed = {key: (written.get(key, "nothing"), value) for key, value in now.items() if written.get(key) != value}
    if not changed:
        return None
    xml = candidate.model
    if "contract_version" in changed:
        return f"{xml} was made by another version of the harness ({written.get('harness_version', 'unknown')})"
    if "source_sha256" in changed:
        old, new = changed["source_sha256"]
        return (
            f"{xml} was made from a different graph: sha256 {old[:12]}..., but {config.original.model} has "
            f"{new[:12]}..."
        )
    if "openvino_version" in changed:
        old, new = changed["openvino_version"]
        return f"{xml} was made by OpenVINO {old}, but this is OpenVINO {new or 'none (not installed)'}"
    for name, title in _CONVERTERS.items():
        if (key := f"{name}_version") in changed:
            old, new = changed[key]
            return f"{xml} was made by {title} {old}, but this is {title} {new}"
    if "nncf_version" in changed and "weights" not in changed:
        old, new = changed["nncf_version"]
        return f"{xml} was compressed by NNCF {old}, but this is NNCF {new}"
    listed = ", ".join(f"{key} was {old} and is {new} now" for key, (old, new) in changed.items())
    return f"{xml} was made with other settings: {listed}"


def is_foreign(candidate: Candidate, files: ModelFiles) -> bool:
    """Return whether a whole IR of another tool is there: it is never replaced without an explicit option."""
    if not candidate.model.exists():
        return False
    return not files.weights_fault(candidate.model) and files.contract(candidate.model).source != "harness"
