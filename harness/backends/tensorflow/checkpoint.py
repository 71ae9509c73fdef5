"""The values of a TensorFlow checkpoint, a `.index` file and `.data-00000-of-00001` files, read without a session."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.tensorflow.bundle import read_index
from harness.backends.tensorflow.framework import reason
from harness.backends.tensorflow.restoring import Stored
from harness.errors import ModelError, nearest

LARGEST = 2**31 - 1  # bytes of a protocol buffer, and a frozen graph is one


def data_files(prefix: Path) -> tuple[Path, ...]:
    """Return the files with the values of a checkpoint that are there, in their order."""
    own = re.compile(re.escape(prefix.name) + r"\.data-\d{5}-of-\d{5}")
    try:
        return tuple(sorted(path for path in prefix.parent.iterdir() if own.fullmatch(path.name)))
    except OSError:
        return ()


def _number(path: Path) -> int:
    """Return which of a checkpoint's files of values it is: `x.data-00000-of-00002` is the first, 0."""
    return int(path.name.rpartition(".data-")[2].partition("-")[0])


def require_inside(files: Iterable[Path], folder: Path) -> None:
    """Refuse files that are links to somewhere else. Raises ModelError."""
    home = folder.resolve()
    for path in files:
        if path.is_symlink() and not path.resolve().is_relative_to(home):
            raise ModelError(
                f"{path}: refused, it is a link to a file outside the model's folder; copy the file there instead"
            )


class Checkpoint:
    """The values of a checkpoint by name."""

    def __init__(self, tf: Any, prefix: Path) -> None:
        """Open it. Raises ModelError if files are missing, cut off, or say something impossible."""
        self._prefix = prefix
        self._errors = (tf.errors.OpError, ValueError, RuntimeError, TypeError)
        index, files = prefix.with_name(f"{prefix.name}.index"), data_files(prefix)
        if not index.is_file():
            raise ModelError(f"{index}: the checkpoint's index is missing; copy it next to its .data files")
        if not files:
            raise ModelError(f"{prefix}.data-00000-of-00001: the checkpoint's values are missing; copy them there")
        try:
            self._entries = read_index(index, {_number(path): path.stat().st_size for path in files})
            self._reader = tf.train.load_checkpoint(str(prefix))
        except OSError as error:
            raise ModelError(f"{index}: cannot be read: {error.strerror or error}") from None
        except self._errors as error:
            raise ModelError(f"{index}: not a checkpoint, or cut off: {reason(error)}; copy it again") from None

    def require_small(self, keys: Iterable[str]) -> None:
        """Refuse values that are together larger than a graph may be. Raises ModelError."""
        total = sum(self._entries[key].size for key in keys if key in self._entries)
        if total > LARGEST:
            raise ModelError(f"{self._prefix}: {total} bytes of values; a graph may have {LARGEST}")

    def value(self, variable: str, stored: Stored) -> Any:
        """Return the value of a variable, as an array. Raises ModelError if there is none."""
        if stored.key not in self._entries:
            close = nearest(stored.key, self._entries)
            near = f", it has '{close[0]}'" if close else ""
            raise ModelError(
                f"{self._prefix}: the checkpoint has no value '{stored.key}' for the variable '{variable}'{near}; "
                "copy the checkpoint that was saved with this graph"
            )
        try:
            whole = np.asarray(self._reader.get_tensor(stored.key))
        except self._errors as error:
            raise ModelError(
                f"{self._prefix}: the value '{stored.key}' cannot be read: {reason(error)}; copy the checkpoint again"
            ) from None
        return whole[self._slices(stored)] if stored.part else whole

    def _slices(self, stored: Stored) -> tuple[slice, ...]:
        """Return a slice of a partitioned variable: TensorFlow writes `10 4 0,5:-`, sides before start,length."""
        try:
            parts = stored.part.rpartition(" ")[2].split(":")
            pairs = [None if part == "-" else [int(number) for number in part.split(",")] for part in parts]
            return tuple(slice(None) if pair is None else slice(pair[0], pair[0] + pair[1]) for pair in pairs)
        except (ValueError, IndexError):
            raise ModelError(
                f"{self._prefix}: '{stored.part}' of '{stored.key}' is not a slice; save it again"
            ) from None
