from __future__ import annotations

from pathlib import Path

from harness.diagnosis.layers.search import LayerSearch
from tests.campaign.layers import KINDS, Tally, table, try_one
from tests.diagnosis.layers.conftest import Small, small

__all__ = ["small"]


def test_a_layer_of_the_small_network_is_named(small: Small, tmp_path: Path) -> None:
    tally = Tally("small", "noise")
    with LayerSearch(small.reference) as search:
        for seed in range(3):
            try_one(search, small.candidate, KINDS[0], seed, tmp_path, tally)
    assert (tally.tried, tally.named, tally.missed) == (3, 3, [])


def test_the_table_counts_what_was_not_named() -> None:
    tally = Tally("an IR", "bias lost", tried=2, named=1, seconds=[1.0, 3.0], missed=["seed 1: conv: clean"])
    assert "| an IR | bias lost | 1 of 2 |" in table([tally])
    assert "2 s in the median, 3 s at most" in table([tally])
