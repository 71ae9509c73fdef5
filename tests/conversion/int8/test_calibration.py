"""The choice of the images that INT8 is calibrated on. Nothing here needs NNCF."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.openvino.contract import IrContract
from harness.config import Config, Preprocess, load_config
from harness.conversion.int8.calibration import Calibration, calibration_fault, choose_images
from harness.errors import ConfigError, DatasetError
from harness.feeding.pipeline import prepare
from tests.conftest import write_images

Make = Callable[..., Config]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def asking(configure: Make, tmp_path: Path) -> Make:
    """Return a function that configures INT8 of 12 evaluated images, calibrated as its arguments say."""
    write_images(tmp_path / "images", 12, seed=1)

    def make(change: Callable[[dict[str, Any]], None] | None = None, **calibration: Any) -> Config:
        def whole(data: dict[str, Any]) -> None:
            data["conversion"] = {"weights": "int8", "calibration": calibration}
            if change:
                change(data)

        return configure(tmp_path / "net.pb", whole)

    return make


def chosen(config: Config) -> Calibration:
    return choose_images(config, config.candidates[0])


def test_the_choice_is_seeded_and_prepared_as_the_evaluation_does(asking: Make, tmp_path: Path) -> None:
    write_images(tmp_path / "apart", 30, seed=2)
    names = sorted(path.name for path in (tmp_path / "apart").iterdir())
    keys = np.random.PCG64(5).random_raw(len(names))  # the order that metrics.sequential promises, by hand
    expected = [names[row] for row in sorted(range(len(names)), key=lambda row: keys[row])][:8]
    found = chosen(asking(path="apart", images=8, seed=5))
    assert found.digests == tuple(sha256(tmp_path / "apart" / name) for name in expected)
    assert found.pixels.shape == (8, 16, 16, 3)
    for name, pixels in zip(expected, found.pixels, strict=True):
        np.testing.assert_array_equal(pixels, prepare((tmp_path / "apart" / name).read_bytes(), Preprocess(size=16)))
    assert (found.listed, found.left_out, found.notes) == (30, {}, ())
    assert chosen(asking(path="apart", images=8, seed=6)).digests != found.digests


def test_no_labels_are_needed_and_images_may_lie_in_folders(asking: Make, tmp_path: Path) -> None:
    for number in range(3):
        write_images(tmp_path / "apart" / f"anything {number}", 4, seed=10 + number)
        (tmp_path / "apart" / f"anything {number}.txt").unlink()
    assert len(chosen(asking(path="apart")).digests) == 12
    with tarfile.open(tmp_path / "apart.tar", "w") as archive:
        archive.add(tmp_path / "apart" / "anything 0", "anything")
    assert len(chosen(asking(path="apart.tar")).digests) == 4


def test_evaluated_images_are_never_used_whatever_they_are_called(asking: Make, tmp_path: Path) -> None:
    """Copies of three evaluated images lie among the others under other names, with other times."""
    write_images(tmp_path / "apart", 6, seed=2)
    evaluated = sorted((tmp_path / "images").iterdir())
    for number, path in enumerate(evaluated[:3]):
        copy = tmp_path / "apart" / f"new name {number}.JPEG"
        copy.write_bytes(path.read_bytes())
        os.utime(copy, (1, 1))
    found = chosen(asking(path="apart", images=9))
    assert not {sha256(path) for path in evaluated} & set(found.digests)
    assert len(found.digests) == 6
    assert found.left_out == {"evaluated": 3}
    assert "6 of the 9 that are there, 3 left out (evaluated)" in found.summary
    assert "because no more of the set's 9 can be used" in found.notes[0]


def test_evaluated_images_are_found_inside_an_archive(asking: Make, tmp_path: Path) -> None:
    """The evaluated set is a tar, in which an image has no file of its own whose size could be asked."""
    (tmp_path / "apart").mkdir()
    names = sorted(path.name for path in (tmp_path / "images").iterdir())
    for name in names[:2]:
        (tmp_path / "apart" / f"copy of {name}").write_bytes((tmp_path / "images" / name).read_bytes())
    write_images(tmp_path / "apart", 3, seed=2)
    with tarfile.open(tmp_path / "val.tar", "w") as archive:
        for name in names:
            archive.add(tmp_path / "images" / name, name)

    def of_tar(data: dict[str, Any]) -> None:
        data["dataset"] |= {"path": "val.tar", "labels": "images.txt"}

    found = chosen(asking(of_tar, path="apart"))
    assert (len(found.digests), found.left_out) == (3, {"evaluated": 2})


def test_only_evaluated_images_of_the_same_size_are_read(
    asking: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.dataset.sources import pictures

    write_images(tmp_path / "apart", 4, seed=2)
    sizes = {path.stat().st_size for path in (tmp_path / "apart").iterdir()}
    of_that_size = {path.name for path in (tmp_path / "images").iterdir() if path.stat().st_size in sizes}
    opened: list[str] = []
    real = pictures.read_file

    def read_file(path: str) -> bytes:
        opened.append(path)
        return real(path)

    monkeypatch.setattr(pictures, "read_file", read_file)
    chosen(asking(path="apart"))
    assert {Path(path).name for path in opened if Path(path).parent.name == "images"} == of_that_size
    assert len(of_that_size) < 12


def test_without_a_path_the_images_that_the_subset_leaves_over(asking: Make, tmp_path: Path) -> None:
    from harness.dataset.image_set import open_image_set

    config = asking(lambda data: data["dataset"].update(subset={"images": 5}), images=50)
    found = chosen(config)
    evaluated = {sha256(tmp_path / "images" / name) for name in open_image_set(config.dataset).manifest.image_ids}
    everything = {sha256(path) for path in (tmp_path / "images").iterdir()}
    assert len(evaluated) == 5
    assert set(found.digests) == everything - evaluated


def test_without_a_path_and_with_every_image_evaluated_it_is_said_what_to_write(asking: Make, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"every image of .*images is evaluated.*calibration: \{path: FOLDER\}"):
        chosen(asking())
    with pytest.raises(ConfigError, match="subset chooses every image"):
        chosen(asking(lambda data: data["dataset"].update(subset={"images": 12})))
    with pytest.raises(ConfigError, match=r"dataset\.path does not exist"):
        chosen(asking(lambda data: data["dataset"].update(path="elsewhere")))


def test_without_the_evaluated_images_that_is_said(asking: Make, tmp_path: Path) -> None:
    write_images(tmp_path / "apart", 4, seed=2)
    found = chosen(asking(lambda data: data["dataset"].update(path="elsewhere"), path="apart", images=4))
    assert len(found.digests) == 4
    assert len(found.notes) == 1
    assert "the calibration images were not compared with the evaluated ones" in found.notes[0]


def test_what_cannot_be_used_is_left_out_and_counted(asking: Make, tmp_path: Path) -> None:
    folder = tmp_path / "apart"
    write_images(folder, 5, seed=2)
    (folder / "twice.JPEG").write_bytes((folder / "image 00001.jpg").read_bytes())
    (folder / "text.JPEG").write_text("no picture")
    (folder / "nothing.JPEG").write_bytes(b"")
    (folder / "gone.JPEG").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.JPEG")
    (folder / os.fsdecode(b"\xff\x1b[31m\n.JPEG")).write_bytes(b"no picture either")
    found = chosen(asking(path="apart", images=20))
    assert len(found.digests) == 5
    assert found.left_out == {"listed twice": 1, "no image": 3, "unreadable": 2}
    assert found.summary.isprintable()


def test_no_usable_image_at_all(asking: Make, tmp_path: Path) -> None:
    (tmp_path / "apart").mkdir()
    (tmp_path / "apart" / "text.JPEG").write_text("no picture")
    with pytest.raises(DatasetError, match=r"calibration\.path: none of the 1 images .*\(1 no image\)"):
        chosen(asking(path="apart"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"conversion\.calibration\.path: .*it contains nothing"):
        chosen(asking(path="empty"))
    with pytest.raises(DatasetError, match=r"none of the 12 images can be calibrated on \(12 evaluated\)"):
        chosen(asking(path="images"))


def test_a_candidate_has_calibration_images_of_its_own(asking: Make, tmp_path: Path) -> None:
    write_images(tmp_path / "apart", 4, seed=2)
    write_images(tmp_path / "others", 3, seed=3)

    def own(data: dict[str, Any]) -> None:
        data["candidates"][0]["conversion"] = {"calibration": {"path": "others"}}

    config = asking(own, path="apart", images=3, seed=1)
    assert set(chosen(config).digests) == {sha256(path) for path in (tmp_path / "others").iterdir()}
    (tmp_path / "others").rename(tmp_path / "away")
    with pytest.raises(DatasetError, match=r"candidates\[0\]\.conversion\.calibration\.path: .*no such file"):
        chosen(load_config(tmp_path / "config.yml"))


# Whether the choice would be another one today.


def recorded(found: Calibration) -> IrContract:
    return IrContract("harness", parameters=found.recorded())


def fault(config: Config, found: Calibration) -> str | None:
    return calibration_fault(config, config.candidates[0], recorded(found))


def test_the_same_choice_is_no_fault_and_decodes_nothing(
    asking: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.conversion.int8 import calibration

    write_images(tmp_path / "apart", 8, seed=2)
    config = asking(path="apart", images=4)
    found = chosen(config)
    monkeypatch.setattr(calibration, "prepare", lambda *_: pytest.fail("decoded"))
    assert fault(config, found) is None


def test_another_content_another_set_or_one_more_evaluated_image_is_a_fault(asking: Make, tmp_path: Path) -> None:
    write_images(tmp_path / "apart", 8, seed=2)
    write_images(tmp_path / "changed", 8, seed=3)
    config = asking(path="apart", images=4)
    found = chosen(config)
    assert "0 of its 4 are among the 4 configured now" in str(fault(asking(path="changed", images=4), found))
    used = next(path for path in (tmp_path / "apart").iterdir() if sha256(path) == found.digests[1])
    content = used.read_bytes()
    (tmp_path / "images" / "one more.jpg").write_bytes(content)
    with (tmp_path / "images.txt").open("a") as listing:
        listing.write("one more.jpg 1\n")
    assert "3 of its 4 are among the 4 configured now" in str(fault(config, found))
    (tmp_path / "images" / "one more.jpg").write_bytes(b"another")
    assert fault(config, found) is None
    used.write_bytes(next((tmp_path / "changed").iterdir()).read_bytes())
    assert "3 of its 4 are among the 4 configured now" in str(fault(config, found))


def test_where_the_evaluated_images_are_gone_what_was_left_out_is_no_fault(asking: Make, tmp_path: Path) -> None:
    """Otherwise a machine without the data set would calibrate anew, and then on the evaluated images."""
    write_images(tmp_path / "apart", 8, seed=2)
    for number, path in enumerate(sorted((tmp_path / "images").iterdir())[:4]):
        (tmp_path / "apart" / f"copy {number}.JPEG").write_bytes(path.read_bytes())
    config = asking(path="apart", images=6)
    found = chosen(config)
    assert found.left_out["evaluated"] > 0
    (tmp_path / "images").rename(tmp_path / "away")
    assert fault(config, found) is None
    used = next(path for path in (tmp_path / "apart").iterdir() if sha256(path) == found.digests[2])
    used.unlink()
    assert "5 of its 6 are among the 5 configured now" in str(fault(config, found))


def test_a_set_of_which_nothing_can_be_used_any_more_is_a_fault(asking: Make, tmp_path: Path) -> None:
    write_images(tmp_path / "apart", 4, seed=2)
    config = asking(path="apart", images=4)
    found = chosen(config)
    for path in (tmp_path / "apart").iterdir():
        path.write_bytes(b"no picture")
    assert "0 of its 4 are among the 0 configured now" in str(fault(config, found))


def test_where_the_images_are_gone_nothing_can_be_said(asking: Make, tmp_path: Path) -> None:
    write_images(tmp_path / "apart", 8, seed=2)
    config = asking(path="apart", images=4)
    found = chosen(config)
    (tmp_path / "apart").rename(tmp_path / "away")
    assert fault(config, found) is None
