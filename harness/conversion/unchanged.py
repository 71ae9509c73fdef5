"""Whether the reference's files are still those that a conversion began with: otherwise nothing of it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.config import Config
from harness.conversion.settings import source_files
from harness.disk.signature import signature_of
from harness.errors import ModelError
from harness.machine.digests import file_sha256


@dataclass(frozen=True)
class SourceFiles:
    """The reference's files as they were before any of them was read."""

    config: Config
    before: dict[Path, str]

    def refuse_replaced(self, sha256: str) -> None:
        """Raise ModelError if a file came, went or was touched since, or the bytes are not those of ``sha256``."""
        now = _signatures(self.config)
        touched = sorted(path for path in self.before.keys() | now.keys() if self.before.get(path) != now.get(path))
        if not touched and file_sha256(*now) != sha256:
            touched = sorted(now)
        if touched:
            raise ModelError(
                f"{touched[0]} was replaced or changed during its conversion, so nothing was kept; convert again "
                "while nothing writes to it"
            )


def source_as_it_is(config: Config) -> SourceFiles:
    """Note what the reference's files are like now, without reading them."""
    return SourceFiles(config, _signatures(config))


def _signatures(config: Config) -> dict[Path, str]:
    found = {}
    for path in source_files(config):
        try:
            found[path] = signature_of(path.stat())
        except OSError:
            found[path] = "absent"
    return found
