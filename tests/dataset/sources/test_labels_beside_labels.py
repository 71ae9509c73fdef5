"""Two labels for one image: a column that stands twice, numbers beside words, and WordNet ids that say otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.config import Dataset
from harness.dataset.image_set import ImageSet, open_image_set
from harness.errors import DatasetError
from tests.dataset.sources.test_faults import add, touch
from tests.dataset.sources.test_list_spellings import EVERY, LABELS, check, written

WNIDS = ("n01440764", "n01443537", "n15075141")  # tench, goldfish and toilet tissue: the classes 0, 1 and 999
CLASSES = (0, 1, 999)
NAMES = ("a.jpg", "b.jpg", "c.jpg")
KIND = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def in_list(folder: Path, labels: list[int], keys: dict[str, Any]) -> ImageSet:
    touch(folder / "im", *NAMES)
    rows = [f"{name},{label},{wnid}\n" for name, label, wnid in zip(NAMES, labels, WNIDS, strict=True)]
    (folder / "im.csv").write_text("filename,label,wnid\n" + "".join(rows))
    return open_image_set(Dataset(path=folder / "im", background_class=False, **_with_source(keys, folder / "im.csv")))


def as_manifest(folder: Path, labels: list[int], keys: dict[str, Any]) -> ImageSet:
    touch(folder, *NAMES)
    rows = [f"{name}\t{label}\t{wnid}\n" for name, label, wnid in zip(NAMES, labels, WNIDS, strict=True)]
    (folder / "m.tsv").write_text("path\tlabel\tsynset\n" + "".join(rows))
    return open_image_set(
        Dataset(path=folder / "m.tsv", background_class=False, **_with_source(keys, folder / "m.tsv"))
    )


def as_parquet_manifest(folder: Path, labels: list[int], keys: dict[str, Any]) -> ImageSet:
    touch(folder, *NAMES)
    pq.write_table(pa.table({"path": NAMES, "label": labels, "wnid": WNIDS}), folder / "m.parquet")
    where = folder / "m.parquet"
    return open_image_set(Dataset(path=where, background_class=False, **_with_source(keys, where)))


def _table(labels: list[int]) -> pa.Table:
    images = pa.array([{"bytes": name.encode(), "path": name} for name in NAMES], KIND)
    return pa.table({"image": images, "label": labels, "synset": WNIDS})


def as_parquet(folder: Path, labels: list[int], keys: dict[str, Any]) -> ImageSet:
    pq.write_table(_table(labels), folder / "p.parquet")
    return open_image_set(Dataset(path=folder / "p.parquet", background_class=False, **keys))


def as_arrow(folder: Path, labels: list[int], keys: dict[str, Any]) -> ImageSet:
    with pa.ipc.new_stream(str(folder / "p.arrow"), _table(labels).schema) as writer:
        writer.write_table(_table(labels))
    return open_image_set(Dataset(path=folder / "p.arrow", background_class=False, **keys))


def as_webdataset(folder: Path, labels: list[int], keys: dict[str, Any]) -> ImageSet:
    members: list[tuple[str, bytes]] = []
    for name, label, wnid in zip(NAMES, labels, WNIDS, strict=True):
        members += [(name, name.encode()), (f"{name[0]}.json", json.dumps({"label": label, "wnid": wnid}).encode())]
    return open_image_set(Dataset(path=add(folder / "w.tar", *members), background_class=False, **keys))


def as_webdataset_with_cls(folder: Path, labels: list[int], keys: dict[str, Any]) -> ImageSet:
    members: list[tuple[str, bytes]] = []
    for name, label, wnid in zip(NAMES, labels, WNIDS, strict=True):
        beside = json.dumps({"wnid": wnid, "caption": "x"}).encode()
        members += [(name, name.encode()), (f"{name[0]}.cls", str(label).encode()), (f"{name[0]}.json", beside)]
    return open_image_set(Dataset(path=add(folder / "w.tar", *members), background_class=False, **keys))


def _with_source(keys: dict[str, Any], source: Path) -> dict[str, Any]:
    return keys | ({"labels": {"source": str(source), "trust": True}} if "labels" in keys else {})


FORMS = [in_list, as_manifest, as_parquet_manifest, as_parquet, as_arrow, as_webdataset, as_webdataset_with_cls]
Opened = Callable[[Path, list[int], dict[str, Any]], ImageSet]


@pytest.mark.parametrize("form", FORMS)
def test_wordnet_ids_beside_the_labels_tell_for_certain(tmp_path: Path, form: Opened) -> None:
    assert form(tmp_path, list(CLASSES), {}).manifest.labels.tolist() == list(CLASSES)
    with pytest.raises(DatasetError) as caught:
        form(tmp_path, [0, 2, 999], {})
    assert "1 of 3 labels are not those of the WordNet ids beside them" in str(caught.value)
    assert "b.jpg: class 2 instead of 1 by its WordNet id" in str(caught.value)
    with pytest.raises(DatasetError, match="because every class is one too high"):
        form(tmp_path, [1, 2, 1000], {})


@pytest.mark.parametrize("form", FORMS)
def test_a_set_with_its_own_numbers_may_have_any_wordnet_ids(tmp_path: Path, form: Opened) -> None:
    assert form(tmp_path, [4, 3, 2], {"classes": 100}).manifest.labels.tolist() == [4, 3, 2]


@pytest.mark.parametrize("form", [in_list, as_manifest, as_parquet_manifest])
def test_labels_may_be_trusted_against_their_wordnet_ids(tmp_path: Path, form: Opened) -> None:
    assert form(tmp_path, [4, 3, 2], {"labels": "trusted"}).manifest.labels.tolist() == [4, 3, 2]


def test_label_and_json_of_a_sample_that_differ(tmp_path: Path) -> None:
    path = add(tmp_path / "w.tar", ("a.jpg", b"x"), ("a.cls", b"3"), ("a.json", b'{"label": 4}'))
    with pytest.raises(DatasetError, match=r"a\.cls: class 3, and 4 in the \.json beside it"):
        open_image_set(Dataset(path=path))
    for other in (b'{"label": 3}', b'{"label": "cat"}', b"[1]", b"no JSON", b"\xff"):
        add(path, ("a.jpg", b"x"), ("a.cls", b"3"), ("a.json", other))
        assert open_image_set(Dataset(path=path, background_class=False)).manifest.labels.tolist() == [3]


@pytest.mark.parametrize("opened", EVERY)
@pytest.mark.parametrize("header", ["name,label,label", "name,label,name"])
def test_a_column_that_a_header_names_twice_is_refused(
    tmp_path: Path, header: str, opened: Callable[..., ImageSet]
) -> None:
    line = "{name},{label},7\n" if header.endswith("label") else "{name},{label},other.JPEG\n"
    with pytest.raises(DatasetError, match=f"the column {header.rpartition(',')[2]} appears twice"):
        opened(tmp_path, written(line=line, before=f"{header}\n"))


@pytest.mark.parametrize("opened", EVERY)
@pytest.mark.parametrize("header", ["filename,class,class_id", "filename,label,label_id", "filename,category,target"])
def test_words_beside_numbers(tmp_path: Path, header: str, opened: Callable[..., ImageSet]) -> None:
    check(opened(tmp_path, written(line="{name},a dog,{label}\n", before=f"{header}\n")))


@pytest.mark.parametrize("opened", EVERY)
def test_one_word_among_numbers_is_no_reason_to_read_another_column(
    tmp_path: Path, opened: Callable[..., ImageSet]
) -> None:
    text = written(line="{name},{label},7\n", before="filename,label,label_id\n").replace(b",970,", b",dog,")
    with pytest.raises(DatasetError, match=":3: 'dog' is not a class"):
        opened(tmp_path, text)


def test_the_labels_of_these_tests_differ() -> None:
    assert len(set(LABELS.values())) == len(LABELS)
