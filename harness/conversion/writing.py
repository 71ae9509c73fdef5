"""What is said where a converted file could not be written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from harness.disk.atomic import FREE, is_full
from harness.errors import HarnessError, ModelError


@contextlib.contextmanager
def write_errors(where: str, model: Path) -> Iterator[None]:
    """Add to every error inside the block that the file was not written; ``where``: its key, with the place."""
    try:
        yield
    except HarnessError as error:
        raise type(error)(f"{where}: {model} was not written: {error}") from None
    except OSError as error:
        mend = FREE if is_full(error) else "choose another folder, or fix its permissions"
        raise ModelError(f"{where}: {model} cannot be written: {error.strerror or error}; {mend}") from error
