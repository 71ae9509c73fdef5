"""Finished runs, image by image, from their records alone: two of them, or those of many boards."""

from harness.judging.comparing.boards import BoardRow, Boards, compare_boards
from harness.judging.comparing.runs import ModelPair, RunPair, compare_runs

__all__ = ["BoardRow", "Boards", "ModelPair", "RunPair", "compare_boards", "compare_runs"]
