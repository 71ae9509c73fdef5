"""Facts about OpenVINO, without importing it."""

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
    properties=True,
    extra="openvino",
    compiles=True,
    target="openvino",
    may_loop="harness.backends.openvino.ir_xml:may_loop",
    describer="harness.backends.openvino.description:describe",
    rounder="harness.backends.openvino.rounding:RoundedBackend",
    observer="harness.backends.openvino.observing:observe",
    runner="harness.backends.openvino.runner:OpenVINOBackend",
    reader="harness.backends.openvino.contract:read_contract",
    importer="harness.backends.openvino.framework:import_openvino",
    default_for=frozenset({"candidate"}),
    reads=("onnxruntime", "litert", "saved_model"),
    precisions=("f32", "f16", "bf16"),
    editor="harness.backends.openvino.editing:edited",
    devices="harness.backends.openvino.devices_process:find_devices_in_process",
)
