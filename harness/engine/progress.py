"""Progress on stderr: a bar with every model's running Top-1, or plain lines where stderr is not a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from harness.metrics.compare import correct_at
from harness.record.shard_table import ShardTable

_LINE_EVERY_SECONDS = 10.0


class Progress:
    """Counts images and running Top-1; ``quiet`` prints nothing. Use as a context manager."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self.total = total
        self._quiet = quiet
        self._done = 0
        self._correct: dict[str, int] = {}
        self._terminal = sys.stderr.isatty()
        self._start = self._last = time.monotonic()

    def __enter__(self) -> Self:
        from tqdm import tqdm

        self._bar = tqdm(
            total=self.total, unit="img", file=sys.stderr, disable=self._quiet or not self._terminal, dynamic_ncols=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def add(self, shard: ShardTable) -> None:
        """Add a finished shard."""
        for model, outcome in shard.outcomes.items():
            self._correct[model] = self._correct.get(model, 0) + int(correct_at(outcome, 1).sum())
        self._done += len(shard.rows)
        running = self.running_top1()
        self._bar.set_postfix_str(running, refresh=False)
        self._bar.update(len(shard.rows))
        now = time.monotonic()
        due = now - self._last >= _LINE_EVERY_SECONDS or self._done >= self.total
        if not self._quiet and not self._terminal and due:
            self._last = now
            rate = self._done / max(now - self._start, 1e-9)
            print(f"{self._done}/{self.total} images, {rate:.0f} images/s, {running}", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Print a line, above the bar where there is one."""
        if self._quiet:
            return
        from tqdm import tqdm

        with tqdm.external_write_mode(file=sys.stderr):
            print(text, file=sys.stderr, flush=True)

    def running_top1(self) -> str:
        """Return the running Top-1 of every model, such as ``Top-1 tf 78.31 % ir 78.31 %``."""
        shown = " ".join(f"{model} {100 * count / self._done:.2f} %" for model, count in self._correct.items())
        return f"Top-1 {shown}" if shown else ""
