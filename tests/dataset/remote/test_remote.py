"""Every form of image set is the same from a store as from disk, and nothing that a store says is believed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.config import Dataset
from harness.dataset.image_set import ImageSet, open_image_set
from harness.dataset.remote.local import local_dataset, local_model
from harness.dataset.remote.mirror import RemoteCache, mirrored
from harness.dataset.remote.store import Entry, Store
from harness.disk.kept_folders import release_all
from harness.errors import ConfigError, DatasetError, ModelError
from tests.conftest import require
from tests.dataset.remote.conftest import SECRET, Served
from tests.dataset.sources.forms import FORMS, NEED_TENSORFLOW, Facts, Picture

STORES = ("s3", "http_server", "memory", "file", "gs")

pytestmark = pytest.mark.slow


def content(images: ImageSet) -> list[tuple[str, int, str]]:
    manifest = images.manifest
    rows = range(len(manifest))
    digests = [hashlib.sha256(images.read(row)).hexdigest() for row in rows]
    assert all(images.signature(row) for row in rows)
    return list(zip(manifest.image_ids, manifest.labels.tolist(), digests, strict=True))


def opened(path: str, labels: str, cache: RemoteCache, **keys: Any) -> ImageSet:
    return open_image_set(local_dataset(Dataset(path=Path(path), labels=labels, **keys), cache))


def there(url: str, root: Path, place: str) -> str:
    """Return the URL of a place below a folder that was put at ``url``."""
    below = Path(place).relative_to(root).as_posix()
    return url if below == "." else f"{url}/{below}"


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_from_every_store(
    form: str,
    store: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    demo: Sequence[Picture],
    built_in: Facts,
    cache: RemoteCache,
) -> None:
    if form in NEED_TENSORFLOW:
        require("tensorflow")
    served: Served = request.getfixturevalue(store)
    root = tmp_path / f"{form}_{store}"
    path, labels = FORMS[form][0](root, demo[:12], built_in)
    expected = content(open_image_set(Dataset(path=path, labels=labels)))
    url = served.put(root)
    shutil.copytree(root, tmp_path / "kept")
    remote = opened(there(url, root, str(path)), labels if labels == "auto" else there(url, root, labels), cache)
    assert content(remote) == expected


def test_images_are_fetched_when_they_are_read_and_once(
    http_server: Served, tmp_path: Path, demo: Sequence[Picture], built_in: Facts, cache: RemoteCache
) -> None:
    path, labels = FORMS["flat"][0](tmp_path / "set", demo[:6], built_in)
    url = there(http_server.put(tmp_path / "set"), tmp_path / "set", str(path))
    images = opened(url, labels, cache)
    assert not [asked for asked in http_server.asked if asked.endswith(".JPEG")]
    for _ in range(2):
        images.read(0)
        images.read(3)
    assert len([asked for asked in http_server.asked if asked.endswith(".JPEG")]) == 2
    again = opened(url, labels, cache)
    again.read(0)
    assert len([asked for asked in http_server.asked if asked.endswith(".JPEG")]) == 2


def test_a_changed_image_is_fetched_again_and_its_signature_tells(
    s3: Served, tmp_path: Path, demo: Sequence[Picture], built_in: Facts, cache: RemoteCache
) -> None:
    path, labels = FORMS["flat"][0](tmp_path / "set", demo[:4], built_in)
    url = there(s3.put(tmp_path / "set"), tmp_path / "set", str(path))
    images = opened(url, labels, cache)
    first, signature, other = images.read(0), images.signature(0), images.signature(1)
    (path / images.manifest.image_ids[0]).write_bytes(demo[9].data)
    s3.put(tmp_path / "set")
    images = opened(url, labels, cache)
    assert images.read(0) == demo[9].data != first
    assert images.signature(0) != signature
    assert images.signature(1) == other


def test_the_limit_holds_and_what_was_emptied_is_fetched_again(
    memory: Served, tmp_path: Path, demo: Sequence[Picture], built_in: Facts
) -> None:
    path, labels = FORMS["flat"][0](tmp_path / "set", demo[:40], built_in)
    limit = 6 * max(len(picture.data) for picture in demo[:40])
    cache = RemoteCache(tmp_path / "cache", limit)
    images = opened(there(memory.put(tmp_path / "set"), tmp_path / "set", str(path)), labels, cache)
    for _ in range(2):
        for row in range(40):
            assert images.read(row) == (path / images.manifest.image_ids[row]).read_bytes()
            kept = sum(item.stat().st_size for item in (tmp_path / "cache").rglob("*.JPEG"))
            assert kept <= limit


def test_a_model_that_is_used_no_more_makes_room(
    memory: Served, tmp_path: Path, demo: Sequence[Picture], built_in: Facts
) -> None:
    path, labels = FORMS["flat"][0](tmp_path / "set", demo[:4], built_in)
    limit = 4 * max(len(picture.data) for picture in demo[:4])
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.pb").write_bytes(bytes(limit))
    cache, url = RemoteCache(tmp_path / "cache", limit), memory.put(tmp_path / "models")
    model = local_model(Path(f"{url}/a.pb"), cache, lambda path: (path,))
    images = opened(there(memory.put(tmp_path / "set"), tmp_path / "set", str(path)), labels, cache)
    assert images.read(0)
    assert model.stat().st_size == limit  # this process uses it, whatever the limit
    release_all()
    images = opened(there(memory.put(tmp_path / "set"), tmp_path / "set", str(path)), labels, cache)
    assert images.read(1)
    assert not model.exists()
    assert local_model(Path(f"{url}/a.pb"), cache, lambda path: (path,)).read_bytes() == bytes(limit)


def test_a_file_beyond_the_limit_is_refused(
    memory: Served, tmp_path: Path, demo: Sequence[Picture], built_in: Facts
) -> None:
    path, labels = FORMS["tar"][0](tmp_path / "set", demo[:4], built_in)
    url = there(memory.put(tmp_path / "set"), tmp_path / "set", str(path))
    with pytest.raises(DatasetError, match=r"bytes are more than the 1,000 .* set cache.remote_gb higher"):
        opened(url, labels, RemoteCache(tmp_path / "cache", 1000))


def test_an_image_that_went_away_is_a_missing_one(
    memory: Served, tmp_path: Path, demo: Sequence[Picture], built_in: Facts, cache: RemoteCache
) -> None:
    import fsspec

    path, labels = FORMS["flat"][0](tmp_path / "set", demo[:4], built_in)
    images = opened(there(memory.put(tmp_path / "set"), tmp_path / "set", str(path)), labels, cache)
    files = fsspec.filesystem("memory")
    files.rm(next(name for name in files.store if name.endswith(images.manifest.image_ids[2])))
    with pytest.raises(FileNotFoundError):
        images.read(2)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host/val", r"ftp://host/val: cannot be read; URLs may begin with s3, gs, https"),
        ("github://org:repo@main/val", "cannot be read; URLs may begin with"),
        ("simplecache::s3://bucket/val", "cannot be read; URLs may begin with"),
        ("memory://nowhere/val", "nothing found|contains no file"),
    ],
)
def test_what_cannot_be_read_is_said(url: str, words: str, memory: Served, cache: RemoteCache) -> None:
    with pytest.raises((ConfigError, DatasetError), match=words):
        mirrored(url, cache)


def test_no_credential_is_in_a_message(s3: Served, cache: RemoteCache, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError) as caught:
        mirrored("s3://no-such-bucket/val", cache)
    assert SECRET not in str(caught.value)
    with pytest.raises(DatasetError) as caught:
        mirrored("http://user:hunter22@127.0.0.1:9/val/?token=abcdefghijklmnopqrst", cache)
    assert "hunter22" not in str(caught.value)
    assert "abcdefghijklmnopqrst" not in str(caught.value)


@pytest.mark.parametrize("name", ["../outside.jpg", "a/../../b.jpg", "a//b.jpg", "a\\b.jpg", "a\n.jpg"])
def test_names_that_lead_out_are_refused(name: str, memory: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store("memory://set")
    monkeypatch.setattr(store._files, "find", lambda root, **more: {f"/set/{name}": {"size": 1, "type": "file"}})
    with pytest.raises(DatasetError, match="whose name leads out of it"):
        store.below()


@pytest.mark.parametrize(("told", "words"), [(3, "instead of 3"), (None, "larger than the 4 bytes")])
def test_more_bytes_than_were_told_are_refused(told: int | None, words: str, memory: Served, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.jpg").write_bytes(b"12345")
    store = Store(memory.put(tmp_path / "set"))
    with pytest.raises(DatasetError, match=words):
        list(store.read(Entry("/set/a.jpg", told, ""), 4 if told is None else 100))


@pytest.mark.parametrize("store", STORES)
def test_models_come_with_the_files_that_belong_to_them(
    store: str, request: pytest.FixtureRequest, tmp_path: Path, cache: RemoteCache
) -> None:
    served: Served = request.getfixturevalue(store)
    (tmp_path / "models" / "saved" / "variables").mkdir(parents=True)
    for name in ("a.xml", "a.bin", "saved/saved_model.pb", "saved/variables/variables.data-00000-of-00001"):
        (tmp_path / "models" / name).write_bytes(name.encode())
    url = served.put(tmp_path / "models")
    pair = local_model(Path(f"{url}/a.xml"), cache, lambda path: (path, path.with_suffix(".bin")))
    assert (pair.read_bytes(), pair.with_suffix(".bin").read_bytes()) == (b"a.xml", b"a.bin")
    folder = local_model(Path(f"{url}/saved/"), cache, lambda path: (path,))
    assert (folder / "variables" / "variables.data-00000-of-00001").read_bytes().startswith(b"saved/variables")
    with pytest.raises(ModelError, match="nothing found"):
        local_model(Path(f"{url}/b.xml"), cache, lambda path: (path,))


def test_a_path_on_disk_stays(tmp_path: Path, cache: RemoteCache) -> None:
    assert local_model(tmp_path, cache, lambda path: (path,)) == tmp_path
    dataset = Dataset(path=tmp_path)
    assert local_dataset(dataset, cache) == dataset
