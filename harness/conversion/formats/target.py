"""Which file a conversion writes for a candidate."""

from __future__ import annotations

from harness.backends.registry import facts_of
from harness.config import Candidate, Config

NOTHING = "no candidate is converted, because all files are used as they are"
MEND = "set `model` to an .xml for the backend openvino, or write `conversion: {to: ...}`"


def target_of(config: Config, candidate: Candidate) -> str | None:
    """Return what a candidate's file is converted to: openvino, onnx or litert; None if it is only read.

    That is what ``conversion.to`` says; without it the IR of a candidate of the backend openvino.
    """
    asked = config.conversion_for(candidate).to
    if asked is not None:
        return asked
    facts = facts_of(candidate.backend)
    own = candidate.backend == "openvino" and facts.format_of(candidate.model) is facts
    return "openvino" if own else None
