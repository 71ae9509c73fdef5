"""Two finished runs, image by image, from their records alone."""

from harness.judging.comparing.runs import ModelPair, RunPair, compare_runs

__all__ = ["ModelPair", "RunPair", "compare_runs"]
