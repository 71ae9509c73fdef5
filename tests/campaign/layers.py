"""How often the layer that was changed is named: `python -m tests.campaign.layers`, on the graph of the test bed.

One random layer is changed at a time, in an IR of the old Model Optimizer, where names survived, and in one of today's
frontend, where four names did; `find_layer` is asked. The table goes to `docs/layers.md`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from harness.backends.base import ModelSpec
from harness.config import Input
from harness.diagnosis.layers.search import LayerSearch, Side
from harness.disk.marks import write_between
from tests.conftest import PROJECT, SHARED
from tests.diagnosis.layers import edits
from tests.diagnosis.layers.conftest import convert

PAGE = PROJECT / "docs" / "layers.md"
BEGIN, END = "<!-- campaign: python -m tests.campaign.layers -->", "<!-- end of campaign -->"
SIZE, CLASSES = 224, 1001


@dataclass(frozen=True)
class Kind:
    """A kind of fault: ``make`` chooses one by a random number generator and the number of layers."""

    name: str
    make: Callable[[random.Random, int], edits.Edit]
    f16: bool = False
    precision: str = "f32"


def _noise(generator: random.Random, layers: int) -> edits.Edit:
    return edits.noise(generator.randrange(layers), generator.uniform(0.01, 0.05), generator.randrange(1 << 30))


KINDS = (
    Kind("weights 1 to 5 % off", _noise),
    Kind("weights 1 to 5 % off, then stored as f16", _noise, f16=True),
    Kind("weights 1 to 5 % off, run in bf16", _noise, precision="bf16"),
    Kind("one output channel", lambda generator, layers: edits.one_channel(generator.randrange(layers), 3)),
    Kind("bias lost", lambda generator, layers: edits.lost_bias(generator.randrange(layers))),
    Kind("ReLU6 clips at 5.5", lambda generator, _: edits.other_clip(generator.randrange(35), 5.5)),
    Kind("ReLU for ReLU6", lambda generator, _: edits.other_clip(generator.randrange(35), None)),
    Kind("kernel transposed", lambda generator, _: edits.transposed_kernel(1 + 3 * generator.randrange(17))),
)


@dataclass
class Tally:
    """What became of the faults of one kind in one IR."""

    ir: str
    kind: str
    tried: int = 0
    named: int = 0
    seconds: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)


def pixels(count: int) -> Any:
    """Return the first images of the test bed, uint8 (n, 224, 224, 3) BGR, with the published preprocessing."""
    found = []
    for path in sorted((SHARED / "imagenet" / "val").iterdir())[:count]:
        image = cv2.imread(str(path))
        assert image is not None
        height, width = (int(side * 0.875) for side in image.shape[:2])
        top, left = ((whole - part) // 2 for whole, part in zip(image.shape[:2], (height, width), strict=True))
        found.append(cv2.resize(image[top : top + height, left : left + width], (SIZE, SIZE)))
    return np.stack(found)


def sides(folder: Path) -> tuple[Side, dict[str, Side]]:
    """Return the original, and the two IRs by their names in the table."""
    import openvino as ov

    models = SHARED / "models"
    graph = models / "mobilenet_v2_1.0_224_frozen.pb"
    today = folder / "today.xml"
    convert(ov, graph, today, SIZE, (127.5,) * 3, (127.5,) * 3)
    images = pixels(4)

    def side(backend: str, model: Path, contract: Input) -> Side:
        return Side(backend, ModelSpec(backend, str(model), contract, None, SIZE, CLASSES), images)

    bgr = Input(color="BGR")
    return side("tensorflow", graph, Input(color="RGB", mean=127.5, scale=127.5)), {
        "Model Optimizer 2024.6": side("openvino", models / "mo_2024.6" / "mobilenet-v2-1.0-224.xml", bgr),
        "today's frontend": side("openvino", today, bgr),
    }


def try_one(search: LayerSearch, candidate: Side, kind: Kind, seed: int, folder: Path, tally: Tally) -> None:
    """Make one fault and ask which layer it is in."""
    import openvino as ov

    count = len(edits.weighted(ov.Core().read_model(candidate.spec.model)))
    edit = kind.make(random.Random(f"{kind.name} {seed}"), count)
    path = folder / "faulty.xml"
    (changed,) = edits.save_edited(ov, Path(candidate.spec.model), [edit], path, f16=kind.f16)
    faulty = replace(candidate, spec=replace(candidate.spec, model=str(path), precision=kind.precision))
    start = time.perf_counter()
    found = search.find(faulty)
    tally.seconds.append(time.perf_counter() - start)
    tally.tried += 1
    if (found.verdict, found.candidate) == ("found", changed):
        tally.named += 1
    else:
        tally.missed.append(f"seed {seed}: {changed}: {found.sentence}")


def table(tallies: Sequence[Tally]) -> str:
    """Return the table as Markdown, with a sentence on how long a search took."""
    lines = ["| IR | fault, in one random layer | named |", "|---|---|---|"]
    lines += [f"| {item.ir} | {item.kind} | {item.named} of {item.tried} |" for item in tallies]
    seconds = [value for item in tallies for value in item.seconds]
    took = f"A search took {statistics.median(seconds):.0f} s in the median, {max(seconds):.0f} s at most."
    return "\n".join([*lines, "", took]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--count", type=int, default=30, help="faults of the first kind (default 30); a third of the rest"
    )
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.relative_to(PROJECT)}")
    options = parser.parse_args()
    tallies = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reference, candidates = sides(folder)
        search = stack.enter_context(LayerSearch(reference))
        for ir, candidate in candidates.items():
            for kind in KINDS:
                tally = Tally(ir, kind.name)
                for seed in range(options.count if kind is KINDS[0] else max(1, options.count // 3)):
                    try_one(search, candidate, kind, seed, folder, tally)
                tallies.append(tally)
                print(f"{ir}: {kind.name}: {tally.named} of {tally.tried}", file=sys.stderr, flush=True)
                for line in tally.missed:
                    print(f"  missed: {line}", file=sys.stderr, flush=True)
    print(table(tallies))
    if options.write:
        write_between(PAGE, BEGIN, END, table(tallies))
    return 0 if all(not item.missed for item in tallies) else 1


if __name__ == "__main__":
    raise SystemExit(main())
