"""A model file that is replaced after it was digested decides nothing and reaches no cache."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.base import Backend, ModelSpec
from harness.backends.opening import open_backend
from harness.backends.openvino.runner import OpenVINOBackend
from harness.config import Input, load_config
from harness.conversion.prepared import PreparedModel
from harness.engine.lane import Lane
from harness.engine.run import Options
from harness.engine.session import validate
from harness.errors import ModelError
from tests.conftest import CLASSES, SIZE, IrMaker, Network, Tiny, write_config, write_images

OUTPUT = "Net/Probabilities"


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> Path:
    """A project with copies of the tiny models, which may be replaced; it caches what both models answer."""
    write_images(tmp_path / "images", 300, different=6)
    for source, name in ((tiny.graph, "tf.pb"), (tiny.ir, "ir.xml"), (tiny.ir.with_suffix(".bin"), "ir.bin")):
        (tmp_path / name).write_bytes(source.read_bytes())

    def change(data: dict[str, Any]) -> None:
        data["reference"]["model"] = "tf.pb"
        data["candidates"][0]["model"] = "ir.xml"
        data["candidates"].append({**data["candidates"][0], "id": "other", "model": str(tiny.ir)})
        data["cache"]["candidates"] = True

    return write_config(tmp_path, tiny, change)


def at(patch: pytest.MonkeyPatch, method: str, model: str, action: Callable[[], object], call: int = 1) -> None:
    """Do something before the ``call``-th call of a lane's method for one model."""
    real = getattr(Lane, method)
    calls = []

    def acting(self: Lane, *arguments: Any) -> Any:
        if self.spec.id == model:
            calls.append(1)
            if len(calls) == call:
                action()
        return real(self, *arguments)

    patch.setattr(Lane, method, acting)


def run(config: Path, out: str = "run") -> Any:
    return validate(load_config(config), Options(out=config.parent / out, quiet=True))


def other_weights(make_ir: IrMaker, config: Path) -> None:
    """Put an IR of other weights in the place of the candidate's."""
    made = make_ir(config.parent / "made" / "ir.xml", scale_weights=2.0)
    (config.parent / "ir.xml").write_bytes(made.read_bytes())
    (config.parent / "ir.bin").write_bytes(made.with_suffix(".bin").read_bytes())


@pytest.mark.parametrize(("method", "call"), [("load", 1), ("answer", 1), ("answer", 2)])
def test_a_replaced_ir_fails_its_candidate(
    config: Path, make_ir: IrMaker, monkeypatch: pytest.MonkeyPatch, method: str, call: int
) -> None:
    (config.parent / "made").mkdir()
    with monkeypatch.context() as patch:
        at(patch, method, "ir", lambda: other_weights(make_ir, config), call)
        record = run(config)
    assert record.exit_code == 3
    status = {part.id: part.status for part in record.models}
    assert (status["ir"], status["other"]) == ("error", "ok")
    error = next(part.error for part in record.models if part.id == "ir") or ""
    assert "ir.xml was replaced or changed while the run used it" in error
    compiled = load_config(config).cache.folder
    assert compiled is not None
    assert not list(compiled.glob("compiled/*/*"))  # it may be of either file
    again = run(config, "again")  # the file that is there now, by its own digest: nothing of the first run is left over
    parity = next(gate for gate in again.gates if (gate.gate, gate.model) == ("parity", "ir"))
    assert parity.verdict == "fail"


def test_a_replaced_graph_ends_the_run_and_poisons_no_later_one(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = config.parent / "tf.pb"
    good = graph.read_bytes()
    with monkeypatch.context() as patch:
        at(patch, "load", "tf", lambda: graph.write_bytes(good + b"\n\x00"))
        with pytest.raises(ModelError, match=r"tf\.pb"):
            run(config)
    graph.write_bytes(good)
    assert run(config, "again").exit_code == 0


@dataclasses.dataclass
class Swapped:
    """A backend during whose loading another file is there."""

    backend: Backend
    put_back: Callable[[], None]

    def __enter__(self) -> Backend:
        try:
            return self.backend.__enter__()
        finally:
            self.put_back()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.backend.__exit__(kind, error, trace)

    def stop(self) -> None:
        self.backend.stop()


@pytest.mark.parametrize(("name", "model"), [("ir.bin", "ir"), ("ir.xml", "ir"), ("tf.pb", "tf")])
def test_a_file_that_is_another_one_while_it_is_loaded(
    config: Path, make_ir: IrMaker, monkeypatch: pytest.MonkeyPatch, name: str, model: str
) -> None:
    """The bytes that were digested are back before anything looks again; still nobody knows what was loaded."""
    (config.parent / "made").mkdir()
    path = config.parent / name
    good, real = path.read_bytes(), open_backend

    def put() -> None:
        other_weights(make_ir, config) if model == "ir" else path.write_bytes(good + b"\n\x00")

    def put_back() -> None:
        for source in ("xml", "bin"):
            shutil.copyfile(config.parent / f"kept.{source}", config.parent / f"ir.{source}")
        path.write_bytes(good)

    def swapping(backend: str, spec: ModelSpec) -> Any:
        if spec.id != model:
            return real(backend, spec)
        put()
        return Swapped(real(backend, spec), put_back)

    for source in ("xml", "bin"):
        shutil.copyfile(config.parent / f"ir.{source}", config.parent / f"kept.{source}")

    def opening(backend: str, spec: ModelSpec) -> Any:
        opened: Any = swapping(backend, spec)
        opened.stop = lambda: None
        return opened

    monkeypatch.setattr("harness.engine.lane.open_backend", opening)
    if model == "tf":
        with pytest.raises(ModelError, match="was replaced or changed while the run used it"):
            run(config)
        return
    record = run(config)
    error = next(part.error for part in record.models if part.id == "ir") or ""
    assert record.exit_code == 3
    assert "was replaced or changed while the run used it" in error


def test_weights_are_those_that_were_loaded(
    config: Path, tiny: Tiny, network: Network, pixels: NDArray[np.uint8]
) -> None:
    """A mapped file that is written to would give other answers after it was loaded."""
    plain = ModelSpec("ir", str(config.parent / "ir.xml"), Input(name="input", color="BGR"), OUTPUT, SIZE, CLASSES + 1)
    weights = config.parent / "ir.bin"
    with OpenVINOBackend(plain) as backend:
        with weights.open("r+b") as stream:
            stream.write(bytes(weights.stat().st_size))
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=1e-5)


def test_a_touched_file_with_the_same_bytes_is_the_same(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = config.parent / "ir.bin"
    with monkeypatch.context() as patch:
        at(patch, "answer", "ir", lambda: weights.write_bytes(weights.read_bytes()))
        assert run(config).exit_code == 0


def test_a_replaced_contract_file_fails_its_candidate(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as replaced: `tests/conversion/test_unchanged.py`."""

    def refuse(model: PreparedModel) -> None:
        if model.model.id == "ir":
            raise ModelError("its contract file was replaced")

    monkeypatch.setattr("harness.engine.session.refuse_replaced_contract", refuse)
    record = run(config)
    assert record.exit_code == 3
    assert {part.id: part.error for part in record.models if part.error} == {"ir": "its contract file was replaced"}
