from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.config import Config
from harness.conversion import prepared
from harness.conversion.model_files import ModelFiles
from harness.errors import ModelError


def test_the_reason_to_convert_prints_no_command_of_a_file_name(
    configure: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The runner of GitHub reads each line of stderr: one that a name begins is a command."""

    def change(data: dict[str, Any]) -> None:
        data["candidates"][0]["model"] = "a\n::error::\x1b[2Jb.xml"
        data["conversion"] = {"automatic": True}

    def refuse(*_: Any, **__: Any) -> None:
        raise ModelError("enough")

    (tmp_path / "net.pb").touch()
    config = configure(tmp_path / "net.pb", change)
    monkeypatch.setattr(prepared, "convert", refuse)
    with pytest.raises(ModelError, match="enough"):
        prepared._converted(config, config.candidates[0], ModelFiles(), None, quiet=False)
    (line,) = capsys.readouterr().err.splitlines()
    assert "converting, because" in line
    assert "\\n::error::\\x1b[2Jb.xml does not exist" in line
