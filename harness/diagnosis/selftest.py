"""Tests the gates: injects every known fault into a faithful candidate, and lets the gates judge it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.backends.registry import facts_of
from harness.config import Candidate, Config
from harness.dataset.image_set import open_image_set
from harness.diagnosis.faults import FAULTS, Fault
from harness.diagnosis.injecting import FaultBench, Finding
from harness.engine.fetched import fetched
from harness.engine.identity import plan_models
from harness.errors import ConfigError, DatasetError
from harness.record.schema import GatePart


@dataclass(frozen=True)
class SelfTest:
    """All findings, and every gate that fails on the faithful candidate."""

    candidate: str
    images: int
    faults: tuple[Finding, ...]
    false_alarms: tuple[GatePart, ...]

    @property
    def passed(self) -> bool:
        """Whether every fault that could be injected was caught, at least one was, and there was no false alarm."""
        tried = [finding.caught for finding in self.faults if finding.caught is not None]
        return bool(tried) and all(tried) and not self.false_alarms


def selftest(
    config: Config,
    candidate_id: str | None = None,
    faults: tuple[Fault, ...] = FAULTS,
    progress: Callable[[str], None] = lambda _: None,
) -> SelfTest:
    """Inject ``faults`` one by one into a candidate (None: one whose graph can be edited, if any) and judge each.

    ``progress`` is called with the name of what is being tried. Raises HarnessError if the faithful candidate itself
    cannot be evaluated.
    """
    _ = config.original  # raises ConfigError if there is none
    config = fetched(config)
    candidate = _choose(config, candidate_id)
    planned = {item.model.id: item for item in plan_models(config)}
    images = open_image_set(config.dataset)
    if len(images.manifest) == 0:
        raise DatasetError(f"{images.source}: lists no image, so there is nothing to test")
    bench = FaultBench(config, candidate, images, planned)
    progress("the faithful candidate")
    bench.evaluate_faithful()
    false_alarms = tuple(gate for gate in bench.judge_faithful() if gate.verdict == "fail")
    if of_candidate_alone(candidate.id, false_alarms):  # a wrong model's own fault masks all others
        reason = f"{candidate.id} fails without any fault"
        return SelfTest(
            candidate.id,
            bench.count,
            tuple(Finding(item.name, None, None, 0, None, reason) for item in faults),
            false_alarms,
        )
    findings = []
    for fault in faults:
        progress(fault.name)
        findings.append(bench.try_fault(fault))
    return SelfTest(candidate.id, bench.count, tuple(findings), false_alarms)


def of_candidate_alone(candidate: str, failed: Sequence[GatePart]) -> tuple[GatePart, ...]:
    """Return the gates that a candidate fails and the reference does not: what is wrong with its model."""
    others = {gate.gate for gate in failed if gate.model != candidate}
    return tuple(gate for gate in failed if gate.model == candidate and gate.gate not in others)


def _choose(config: Config, wanted: str | None) -> Candidate:
    """Return the requested candidate, else the first whose backend edits graphs and that runs on the CPU."""
    known = [item for item in config.candidates if wanted in (None, item.id)]
    if not known:
        raise ConfigError(f"there is no candidate {wanted or ''} to inject faults into")
    return min(known, key=lambda item: (facts_of(item.backend).editor is None, item.device != "CPU"))
