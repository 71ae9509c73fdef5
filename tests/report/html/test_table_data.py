from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest

from harness.report.facts.per_image import PerImage, per_image
from harness.report.html.table_data import compact_table
from tests.report import synthetic
from tests.report.records import record, table


def unpacked(data: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Read the table as the page does."""
    raw = zlib.decompress(base64.b64decode(data["packed"]))
    columns, offset = {}, 0
    for name, size in data["columns"]:
        columns[name] = np.frombuffer(raw, f"<u{size}", data["shown"], offset)
        offset += size * data["shown"]
    assert offset == len(raw)
    return json.loads(zlib.decompress(base64.b64decode(data["ids"]))), columns


def _images(run: tuple[Any, Any]) -> PerImage:
    images = per_image(*run)
    assert images is not None
    return images


def test_figures_survive_within_the_promised_error() -> None:
    run = synthetic.run(2000)
    images = _images(run)
    data = compact_table(images, ["tf", "cpu-00"], 10**7)
    ids, columns = unpacked(data)
    assert ids == images.image_ids
    assert columns["label"].tolist() == images.labels.tolist()
    assert columns["1.top1"].tolist() == images.models["cpu-00"].top1.tolist()
    np.testing.assert_allclose(columns["1.confidence"] / 65534, images.models["cpu-00"].top1_probability, atol=8e-6)
    difference = (columns["1.difference"].astype("<u4") << 16).view("<f4")
    np.testing.assert_allclose(difference, images.models["cpu-00"].max_abs_diff, rtol=0.004)


def test_a_bad_image_has_no_numbers() -> None:
    _, columns = unpacked(compact_table(_images((record(), table())), ["tf", "ir"], 10**6))
    assert columns["1.top1"][3] == 65535
    assert columns["1.confidence"][3] == 65535
    assert np.isnan((columns["1.difference"][3:].astype("<u4") << 16).view("<f4")[0])


def test_a_wide_network_takes_four_bytes() -> None:
    row = {"image_id": "x", "label": 70_000, "tf": (70_000, 0.5, 0.5, 1, 0.0), "ir": (2, 0.5, 0.5, 1, 0.1)}
    data = compact_table(_images((record(), table(rows=[row]))), ["tf", "ir"], 10**6)
    assert dict(map(tuple, data["columns"]))["label"] == 4
    assert unpacked(data)[1]["label"].tolist() == [70_000]


def test_a_budget_keeps_what_differs_most_in_run_order() -> None:
    images = _images(synthetic.run(5000))
    data = compact_table(images, ["tf", "cpu-00"], 30_000)
    ids, _ = unpacked(data)
    assert 200 <= data["shown"] < data["images"] == 5000
    assert len(data["packed"]) + len(data["ids"]) <= 30_000
    assert ids == sorted(ids)
    changed = np.flatnonzero(images.models["tf"].top1 != images.models["cpu-00"].top1)
    assert {images.image_ids[row] for row in changed} <= set(ids)


@pytest.mark.parametrize(
    "name", ["</script>", "\u202e", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")]
)
def test_hostile_names_are_carried_as_they_are(name: str) -> None:
    row = {"image_id": name, "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (1, 0.5, 0.5, 1, 0.0)}
    assert unpacked(compact_table(_images((record(), table(rows=[row]))), ["tf", "ir"], 10**6))[0] == [name]
