"""The table of gates over random images, of fake models."""

from __future__ import annotations

from typing import Any

import pytest

import harness.bench.seeds
from harness import load_config
from harness.bench.seeds import Kept, Seen, gates_over, row, seen_of
from harness.errors import RecordError
from harness.record.schema import Figure, GatePart
from tests.engine.conftest import Fakes, fakes  # noqa: F401
from tests.engine.test_session import LABELS, Project, values_for


def test_a_row_counts_passes_and_gives_the_range_of_ratios() -> None:
    seen = Seen()
    for verdict, mean in (("pass", 0.5), ("fail", 2.25), ("pass", 1.0)):
        figures = (Figure(name="mean_ratio", value=mean, unit=""), Figure(name="rms_ratio", value=2 * mean, unit=""))
        seen.take(GatePart(gate="parity", model="ir", verdict=verdict, reason="so", figures=figures))
    assert row("ir", seen) == "| `ir` | 2 of 3 | n/a | 0.50 to 2.25 | 1.00 to 4.50 |"


def test_each_seed_is_a_run_on_other_images(
    tmp_path: Any,
    fakes: Fakes,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(harness.bench.seeds, "IMAGES", 6)
    project = Project(tmp_path)
    project.images(values_for(LABELS), LABELS)
    gates = {"parity": {"max_abs_diff": 0.5}, "target": None, "drop": None, "stability": {"images": 6}}
    project.validate(lambda data: data.update(gates=gates))
    kept = Kept(tmp_path / "seeds.json", load_config(project.folder / "config.yml"))
    for expected in ({0, 1}, {0, 1, 2}, {0, 1, 2}):
        assert set(gates_over(kept, range(3), at_once=2)) == expected
    before = fakes.images["ir"]
    found = seen_of(gates_over(kept, range(3)))
    assert fakes.images["ir"] == before  # all of them were kept
    assert {name: (seen.passed("parity"), seen.passed("stability")) for name, seen in found.items()} == {
        "ir": ("3 of 3", "3 of 3")
    }
    assert set(gates_over(kept, range(2))) == {0, 1}
    other = Kept(kept.path, kept.config.model_copy(update={"name": "other"}))
    with pytest.raises(RecordError, match="of another configuration"):
        other.read()
    for text in ("{", "[]", "{}", '{"configuration": 1}'):
        assert kept.path is not None
        kept.path.write_text(text)
        with pytest.raises(RecordError, match="delete it"):
            kept.read()
