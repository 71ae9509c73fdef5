"""A record is evidence only where it agrees with itself and with its per-image table: counts and verdicts, made again.

A consistent forgery of both files cannot be detected; this finds a record that was edited, mixed up with another run's
table, or cut off. What a record states about itself is in ``self_check``, what its verdicts say of its counts in
``stated_verdicts``; what concerns the table is in ``table_check``, which needs numpy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import RecordError
from harness.judging.self_check import own_faults
from harness.record.predictions import PREDICTIONS_FILE, read_predictions
from harness.record.schema import RunRecord
from harness.record.store import RECORD_FILE, read_record
from harness.text import printable

if TYPE_CHECKING:
    import pyarrow as pa

    from harness.judging.rules import Rules

_NO_TABLE = (
    f"not verified: the run has no {PREDICTIONS_FILE}, so nothing was counted again; what the record says agrees with "
    "itself"
)
_NO_RULES = (
    "not verified: the record has no configuration to judge by, so its gates are shown as they are; its counts were "
    "counted again"
)

UNVERIFIED = (_NO_TABLE, _NO_RULES)  # among the warnings of a record that was not verified in full


def read_sound_record(run: Path) -> RunRecord:
    """Read a record, and its counts and verdicts again. Raises RecordError if it cannot be read or disagrees."""
    record = read_record(run)
    return sound_record(record, read_predictions(record.stored_in))


def sound_record(record: RunRecord, table: pa.Table | None) -> RunRecord:
    """Return a record whose counts, verdicts and sentences are those that its per-image table gives.

    ``table``: None if the run has none. What could not be verified is among the warnings. Raises RecordError if the
    record contradicts itself, its configuration or the table.
    """
    from harness.judging.rules import Rules
    from harness.judging.stated_verdicts import baseline_faults, verdict_faults

    believed, note = record, None
    try:
        rules = Rules.recorded(record.config)
    except ValueError as error:
        raise _unbelievable(record, f"its configuration has no gates to judge by ({error})") from None
    fault = next(own_faults(record, rules), None)
    if fault is None and record.status == "complete":
        fault = next(baseline_faults(record, rules), None) if rules else None
        if fault is None and table is None:
            fault = next(verdict_faults(record, rules), None) if rules else None
            note = _NO_TABLE if record.dataset.evaluated else None
        elif fault is None and table is not None:
            believed, fault = _judged_again(record, table, rules)
            note = None if rules else _NO_RULES
    if fault:
        raise _unbelievable(record, fault)
    notes = [*([note] if note else []), *(rules.never_failing if rules else ())]
    new = tuple(item for item in notes if item not in believed.warnings)
    return believed.model_copy(update={"warnings": (*believed.warnings, *new)}) if new else believed


def _judged_again(record: RunRecord, table: pa.Table, rules: Rules | None) -> tuple[RunRecord, str | None]:
    from harness.judging.table_check import DisagreementError, judged_again

    try:
        return judged_again(record, table, rules), None
    except DisagreementError as error:
        return record, str(error)


def _unbelievable(record: RunRecord, fault: str) -> RecordError:
    path = record.stored_in / RECORD_FILE
    return RecordError(f"{path}: is inconsistent: {printable(fault)}; validate again")
