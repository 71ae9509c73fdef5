"""What a further candidate costs a run, by two runs of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def marginal(more: Mapping[str, Any], fewer: Mapping[str, Any], *, by_processor: bool = False) -> float | None:
    """Return what further candidates cost in the pipeline, over what their inference costs alone.

    ``more``, ``fewer``: figures of ``run_scenario`` with more and with fewer candidates. Both costs are in core-seconds
    per image, or in processor seconds, which other processes disturb less. The inference alone is the median of what
    was measured with more candidates, as the pipeline is an average too; the other run is scaled by the stages that
    both measured, because the machine's speed may have changed between them. None if no candidate is further.
    """
    kind = "usual_processor_seconds_per_image" if by_processor else "usual_core_seconds_per_image"
    alone = sum(seconds for stage, seconds in more[kind].items() if stage not in fewer[kind])
    if not alone:
        return None
    drift = sum(more[kind][stage] for stage in fewer[kind]) / sum(fewer[kind].values())
    return float((_cost(more, by_processor) - drift * _cost(fewer, by_processor)) / alone)


def _cost(figures: Mapping[str, Any], by_processor: bool) -> float:
    if by_processor:
        return float(figures["pipeline_processor_seconds_per_image"])
    return float(figures["cores"] / figures["achieved_images_per_second"])
