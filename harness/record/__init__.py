"""The run record: its schema, and how it is written and read."""

from harness.record.schema import RunRecord
from harness.record.store import read_predictions, read_record, write_predictions, write_record

__all__ = ["RunRecord", "read_predictions", "read_record", "write_predictions", "write_record"]
