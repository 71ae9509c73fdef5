"""Facts about LiteRT, without importing it."""

from harness.backends.registry import BackendFacts

FACTS = BackendFacts(
    name="litert",
    title="LiteRT",
    roles=frozenset({"reference", "candidate"}),
    suffixes=(".tflite",),
    module="ai_edge_litert",
    distributions=("ai-edge-litert",),
    extra="litert",
    properties=True,
    precisions=("f32",),
    also_called=("tflite", "tensorflow_lite"),
    importer="harness.backends.litert.framework:import_litert",
    devices="harness.backends.litert.devices:find_devices",
    aliases="harness.backends.litert.signature:signature_names",
    target="litert",
    guard="harness.backends.litert.operations:require_known",
    may_loop="harness.backends.litert.operations:may_loop",
    describer="harness.backends.litert.description:describe",
    observer="harness.backends.litert.observing:observe",
    runner="harness.backends.litert.runner:LiteRTBackend",
)
