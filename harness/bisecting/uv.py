"""The program uv: finding it, listing releases with it, and the options for their source."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.errors import ConfigError, ToolError, nearest
from harness.machine.processes import Ended, run_to_end
from harness.text import printable

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")  # as PyPA's specification of names has it
_VERSION = re.compile(r"[0-9][0-9A-Za-z.!+_-]{0,63}")
_EARLY = re.compile(r"(?:a|b|c|rc|alpha|beta|pre|preview|dev)[._-]?[0-9]", re.IGNORECASE)
_MOST = 1000  # releases between two
_SECONDS = 600


@dataclass(frozen=True)
class Source:
    """Where releases come from.

    ``find_links``: a folder with wheels, in addition to the package index; ``offline``: no network: that folder alone,
    or without one what uv keeps in its cache.
    """

    find_links: Path | None = None
    offline: bool = False

    def options(self) -> list[str]:
        """Return uv's options."""
        folder = ["--find-links", str(self.find_links)] if self.find_links else []
        alone = ["--no-index"] if self.find_links and self.offline else []
        return [*folder, *alone, *(["--offline"] if self.offline else [])]


@lru_cache(maxsize=1)
def uv_program() -> str:
    """Return the path of uv. Raises ToolError if it is not installed."""
    found = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if found is None:
        raise ToolError(
            "the program uv, which creates the environments, is not installed; run `pip install uv`, or see "
            "https://docs.astral.sh/uv/getting-started/installation/"
        )
    return found


def run_uv(*arguments: str, given: str = "") -> Ended:
    """Run uv; it downloads no Python. Raises ToolError if it cannot be run."""
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
    try:
        return run_to_end([uv_program(), *arguments], environment=environment, timeout=_SECONDS, given=given)
    except OSError as error:
        raise ToolError(f"uv cannot be run: {error.strerror or error}") from None


def releases(package: str, good: str, bad: str, source: Source) -> tuple[str, ...]:
    """Return the releases from ``good`` to ``bad``, both included, that can be installed here; either may be the newer.

    Raises ConfigError for an invalid name or version and a missing folder, ToolError if uv fails.
    """
    if not _NAME.fullmatch(package):
        raise ConfigError(f"--package {printable(package)}: is not a valid package name; give its name on the index")
    for option, version in (("--good", good), ("--bad", bad)):
        if not _VERSION.fullmatch(version):
            raise ConfigError(f"{option} {printable(version)}: is not a version; write one such as 2025.4.0")
    if source.find_links and not source.find_links.is_dir():
        raise ConfigError(f"--find-links {printable(str(source.find_links))}: no such folder")
    listing = _Listing(package, source, early=bool(_EARLY.search(good) or _EARLY.search(bad)))
    first, last = listing.exact("--good", good), listing.exact("--bad", bad)
    if first == last:
        raise ConfigError(f"--good {good} --bad {bad}: are the same release of {package}; give two different ones")
    low, high = (first, last) if listing.newest(f">={first},<={last}") else (last, first)
    line = [high]
    while line[-1] != low:
        below = listing.newest(f">={low},<{line[-1].partition('+')[0]}")
        if below is None or len(line) >= _MOST:
            raise ToolError(
                f"uv found no releases of {package} from {low} to below {line[-1]}, or too many; give other versions"
            )
        line.append(below)
    return tuple(line if high == first else reversed(line))


@dataclass(frozen=True)
class _Listing:
    """The releases of a package, asked of uv one by one: it has no command that lists them."""

    package: str
    source: Source
    early: bool

    def newest(self, constraint: str) -> str | None:
        """Return the newest release under a constraint that this Python can install; None if there is none."""
        options = ["--no-deps", "--no-header", "--no-annotate", "--quiet", "--python", sys.executable]
        early = ["--prerelease", "allow"] if self.early else []
        asked = f"{self.package}{constraint}\n"
        ended = run_uv("pip", "compile", "-", *options, *early, *self.source.options(), given=asked)
        if ended.code == 0:
            for line in ended.out.splitlines():
                _, equals, version = line.strip().partition("==")
                if equals and _VERSION.fullmatch(version):
                    return version
        if ended.code == 1 and "No solution found" in ended.err:
            return None
        raise ToolError(f"uv cannot list the releases of {self.package}: {_reason(ended)}")

    def exact(self, option: str, version: str) -> str:
        """Return a release as uv writes it. Raises ConfigError if there is none, with the nearest one."""
        found = self.newest(f"=={version}")
        if found is not None:
            return found
        known = self._some()
        if not known:
            folder = self.source.find_links
            where = f"in {printable(str(folder))}" if folder else "in the package index"
            raise ConfigError(f"{option} {version}: there is no release of {self.package} {where}")
        close = nearest(version, known)
        near = f"did you mean {close[0]}?" if close else f"available: {', '.join(known[:12])}"
        raise ConfigError(f"{option} {version}: {self.package} has no such release for this Python; {near}")

    def _some(self) -> list[str]:
        found: list[str] = []
        version = self.newest("")
        while version is not None and len(found) < 40:
            found.append(version)
            version = self.newest(f"<{version.partition('+')[0]}")
        return found


def _reason(ended: Ended) -> str:
    lines = [line.strip() for line in ended.err.splitlines() if line.strip()]
    said = "; ".join(line for line in lines[:3]) or ended.how
    return printable(said[:400])
