"""`harness baseline update` and `harness baseline check`; no framework is needed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands.options import add_actions, add_json, add_named, add_run, number
from harness.commands.result import Result
from harness.errors import EXIT_BASELINE, EXIT_NOTHING_DECIDED, EXIT_OK, ConfigError
from harness.text import printable

if TYPE_CHECKING:
    from harness.config.schema import BaselineGate
    from harness.judging.baseline import Baseline
    from harness.judging.baseline.schema import ModelRow
    from harness.record.schema import GatePart, RunRecord

NAME = "baseline"
HELP = "save or check a baseline"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `harness baseline`."""
    actions = add_actions(parser)
    updating = add_named(actions, "update", "save the counts of a finished run to a baseline file")
    checking = add_named(
        actions, "check", "compare a run with a baseline; exit 1 if the run is worse, 4 if the two are not comparable"
    )
    for action in (updating, checking):
        add_run(action)
        action.add_argument(
            "file", metavar="FILE", type=Path, help="the baseline, a JSON file to keep under version control"
        )
    for k in (1, 5):
        checking.add_argument(
            f"--top{k}-max-drop",
            metavar="PP",
            type=number,
            dest=f"top{k}_max_drop_pp",
            help=f"fail on a Top-{k} loss of more than PP percentage points (default: the run's gates.baseline, "
            "else 0.1)",
        )
    add_json(checking)


def run(options: argparse.Namespace) -> Result:
    """Run the chosen action."""
    return update(options) if options.action == "update" else check(options)


def update(options: argparse.Namespace) -> Result:
    """Save a finished run as the baseline; the result lists what changed, for the reviewer of the file.

    A run whose reference is no better than guessing is refused with exit code 5.
    """
    from harness.judging.baseline import baseline_of, read_baseline, write_baseline
    from harness.judging.chance import faults_of_record
    from harness.judging.recount import read_sound_record

    record = read_sound_record(options.folder)
    _say_unverified(record)
    accepted = baseline_of(record)
    if faults := faults_of_record(record):
        on = "this run" if faults[0][0].role == "reference" else ", ".join(part.id for part, _ in faults)
        reasons = "; ".join(fault for _, fault in faults)
        refused = f"{options.file}: not written, because no gate could pass on {on}: {reasons}"
        return Result(EXIT_NOTHING_DECIDED, error=printable(refused))
    before = read_baseline(options.file) if options.file.exists() else None
    write_baseline(options.file, accepted)
    lines = [f"{options.file}: {'written' if before is None else 'updated'} from {options.folder}"]
    lines += [f"  {line}" for line in _changes(before, accepted)]
    left_out = [model.id for model in record.models if model.id not in accepted.models]
    lines += [f"  {name}: not saved, because its device was not available" for name in left_out]
    if record.exit_code not in (EXIT_OK, EXIT_BASELINE, EXIT_NOTHING_DECIDED):
        warning = f"the run ended with exit code {record.exit_code}; its counts were saved nevertheless"
        print(f"harness: warning: {warning}", file=sys.stderr)
    return Result(text="".join(f"{printable(line)}\n" for line in lines))


def check(options: argparse.Namespace) -> Result:
    """Compare a finished run with a baseline; exit 1 where it is worse, 4 where the two cannot be compared.

    Exit 5 where nothing is worse, but the run's reference is no better than guessing.
    """
    from harness.judging.baseline import judge_baseline, read_baseline
    from harness.judging.baseline.schema import require_finished
    from harness.judging.chance import faults_of_record, without_passes
    from harness.judging.exit_codes import exit_code
    from harness.judging.recount import read_sound_record

    record = read_sound_record(options.folder)
    _say_unverified(record)
    require_finished(record)
    baseline = read_baseline(options.file)
    gate = _limits(record, options)
    gates = judge_baseline(record, baseline, {model.id: gate for model in record.models}, path=options.file)
    gates = list(without_passes(gates, faults_of_record(record)))
    code = exit_code(gates, evaluated=record.dataset.evaluated)
    if options.json:
        return Result(code, document={"exit_code": code, "gates": [part.model_dump(mode="json") for part in gates]})
    return Result(code, _as_text(gates))


def _say_unverified(record: RunRecord) -> None:
    from harness.judging.recount import UNVERIFIED

    for note in record.warnings:
        if note in UNVERIFIED:
            print(f"harness: warning: {note}", file=sys.stderr)


def _limits(record: RunRecord, options: argparse.Namespace) -> BaselineGate:
    """Return the limits: the command line's, else those of the run's configuration, else the defaults."""
    from pydantic import ValidationError

    from harness.config.schema import BaselineGate

    configured = record.recorded_config.baseline_gate
    names = ("top1_max_drop_pp", "top5_max_drop_pp")
    values: dict[str, Any] = {"file": options.file}
    for source in (configured, options):
        values |= {name: getattr(source, name) for name in names if getattr(source, name) is not None}
    try:
        return BaselineGate(**values)
    except ValidationError as error:
        fault = error.errors()[0]
        option = "--" + str(fault["loc"][0]).replace("_", "-").removesuffix("-pp")
        raise ConfigError(f"{option} {fault['input']}: {fault['msg']}") from None


def _as_text(gates: list[GatePart]) -> str:
    words = {"pass": "pass", "fail": "FAIL", "error": "NOT COMPARABLE", "inconclusive": "INCONCLUSIVE"}
    lines = []
    for part in gates:
        lines.append(f"{words.get(part.verdict, part.verdict)}: {part.model}: {part.reason}")
        if part.warning:
            lines.append(f"  warning: {part.warning}")
    return "".join(f"{printable(line)}\n" for line in lines)


def _changes(before: Baseline | None, after: Baseline) -> list[str]:
    """Return one line per model: its counts, and the previous ones."""
    rows = before.models if before else {}
    lines = [f"{name}: {_counts(row, rows.get(name))}" for name, row in after.models.items()]
    lines += [f"{name}: no longer in the baseline" for name in rows if name not in after.models]
    if before:
        pairs = (before.fingerprints.model_dump().items(), after.fingerprints.model_dump().items())
        moved = [name for (name, old), (_, new) in zip(*pairs, strict=True) if old != new]
        lines += [
            f"the {name} differs from the previous baseline's, so the new counts cannot be compared with the old ones"
            for name in moved
        ]
    return lines


def _counts(row: ModelRow, old: ModelRow | None) -> str:
    now = f"Top-1 {row.top1_correct:,}, Top-5 {row.top5_correct:,} of {row.images:,}"
    if old is None:
        return f"{now} (new)"
    if (old.top1_correct, old.top5_correct, old.images) == (row.top1_correct, row.top5_correct, row.images):
        return f"{now} (unchanged)"
    return f"{now} (was Top-1 {old.top1_correct:,}, Top-5 {old.top5_correct:,} of {old.images:,})"
