"""Whether the IR that lies there is the one that a conversion would write now. Without OpenVINO."""

from __future__ import annotations

from harness.config import Candidate, Config
from harness.conversion.contract import IrContract, read_contract, weights_file_fault
from harness.conversion.wanted import require_convertible, settings
from harness.digest import file_sha256
from harness.errors import ModelError


def staleness(config: Config, candidate: Candidate) -> str | None:
    """Say why a candidate's IR is not what ``convert`` would write now; None where it is exactly that.

    It is, where it was made from a graph of the same sha256, with the same settings and OpenVINO version, and its .bin
    has the sha256 that was written down. Raises ModelError where the reference's graph cannot be read, ConfigError
    where the candidate cannot be converted at all.
    """
    require_convertible(config, candidate)
    xml = candidate.model
    if not xml.exists():
        return f"{xml} does not exist"
    try:
        contract = read_contract(xml)
    except ModelError as error:
        return str(error)
    if contract.source != "harness":
        tool = {"model-optimizer": "the Model Optimizer", None: "another tool"}[contract.source]
        return f"{xml} was made by {tool} ({contract.tool or 'unknown'}), not by the harness"
    return _difference(config, candidate, contract) or weights_file_fault(xml)


def _difference(config: Config, candidate: Candidate, contract: IrContract) -> str | None:
    written = contract.parameters
    now = settings(config, candidate, file_sha256(config.reference.model))
    changed = {key: (written.get(key, "nothing"), value) for key, value in now.items() if written.get(key) != value}
    if not changed:
        return None
    xml = candidate.model
    if "contract_version" in changed:
        return f"{xml} was made by another version of the harness ({written.get('harness_version', 'unknown')})"
    if "source_sha256" in changed:
        old, new = changed["source_sha256"]
        return f"{xml} was made from another graph: sha256 {old[:12]}..., {config.reference.model} has {new[:12]}..."
    if "openvino_version" in changed:
        old, new = changed["openvino_version"]
        return f"{xml} was made by OpenVINO {old}, this is OpenVINO {new or 'none (not installed)'}"
    listed = ", ".join(f"{key} was {old}, is {new} now" for key, (old, new) in changed.items())
    return f"{xml} was made with other settings: {listed}"
