"""What to do after a run, in one sentence: what every report says next to the verdict."""

from __future__ import annotations

import shlex

from harness import errors
from harness.record.schema import RunRecord
from harness.report.facts import numbers
from harness.report.facts.verdict import RunVerdict, no_yardstick
from harness.text import visible

_RUN = "RUN"
FIND_THE_CAUSE = "find the cause"


def next_step(record: RunRecord, verdict: RunVerdict) -> str | None:
    """Return the step, without a full stop; None if the error that ended the run says it."""
    if verdict.kind == "interrupted":
        return f"finish the run: `{_again(record)} --resume --out {_folder(record)}`"
    if verdict.kind == "fail":
        return _after_failure(record)
    if verdict.kind == "undecided":
        return _after_nothing(record)
    if verdict.kind == "pass":
        return _after_pass(record)
    if verdict.kind == "error" and record.status == "complete" and _broken(record):
        return f"fix {_broken(record)} or remove it from `candidates`, then run again"
    if verdict.exit_code == errors.EXIT_BASELINE:
        return f"save a new baseline from this run: `harness baseline update {_folder(record)} FILE`"
    return None


def _broken(record: RunRecord) -> str:
    """Return the candidates that could not be evaluated."""
    return ", ".join(visible(part.id) for part in record.models if part.status == "error" and part.role == "candidate")


def _after_failure(record: RunRecord) -> str:
    mends = [f"{visible(part.model)}: {visible(part.mend)}" for part in record.diagnosis if part.mend]
    if len(mends) == 1:
        several = sum(part.role == "candidate" for part in record.models) > 1
        return (mends[0] if several else mends[0].partition(": ")[2]).rstrip(".")
    if mends:
        return f"apply the {len(mends)} fixes under Likely cause"
    return f"{FIND_THE_CAUSE}: `harness diagnose {_config(record)}`"


def _after_nothing(record: RunRecord) -> str:
    if record.dataset.evaluated == 0:
        path = (record.recorded_config.dataset.raw or {}).get("path")
        return f"check the images: `harness dataset inspect {_quoted(path if isinstance(path, str) else 'PATH')}`"
    if no_yardstick(record):
        return f"check labels and preprocessing: `harness diagnose {_config(record)}`"
    if not any(gate.verdict == "inconclusive" for gate in record.gates):
        return "turn on a gate in `gates`"
    missing = record.dataset.images - record.dataset.evaluated
    if missing <= 0:
        return f"evaluate more images; `harness plan --whole {record.dataset.images}` says how many"
    if "--limit" in record.command or any(word.startswith("--limit=") for word in record.command):
        return f"run again without --limit, on all {numbers.plural(record.dataset.images, 'image')}"
    if record.dataset.evaluated < record.dataset.listed:
        return f"evaluate all {numbers.plural(record.dataset.images, 'image')}: `harness validate {_config(record)}`"
    return f"evaluate more than {numbers.plural(record.dataset.evaluated, 'image')}; `harness plan` says how many"


def _after_pass(record: RunRecord) -> str:
    save = f"save the counts: `harness baseline update {_folder(record)} baseline.json`"
    if record.config.get("only"):
        return f"judge the accuracy as well: `harness validate {_config(record)}`"
    if sum(part.role == "candidate" for part in record.models) > 1:
        return save  # the comparison matrix says what to ship
    passed = {gate.model for gate in record.gates if gate.verdict == "pass"}
    candidates = [part for part in record.models if part.role == "candidate" and part.id in passed]
    return f"ship {visible(candidates[0].model or candidates[0].id)}, or {save}" if len(candidates) == 1 else save


def _again(record: RunRecord) -> str:
    """Return the command of the run without what a resumed one must not repeat."""
    words, kept, skip = list(record.command), [], False
    for word in words:
        if skip:
            skip = False
        elif word == "--out":
            skip = True
        elif word != "--resume" and not word.startswith("--out="):
            kept.append(word)
    return visible(shlex.join(kept)) if kept else f"harness validate {_config(record)}"


def _config(record: RunRecord) -> str:
    """Return the configuration with the overrides of the run, as the command line takes them."""
    words, given = [record.config_file or "CONFIG"], record.command
    for place, word in enumerate(given):
        if word.startswith("--set="):
            words.append(word)
        elif word == "--set" and place + 1 < len(given):
            words += ["--set", given[place + 1]]
    return visible(shlex.join(words))


def _folder(record: RunRecord) -> str:
    return _quoted(str(record.folder)) if record.folder else _RUN


def _quoted(text: str) -> str:
    return visible(shlex.quote(text))
