"""A configuration of the harness, written from what was read of another tool's, each line with its source."""

from __future__ import annotations

from pathlib import Path

from harness.importing.accuracy_checker import Check, Entry
from harness.importing.conversions import conversion_note, write_conversion
from harness.importing.model_yml import Archive, ModelYml, file_name
from harness.importing.places import Places, beside
from harness.importing.preprocessing import Pixels, one_or_three
from harness.importing.yaml_lines import YamlLines

_SOURCE_CODE = (".py", ".whl", ".yaml", ".yml", ".json", ".txt", ".md", ".prototxt")
_FEW_CLASSES = 5  # with so many classes or fewer, every Top-5 prediction is right


def write_configuration(
    check: Check, images: Path | None = None, models: Path | None = None, out: Path | None = None
) -> str:
    """Return the text of the configuration.

    ``images``, ``models``: their places; without them ``${IMAGENET_VAL}`` and ``build``. ``out``: the file that the
    text is meant for, so that relative paths are written relative to its folder.
    """
    lines = YamlLines()
    _head(check, lines)
    _dataset(check, lines, beside(images, out) if images is not None else None)
    reference = check.reference
    where = Places(models, out)
    if reference is None:
        lines.null("reference", "the file has no original model next to the converted one")
    else:
        lines.put("reference")
        _model(check, reference, lines, where, indent=2)
    lines.put("candidates")
    for entry in check.candidates:
        _model(check, entry, lines, where, indent=4)
    _published(check, lines)
    if check.model is not None:
        write_conversion(check, check.model, lines)
        _archive(check, check.model, lines, where)
    return lines.text()


def _head(check: Check, lines: YamlLines) -> None:
    converted = [entry for entry in check.entries if entry.runner.is_converted]
    named = (converted or check.entries)[0]
    lines.comment(f"Imported from {check.file.name} by `harness import`; each line names where it comes from.")
    for note in [*(f"{note.place}: {note.what}" for note in check.notes), *conversion_note(check)]:
        lines.comment(f"Note: {note}")
    lines.put("version", 1)
    name = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "-" for letter in named.name
    )
    lines.put("name", name.lstrip("_.-")[:80] or "imported", named.name_place)


def _dataset(check: Check, lines: YamlLines, images: Path | None) -> None:
    found = check.leading.image_set
    lines.put("dataset")
    if images is not None:
        lines.put("path", str(images), "--images", 2)
    else:
        lines.variable("path", "IMAGENET_VAL" if found.is_imagenet else "IMAGES", f"{found.name}, {found.place}", 2)
    if found.labels != "auto":
        lines.put("labels", found.labels, found.labels_place, 2)
    elif found.is_imagenet:
        lines.put("labels", "auto", f"the usual list, {found.labels_place}", 2)
    else:
        lines.variable("labels", "LABELS", f"a list of your own, see the note on {found.labels_place}", 2)
    lines.put("background_class", found.background, found.background_place, 2)
    if found.classes is not None:
        lines.put("classes", found.classes, found.labels_place, 2)
    else:
        lines.variable("classes", "CLASSES", f"not stated, see the note on {found.labels_place}", 2)
    if found.images is not None:
        lines.put("images", found.images, "size of the ILSVRC2012 validation set", 2)
    _preprocess(check.leading.pixels, lines, 2)


def _preprocess(pixels: Pixels, lines: YamlLines, indent: int) -> None:
    lines.put("preprocess", indent=indent)
    lines.put("decoder", pixels.decoder, pixels.decoder_place, indent + 2)
    lines.put("exif", pixels.exif, f"as {pixels.decoder} reads an image there", indent + 2)
    lines.put("steps", indent=indent + 2)
    for step in pixels.steps:
        lines.item(step.kind, step.settings, step.place, indent + 4)


def _model(check: Check, entry: Entry, lines: YamlLines, where: Places, *, indent: int) -> None:
    runner, model = entry.runner, check.model
    is_candidate = entry is not check.reference
    lines.put("id", entry.id, entry.id_place, indent - 2 if is_candidate else indent, item=is_candidate)
    lines.put("backend", runner.backend, runner.framework_place, indent)
    if runner.model is not None:
        path, place = where.original(entry.name, runner.model), runner.model_place
    else:
        listed = [file.name for file in model.files if file.name.endswith(".xml")] if model is not None else []
        path = where.converted(entry.name, listed[0] if listed else None)
        place = "a file of model.yml" if listed else f"the name of the model, {entry.name_place}"
    lines.put("model", path, place, indent)
    if is_candidate and runner.is_converted:
        if runner.device is not None:
            lines.put("device", runner.device, runner.places["device"], indent)
        lines.put("precision", runner.precision, runner.places.get("precision", "pinned, so that runs agree"), indent)
    if runner.batch is not None:
        lines.put("batch", runner.batch, runner.places["batch"], indent)
    if runner.properties:
        lines.put("properties", runner.properties, runner.places["properties"], indent)
    _input(entry, model, lines, indent, is_candidate=is_candidate)
    _output(entry, model, lines, indent)
    if entry.pixels.protocol() != check.leading.pixels.protocol():
        _preprocess(entry.pixels, lines, indent)
    judged_by = check.leading.published
    if is_candidate and judged_by.percent and not entry.published.same_as(judged_by):
        stated = ", ".join(f"Top-{k} {value:g} %" for k, value in sorted(entry.published.percent.items())) or "none"
        places = ", ".join(entry.published.places.values())
        lines.put("gates", indent=indent)
        lines.null("target", f"its own published accuracy differs: {stated} {places}", indent + 2)


def _input(entry: Entry, model: ModelYml | None, lines: YamlLines, indent: int, *, is_candidate: bool) -> None:
    runner, pixels = entry.runner, entry.pixels
    lines.put("input", indent=indent)
    if runner.input_name is not None:
        lines.put("name", runner.input_name, runner.input_place, indent + 2)
    elif model is not None and model.input_name is not None:
        lines.put("name", model.input_name, model.input_place, indent + 2)
    lines.put("color", pixels.color, pixels.color_place, indent + 2)
    if pixels.affine.places:
        place = ", ".join(pixels.affine.places)
        lines.put("mean", one_or_three(pixels.affine.mean), place, indent + 2)
        lines.put("scale", one_or_three(pixels.affine.scale), place, indent + 2)
    elif not is_candidate:  # a reference says what it gets, also where that is plain pixels
        lines.put("mean", 0, "no `normalization` is written there", indent + 2)
        lines.put("scale", 1, "no `normalization` is written there", indent + 2)
    if runner.layout is not None:
        lines.put("layout", runner.layout, runner.places["layout"], indent + 2)
    if runner.element not in (None, "f32"):
        lines.put("element_type", runner.element, runner.places["element"], indent + 2)


def _output(entry: Entry, model: ModelYml | None, lines: YamlLines, indent: int) -> None:
    runner = entry.runner
    name, place = runner.output, runner.output_place
    if name is None and model is not None:
        if model.output is not None and runner.backend != "saved_model":  # its signature has names of its own
            name, place = model.output, model.output_place
        elif model.onnx_output is not None:
            name, place = model.onnx_output, model.onnx_output_place
    if runner.activation is None:
        if name is not None:
            lines.put("output", name, place, indent)
        return
    lines.put("output", indent=indent)
    if name is not None:
        lines.put("name", name, place, indent + 2)
    lines.put("activation", runner.activation, runner.places["activation"], indent + 2)


def _published(check: Check, lines: YamlLines) -> None:
    found, image_set = check.leading.published, check.leading.image_set
    percent, places = dict(found.percent), dict(found.places)
    if 1 in percent and 5 not in percent and image_set.classes is not None and image_set.classes <= _FEW_CLASSES:
        percent[5], places[5] = 100.0, f"every Top-5 is right with {image_set.classes} classes"
    if len(percent) < 2:  # the target gate needs both
        for k, value in percent.items():
            lines.comment(
                f"Published Top-{k}: {value:g} % ({places[k]}); the other is not stated, so no target is set."
            )
        return
    lines.put("published")
    lines.put("top1_percent", percent[1], places[1], 2)
    lines.put("top5_percent", percent[5], places[5], 2)
    if image_set.images is not None:
        lines.put("images", image_set.images, "size of the ILSVRC2012 validation set", 2)


def _archive(check: Check, model: ModelYml, lines: YamlLines, where: Places) -> None:
    chosen = model.archive
    reference = check.reference
    wanted = reference.runner.model if reference is not None else None
    # The conversion's output (`$conv_dir`) is not in an archive.
    if chosen is not None and model.is_downloaded and wanted is not None and reference is not None:
        lines.put("archive")
        _download(chosen, lines, 2)
        if reference.runner.backend == "tensorflow":
            lines.put("members", [file_name(wanted)], reference.runner.model_place, 2)
        lines.put("folder", where.folder, "", 2)
        return
    for file in model.files:
        if file.name.endswith(_SOURCE_CODE):
            continue
        lines.comment(f"Published file: {file.name}, {file.bytes:,} bytes, sha384 {file.sha384},")
        lines.comment(f"  {file.url} ({file.place})")


def _download(file: Archive, lines: YamlLines, indent: int) -> None:
    lines.put("url", file.url, file.place, indent)
    if file.mirrors:
        lines.put("mirrors", list(file.mirrors), "", indent)
    lines.put("bytes", file.bytes, "", indent)
    lines.put("sha384", file.sha384, "", indent)
