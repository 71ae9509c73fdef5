"""Facts about SavedModels, without importing TensorFlow."""

from harness.backends.registry import BackendFacts
from harness.backends.tensorflow.facts import FACTS as TENSORFLOW

FACTS = BackendFacts(
    name="saved_model",
    title="SavedModel",
    roles=frozenset({"reference", "candidate"}),
    suffixes=(),
    markers=("saved_model.pb",),
    module=TENSORFLOW.module,
    distributions=TENSORFLOW.distributions,
    switches=TENSORFLOW.switches,
    extra=TENSORFLOW.extra,
    precisions=TENSORFLOW.precisions,
    also_called=("savedmodel", "tf2", "saved-model"),
    signatures=True,
    importer="harness.backends.saved_model.framework:import_framework",
    exporter="harness.backends.saved_model.opened:exported",
    freezer="harness.backends.saved_model.opened:frozen",
    guard="harness.backends.saved_model.folder:require_harmless",
    loop_words=((".pb", (b"NextIteration", b"While")),),
    describer="harness.backends.saved_model.description:describe",
    observer="harness.backends.saved_model.observing:observe",
    runner="harness.backends.saved_model.runner:SavedModelBackend",
)
