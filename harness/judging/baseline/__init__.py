"""Baselines: the counts of an accepted run, kept under review, that later runs are compared with."""

from harness.judging.baseline.judge import baseline_gates, judge_baseline
from harness.judging.baseline.schema import Baseline, CountedRun, baseline_of
from harness.judging.baseline.store import read_baseline, write_baseline

__all__ = [
    "Baseline",
    "CountedRun",
    "baseline_gates",
    "baseline_of",
    "judge_baseline",
    "read_baseline",
    "write_baseline",
]
