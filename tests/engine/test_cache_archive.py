from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from harness.engine.cache import ProbabilityCache
from harness.engine.cache_archive import Moved, export_cache, import_cache
from harness.errors import RecordError
from tests.engine.test_cache import DIGESTS, LOADED, NUMBERS, many

GB = 10**9


def filled(folder: Path) -> ProbabilityCache:
    """Return a cache with two files, of 30 and of 20 images; the second was used last."""
    digests, numbers = many(50)
    cache = ProbabilityCache(folder / "probabilities", {"k": 1})
    for start, stop, when in ((0, 30, 1000), (30, 50, 2000)):
        before = set(cache.folder.glob("*"))
        cache.put(digests[start:stop], numbers[start:stop], LOADED)
        (path,) = set(cache.folder.glob("*")) - before
        os.utime(path, (when, when))
    return cache


def test_what_was_exported_answers_elsewhere_to_the_last_bit(tmp_path: Path) -> None:
    filled(tmp_path / "here")
    exported = export_cache(tmp_path / "here", tmp_path / "cache.tar", GB)
    assert (exported.files, exported.images, exported.left_out) == (2, 50, 0)
    assert import_cache(tmp_path / "there", tmp_path / "cache.tar", GB) == exported
    digests, numbers = many(50)
    entry = ProbabilityCache(tmp_path / "there" / "probabilities", {"k": 1}).get(digests[::-1], 5)
    assert entry is not None
    assert entry.known.all()
    np.testing.assert_array_equal(entry.probabilities, numbers[::-1])
    again = import_cache(tmp_path / "there", tmp_path / "cache.tar", GB)
    assert (again.files, again.left_out) == (0, 2)
    assert not list((tmp_path / "there").rglob(".*"))


def test_the_last_used_go_first_up_to_the_limit(tmp_path: Path) -> None:
    cache = filled(tmp_path / "here")
    smaller = min(path.stat().st_size for path in cache.folder.glob("*"))
    moved = export_cache(tmp_path / "here", tmp_path / "cache.tar", smaller)
    assert moved == Moved(1, 20, smaller, 1)
    assert import_cache(tmp_path / "there", tmp_path / "cache.tar", smaller - 1) == Moved(0, 0, 0, 1)


def archive(path: Path, members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(data), kind, "/etc/passwd"
            tar.addfile(member, io.BytesIO(data))
    return path


def test_names_that_are_none_of_a_cache_and_links_are_left_out(tmp_path: Path) -> None:
    name = f"{'a' * 40}/{'b' * 64}.rows"
    names = ["../../x.rows", "/etc/x.rows", f"{name}/..", name.upper(), f"x/{name}"]
    file = archive(tmp_path / "cache.tar", dict.fromkeys(names, b"x"))
    assert import_cache(tmp_path / "there", file, GB) == Moved(0, 0, 0, 5)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE):
        file = archive(tmp_path / "cache.tar", {name: b""}, kind)
        assert import_cache(tmp_path / "there", file, GB) == Moved(0, 0, 0, 1)
    assert not [path for path in (tmp_path / "there").rglob("*") if not path.is_dir()]


def test_damaged_rows_are_left_out_whichever_byte_it_is(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path / "here" / "probabilities", {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    (path,) = cache.folder.glob("*")
    data, name = path.read_bytes(), f"{path.parent.name}/{path.name}"
    for place in range(0, len(data), 41):
        damaged = bytearray(data)
        damaged[place] ^= 1
        file = archive(tmp_path / "cache.tar", {name: bytes(damaged)})
        assert import_cache(tmp_path / "there", file, GB) == Moved(0, 0, 0, 1)
    assert import_cache(tmp_path / "there", archive(tmp_path / "cache.tar", {name: data}), GB).images == 4


@pytest.mark.parametrize("data", [b"", b"words", bytes(512)[:100]], ids=["empty", "words", "zeros"])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "cache.tar").write_bytes(data)
    with pytest.raises(RecordError, match="not an exported cache"):
        import_cache(tmp_path / "there", tmp_path / "cache.tar", GB)


def test_a_file_that_is_missing_and_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"absent.tar: cannot be read: No such file"):
        import_cache(tmp_path / "there", tmp_path / "absent.tar", GB)
    filled(tmp_path / "here")
    export_cache(tmp_path / "here", tmp_path / "cache.tar", GB)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RecordError, match=r"cannot be (written|inspected)"):
        import_cache(tmp_path / "file", tmp_path / "cache.tar", GB)
    shutil.rmtree(tmp_path / "here")
    assert export_cache(tmp_path / "here", tmp_path / "cache.tar", GB) == Moved(0, 0, 0, 0)
