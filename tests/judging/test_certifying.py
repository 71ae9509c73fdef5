"""A run that may stop early: in random order, at the first shard at which every candidate is decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import load_config
from harness.config.schema import Certify
from harness.dataset.image_set import open_image_set
from harness.engine.run import Options
from harness.engine.session import validate
from harness.errors import ConfigError
from harness.judging.certifying import in_random_order, limited, other_limits
from harness.record.schema import GatePart, RunRecord
from tests.conftest import Tiny, write_config, write_images, write_list

ROWS = 1024  # four shards


def right_labels(tiny: Tiny, folder: Path) -> list[tuple[str, int]]:
    """Give every image the class that the network itself sees in it, so that the faithful model is always right."""
    import cv2
    import numpy as np

    pairs = []
    for path in sorted((folder / "images").iterdir()):
        image: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
        height, width = (int(side * 0.875) for side in image.shape[:2])
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        small = np.asarray(cv2.resize(image[top : top + height, left : left + width], (16, 16)))
        pairs.append((path.name, max(0, int(tiny.network.of_pixels(small[None]).argmax()) - 1)))
    return pairs


def run(tiny: Tiny, folder: Path, change: Any = None, **options: Any) -> RunRecord:
    write_images(folder / "images", ROWS, different=64)
    write_list(folder / "images", right_labels(tiny, folder))
    config = load_config(write_config(folder, tiny, change))
    return validate(config, Options(out=folder / "run", quiet=True, use_cache=False, **options))


def gate_of(record: RunRecord, name: str) -> GatePart:
    (part,) = (part for part in record.gates if part.gate == name and part.model == "ir")
    return part


def test_a_faithful_candidate_is_certified_before_the_end(tiny: Tiny, tmp_path: Path) -> None:
    record = run(tiny, tmp_path, certify_pp=5.0)
    assert record.dataset.evaluated < ROWS
    assert record.dataset.evaluated % 256 == 0
    assert gate_of(record, "certify").verdict == "pass"
    assert gate_of(record, "drop").verdict == "not_applicable"
    assert "certify" in gate_of(record, "drop").reason
    assert record.exit_code == 0


def test_a_swapped_candidate_stops_the_run_after_one_shard(tiny: Tiny, tmp_path: Path) -> None:
    def swapped(data: dict[str, Any]) -> None:
        data["candidates"][0]["input"]["color"] = "RGB"

    record = run(tiny, tmp_path, swapped, certify_pp=0.1)
    assert record.dataset.evaluated == 256
    assert gate_of(record, "parity").verdict == "fail"
    assert record.exit_code == 1


def test_without_a_decision_the_whole_set_is_seen_and_the_exact_count_decides(tiny: Tiny, tmp_path: Path) -> None:
    def half_wrong(data: dict[str, Any]) -> None:
        data["gates"] = {"parity": None}
        data["certify"] = {"top1_max_drop_pp": 0.0}

    record = run(tiny, tmp_path, half_wrong)
    assert record.dataset.evaluated == ROWS
    assert gate_of(record, "drop").verdict == "pass"
    assert gate_of(record, "certify").verdict == "pass"
    assert gate_of(record, "certify").reason.count("all 1,024 images") == 1


def test_an_interrupted_certification_goes_on_with_the_same_images(tiny: Tiny, tmp_path: Path) -> None:
    record = run(tiny, tmp_path, certify_pp=5.0)
    assert record.folder is not None
    tables = sorted((record.folder / "shards").glob("*.table"))
    tables[0].unlink()
    config = load_config(tmp_path / "config.yml")
    again = validate(config, Options(out=tmp_path / "run", quiet=True, use_cache=False, certify_pp=5.0, resume=True))
    assert again.dataset.fingerprint == record.dataset.fingerprint
    assert again.gates == record.gates


def test_a_drop_limit_that_is_another_than_the_certified_one_is_told(tiny: Tiny, tmp_path: Path) -> None:
    def two(data: dict[str, Any]) -> None:
        data["gates"] = {"drop": {"top1_max_pp": 0.1}}
        data["candidates"] += [{**data["candidates"][0], "id": "int8", "gates": {"drop": {"top1_max_pp": 2.0}}}]

    config = load_config(write_config(tmp_path, tiny, two))
    assert other_limits(config, Certify(top1_max_drop_pp=0.1)) == [
        "int8: certified to 0.1 pp of Top-1, like every candidate, although its own gates.drop.top1_max_pp is 2"
    ]
    assert [text.partition(":")[0] for text in other_limits(config, Certify(top1_max_drop_pp=5))] == ["ir", "int8"]


def test_the_order_is_a_permutation_fixed_by_its_seed(tiny: Tiny, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 30)
    images = open_image_set(load_config(write_config(tmp_path, tiny)).dataset)
    one, same, other = (in_random_order(images, Certify(seed=seed)) for seed in (1, 1, 2))
    assert one.manifest.image_ids == same.manifest.image_ids != other.manifest.image_ids
    assert sorted(one.manifest.image_ids) == sorted(images.manifest.image_ids)
    for row, name in enumerate(one.manifest.image_ids):
        before = images.manifest.image_ids.index(name)
        assert one.manifest.labels[row] == images.manifest.labels[before]
        assert one.read(row) == images.read(before)


def test_the_command_line_lies_over_the_configuration() -> None:
    assert limited(None, None) is None
    kept = Certify(confidence=0.9, seed=4)
    assert limited(kept, None) == kept
    changed = limited(kept, 0.5)
    assert changed is not None
    assert (changed.top1_max_drop_pp, changed.confidence, changed.seed) == (0.5, 0.9, 4)
    assert limited(None, 0.5) == Certify(top1_max_drop_pp=0.5)


@pytest.mark.parametrize("wrong", ["-1", "101", "x", "nan"])
def test_a_limit_that_is_none_is_a_usage_error(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    from harness.cli import main

    with pytest.raises(SystemExit) as caught:
        main(["validate", "x.yml", "--certify", wrong])
    assert caught.value.code == 2
    assert "percentage points" in capsys.readouterr().err


def test_the_record_shows_limit_confidence_and_seed_of_the_command_line(tiny: Tiny, tmp_path: Path) -> None:
    record = run(tiny, tmp_path, certify_pp=5.0)
    assert record.config["certify"] == {"top1_max_drop_pp": 5.0, "confidence": 0.95, "seed": 0}
    config = load_config(tmp_path / "config.yml")
    with pytest.raises(ConfigError, match=r"config\.certify\.top1_max_drop_pp: 5\.0 then, 1\.0 now"):
        validate(config, Options(out=tmp_path / "run", quiet=True, use_cache=False, certify_pp=1.0, resume=True))


def test_bad_images_are_no_evidence_and_only_those_of_finished_shards_are_told(tiny: Tiny, tmp_path: Path) -> None:
    def tolerant(data: dict[str, Any]) -> None:
        data["dataset"]["bad_images"] = {"policy": "wrong", "max": ROWS, "max_percent": 100}

    write_images(tmp_path / "images", ROWS, different=4)
    for path in (tmp_path / "images").iterdir():
        path.unlink()
        path.write_bytes(b"no picture")
    config = load_config(write_config(tmp_path, tiny, tolerant))
    record = validate(config, Options(out=tmp_path / "run", quiet=True, use_cache=False, certify_pp=5.0))
    assert gate_of(record, "certify").verdict == "not_applicable"
    assert record.exit_code == 5
    assert len(record.dataset.bad_images) == record.dataset.evaluated


def test_top5_is_not_said_to_be_answered(tiny: Tiny, tmp_path: Path) -> None:
    assert "Top-5 is judged on the whole set only" in gate_of(run(tiny, tmp_path, certify_pp=5.0), "drop").reason


def test_a_candidate_that_is_not_there_has_the_gate_too(tiny: Tiny, tmp_path: Path) -> None:
    def more(data: dict[str, Any]) -> None:
        (first,) = data["candidates"]
        data["candidates"] += [{**first, "id": "gpu", "device": "GPU.9"}]
        data["candidates"] += [{**first, "id": "npu", "device": "GPU.8", "optional": True}]

    record = run(tiny, tmp_path, more, certify_pp=5.0)
    found = {gate.model: gate for gate in record.gates if gate.gate == "certify"}
    assert [found[name].verdict for name in ("ir", "gpu", "npu")] == ["pass", "error", "not_applicable"]
    assert "GPU.9" in found["gpu"].reason


def test_a_stratified_subset_is_no_random_one(tiny: Tiny, tmp_path: Path) -> None:
    def some(data: dict[str, Any]) -> None:
        data["dataset"]["subset"] = {"images": 300, "stratified": True}

    record = run(tiny, tmp_path, some, certify_pp=5.0)
    assert any(warning.startswith("certify: dataset.subset is stratified") for warning in record.warnings)
