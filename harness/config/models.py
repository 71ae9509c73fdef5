"""The configuration of models: what each is fed, where it runs, how it is converted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    FiniteFloat,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from harness.backends.registry import Role, backends, built_in, default_backend, facts_of, targets
from harness.config.dataset import Form
from harness.config.gates import Gates
from harness.config.preprocess import Preprocess
from harness.config.types import Channels, Count, Location, ModelId, Number, Precision, Strict, Weights, Whole
from harness.errors import ConfigError, nearest

_WEEK = 7 * 24 * 3600  # seconds


Activation = Literal["none", "softmax", "sigmoid", "auto"]
InputLayout = Literal["NHWC", "NCHW"]
OutputLayout = Literal["NC", "CN"]
ElementType = Literal["f32", "f16", "bf16", "u8", "i8", "i16", "i32"]


class Input(Strict):
    """A model's input contract: the input that it expects."""

    name: str | None = Field(
        None,
        min_length=1,
        description="Name of the input, with or without `:0`. Default: the only input, or the one named `input`.",
    )
    color: Literal["RGB", "BGR"] = Field(description="Order of the colour channels that the model expects.")
    mean: Channels = Field(
        0.0, description="Subtracted from each channel before the model, in the model's colour order."
    )
    scale: Channels = Field(
        1.0, description="Divides each channel after the mean is subtracted, in the model's colour order."
    )
    layout: InputLayout | None = Field(
        None,
        description="Order of the input's axes. Default: from its shape, and NHWC if the shape does not determine it.",
    )
    element_type: ElementType | None = Field(
        None,
        description="Type of the values after mean and scale. Default: the type of the model's input.",
    )

    @property
    def tensor(self) -> str:
        """Name of the input where one has to be written or looked up before the model is read."""
        return self.name or "input"

    @field_validator("scale")
    @classmethod
    def _scale_is_not_zero(cls, value: Channels) -> Channels:
        if 0.0 in (value if isinstance(value, tuple) else (value,)):
            raise ValueError("a scale of 0 would divide by zero")
        return value

    @property
    def mean_per_channel(self) -> tuple[float, float, float]:
        """The mean of each channel, in the model's colour order."""
        return self.mean if isinstance(self.mean, tuple) else (self.mean,) * 3

    @property
    def scale_per_channel(self) -> tuple[float, float, float]:
        """The scale of each channel, in the model's colour order."""
        return self.scale if isinstance(self.scale, tuple) else (self.scale,) * 3


class Output(Strict):
    """A model's output contract: which output to read, and how it becomes probabilities."""

    name: str | None = Field(
        None, min_length=1, description="Name of the output, with or without `:0`. Default: the only output."
    )
    activation: Activation | None = Field(
        None,
        description="What is applied to the output: none, softmax or sigmoid; auto: softmax if the values of the first "
        "shard are logits, none if they are probabilities. Default: a candidate uses that of the reference, and the "
        "reference uses auto.",
    )
    layout: OutputLayout | None = Field(
        None,
        description="The axis of the images: the first (NC) or the last (CN). Default: from its length.",
    )


class Calibration(Strict):
    """The images for the INT8 calibration. Their labels are not needed, and none of them may be evaluated."""

    path: Location | None = Field(
        None, description="Another image set. Default: the images that `dataset.subset` does not choose."
    )
    form: Form = Field("auto", description="The form, if it should not be recognised (docs/datasets.md).")
    images: Annotated[Whole, Field(ge=1, le=5000)] = Field(300, description="How many images are used.")
    seed: Annotated[Whole, Field(ge=0, le=2**63 - 1)] = Field(0, description="Seed of the random choice.")


def _known_target(name: str) -> str:
    known = targets()
    if name not in known:
        close = nearest(name, known)
        near = f"; did you mean '{close[0]}'? Available" if close else "; available"
        raise ValueError(f"there is no conversion to '{name}'{near}: {', '.join(known)}")
    return name


Target = Annotated[str, AfterValidator(_known_target), WithJsonSchema({"type": "string", "enum": list(targets())})]


class Conversion(Strict):
    """How `harness convert` creates a candidate's file from the reference's."""

    to: Target | None = Field(
        None,
        description="Format of the file that is written. Default: the format of the candidate's backend.",
    )
    weights: Weights = Field("f32", description="Precision of the weights in the .bin file; int8 needs NNCF.")
    calibration: Calibration = Calibration()
    automatic: bool = Field(
        False, description="`harness validate` converts automatically if the converted file is missing or stale."
    )


def _known_backend(role: Role) -> Callable[[str], str]:
    def check(name: str) -> str:
        try:
            facts = facts_of(name)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if role not in facts.roles:
            able = ", ".join(key for key, other in backends().items() if role in other.roles)
            raise ValueError(f"the backend '{name}' cannot run a {role}; those that can are {able}")
        return name

    return check


ReferenceBackend = Annotated[
    str,
    AfterValidator(_known_backend("reference")),
    WithJsonSchema({"type": "string", "enum": built_in("reference")}),
]
CandidateBackend = Annotated[
    str,
    AfterValidator(_known_backend("candidate")),
    WithJsonSchema({"type": "string", "enum": built_in("candidate")}),
]
Batch = Annotated[
    Count | None,
    Field(description="Images per call, if the model's batch dimension is free; default: see docs/backends.md."),
]
IsOptional = Annotated[
    bool,
    Field(
        description="If the device is missing or lacks the precision, this candidate is `unavailable` instead of an "
        "error."
    ),
]
Isolate = Annotated[
    bool | None,
    Field(
        description="Run the model in a separate process, so that a crash affects only this model (default: on devices "
        "other than the CPU). A model with loops always runs in a separate process, because it may never end."
    ),
]
TimeoutSeconds = Annotated[
    Number,
    Field(gt=0, le=_WEEK, description="Time limit for one shard in a separate process, in seconds; at most a week."),
]
AllowOps = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    Field(description="Operations that the model may use in addition to those that only compute on tensors."),
]
Signature = Annotated[
    Annotated[str, Field(min_length=1)] | None,
    Field(description="The signature to run, if a model has several. Default: the only one, or `serving_default`."),
]
Scalar = bool | int | FiniteFloat | str
PropertyName = Annotated[str, Field(min_length=1, max_length=200)]
Properties = Annotated[
    dict[PropertyName, Scalar | dict[PropertyName, dict[PropertyName, Scalar]]],
    Field(
        description="Properties of the backend under its own names (docs/devices.md). They override what the harness "
        "sets, and are read back.",
    ),
]
Hints = Annotated[
    Literal["pinned", "device"],
    Field(
        description="pinned: set precision, threads and throughput; device: set none of them, as for a model that is "
        "shipped without settings (needs `precision: device_default`)."
    ),
]
GateOverrides = Annotated[
    Gates | None,
    Field(description="Overrides the gates for this candidate, key by key: `{parity: null}` turns one off."),
]
ConversionOverrides = Annotated[
    Conversion | None, Field(description="Overrides the conversion for this candidate, key by key.")
]


class Deployment(Strict):
    """A second candidate with the settings that are shipped: the device's own hints, nothing pinned."""

    gates: GateOverrides = None


Deployed = Annotated[
    bool | Deployment,
    Field(
        description="Adds the candidate ID-deployment, the same with `hints: device`. Its parity gate is off unless "
        "`{gates: ...}` sets one."
    ),
]
OutputName = Annotated[
    str, Field(min_length=1, description="Name of the output with the probabilities or logits, with or without `:0`.")
]
Device = Annotated[
    str, Field(min_length=1, description="Device of the backend, such as CPU, GPU.1, AUTO, HETERO:GPU,CPU.")
]
Pinned = Annotated[Precision, Field(description="Pinned inference precision; the effective one is read back.")]


class Model(Strict):
    """The keys that the reference and candidates have in common."""

    id: ModelId = Field(description="Name of the model in reports; unique.")
    backend: CandidateBackend = Field(
        default_backend("candidate"), description="The framework that runs the model (docs/backends.md)."
    )
    model: Location = Field(description="The model's file or folder, in a format that its backend reads.")
    input: Input
    output: OutputName | Output = Field(
        Output(), description="Name of the output, or `{name, activation, layout}`. Default: the only output."
    )
    background_class: bool | None = Field(
        None,
        description="Whether this network's class 0 is background. Default: `dataset.background_class`. If models "
        "differ, all are evaluated over the common classes.",
    )
    preprocess: Preprocess | None = Field(
        None, description="How images become this model's pixels. Default: `dataset.preprocess`."
    )
    isolate: Isolate = None
    timeout_seconds: TimeoutSeconds = 300.0
    allow_ops: AllowOps = ()
    signature: Signature = None

    @field_validator("signature")
    @classmethod
    def _has_signatures(cls, value: str | None, info: ValidationInfo) -> str | None:
        known = backends()
        backend = info.data.get("backend")
        if value is not None and backend in known and not known[backend].signatures:
            able = ", ".join(name for name, facts in known.items() if facts.signatures)
            raise ValueError(f"a model of the backend '{backend}' has no signatures; only those of {able} have")
        return value

    @field_validator("output", mode="before")
    @classmethod
    def _output_is_text_or_mapping(cls, value: Any) -> Any:
        if isinstance(value, dict):
            unknown = [str(key) for key in value if key not in Output.model_fields]
            if unknown:
                close = nearest(unknown[0], list(Output.model_fields))
                known = f"did you mean `{close[0]}`?" if close else f"valid: {', '.join(Output.model_fields)}"
                raise ValueError(f"has the unknown key `{unknown[0]}`; {known}")
            return Output.model_validate(value)
        if not isinstance(value, (str, Output)):
            raise ValueError("should be text, the name of the output, or a mapping {name: ..., activation: ...}")
        return value

    @property
    def output_contract(self) -> Output:
        """The output contract; a name alone stands for its mapping."""
        return self.output if isinstance(self.output, Output) else Output(name=self.output)

    @property
    def output_name(self) -> str | None:
        """Name of the output; None: the only one."""
        return self.output_contract.name

    @property
    def named_output(self) -> str:
        """Name of the output, for what cannot go without. Raises ConfigError if none is stated."""
        name = self.output_name
        if name is None:
            raise ConfigError(f"{self.id}: a conversion needs the name of the output; add `output: NAME`")
        return name


class Reference(Model):
    """The original model."""

    id: ModelId = Field("reference", description="Name of the model in reports; unique.")
    backend: ReferenceBackend = Field(
        default_backend("reference"), description="The framework that runs the model (docs/backends.md)."
    )
    batch: Batch = None
    recorded: Location | None = Field(
        None,
        description="A capsule with this model's predictions for the images (docs/capsule.md); neither the model nor "
        "its framework is needed.",
    )


class Candidate(Model):
    """A converted model on a device at a precision."""

    device: Device = "CPU"
    precision: Pinned = "f32"
    batch: Batch = None
    optional: IsOptional = False
    properties: Properties = Field(default_factory=dict)
    hints: Hints = "pinned"
    deployment: Deployed = False
    gates: GateOverrides = None
    conversion: ConversionOverrides = None

    @model_validator(mode="after")
    def _backend_has_properties(self) -> Candidate:
        known = backends()
        able = ", ".join(name for name, facts in known.items() if facts.properties)
        for key, stated in (
            ("properties", self.properties),
            ("hints", self.hints == "device"),
            ("deployment", self.deployment),
        ):
            if stated and self.backend in known and not known[self.backend].properties:
                raise ValueError(f"has `{key}`, and the backend '{self.backend}' has none; those of {able} have")
        if self.hints == "device" and self.precision != "device_default":
            raise ValueError(f"has `hints: device` and pins {self.precision}; write `precision: device_default`")
        return self
