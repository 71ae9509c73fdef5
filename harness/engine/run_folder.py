"""A run's own folder: one writer at a time, never overwritten, resumed only by the same evaluation."""

from __future__ import annotations

import contextlib
import json
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from harness.disk.atomic import cannot_write, make_folder, write_atomically
from harness.disk.checked_table import read_table, write_table
from harness.disk.leftovers import may_live
from harness.disk.own_json import read_own_json
from harness.errors import ConfigError, RecordError
from harness.record.shard_table import ShardTable
from harness.record.store import RECORD_FILE

_IDENTITY = "identity.json"
_WORDS = {
    "config": "the configuration",
    "manifest": "the images or labels that are listed",
    "models": "a model file",
    "software": "the software or the processor",
}


def new_run_folder(root: Path, name: str, now: datetime | None = None) -> Path:
    """Create and return ``root/name/<UTC time>``, a folder that no other run has. Raises RecordError."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    parent = root / name
    make_folder(parent)
    for attempt in range(1000):
        folder = parent / (stamp if attempt == 0 else f"{stamp}-{attempt + 1}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise cannot_write(folder, error) from error
        return folder
    raise RecordError(f"{parent}: no free folder name for a run started at {stamp}; choose another --out")


def point_latest(folder: Path) -> None:
    """Let ``latest`` next to the run's folder point at it; a file system without links gets a text file."""
    link = folder.parent / "latest"
    temporary = folder.parent / f".latest.{os.getpid()}"
    with contextlib.suppress(OSError):
        for left in folder.parent.glob(".latest.*"):
            process = left.name.rpartition(".")[2]
            if process == str(os.getpid()) or not may_live(process):
                left.unlink(missing_ok=True)
        try:
            temporary.symlink_to(folder.name)
        except OSError:
            temporary.write_text(folder.name + "\n", encoding="utf-8")
        if link.is_symlink() or not link.is_dir():
            os.replace(temporary, link)  # noqa: PTH105
        temporary.unlink(missing_ok=True)


class RunFolder:
    """Holds the lock on a run's folder while it is open; keeps its shard tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards = folder / "shards"
        self._lock = FileLock(folder / ".lock", timeout=0)
        self._owner = folder / ".owner"

    def __enter__(self) -> Self:
        make_folder(self.shards)
        try:
            self._lock.acquire()
        except Timeout:
            raise RecordError(
                f"{self.folder}: another run is writing to this folder (process id {self._read_owner()}); "
                "wait for it, or choose another --out"
            ) from None
        except OSError as error:
            raise cannot_write(self.folder / ".lock", error) from error
        except NotImplementedError:
            raise RecordError(f"{self.folder}: its file system does not support locks; choose another --out") from None
        self._remove_torn()
        try:
            write_atomically(self._owner, f"{os.getpid()}\n".encode())
        except RecordError:
            self._lock.release()
            raise
        return self

    def _remove_torn(self) -> None:
        """Remove what writes that were killed left behind."""
        for torn in (*self.folder.glob(".*.tmp"), *self.shards.glob(".*.tmp")):
            with contextlib.suppress(OSError):
                torn.unlink()

    def _read_owner(self) -> str:
        try:
            return self._owner.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return "unknown"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._owner.unlink()
        self._lock.release()

    def refuse_used(self) -> None:
        """Refuse a folder that already holds a run; forget one that never began. Raises ConfigError."""
        if self._is_used():
            raise ConfigError(
                f"{self.folder}: already contains a run; choose another --out, or continue it with --resume"
            )
        with contextlib.suppress(OSError):
            (self.shards / _IDENTITY).unlink()

    @contextlib.contextmanager
    def removed_where_it_never_began(self) -> Iterator[None]:
        """Remove the folder again where preparing the run fails and nothing of any run is in it."""
        try:
            yield
        except BaseException:
            if not self._is_used():
                self._remove()
            raise

    def _is_used(self) -> bool:
        return (self.folder / RECORD_FILE).exists() or any(self.shards.glob("*.table"))

    def _remove(self) -> None:
        """Remove what opening a new folder made, and nothing else."""
        with contextlib.suppress(OSError):
            for path in (self.shards / _IDENTITY, self._owner, self.folder / ".lock"):
                path.unlink(missing_ok=True)
            self.shards.rmdir()
            self.folder.rmdir()
            self.folder.parent.rmdir()  # of this configuration's name, where it holds nothing else

    def identify(self, identity: dict[str, Any]) -> None:
        """Save the identity of this evaluation, or compare it with the saved one. Raises ConfigError if they differ."""
        path = self.shards / _IDENTITY
        plain = json.loads(json.dumps(identity))
        if path.exists():
            kept = read_own_json(path)
            if kept is not None:
                self._refuse_other(kept, plain)
                return
            for table in self.shards.glob("*.table"):
                table.unlink()
        write_atomically(path, json.dumps(plain, indent=2, sort_keys=True).encode())

    def _refuse_other(self, kept: dict[str, Any], wanted: dict[str, Any]) -> None:
        differing = [key for key in {*kept, *wanted} if kept.get(key) != wanted.get(key)]
        if differing:
            words = ", ".join(sorted(_WORDS.get(key, key) for key in differing))
            detail = "; ".join(_difference(key, kept.get(key), wanted.get(key)) for key in sorted(differing))
            raise ConfigError(
                f"{self.folder}: cannot be resumed, because {words} changed since it began ({detail}). "
                "Start a new run without --resume"
            )

    def _table_path(self, index: int) -> Path:
        return self.shards / f"{index:06d}.table"

    def save(self, shard: ShardTable) -> None:
        """Write a shard's table atomically. Raises RecordError."""
        write_table(self._table_path(shard.index), shard.to_arrow())

    def load(self, index: int, rows: range) -> ShardTable | None:
        """Read a shard's table; None if it is missing, damaged, or of other rows: then it is computed again."""
        table = read_table(self._table_path(index))
        if table is None:
            return None
        try:
            shard = ShardTable.from_arrow(table)
        except ValueError:
            return None
        return shard if shard.rows == rows and shard.index == index else None


class WriteBehind:
    """Saves shard tables while others come: to wait until a disk has a file takes several times as long as writing it.

    ``tables``: how many may be on their way; 0: each is there before ``save`` returns. Use as a context manager:
    leaving it waits for all of them. Raises RecordError for one that could not be written, at the latest then.
    """

    def __init__(self, folder: RunFolder, tables: int) -> None:
        self._folder, self._most = folder, tables
        self._pool = ThreadPoolExecutor(max(1, tables), thread_name_prefix="save")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)
        if error is None:
            self._wait_for_all_but(0)

    def save(self, shard: ShardTable) -> None:
        """Save a table, soon."""
        if self._most == 0:
            self._folder.save(shard)
            return
        self._wait_for_all_but(self._most - 1)
        self._waiting.append(self._pool.submit(self._folder.save, shard))

    def _wait_for_all_but(self, tables: int) -> None:
        while len(self._waiting) > tables:
            self._waiting.popleft().result()


def _difference(key: str, kept: Any, wanted: Any) -> str:
    if isinstance(kept, dict) and isinstance(wanted, dict):
        inner = [name for name in {*kept, *wanted} if kept.get(name) != wanted.get(name)]
        name = min(inner)
        return _difference(f"{key}.{name}", kept.get(name), wanted.get(name))
    return f"{key}: {str(kept)[:60]} then, {str(wanted)[:60]} now"
