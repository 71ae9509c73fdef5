"""An opened image set: its manifest, and the encoded bytes of every row on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.config import Dataset
from harness.dataset.manifest import Manifest, build_manifest
from harness.dataset.sources.carried import Carried
from harness.dataset.sources.opening import ImageSetRequest, open_labelled, read_class_names
from harness.dataset.subset import choose
from harness.errors import DatasetError


@dataclass(frozen=True)
class ImageSet:
    """``read(row)`` returns a row's encoded bytes; ``signature(row)`` its size and times of change as text.

    Both may be called from many threads and raise OSError. ``cut_from``: how many images are listed, where the manifest
    has only some of them. ``source``: where the labels come from; ``notes``: sentences about unusual content;
    ``chosen_from``: the set that `dataset.subset` was chosen from; ``carried``: what a capsule has of its images.
    """

    form: str
    source: str
    manifest: Manifest
    read: Callable[[int], bytes]
    signature: Callable[[int], str]
    cut_from: int | None = None
    notes: tuple[str, ...] = ()
    chosen_from: ImageSet | None = None
    carried: Carried | None = None

    @property
    def listed(self) -> int:
        """How many images are listed, evaluated or not."""
        return len(self.manifest) if self.cut_from is None else self.cut_from

    def first(self, images: int | None) -> ImageSet:
        """Return the first ``images`` rows (None: all) of the same set."""
        return replace(self, manifest=self.manifest.first(images), cut_from=self.listed)

    def rows(self, rows: list[int]) -> ImageSet:
        """Return the given rows of the same set, in that order."""
        return replace(
            self,
            manifest=Manifest(tuple(self.manifest.image_ids[row] for row in rows), self.manifest.labels[rows]),
            read=lambda row: self.read(rows[row]),
            signature=lambda row: self.signature(rows[row]),
            cut_from=self.listed,
            carried=self.carried and self.carried.rows(rows),
        )


def open_image_set(dataset: Dataset) -> ImageSet:
    """Open the configured image set.

    Raises DatasetError if labels and images do not belong together, or the set is larger than it is declared.
    """
    opened = open_labelled(_wanted(dataset))
    pairs, source = opened.pairs, opened.label_source
    manifest = build_manifest(pairs, classes=dataset.classes, background_class=dataset.background_class, source=source)
    if dataset.images is not None and len(manifest) > dataset.images:
        raise DatasetError(
            f"{source}: lists {len(manifest)} images, but dataset.images says that the whole set has {dataset.images}; "
            "set dataset.images to the size of the whole set"
        )
    carried = opened.carried
    whole = ImageSet(
        opened.form,
        source,
        manifest,
        opened.read,
        opened.signature,
        cut_from=carried.listed if carried else None,
        notes=opened.notes,
        carried=carried,
    )
    if dataset.subset is None:
        return whole
    names, classes = [name for name, _ in pairs], [label for _, label in pairs]
    wanted = dataset.subset
    rows = choose(names, classes, images=wanted.images, seed=wanted.seed, stratified=wanted.stratified)
    return replace(whole.rows(rows), chosen_from=whole)


def _wanted(dataset: Dataset) -> ImageSetRequest:
    names = read_class_names(dataset.class_names) if dataset.class_names else None
    if names and len(names) != dataset.classes:
        raise DatasetError(
            f"{dataset.class_names}: names {len(names)} classes, but dataset.classes is {dataset.classes}; "
            f"set dataset.classes: {len(names)}"
        )
    return ImageSetRequest(
        dataset.path,
        dataset.form,
        dataset.label_source,
        dataset.labels_trusted,
        dataset.classes,
        names,
        may_miss=dataset.bad_images.policy != "fail",
    )
