"""The embedded demo: its images, its lists, its graph, and that the scripts make them again."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "datasets" / "demo"
GRAPH = DEMO / "mobilenet_v2_demo_frozen.pb"
SHARED = ROOT.parent / "shared"
AS_PUBLISHED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


@pytest.fixture(scope="module", autouse=True)
def _importable() -> Any:
    """Let `datasets.demo` be imported however pytest was started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, int]]:
    found = []
    for line in (DEMO / "val.txt").read_text(encoding="ascii").splitlines():
        assert re.fullmatch(r"DEMO_val_\d{8}\.JPEG \d{1,3}", line), line
        name, class_index = line.split()
        found.append((name, int(class_index)))
    return found


@pytest.fixture(scope="module")
def synsets() -> dict[int, tuple[str, str]]:
    lines = (DEMO / "synsets.txt").read_text(encoding="ascii").splitlines()
    parts = [line.split(" ", 2) for line in lines if not line.startswith("#")]
    return {int(index): (wordnet_id, name) for index, wordnet_id, name in parts}


@pytest.fixture(scope="module")
def provenance() -> dict[str, Any]:
    return dict(json.loads((DEMO / "provenance.json").read_text(encoding="ascii")))


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    return dict(json.loads((DEMO / "metrics.json").read_text(encoding="ascii")))


# -- images and lists ----------------------------------------------------------------------------------------
def test_list_and_folder_hold_the_same_images(rows: list[tuple[str, int]]) -> None:
    names = [name for name, _ in rows]
    assert len(names) >= 640
    assert len(set(names)) == len(names)
    assert set(names) == {path.name for path in (DEMO / "val").iterdir()}


def test_classes_are_balanced_and_in_the_table(
    rows: list[tuple[str, int]], synsets: dict[int, tuple[str, str]]
) -> None:
    counts = Counter(class_index for _, class_index in rows)
    assert set(counts) == set(synsets)
    assert len(counts) >= 40
    assert max(counts.values()) == min(counts.values())
    assert all(0 <= class_index < 1000 for class_index in counts)


def test_first_images_show_most_classes(rows: list[tuple[str, int]], synsets: dict[int, tuple[str, str]]) -> None:
    assert len({class_index for _, class_index in rows[:64]}) >= 0.9 * len(synsets)


def test_a_third_of_the_classes_depend_on_colour() -> None:
    from datasets.demo.drawing.classes import SUBJECTS

    assert sum(subject.by_colour for subject in SUBJECTS.values()) * 3 >= len(SUBJECTS)


@pytest.mark.shared
def test_table_agrees_with_the_class_list(synsets: dict[int, tuple[str, str]]) -> None:
    path = SHARED / "imagenet" / "synset_words.txt"
    if not path.is_file():
        pytest.skip(f"no test bed at {path}")
    lines = path.read_text(encoding="utf-8").splitlines()
    for index, (wordnet_id, name) in synsets.items():
        expected_id, names = lines[index].split(" ", 1)
        assert wordnet_id == expected_id
        assert name in names.split(", ")


def test_every_image_decodes_and_they_vary(rows: list[tuple[str, int]]) -> None:
    shapes = set()
    for name, _ in rows:
        image = cv2.imread(str(DEMO / "val" / name), AS_PUBLISHED)
        assert image is not None, name
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        assert 160 <= min(image.shape[:2]) <= max(image.shape[:2]) <= 320, name
        shapes.add(image.shape[:2])
    assert len(shapes) > 100
    ratios = [width / height for height, width in shapes]
    assert min(ratios) < 0.7
    assert max(ratios) > 1.4


def test_no_two_images_are_equal(rows: list[tuple[str, int]]) -> None:
    files = {hashlib.sha256((DEMO / "val" / name).read_bytes()).digest() for name, _ in rows}
    pixels = set()
    for name, _ in rows:
        image = cv2.imread(str(DEMO / "val" / name), AS_PUBLISHED)
        pixels.add(hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest())
    assert len(files) == len(pixels) == len(rows)


def test_sizes_keep_to_the_budget() -> None:
    assert sum(path.stat().st_size for path in (DEMO / "val").iterdir()) <= 6_000_000
    assert GRAPH.stat().st_size <= 8_000_000
    assert (DEMO / "contact-sheet.jpg").stat().st_size < 500_000


def test_checksums_cover_and_match() -> None:
    recorded = {}
    for line in (DEMO / "checksums.sha256").read_text(encoding="ascii").splitlines():
        digest, name = line.split("  ", 1)
        assert not Path(name).is_absolute()
        assert hashlib.sha256((DEMO / name).read_bytes()).hexdigest() == digest, name
        recorded[name] = digest
    images = {f"{folder}/{path.name}" for folder in ("val", "calibration") for path in (DEMO / folder).iterdir()}
    assert set(recorded) == images | {"val.txt", "synsets.txt", GRAPH.name}


# -- oddities ------------------------------------------------------------------------------------------------
def _components(data: bytes) -> int:
    """Colour components of a JPEG, read from its start-of-frame segment."""
    at = 2
    while True:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0xC0, 0xC1, 0xC2):
            return data[at + 9]
        at += 2 + length


def test_oddities_are_what_the_record_says(rows: list[tuple[str, int]], provenance: dict[str, Any]) -> None:
    found: dict[str, str] = {}
    for name, _ in rows:
        data = (DEMO / "val" / name).read_bytes()
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            found[name] = "PNG"
            continue
        assert data.startswith(b"\xff\xd8\xff"), name
        components = _components(data)
        if components == 4:
            assert b"Adobe" in data[:200], name
        if components != 3:
            found[name] = {1: "greyscale", 4: "CMYK"}[components]
        elif b"Exif\x00\x00" in data[:200]:
            found[name] = "JPEG with EXIF"
    recorded = provenance["oddities"]
    assert set(found) == set(recorded)
    assert [name for name in found if not recorded[name].startswith(found[name])] == []
    kinds = Counter(found.values())
    assert kinds["greyscale"] >= 3
    assert kinds["CMYK"] >= 2
    assert kinds["PNG"] == kinds["JPEG with EXIF"] == 1


def test_cmyk_images_decode_to_the_colours_that_were_drawn() -> None:
    from datasets.demo.files import Oddity, evaluation_name, evaluation_picture, oddities
    from datasets.demo.streams import evaluation_classes

    classes = evaluation_classes()
    for index in [index for index, oddity in oddities().items() if oddity is Oddity.CMYK]:
        drawn = evaluation_picture(index, classes[index]).pixels.astype(int)
        read = cv2.imread(str(DEMO / "val" / evaluation_name(index)), AS_PUBLISHED)
        assert read is not None
        assert np.abs(drawn - read[..., ::-1]).mean() < 8, evaluation_name(index)


def test_orientation_six_makes_the_turned_image_upright() -> None:
    image_module = pytest.importorskip("PIL.Image")
    operations = pytest.importorskip("PIL.ImageOps")
    from datasets.demo.files import Oddity, evaluation_name, evaluation_picture, oddities
    from datasets.demo.streams import evaluation_classes

    [index] = [index for index, oddity in oddities().items() if oddity is Oddity.EXIF_ROTATED]
    data = (DEMO / "val" / evaluation_name(index)).read_bytes()
    with image_module.open(BytesIO(data)) as image:
        assert image.getexif()[0x0112] == 6
        upright = np.asarray(operations.exif_transpose(image)).astype(int)
    drawn = evaluation_picture(index, evaluation_classes()[index]).pixels.astype(int)
    assert upright.shape == drawn.shape
    assert np.abs(upright - drawn).mean() < 8
    ignored = cv2.imread(str(DEMO / "val" / evaluation_name(index)), AS_PUBLISHED)
    assert ignored is not None
    assert ignored.shape[:2] == drawn.shape[1::-1]


# -- making them again ---------------------------------------------------------------------------------------
def test_images_can_be_made_again(rows: list[tuple[str, int]], provenance: dict[str, Any]) -> None:
    pytest.importorskip("PIL", reason="the images are made with Pillow, which only development installs")
    from datasets.demo.files import evaluation_bytes, evaluation_name, library_versions, oddities
    from datasets.demo.streams import evaluation_classes

    here, then = library_versions(), provenance["made_with"]
    differing = sorted(name for name in then if here.get(name) != then[name])
    if differing:
        pytest.skip(f"the committed images were made with another {', '.join(differing)}")
    classes, odd = evaluation_classes(), oddities()
    assert [class_index for _, class_index in rows] == classes
    for index in sorted({0, 1, 63, 64, 359, len(rows) - 1, *odd}):
        made = evaluation_bytes(index, classes[index], odd.get(index))
        assert made == (DEMO / "val" / evaluation_name(index)).read_bytes(), evaluation_name(index)


def test_training_and_evaluation_streams_are_disjoint(rows: list[tuple[str, int]]) -> None:
    from datasets.demo.streams import Split, stream

    def first_words(split: Split, count: int) -> set[bytes]:
        return {stream(split, index).bytes(16) for index in range(count)}

    evaluation, training = first_words(Split.EVALUATION, len(rows)), first_words(Split.TRAINING, 2000)
    assert len(evaluation) == len(rows)
    assert len(training) == 2000
    assert not evaluation & training
    assert not first_words(Split.CALIBRATION, 120) & (evaluation | training)


def test_training_images_are_not_evaluation_images() -> None:
    pytest.importorskip("PIL", reason="the images are made with Pillow, which only development installs")
    from datasets.demo.training_data import training_bytes

    evaluation = {hashlib.sha256(path.read_bytes()).digest() for path in (DEMO / "val").iterdir()}
    assert not evaluation & {hashlib.sha256(training_bytes(index)).digest() for index in range(20)}


def test_calibration_images_are_two_of_each_class_and_none_is_evaluated(
    rows: list[tuple[str, int]], synsets: dict[int, tuple[str, str]], provenance: dict[str, Any]
) -> None:
    from datasets.demo.streams import calibration_class

    files = sorted((DEMO / "calibration").iterdir())
    assert [path.name for path in files] == [f"DEMO_cal_{number:08d}.JPEG" for number in range(1, 121)]
    assert len(files) == provenance["calibration_images"] == 2 * len(synsets)
    assert Counter(calibration_class(index) for index in range(len(files))) == dict.fromkeys(synsets, 2)
    assert sum(path.stat().st_size for path in files) <= 1_200_000
    evaluated = {hashlib.sha256((DEMO / "val" / name).read_bytes()).digest() for name, _ in rows}
    apart = {hashlib.sha256(path.read_bytes()).digest() for path in files}
    assert len(apart) == len(files)
    assert not apart & evaluated
    for path in files:
        image = cv2.imread(str(path), AS_PUBLISHED)
        assert image is not None
        assert 160 <= min(image.shape[:2]) <= max(image.shape[:2]) <= 320, path.name


def test_calibration_images_can_be_made_again(provenance: dict[str, Any]) -> None:
    pytest.importorskip("PIL", reason="the images are made with Pillow, which only development installs")
    from datasets.demo.files import calibration_bytes, calibration_name, library_versions

    here, then = library_versions(), provenance["made_with"]
    differing = sorted(name for name in then if here.get(name) != then[name])
    if differing:
        pytest.skip(f"the committed images were made with another {', '.join(differing)}")
    for index in (0, 59, 119):
        assert calibration_bytes(index) == (DEMO / "calibration" / calibration_name(index)).read_bytes()


@pytest.mark.parametrize("script", ["make.py", "train.py"])
def test_scripts_explain_themselves(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(DEMO / script), "--help"], capture_output=True, encoding="utf-8", check=True, cwd=ROOT
    )
    assert "--out" in done.stdout


# -- the graph -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def definition() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tensorflow = pytest.importorskip("tensorflow")
    graph = tensorflow.compat.v1.GraphDef()
    graph.ParseFromString(GRAPH.read_bytes())
    return graph


@pytest.mark.slow
def test_graph_keeps_the_contract(definition: Any) -> None:
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
    entry = graph.get_tensor_by_name("input:0")
    assert entry.op.type == "Placeholder"
    assert entry.dtype == tf.float32
    assert entry.shape.as_list() == [None, 224, 224, 3]
    assert [op.name for op in graph.get_operations() if op.type == "Placeholder"] == ["input"]
    probabilities = graph.get_tensor_by_name("MobilenetV2/Predictions/Reshape_1:0")
    assert probabilities.dtype == tf.float32
    assert graph.get_tensor_by_name("MobilenetV2/Predictions/Softmax:0").shape.as_list() == [None, 1001]
    logits = graph.get_tensor_by_name("MobilenetV2/Logits/Conv2d_1c_1x1/weights:0")
    assert logits.shape.as_list() == [1, 1, 1280, 1001]


@pytest.mark.slow
@pytest.mark.shared
def test_graph_has_the_operations_of_the_original(definition: Any) -> None:
    import tensorflow as tf

    path = SHARED / "models" / "mobilenet_v2_1.0_224_frozen.pb"
    if not path.is_file():
        pytest.skip(f"no test bed at {path}")
    original = tf.compat.v1.GraphDef()
    original.ParseFromString(path.read_bytes())

    def described(graph: Any) -> dict[str, tuple[str, list[str]]]:
        return {node.name: (node.op, list(node.input)) for node in graph.node}

    assert described(definition) == described(original)


@pytest.mark.slow
def test_graph_counts_what_the_card_says(metrics: dict[str, Any], definition: Any) -> None:
    from dataclasses import asdict

    from datasets.demo import measure

    data = GRAPH.read_bytes()
    assert hashlib.sha256(data).hexdigest() == metrics["graph_sha256"]
    pixels, labels = measure.load_images(DEMO)
    probabilities = measure.predict(data, pixels)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert asdict(measure.count(probabilities, labels)) == metrics["as_specified"]
    swapped = measure.predict(data, np.ascontiguousarray(pixels[..., ::-1]))
    assert asdict(measure.count(swapped, labels)) == metrics["red_and_blue_swapped"]


def test_measured_counts_leave_room_and_depend_on_colour(metrics: dict[str, Any]) -> None:
    counts, swapped = metrics["as_specified"], metrics["red_and_blue_swapped"]
    assert 0.85 <= counts["top1"] / counts["total"] <= 0.95
    assert counts["top5"] / counts["total"] >= 0.97
    assert (counts["top1"] - swapped["top1"]) / counts["total"] >= 0.10


def test_card_is_written_from_the_metrics(metrics: dict[str, Any]) -> None:
    from datasets.demo.card import render

    card = (DEMO / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card == render(metrics)
    counts = metrics["as_specified"]
    assert f"{counts['top1']} / {counts['total']}" in card
    assert metrics["graph_sha256"] in card


def test_counting_breaks_ties_by_the_lower_index() -> None:
    from datasets.demo.measure import Counts, count

    probabilities = np.array([[0.3, 0.4, 0.3, 0, 0, 0], [0.5, 0.5, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]], np.float32)
    assert count(probabilities, np.array([1, 1, 4])) == Counts(top1=1, top5=2, total=3)
    assert count(probabilities, np.array([2, 0, 3])) == Counts(top1=1, top5=3, total=3)
