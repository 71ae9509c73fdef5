"""What is mutated, and what reads it: each kind is a seed file in a folder and a function that uses the folder."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

from tests.campaign.capsules import CAPSULES
from tests.campaign.documents import DOCUMENTS
from tests.campaign.forms import FORMS
from tests.campaign.kind import Kind, picture, read_all
from tests.campaign.models import MODELS
from tests.campaign.mutations import mutate_bytes, mutate_text
from tests.campaign.pages import PAGES
from tests.campaign.stored import STORED


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
    *DOCUMENTS,
    Kind("list", _list, mutate_text, _use_list),
    *PAGES,
    *STORED,
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
