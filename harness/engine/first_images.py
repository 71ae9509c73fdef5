"""The first images of a run, decoded again for the gates that ask for them again: once for all candidates."""

from __future__ import annotations

from harness.config import Preprocess
from harness.engine.lane import Lane
from harness.engine.run import Run
from harness.feeding.decode import Decoded, Decoder
from harness.machine.environment import cores


class FirstImages:
    """Decodes each number of first images once for each preprocessing, and keeps the pixels while it lives."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._kept: dict[tuple[object, int], Decoded] = {}

    def of(self, lane: Lane, count: int) -> Decoded:
        """Return the first ``count`` images as a model's preprocessing makes them, bad ones among them."""
        return self.by(self._run.config.dataset.preprocess if lane.preprocess is None else lane.preprocess, count)

    def by(self, own: Preprocess, count: int) -> Decoded:
        """Return the first ``count`` images as a preprocessing makes them."""
        key = (own.pixels_key, count)
        if key not in self._kept:
            with Decoder(self._run.images, own, threads=cores()) as decoder:
                (self._kept[key],) = decoder.shards([(0, range(count))])
        return self._kept[key]
