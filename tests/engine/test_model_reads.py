"""Model files are read once a run, however many candidates share them and whatever is asked of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.backends.openvino import ir_xml
from harness.config import load_config
from harness.conversion.prepared import prepare_models
from harness.dataset import image_set
from harness.engine.run import Options
from harness.engine.session import validate
from tests.conftest import Tiny, write_config, write_images


class Reads:
    """Counts how often each file is parsed or digested, and how often the image set is opened."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.parsed: Counter[str] = Counter()
        self.opened: Counter[str] = Counter()
        self.sets = 0
        real_parse, real_open = ir_xml.read_ir_xml, Path.open
        import harness.conversion.model_files as model_files

        def parse(path: Path) -> Any:
            self.parsed[path.name] += 1
            return real_parse(path)

        def opened(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
            if mode == "rb":
                self.opened[path.name] += 1
            return real_open(path, mode, *more, **named)

        def open_set(*arguments: Any) -> Any:
            self.sets += 1
            return real_set(*arguments)

        real_set = image_set.open_image_set
        for module in (model_files, __import__("harness.backends.openvino.contract", fromlist=["x"])):
            patch.setattr(module, "read_ir_xml", parse)
        patch.setattr(Path, "open", opened)
        for name in ("harness.engine.session", "harness.conversion.int8.calibration"):
            patch.setattr(f"{name}.open_image_set", open_set)


def two_candidates(data: dict[str, Any]) -> None:
    (first,) = data["candidates"]
    data["candidates"] = [first, {**first, "id": "again"}]


def test_a_run_reads_each_model_file_once(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "images", 5)
    config = write_config(tmp_path, tiny, two_candidates)
    reads = Reads(monkeypatch)
    record = validate(load_config(config), Options(out=tmp_path / "run", quiet=True, use_cache=False))
    assert record.status == "complete"
    assert reads.parsed == {tiny.ir.name: 1}
    weights = tiny.ir.with_suffix(".bin").name
    # Digested once. Python loads the graph, which is seen here, too; OpenVINO reads the weights of an IR by itself.
    assert (reads.opened[weights], reads.opened[tiny.graph.name]) == (1, 2)
    assert reads.sets == 1


def test_a_conversion_adds_the_one_reading_of_what_it_wrote(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(data: dict[str, Any]) -> None:
        data["candidates"][0]["model"] = "made.xml"
        data["conversion"] = {"automatic": True}

    write_images(tmp_path / "images", 5)
    config = write_config(tmp_path, tiny, change)
    reads = Reads(monkeypatch)
    options = Options(out=tmp_path / "run", quiet=True, use_cache=False)
    assert validate(load_config(config), options).status == "complete"
    assert reads.parsed["made.xml"] == 2  # by the conversion that wrote it, and by the run
    assert reads.sets == 1
    reads.parsed.clear()
    reads.opened.clear()
    assert validate(load_config(config), Options(out=tmp_path / "two", quiet=True, use_cache=False)).exit_code == 0
    assert (reads.parsed["made.xml"], reads.opened["made.bin"]) == (1, 1)


def test_what_is_prepared(tiny: Tiny, tmp_path: Path) -> None:
    import hashlib

    write_images(tmp_path / "images", 2)
    reference, candidate = prepare_models(load_config(write_config(tmp_path, tiny))).models
    whole = tiny.ir.read_bytes() + tiny.ir.with_suffix(".bin").read_bytes()
    assert (reference.role, candidate.role) == ("reference", "candidate")
    assert candidate.sha256 == hashlib.sha256(whole).hexdigest()
    assert candidate.model_bytes == len(whole)
    assert reference.contract is None
    assert candidate.contract is not None
