"""The campaign's short form, and that it notices what it looks for."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DatasetError, HarnessError
from tests.campaign import run as campaign
from tests.campaign.kind import PROJECT, Kind
from tests.campaign.kinds import KINDS
from tests.campaign.run import Kept, Tally
from tests.conftest import Tiny, require, write_config, write_images

FEW = 20  # of a quick kind


@pytest.fixture(scope="module")
def folder(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from harness import load_config, validate
    from harness.engine.run import Options

    made = tmp_path_factory.mktemp("campaign")
    for suffix in (".xml", ".bin"):
        (made / f"tiny{suffix}").write_bytes(tiny.ir.with_suffix(suffix).read_bytes())
    (made / "tiny.pb").write_bytes(tiny.graph.read_bytes())
    write_images(made / "images", 24)
    validate(load_config(write_config(made, tiny)), Options(out=made / "a run", quiet=True))
    return made


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_only_documented_errors(kind: Kind, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in kind.needs:
        if module == "torch":
            pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")
        require(module)
    monkeypatch.setenv("IMAGENET_VAL", str(tmp_path))
    own = folder / kind.name.replace("/", "-")
    own.mkdir()
    path = kind.make(own)
    sound = path.read_bytes()
    kind.use(path)  # what is sound is read
    for seed in range(max(3, round(FEW * kind.share))):
        begin = time.monotonic()
        path.write_bytes(campaign.mutated(kind, sound, seed))
        with contextlib.suppress(HarnessError, SystemExit):  # anything else is a bug, and is raised
            kind.use(path)
        assert time.monotonic() - begin < campaign.HANG


def _use(path: Path) -> None:
    seed = int(path.read_text())
    if seed == 3:
        raise DatasetError("documented")
    if seed == 5:
        raise KeyError("undocumented")
    if seed == 7:
        os.abort()
    if seed == 9:
        time.sleep(60)


def _make(folder: Path) -> Path:
    path = folder / "file"
    path.write_text("0")
    return path


PLANTED = Kind("planted", _make, lambda data, rng: b"", _use)


def test_what_it_looks_for_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of its own, as the campaign has them, with an exception, an abort and a hang planted in it."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "import tests.campaign.run as campaign\n"
        "import tests.campaign.test_short as here\n"
        "from tests.campaign.kind import Kind\n"
        "campaign.HANG = 1\n"
        "def mutate(data, rng): return str(next(numbers)).encode()\n"
        "first, end = int(sys.argv[1]), int(sys.argv[2])\n"
        "numbers = iter(range(first, end))\n"
        "campaign.work(Kind('planted', here._make, mutate, here._use), Path(sys.argv[3]), range(first, end))\n"
    )
    real = subprocess.Popen

    def instead(command: list[str], **more: Any) -> object:
        name, folder, first, end = command[-4:]
        assert name == "planted"
        return real([command[0], str(script), first, end, folder], **{**more, "env": environment})

    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    monkeypatch.setattr(subprocess, "Popen", instead)
    tally = campaign.run_kind(PLANTED, tmp_path, 12)
    assert (tally.count, tally.refused, tally.read) == (12, 1, 8)
    assert tally.bugs == ["5: KeyError: 'undocumented'", "7: ended by -6", "9: no answer within 20 s"]


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    kept = Kept(file, 100)
    assert kept.next_of(PLANTED) == 100
    kept.add(Tally("planted", 3, 2, ["104: KeyError: x"]), 106, 1.5)
    kept.add(Tally("planted", 0, 4), 110, 0.5)
    again = Kept(file, 100)
    tally = again.tallies["planted"]
    assert (tally.read, tally.refused, tally.bugs, tally.count) == (3, 6, ["104: KeyError: x"], 10)
    assert (again.next_of(PLANTED), again.seconds) == (110, 2.0)
    assert Kept(file, 1000).next_of(PLANTED) == 1000


def test_what_failed_is_written(tmp_path: Path) -> None:
    kind = Kind("a/b", _make, lambda data, rng: data + str(rng.random()).encode(), _use)
    campaign.write_failing(kind, tmp_path, ["5: KeyError: x", "7: ended by -6"], tmp_path / "failing")
    found = {path.name: path.read_bytes() for path in (tmp_path / "failing" / "a-b").iterdir()}
    assert found == {str(seed): b"0" + str(random.Random(f"a/b {seed}").random()).encode() for seed in (5, 7)}


def test_slow_kinds_get_a_share() -> None:
    kinds = [Kind("a", _make, _same, _use), Kind("b", _make, _same, _use, share=0.25)]
    assert campaign.counts(kinds, 1000) == {"a": 800, "b": 200}


def _same(data: bytes, _: random.Random) -> bytes:
    return data
