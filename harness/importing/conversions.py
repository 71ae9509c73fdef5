"""Model Optimizer's arguments of a `model.yml` against the contracts of the entries, and as `conversion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.importing.preprocessing import Affine

if TYPE_CHECKING:
    from harness.importing.accuracy_checker import Check, Entry
    from harness.importing.model_yml import ModelYml
    from harness.importing.yaml_lines import YamlLines


def write_conversion(check: Check, model: ModelYml, lines: YamlLines) -> None:
    """Write how the converted model was made: what `harness convert` repeats, argument by argument."""
    if not model.arguments:
        return
    lines.put("conversion")
    for text, place in model.arguments:
        lines.comment(f"{text}  ({place}): {_meaning(text, check)}", 2)
    lines.put("weights", model.weights, "f32 where no argument says f16", 2)


def _meaning(text: str, check: Check) -> str:
    name = text.lstrip("-").split("=")[0].split()[0] if text.strip("- ") else ""
    reference = check.reference
    contract = (
        "from reference.input and the candidate's input" if reference is not None else "inside the candidate already"
    )
    meanings = {
        "reverse_input_channels": contract,
        "mean_values": contract,
        "scale_values": contract,
        "scale": contract,
        "s": contract,
        "output": "the output",
        "input": "the input",
        "data_type": "the precision of the weights",
        "compress_to_fp16": "the precision of the weights",
    }
    source = "the reference's model" if reference is not None else "the original model, which no entry runs"
    if name in ("input_model", "input_meta_graph", "saved_model_dir"):
        return source
    return meanings.get(name, "no prediction depends on it")


def conversion_note(check: Check) -> list[str]:
    """Return a note where `model.yml` converts to another contract than the entries state: the entries are followed."""
    model, reference = check.model, check.reference
    if model is None or reference is None or not model.arguments:
        return []
    notes = []
    for entry in check.candidates:
        if not entry.runner.is_converted:
            continue
        by_entries, by_model = _inside(reference, entry), _converted(model)
        reversed_by_entries = reference.pixels.color != entry.pixels.color
        if not _same(by_entries, by_model) or reversed_by_entries != model.reverse:
            notes.append(
                f"model.yml puts {_words(by_model, model.reverse)} into the IR, but the contracts of "
                f"{reference.id} and {entry.id} need {_words(by_entries, reversed_by_entries)}; `harness "
                "convert` follows the contracts"
            )
    return notes


def _inside(reference: Entry, entry: Entry) -> Affine:
    """Return what the IR has to do so that it computes what the reference does, in the reference's colour order."""
    wanted, before = reference.pixels.affine, entry.pixels.affine
    if reference.pixels.color != entry.pixels.color:
        before = before.reversed()
    channels = list(zip(before.mean, before.scale, wanted.mean, wanted.scale, strict=True))
    mean = [(wanted_mean - m) / s for m, s, wanted_mean, _ in channels]
    scale = [wanted_scale / s for _, s, _, wanted_scale in channels]
    return Affine((mean[0], mean[1], mean[2]), (scale[0], scale[1], scale[2]))


def _converted(model: ModelYml) -> Affine:
    return Affine(model.mean, model.scale)


def _same(one: Affine, other: Affine) -> bool:
    pairs = zip((*one.mean, *one.scale), (*other.mean, *other.scale), strict=True)
    return all(abs(a - b) <= 1e-4 * max(1.0, abs(a), abs(b)) for a, b in pairs)


def _words(inside: Affine, reverse: bool) -> str:
    mean, scale = ([f"{value:g}" for value in values] for values in (inside.mean, inside.scale))
    return f"mean {', '.join(mean)}, scale {', '.join(scale)}, channels {'reversed' if reverse else 'as they are'}"
