"""Each backend's images/s against a plain loop of its framework, in turns, a process each.

`python -m tests.backends.speed BACKEND MODEL [--output NAME] [--size 224] [--classes 1000] [--batch 32] ...` prints a
row of the table in docs/backends.md: images/s of both, the medians of the turns' ratios by wall and by processor time,
and the largest difference of a probability. Mean and scale are 127.5, and the model is of RGB.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np

from harness.backends.base import ModelSpec
from harness.config import Input
from tests.backends.plain_loops import loop
from tests.backends.turns import Infer, in_turns, of_backend, turns


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
        threads=options.threads,
    )
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (options.images, options.size, options.size, 3)).astype(np.uint8)
    arguments = (options.backend, options.model, options.batch, options.threads, options.output)
    with turns(of_backend, (options.backend, spec), pixels) as ours, turns(_plain, arguments, pixels) as theirs:
        difference = float(np.abs(ours.predictions - theirs.predictions).max())
        in_turns((ours, theirs), options.turns)
    own, other = (options.images / statistics.median(each.wall) for each in (ours, theirs))
    by_wall = statistics.median(there / here for here, there in zip(ours.wall, theirs.wall, strict=True))
    by_processor = statistics.median(there / here for here, there in zip(ours.processor, theirs.processor, strict=True))
    name = f"`{options.backend}`, `{options.model.name}`"
    print(f"| {name} | {own:.1f} | {other:.1f} | {by_wall:.2f} | {by_processor:.2f} | {difference:.1e} |")


def _plain(backend: str, model: Path, batch: int, threads: int, output: str | None) -> Infer:
    return loop(backend, model, batch, threads, mean=127.5, scale=127.5, output=output)


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
