"""Each backend's images/s against a plain loop of its framework, by turns in one process.

`python -m tests.backends.speed BACKEND MODEL [--output NAME] [--size 224] [--classes 1000] [--batch 32] ...` prints a
row of the table in docs/backends.md: images/s of both, the medians of the turns' ratios by wall and by processor time,
and the largest difference of a probability. Mean and scale are 127.5, and the model is of RGB.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from harness.backends.base import ModelSpec
from harness.backends.opening import open_backend
from harness.config import Input
from tests.backends.plain_loops import loop


def main() -> None:
    """Measure one backend and print its row."""
    options = _parser().parse_args()
    contract = Input(name=options.input, color="RGB", mean=127.5, scale=127.5)
    spec = ModelSpec(
        id=options.backend,
        model=str(options.model),
        input=contract,
        output=options.output,
        size=options.size,
        outputs=options.classes,
        batch=options.batch,
        threads=options.threads,
    )
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (options.images, options.size, options.size, 3)).astype(np.uint8)
    with open_backend(options.backend, spec) as backend:
        plain = loop(
            options.backend, options.model, backend.loaded.details["batch"], options.threads,
            mean=127.5, scale=127.5, output=options.output,
        )  # fmt: skip
        difference = float(np.abs(backend.infer(pixels) - plain(pixels)).max())
        ours: list[tuple[float, float]] = []
        theirs: list[tuple[float, float]] = []
        for _ in range(options.turns):
            for run, seconds in ((backend.infer, ours), (plain, theirs)):
                wall, processor = time.perf_counter(), time.process_time()
                run(pixels)
                seconds.append((time.perf_counter() - wall, time.process_time() - processor))
    own, other = (options.images / statistics.median(wall for wall, _ in seconds) for seconds in (ours, theirs))
    by_wall, by_processor = (
        statistics.median(there[at] / here[at] for here, there in zip(ours, theirs, strict=True)) for at in (0, 1)
    )
    name = f"`{options.backend}`, `{options.model.name}`"
    print(f"| {name} | {own:.1f} | {other:.1f} | {by_wall:.2f} | {by_processor:.2f} | {difference:.1e} |")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.backends.speed", description=__doc__)
    parser.add_argument("backend")
    parser.add_argument("model", type=Path)
    parser.add_argument("--input")
    parser.add_argument("--output")
    for name, value in (("size", 224), ("classes", 1000), ("batch", 32), ("threads", 1), ("images", 64), ("turns", 7)):
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser


if __name__ == "__main__":
    main()
