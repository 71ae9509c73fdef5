"""Facts about ONNX Runtime, without importing it."""

from harness.backends.registry import BackendFacts

FACTS = BackendFacts(
    name="onnxruntime",
    title="ONNX Runtime",
    roles=frozenset({"reference", "candidate"}),
    suffixes=(".onnx",),
    module="onnxruntime",
    distributions=("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"),
    properties=True,
    extra="onnx",
    precisions=("f32",),
    also_called=("onnx", "ort"),
    devices="harness.backends.onnxruntime.devices:find_devices",
    importer="harness.backends.onnxruntime.framework:import_onnxruntime",
    files="harness.backends.onnxruntime.external_data:files_of",
    guard="harness.backends.onnxruntime.operations:require_known",
    aliases="harness.backends.onnxruntime.graph:passed_on",
    target="onnx",
    loop_words=((".onnx", (b"Loop", b"Scan", b"SequenceMap", b"BeamSearch", b"GreedySearch", b"Sampling")),),
    describer="harness.backends.onnxruntime.description:describe",
    observer="harness.backends.onnxruntime.observing:observe",
    runner="harness.backends.onnxruntime.runner:ONNXRuntimeBackend",
)
