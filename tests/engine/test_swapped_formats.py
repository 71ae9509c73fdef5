"""A model of any format whose files are replaced after they were digested answers nothing and is cached nowhere."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from harness.backends.base import Backend
from harness.backends.registry import facts_of
from harness.config import load_config
from harness.engine.lane import Lane
from harness.engine.run import Options
from harness.engine.session import validate
from harness.errors import ModelError
from harness.machine.digests import digested
from tests.backends.every_format import Formats, Made
from tests.backends.keras.keras_files import functional
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.conftest import CLASSES, SIZE, GraphMaker, IrMaker, Network, Tiny, require, the_network, write_images

# Keras's own, while it saves with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
REPLACED = "was replaced or changed while the run used it"
VALUES = (
    "variables/variables.data-00000-of-00001",
    "variables/variables.index",
)  # checksums of the first in the second
ONE_IMAGE = (b"i" * 32,)

# id -> the backend, the form of its model, and the files that are replaced: each of its path below or beside the model
SWAPS = {
    "graph": ("tensorflow", "tensorflow", ("tiny.pb",)),
    "ir-xml": ("openvino", "openvino", ("tiny.xml",)),
    "ir-bin": ("openvino", "openvino", ("tiny.bin",)),
    "saved-model-values": ("saved_model", "saved_model", VALUES),
    "saved-model-graph": ("saved_model", "saved_model", ("saved_model.pb",)),
    "keras": ("keras", "keras", ("m.keras",)),
    "keras-h5": ("keras", "h5", ("m.h5",)),
    "checkpoint-values": ("tf_checkpoint", "tf_checkpoint", ("net.ckpt.data-00000-of-00001", "net.ckpt.index")),
    "checkpoint-graph": ("tf_checkpoint", "tf_checkpoint", ("net.ckpt.meta",)),
    "onnx": ("onnxruntime", "onnxruntime", ("m.onnx",)),
    "onnx-external-data": ("onnxruntime", "external", ("w.data",)),
    "litert": ("litert", "litert", ("m.tflite",)),
    "openvino-onnx": ("openvino", "onnxruntime", ("m.onnx",)),
    "openvino-onnx-external-data": ("openvino", "external", ("w.data",)),
    "openvino-litert": ("openvino", "litert", ("m.tflite",)),
    "openvino-saved-model-values": ("openvino", "saved_model", VALUES),
}


class Kinds:
    """The tiny network in every form. ``factors``: what external data multiplies its eight features with."""

    def __init__(self, made: Formats, network: Network, folder: Path, factor: float) -> None:
        self._made, self._network, self._folder = made, network, folder
        self._factors = np.full(8, factor, np.float32)

    def __getitem__(self, form: str) -> Made:
        if form == "external":
            return self._external()
        if form == "h5":
            return self._h5()
        return self._made[form]

    def _external(self) -> Made:
        plain, folder = self._made["onnxruntime"], self._folder / "external"
        folder.mkdir(exist_ok=True)
        write_onnx(folder / "m.onnx", the_network(), factors="w.data")
        (folder / "w.data").write_bytes(self._factors.tobytes())
        return dataclasses.replace(plain, model=folder / "m.onnx")

    def _h5(self) -> Made:
        plain, path = self._made["keras"], self._folder / "m.h5"
        if not path.exists():
            import keras

            functional(keras, self._network, name="input").save(path)
        return dataclasses.replace(plain, model=path)


@pytest.fixture(scope="module")
def kinds(
    tiny: Tiny, make_graph: GraphMaker, make_ir: IrMaker, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Kinds, Kinds]:
    """The network, and one whose logits are twice as large, in files of the same names."""
    require("tensorflow")
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "other")]
    twice = Network(2 * tiny.network.first, tiny.network.second)
    graph = make_graph(folders[1] / "tiny.pb", add=lambda tf, x: tf.negative(x))
    other = Tiny(graph, make_ir(folders[1] / "tiny.xml", scale_weights=2.0), twice)
    first, second = (Formats(each, folder) for each, folder in zip((tiny, other), folders, strict=True))
    return Kinds(first, tiny.network, folders[0], 1), Kinds(second, twice, folders[1], 2)


@dataclasses.dataclass
class Swap:
    """A model's copy in a folder of its own, and what some of its files have in them, and those of another model."""

    made: Made
    backend: str
    good: dict[Path, bytes]
    bad: dict[Path, bytes]
    kept: list[Any] = dataclasses.field(default_factory=list)

    def lane(self) -> Lane:
        """Return a lane whose files were digested as they are now, and whose cache only listens."""
        files = facts_of(self.backend).files_of(self.made.model)
        model = self.made.spec(id="model", batch=1 if self.made.backend == "openvino" else None)
        return Lane(model, self.backend, "candidate", cache=Listening(self.kept), files=digested(*files)[0])


@dataclasses.dataclass(frozen=True)
class Listening:
    kept: list[Any]

    def has_any(self) -> bool:
        return False

    def get(self, _digests: tuple[bytes, ...], _outputs: int) -> None:
        return None

    def put(self, *entry: Any) -> None:
        self.kept.append(entry)


def copied(made: Made, folder: Path) -> Made:
    """Copy a model with all of its files."""
    folder.mkdir(parents=True)
    source = made.model
    if source.is_dir():
        shutil.copytree(source, folder / source.name)
    else:
        for path in facts_of(made.backend).files_of(source):
            shutil.copyfile(path, folder / path.name)
    return dataclasses.replace(made, model=folder / source.name)


def found(model: Path, name: str) -> Path:
    return model / name if model.is_dir() else model.with_name(name)


@pytest.fixture(params=SWAPS)
def swap(request: pytest.FixtureRequest, kinds: tuple[Kinds, Kinds], tmp_path: Path) -> Swap:
    backend, form, names = SWAPS[request.param]
    if not facts_of(backend).is_installed:
        pytest.skip(f"{facts_of(backend).title} is not installed")
    made, other = copied(kinds[0][form], tmp_path / "model"), kinds[1][form]
    good = {found(made.model, name): found(made.model, name).read_bytes() for name in names}
    bad = {found(made.model, name): found(other.model, name).read_bytes() for name in names}
    return Swap(made, backend, good, bad)


def put(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        path.write_bytes(content)


def in_place(files: dict[Path, bytes], *, zeros: bool) -> None:
    """Write into the files that are there, so that a mapping of them sees it."""
    for path, content in files.items():
        with path.open("r+b") as stream:
            stream.write(bytes(len(content)) if zeros else content)


def test_a_model_whose_file_is_replaced_answers_nothing(
    swap: Swap, network: Network, pixels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert swap.good != swap.bad
    one = pixels[:1]
    lane = swap.lane()
    put(swap.bad)
    with pytest.raises(ModelError, match=REPLACED):
        lane.answer(one, ONE_IMAGE)
    lane.close()
    assert not swap.kept

    put(swap.good)
    lane, real = swap.lane(), Backend.__enter__

    def entering(backend: Backend) -> Backend:
        put(swap.bad)
        try:
            return real(backend)
        finally:
            put(swap.good)

    with monkeypatch.context() as patch:
        patch.setattr(Backend, "__enter__", entering)
        with pytest.raises(ModelError, match=REPLACED):
            lane.answer(one, ONE_IMAGE)
    lane.close()
    assert not swap.kept

    lane = swap.lane()
    lane.load()
    in_place(swap.good, zeros=True)
    answers = lane.infer_alone(one)  # what was loaded is in memory, and no mapping of the file
    in_place(swap.good, zeros=False)
    np.testing.assert_allclose(answers, network.of_pixels(one), atol=1e-4)
    kept = lane.answer(one, ONE_IMAGE)
    np.testing.assert_allclose(kept.raw, network.of_pixels(one), atol=1e-4)
    assert len(swap.kept) == 1
    in_place(swap.good, zeros=True)
    with pytest.raises(ModelError, match=REPLACED):
        lane.answer(one, ONE_IMAGE)
    lane.close()
    assert len(swap.kept) == 1


def test_a_file_that_comes_to_a_folder_later_is_none_of_the_model(
    kinds: tuple[Kinds, Kinds], tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    made = copied(kinds[0]["saved_model"], tmp_path / "model")
    lane = Swap(made, "saved_model", {}, {}).lane()
    shutil.copyfile(made.model / "saved_model.pb", made.model / "saved_model.pbtxt")
    with pytest.raises(ModelError, match=rf"saved_model\.pbtxt {REPLACED}"):
        lane.answer(pixels[:1], ONE_IMAGE)


def test_a_run_whose_models_are_all_replaced_ends_with_3_and_caches_none(
    kinds: tuple[Kinds, Kinds], tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path / "images", 6)
    swaps: dict[str, tuple[dict[Path, bytes], dict[Path, bytes]]] = {}
    candidates = []
    for name, (backend, form, names) in SWAPS.items():
        if name.startswith("ir-xml") or not facts_of(backend).is_installed:
            continue
        made = copied(kinds[0][form], tmp_path / name)
        other = kinds[1][form]
        files = {found(made.model, each): found(other.model, each) for each in names}
        swaps[name] = (
            {path: path.read_bytes() for path in files},
            {path: source.read_bytes() for path, source in files.items()},
        )
        candidates.append(made.as_model(id=name, backend=backend))
    data = {
        "version": 1,
        "name": "swapped",
        "dataset": {"path": "images", "classes": CLASSES, "images": 6, "preprocess": {"size": SIZE}},
        "reference": kinds[0]["tensorflow"].as_model(id="original"),
        "candidates": [*candidates, {**kinds[0]["openvino"].as_model(), "id": "sound"}],
        "cache": {"folder": "cache", "candidates": True},
    }
    (tmp_path / "config.yml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    real = Lane.load

    def loading(lane: Lane) -> Any:
        good, bad = swaps.get(lane.spec.id, ({}, {}))
        put(bad)
        try:
            return real(lane)
        finally:
            put(good)

    monkeypatch.setattr(Lane, "load", loading)
    record = validate(load_config(tmp_path / "config.yml"), Options(out=tmp_path / "run", quiet=True))
    assert record.exit_code == 3
    errors = {model.id: model.error or "" for model in record.models if model.status == "error"}
    assert {name for name, error in errors.items() if REPLACED in error} == set(swaps)
    kept = [path for path in (tmp_path / "cache").glob("probabilities/*/*") if path.is_file()]
    assert len(kept) == 2  # of the reference and of the sound candidate
