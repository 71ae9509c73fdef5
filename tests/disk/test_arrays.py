from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.disk.arrays import write_arrays
from harness.errors import RecordError


def test_numpy_reads_what_was_written(tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "file": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a.b-c": np.zeros((0, 4), np.uint8),
    }
    write_arrays(tmp_path / "odd.name", arrays)
    assert [path.name for path in tmp_path.iterdir()] == ["odd.name"]
    with np.load(tmp_path / "odd.name") as found:
        assert set(found.files) == {"file", "a.b-c"}
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype


def test_equal_arrays_make_equal_files(tmp_path: Path) -> None:
    for name in ("one.npz", "two.npz"):
        write_arrays(tmp_path / name, {"x": np.ones(3)})
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be written"):
        write_arrays(tmp_path / "none" / "x.npz", {"x": np.ones(3)})
