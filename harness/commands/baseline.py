"""`harness baseline update` and `harness baseline check`; no framework is needed."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from pydantic import ValidationError

from harness.config.schema import BaselineGate
from harness.errors import EXIT_BASELINE, EXIT_NOTHING_DECIDED, EXIT_OK, ConfigError
from harness.judging.baseline import Baseline, baseline_of, judge_baseline, read_baseline, write_baseline
from harness.judging.baseline.schema import ModelRow, require_finished
from harness.judging.gates import exit_code
from harness.record.schema import GatePart, RunRecord
from harness.record.store import read_record


def update(options: argparse.Namespace) -> int:
    """Accept a finished run: write its counts, and print what changed for whoever reviews the file."""
    record = read_record(options.folder)
    accepted = baseline_of(record)
    before = read_baseline(options.file) if options.file.exists() else None
    write_baseline(options.file, accepted)
    print(f"{options.file}: {'written' if before is None else 'updated'} from {options.folder}")
    for line in _changes(before, accepted):
        print(f"  {line}")
    for model in record.models:
        if model.id not in accepted.models:
            print(f"  {model.id}: left out, its device was not there")
    if record.exit_code not in (EXIT_OK, EXIT_BASELINE, EXIT_NOTHING_DECIDED):
        told = f"that run ended with exit code {record.exit_code}; what it measured is accepted as it is"
        print(f"harness: warning: {told}", file=sys.stderr)
    return EXIT_OK


def check(options: argparse.Namespace) -> int:
    """Hold a finished run against a baseline; exit 1 where it is worse, 4 where the two cannot be compared."""
    record = read_record(options.folder)
    require_finished(record)
    baseline = read_baseline(options.file)
    gate = _limits(record, options)
    gates = judge_baseline(record, baseline, {model.id: gate for model in record.models}, path=options.file)
    code = exit_code(gates, evaluated=record.dataset.evaluated)
    if options.json:
        document = {"exit_code": code, "gates": [part.model_dump(mode="json") for part in gates]}
        options.verdict = code
        print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        options.verdict = code
        _print(gates)
    return code


def _limits(record: RunRecord, options: argparse.Namespace) -> BaselineGate:
    """Return the limits: the command line's, else those of the run's configuration, else the defaults."""
    gates = record.config.get("gates")
    configured = gates.get("baseline") if isinstance(gates, dict) else None
    names = ("top1_max_drop_pp", "top5_max_drop_pp")
    values: dict[str, Any] = {"file": options.file}
    values |= {name: configured[name] for name in names if isinstance(configured, dict) and name in configured}
    values |= {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    try:
        return BaselineGate(**values)
    except ValidationError as error:
        fault = error.errors()[0]
        option = "--" + str(fault["loc"][0]).replace("_", "-").removesuffix("-pp")
        raise ConfigError(f"{option} {fault['input']}: {fault['msg']}") from None


def _print(gates: list[GatePart]) -> None:
    from harness.text import visible

    words = {"pass": "pass", "fail": "FAIL", "error": "NOT COMPARABLE"}
    for part in gates:
        print(f"{words.get(part.verdict, part.verdict)}: {visible(part.model)}: {visible(part.reason)}")
        if part.warning:
            print(f"  warning: {visible(part.warning)}")


def _changes(before: Baseline | None, after: Baseline) -> list[str]:
    """Return one line a model: its counts, and what they were."""
    rows = before.models if before else {}
    lines = [f"{name}: {_counts(row, rows.get(name))}" for name, row in after.models.items()]
    lines += [f"{name}: no longer in the baseline" for name in rows if name not in after.models]
    if before:
        pairs = (before.fingerprints.model_dump().items(), after.fingerprints.model_dump().items())
        moved = [name for (name, old), (_, new) in zip(*pairs, strict=True) if old != new]
        lines += [f"another {name} than before: the counts do not continue the old ones" for name in moved]
    return lines


def _counts(row: ModelRow, old: ModelRow | None) -> str:
    now = f"Top-1 {row.top1_correct:,}, Top-5 {row.top5_correct:,} of {row.images:,}"
    if old is None:
        return f"{now} (new)"
    if (old.top1_correct, old.top5_correct, old.images) == (row.top1_correct, row.top5_correct, row.images):
        return f"{now} (unchanged)"
    return f"{now} (was Top-1 {old.top1_correct:,}, Top-5 {old.top5_correct:,} of {old.images:,})"
