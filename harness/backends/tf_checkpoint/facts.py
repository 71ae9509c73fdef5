"""Facts about TensorFlow 1 checkpoints, without importing TensorFlow."""

from harness.backends.registry import BackendFacts
from harness.backends.tensorflow.facts import FACTS as TENSORFLOW

FACTS = BackendFacts(
    name="tf_checkpoint",
    title="TensorFlow checkpoint",
    roles=frozenset({"reference", "candidate"}),
    suffixes=(".meta",),
    module=TENSORFLOW.module,
    distributions=TENSORFLOW.distributions,
    switches=TENSORFLOW.switches,
    extra=TENSORFLOW.extra,
    precisions=TENSORFLOW.precisions,
    also_called=("checkpoint", "ckpt", "meta", "tf1"),
    files="harness.backends.tf_checkpoint.files:files_of",
    importer="harness.backends.tf_checkpoint.framework:import_framework",
    exporter="harness.backends.tf_checkpoint.opened:exported",
    freezer="harness.backends.tf_checkpoint.opened:frozen",
    guard="harness.backends.tf_checkpoint.files:require_harmless",
    loop_words=((".meta", (b"NextIteration", b"While")),),
    describer="harness.backends.tf_checkpoint.description:describe",
    observer="harness.backends.tf_checkpoint.observing:observe",
    runner="harness.backends.tf_checkpoint.runner:CheckpointBackend",
)
