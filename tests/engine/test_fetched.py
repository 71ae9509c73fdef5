"""A run whose images, labels and models lie at URLs is the run of the same files on disk, and its record shows URLs."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import harness.dataset.manifest
from harness.config import load_config
from harness.config.secrets import redact
from harness.config.urls import is_url, url_of
from harness.dataset.image_set import open_image_set
from harness.dataset.remote import mirror
from harness.dataset.remote.store import Store
from harness.engine.fetched import fetched, has_urls, with_reference_fetched
from harness.engine.task import Work, ordered
from harness.errors import ConfigError, DatasetError
from harness.report.html.pixels import pictures
from tests.conftest import require
from tests.engine.conftest import Fakes
from tests.engine.test_session import LABELS, Project, values_for

KEY = "a-token-that-nobody-may-see"


@pytest.fixture
def project(tmp_path: Path, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    require("fsspec")
    import fsspec

    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 4)
    made = Project(tmp_path)
    made.images(values_for(LABELS, wrong=[2, 5]), LABELS)
    files = fsspec.filesystem("memory")
    for path in (*sorted((tmp_path / "images").iterdir()), *sorted(tmp_path.glob("*.fake")), tmp_path / "images.txt"):
        files.pipe(f"/set/{path.relative_to(tmp_path).as_posix()}", path.read_bytes())
    yield made
    files.store.clear()
    mirror._open.clear()


def at_urls(data: dict[str, Any]) -> None:
    data["dataset"]["path"] = "memory://set/images"
    data["dataset"]["labels"] = "memory://set/images.txt"
    data["reference"]["model"] = "memory://set/one.fake"
    data["candidates"][0]["model"] = "memory://set/two.fake"


def test_the_run_is_that_of_the_same_files_on_disk(project: Project) -> None:
    on_disk = project.validate(use_cache=False)
    remote = project.validate(at_urls, use_cache=False)
    assert [(model.top1, model.top5, model.model_sha256) for model in remote.models] == [
        (model.top1, model.top5, model.model_sha256) for model in on_disk.models
    ]
    assert remote.comparisons == on_disk.comparisons
    assert remote.dataset.fingerprint == on_disk.dataset.fingerprint
    assert remote.config["dataset"]["path"] == "memory://set/images"
    assert remote.config["dataset"]["labels"] == "memory://set/images.txt"
    assert remote.config["candidates"][0]["model"] == "memory://set/two.fake"
    assert [model.model for model in remote.models] == ["memory://set/one.fake", "memory://set/two.fake"]
    assert "/remote/" not in remote.model_dump_json()  # below the cache's folder


@pytest.mark.parametrize("is_open", [True, False])  # the run's own process, and `harness report` later
def test_pictures_in_reports_come_from_disk_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch, is_open: bool
) -> None:
    record = project.validate(at_urls, use_cache=False)
    names = [f"{row:03d}.png" for row in range(3)]
    monkeypatch.setattr(Store, "read", lambda *_: pytest.fail("a report asked a store"))
    tree = next((project.folder / "cache" / "remote").rglob("001.png"))
    tree.write_bytes(b"")  # as if others had needed the room
    if not is_open:
        mirror._open.clear()
    found, reason = pictures(record, names)
    assert list(found) == ["000.png", "002.png"]
    assert reason == "001.png: no longer in the cache of what was read from URLs"
    on_disk, _ = pictures(project.validate(use_cache=False), names)
    assert all((found[name].pixels == on_disk[name].pixels).all() for name in found)
    shutil.rmtree(project.folder / "cache" / "remote")
    assert pictures(record, names) == ({}, "memory://set/images.txt: not in this machine's cache")


@pytest.mark.parametrize("url", ["https://me:secret-word@host/val?sig=abcdefghijklmnop", "https://host/val/"])
def test_a_mirror_is_found_by_the_url_that_a_record_shows(tmp_path: Path, url: str) -> None:
    cache = mirror.RemoteCache(tmp_path, 10**9)
    place = tmp_path / "remote" / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:32]
    (place / "tree" / "val").mkdir(parents=True, mode=0o700)
    (place / "url").write_text(redact(url.rstrip("/")))
    assert mirror.kept(redact(url), cache) == mirror.kept(url, cache) == place / "tree" / "val"
    with pytest.raises(DatasetError, match=r"https://host/other\?\*\*\*: not in this machine's cache"):
        mirror.kept("https://host/other?sig=abcdefghijklmnop", cache)


def test_a_reference_at_a_url_is_fetched_to_be_converted(project: Project) -> None:
    project.validate(at_urls, use_cache=False)
    config = load_config(project.folder / "config.yml")
    local = with_reference_fetched(config)
    assert local.reference is not None
    assert local.reference.model.read_bytes() == (project.folder / "one.fake").read_bytes()
    assert local.candidates == config.candidates  # that is what conversion makes
    assert local.resolved()["reference"]["model"] == "memory://set/one.fake"
    assert with_reference_fetched(local) is local


def test_a_run_is_resumed(project: Project) -> None:
    out = project.folder / "run"
    first = project.validate(at_urls, out=out)
    for table in sorted((out / "shards").glob("*.table"))[1:]:
        table.unlink()
    (out / "run.json").unlink()
    mirror._open.clear()
    assert project.validate(at_urls, out=out, resume=True).comparisons == first.comparisons


def test_a_worker_fetches_for_itself(project: Project) -> None:
    project.validate(at_urls, use_cache=False)
    config = load_config(project.folder / "config.yml")
    local = fetched(config)
    work = Work(local.dataset, None, None, "", (), config.dataset, mirror.RemoteCache(project.folder / "other", 10**9))
    fingerprint = ordered(open_image_set(local.dataset), None, None).manifest.fingerprint()
    with pytest.raises(DatasetError, match="lists different images or labels here"):
        work.open_images()
    images = dataclasses.replace(work, fingerprint=fingerprint).open_images()
    assert images.read(0) == (project.folder / "images" / "000.png").read_bytes()
    assert (project.folder / "other" / "remote").is_dir()


def test_credentials_in_a_url_are_in_no_record(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET_TOKEN", KEY)

    def change(data: dict[str, Any]) -> None:
        at_urls(data)
        data["dataset"]["path"] = "https://me:${SET_TOKEN}@127.0.0.1:9/images"

    with pytest.raises(DatasetError) as caught:
        project.validate(change, use_cache=False)
    assert KEY not in str(caught.value)
    config = load_config(project.folder / "config.yml")
    assert KEY in str(config.dataset.path)
    assert KEY not in json.dumps(config.resolved())


def test_without_fsspec_it_says_what_to_install(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "fsspec" else real(name, *more)
    )
    with pytest.raises(ConfigError, match=r"needs fsspec, which is not installed; run `pip install .*\[remote\]'`"):
        project.validate(at_urls, use_cache=False)


def test_a_configuration_without_urls_needs_nothing(
    tmp_path: Path, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Project(tmp_path)
    made.images(values_for(LABELS), LABELS)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None)
    record = made.validate(use_cache=False)
    config = load_config(tmp_path / "config.yml")
    assert not has_urls(config)
    assert fetched(config) is config
    assert record.config["dataset"]["path"] == str(tmp_path / "images")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("s3://bucket/val", "s3://bucket/val"),
        ("file:///data/val", "file:///data/val"),
        ("https://host/a?b=c", "https://host/a?b=c"),
        ("/data/val", None),
        ("C:/data/val", None),
        ("val", None),
    ],
)
def test_a_path_gives_its_url_back(text: str, url: str | None) -> None:
    assert url_of(Path(text)) == url
    assert is_url(text) == (url is not None)
