"""Further forms of image sets, lists and files of other tools."""

from __future__ import annotations

from tests.campaign.kind import picture
from tests.dataset.sources.forms import Facts, Picture

_IMAGES = 6


def _facts() -> Facts:
    from harness.dataset.imagenet import builtin_classes, class_of_wnid

    return Facts([int(label) for label in builtin_classes()], sorted(class_of_wnid()))


def _pictures() -> list[Picture]:
    labels = _facts().labels
    return [Picture(f"ILSVRC2012_val_{n + 1:08d}.JPEG", picture(n), labels[n]) for n in range(_IMAGES)]
