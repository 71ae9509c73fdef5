"""What has to hold for every backend of the registry, so that a new one is held to it, too."""

from __future__ import annotations

import contextlib
import importlib
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from harness import load_config, validate
from harness.backends import batches
from harness.backends.isolation.backend import IsolatedBackend
from harness.backends.opening import open_backend
from harness.backends.registry import facts_of
from harness.config import Config
from harness.diagnosis.faults import FAULTS
from harness.diagnosis.selftest import selftest
from harness.engine.identity import plan_models
from harness.engine.run import Options
from harness.errors import DeviceError, ModelError
from harness.report.render import write_reports
from tests.backends.every_format import BACKENDS, Formats
from tests.conftest import CLASSES, SIZE, Tiny, require, write_images

# Keras's own, while it saves with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
IMAGES = 12
FRAMEWORKS = sorted({facts_of(name).module: name for name in BACKENDS}.values())  # one backend of each


@pytest.fixture(scope="module")
def formats(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Formats:
    require("tensorflow")
    return Formats(tiny, tmp_path_factory.mktemp("every"))


def configured(formats: Formats, folder: Path, *candidates: dict[str, Any]) -> Config:
    write_images(folder / "images", IMAGES, seed=3)
    data = {
        "version": 1,
        "name": "every",
        "dataset": {"path": "images", "classes": CLASSES, "images": IMAGES, "preprocess": {"size": SIZE}},
        "reference": formats["tensorflow"].as_model(id="original"),
        "candidates": list(candidates),
        "cache": {"folder": "cache"},
        "gates": {"parity": {"images": IMAGES, "max_abs_diff": 1e-4}},
    }
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return load_config(path)


@pytest.mark.parametrize("name", BACKENDS)
def test_answers_batches_threads_precision_and_latencies(
    formats: Formats, tiny: Tiny, pixels: NDArray[np.uint8], name: str
) -> None:
    facts, batch = facts_of(name), 1 if name == "openvino" else 3  # the IR is of one image
    with open_backend(name, formats[name].spec(batch=batch, threads=1)) as backend:
        found, loaded = backend.infer(pixels), backend.loaded
        latencies = backend.take_latencies()
        assert backend.take_latencies() == []
    np.testing.assert_allclose(found, tiny.network.of_pixels(pixels), atol=1e-5)
    assert loaded.details["batch"] == batch
    assert len(latencies) == math.ceil(len(pixels) / batch)
    assert all(value > 0 for value in latencies)
    assert loaded.details["threads"] == 1
    assert (loaded.device, loaded.effective_precision) == ("CPU", "f32")
    version = facts.version().rpartition(" ")[2].partition("+")[0]
    assert version in loaded.backend.replace("-", ".")
    assert loaded.is_plausible


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_answer_that_nobody_waits_for_ends_after_the_part_that_was_begun(
    formats: Formats, tiny: Tiny, pixels: NDArray[np.uint8], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_backend(name, formats[name].spec(batch=1, threads=1)) as backend:
        runner: Any = importlib.import_module(type(backend)._infer.__module__)
        if not hasattr(runner, "in_batches"):
            runner = batches
        parts = runner.in_batches

        def given_up_after_the_first(*arguments: Any, **options: Any) -> Any:
            for part in parts(*arguments, **options):
                yield part
                backend.abandon()

        monkeypatch.setattr(runner, "in_batches", given_up_after_the_first)
        with pytest.raises(ModelError, match="its result is no longer needed"):
            backend.infer(pixels)
        assert len(backend.take_latencies()) == 1
        with pytest.raises(ModelError, match="its result is no longer needed"):
            backend.infer(pixels)
        monkeypatch.undo()
        backend.resume()
        np.testing.assert_allclose(backend.infer(pixels), tiny.network.of_pixels(pixels), atol=1e-5)


@pytest.mark.parametrize("name", BACKENDS)
def test_batches_side_by_side_give_the_same_bits(formats: Formats, pixels: NDArray[np.uint8], name: str) -> None:
    many = np.concatenate([pixels] * 12)
    with open_backend(name, formats[name].spec(threads=1)) as backend:
        alone, details = backend.infer(many), backend.loaded.details
    assert details.get("streams", 1) == 1
    with open_backend(name, formats[name].spec(threads=2)) as backend:
        if name not in ("openvino", "torch"):
            assert _at_the_same_time(backend, many) == 2
            backend.take_latencies()
        found = [backend.infer(many) for _ in range(3)]
        assert backend.loaded.details["threads"] == 2
        assert backend.loaded.details.get("streams", 1) == (1 if name == "torch" else 2)
        assert len(backend.take_latencies()) == 3 * math.ceil(len(many) / details["batch"])
    assert all(np.array_equal(alone, each) for each in found)


def _at_the_same_time(backend: Any, pixels: NDArray[np.uint8]) -> int:
    """Return how many batches of a call are computed at the same time; each waits for another one at first."""
    running, most, real = list[int](), list[int](), backend._answer
    both = threading.Barrier(2)

    def counted(*arguments: Any) -> Any:
        running.append(1)
        most.append(len(running))
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(timeout=20)
        both.abort()
        try:
            return real(*arguments)
        finally:
            running.pop()

    backend._answer = counted
    try:
        backend.infer(pixels)
    finally:
        del backend._answer
    return max(most)


def cpu_capabilities() -> list[str]:
    import openvino

    return list(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


@pytest.mark.parametrize("name", BACKENDS)
def test_an_absent_device_and_precision_are_refused(formats: Formats, name: str) -> None:
    wrongs: list[dict[str, Any]] = [{"device": "TOASTER"}]
    if name != "openvino" or "FP16" not in cpu_capabilities():  # some processors have it
        wrongs.append({"precision": "f16"})
    for wrong in wrongs:
        with pytest.raises(DeviceError) as caught, open_backend(name, formats[name].spec(**wrong)):
            pass
        assert "\n" not in str(caught.value)
        assert "CPU" in str(caught.value) or "f32" in str(caught.value).casefold()  # what there is


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_process_of_its_own_answers_alike_and_is_ended_at_the_time_limit(
    formats: Formats, tiny: Tiny, pixels: NDArray[np.uint8], name: str
) -> None:
    with open_backend(name, formats[name].spec(isolate=True, timeout_seconds=60)) as backend:
        assert isinstance(backend, IsolatedBackend)
        np.testing.assert_allclose(backend.infer(pixels), tiny.network.of_pixels(pixels), atol=1e-5)
        assert backend.loaded.details["isolated"] is True
        assert backend.take_latencies()
        backend._seconds = 1e-6
        with pytest.raises(ModelError, match="did not respond within 1e-06 s and was stopped"):
            backend.infer(np.repeat(pixels, 200, axis=0))


@pytest.mark.parametrize("name", BACKENDS)
def test_elsewhere_than_on_the_cpu_it_is_in_a_process_of_its_own(formats: Formats, tmp_path: Path, name: str) -> None:
    made = formats[name]
    other = made.as_model(id="other", device="CUDA")
    config = configured(
        formats, tmp_path, made.as_model(), other, made.as_model(id="kept", device="CUDA", isolate=False)
    )
    alone = {planned.model.id: planned.spec.isolate for planned in plan_models(config)}
    assert alone == {"original": False, name: False, "other": True, "kept": False}


@pytest.mark.parametrize("name", BACKENDS)
def test_the_cache_key_knows_what_changes_the_answers(formats: Formats, tmp_path: Path, name: str) -> None:
    made = formats[name]
    changes: dict[str, dict[str, Any]] = {
        "plain": {},
        "again": {},
        "batch": {"batch": 7},
        "device": {"device": "CPU.9"},
        "precision": {"precision": "device_default"},
        "color": {"input": {**made.plain, "color": "RGB" if made.plain["color"] == "BGR" else "BGR"}},
    }
    config = configured(formats, tmp_path, *(made.as_model(id=key, **change) for key, change in changes.items()))
    keys = {planned.model.id: repr(planned.key(config)) for planned in plan_models(config, threads=1)}
    assert keys["plain"] == keys["again"]
    assert len({keys[key] for key in changes}) == len(changes) - 1
    more = {planned.model.id: repr(planned.key(config)) for planned in plan_models(config, threads=2)}
    assert more["plain"] != keys["plain"]
    assert facts_of(name).version() in keys["plain"]


@pytest.mark.parametrize("name", BACKENDS)
def test_the_self_test_plants_what_the_backend_can(formats: Formats, tmp_path: Path, name: str) -> None:
    wanted = ("channels not swapped", "mean and scale missing", "softmax missing")
    config = configured(formats, tmp_path, formats[name].as_model())
    result = selftest(config, name, tuple(fault for fault in FAULTS if fault.name in wanted))
    found = {finding.name: finding.caught for finding in result.faults}
    edited = True if facts_of(name).editor else None
    assert found == {"channels not swapped": True, "mean and scale missing": True, "softmax missing": edited}
    if edited is None:
        assert f"the graph of a model of {facts_of(name).title} is not edited" in result.faults[-1].reason
    assert result.passed


def test_one_run_of_all_is_recorded_and_reported(formats: Formats, tmp_path: Path) -> None:
    there = [name for name in BACKENDS if facts_of(name).is_installed]
    config = configured(formats, tmp_path, *(formats[name].as_model() for name in there))
    record = validate(config, Options(out=tmp_path / "run", use_cache=False, quiet=True))
    assert [model.id for model in record.models] == ["original", *there]
    for model in record.models:
        assert model.status == "ok"
        assert model.precision.effective == "f32"
        assert model.latency_ms is not None
        assert model.latency_ms.requests >= 1
        assert {"batch", "threads"} <= set(model.details)
        assert model.images_per_second
    for comparison in record.comparisons:
        assert comparison.max_abs_diff is not None
        assert comparison.max_abs_diff < 1e-5
    versions = str(record.environment)
    assert all(facts_of(name).version().rpartition(" ")[2] in versions for name in there)
    write_reports(tmp_path, record, None, ("md", "html", "junit"))
    for report in (path for path in tmp_path.iterdir() if path.suffix in (".md", ".html", ".xml")):
        text = report.read_text(encoding="utf-8")
        assert all(name in text for name in there), report
