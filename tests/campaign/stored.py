"""What the harness keeps for itself: caches, run folders, marks and notes, on a disk that others may write to, too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from tests.campaign.kind import Kind
from tests.campaign.mutations import mutate_bytes, mutate_checked_table, mutate_keyed_rows, mutate_values

_IDENTITY = {"config": {"a": 1}, "models": {"ir": "ab" * 32}, "harness": "1"}
DIGESTS = tuple(bytes([number]) * 32 for number in range(4))


def _cache_entry(folder: Path) -> Path:
    from harness.backends.base import Loaded
    from harness.engine.cache import ProbabilityCache

    cache = ProbabilityCache(folder / "probabilities", {"k": 1})
    numbers = np.random.default_rng(0).random((4, 5), np.float32)
    cache.put(DIGESTS, numbers, Loaded("tensorflow 2", "CPU", "a CPU", "f32", "ab" * 32, {"batch": 32}))
    return next(cache.folder.glob("*.rows"))


def _use_cache_entry(path: Path) -> object:
    from harness.engine.cache import ProbabilityCache
    from harness.engine.cache_contents import contents

    contents(path.parents[2])
    entry = ProbabilityCache(path.parents[1], {"k": 1}).get(DIGESTS, 5)
    return entry and (entry.probabilities.sum(), entry.known.all(), entry.loaded.to_json())


def _cache_archive(folder: Path) -> Path:
    from harness.engine.cache_archive import export_cache

    _cache_entry(folder / "here")
    export_cache(folder / "here", folder / "cache.tar", 10**9)
    return folder / "cache.tar"


def _use_cache_archive(path: Path) -> object:
    from harness.engine.cache_archive import import_cache

    there = path.parent / "there"
    shutil.rmtree(there, ignore_errors=True)
    return import_cache(there, path, 10**9)


def _blob(folder: Path) -> Path:
    from harness.backends.openvino.blobs import checked

    with checked(folder / "own" / "blobs") as place:
        assert place
        (Path(place) / "1234.blob").write_bytes(bytes(range(256)))
    return folder / "own" / "blobs" / "1234.blob"


def _blobs_list(folder: Path) -> Path:
    return _blob(folder).with_name("blobs.json")


def _use_blobs(path: Path) -> object:
    from harness.backends.openvino.blobs import checked

    blob, sound = path.with_name("1234.blob"), bytes(range(256))
    changed = path == blob and path.read_bytes() != sound
    if path != blob:
        blob.write_bytes(sound)
        blob.chmod(0o600)
    with checked(path.parent) as place:
        assert place
        assert not (changed and blob.exists()), "a changed blob is left to OpenVINO"
        return blob.exists()


def _pixels(folder: Path) -> Path:
    from harness.feeding.pixel_store import PixelStore, StoredShard

    store = PixelStore(folder / "pixels", {"k": 1}, 10**9)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    store.put(StoredShard(("a", "b", "c", "d"), ("1", "2", "3", "4"), DIGESTS, (None, "bad", None, None), (pixels,)))
    store.close()
    return next((folder / "pixels").glob("*.pixels"))


def _use_pixels(path: Path) -> object:
    from harness.feeding.pixel_store import PixelStore

    store = PixelStore(path.parent, {"k": 1}, 10**9)
    found = store.get(("a", "b", "c", "d"), ("1", "2", "3", "4"), [((8, 8), np.dtype(np.uint8))])
    return found and (found.bad, found.digests, [part.sum() for part in found.pixels])


def _run_folder(folder: Path) -> Path:
    shutil.copytree(folder.parent / "a run", folder / "run")
    return folder / "run"


def _rows(run: Path) -> range:
    """Return the rows of the only shard of a run."""
    return range(json.loads((run / "run.json").read_text())["dataset"]["evaluated"])


def _shard_table(folder: Path) -> Path:
    return next(_run_folder(folder).glob("shards/*.table"))


def _use_shard_table(path: Path) -> object:
    from harness.engine.run_folder import RunFolder
    from harness.record.shard_table import merge_outcomes

    shard = RunFolder(path.parents[1]).load(int(path.stem), _rows(path.parents[1]))
    return shard and [merge_outcomes([shard], model) for model in shard.outcomes]


def _identity(folder: Path) -> Path:
    path = _run_folder(folder) / "shards" / "identity.json"
    path.write_text(json.dumps(_IDENTITY))
    return path


def _use_identity(path: Path) -> object:
    from harness.engine.run_folder import RunFolder

    with RunFolder(path.parents[1]) as opened:
        opened.identify(_IDENTITY)
        return opened.load(0, _rows(path.parents[1]))


def _speeds(folder: Path) -> Path:
    from harness.record.speeds import keep_speed
    from tests.record.test_speeds import run

    keep_speed(folder, run())
    return folder / "speeds.json"


def _use_speeds(path: Path) -> object:
    from harness.record.speeds import keep_speed, read_speeds
    from tests.record.test_speeds import run

    found = [speed.seconds(1000) for speed in read_speeds(path.parent)]
    keep_speed(path.parent, run(name="another"))
    return found


def _download_notes(folder: Path) -> Path:
    path = folder / "archive.part.json"
    path.write_text('{"sha384": "ab", "url": "http://127.0.0.1/a", "validator": "\\"x\\""}')
    return path


def _use_download_notes(path: Path) -> object:
    from harness.conversion.fetch.download import ResumingDownload

    download = ResumingDownload(path.with_suffix(""), 10, "ab", quiet=True)
    return download._read_notes(), download._range("http://127.0.0.1/a", 4)


def _environment(folder: Path) -> Path:
    path = folder / "environment" / "complete.json"
    path.parent.mkdir()
    path.write_text('{"format": 1, "version": "1.0", "versions": {"x": "1"}, "note": null, "files": "ab"}')
    path.parent.chmod(0o700)
    return path


def _use_environment(path: Path) -> object:
    from harness.bisecting.environments import _whole

    return _whole(path.parent, "openvino", "1.0")


def _planted(folder: Path) -> Path:
    from harness.diagnosis.answer import Diagnosis
    from harness.diagnosis.faults import FAULTS
    from harness.diagnosis.planted_rows import KeptRows, Row

    answer = Diagnosis("ir", "tf", "found", "mean", "a sentence", {"images": 3})
    rows = (Row((fault,), answer, 1.5) for fault in FAULTS[:3])
    assert len(list(KeptRows(folder / "rows.jsonl", ["a", "b"]).add(rows))) == 3
    return folder / "rows.jsonl"


def _use_planted(path: Path) -> object:
    from harness.diagnosis.planted_rows import KeptRows

    return [row.is_right for row in KeptRows(path, ["a", "b"]).rows]


STORED: tuple[Kind, ...] = (
    Kind("shard table, checksum made right", _shard_table, mutate_checked_table, _use_shard_table),
    Kind("shard table", _shard_table, mutate_bytes, _use_shard_table),
    Kind("identity of a run", _identity, mutate_values, _use_identity),
    Kind("cache entry, checksum made right", _cache_entry, mutate_keyed_rows, _use_cache_entry),
    Kind("cache entry", _cache_entry, mutate_bytes, _use_cache_entry),
    Kind("exported cache", _cache_archive, mutate_bytes, _use_cache_archive),
    Kind("compiled blob", _blob, mutate_bytes, _use_blobs, share=0.5),
    Kind("list of compiled blobs", _blobs_list, mutate_values, _use_blobs, share=0.5),
    Kind("kept pixels, checksum made right", _pixels, mutate_checked_table, _use_pixels),
    Kind("kept speeds", _speeds, mutate_values, _use_speeds, share=0.5),
    Kind("notes of a download", _download_notes, mutate_values, _use_download_notes),
    Kind("mark of an environment", _environment, mutate_values, _use_environment),
    Kind("kept plantings", _planted, mutate_bytes, _use_planted),
)
