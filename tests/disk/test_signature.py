from __future__ import annotations

import os
from pathlib import Path

from harness.disk.signature import signature_of


def test_a_write_a_replacement_and_a_changed_time_show(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    seen = [signature_of(path.stat())]
    assert signature_of(path.stat()) == seen[0]
    path.write_bytes(b"longer")
    seen.append(signature_of(path.stat()))
    other = tmp_path / "b"
    other.write_bytes(b"longer")
    status = path.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    seen.append(signature_of(path.stat()))
    os.utime(path, ns=(1, 1))
    seen.append(signature_of(path.stat()))
    assert len(set(seen)) == len(seen)
