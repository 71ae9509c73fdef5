"""Further forms of image sets and labels, further formats of images, and the files of other tools."""

from __future__ import annotations

import io
import random
from pathlib import Path

from tests.campaign.kind import Kind, picture, read_all
from tests.campaign.mutations import mutate_bytes, mutate_text
from tests.dataset.sources import forms
from tests.dataset.sources.tfrecord_files import payloads, record, write_tfrecord

_IMAGES = 6


def _facts() -> forms.Facts:
    from harness.dataset.imagenet import class_of_wnid, validation_labels

    return forms.Facts(validation_labels().tolist(), list(class_of_wnid()))


def _pictures() -> list[forms.Picture]:
    labels = _facts().labels
    names = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, _IMAGES + 1)]
    return [forms.Picture(name, picture(row), labels[row]) for row, name in enumerate(names)]


def _tfrecord(folder: Path) -> Path:
    return write_tfrecord(folder, [(f"{number}.jpg", picture(number), number) for number in range(_IMAGES)])


def _mutate_records(data: bytes, rng: random.Random) -> bytes:
    """Change one record and make the checksum of its length right again."""
    found = payloads(data)
    at = rng.randrange(len(found))
    found[at] = mutate_bytes(found[at], rng)
    return b"".join(map(record, found))


def _arrow(folder: Path) -> Path:
    import pyarrow as pa

    images = [{"bytes": picture(number), "path": f"{number}.jpg"} for number in range(_IMAGES)]
    table = pa.table({"image": images, "label": pa.array(range(_IMAGES), pa.int64())})
    path = folder / "validation.arrow"
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


def _manifest(folder: Path) -> Path:
    return forms.manifest_parquet(folder / "set", _pictures(), _facts())[0]


def _solution(folder: Path) -> Path:
    return forms.kaggle(folder, _pictures(), _facts())[0] / "LOC_val_solution.csv"


def _annotation(folder: Path) -> Path:
    forms.xml_annotations(folder, _pictures(), _facts())
    return next((folder / "ILSVRC" / "Annotations").rglob("*1.xml"))


def _use_annotation(path: Path) -> object:
    return read_all(path.parents[4] / "ILSVRC" / "Data" / "CLS-LOC" / "val")


def _devkit(folder: Path) -> Path:
    forms.devkit(folder, _pictures(), _facts())
    return folder / "ILSVRC2012_devkit_t12" / "data" / "meta.mat"


def _use_devkit(path: Path) -> object:
    from harness.dataset.labels.devkit import read_devkit

    return read_devkit(path.parents[1])


def _devkit_archive(folder: Path) -> Path:
    return forms.devkit_archive(folder / "ILSVRC2012_devkit_t12.tar.gz", _facts())


def _use_devkit_archive(path: Path) -> object:
    from harness.dataset.labels.devkit import read_devkit

    return read_devkit(path)


def _class_names(folder: Path) -> Path:
    path = folder / "names.txt"
    path.write_text("".join(f"class {number}\n" for number in range(10)))
    return path


def _use_class_names(path: Path) -> object:
    from harness.dataset.sources.opening import read_class_names

    return read_class_names(path)


def _image_of(kind: str) -> Kind:
    def make(folder: Path) -> Path:
        from PIL import Image

        path = folder / "image"
        Image.open(io.BytesIO(picture(0, "PNG"))).save(path, kind)
        return path

    def use(path: Path) -> object:
        from harness.dataset.image import BadImageError, decode, decode_with_pillow

        try:
            ours: object = decode(path.read_bytes())
        except BadImageError:
            ours = None  # Pillow may read what OpenCV does not
        return ours, decode_with_pillow(path.read_bytes())

    return Kind(kind, make, mutate_bytes, use)


FORMS: tuple[Kind, ...] = (
    Kind("TFRecord", _tfrecord, mutate_bytes, lambda path: read_all(path, classes=10)),
    Kind("TFRecord, checksums made right", _tfrecord, _mutate_records, lambda path: read_all(path, classes=10)),
    Kind("Arrow", _arrow, mutate_bytes, lambda path: read_all(path, classes=10)),
    Kind("list in Parquet", _manifest, mutate_bytes, read_all),
    Kind("solution of Kaggle", _solution, mutate_text, lambda path: read_all(path.parent)),
    Kind("annotations in XML", _annotation, mutate_text, _use_annotation),
    Kind("devkit", _devkit, mutate_bytes, _use_devkit),
    Kind("archive of a devkit", _devkit_archive, mutate_bytes, _use_devkit_archive),
    Kind("names of classes", _class_names, mutate_text, _use_class_names),
    *(_image_of(kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF")),
)
