"""`harness dataset inspect` and `index`, as a user types them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.cli import main
from harness.config import Dataset
from harness.dataset.image_set import open_image_set
from harness.dataset.remote import mirror
from tests.conftest import require


def picture(seed: int, size: tuple[int, int] = (30, 20), mode: str = "RGB", kind: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(sink, kind)
    return sink.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven images of ILSVRC2012's names: two the same, one cut off, one of grey, one PNG."""
    images = tmp_path / "val"
    images.mkdir()
    data = [
        picture(1),
        picture(1),
        picture(2)[:-50],
        picture(3, (40, 50), "L"),
        picture(4, kind="PNG"),
        b"",
        picture(5),
    ]
    for number, content in enumerate(data, start=1):
        (images / f"ILSVRC2012_val_{number:08d}.JPEG").write_bytes(content)
    return images


def inspect(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["dataset", "inspect", *map(str, arguments), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_inspect_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = inspect(capsys, folder)
    assert (found["form"], found["images"], found["labels"]["source"]) == ("flat", 7, "built-in labels of ILSVRC2012")
    labels = [65, 970, 230, 809, 516, 57, 334]  # the published labels of the first seven
    assert (found["labels"]["lowest"], found["labels"]["highest"]) == (min(labels), max(labels))
    assert found["classes"] == {"configured": 1000, "with_images": 7}
    assert found["labels"]["images_per_class"] == {"min": 1, "median": 1, "mean": 1.0, "max": 1}
    assert found["formats"] == {"JPEG": 4, "PNG": 1}
    assert found["modes"] == {"RGB": 4, "grey": 1}
    assert found["width"] == {"min": 30, "median": 30, "mean": 32.0, "max": 40}
    assert found["height"] == {"min": 20, "median": 20, "mean": 26.0, "max": 50}
    assert found["read"] == {"images": 7, "bytes": sum(path.stat().st_size for path in folder.iterdir())}
    assert found["bad_images"]["count"] == 2
    assert [item["reason"].partition(":")[0] for item in found["bad_images"]["first"]] == ["cut off", "empty file"]
    assert any(
        "1 images have the same bytes as another image, 1 of them with a different label" in item
        for item in found["oddities"]
    )
    first = found["examples"][0]
    assert (first["id"], first["class"], first["name"][:9]) == ("ILSVRC2012_val_00000001.JPEG", 65, "sea snake")
    assert [item["class"] for item in found["examples"]] == labels


def test_inspect_as_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "inspect", str(folder), "--images", "3"]) == 0
    text = capsys.readouterr().out
    assert "form             flat\n" in text
    assert "images           7\n" in text
    assert "read             3 images" in text
    assert "ILSVRC2012_val_00000003.JPEG: cut off" in text
    assert "class 65, sea snake" in text


def test_inspect_says_what_a_validation_would_refuse(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder.parent / "mine.txt").write_text("ILSVRC2012_val_00000001.JPEG 66\nILSVRC2012_val_00000002.JPEG 1000\n")
    found = inspect(capsys, folder, "--labels", folder.parent / "mine.txt")
    text = " ".join(found["oddities"])
    assert "1 classes are not in 0..999: [1000]; they look 1-based" in text
    assert "2 of 2 labels are not those of ILSVRC2012" in text
    assert "5 images without a label" in text


def test_the_index_gives_the_same_set_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder.parent / "index.csv"
    assert main(["dataset", "index", str(folder), str(file)]) == 0
    assert f"dataset.labels={file}" in capsys.readouterr().out
    assert file.read_text().splitlines()[:2] == ["image_id,label", "ILSVRC2012_val_00000001.JPEG,65"]
    one, other = open_image_set(Dataset(path=folder)), open_image_set(Dataset(path=folder, labels=str(file)))
    assert one.manifest.fingerprint() == other.manifest.fingerprint()
    assert main(["dataset", "index", str(folder), str(file)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["dataset", "index", str(folder), str(file), "--overwrite"]) == 0
    assert main(["dataset", "index", str(folder), str(folder / "no" / "x.csv")]) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["inspect", "{}/nowhere"], 3, "no such file or folder"),
        (["inspect", "{}", "--form", "floppy"], 3, "'floppy' is not a form"),
        (["inspect", "{}", "--labels", "{}/nowhere"], 3, "cannot be read"),
        (["inspect", "{}", "--class-names", "{}/nowhere"], 3, "cannot be read"),
    ],
)
def test_what_is_refused(
    arguments: Sequence[str], code: int, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", *(item.format(folder) for item in arguments)]) == code
    assert words in capsys.readouterr().err


def test_what_can_be_described_is_described_with_exit_code_0(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.txt").write_text("nowhere.JPEG 1\n")
    found = inspect(capsys, folder, "--labels", tmp_path / "list.txt")
    assert (found["images"], found["labels"]["source"]) == (7, "none")
    assert any("names 1 image" in sentence for sentence in found["oddities"])
    (tmp_path / "empty").mkdir()
    found = inspect(capsys, tmp_path / "empty")
    assert (found["form"], found["images"]) == ("unknown", 0)
    assert "not a known form of image set" in found["oddities"][0]


def test_own_class_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("dog", "cat"):
        (tmp_path / "val" / name).mkdir(parents=True)
        (tmp_path / "val" / name / "1.png").write_bytes(picture(7, kind="PNG"))
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    found = inspect(capsys, tmp_path / "val", "--class-names", tmp_path / "names.txt")
    assert found["form"] == "class_folders"
    assert [(item["id"], item["name"]) for item in found["examples"]] == [("dog/1.png", "dog"), ("cat/1.png", "cat")]
    assert (
        main(
            [
                "dataset",
                "inspect",
                str(tmp_path / "val"),
                "--class-names",
                str(tmp_path / "names.txt"),
                "--classes",
                "3",
            ]
        )
        == 2
    )


def test_a_set_at_a_url_is_the_set_on_disk(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    require("fsspec")
    import fsspec

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    files = fsspec.filesystem("memory")
    for path in folder.iterdir():
        files.pipe(f"/looked/val/{path.name}", path.read_bytes())
    found = []
    try:
        for place in (str(folder), "memory://looked/val"):
            assert main(["dataset", "inspect", place, "--json"]) == 0
            found.append(json.loads(capsys.readouterr().out.replace(place, "PLACE")))
            assert found[-1]["path"] == "PLACE"
            assert main(["dataset", "index", place, str(tmp_path / "list.csv"), "--overwrite"]) == 0
            assert f"--set dataset.path={place} --set" in capsys.readouterr().out
    finally:
        files.store.clear()
        mirror._open.clear()
    assert found[0] == found[1]
    assert found[0]["images"] == 7
    assert main(["dataset", "inspect", "memory://looked/other?sig=abcdefghijklmnopqrst"]) == 3
    assert "abcdefghijklmnopqrst" not in capsys.readouterr().err
