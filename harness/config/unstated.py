"""What a configuration leaves unsaid although a wrong guess of it would look like a result."""

from __future__ import annotations

from harness.config.schema import Config

_USUAL = "127.5 and 127.5 for TF-Slim, 0 and 1 where the model has them inside"
_LISTS = (
    "[123.675, 116.28, 103.53] and [58.395, 57.12, 57.375] in RGB for ImageNet's own statistics, "
    "[123.68, 116.779, 103.939] and 1 for Caffe"
)


def unstated(config: Config) -> list[str]:
    """Return a warning where the reference's mean or scale is not written down; without them it gets plain pixels."""
    if config.reference is None:  # what a conversion left to do is 0 and 1 as a rule
        return []
    contract = config.reference.input
    if config.preprocess_for(config.reference).is_float:  # its steps normalise
        return []
    missing = [name for name in ("mean", "scale") if name not in contract.model_fields_set]
    if not missing:
        return []
    taken = " and ".join(f"`{name}` is taken as {'0' if name == 'mean' else '1'}" for name in missing)
    where = config.where("reference.input")
    text = f"{where} does not state {' and '.join(missing)}, so {taken}; write what the model was trained with"
    return [f"{config.reference.id}: {text} ({_USUAL}; {_LISTS})"]
