"""`harness convert`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from harness.commands.options import add_config
from harness.commands.result import Result
from harness.errors import ConfigError, HarnessError, nearest
from harness.text import printable

if TYPE_CHECKING:
    from harness.config import Candidate, Config

NAME = "convert"
HELP = "convert the original model to the candidates' files and check each result"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness convert`."""
    add_config(parser)
    parser.add_argument(
        "--candidate",
        metavar="ID",
        help="convert only this candidate (default: every candidate that the harness converts)",
    )
    parser.add_argument(
        "--weights",
        choices=["f32", "f16", "int8"],
        help="convert only candidates with these weights; if there is none, write a file next to the first "
        "candidate's (int8 needs NNCF; default: all)",
    )
    parser.add_argument(
        "--if-needed", action="store_true", help="convert only if the converted file is missing or stale"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that another tool made")


def run(options: argparse.Namespace) -> Result:
    """Convert the models of all convertible candidates, or of the requested ones; the result lists the checks."""
    from harness.config import load_config, require_calibration, require_files
    from harness.disk.beginnings import CAPSULE, begins_with
    from harness.engine.fetched import with_reference_fetched

    if options.if_needed and begins_with(options.config, CAPSULE):
        return Result(text=f"{printable(str(options.config))}: nothing to convert for a capsule\n")
    config = load_config(options.config, options.overrides, without_dataset=True)
    require_files(config, dataset=False, candidates=False)
    config = with_reference_fetched(config)
    if config.reference is None and options.if_needed:
        return Result(text=f"{printable(str(options.config))}: nothing to convert, `reference` is null\n")
    _ = config.original  # raises ConfigError if there is none
    chosen, added = _chosen(config, options.candidate), None
    if not chosen:
        from harness.conversion.formats.target import MEND, NOTHING

        nothing = f"{printable(str(options.config))}: {NOTHING}"
        if options.if_needed:
            return Result(text=f"{nothing}\n")
        raise ConfigError(f"{nothing}; {MEND}")
    if options.weights is not None:
        config, chosen, added = _with_weights(config, chosen, options.weights)
    lines: list[str] = []
    try:
        due = [item for item in chosen if not options.if_needed or _needed(config, item, lines)]
        require_calibration(config, due)
        for candidate in due:
            lines += _convert(config, candidate, overwrite=options.overwrite)
    except HarnessError as error:  # what was converted before it stays converted, and is reported
        return Result(error.exit_code, _text(lines), error=str(error))
    text = _text(lines)
    if added is not None:
        from harness.conversion.added_candidate import yaml_lines

        file = printable(str(options.config))
        text += f"to evaluate it, add to `candidates` in {file}:\n{yaml_lines(config, added)}"
    return Result(text=text)


def _text(lines: list[str]) -> str:
    return "".join(f"{printable(line)}\n" for line in lines)


def _chosen(config: Config, name: str | None) -> list[Candidate]:
    """Return the candidates that can be converted, one for each file, or the one that was named."""
    from harness.conversion import is_convertible

    candidates = [item for item in config.candidates if is_convertible(config, item)]
    if name is None:
        return list({item.model: item for item in reversed(candidates)}.values())[::-1]
    chosen = [item for item in candidates if item.id == name]
    if not chosen:
        ids = [item.id for item in candidates]
        close = nearest(name, ids)
        near = f"; did you mean {close[0]}?" if close else ";"
        there = f"available: {', '.join(ids)}" if ids else "no candidate can be converted"
        raise ConfigError(f"--candidate {printable(name)}: no candidate with this id can be converted{near} {there}")
    return chosen


def _with_weights(
    config: Config, chosen: list[Candidate], weights: str
) -> tuple[Config, list[Candidate], Candidate | None]:
    """Return the candidates that have these weights; where none has, one more, which is then returned last as well."""
    having = [item for item in chosen if config.conversion_for(item).weights == weights]
    if having:
        return config, having, None
    if not chosen:
        raise ConfigError("--weights: no candidate can be converted; list one whose file the harness can write")
    from harness.conversion.added_candidate import with_added_candidate

    config, another = with_added_candidate(config, chosen[0], weights)
    return config, [another], another


def _needed(config: Config, candidate: Candidate, lines: list[str]) -> bool:
    """Return whether a candidate's file has to be made, and add to ``lines`` why or why not."""
    from harness.conversion.model_files import ModelFiles
    from harness.conversion.staleness import is_foreign, staleness

    files = ModelFiles()
    if is_foreign(candidate, files):
        lines.append(f"{candidate.id}: {candidate.model} was made by another tool and is left as it is")
        return False
    reason = staleness(config, candidate, files)
    if reason is None:
        lines.append(f"{candidate.id}: {candidate.model} is up to date")
        return False
    lines.append(f"{candidate.id}: converting, because {reason}")
    return True


def _convert(config: Config, candidate: Candidate, *, overwrite: bool) -> list[str]:
    from harness.conversion import convert, describe

    asked = config.conversion_for(candidate)
    if asked.weights == "int8":
        print(f"{candidate.id}: calibrating INT8 on up to {asked.calibration.images} images", file=sys.stderr)
    else:
        print(f"{candidate.id}: converting", file=sys.stderr)
    converted = convert(config, candidate, overwrite=overwrite)
    size = sum(file.stat().st_size for file in converted.files)
    beside = converted.files[1].name.removeprefix(converted.xml.stem)
    lines = [f"{candidate.id}: wrote {converted.xml} and {beside}, {size / 1e6:.1f} MB, in {converted.seconds:.1f} s"]
    lines += [f"  {name}: {value}" for name, value in describe(converted.contract)]
    if converted.calibration:
        lines.append(f"  calibration images: {converted.calibration.summary}")
        lines += [f"  note: {note}" for note in converted.calibration.notes]
    return lines + [f"  checked {check.name}: {check.found}" for check in converted.checks]
