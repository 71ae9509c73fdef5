"""The kills' short form, and that they notice what they look for."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.campaign import killed_commands, killing
from tests.campaign.killing import Bed, Writing
from tests.campaign.kills import killed_runs, killed_writes, of_kind
from tests.conftest import require

pytestmark = pytest.mark.slow

# Programs that do what they should not: what they write is cut off, left behind or lost where they are killed.
START = "import os, sys, time\nfrom pathlib import Path\nplace = Path(sys.argv[1])\n"
CUT = (
    START + "with (place / 'f').open('wb') as s:\n    for _ in range(50): s.write(b'x'); s.flush(); time.sleep(0.01)\n"
)
LITTER = START + "t = place / f'{os.getpid()}.new'; t.write_bytes(b'x' * 50); time.sleep(0.3); t.replace(place / 'f')\n"
LOST = START + "(place / 'f').unlink(missing_ok=True); (place / 'g').touch(); time.sleep(0.3)\n(place / 'g').unlink()\n"
LOST += "(place / 't').write_bytes(b'x' * 50); (place / 't').replace(place / 'f')\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [(CUT, "neither whole nor absent"), (LITTER, ".new"), (LOST, "what was there before is gone")],
    ids=["cut", "litter", "lost"],
)
def test_faults_of_a_writer_are_noticed(tmp_path: Path, code: str, words: str) -> None:
    bed = Bed(tmp_path / "bed", (sys.executable, "-c", code))
    place = tmp_path / "bed" / "place"
    place.mkdir()
    writing = Writing("planted", [str(place)], place, ("f",), lambda: None)
    result = killed_writes(writing, bed, 12, random.Random(1))
    assert result.kills == 12
    assert any(words in fault for fault in result.faults), result.faults


def test_a_child_that_goes_on_is_noticed_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite whose run outlives it, and whose record says another count after a kill."""
    monkeypatch.setattr(killing, "_ORPHAN", 0.2)
    code = (
        "import json, subprocess, sys, time\n"
        "from pathlib import Path\n"
        "out = Path(sys.argv[1])\n"
        "again = out.exists()\n"
        "out.mkdir(exist_ok=True)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', str(out / 'one')])\n"
        "time.sleep(0.5)\n"
        "child.kill()\n"
        "record = {'status': 'complete', 'exit_code': int(again), 'comparisons': [], 'models': []}\n"
        "(out / 'run.json').write_text(json.dumps(record))\n"
    )
    bed = Bed(tmp_path / "bed", (sys.executable, "-c", code))
    result = killed_runs("planted", lambda out: [str(out)], bed, 3, random.Random(2))
    assert result.kills == 3
    assert any("processes went on for 0.2 s after their parent was killed" in fault for fault in result.faults)
    assert any(fault.startswith("run 1: ") for fault in result.faults)
    assert not list(killing._processes_with(str(tmp_path)))


@pytest.mark.parametrize("kind", ["convert openvino", "capsule make", "validate CAPSULE", "cache", "suite"])
def test_few_kills(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("openvino")
    require("tensorflow")
    name = "capsule" if kind.endswith("CAPSULE") else kind.partition(" ")[0]
    only = [(work, made) for work, made in killed_commands.works(name) if work == kind]
    assert only
    monkeypatch.setattr(killed_commands, "works", lambda _: iter(only))
    (result,) = of_kind(name, tmp_path, 3, seed=0)
    assert (result.kills, result.faults) == (3, [])
    assert result.ended > 0
