"""Facts about PyTorch, without importing it."""

from harness.backends.registry import BackendFacts

FACTS = BackendFacts(
    name="torch",
    title="PyTorch",
    roles=frozenset({"reference", "candidate"}),
    suffixes=(".pt2", ".pt"),
    module="torch",
    distributions=("torch",),
    extra="torch",
    precisions=("f32",),
    also_called=("pytorch", "torchscript"),
    importer="harness.backends.torch.framework:import_torch",
    devices="harness.backends.torch.devices:find_devices",
    exporter="harness.backends.torch.exporting:exported",
    may_loop="harness.backends.torch.untrusted:may_loop",
    describer="harness.backends.torch.description:describe",
    observer="harness.backends.torch.observing:observe",
    runner="harness.backends.torch.runner:TorchBackend",
)
