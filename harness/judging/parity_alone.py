"""A run that judges the parity gate alone: a verdict on the conversion in seconds, before any on accuracy."""

from __future__ import annotations

from harness.config import Config
from harness.errors import ConfigError


def parity_alone(config: Config) -> tuple[Config, int]:
    """Return the configuration of such a run, and how many images it needs.

    Raises ConfigError if there is no reference, or no candidate has the gate.
    """
    if config.reference is None:
        raise ConfigError(
            f"{config.where('reference')}: is null, but parity needs a reference; set `reference`, or leave out "
            "--parity-only"
        )
    gates = [config.gates_for(candidate).parity for candidate in config.candidates]
    wanted = [gate.images for gate in gates if gate is not None]
    if not wanted:
        raise ConfigError(
            f"{config.where('gates')}: the gate parity is turned off for every candidate, but --parity-only "
            "judges nothing else; set `gates.parity`, or leave out --parity-only"
        )
    return config.model_copy(update={"only": "parity", "certify": None}), max(wanted)
