"""Train the demo network on images drawn for it, freeze it, measure it, and write graph, metrics and model card.

Run as `python datasets/demo/train.py` or `python -m datasets.demo.train`, after `make.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from datasets.demo import card, checksums, measure, training_data
from datasets.demo.drawing.sketch import Pixels
from datasets.demo.files import library_versions
from datasets.demo.streams import SEED, stream_of_training

THREADS = 2
SMOOTHING = 0.1


@dataclass(frozen=True)
class Phase:
    """A stretch of training at one input side, with a cosine from `rate` down to `rate * floor`."""

    side: int
    epochs: int
    batch: int
    rate: float
    floor: float


PHASES = (
    Phase(112, 14, 64, 2e-3, 0.15),
    Phase(224, 3, 48, 4e-4, 0.01),
    Phase(224, 4, 48, 1.2e-3, 0.01),
)


def _batches(
    images: Pixels, labels: NDArray[np.int64], phase: Phase, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Shuffle, mirror half of the images, shift a little, and turn a few grey; float32 RGB in [-1, 1]."""
    reach = phase.side // 16
    order = rng.permutation(len(images))
    for start in range(0, len(order) - phase.batch + 1, phase.batch):
        chosen = order[start : start + phase.batch]
        batch = images[chosen]
        padded = np.pad(batch, ((0, 0), (reach, reach), (reach, reach), (0, 0)), "reflect")
        for row in range(len(batch)):
            top, left = rng.integers(0, 2 * reach + 1, 2)
            part = padded[row, top : top + phase.side, left : left + phase.side]
            batch[row] = part[:, ::-1] if rng.random() < 0.5 else part
            if rng.random() < 0.03:
                batch[row] = batch[row].mean(axis=2, keepdims=True).astype(np.uint8)
        yield (batch.astype(np.float32) - np.float32(127.5)) / np.float32(127.5), labels[chosen]


def _step(model: Any, optimizer: Any) -> Any:
    import tensorflow as tf

    from datasets.demo.network import CLASSES

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator,unused-ignore]
    def step(images: Any, labels: Any) -> tuple[Any, Any]:
        goal = tf.one_hot(labels, CLASSES) * (1 - SMOOTHING) + SMOOTHING / CLASSES
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(goal, logits))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return loss, tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32))

    return step


def _checkpoint(folder: Path, images: int, phases: tuple[Phase, ...]) -> Path:
    """Name the file for the state after `phases`, by all that this state depends on."""
    recipe = json.dumps([training_data.key(images), [asdict(phase) for phase in phases]])
    return folder / f"after-{len(phases)}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.npz"


def _save(path: Path, model: Any, rng: np.random.Generator, seconds: float) -> None:
    """Keep the weights, the state of the dropout and that of the random numbers, and the time spent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {f"variable_{number}": np.asarray(v) for number, v in enumerate(model.variables)}
    values["seconds"] = seconds
    values["rng"] = json.dumps(rng.bit_generator.state)
    partial = path.with_suffix(".part")
    with partial.open("wb") as target:
        np.savez(target, **values)
    partial.replace(path)


def _restore(path: Path, model: Any, rng: np.random.Generator) -> float:
    """Undo `_save`; return the time spent."""
    with np.load(path) as held:
        for number, variable in enumerate(model.variables):
            variable.assign(held[f"variable_{number}"])
        rng.bit_generator.state = json.loads(str(held["rng"]))
        return float(held["seconds"])


def _train_phase(model: Any, images: Pixels, labels: NDArray[np.int64], phase: Phase, rng: np.random.Generator) -> None:
    """Train for one phase, with an optimizer of its own."""
    import cv2
    import tensorflow as tf

    if phase.side != images.shape[1]:
        size = (phase.side, phase.side)
        images = np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images])
    optimizer = tf.keras.optimizers.AdamW(phase.rate, weight_decay=1e-3, global_clipnorm=5.0)
    step = _step(model, optimizer)
    total, done = phase.epochs * (len(images) // phase.batch), 0
    for epoch in range(phase.epochs):
        began, losses, hits = time.monotonic(), [], []
        for batch, targets in _batches(images, labels, phase, rng):
            warm = min(1.0, (done + 1) / 50)
            wave = 0.5 * (1 + math.cos(math.pi * done / total))
            optimizer.learning_rate.assign(warm * phase.rate * (phase.floor + (1 - phase.floor) * wave))
            loss, hit = step(tf.constant(batch), tf.constant(targets))
            losses.append(float(loss))
            hits.append(float(hit))
            done += 1
        print(
            f"side {phase.side} epoch {epoch + 1}/{phase.epochs}: loss {np.mean(losses):.3f}, "
            f"training Top-1 {100 * np.mean(hits):.1f} %, {time.monotonic() - began:.0f} s",
            file=sys.stderr,
            flush=True,
        )


def train(
    images: Pixels, labels: NDArray[np.int64], build: Path, resume: bool, phases: tuple[Phase, ...] = PHASES
) -> tuple[Any, float]:
    """Train from scratch; return the Keras model and the seconds that it took.

    The order of images and their changes hang on the seed alone. The state after each phase is kept below `build`; with
    `resume`, training goes on from the last one that is there and ends with the weights of an uninterrupted run.
    """
    import tensorflow as tf

    from datasets.demo.network import build_trainable

    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    model = build_trainable()
    rng = stream_of_training()
    states = [_checkpoint(build, len(images), phases[: number + 1]) for number in range(len(phases))]
    first, seconds = 0, 0.0
    if resume:
        first = max((number + 1 for number, path in enumerate(states) if path.is_file()), default=0)
        if first:
            seconds = _restore(states[first - 1], model, rng)
    for phase, state in zip(phases[first:], states[first:], strict=True):
        began = time.monotonic()
        _train_phase(model, images, labels, phase, rng)
        seconds += time.monotonic() - began
        _save(state, model, rng, seconds)
    return model, seconds


def measured(graph: bytes, folder: Path) -> dict[str, Any]:
    """Count Top-1 and Top-5 on the committed images, as they are and with red and blue swapped."""
    pixels, labels = measure.load_images(folder)
    found = {}
    for name, images in (("as_specified", pixels), ("red_and_blue_swapped", pixels[..., ::-1])):
        found[name] = asdict(measure.count(measure.predict(graph, images), labels))
    return found


def main() -> None:
    """Parse the command line, train, and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--out", type=Path, default=checksums.FOLDER, help="folder with val/ and val.txt; written to")
    parser.add_argument("--build", type=Path, default=Path("build/demo-train"), help="folder for the training images")
    parser.add_argument("--images", type=int, default=9000, help="training images to draw (default 9000)")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw (default 2)")
    parser.add_argument("--measure-only", action="store_true", help="keep the graph, count again")
    parser.add_argument(
        "--resume", action="store_true", help="go on after the last phase of training that was finished"
    )
    options = parser.parse_args()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    path, record = options.out / checksums.GRAPH, options.out / "metrics.json"
    if options.measure_only:
        training = json.loads(record.read_text(encoding="ascii"))["training"]
    else:
        from datasets.demo.network import WIDTH, frozen_graph, read_weights

        images, labels = training_data.load(options.build, options.images, options.workers)
        model, seconds = train(images, labels, options.build, options.resume)
        path.write_bytes(frozen_graph(read_weights(model)))
        training = {
            "seed": SEED,
            "images": options.images,
            "width": WIDTH,
            "threads": THREADS,
            "label_smoothing": SMOOTHING,
            "phases": [asdict(phase) for phase in PHASES],
            "training_seconds": round(seconds),
            "trained_with": {"tensorflow": tf.__version__, **library_versions()},
        }
    graph = path.read_bytes()
    metrics = {
        "graph": checksums.GRAPH,
        "graph_bytes": len(graph),
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        **measured(graph, options.out),
        "training": training,
    }
    record.write_text(json.dumps(metrics, indent=2) + "\n", encoding="ascii")
    (options.out / "MODEL_CARD.md").write_text(card.render(metrics), encoding="utf-8")
    checksums.write(options.out)
    print(json.dumps({name: metrics[name] for name in ("as_specified", "red_and_blue_swapped")}))


if __name__ == "__main__":
    main()
