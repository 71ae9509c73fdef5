"""Whether anything else ran while something was measured: the share of the processors that others took."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path

QUIET = 0.03  # share of all processors; what a system does by itself stays below


def busy_seconds(text: str | None = None) -> float | None:
    """Return the seconds that all processors were busy since the system began. ``text``: that of /proc/stat."""
    if text is None:
        try:
            text = Path("/proc/stat").read_text(encoding="ascii")
        except OSError:
            return None
    line = text.split("\n", 1)[0].split()
    if len(line) < 8 or line[0] != "cpu":
        return None
    user, nice, system, _, _, irq, softirq, *more = map(int, line[1:])
    steal = more[0] if more else 0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Return the processor seconds of this process and of those that it started and that have ended."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


@dataclass
class Others:
    """Measures from its making on. Not known where the system has no /proc/stat."""

    _start: float = field(default_factory=time.monotonic)
    _busy: float | None = field(default_factory=busy_seconds)
    _own: float = field(default_factory=own_seconds)

    def share(self) -> float | None:
        """Return the share of all processors, 0 to 1, that other processes had; None if it is not known.

        Processes that this one started count as its own once they have ended.
        """
        busy = busy_seconds()
        if busy is None or self._busy is None:
            return None
        elapsed = max(time.monotonic() - self._start, 1e-9)
        others = (busy - self._busy) - (own_seconds() - self._own)
        return max(0.0, others / (elapsed * (os.cpu_count() or 1)))


def in_words(share: float | None) -> str:
    """Return what a share means for a measurement."""
    if share is None:
        return "not known whether the machine was quiet"
    word = "quiet" if share < QUIET else "disturbed"
    return f"{word}: other processes took {100 * share:.1f} % of the processors"
