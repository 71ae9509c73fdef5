"""The first images of a run, decoded again for the gates that ask for them again: once for all candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.config import Preprocess
from harness.engine.lane import Lane
from harness.engine.run import Run
from harness.errors import DatasetError
from harness.feeding.decode import Decoded, Decoder
from harness.machine.environment import cores


class FirstImages:
    """Decodes each number of first images once for each preprocessing, and keeps the pixels while it lives."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._kept: dict[tuple[object, int], Decoded] = {}

    def of(self, lane: Lane, count: int, *others: Preprocess) -> Decoded:
        """Return the first ``count`` images as a model's preprocessing makes them, bad ones among them.

        ``others``: preprocessing that is needed next; it is applied in the same pass, each image decoded once.
        """
        own = self._run.preprocess_of(lane)
        self._decode([own, *others], count)
        return self.by(own, count)

    def by(self, own: Preprocess, count: int) -> Decoded:
        """Return the first ``count`` images as a preprocessing makes them."""
        self._decode([own], count)
        return self._kept[own.pixels_key, count]

    def _decode(self, wanted: Sequence[Preprocess], count: int) -> None:
        missing = {each.pixels_key: each for each in wanted if (each.pixels_key, count) not in self._kept}
        if missing:
            with Decoder(self._run.images, *missing.values(), threads=cores()) as decoder:
                (decoded,) = decoder.shards([(0, range(count))])
            self._refuse_replaced(decoded)
            for key in missing:
                self._kept[key, count] = replace(decoded, tensors={key: decoded.tensors[key]})

    def _refuse_replaced(self, decoded: Decoded) -> None:
        """Raise DatasetError if an image is not the one that the models predicted: the two must not be compared."""
        names, carried = self._run.images.manifest.image_ids, self._run.images.carried
        # A capsule of pixels lacks those of other filters: such rows are bad here, and are not compared.
        may_lack = carried is not None and carried.pixels is not None
        for table in self._run.tables:
            for row, digest in zip(table.rows, table.image_digests, strict=True):
                own = decoded.image_digests[row - decoded.rows.start] if row in decoded.rows else digest
                if own != digest and not (may_lack and own == b""):
                    raise DatasetError(
                        f"{names[row]}: was replaced or changed while the run used it; run again while nothing writes "
                        "to the image set"
                    )
