"""The proposal as a commented configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.backends.description import Stated, shape_words
from harness.backends.registry import default_backend, facts_of
from harness.config.color import Triple
from harness.importing.places import beside
from harness.importing.yaml_lines import YamlLines
from harness.proposing.models import FoundModel, title_of
from harness.proposing.proposal import Fed, Proposal

_IMAGENET = (1000, 1001)
_ROUNDING_PP = 1.0  # what 8 bits may cost, as in configs/mobilenet-v2-1.0-224-devices.yml


def written(proposal: Proposal, out: Path | None) -> str:
    """Return the text of the configuration; ``out``: the file that it is meant for, which paths are relative to."""
    lines = YamlLines()
    lines.comment("Written by `harness init` from the models' files; each line names where its value comes from.")
    lines.put("version", 1)
    lines.put("name", title_of(proposal.models), "the first model's file")
    _dataset(proposal, lines, out)
    reference = proposal.reference
    if reference is None:
        lines.null("reference", "no original among the models; set one to compare them with it")
    else:
        lines.put("reference")
        _model(proposal, reference, lines, out, indent=2)
    candidates = [model for model in proposal.models if model is not reference]
    lines.put("candidates")
    for model in candidates:
        _model(proposal, model, lines, out, indent=4)
    if not candidates and reference is not None:
        _converted(reference, lines)
    lines.comment("Published accuracy sets a target; without it, a reference or a single IR is not judged:")
    lines.comment("published: {top1_percent: 71.85, top5_percent: 90.69, images: 50000}")
    return lines.text()


def _dataset(proposal: Proposal, lines: YamlLines, out: Path | None) -> None:
    first, images = proposal.models[0], proposal.images
    lines.put("dataset")
    if images is None:
        name = "IMAGENET_VAL" if first.width in _IMAGENET else "IMAGES"
        lines.variable("path", name, "the image set: set this variable, or write a path", 2)
    else:
        lines.put("path", str(beside(images.path, out)), "--images", 2)
        own = images.labels is not None and Path(images.labels).exists()
        if own or images.labels:
            labels = str(beside(Path(images.labels or ""), out)) if own else images.labels
            lines.put("labels", labels, "--labels", 2)
        else:
            lines.put("labels", "auto", f"found: {images.source}", 2)
        lines.put("images", images.images, "as many are listed", 2)
    if proposal.class_names is not None:
        file = proposal.class_names.file
        lines.put("class_names", str(beside(file.value, out)), file.source, 2)
    background = proposal.background(first)
    lines.put("background_class", background.value, background.source, 2)
    less = ", without background" if background.value else ""
    lines.put("classes", proposal.classes, f"{first.width} values per image ({first.description.source}){less}", 2)
    _preprocess(first, proposal.fed(first), lines, 2)


def _preprocess(model: FoundModel, fed: Fed, lines: YamlLines, indent: int) -> None:
    settings = fed.protocol.settings
    size_source = "the file leaves it open; the usual" if not model.size_is_stated else model.description.source
    crop, by_filter = f"{fed.protocol.crop_name}; {fed.crop_source}", f"{fed.protocol.filter_name}; {fed.filter_source}"
    lines.put("preprocess", indent=indent)
    if "steps" not in settings:
        lines.put("crop_fraction", settings["crop_fraction"], crop, indent + 2)
        lines.put("size", settings["size"], size_source, indent + 2)
        lines.put("interpolation", settings["interpolation"], by_filter, indent + 2)
        return
    lines.put("decoder", settings["decoder"], by_filter, indent + 2)
    lines.put("steps", indent=indent + 2)
    for step in settings["steps"]:
        ((name, value),) = step.items()
        lines.item(name, value, crop if name == "crop" or len(settings["steps"]) == 1 else by_filter, indent + 4)


def _model(proposal: Proposal, model: FoundModel, lines: YamlLines, out: Path | None, *, indent: int) -> None:
    fed, said = proposal.fed(model), model.description
    is_candidate = model is not proposal.reference
    lines.put("id", model.id, "its backend's name", indent - 2 if is_candidate else indent, item=is_candidate)
    lines.put("backend", model.facts.name, f"recognised by the file: {model.facts.title}", indent)
    lines.put("model", str(beside(model.path, out)), _why_here(proposal, model), indent)
    lines.put("input", indent=indent)
    lines.put("name", model.input.name, said.source, indent + 2)
    lines.put("color", fed.color.value, fed.color.source, indent + 2)
    lines.put("mean", _one_or_three(fed.mean), fed.mean.source, indent + 2)
    lines.put("scale", _one_or_three(fed.scale), fed.scale.source, indent + 2)
    if model.input.layout is not None:
        lines.put("layout", model.input.layout, f"input {shape_words(model.input.shape)}, {said.source}", indent + 2)
    _output(proposal, model, lines, indent)
    first = proposal.models[0]
    own, common = proposal.background(model), proposal.background(first)
    if own.value != common.value:
        lines.put("background_class", own.value, own.source, indent)
    if fed.protocol.settings != proposal.fed(first).protocol.settings:
        _preprocess(model, fed, lines, indent)
    for inside in said.inside:
        lines.comment(f"The model {inside.value} ({inside.source}).", indent)


def _why_here(proposal: Proposal, model: FoundModel) -> str:
    """Return why a model is the reference or a candidate."""
    if model is proposal.reference:
        return f"{model.description.derivation}; the least derived one is the reference"
    return model.description.derivation


def _output(proposal: Proposal, model: FoundModel, lines: YamlLines, indent: int) -> None:
    found, output = proposal.measured.get(model.id), model.output
    others = [tensor.name for tensor in model.description.outputs if tensor is not output]
    source = f"output {shape_words(output.shape)}, {model.description.source}"
    if others:
        source += f"; others: {', '.join(others[:5])}"
    if found is None or not found.reached:
        lines.put("output", output.name, source, indent)
        return
    why = "are probabilities" if found.activation == "none" else "are logits"
    lines.put("output", indent=indent)
    lines.put("name", output.name, source, indent + 2)
    lines.put("activation", found.activation, f"measured: its values {why}", indent + 2)


def _converted(original: FoundModel, lines: YamlLines) -> None:
    """Write a candidate that is converted from the only model, so that there is something to compare."""
    facts = facts_of(default_backend("candidate"))
    name = f"build/{title_of([original])}{facts.suffixes[0]}"
    lines.put("id", "converted", "made from the reference", 2, item=True)
    lines.put("backend", facts.name, f"{facts.title}, the usual backend of candidates", 4)
    lines.put("model", name, "written by the first `harness validate`", 4)
    lines.put("input", {"name": "input", "color": "BGR"}, "a conversion puts colour order, mean and scale inside", 4)
    lines.put("output", "output", "the name that the conversion gives it", 4)
    if original.description.derivation == "quantised":
        lines.put("gates", indent=4)
        lines.null("parity", "a quantised original rounds differently from what is converted from it", 6)
        drop = {"top1_max_pp": _ROUNDING_PP, "top5_max_pp": _ROUNDING_PP}
        lines.put("drop", drop, "so some predictions differ: what 8 bits may cost", 6)
    lines.put("conversion", {"automatic": True}, "without it: run `harness convert`", 4)


def _one_or_three(values: Stated[Triple]) -> Any:
    return values.value[0] if len(set(values.value)) == 1 else list(values.value)
