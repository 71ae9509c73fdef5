"""The devices of all backends: what those with several find, and the processor of those that have no other."""

from __future__ import annotations

from dataclasses import dataclass

from harness.backends.registry import BackendFacts, backends, load_target
from harness.errors import HarnessError
from harness.machine.devices import Device, Devices
from harness.machine.environment import cpu_name


@dataclass(frozen=True)
class Listing:
    """``found``: the devices of each backend that is installed; ``missing``: the others, with what to do for them."""

    found: tuple[tuple[BackendFacts, Devices], ...]
    missing: tuple[tuple[BackendFacts, str], ...]


def find_all() -> Listing:
    """Query every backend, starting with the defaults of candidates."""
    found, missing = [], []
    for facts in sorted(backends().values(), key=lambda facts: "candidate" not in facts.default_for):
        if not facts.is_installed:
            missing.append((facts, f"run `pip install 'conversion-accuracy-harness[{facts.extra}]'`"))
            continue
        try:
            found.append((facts, load_target(facts.devices)() if facts.devices else of_processor(facts)))
        except HarnessError as error:
            missing.append((facts, str(error)))
    return Listing(tuple(found), tuple(missing))


def of_processor(facts: BackendFacts) -> Devices:
    """Return the one device of a backend that runs on the processor alone, without importing its framework."""
    device = Device(
        name="CPU",
        full_name=cpu_name(),
        type="cpu",
        capabilities=(),
        precisions=facts.precisions,
        default_precision=None,
        plugin=None,
    )
    return Devices(facts.version(), (device,), (), ())
