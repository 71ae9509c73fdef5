"""What can be known of the IRs before any model loads: made when stale, whole, and of the configured contract."""

from __future__ import annotations

import sys
from typing import Any

from harness.config import Candidate, Config, require_calibration
from harness.conversion import (
    calibrated_on,
    convert,
    describe,
    held_against,
    read_contract,
    staleness,
    weights_file_fault,
)
from harness.errors import ModelError


def prepare_irs(config: Config, *, quiet: bool = False) -> list[str]:
    """Convert the IRs that the configuration lets the harness make and that are missing or stale.

    Returns a sentence for each that was made, and what is to be known of its calibration. An IR of another tool is
    never replaced: its contract shows what it is. Raises ConfigError where calibration images are missing.
    """
    made = []
    for candidate in _irs(config):
        if not config.conversion_for(candidate).automatic or _foreign(candidate):
            continue
        reason = staleness(config, candidate)
        if reason is None:
            continue
        require_calibration(config, [candidate])
        if not quiet:
            print(f"{candidate.id}: converting, because {reason}", file=sys.stderr)
        converted = convert(config, candidate)
        made.append(f"{candidate.id}: converted before this run, because {reason}")
        made += [f"{candidate.id}: {note}" for note in (converted.calibration.notes if converted.calibration else ())]
    return made


def check_irs(config: Config) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return what each IR says of itself, by candidate, and a warning for whatever contradicts the configuration.

    Raises ModelError where a .bin does not belong to its .xml.
    """
    contracts, warnings = {}, []
    for candidate in _irs(config):
        fault = weights_file_fault(candidate.model)
        if fault:
            raise ModelError(f"{candidate.id}: {fault}")
        contract = read_contract(candidate.model)
        contracts[candidate.id] = dict(describe(contract))
        warnings += held_against(config, candidate)
    return contracts, warnings


def calibration_images(config: Config) -> dict[str, frozenset[bytes]]:
    """Return the sha256 digests of the images that each IR says it was calibrated on, by candidate."""
    return {candidate.id: calibrated_on(read_contract(candidate.model)) for candidate in _irs(config)}


def _irs(config: Config) -> list[Candidate]:
    return [item for item in config.candidates if item.backend == "openvino" and item.model.suffix == ".xml"]


def _foreign(candidate: Candidate) -> bool:
    if not candidate.model.exists() or weights_file_fault(candidate.model):
        return False
    return read_contract(candidate.model).source != "harness"
