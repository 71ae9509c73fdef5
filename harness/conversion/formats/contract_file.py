"""The contract of a model whose format has no place for it: a JSON file next to it, `<model>.contract.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from harness.backends.openvino.contract import IrContract, with_written
from harness.errors import ModelError

_LARGEST = 1 << 20
_SIDE = re.compile(r"\d{1,6}")


def contract_file(model: Path) -> Path:
    """Return where the contract of a model is written down."""
    return model.with_name(f"{model.name}.contract.json")


def contract_text(parameters: Mapping[str, str]) -> str:
    """Return the content of a contract file."""
    return json.dumps(dict(parameters), indent=2, sort_keys=True) + "\n"


def read_contract_file(model: Path) -> IrContract:
    """Return the contract of a model; its ``source`` is None if there is no contract file.

    Raises ModelError if the contract file is no such file.
    """
    path = contract_file(model)
    if not path.exists():
        return IrContract(source=None)
    parameters = _parameters(path)
    sides = parameters.get("input_shape", "").split(",")
    known = len(sides) == 4 and all(_SIDE.fullmatch(side) for side in sides)
    plain = IrContract(
        source="harness",
        weights=parameters.get("weights"),
        shape=tuple(map(int, sides)) if known else None,
        model_name=parameters.get("model_name", ""),
        parameters=parameters,
    )
    return with_written(plain, parameters)


def _parameters(path: Path) -> dict[str, str]:
    mend = "run `harness convert` again"
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(f"{path}: too large for a contract file; {mend}")
        plain = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise ModelError(f"{path}: not a contract file, or cut off; {mend}") from None
    if not isinstance(plain, dict) or not all(isinstance(value, str) for value in plain.values()):
        raise ModelError(f"{path}: not a contract file; {mend}")
    return plain
