"""What is mutated, and what reads it: each kind is a seed file in a folder and a function that uses the folder."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np

from tests.campaign.capsules import CAPSULES
from tests.campaign.forms import FORMS
from tests.campaign.kind import PROJECT, Kind, picture, read_all
from tests.campaign.models import MODELS
from tests.campaign.mutations import (
    mutate_bytes,
    mutate_checked_table,
    mutate_json,
    mutate_keyed_rows,
    mutate_text,
)


def _configuration(folder: Path) -> Path:
    path = folder / "config.yml"
    path.write_bytes((PROJECT / "configs" / "devices.yml").read_bytes())
    return path


def _use_configuration(path: Path) -> object:
    from harness.config import load_config

    return load_config(path)


def _images(folder: Path) -> Path:
    (folder / "images").mkdir()
    for number in range(6):
        (folder / "images" / f"{number}.jpg").write_bytes(picture(number))
    return folder / "images"


def _list(folder: Path) -> Path:
    _images(folder)
    path = folder / "images.txt"
    path.write_text("".join(f"{number}.jpg {number}\n" for number in range(6)))
    return path


def _use_list(path: Path) -> object:
    return read_all(path.parent / "images", labels=str(path))


def _tar(folder: Path) -> Path:
    path = folder / "val.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(6):
            data = picture(number)
            member = tarfile.TarInfo(f"val/n{number:08d}/{number}.JPEG")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    (folder / "val.txt").write_text("".join(f"{number}.JPEG {number}\n" for number in range(6)))
    return path


def _use_tar(path: Path) -> object:
    return read_all(path, labels=str(path.parent / "val.txt"))


def _webdataset(folder: Path) -> Path:
    path = folder / "shard-000000.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(6):
            for suffix, data in ((".jpg", picture(number)), (".cls", str(number).encode())):
                member = tarfile.TarInfo(f"{number:06d}{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return path


def _use_webdataset(path: Path) -> object:
    return read_all(path, form="webdataset")


def _parquet(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "val-00000.parquet"
    images = [{"bytes": picture(number), "path": f"{number}.jpg"} for number in range(6)]
    pq.write_table(pa.table({"image": images, "label": pa.array(range(6), pa.int64())}), path)
    return path


def _use_parquet(path: Path) -> object:
    return read_all(path, form="parquet")


def _archive(folder: Path) -> Path:
    path = folder / "model.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("model/net.pb", "model/readme.txt"):
            member = tarfile.TarInfo(name)
            member.size = 2000
            tar.addfile(member, io.BytesIO(bytes(2000)))
    return path


def _use_archive(path: Path) -> object:
    from harness.conversion.fetch.unpack import unpack

    target = path.parent / "unpacked"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    try:
        return unpack(path, target)
    finally:
        outside = [item for item in path.parent.iterdir() if item not in (path, target)]
        assert not outside, f"written outside of the folder: {outside}"


def _run_folder(folder: Path) -> Path:
    """Return a copy of the run that ``prepare`` made beside the campaign's folders."""
    shutil.copytree(folder.parent / "a run", folder / "run")
    return folder / "run" / "run.json"


def _predictions(folder: Path) -> Path:
    return _run_folder(folder).with_name("predictions.parquet")


def _use_run(path: Path) -> object:
    from harness.judging.recount import read_sound_record

    return read_sound_record(path.parent)


def _shard_table(folder: Path) -> Path:
    return next(_run_folder(folder).parent.glob("shards/*.table"))


def _use_shard_table(path: Path) -> object:
    from harness.disk.checked_table import read_table
    from harness.record.shard_table import ShardTable, merge_outcomes

    table = read_table(path)
    if table is None:
        return None
    try:
        shard = ShardTable.from_arrow(table)
    except ValueError:
        return None
    return [merge_outcomes([shard], model) for model in shard.outcomes]


def _cache_entry(folder: Path) -> Path:
    from harness.backends.base import Loaded
    from harness.engine.cache import ProbabilityCache

    cache = ProbabilityCache(folder, {"k": 1})
    numbers = np.random.default_rng(0).random((4, 5), np.float32)
    cache.put(_DIGESTS, numbers, Loaded("tensorflow 2", "CPU", "a CPU", "f32", "ab" * 32, {"batch": 32}))
    return next(folder.glob("*/*.rows"))


_DIGESTS = tuple(bytes([number]) * 32 for number in range(4))


def _use_cache_entry(path: Path) -> object:
    from harness.engine.cache import ProbabilityCache

    entry = ProbabilityCache(path.parent.parent, {"k": 1}).get(_DIGESTS, 5)
    return entry and (entry.probabilities.sum(), entry.known.all(), entry.loaded.to_json())


def _ir(folder: Path) -> Path:
    for suffix in (".xml", ".bin"):
        shutil.copy(folder.parent / f"tiny{suffix}", folder / f"tiny{suffix}")
    return folder / "tiny.xml"


def _use_ir(path: Path) -> object:
    from harness.backends.openvino.contract import calibrated_on, describe, read_contract
    from harness.backends.openvino.ir_files import weights_file_fault

    contract = read_contract(path)
    return describe(contract), calibrated_on(contract), weights_file_fault(path)


def _graph(folder: Path) -> Path:
    return Path(shutil.copy(folder.parent / "tiny.pb", folder / "tiny.pb"))


def _use_graph(path: Path) -> object:
    from harness.backends.tensorflow.graph_def import read_graph

    graph = read_graph(path)
    return graph.inputs, graph.outputs


def _onnx(folder: Path) -> Path:
    from tests.backends.onnxruntime.onnx_files import write_onnx
    from tests.conftest import the_network

    return write_onnx(folder / "tiny.onnx", the_network())


def _use_onnx(path: Path) -> object:
    from harness.backends.onnxruntime.external_data import files_of, require_inside

    require_inside(path)
    return files_of(path)


KINDS: tuple[Kind, ...] = (
    Kind("configuration", _configuration, mutate_text, _use_configuration),
    Kind("list", _list, mutate_text, _use_list),
    Kind("record", _run_folder, mutate_json, _use_run),
    Kind("per-image table", _predictions, mutate_bytes, _use_run),
    Kind("shard table, checksum made right", _shard_table, mutate_checked_table, _use_shard_table),
    Kind("cache entry, checksum made right", _cache_entry, mutate_keyed_rows, _use_cache_entry),
    Kind("tar", _tar, mutate_bytes, _use_tar),
    Kind("WebDataset", _webdataset, mutate_bytes, _use_webdataset),
    Kind("Parquet", _parquet, mutate_bytes, _use_parquet),
    Kind("archive", _archive, mutate_bytes, _use_archive),
    Kind("IR", _ir, mutate_text, _use_ir),
    Kind("graph", _graph, mutate_bytes, _use_graph),
    Kind("ONNX", _onnx, mutate_bytes, _use_onnx),
    *CAPSULES,
    *FORMS,
    *MODELS,
)
