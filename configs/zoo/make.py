# ruff: noqa: INP001  (a script, no package)
"""Write the catalogue: a configuration for each ImageNet classifier of a folder of public files, and its table.

    python configs/zoo/make.py FOLDER

FOLDER holds a folder a model with its accuracy-check.yml and model.yml, and dataset_definitions.yml. What is written
are facts: published accuracy, preprocessing, contracts, sizes and checksums of files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness.importing.accuracy_checker import Check, read_accuracy_check
from harness.importing.configuration import write_configuration

PROJECT = Path(__file__).resolve().parents[2]
ZOO = Path("configs", "zoo")
HEAD = """\
# Model catalogue

This page lists ready-made configurations for the ImageNet classifiers in the Open Model Zoo's public files, one for
each model. `make zoo` writes them, and this table, with [`harness import`](import.md). Published accuracy is that of
the 50,000 images of the ILSVRC2012 validation set. "Short 256" resizes the short side, "to 224" both sides; a number
alone crops.

```
harness feed configs/zoo/resnet-50-pytorch.yml image.JPEG --out fed.npz
```

| model | reference | Top-1 % | Top-5 % | decoder | steps | background |
|---|---|---|---|---|---|---|
"""


def classifiers(folder: Path) -> dict[str, Check]:
    """Return what was read of each classifier on ImageNet, by the name of its folder."""
    read = {file.parent.name: read_accuracy_check(file) for file in sorted(folder.glob("*/accuracy-check.yml"))}
    return {name: check for name, check in read.items() if check.leading.image_set.is_imagenet}


def configuration(name: str, check: Check) -> str:
    """Return the text of a model's configuration, as it lies in the catalogue; models lie in ``build/NAME``."""
    return write_configuration(check, models=Path("build", name), out=ZOO / f"{name}.yml")


def table(checks: dict[str, Check]) -> str:
    """Return the catalogue's page."""
    return HEAD + "".join(f"{_row(name, check)}\n" for name, check in checks.items())


def _row(name: str, check: Check) -> str:
    leading, reference = check.leading, check.reference
    words = []
    for step in leading.pixels.steps:
        settings = step.settings
        if step.kind == "resize":
            size = f"short {settings['short_side']}" if "short_side" in settings else f"to {settings['size']}"
            words.append(f"{size} {settings['interpolation']} ({settings['library']})")
        elif step.kind == "crop":
            words.append(f"{settings.get('fraction', settings.get('size'))} ({settings['library']})")
    accuracy = [f"{leading.published.percent[k]:g}" for k in (1, 5)]
    cells = [
        f"[{name}](../configs/zoo/{name}.yml)",
        reference.runner.backend if reference is not None else "none",
        *accuracy,
        leading.pixels.decoder,
        ", ".join(words),
        "yes" if leading.image_set.background else "no",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Write the catalogue into the project."""
    checks = classifiers(Path(sys.argv[1]))
    for name, check in checks.items():
        (PROJECT / ZOO / f"{name}.yml").write_text(configuration(name, check), encoding="utf-8")
    (PROJECT / "docs" / "zoo.md").write_text(table(checks), encoding="utf-8")
    print(f"{len(checks)} configurations in {ZOO}")


if __name__ == "__main__":
    main()
