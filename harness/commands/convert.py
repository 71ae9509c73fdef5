"""`harness convert`."""

from __future__ import annotations

import argparse

from harness.config import Candidate, Config, load_config, require_files
from harness.errors import ConfigError, nearest


def run(options: argparse.Namespace) -> int:
    """Convert every OpenVINO candidate's IR, or the one that was named, and print what was checked."""
    config = load_config(options.config, options.overrides, without_dataset=True)
    require_files(config, dataset=False, candidates=False)
    for candidate in _chosen(config, options.candidate):
        if options.if_needed and not _needed(config, candidate):
            continue
        _convert(config, candidate, overwrite=options.overwrite)
    return 0


def _chosen(config: Config, wanted: str | None) -> list[Candidate]:
    """Return one candidate for each IR file: candidates that share a file need it once."""
    candidates = [item for item in config.candidates if item.backend == "openvino"]
    if wanted is not None:
        chosen = [item for item in candidates if item.id == wanted]
        if not chosen:
            ids = [item.id for item in candidates]
            close = nearest(wanted, ids)
            near = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(
                f"--candidate {wanted}: there is no such OpenVINO candidate{near} There are: {', '.join(ids)}"
            )
        return chosen
    return list({item.model: item for item in reversed(candidates)}.values())[::-1]


def _needed(config: Config, candidate: Candidate) -> bool:
    from harness.conversion import read_contract, staleness, weights_file_fault

    if candidate.model.exists() and not weights_file_fault(candidate.model):
        contract = read_contract(candidate.model)
        if contract.source != "harness":
            print(f"{candidate.id}: {candidate.model} was made by another tool and is left as it is")
            return False
    reason = staleness(config, candidate)
    if reason is None:
        print(f"{candidate.id}: {candidate.model} is up to date")
        return False
    print(f"{candidate.id}: converting, because {reason}")
    return True


def _convert(config: Config, candidate: Candidate, *, overwrite: bool) -> None:
    from harness.conversion import convert, describe

    converted = convert(config, candidate, overwrite=overwrite)
    size = converted.xml.stat().st_size + converted.bin.stat().st_size
    print(f"{candidate.id}: wrote {converted.xml} and .bin, {size / 1e6:.1f} MB, in {converted.seconds:.1f} s")
    for name, value in describe(converted.contract):
        print(f"  {name}: {value}")
    for check in converted.checks:
        print(f"  checked {check.name}: {check.found}")
