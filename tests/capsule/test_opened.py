"""Capsules that are whole as files, and whose contents cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.capsule.configuration import load, load_capsule, travelling
from harness.capsule.contents import KIND
from harness.capsule.opened import capsule_at, is_capsule, open_capsule
from harness.config import Preprocess
from harness.disk.parts import writing_parts
from harness.errors import ConfigError, DatasetError

MODEL = {"model": "a.xml", "input": {"color": "BGR"}}
Change = Callable[[dict[str, Any]], None]


def parts() -> dict[str, Any]:
    """Return the parts of a sound capsule of two images of 2 x 2 pixels and three classes."""
    description = {
        "harness_version": "0",
        "made_utc": "2026-01-01",
        "environment": {},
        "config": {
            "version": 1,
            "name": "small",
            "dataset": {"classes": 3, "background_class": False, "preprocess": {"size": 2}},
            "reference": {**MODEL, "model": "a.pb"},
            "candidates": [{"id": "ir", **MODEL}],
        },
        "images": {
            "count": 2,
            "listed": 9,
            "form": "list",
            "name": "val",
            "label_source": "val.txt",
            "fingerprint": "0" * 64,
            "bad": [{"row": 1, "reason": "missing"}],
        },
        "prepared": [{"preprocess": {"size": 2}, "libraries": ["opencv 5"]}],
        "reference": {
            "sha256": "0" * 64,
            "bytes": 1,
            "outputs": 3,
            "contract": {},
            "loaded": {},
            "applied": "none",
        },
    }
    return {
        "capsule": description,
        "image_ids": ["a", "b"],
        "labels": np.array([0, 2], np.int32),
        "digests": np.array([[1] * 32, [0] * 32], np.uint8),
        "answers": np.full((2, 3), 1 / 3, np.float32),
        "pixels/0/0": np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3),
    }


def write(path: Path, whole: dict[str, Any]) -> Path:
    with writing_parts(path, KIND) as writer:
        for name, value in whole.items():
            if isinstance(value, np.ndarray):
                writer.add_array(name, value)
            elif isinstance(value, bytes):
                writer.add_bytes(name, value)
            else:
                writer.add_json(name, value)
    return path


def changed(path: Path, change: Change) -> Path:
    whole = parts()
    change(whole)
    return write(path, whole)


def put(name: str, value: Any) -> Change:
    return lambda whole: whole.update({name: value})


def describe(*keys: Any, to: Any) -> Change:
    def change(whole: dict[str, Any]) -> None:
        place = whole["capsule"]
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return change


def encoded(sizes: list[int], data: bytes) -> Change:
    def change(whole: dict[str, Any]) -> None:
        whole["capsule"] |= {"encoded": True, "prepared": []}
        whole |= {"sizes": np.array(sizes, np.int64), "encoded/0": data}

    return change


def test_opened(tmp_path: Path) -> None:
    found = open_capsule(write(tmp_path / "a.capsule", parts()))
    assert (found.image_ids, found.labels.tolist(), found.digests) == (("a", "b"), [0, 2], (b"\1" * 32, b""))
    assert found.pixels(1, Preprocess(size=2)).tolist() == np.arange(12, 24).reshape(2, 2, 3).tolist()
    assert found.libraries(Preprocess(size=2)) == ("opencv 5",)
    assert found.has_pixels(Preprocess.model_validate({"size": 2, "interpolation": "bilinear"}))
    assert not found.has_pixels(Preprocess(size=3))
    assert found.answers is not None
    with pytest.raises(OSError, match="no encoded images"):
        found.encoded(0)
    assert open_capsule(tmp_path / "a.capsule") is found
    assert capsule_at(tmp_path) is None
    assert not is_capsule(tmp_path / "none")


def test_encoded_images(tmp_path: Path) -> None:
    found = open_capsule(changed(tmp_path / "a.capsule", encoded([3, 0], b"xyz")))
    assert found.encoded(0) == b"xyz"
    with pytest.raises(FileNotFoundError):
        found.encoded(1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("image_ids", ["a"]), "not 2 names"),
        (describe("images", "bad", to=[]), "has no digest"),
        (put("image_ids", ["a", 2]), "not 2 names"),
        (put("image_ids", {"a": 1, "b": 2}), "not 2 names"),
        (put("labels", np.zeros(3, np.int32)), "`labels` is i4"),
        (put("labels", np.zeros(2, np.float32)), "`labels` is f4"),
        (put("digests", np.zeros((2, 31), np.uint8)), "`digests`"),
        (put("answers", np.zeros((2, 4), np.float32)), "`answers`"),
        (put("answers", np.array([[np.nan] * 3] * 2, np.float32)), "is not a number"),
        (put("answers", b"x" * 24), "`answers` is bytes"),
        (put("pixels/0/0", np.zeros((2, 2, 3, 3), np.uint8)), "pixels/0/0"),
        (put("pixels/0/0", np.zeros((2, 2, 2, 3), np.float32)), "pixels/0/0"),
        (describe("images", "count", to=0), "images.count"),
        (describe("images", "count", to=10**9), "not 1000000000 names"),
        (describe("images", "listed", to=1), "does not have"),
        (describe("images", "bad", to=[{"row": 2, "reason": "x"}]), "does not have"),
        (describe("images", "fingerprint", to="x"), "images.fingerprint"),
        (describe("prepared", 0, "preprocess", to={"size": 3}), "pixels/0/0"),
        (describe("prepared", 0, "preprocess", to={"size": 10**9}), "preprocess"),
        (describe("prepared", to=[]), "either pixels or encoded"),
        (describe("encoded", to=True), "either pixels or encoded"),
        (describe("reference", "outputs", to=4), "`answers`"),
        (describe("reference", "applied", to="exec"), "reference.applied"),
        (describe("other", to=1), "other"),
        (put("capsule", []), "description is not valid"),
        (encoded([2, 2], b"xyz"), "do not have the sizes"),
        (encoded([4, -1], b"xyz"), "do not have the sizes"),
    ],
)
def test_contents_that_cannot_be(tmp_path: Path, change: Change, said: str) -> None:
    path = changed(tmp_path / "a.capsule", change)
    with pytest.raises(DatasetError, match=said) as refused:
        open_capsule(path)
    assert "\n" not in str(refused.value)


def test_a_missing_part(tmp_path: Path) -> None:
    for name in parts():
        path = changed(tmp_path / "a.capsule", lambda whole, name=name: whole.pop(name))  # type: ignore[misc]
        with pytest.raises(DatasetError, match=f"no part `{name}`"):
            open_capsule(path)


def test_the_configuration(tmp_path: Path) -> None:
    path = write(tmp_path / "a.capsule", parts())
    config = load(path, ["candidates.ir.device=GPU", "gates.parity.images=9"])
    assert (config.dataset.path, config.original.recorded) == (path, path)
    assert config.candidates[0].model == tmp_path / "a.xml"
    assert (config.candidates[0].device, config.gates.parity and config.gates.parity.images) == ("GPU", 9)
    assert config.source_file == path
    with pytest.raises(ConfigError, match=r"a\.capsule: candidates\[0\]\.precision"):
        load_capsule(changed(path, describe("config", "candidates", 0, "precision", to="f8")))


@pytest.mark.parametrize("place", ["/etc/passwd", "../a.xml", "a/../../b", "~/a.xml", "C:/a.xml", "a\\b", "", 3, None])
@pytest.mark.parametrize(
    "keys",
    [("candidates", 0, "model"), ("reference", "model"), ("gates", "baseline"), ("candidates", 0, "gates")],
    ids=["candidate", "reference", "baseline", "own baseline"],
)
def test_no_place_outside_of_its_folder(tmp_path: Path, keys: tuple[Any, ...], place: Any) -> None:
    path = tmp_path / "a.capsule"
    value: Any = {"file": place} if keys[-1] == "baseline" else place
    value = {"baseline": {"file": place}} if keys[-1] == "gates" else value

    def change(whole: dict[str, Any]) -> None:
        whole["capsule"]["config"]["gates"] = {}
        describe("config", *keys, to=value)(whole)

    with pytest.raises(DatasetError, match="contains the path"):
        load_capsule(changed(path, change))


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("cache",), {"folder": "/"}),
        (("archive",), {}),
        (("checksums",), "a"),
        (("conversion",), {"automatic": True}),
        (("matrix",), {}),
        (("dataset", "path"), "/data"),
        (("dataset", "class_names"), "/etc/passwd"),
        (("dataset", "labels"), "/etc/passwd"),
        (("dataset", "labels"), {"source": "/etc/passwd"}),
        (("candidates", 0, "allow_ops"), ["ReadFile"]),
        (("candidates", 0, "conversion"), {}),
        (("reference", "recorded"), "/b.capsule"),
        (("candidates", 0), "a"),
        (("candidates",), {}),
        (("dataset",), None),
    ],
)
def test_what_no_capsule_may_bring(tmp_path: Path, keys: tuple[Any, ...], value: Any) -> None:
    path = changed(tmp_path / "a.capsule", describe("config", *keys, to=value))
    with pytest.raises(DatasetError, match="its configuration"):
        load_capsule(path)


def test_a_variable_is_no_variable_in_a_capsule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret-value")
    path = changed(tmp_path / "a.capsule", describe("config", "candidates", 0, "model", to="${TOKEN}.xml"))
    assert load_capsule(path).candidates[0].model == tmp_path / "${TOKEN}.xml"


def test_what_people_ship_follows_what_is_set_on_the_board(tmp_path: Path) -> None:
    """A deployment travels as it was written, and not as the row that it stands for."""
    whole = parts()
    whole["capsule"]["config"]["candidates"][0] |= {"deployment": True, "properties": {"NUM_STREAMS": 1}}
    first = load(write(tmp_path / "a.capsule", whole))
    assert [item.id for item in first.candidates] == ["ir", "ir-deployment"]
    again = parts()
    again["capsule"]["config"] = travelling(first)
    config = load(write(tmp_path / "b.capsule", again), ["candidates.ir.device=NPU"])
    assert [(item.id, item.device, item.properties) for item in config.candidates] == [
        ("ir", "NPU", {"NUM_STREAMS": 1}),
        ("ir-deployment", "NPU", {"NUM_STREAMS": 1}),
    ]
    whole["capsule"]["config"]["candidates"][0]["properties"] = {"backend_path": "/tmp/evil.so"}
    with pytest.raises(DatasetError, match="has the property backend_path"):
        load(write(tmp_path / "c.capsule", whole))
