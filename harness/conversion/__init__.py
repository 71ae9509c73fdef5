"""From the original model to the IR: fetch, convert, and the contract that an IR carries.

OpenVINO and pooch are imported only where they are used; TensorFlow never.
"""

from harness.backends.openvino.contract import IrContract, calibrated_on, describe, read_contract
from harness.backends.openvino.framework import import_openvino
from harness.backends.openvino.ir_files import ir_sha256, weights_file_fault
from harness.conversion.contract import contract_contradictions
from harness.conversion.convert import convert
from harness.conversion.converted import Converted
from harness.conversion.fetch.archive import fetch
from harness.conversion.settings import is_convertible
from harness.conversion.staleness import staleness

__all__ = [
    "Converted",
    "IrContract",
    "calibrated_on",
    "contract_contradictions",
    "convert",
    "describe",
    "fetch",
    "import_openvino",
    "ir_sha256",
    "is_convertible",
    "read_contract",
    "staleness",
    "weights_file_fault",
]
