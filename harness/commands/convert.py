"""`harness convert`."""

from __future__ import annotations

import argparse
import sys

from harness.config import Candidate, Config, load_config, require_calibration, require_files
from harness.errors import ConfigError, nearest


def run(options: argparse.Namespace) -> int:
    """Convert every OpenVINO candidate's IR, or those that were asked for, and print what was checked."""
    config = load_config(options.config, options.overrides, without_dataset=True)
    require_files(config, dataset=False, candidates=False)
    chosen, added = _chosen(config, options.candidate), None
    if options.weights is not None:
        config, chosen, added = _with_weights(config, chosen, options.weights)
    wanted = [item for item in chosen if not options.if_needed or _needed(config, item)]
    require_calibration(config, wanted)
    for candidate in wanted:
        _convert(config, candidate, overwrite=options.overwrite)
    if added is not None:
        from harness.conversion.another import yaml_lines

        print(f"to evaluate it, add to `candidates` in {options.config}:\n{yaml_lines(config, added)}", end="")
    return 0


def _chosen(config: Config, wanted: str | None) -> list[Candidate]:
    """Return the OpenVINO candidates, or the one that was named."""
    candidates = [item for item in config.candidates if item.backend == "openvino"]
    if wanted is None:
        return _one_a_file(candidates)
    chosen = [item for item in candidates if item.id == wanted]
    if not chosen:
        ids = [item.id for item in candidates]
        close = nearest(wanted, ids)
        near = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(
            f"--candidate {wanted}: there is no such OpenVINO candidate{near} There are: {', '.join(ids)}"
        )
    return chosen


def _one_a_file(candidates: list[Candidate]) -> list[Candidate]:
    """Return one candidate for each IR file: candidates that share a file need it once."""
    return list({item.model: item for item in reversed(candidates)}.values())[::-1]


def _with_weights(
    config: Config, chosen: list[Candidate], weights: str
) -> tuple[Config, list[Candidate], Candidate | None]:
    """Return the candidates that have these weights; where none has, one more, which is then returned last as well."""
    having = [item for item in chosen if config.conversion_for(item).weights == weights]
    if having:
        return config, having, None
    if not chosen:
        raise ConfigError("--weights: there is no OpenVINO candidate whose IR could be written with other weights")
    from harness.conversion.another import with_another

    config, another = with_another(config, chosen[0], weights)
    return config, [another], another


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

    asked = config.conversion_for(candidate)
    if asked.weights == "int8":
        print(f"{candidate.id}: calibrating INT8 on up to {asked.calibration.images} images", file=sys.stderr)
    converted = convert(config, candidate, overwrite=overwrite)
    size = converted.xml.stat().st_size + converted.bin.stat().st_size
    print(f"{candidate.id}: wrote {converted.xml} and .bin, {size / 1e6:.1f} MB, in {converted.seconds:.1f} s")
    for name, value in describe(converted.contract):
        print(f"  {name}: {value}")
    if converted.calibration:
        print(f"  calibration images: {converted.calibration.summary}")
        for note in converted.calibration.notes:
            print(f"  note: {note}")
    for check in converted.checks:
        print(f"  checked {check.name}: {check.found}")
