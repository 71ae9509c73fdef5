"""Damaged files of PyTorch, read before PyTorch is imported: read, or refused with a message, and nothing else."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path

import pytest

from harness.backends.torch.untrusted import kind_of, may_loop
from harness.errors import ModelError
from tests.campaign.structured import mutate_zip

CODE = "def forward(self, x: Tensor) -> Tensor:\n  while bool(x):\n    x = torch.relu(x)\n  return x\n"
PICKLE = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\x00."
SCRIPT = {
    "net/constants.pkl": b"\x80\x02).",
    "net/data.pkl": PICKLE,
    "net/code/net.py": CODE.encode(),
    "net/version": b"3",
}
PROGRAM = {
    "net/archive_format": b"pt2",
    "net/models/model.json": json.dumps(
        {"graph_module": {"graph": {"nodes": [{"target": "torch.ops.aten.relu.default"}]}}}
    ).encode(),
    "net/data/sample_inputs/model.pt": b"",
}


def packed(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return stream.getvalue()


@pytest.mark.parametrize("members", [SCRIPT, PROGRAM], ids=["script", "program"])
def test_damage_is_refused_with_the_files_name(tmp_path: Path, members: dict[str, bytes]) -> None:
    path, sound = tmp_path / "net.pt", packed(members)
    messages = []
    for seed in range(400):
        path.write_bytes(mutate_zip(sound, random.Random(seed)))
        may_loop(path)
        try:
            kind_of(path)
        except ModelError as error:
            messages.append(str(error))
    assert len(messages) > 50
    assert all(message.startswith(f"{path}: ") for message in messages)


def test_a_damaged_stream(tmp_path: Path) -> None:
    data = bytearray(packed(SCRIPT, zipfile.ZIP_DEFLATED))
    data[30 + len("net/constants.pkl")] = 0x07  # a block of a type that is none
    path = tmp_path / "net.pt"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="not a PyTorch model, or cut off"):
        kind_of(path)


def test_an_encrypted_member(tmp_path: Path) -> None:
    data = packed(SCRIPT)
    for head, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for place in range(len(data)):
            if data[place : place + 4] == head:
                data = data[: place + flag] + b"\x01\x00" + data[place + flag + 2 :]
    path = tmp_path / "net.pt"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="not a PyTorch model, or cut off"):
        kind_of(path)
    assert not may_loop(path)


def test_a_loop_is_seen(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(packed(SCRIPT))
    assert may_loop(tmp_path / "net.pt")
