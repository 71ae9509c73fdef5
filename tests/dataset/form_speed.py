"""How fast each form is read and decoded, against the flat folder: `python -m tests.dataset.form_speed IMAGES.txt`.

IMAGES.txt is a `name class` list beside the folder of its name. The images are written in every form, each form is run
in turns with the flat folder, and the ratios of the best times are printed, of the clock and of the processor: others
may use the machine meanwhile, which the clock shows and the processor's time hardly does.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness.config import Dataset, Preprocess
from harness.dataset.image_set import ImageSet, open_image_set
from harness.dataset.imagenet import class_of_wnid, validation_labels
from harness.feeding.decode import Decoder
from tests.dataset.sources.forms import FORMS, Facts, Picture

ROUNDS = 7


def renamed(list_file: Path, images: int) -> list[Picture]:
    """Return the images again and again, under names of validation images of their classes."""
    free: dict[int, list[int]] = {}
    for number, label in enumerate(validation_labels().tolist(), start=1):
        free.setdefault(label, []).append(number)
    rows = [line.split() for line in list_file.read_text(encoding="utf-8").splitlines()]
    pictures = []
    for count in range(images):
        name, written = rows[count % len(rows)]
        data = (list_file.with_suffix("") / name).read_bytes()
        number = free[int(written)].pop(0)
        pictures.append(Picture(f"ILSVRC2012_val_{number:08d}.JPEG", data, int(written)))
    return pictures


def seconds(images: ImageSet) -> tuple[float, float]:
    """Return how long all images take to be decoded as a validation does: by the clock, and in processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    with Decoder(images, Preprocess(), threads=2) as decoder:
        for _ in decoder.shards(list(enumerate(images.manifest.shards()))):
            pass
    return time.perf_counter() - clock, time.process_time() - processor


def main(arguments: Sequence[str]) -> None:
    """Print a table of form, milliseconds to open, and ratios to the flat folder's speed."""
    facts = Facts(validation_labels().tolist(), list(class_of_wnid()))
    pictures = renamed(Path(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 1000)
    with tempfile.TemporaryDirectory() as folder:
        made = {name: maker(Path(folder) / name, pictures, facts) for name, (maker, _) in FORMS.items()}
        flat = open_image_set(Dataset(path=made["flat"][0]))
        print(f"{len(pictures)} images, {sum(len(item.data) for item in pictures) / 1e6:.0f} MB")
        for name, (path, labels) in made.items():
            start = time.perf_counter()
            images = open_image_set(Dataset(path=path, labels=labels))
            opening = time.perf_counter() - start
            pairs = [(seconds(flat), seconds(images)) for _ in range(ROUNDS)]
            clock, processor = (
                min(pair[0][which] for pair in pairs) / min(pair[1][which] for pair in pairs) for which in (0, 1)
            )
            print(
                f"{name:18} open {opening * 1e3:7.1f} ms   clock {clock:5.2f}   processor {processor:5.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
