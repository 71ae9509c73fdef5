"""What is known of OpenVINO without importing it."""

from harness.backends.registry import BackendFacts

FACTS = BackendFacts(
    name="openvino",
    title="OpenVINO",
    roles=frozenset({"candidate"}),
    suffixes=(".xml",),
    companions=((".xml", (".bin",)),),
    module="openvino",
    distributions=("openvino",),
    switches=("ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE"),
    extra="openvino",
    compiles=True,
    runner="harness.backends.openvino.runner:OpenVINOBackend",
    reader="harness.conversion.contract:read_contract",
    devices="harness.backends.openvino.devices_process:find_devices_apart",
)
