"""Facts about Keras, without importing it."""

from harness.backends.registry import BackendFacts
from harness.backends.tensorflow.facts import FACTS as TENSORFLOW

FACTS = BackendFacts(
    name="keras",
    title="Keras",
    roles=frozenset({"reference", "candidate"}),
    suffixes=(".keras", ".h5", ".hdf5"),
    module="keras",
    distributions=("keras", *TENSORFLOW.distributions),
    switches=TENSORFLOW.switches,
    extra="keras",
    precisions=TENSORFLOW.precisions,
    also_called=("h5", "tf.keras", "tf_keras", "hdf5"),
    devices="harness.backends.keras.devices:find_devices",
    importer="harness.backends.keras.framework:import_keras",
    exporter="harness.backends.keras.opened:exported",
    freezer="harness.backends.keras.opened:frozen",
    guard="harness.backends.keras.untrusted:require_harmless",
    may_loop="harness.backends.keras.untrusted:may_loop",
    describer="harness.backends.keras.description:describe",
    observer="harness.backends.keras.observing:observe",
    runner="harness.backends.keras.runner:KerasBackend",
)
