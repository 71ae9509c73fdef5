"""Images without a suffix count from a store as they do from disk, and only their first bytes are asked for before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.dataset.image_set import ImageSet
from harness.dataset.remote import mirror, store
from harness.dataset.remote.mirror import RemoteCache
from harness.errors import DatasetError
from tests.dataset.remote.conftest import Served
from tests.dataset.remote.test_remote import STORES
from tests.dataset.remote.test_remote import opened as opened_by
from tests.dataset.sources.test_what_lies_beside import encoded, pairs

pytestmark = pytest.mark.slow
NAME = "A0293"
JPEG, PNG = encoded("JPEG"), encoded("PNG")


def opened(url: str, cache: RemoteCache) -> ImageSet:
    return opened_by(url, "auto", cache, background_class=False)


def put(folder: Path) -> Path:
    """Write class folders: two images without a suffix, one with, and a text and an empty file without."""
    content = {f"3/{NAME}": JPEG, "3/a.png": PNG, "4/b": PNG, "4/README": b"The images of four\n" * 9, "4/empty": b""}
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("name", STORES)
def test_class_folders_of_every_store(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, cache: RemoteCache
) -> None:
    served: Served = request.getfixturevalue(name)
    url = served.put(put(tmp_path / "set"))
    images = opened(url, cache)
    assert pairs(images) == [(f"3/{NAME}", 3), ("3/a.png", 3), ("4/b", 4)]
    assert [images.read(row) for row in range(3)] == [JPEG, PNG, PNG]
    assert any("2 entries that are not images, such as 4/README" in note for note in images.notes)
    assert pairs(opened(url, cache)) == pairs(images)  # as the mirror has it by now


def test_no_image_is_fetched_before_it_is_read_nor_asked_for_twice(
    s3: Served, tmp_path: Path, cache: RemoteCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = s3.put(put(tmp_path / "set"))
    asked: list[str] = []
    real = store.Store._beginning

    def beginning(self: store.Store, entry: store.Entry, count: int) -> bytes:
        asked.append(entry.path.rpartition("/")[2])
        found = real(self, entry, count)
        assert len(found) == count
        return found

    monkeypatch.setattr(store.Store, "_beginning", beginning)
    images = opened(url, cache)
    assert sorted(asked) == [NAME, "README", "b"]
    kept = {path.name: path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert (kept[NAME], kept["b"], kept["README"]) == (0, 0, 19 * 9)
    opened(url, cache)
    assert len(asked) == 3
    (tmp_path / "set" / "4" / "b").write_bytes(b"no image any more")
    s3.put(tmp_path / "set")
    assert pairs(opened(url, cache)) == pairs(images)[:2]
    assert asked[3:] == ["b"]


def test_the_limit_holds_for_them(memory: Served, tmp_path: Path) -> None:
    for number in range(40):
        path = tmp_path / "set" / "3" / f"{number:02d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    images = opened(memory.put(tmp_path / "set"), RemoteCache(tmp_path / "cache", 6 * len(PNG)))
    for row in range(40):
        assert images.read(row) == PNG
        kept = [path.stat().st_size for path in (tmp_path / "cache").rglob("3/*")]
        assert sum(kept) <= 6 * len(PNG)
    assert pairs(images) == [(f"3/{number:02d}", 3) for number in range(40)]


@pytest.mark.parametrize("name", ["s3", "http_server"])
def test_a_list_at_a_url_names_them(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, cache: RemoteCache
) -> None:
    folder = put(tmp_path / "set")
    (folder / "m.csv").write_text(f"path,label\n3/{NAME},3\n4/b,4\n")
    served: Served = request.getfixturevalue(name)
    images = opened(f"{served.put(folder)}/m.csv", cache)
    assert pairs(images) == [(f"3/{NAME}", 3), ("4/b", 4)]
    assert [images.read(row) for row in range(2)] == [JPEG, PNG]


def test_a_file_whose_beginning_cannot_be_had_is_said(
    memory: Served, tmp_path: Path, cache: RemoteCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> bytes:
        raise PermissionError("denied for b")

    monkeypatch.setattr(store.Store, "_beginning", refused)
    with pytest.raises(DatasetError, match="set: cannot be read: denied for b"):
        opened(memory.put(put(tmp_path / "set")), cache)


@pytest.mark.parametrize("text", ["", "[]", '{"set/3/x": 5}', '{"set/3/x": ["t", "yes"]}', "{" * 10_000, "[" * 100_000])
def test_answers_on_disk_are_not_believed(memory: Served, tmp_path: Path, cache: RemoteCache, text: str) -> None:
    url = memory.put(put(tmp_path / "set"))
    expected = pairs(opened(url, cache))
    (index,) = cache.folder.rglob("tree.unmarked.json")
    index.write_text(text)
    mirror._open.clear()
    assert pairs(opened(url, cache)) == expected
