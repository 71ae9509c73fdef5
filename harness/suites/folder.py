"""The folder of a suite's runs: a new one, or the one that is continued."""

from __future__ import annotations

from pathlib import Path

from harness.config.suite import LoadedSuite
from harness.disk.atomic import make_folder
from harness.engine.run_folder import new_run_folder, point_latest
from harness.errors import ConfigError, RecordError
from harness.record.suite import SUITE_FILE
from harness.text import printable


def suite_folder(suite: LoadedSuite, out: Path | None, *, resume: bool, reports: Path = Path("reports")) -> Path:
    """Return the folder of a suite. Raises ConfigError if there is none to continue, or it is already used."""
    if resume:
        folder = out or _latest(reports / suite.name)
        if not (folder / SUITE_FILE).is_file():
            raise ConfigError(f"{printable(str(folder))}: no suite to resume; run it without --resume")
        return folder
    if out is None:
        folder = new_run_folder(reports, suite.name)
        point_latest(folder)
        return folder
    if (out / SUITE_FILE).exists():
        raise RecordError(f"{printable(str(out))}: already contains a suite; choose another --out, or add --resume")
    make_folder(out)
    return out


def _latest(folder: Path) -> Path:
    found = sorted(path.parent for path in folder.glob(f"*/{SUITE_FILE}") if path.parent.name != "latest")
    if not found:
        raise ConfigError(f"{printable(str(folder))}: no suite to resume; run it without --resume, or give --out")
    return found[-1]
