"""Facts about TensorFlow, without importing it."""

from harness.backends.registry import BackendFacts

FACTS = BackendFacts(
    name="tensorflow",
    title="TensorFlow",
    roles=frozenset({"reference", "candidate"}),
    suffixes=(".pb",),
    module="tensorflow",
    distributions=("tensorflow", "tensorflow-cpu", "tensorflow-intel"),
    switches=(
        "TF_ENABLE_ONEDNN_OPTS",
        "ONEDNN_MAX_CPU_ISA",
        "ONEDNN_DEFAULT_FPMATH_MODE",
        "TF_SET_ONEDNN_FPMATH_MODE",
        "TF_XLA_FLAGS",
    ),
    extra="tensorflow",
    precisions=("f32",),
    importer="harness.backends.tensorflow.framework:import_tensorflow",
    default_for=frozenset({"reference"}),
    freezer="harness.backends.tensorflow.frozen:frozen",
    loop_words=((".pb", (b"NextIteration", b"While")),),
    describer="harness.backends.tensorflow.description:describe",
    observer="harness.backends.tensorflow.observing:observe",
    runner="harness.backends.tensorflow.runner:TensorFlowBackend",
)
