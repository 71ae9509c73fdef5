from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from harness.disk.arrow_arrays import as_numpy, blobs, numbers, texts


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_numbers_are_what_pyarrow_makes_of_them(kind: type, count: int) -> None:
    values: NDArray[Any] = np.arange(count).astype(kind)
    made = numbers(values)
    made.validate(full=True)
    assert made.equals(pa.array(values))
    np.testing.assert_array_equal(as_numpy(made), values)
    assert as_numpy(made).dtype == values.dtype
    part = pa.array(np.arange(9).astype(kind))[2 : 2 + min(count, 7)]
    np.testing.assert_array_equal(as_numpy(part), np.arange(9)[2 : 2 + min(count, 7)])


def test_nan_missing_values_and_other_types() -> None:
    assert np.isnan(as_numpy(numbers(np.array([np.nan])))).all()
    np.testing.assert_array_equal(as_numpy(pa.array([1, None, 3])), [1, np.nan, 3])
    assert as_numpy(pa.array(["a"])).tolist() == ["a"]
    assert numbers(np.arange(8)[::2]).to_pylist() == [0, 2, 4, 6]


@pytest.mark.parametrize("values", [[], [""], ["a", "", "ünï", "x" * 300]], ids=repr)
def test_texts_are_what_pyarrow_makes_of_them(values: list[str]) -> None:
    made, raw = texts(values), blobs([value.encode() for value in values])
    made.validate(full=True)
    raw.validate(full=True)
    assert made.equals(pa.array(values, pa.string()))
    assert raw.equals(pa.array([value.encode() for value in values], pa.binary()))


def test_pandas_is_not_imported() -> None:
    code = (
        "import sys, numpy as np; from harness.disk.arrow_arrays import *\n"
        "as_numpy(numbers(np.arange(3))); texts(['a']); blobs([b'a']); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "False"
