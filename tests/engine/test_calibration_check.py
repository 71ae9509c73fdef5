"""An INT8 candidate that was calibrated on an evaluated image fails, and only it, whatever that image is called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec
from harness.config import Input, load_config
from harness.dataset.manifest import Manifest
from harness.engine.lane import Lane
from harness.engine.run import Options
from harness.engine.session import validate
from harness.engine.shard import calibration_overlap
from harness.errors import ModelError
from harness.record.schema import RunRecord
from tests.conftest import Tiny, write_config, write_images

Project = Callable[..., Path]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def calibrated(tiny: Tiny, xml: Path, digests: Iterable[str]) -> Path:
    """Write the tiny IR with the digests of calibration images in its ``rt_info``, as a conversion does."""
    told = {
        "calibration_sha256": " ".join(digests),
        "color": "BGR",
        "channels_reversed": "true",
        "mean_inside": "[120.0, 110.0, 100.0]",
        "scale_inside": "[60.0, 50.0, 40.0]",
    }
    section = "".join(f'<{key} value="{value}"/>' for key, value in told.items())
    text = tiny.ir.read_text()
    assert text.count("<rt_info>") >= 1
    head, _, tail = text.rpartition("<rt_info>")
    xml.write_text(f"{head}<rt_info><harness>{section}</harness>{tail}")
    xml.with_suffix(".bin").write_bytes(tiny.ir.with_suffix(".bin").read_bytes())
    return xml


@pytest.fixture
def project(tiny: Tiny, tmp_path: Path) -> Project:
    """Return a function that writes a project of 300 images with a candidate calibrated on some of them.

    The calibration images are copies under other names, and one that is not evaluated at all.
    """
    write_images(tmp_path / "images", 300, different=290)

    def make(rows: Iterable[int] = (), *, alone: bool = False, cache: bool = False) -> Path:
        images = sorted((tmp_path / "images").iterdir())
        apart = tmp_path / "apart"
        apart.mkdir(exist_ok=True)
        (apart / "another.JPEG").write_bytes(b"what nobody evaluates")
        for row in rows:
            (apart / f"renamed {row}.JPEG").write_bytes(images[row].read_bytes())
        xml = calibrated(tiny, tmp_path / "int8.xml", map(sha256, apart.iterdir()))

        def change(data: dict[str, Any]) -> None:
            (first,) = data["candidates"]
            own = {**first, "id": "int8", "model": str(xml)}
            data["candidates"] = [own] if alone else [first, own]
            data["cache"]["candidates"] = cache

        return write_config(tmp_path, tiny, change)

    return make


def run(path: Path, out: str = "run", *, resume: bool = False, use_cache: bool = False) -> RunRecord:
    options = Options(out=path.parent / out, quiet=True, use_cache=use_cache, resume=resume)
    return validate(load_config(path), options)


@pytest.fixture
def blind() -> Iterator[pytest.MonkeyPatch]:
    """Leave the question out, as a harness that does not know it; undone by ``undo``."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("shard", "session"):
            patch.setattr(f"harness.engine.{module}.calibration_overlap", lambda *_: None)
        yield patch


def failed_alone(record: RunRecord) -> str:
    """Return why the INT8 candidate failed, while the others went on."""
    assert (record.status, record.exit_code) == ("complete", 3)
    status = {part.id: part.status for part in record.models}
    assert status["int8"] == "error"
    assert status["ir"] == status["tf"] != "error"
    assert {gate.verdict for gate in record.gates if gate.model == "int8"} == {"error"}
    assert record.dataset.evaluated == 300
    assert [part.candidate for part in record.comparisons] == ["ir"]
    assert record.to_pandas().columns.str.startswith("int8.").sum() == 0
    return next(part.error for part in record.models if part.id == "int8") or ""


def test_other_images_are_no_matter(project: Project) -> None:
    record = run(project())
    assert record.exit_code == 0
    assert {part.candidate for part in record.comparisons} == {"ir", "int8"}


def test_a_renamed_copy_fails_only_its_candidate(project: Project) -> None:
    said = failed_alone(run(project([7, 20])))
    assert said.startswith(
        "int8: 2 of the evaluated images, as far as they were read, are among the 3 that its INT8 was cal"
    )
    assert "such as image 00007.jpg (compared by content)" in said
    assert "set `conversion.calibration.path` and run `harness convert`" in said


def test_it_is_found_in_a_later_shard(project: Project) -> None:
    said = failed_alone(run(project([270])))
    assert said.startswith("int8: 1 of the evaluated images")
    assert "image 00270.png" in said


def test_the_only_candidate_ends_the_run(project: Project) -> None:
    path = project([7], alone=True)
    with pytest.raises(ModelError, match=r"int8: 1 of the evaluated images, .* image 00007\.jpg") as caught:
        run(path)
    assert caught.value.exit_code == 3


def test_tables_that_are_there_already_are_asked_too(project: Project, blind: pytest.MonkeyPatch) -> None:
    path = project([20, 270])
    assert run(path).exit_code == 0
    blind.undo()
    said = failed_alone(run(path, resume=True))
    assert said.startswith("int8: 2 of the evaluated images")


def test_a_half_of_the_tables(project: Project, blind: pytest.MonkeyPatch) -> None:
    """The table of the second shard is missing, and only that one has the image."""
    path = project([270])
    assert run(path).exit_code == 0
    blind.undo()
    (path.parent / "run" / "shards" / "000001.table").unlink()
    assert "int8: 1 of the evaluated images" in failed_alone(run(path, resume=True))


def test_the_only_candidate_of_such_tables_ends_the_run(project: Project, blind: pytest.MonkeyPatch) -> None:
    path = project([7], alone=True)
    assert run(path).exit_code == 0
    blind.undo()
    with pytest.raises(ModelError, match=r"image 00007\.jpg"):
        run(path, resume=True)


def test_a_probability_cache_hides_nothing(project: Project, blind: pytest.MonkeyPatch) -> None:
    path = project([7], cache=True)
    run(path, "first", use_cache=True)
    cached = run(path, "second", use_cache=True)
    assert {part.id for part in cached.models if part.cached} == {"tf", "ir", "int8"}
    blind.undo()
    assert "image 00007.jpg" in failed_alone(run(path, "third", use_cache=True))


def test_two_candidates_that_share_one_int8_ir_fail_both(project: Project) -> None:
    path = project([7])
    text = path.read_text()
    head, _, tail = text.partition("cache:")
    second = text[text.index("- id: int8") : text.index("cache:")].replace("id: int8", "id: int8-bf16")
    path.write_text(f"{head}{second}cache:{tail}")
    record = run(path)
    assert {part.id for part in record.models if part.status == "error"} == {"int8", "int8-bf16"}
    assert [part.candidate for part in record.comparisons] == ["ir"]


def test_the_question_itself() -> None:
    spec = ModelSpec("int8", "x.xml", Input(color="RGB"), "out", 4, 5)
    manifest = Manifest(("a", "b", "c"), np.zeros(3, np.int32))
    digests = (b"1", b"", b"3")
    assert calibration_overlap(Lane(spec, "openvino", "candidate"), manifest, range(3), digests) is None
    lane = Lane(spec, "openvino", "candidate", calibrated_on=frozenset({b"2", b"4"}))
    assert calibration_overlap(lane, manifest, range(3), digests) is None
    lane = Lane(spec, "openvino", "candidate", calibrated_on=frozenset({b"3", b"4"}))
    assert "1 of the evaluated images, as far as they were read, are among the 2 that" in str(
        calibration_overlap(lane, manifest, range(3), digests)
    )
