"""The one family of errors that a user can mend, and the exit codes that the command line promises.

A :class:`HarnessError` is printed as one message without a traceback. Anything else is a bug: its traceback is kept and
the process ends with :data:`EXIT_BUG`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.text import printable

EXIT_OK = 0
EXIT_GATE_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_COMPLETED = 3
EXIT_BASELINE = 4
EXIT_NOTHING_DECIDED = 5
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class HarnessError(Exception):
    """What is wrong, where, what would be right, and what to type; never a traceback.

    ``details``: one line each below the message. With details, neither they nor the message can break a line; text from
    outside in a message without details goes through ``harness.text.printable``.
    """

    exit_code = EXIT_NOT_COMPLETED
    run_folder: Path | None = None  # where a record of the failed run was left, if one was

    def __init__(self, message: str = "", details: Iterable[str] = ()) -> None:
        lines = [printable(line) for line in details]
        super().__init__("\n  ".join([printable(message), *lines]) if lines else message)


class ConfigError(HarnessError):
    """The command line or the configuration cannot be used; refused before any model loads."""

    exit_code = EXIT_USAGE


class DatasetError(HarnessError):
    """The images or their labels cannot be used."""


class ModelError(HarnessError):
    """A model file, one of its inputs or outputs, or what it computes is not what was configured."""


class WrongWidthError(ModelError):
    """An output cannot hold the labels. ``width``: how many values it has for an image, None if that is unknown."""

    width: int | None = None


class CannotHoldError(ModelError):
    """An input takes whole numbers, and mean and scale give others."""


class WrongNameError(ModelError):
    """The configuration names an input or output that the model does not have."""

    exit_code = EXIT_USAGE


class DeviceError(HarnessError):
    """A device is absent, or lacks what was requested."""


class AbsentDeviceError(DeviceError):
    """A device is missing, or lacks the precision: a candidate that is `optional` is then unavailable."""


class RecordError(HarnessError):
    """A run folder or record cannot be written or read."""


class DownloadError(HarnessError):
    """An archive could not be fetched, verified or unpacked."""


class ToolError(HarnessError):
    """Another program that a command needs, such as uv or git, is missing, or failed."""


class TrackingError(HarnessError):
    """An experiment tracker cannot be reached, or does not take a run."""


class BaselineError(HarnessError):
    """A baseline is missing or not comparable with the run."""

    exit_code = EXIT_BASELINE


_NEAR = 0.6  # share of matching characters; from 0.5 on, `images` is taken for `gates`


def nearest(word: str, known: Iterable[str], limit: int = 1) -> list[str]:
    """Return up to ``limit`` of the ``known`` words that look most like ``word``, best first; case matters little."""
    import difflib  # only where something is wrong: `harness --help` needs none of it

    spellings: dict[str, list[str]] = {}
    for item in known:
        spellings.setdefault(item.casefold(), []).append(item)
    close = difflib.get_close_matches(word.casefold(), spellings, n=limit, cutoff=_NEAR)
    return [item for folded in close for item in sorted(spellings[folded], key=lambda item: item != word)][:limit]


def lacks_memory(error: BaseException | None) -> bool:
    """Return whether memory was refused: to Python, or to the system's loader of a library."""
    return isinstance(error, MemoryError) or (isinstance(error, ImportError) and "failed to map segment" in str(error))


def lacks_temporary_folder(error: BaseException | None) -> bool:
    """Return whether Python found no writable folder for temporary files."""
    return isinstance(error, FileNotFoundError) and "temporary directory" in str(error)
