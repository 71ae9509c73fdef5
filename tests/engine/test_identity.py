from __future__ import annotations

import copy
import hashlib
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness.engine.identity as plan
from harness.backends.registry import BackendFacts, facts_of
from harness.config import Config
from harness.dataset.manifest import Manifest
from harness.engine.cache import ProbabilityCache
from harness.errors import ModelError

MANIFEST = Manifest(("a", "b"), np.array([1, 2], np.int32))


def plain(folder: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "net",
        "dataset": {"path": str(folder / "images"), "classes": 4, "preprocess": {"size": 16}},
        "reference": {
            "id": "tf",
            "model": str(folder / "tf.pb"),
            "input": {"name": "input", "color": "RGB", "mean": 1.0, "scale": 2.0},
            "output": "out",
        },
        "candidates": [
            {"id": "ir", "model": str(folder / "ir.xml"), "input": {"name": "input", "color": "BGR"}, "output": "out"}
        ],
        "cache": {"folder": str(folder / "cache"), "candidates": True},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("tf.pb", "ir.xml", "ir.bin"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def configured(folder: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Config:
    data = copy.deepcopy(plain(folder))
    change(data)
    return Config.model_validate(data)


def keys(config: Config, threads: int | None = 2) -> list[dict[str, Any]]:
    return [item.key(config) for item in plan.plan_models(config, threads=threads)]


def change_at(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        for part in path[:-1]:
            data = data[part]
        data[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("changed", "change"),
    [
        ("both", change_at("dataset", "preprocess", "size", to=17)),
        ("both", change_at("dataset", "preprocess", "crop_fraction", to=0.9)),
        ("both", change_at("dataset", "preprocess", "interpolation", to="area")),
        ("both", change_at("dataset", "preprocess", "exif", to="apply")),
        ("both", change_at("dataset", "classes", to=5)),
        ("both", change_at("dataset", "background_class", to=False)),
        ("tf", change_at("reference", "input", "name", to="other")),
        ("tf", change_at("reference", "input", "color", to="BGR")),
        ("tf", change_at("reference", "input", "mean", to=1.5)),
        ("tf", change_at("reference", "input", "scale", to=[2.0, 2.0, 2.5])),
        ("tf", change_at("reference", "output", to="other")),
        ("tf", change_at("reference", "batch", to=8)),
        ("ir", change_at("candidates", 0, "input", "color", to="RGB")),
        ("ir", change_at("candidates", 0, "output", to="other")),
        ("ir", change_at("candidates", 0, "batch", to=4)),
        ("ir", change_at("candidates", 0, "device", to="GPU")),
        ("ir", change_at("candidates", 0, "precision", to="bf16")),
        ("ir", change_at("candidates", 0, "backend", to="tensorflow")),
    ],
)
def test_the_cache_key_sees_every_parameter(
    folder: Path, changed: str, change: Callable[[dict[str, Any]], None]
) -> None:
    before, after = keys(configured(folder)), keys(configured(folder, change))
    assert (before[0] != after[0]) == (changed in ("tf", "both"))
    assert (before[1] != after[1]) == (changed in ("ir", "both"))


@pytest.mark.parametrize(("file", "place"), [("tf.pb", 0), ("ir.xml", 1), ("ir.bin", 1)])
def test_the_cache_key_sees_every_file(folder: Path, file: str, place: int) -> None:
    before = keys(configured(folder))
    (folder / file).write_bytes(b"other")
    after = keys(configured(folder))
    assert before[place] != after[place]
    assert before[1 - place] == after[1 - place]


@pytest.mark.parametrize(
    "name", ["TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "TF_XLA_FLAGS"]
)
def test_the_cache_key_and_the_identity_see_the_switches(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name, raising=False)
    config = configured(folder)
    before, was = keys(config), plan.identity(config, plan.plan_models(config), MANIFEST)
    monkeypatch.setenv(name, "1")
    assert all(one != other for one, other in zip(before, keys(config), strict=True))
    assert plan.identity(config, plan.plan_models(config), MANIFEST)["software"] != was["software"]


@pytest.mark.parametrize("function", ["libraries", "cpu_name", "code_digest", "version"])
def test_the_cache_key_and_the_identity_see_software_and_processor(
    folder: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    config = configured(folder)
    before, was = keys(config), plan.identity(config, plan.plan_models(config), MANIFEST)
    monkeypatch.setattr(BackendFacts if function == "version" else plan, function, lambda *_: "another")
    if function == "cpu_name":
        monkeypatch.setattr(plan, "processor_family", lambda: "another")
    assert all(one != other for one, other in zip(before, keys(config), strict=True))
    assert plan.identity(config, plan.plan_models(config), MANIFEST)["software"] != was["software"]


def test_probabilities_are_of_a_processor_family_and_compiled_models_of_one_processor(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(folder)
    before, compiled = keys(config), plan.plan_models(config)[1].spec.cache_dir
    monkeypatch.setattr(plan, "cpu_name", lambda: "another of the family")
    assert keys(config) == before
    assert plan.plan_models(config)[1].spec.cache_dir != compiled


def test_the_cache_key_sees_the_harness_and_the_threads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(folder)
    before = keys(config)
    assert all(one != other for one, other in zip(before, keys(config, threads=3), strict=True))
    monkeypatch.setattr(plan, "__version__", "99")
    assert all(one != other for one, other in zip(before, keys(config), strict=True))


@pytest.mark.parametrize(
    "change",
    [
        change_at("name", to="other"),
        change_at("reference", "id", to="original"),
        change_at("gates", to={"parity": None}),
        change_at("published", to={"top1_percent": 1, "top5_percent": 2}),
        change_at("cache", "max_gb", to=1),
        change_at("dataset", "images", to=99),
    ],
)
def test_what_does_not_change_probabilities_does_not_change_the_key(
    folder: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    assert keys(configured(folder)) == keys(configured(folder, change))


def identified(config: Config, manifest: Manifest = MANIFEST) -> dict[str, Any]:
    return plan.identity(config, plan.plan_models(config), manifest)


@pytest.mark.parametrize(
    "change",
    [
        change_at("dataset", "preprocess", "interpolation", to="area"),
        change_at("dataset", "images", to=99),
        change_at("dataset", "background_class", to=False),
        change_at("dataset", "bad_images", to={"policy": "skip", "max": 1}),
        change_at("reference", "input", "mean", to=1.5),
        change_at("reference", "id", to="original"),
        change_at("candidates", 0, "precision", to="bf16"),
        change_at("candidates", 0, "device", to="GPU"),
    ],
)
def test_the_identity_sees_what_is_evaluated(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    assert identified(configured(folder)) != identified(configured(folder, change))


def test_the_identity_sees_images_labels_and_models(folder: Path) -> None:
    config = configured(folder)
    before = identified(config)
    assert identified(config, Manifest(("a", "c"), MANIFEST.labels))["manifest"] != before["manifest"]
    assert identified(config, Manifest(("a", "b"), np.array([1, 3], np.int32)))["manifest"] != before["manifest"]
    (folder / "ir.bin").write_bytes(b"other")
    assert identified(config)["models"]["ir"] != before["models"]["ir"]
    assert identified(config)["models"]["tf"] == before["models"]["tf"]


@pytest.mark.parametrize(
    "change",
    [
        change_at("gates", to={"parity": None}),
        change_at("cache", "folder", to="/elsewhere"),
        change_at("published", to={"top1_percent": 1, "top5_percent": 2}),
    ],
)
def test_gates_and_places_may_change_between_two_parts_of_a_run(
    folder: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    assert identified(configured(folder)) == identified(configured(folder, change))


def test_models_may_move(folder: Path) -> None:
    before = identified(configured(folder))
    (folder / "tf.pb").rename(folder / "moved.pb")
    assert identified(configured(folder, change_at("reference", "model", to=str(folder / "moved.pb")))) == before


def test_what_is_planned(folder: Path) -> None:
    reference, candidate = plan.plan_models(configured(folder), threads=2)
    assert (reference.role, candidate.role) == ("reference", "candidate")
    assert reference.sha256 == hashlib.sha256(b"tf.pb").hexdigest()
    assert candidate.sha256 == hashlib.sha256(b"ir.xmlir.bin").hexdigest()
    assert (reference.spec.outputs, reference.spec.size, reference.spec.precision) == (5, 16, "f32")
    assert reference.spec.cache_dir is None
    assert candidate.spec.cache_dir is not None
    assert Path(candidate.spec.cache_dir).parent == folder / "cache" / "compiled"
    assert plan.plan_models(configured(folder), use_cache=False)[1].spec.cache_dir is None


def test_compiled_models_of_different_keys_lie_apart(folder: Path) -> None:
    def place(change: Callable[[dict[str, Any]], None] = lambda _: None) -> str | None:
        return plan.plan_models(configured(folder, change))[1].spec.cache_dir

    places = {place(), place(change_at("candidates", 0, "precision", to="bf16"))}
    (folder / "ir.bin").write_bytes(b"other")
    assert len(places | {place()}) == 3


def test_lanes_have_the_caches_that_are_configured(folder: Path) -> None:
    config = configured(folder)
    lanes = [plan.task_for(config, item, use_cache=True).lane() for item in plan.plan_models(config)]
    assert all(lane.cache is not None for lane in lanes)
    assert isinstance(lanes[0].cache, ProbabilityCache)
    assert lanes[0].cache.folder.parent == folder / "cache" / "probabilities"
    off = configured(folder, change_at("cache", to={"reference": False, "candidates": False}))
    assert all(plan.task_for(off, item, use_cache=True).lane().cache is None for item in plan.plan_models(off))
    assert all(plan.task_for(config, item, use_cache=False).lane().cache is None for item in plan.plan_models(config))


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "ir.bin").unlink()
    with pytest.raises(ModelError, match=r"ir\.bin: cannot be read"):
        plan.plan_models(configured(folder))


def test_the_cache_folder_of_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(folder, change_at("cache", to={}))
    monkeypatch.setenv("HARNESS_CACHE", str(folder / "mine"))
    assert plan.cache_folder(config) == folder / "mine"
    assert plan.cache_folder(configured(folder)) == folder / "cache"


def test_frameworks_under_another_name_have_a_version_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "tf-nightly":
            return "3.0.dev1"
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: {"tensorflow": ["tf-nightly"]})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "tensorflow" or None)
    assert facts_of("tensorflow").version() == "tf-nightly 3.0.dev1"
    assert facts_of("openvino").version() == "absent"


def test_the_code_is_digested(monkeypatch: pytest.MonkeyPatch) -> None:
    digested: list[Path] = []

    def digest(*paths: Path) -> str:
        digested.extend(paths)
        return "digest"

    monkeypatch.setattr(plan, "file_sha256", digest)
    assert plan.code_digest.__wrapped__() == "digest"
    package = Path(plan.__file__).parents[1]
    assert {
        package / "dataset" / "image.py",
        *(package / "backends").rglob("*.py"),
        *(package / "feeding").rglob("*.py"),
    } <= set(digested)
    assert all(path.is_file() for path in digested)


def test_properties_and_hints_make_another_answer(folder: Path) -> None:
    def key(**keys: Any) -> dict[str, Any]:
        config = configured(folder, lambda data: data["candidates"][0].update({"backend": "openvino", **keys}))
        return plan.plan_models(config)[1].key(config)

    streams = [key(properties={"NUM_STREAMS": count}) for count in (1, 2)]
    shipped = [key(precision="device_default", hints=hints) for hints in ("pinned", "device")]
    found = [key(), *streams, *shipped]
    assert len({json.dumps(item, sort_keys=True) for item in found}) == len(found)


@pytest.mark.parametrize("asked", [True, False, None])
def test_a_model_that_may_never_end_has_a_process_of_its_own_whatever_is_asked(
    folder: Path, asked: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(folder, lambda data: data["candidates"][0].update(isolate=asked))
    (candidate,) = config.candidates
    monkeypatch.setattr(BackendFacts, "has_loops", lambda *_: False)
    assert plan._isolation(candidate)["isolate"] is bool(asked)
    monkeypatch.setattr(BackendFacts, "has_loops", lambda *_: True)
    assert plan._isolation(candidate)["isolate"] is True
