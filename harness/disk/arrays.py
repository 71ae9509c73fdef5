"""Named arrays in one .npz file, for numpy.load."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.disk.atomic import write_atomically

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip file can name: equal arrays make equal files


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays under their names, whatever these are, into exactly this file. Raises RecordError.

    ``numpy.savez`` takes names as keyword arguments, so that an array cannot be called `file`, and adds a suffix.
    """
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    write_atomically(path, sink.getvalue())
