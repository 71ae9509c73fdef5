from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.config import load_config
from harness.diagnosis.forward import search_forward
from harness.diagnosis.running import open_for_trials
from harness.diagnosis.search import Search
from tests.conftest import IrMaker, Tiny, write_config, write_images
from tests.diagnosis.test_bench import opened


def test_agreement_of_saturated_answers_is_no_finding(tiny: Tiny, make_ir: IrMaker, tmp_path: Path) -> None:
    """Plain pixels in swapped channels, and pixels times the scale: both give the probability 1 to mostly one class."""
    write_images(tmp_path / "images", 40, seed=3)
    bare = make_ir(tmp_path / "bare.xml", inside=False, color="RGB")

    def change(data: dict[str, Any]) -> None:
        data["candidates"][0]["model"] = str(bare)

    with opened(load_config(write_config(tmp_path, tiny, change))) as bench:
        bench.run_reference({})
        search = Search(bench)
        assert not search.begin()
        open_for_trials(search)
        assert search_forward(search) is None
