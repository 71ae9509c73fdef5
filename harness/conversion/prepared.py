"""The models of a configuration, prepared: converted where they are stale, read once, and checked before any loads."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.backends.openvino.contract import IrContract, calibrated_on, describe
from harness.backends.registry import facts_of
from harness.capsule.contents import ReferenceAnswers
from harness.capsule.recorded import recorded_reference
from harness.config import Candidate, Config, Reference, require_calibration, require_files
from harness.conversion.contract import contract_contradictions
from harness.conversion.convert import convert
from harness.conversion.formats.contract_file import contract_file
from harness.conversion.formats.target import target_of
from harness.conversion.model_files import ModelFiles
from harness.conversion.staleness import is_foreign, staleness
from harness.dataset.image_set import ImageSet
from harness.errors import ModelError
from harness.machine.digests import Digested
from harness.record.schema import Role
from harness.text import printable


@dataclass(frozen=True)
class PreparedModel:
    """A model of the configuration whose files were read.

    ``files``: those that it consists of, as they were digested; ``model_bytes``: their size; ``contract``: what the
    file states about its own input, as rows to be shown, None if it says nothing; ``calibrated_on``: sha256 digests of
    the images that an INT8 model says it was calibrated on; ``recorded``: its answers in a capsule, which stand for the
    model, so that it has no files here; ``contract_file``: the contract file of a model of another format than the IR,
    as it was digested.
    """

    model: Reference | Candidate
    files: Digested
    model_bytes: int
    contract: Mapping[str, Any] | None = None
    calibrated_on: frozenset[bytes] = frozenset()
    recorded: ReferenceAnswers | None = None
    contract_file: Digested | None = None

    @property
    def sha256(self) -> str:
        """The sha256 (hex) over all files."""
        return self.files.sha256

    @property
    def role(self) -> Role:
        """Whether it is the reference or a candidate."""
        return "candidate" if isinstance(self.model, Candidate) else "reference"


@dataclass(frozen=True)
class Prepared:
    """All models, the reference first. ``warnings``: conversions that were made, then contradictions, in sentences."""

    models: tuple[PreparedModel, ...]
    warnings: tuple[str, ...] = ()


def prepare_models(config: Config, *, images: ImageSet | None = None, quiet: bool = False) -> Prepared:
    """Make every IR that the configuration lets the harness make and that is missing or stale; read and check them all.

    Files are read once, however many candidates share them. ``images``: the evaluated images, where they are open
    already; ``quiet``: no word on conversions. Raises ConfigError for missing files, ModelError if files do not belong
    together or a conversion fails.
    """
    files = ModelFiles()
    carrying = [item for item in config.candidates if _carries_a_contract(config, item)]
    made = [note for item in carrying for note in _converted(config, item, files, images, quiet=quiet)]
    require_files(config)
    for candidate in carrying:
        fault = files.weights_fault(candidate.model)
        if fault:
            raise ModelError(f"{candidate.id}: {fault}")
    contracts = {item.id: files.contract(item.model) for item in carrying}
    contradictions = [note for item in carrying for note in contract_contradictions(config, item, contracts[item.id])]
    models = tuple(_prepared(config, model, files, contracts.get(model.id)) for model in config.models)
    return Prepared(models, (*made, *contradictions))


def refuse_replaced_contract(model: PreparedModel) -> None:
    """Raise ModelError if the contract file next to a model has other bytes now than those that were read."""
    path = model.contract_file and model.contract_file.replaced()
    if path:
        raise ModelError(
            f"{model.model.id}: {path} was replaced or changed while the run used it, so the checked contract is "
            "not the one next to the model; run again while nothing writes to it"
        )


def read_models(config: Config) -> Prepared:
    """Read the models' files as they are, unchecked. Raises ModelError if one is unreadable."""
    files = ModelFiles()
    return Prepared(tuple(_prepared(config, model, files, None) for model in config.models))


def _prepared(
    config: Config, model: Reference | Candidate, files: ModelFiles, contract: IrContract | None
) -> PreparedModel:
    recorded = recorded_reference(config) if model is config.reference else None
    if recorded is not None:
        return PreparedModel(model, Digested((), (), recorded.sha256), recorded.bytes, recorded=recorded)
    own = facts_of(model.backend).files_of(model.model)
    return PreparedModel(
        model=model,
        files=files.digested(*own),
        model_bytes=files.bytes(*own),
        contract=dict(describe(contract)) if contract else None,
        calibrated_on=calibrated_on(contract) if contract else frozenset(),
        contract_file=files.contract_file(model.model) if contract else None,
    )


def _carries_a_contract(config: Config, candidate: Candidate) -> bool:
    return target_of(config, candidate) is not None or contract_file(candidate.model).exists()


def _converted(
    config: Config, candidate: Candidate, files: ModelFiles, images: ImageSet | None, *, quiet: bool
) -> list[str]:
    """Convert a candidate where it may be and has to be; return a sentence for that, and notes on its calibration.

    An IR of another tool is never replaced: its contract shows what it is.
    """
    automatic = config.conversion_for(candidate).automatic and target_of(config, candidate) is not None
    if not automatic or is_foreign(candidate, files):
        return []
    reason = staleness(config, candidate, files, images)
    if reason is None:
        return []
    require_calibration(config, [candidate])
    if not quiet:
        print(f"{candidate.id}: converting, because {printable(reason)}", file=sys.stderr)
    converted = convert(config, candidate, images=images)
    files.forget(*converted.files)
    notes = converted.calibration.notes if converted.calibration else ()
    return [f"{candidate.id}: {note}" for note in (f"converted at the start of this run, because {reason}", *notes)]
