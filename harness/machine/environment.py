"""What a run was made with: versions, processor, threads, commit; goes into the record."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

_PACKAGES = ("numpy", "opencv-python-headless", "opencv-python", "pillow", "pyarrow", "scipy")
_THREADS = "OMP_NUM_THREADS"


@lru_cache(maxsize=1)
def cpu_name() -> str:
    """Return the processor's name as the system reports it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def git_commit(folder: Path) -> str | None:
    """Return the commit of the checkout around ``folder``, with `+` when files differ from it; None outside of one."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        return head + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=10).stdout.strip()


def describe(folder: Path, frameworks: Sequence[str], switches: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the environment as plain values.

    ``folder``: whose git commit is meant; ``frameworks``: the distributions of the frameworks; ``switches``: the
    environment variables that change what they compute, None if one is not set.
    """
    versions = {}
    for name in (*frameworks, *_PACKAGES):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": cores(),
        "threads": cores(),
        "versions": versions,
        "switches": {
            name: value for name, value in {**switches, _THREADS: os.environ.get(_THREADS)}.items() if value is not None
        },
        "git_commit": git_commit(folder),
    }
