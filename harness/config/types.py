"""Types of configuration values, and the base of every part: unknown keys are refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat


def not_truth(value: Any) -> Any:
    """Refuse true and false where a number is wanted, and text that only Python reads as one. Raises ValueError."""
    if isinstance(value, bool):
        raise ValueError("should be a number")
    if isinstance(value, str) and "_" in value:
        raise ValueError("should be a number, without `_`")
    return value


def _a_name(value: Any) -> Any:
    if value == "":
        raise ValueError("is empty; name a file or folder")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("contains a null byte, which no file name can contain")
    return value


def _one_or_three(value: Any) -> Any:
    numbers = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(numbers) not in (1, 3) or not all(map(_is_finite_number, numbers)):
        raise ValueError("write one number, or three of them, in the model's own colour order")
    return (*numbers,) if len(numbers) == 3 else numbers[0]


def _is_finite_number(value: Any) -> bool:
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


ModelId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", max_length=80)]
Location = Annotated[Path, BeforeValidator(_a_name)]
Number = Annotated[FiniteFloat, BeforeValidator(not_truth)]
Whole = Annotated[int, BeforeValidator(not_truth)]
Count = Annotated[Whole, Field(ge=1, le=10**9)]
Percent = Annotated[Number, Field(ge=0, le=100)]
PercentagePoints = Annotated[Number, Field(ge=0, le=100)]
Channels = Annotated[FiniteFloat | tuple[FiniteFloat, FiniteFloat, FiniteFloat], BeforeValidator(_one_or_three)]
Precision = Literal["f32", "f16", "bf16", "device_default"]
Weights = Literal["f32", "f16", "int8"]


class Strict(BaseModel):
    """A part of the configuration: frozen, and refusing keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)
