"""OpenVINO's Accuracy Checker on the same images, where it is installed: `ACCURACY_CHECKER=<command> make bench`."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from time import perf_counter
from typing import Any

import yaml

from harness.config import Config
from harness.config.models import Model
from harness.dataset.image_set import ImageSet
from harness.disk.leftovers import temporary_folder
from harness.errors import ConfigError
from harness.importing.told import accuracy_checker, can_be_told

_LEAST = 0.1  # of the start-up, which varies by that much from run to run


def measure(command: str, config: Config, images: ImageSet, count: int) -> list[dict[str, Any]]:
    """Run the command on the first ``count`` images of a set, each model in a separate process; return the figures.

    Seconds are those of the whole process; start-up is that of a run on one image and is taken off for images/s: None
    if the images took too little time next to it. Raises ConfigError if the command fails, with its last lines.
    """
    results = []
    for model in config.models:
        if not can_be_told(model):
            continue
        seconds = {number: _seconds(command, config, model, images, number) for number in (1, count)}
        more = seconds[count] - seconds[1]
        rate = (count - 1) / more if more > _LEAST * seconds[1] else None
        results.append(
            {"model": model.id, "images": count, "start_seconds": seconds[1], "seconds": seconds[count],
             "images_per_second": rate}
        )  # fmt: skip
    return results


def _seconds(command: str, config: Config, model: Model, images: ImageSet, count: int) -> float:
    with temporary_folder("incumbent") as folder:
        (folder / "images").mkdir()
        lines = []
        for row in range(count):
            name = f"{row:06d}{Path(images.manifest.image_ids[row]).suffix or '.JPEG'}"
            (folder / "images" / name).write_bytes(images.read(row))
            lines.append(f"{name} {int(images.manifest.labels[row]) - int(config.dataset.background_class)}\n")
        (folder / "list.txt").write_text("".join(lines), encoding="utf-8")
        path = folder / "models.yml"
        path.write_text(yaml.safe_dump(accuracy_checker(config, model, folder)), encoding="utf-8")
        start = perf_counter()
        done = subprocess.run(
            [*shlex.split(command), "-c", str(path)],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        seconds = perf_counter() - start
    if done.returncode:
        last = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise ConfigError(
            f"ACCURACY_CHECKER={command}: ended with exit code {done.returncode} for {model.id}\n  {last}"
        )
    return seconds
