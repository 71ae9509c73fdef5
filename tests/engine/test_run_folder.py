from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.engine.run_folder import RunFolder, WriteBehind, new_run_folder, point_latest
from harness.errors import ConfigError, RecordError
from harness.record.shard_table import ShardTable
from tests.conftest import harness_environment
from tests.engine.conftest import table

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
IDENTITY = {
    "config": {"dataset": {"images": 10}, "reference": {"id": "tf"}},
    "manifest": "aa",
    "models": {"tf": "11", "ir": "22"},
    "software": {"cpu": "one", "openvino": "1"},
}


def test_every_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    made = [new_run_folder(tmp_path, "net", NOW) for _ in range(3)]
    assert [path.name for path in made] == ["20240506T070809Z", "20240506T070809Z-2", "20240506T070809Z-3"]
    assert all(path.parent == tmp_path / "net" and path.is_dir() for path in made)


def test_a_place_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RecordError, match="cannot be written: Not a directory; choose another folder with --out"):
        new_run_folder(tmp_path / "file", "net")
    with pytest.raises(RecordError, match=r"file/run.*cannot be written"), RunFolder(tmp_path / "file" / "run"):
        pass
    with pytest.raises(RecordError, match="cannot be written"), RunFolder(tmp_path / "file"):
        pass


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RecordError, match="Permission denied; choose a folder that you can write to with --out"):
        new_run_folder(tmp_path, "net")


def test_latest_points_at_the_last_run(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        point_latest(tmp_path / name)
        assert (tmp_path / "latest").readlink() == Path(name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "one", "two"]


def test_what_killed_processes_left_of_it_goes(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "one").mkdir()
    for name in (f".latest.{ended.pid}", f".latest.{os.getppid()}", ".latest.note"):
        (tmp_path / name).symlink_to("one")
    point_latest(tmp_path / "one")
    there = sorted(path.name for path in tmp_path.iterdir())
    assert there == [f".latest.{os.getppid()}", ".latest.note", "latest", "one"]


def test_a_real_folder_called_latest_is_left_alone(tmp_path: Path) -> None:
    for name in ("one", "latest"):
        (tmp_path / name).mkdir()
    point_latest(tmp_path / "one")
    assert not (tmp_path / "latest").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "one"]


def test_a_second_run_is_refused_with_the_first_ones_process_id(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code = (
        "import sys, pathlib\n"
        "from harness.engine.run_folder import RunFolder\n"
        "from harness.errors import RecordError\n"
        "try:\n"
        "    RunFolder(pathlib.Path(sys.argv[1])).__enter__()\n"
        "except RecordError as error:\n"
        "    print(error)\n"
    )
    with RunFolder(folder):
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            env=harness_environment(),
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert f"another run is writing to this folder (process id {os.getpid()})" in done.stdout
        with pytest.raises(RecordError, match=f"process id {os.getpid()}"), RunFolder(folder):
            pass
    with RunFolder(folder):
        pass


def test_what_killed_writes_left_is_removed(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        run.save(table(0, range(4)))
    torn = [tmp_path / ".run.json.abc.tmp", tmp_path / "shards" / ".000001.table.abc.tmp"]
    for path in torn:
        path.write_bytes(b"half")
    with RunFolder(tmp_path) as run:
        assert not any(path.exists() for path in torn)
        assert run.load(0, range(4)) is not None


def test_a_used_folder_is_refused(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "a") as run:
        run.refuse_used()
        run.save(table(0, range(4)))
        with pytest.raises(
            ConfigError, match="already contains a run; choose another --out, or continue it with --resume"
        ):
            run.refuse_used()
    with RunFolder(tmp_path / "b") as run:
        (tmp_path / "b" / "run.json").write_text("{}")
        with pytest.raises(ConfigError, match="already contains a run"):
            run.refuse_used()


def test_a_run_that_never_began_is_forgotten(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        run.identify(IDENTITY)
    with RunFolder(tmp_path) as run:
        run.refuse_used()
        run.identify({**IDENTITY, "manifest": "bb"})


def test_the_same_evaluation_goes_on(tmp_path: Path) -> None:
    for _ in range(2):
        with RunFolder(tmp_path) as run:
            run.identify(IDENTITY)


@pytest.mark.parametrize(
    ("change", "words", "detail"),
    [
        ({"config": {"dataset": {"images": 11}, "reference": {"id": "tf"}}}, "the configuration",
         "config.dataset.images: 10 then, 11 now"),
        ({"manifest": "bb"}, "the images or labels that are listed", "manifest: aa then, bb now"),
        ({"models": {"tf": "11", "ir": "33"}}, "a model file", "models.ir: 22 then, 33 now"),
        ({"models": {"tf": "11"}}, "a model file", "models.ir: 22 then, None now"),
        ({"software": {"cpu": "two", "openvino": "1"}}, "the software or the processor",
         "software.cpu: one then, two now"),
        ({"manifest": "bb", "models": {"tf": "0", "ir": "22"}},
         "a model file, the images or labels that are listed", "models.tf"),
    ],
)  # fmt: skip
def test_another_evaluation_is_refused_in_words(
    tmp_path: Path, change: dict[str, Any], words: str, detail: str
) -> None:
    with RunFolder(tmp_path) as run:
        run.identify(IDENTITY)
        with pytest.raises(ConfigError) as caught:
            run.identify({**IDENTITY, **change})
    assert f"cannot be resumed, because {words} changed since it began (" in str(caught.value)
    assert detail in str(caught.value)
    assert "Start a new run without --resume" in str(caught.value)


@pytest.mark.parametrize("damage", ["", "{", "[1, 2]", "null", '"text"'])
def test_tables_without_a_sound_identity_are_not_trusted(tmp_path: Path, damage: str) -> None:
    with RunFolder(tmp_path) as run:
        run.identify(IDENTITY)
        run.save(table(0, range(4)))
        (run.shards / "identity.json").write_text(damage)
        run.identify(IDENTITY)
        assert run.load(0, range(4)) is None
        assert json.loads((run.shards / "identity.json").read_text()) == IDENTITY


def test_tables_are_found_again_only_for_their_rows(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        run.save(table(3, range(12, 16)))
        found = run.load(3, range(12, 16))
        assert found is not None
        assert found.rows == range(12, 16)
        assert run.load(3, range(12, 17)) is None
        assert run.load(2, range(12, 16)) is None
        (run.shards / "000003.table").rename(run.shards / "000002.table")
        assert run.load(2, range(12, 16)) is None


def test_a_damaged_table_is_none(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        run.save(table(0, range(4)))
        path = run.shards / "000000.table"
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        assert run.load(0, range(4)) is None
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 4]) + data[-8:])
        assert run.load(0, range(4)) is None
        path.write_bytes(data)
        assert run.load(0, range(4)) is not None


@pytest.mark.parametrize("behind", [0, 3])
def test_tables_are_all_there_once_they_were_waited_for(tmp_path: Path, behind: int) -> None:
    with RunFolder(tmp_path / "run") as folder:
        with WriteBehind(folder, behind) as writer:
            for index in range(10):
                writer.save(table(index, range(index, index + 1)))
        assert all(folder.load(index, range(index, index + 1)) is not None for index in range(10))


def test_no_more_tables_are_on_their_way_than_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saving, most = Counter[str](), []
    lock = threading.Lock()

    def slowly(self: RunFolder, shard: ShardTable) -> None:
        with lock:
            saving["now"] += 1
            most.append(saving["now"])
        time.sleep(0.01)
        with lock:
            saving["now"] -= 1

    monkeypatch.setattr(RunFolder, "save", slowly)
    with RunFolder(tmp_path / "run") as folder, WriteBehind(folder, 3) as writer:
        for index in range(12):
            writer.save(table(index, range(index, index + 1)))
    assert len(most) == 12
    assert max(most) == 3


@pytest.mark.parametrize("tables", [1, 10])
def test_a_table_that_cannot_be_written_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables: int
) -> None:
    def refuse(self: RunFolder, shard: ShardTable) -> None:
        raise RecordError("the disk is full")

    monkeypatch.setattr(RunFolder, "save", refuse)
    with RunFolder(tmp_path / "run") as folder, pytest.raises(RecordError, match="the disk is full"):
        _written(folder, tables)


def test_what_ended_the_run_is_raised_and_not_what_came_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: RunFolder, shard: ShardTable) -> None:
        raise RecordError("the disk is full")

    monkeypatch.setattr(RunFolder, "save", refuse)
    with RunFolder(tmp_path / "run") as folder, pytest.raises(KeyboardInterrupt):
        _written(folder, 1, KeyboardInterrupt())


def _written(folder: RunFolder, tables: int, error: BaseException | None = None) -> None:
    with WriteBehind(folder, 3) as writer:
        for index in range(tables):
            writer.save(table(index, range(index, index + 1)))
        if error:
            raise error
