"""A run from a capsule against the whole run: the same verdicts, and the same differences to the last bit."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from harness.backends.registry import register
from harness.capsule.configuration import load, load_capsule
from harness.capsule.opened import open_capsule
from harness.config import load_config
from harness.engine.capsule import Making, make_capsule
from harness.engine.run import Options
from harness.engine.session import validate
from harness.errors import ConfigError, DatasetError, HarnessError, ModelError
from harness.record.schema import RunRecord
from tests.backends.fake import FACTS
from tests.engine.conftest import OUTPUTS, SIDE, Fakes

IMAGES = 300
Change = Callable[[dict[str, Any]], None]
EQUAL = ("status", "exit_code", "comparisons", "pairwise", "gates", "matrix")
EQUAL_OF_DATA = (
    "images",
    "listed",
    "evaluated",
    "bad_images",
    "bad_images_policy",
    "fingerprint",
    "content_fingerprint",
)
EQUAL_OF_MODELS = (
    "id",
    "role",
    "backend",
    "device",
    "device_name",
    "precision",
    "model_sha256",
    "details",
    "top1",
    "top5",
    "preprocessing",
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small pictures, each of one colour but for noise; the fake models are right for five of six."""
    folder = tmp_path_factory.mktemp("set") / "images"
    folder.mkdir()
    generator = np.random.default_rng(3)
    lines = []
    for number in range(IMAGES):
        pixels = np.full((8, 8, 3), generator.integers(0, 250), np.uint8) + generator.integers(
            0, 6, (8, 8, 3), np.uint8
        )
        cv2.imwrite(str(folder / f"{number:03d}.png"), pixels)
        first = int(cv2.resize(pixels[:7, :7], (SIDE, SIDE))[0, 0, 0])
        lines.append(f"{number:03d}.png {(first + (number % 6 == 5)) % OUTPUTS}\n")
    folder.with_suffix(".txt").write_text("".join(lines))
    return folder


@pytest.fixture
def written(images: Path, tmp_path: Path, fakes: Fakes) -> Callable[..., Path]:
    """Return a function that writes a configuration of two fake models."""

    def write(change: Change | None = None) -> Path:
        for name in ("original.fake", "board/other.fake"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("{}")
        model = {"backend": "fake", "input": {"color": "BGR"}}
        data: dict[str, Any] = {
            "version": 1,
            "name": "small",
            "dataset": {
                "path": str(images),
                "classes": OUTPUTS,
                "background_class": False,
                "images": IMAGES,
                "preprocess": {"size": SIDE},
            },
            "reference": {"id": "reference", "model": "original.fake", **model},
            "candidates": [{"id": "ir", "model": "board/other.fake", **model}],
            "gates": {"parity": {"max_abs_diff": 0.002}},
            "published": {"top1_percent": 83.33, "top5_percent": 100, "images": IMAGES},
            "cache": {"folder": "cache", "reference": False},
        }
        if change:
            change(data)
        path = tmp_path / "config.yml"
        path.write_text(yaml.safe_dump(data))
        return path

    return write


def made(config: Path, making: Making | None = None) -> Path:
    """Return a capsule in a folder where nothing is but the candidates' files."""
    file = config.parent / "board" / "a.capsule"
    make_capsule(load_config(config), file, making or Making(quiet=True))
    return file


def run(file: Path, out: str, *overrides: str, **options: Any) -> RunRecord:
    return validate(load(file, overrides), Options(out=file.parent / out, quiet=True, **options))


def assert_equal(whole: RunRecord, board: RunRecord) -> None:
    for name in EQUAL:
        assert getattr(board, name) == getattr(whole, name), name
    for name in EQUAL_OF_DATA:
        assert getattr(board.dataset, name) == getattr(whole.dataset, name), name
    for one, other in zip(whole.models, board.models, strict=True):
        for name in EQUAL_OF_MODELS:
            assert getattr(other, name) == getattr(one, name), (one.id, name)
    assert board.to_pandas().equals(whole.to_pandas())


def with_bad_images(before: Path, after: Path) -> None:
    """Copy the set; three of its images are none then, and one is not there at all."""
    shutil.copytree(before, after)
    shutil.copy(before.with_suffix(".txt"), after.with_suffix(".txt"))
    for number in (1, 7, 280):
        (after / f"{number:03d}.png").write_bytes(b"no image")
    (after / "009.png").unlink()


@pytest.mark.parametrize("encoded", [False, True], ids=["pixels", "encoded"])
@pytest.mark.parametrize("count", [64, IMAGES], ids=["subset", "whole set"])
def test_verdicts_and_differences_are_those_of_the_whole_run(
    written: Callable[..., Path], count: int, encoded: bool, fakes: Fakes
) -> None:
    config = written()
    whole = run(config, "whole", limit=count)
    assert {gate.gate for gate in whole.gates} == {"parity", "target", "drop"}
    assert whole.comparisons[0].max_abs_diff  # there is something to be equal
    file = made(config, Making(images=count, encoded=encoded, quiet=True))
    (config.parent / "original.fake").unlink()
    fakes.loads.clear()
    board = run(file, "board")
    assert fakes.loads == {"ir": 1}
    assert_equal(whole, board)
    assert (board.dataset.form, board.dataset.capsule) == ("capsule", open_capsule(file).sha256)
    assert [model.cached for model in board.models] == [True, False]


@pytest.mark.parametrize("encoded", [False, True], ids=["pixels", "encoded"])
def test_yardstick_and_speed_are_measured_on_the_board_without_the_reference(
    written: Callable[..., Path], encoded: bool, fakes: Fakes
) -> None:
    facts = dataclasses.replace(FACTS, runner="tests.engine.conftest:FakeModel")
    register(dataclasses.replace(facts, rounder="tests.engine.test_yardstick:Scaled"))

    def by_yardstick(data: dict[str, Any]) -> None:
        data["gates"] = {"parity": {"yardstick": "int8", "max_ratio": 1000}, "stability": {}}

    config = written(by_yardstick)
    whole = run(config, "whole", limit=64, speed=True)
    file = made(config, Making(images=64, encoded=encoded, quiet=True))
    (config.parent / "original.fake").unlink()
    fakes.loads.clear()
    board = run(file, "board", speed=True)
    assert "reference" not in fakes.loads
    assert [gate for gate in board.gates if gate.gate == "parity"] == [
        gate for gate in whole.gates if gate.gate == "parity"
    ]
    assert {gate.gate: gate.verdict for gate in board.gates if gate.model == "ir"}["stability"] == "pass"
    (ours,), (theirs,) = board.yardsticks, whole.yardsticks
    assert ours.errors == theirs.errors
    filters = tuple(each for each in theirs.input_changes if "filter" in each.change)
    assert filters  # which a capsule of pixels does not have
    assert ours.input_changes == (theirs.input_changes if encoded else theirs.input_changes[len(filters) :])
    assert [model.speed is not None for model in board.models] == [False, True]


@pytest.mark.parametrize("encoded", [False, True], ids=["pixels", "encoded"])
@pytest.mark.parametrize("policy", ["wrong", "skip"])
def test_bad_images_are_bad_on_the_board_for_the_same_reason(
    written: Callable[..., Path], images: Path, tmp_path: Path, policy: str, encoded: bool
) -> None:
    with_bad_images(images, tmp_path / "images")

    def change(data: dict[str, Any]) -> None:
        tolerant = {"policy": policy, "max": 9, "max_percent": 50}
        data["dataset"] |= {"path": str(tmp_path / "images"), "bad_images": tolerant}

    config = written(change)
    whole = run(config, "whole")
    assert len(whole.dataset.bad_images) == 4
    assert_equal(whole, run(made(config, Making(images=IMAGES, encoded=encoded, quiet=True)), "board"))


def test_bad_images_that_are_not_tolerated_leave_no_capsule(
    written: Callable[..., Path], images: Path, tmp_path: Path
) -> None:
    with_bad_images(images, tmp_path / "images")
    config = written(
        lambda data: data["dataset"].update(
            path=str(tmp_path / "images"), bad_images={"policy": "wrong", "max": 3, "max_percent": 50}
        )
    )
    with pytest.raises(DatasetError, match=r"(?s)4 bad images.*001\.png.*009\.png: missing"):
        made(config, Making(images=IMAGES, quiet=True))
    assert [each.name for each in (tmp_path / "board").iterdir()] == ["other.fake"]


def test_a_tolerated_share_is_named_as_one_of_all_images(
    written: Callable[..., Path], images: Path, tmp_path: Path
) -> None:
    with_bad_images(images, tmp_path / "images")
    config = written(
        lambda data: data["dataset"].update(
            path=str(tmp_path / "images"), bad_images={"policy": "wrong", "max": 9, "max_percent": 1}
        )
    )
    share = rf"bad_images.policy is wrong, {IMAGES // 100} allowed, which is 1 % of {IMAGES}\)"
    with pytest.raises(DatasetError, match=share):
        made(config, Making(images=IMAGES, quiet=True))


def test_each_preprocessing_has_its_pixels(written: Callable[..., Path]) -> None:
    def change(data: dict[str, Any]) -> None:
        data["candidates"][0]["preprocess"] = {"size": SIDE, "interpolation": "nearest"}

    config = written(change)
    file = made(config, Making(images=30, quiet=True))
    assert len(open_capsule(file).contents.prepared) == 2
    assert_equal(run(config, "whole", limit=30), run(file, "board"))


def test_a_certification_draws_the_same_images(written: Callable[..., Path]) -> None:
    config = written()
    whole = run(config, "whole", certify_pp=9.0)
    assert {gate.gate for gate in whole.gates} >= {"certify"}
    file = made(config, Making(images=280, certify_pp=9.0, quiet=True))
    assert open_capsule(file).contents.images.seed == 0
    board = run(file, "board")
    certify = {gate.model: gate for gate in whole.gates if gate.gate == "certify"}
    assert {gate.model: gate for gate in board.gates if gate.gate == "certify"} == certify
    assert certify["ir"].verdict == "pass"
    with pytest.raises(ConfigError, match="seed 5"):
        run(file, "other", "certify.seed=5")
    with pytest.raises(ConfigError, match="the first as listed"):
        run(made(config, Making(images=64, quiet=True)), "another", certify_pp=1.0)


def test_as_many_images_as_certification_takes(written: Callable[..., Path]) -> None:
    """As many as the whole run takes, give or take the flips that happen."""
    config = written()
    (whole,) = (gate for gate in run(config, "whole", certify_pp=9.0).gates if gate.gate == "certify")
    file = made(config, Making(certify_pp=9.0, discordant_percent=0.0, quiet=True))
    (gate,) = (gate for gate in run(file, "board").gates if gate.gate == "certify")
    assert (gate.verdict, whole.verdict) == ("pass", "pass")
    assert open_capsule(file).contents.images.count < IMAGES / 2


def test_without_a_reference(written: Callable[..., Path]) -> None:
    def change(data: dict[str, Any]) -> None:
        data["reference"] = None
        data["gates"] = {}

    config = written(change)
    assert_equal(run(config, "whole", limit=50), run(made(config, Making(images=50, quiet=True)), "board"))


def test_logits_are_read_as_they_were_where_the_capsule_was_made(written: Callable[..., Path]) -> None:
    def change(data: dict[str, Any]) -> None:
        for model in (data["reference"], data["candidates"][0]):
            model["output"] = {"activation": "softmax"}

    config = written(change)
    whole, board = run(config, "whole", limit=40), run(made(config, Making(images=40, quiet=True)), "board")
    assert whole.models[0].details["activation"] == "softmax"
    assert_equal(whole, board)


def test_a_run_is_resumed_also_after_the_capsule_was_moved(written: Callable[..., Path], fakes: Fakes) -> None:
    file = made(written(), Making(images=IMAGES, quiet=True))
    first = run(file, "board")
    moved = file.with_name("moved.capsule")
    file.rename(moved)
    fakes.images.clear()
    again = run(moved, "board", resume=True)
    assert (again.comparisons, fakes.images["ir"]) == (first.comparisons, 0)
    other = made(written(), Making(images=IMAGES, encoded=True, quiet=True))
    with pytest.raises(ConfigError, match="capsule"):
        run(other, "board", resume=True)


@pytest.mark.parametrize(
    ("override", "error", "said"),
    [
        ("dataset.preprocess.size=5", ConfigError, "preprocess"),
        (
            "candidates.ir.preprocess={size: 4, interpolation: nearest}",
            ConfigError,
            "has no pixels for its `preprocess`",
        ),
        ("reference.input.color=RGB", ConfigError, "has the predictions for input"),
        ("reference.output={activation: softmax}", ConfigError, "has the predictions for output"),
        ("dataset.background_class=true", ConfigError, "has the predictions for background_class"),
        ("candidates.ir.model=none.fake", ConfigError, "a capsule has no models: copy it there, or set candidates.ir"),
        ("candidates.i.device=GPU", ConfigError, "did you mean candidates.ir"),
        ("gates.parity.max_abs_dif=1", ConfigError, "did you mean `max_abs_diff`"),
        ("reference.recorded=null", ConfigError, "original.fake does not exist"),
    ],
)
def test_what_does_not_fit_the_recorded_answers(
    written: Callable[..., Path], override: str, error: type[HarnessError], said: str
) -> None:
    with pytest.raises(error, match=said):
        run(made(written()), "board", override)


@pytest.mark.parametrize(
    ("recorded", "configured", "fits"), [(None, "7", True), (32, "null", True), (32, "32", True), (32, "7", False)]
)
def test_a_batch_that_nobody_configured_fits_any_other(
    written: Callable[..., Path], recorded: int | None, configured: str, fits: bool
) -> None:
    file = made(written(lambda data: data["reference"].update(batch=recorded)))
    if fits:
        run(file, "board", f"reference.batch={configured}")
    else:
        with pytest.raises(ConfigError, match="has the predictions for batch: 32, but 7 is configured"):
            run(file, "board", f"reference.batch={configured}")


def test_gates_and_candidates_may_be_set(written: Callable[..., Path]) -> None:
    def change(data: dict[str, Any]) -> None:
        data["candidates"].append({**data["candidates"][0], "id": "own", "gates": {"parity": {"max_abs_diff": 1e-8}}})

    def verdicts(out: str, *overrides: str) -> dict[tuple[str, str], str]:
        record = run(file, out, *overrides)
        return {(gate.gate, gate.model): gate.verdict for gate in record.gates}

    file = made(written(change))
    strict = verdicts("strict", "gates.parity.max_abs_diff=1e-9", "candidates.ir.id=mine")
    assert (strict["parity", "mine"], strict["parity", "own"]) == ("fail", "fail")
    loose = verdicts("loose", "gates.parity.max_abs_diff=0.9", "gates.drop=null")
    assert (loose["parity", "ir"], loose["parity", "own"]) == ("pass", "fail")
    assert (loose["drop", "ir"], loose["drop", "own"]) == ("not_applicable", "not_applicable")


def test_a_configuration_of_ones_own_may_use_the_recorded_answers(written: Callable[..., Path], fakes: Fakes) -> None:
    file = made(written(), Making(images=50, encoded=True, quiet=True))
    config = written(lambda data: data["reference"].update(recorded=str(file)))
    fakes.loads.clear()
    run(config, "own", limit=50)  # the image set itself, the answers from the capsule
    assert fakes.loads == {"ir": 1}
    with pytest.raises(ModelError, match="has no prediction of the reference"):
        run(config, "more", limit=51)


def test_no_place_of_this_machine_is_in_it(written: Callable[..., Path], tmp_path: Path) -> None:
    file = made(written(), Making(images=5, quiet=True))
    contents = open_capsule(file).contents
    assert str(tmp_path) not in json.dumps(contents.model_dump(mode="json"))
    assert contents.config["candidates"][0]["model"] == "other.fake"
    assert load_capsule(file).candidates[0].model == file.parent / "other.fake"


def test_a_capsule_of_a_capsule_is_refused(written: Callable[..., Path], tmp_path: Path) -> None:
    file = made(written(), Making(images=5, quiet=True))
    with pytest.raises(ConfigError, match="is already a capsule"):
        make_capsule(load(file), tmp_path / "b.capsule")


def test_a_changed_answer_is_refused_before_anything_runs(written: Callable[..., Path], fakes: Fakes) -> None:
    file = made(written(), Making(images=5, quiet=True))
    data = bytearray(file.read_bytes())
    part = open_capsule(file).parts.parts["answers"]
    data[part.offset + 1] ^= 1
    file.write_bytes(data)
    fakes.loads.clear()
    with pytest.raises(DatasetError, match="`answers` was changed or damaged"):
        run(file, "board")
    assert not fakes.loads


def test_a_cause_is_looked_for_where_the_original_model_is(
    written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.diagnosis import quick

    monkeypatch.setattr(quick, "SECONDS", 0)
    config = load(made(written()), ["gates.parity.max_abs_diff=1e-9"])
    record = validate(config, Options(out=config.dataset.path.parent / "board", quiet=True), quick.explain)
    (found,) = record.diagnosis
    assert "run `harness diagnose CONFIG --candidate ir` on a machine with the original model" in found.sentence
