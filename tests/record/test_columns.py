from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.record.columns import flat, numbers_of
from tests.report.records import record, table

ROOT = str(Path(__file__).parents[2])


def test_chunks_and_slices_become_one_piece() -> None:
    column = pa.chunked_array([pa.array([1, 2, 3], pa.int32()).slice(1), pa.array([4], pa.int32())])
    assert flat(column).to_pylist() == [2, 3, 4]
    assert numbers_of(column).tolist() == [2, 3, 4]


def test_no_rows_and_no_chunks() -> None:
    assert numbers_of(pa.chunked_array([], pa.float32())).tolist() == []


def test_null_is_no_number() -> None:
    assert numbers_of(pa.chunked_array([pa.array([1, None], pa.int32())])).tolist() == [1, -1]
    value = numbers_of(pa.chunked_array([pa.array([None, 0.5], pa.float32())])).tolist()
    assert math.isnan(value[0])
    assert value[1] == 0.5


def test_every_form_renders_without_pandas(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "table.parquet")
    (tmp_path / "run.json").write_text(record().model_dump_json(), encoding="utf-8")
    code = (
        "import sys; import pyarrow.parquet as pq; from harness.record import RunRecord; "
        "from harness.report.render import FORMATS; table = pq.ParquetFile('table.parquet').read(); "
        "record = RunRecord.model_validate_json(open('run.json').read()); "
        "[form.render(record, table, None) for form in FORMATS.values()]; print('pandas' in sys.modules)"
    )
    run = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": ROOT}
    done = subprocess.run(run, capture_output=True, encoding="utf-8", check=True, cwd=tmp_path, env=environment)
    assert done.stdout.strip() == "False"
