"""`dataset inspect` describes what it can; `dataset index` writes only what a run reads back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.config import Dataset
from harness.dataset.image_set import open_image_set
from tests.dataset.sources.test_faults import add, touch


def test_images_without_labels_are_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = touch(tmp_path / "images", "a.jpg", "b.jpg")
    assert main(["dataset", "inspect", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["labels"]["source"], found["labels"]["lowest"]) == (2, "none", None)
    assert [item["class"] for item in found["examples"]] == [None, None]
    assert any("no labels were found for 2 of 2 images" in sentence for sentence in found["oddities"])
    assert main(["dataset", "inspect", str(folder)]) == 0
    assert "a.jpg: no label" in capsys.readouterr().out


def test_a_broken_list_is_described_and_nothing_at_all_is_refused(tmp_path: Path) -> None:
    folder = touch(tmp_path / "images", "a.jpg")
    for text in ("", "b.jpg 1\n", "a.jpg cat\n", "a.jpg 1\na.jpg 2\n"):
        (tmp_path / "images.txt").write_text(text)
        assert main(["dataset", "inspect", str(folder)]) == 0
    assert main(["dataset", "inspect", str(tmp_path / "nowhere")]) == 3


@pytest.mark.parametrize("name", ["a b, c.jpg", 'a "b".jpg', "café;1.jpg", "#a.jpg", "1.jpg"])
def test_a_written_list_gives_the_same_images_and_classes(tmp_path: Path, name: str) -> None:
    folder = touch(tmp_path / "val", f"7/{name}", "9/z.jpg")
    assert main(["dataset", "index", str(folder), str(tmp_path / "mine.csv")]) == 0
    found = open_image_set(Dataset(path=folder, labels=str(tmp_path / "mine.csv"), background_class=False))
    assert found.manifest.image_ids == (f"7/{name}", "9/z.jpg")
    assert found.manifest.labels.tolist() == [7, 9]


def test_the_list_of_an_archive(tmp_path: Path) -> None:
    path = add(tmp_path / "w.tar", ("1.cls", b"7"), ("1.jpg", b"x"), ("2.cls", b"9"), ("2.png", b"y"))
    assert main(["dataset", "index", str(path), str(tmp_path / "mine.csv")]) == 0
    found = open_image_set(Dataset(path=path, labels=str(tmp_path / "mine.csv"), background_class=False))
    assert (found.manifest.image_ids, found.manifest.labels.tolist()) == (("1.jpg", "2.png"), [7, 9])


@pytest.mark.parametrize(("name", "file"), [("a\nb.jpg", "mine.csv"), ("a.jpg", "mine.parquet"), ("a.jpg", "mine.tar")])
def test_a_list_that_cannot_be_read_back_is_not_written(
    tmp_path: Path, name: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = touch(tmp_path / "val", f"7/{name}")
    assert main(["dataset", "index", str(folder), str(tmp_path / file)]) == 3
    assert "not written, because" in capsys.readouterr().err
    assert not (tmp_path / file).exists()
