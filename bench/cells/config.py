"""One validated configuration of a run. The keys of a file are the words of the command line."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bench.base.errors import UserError
from bench.base.invalid_option import invalid_option
from bench.base.sentences import joined
from bench.base.words import read_words, spelling, split_variants, unknown
from bench.cells.presets import PresetName
from bench.cells.stage_names import STAGES
from bench.volumes.cards import LabelKind, LabelZero, VoxelSize
from bench.volumes.grey_range import GreyOption
from bench.volumes.holes import Missing
from bench.volumes.region import Region
from bench.workers.options import Workers

# Runs that come with the package; `configs/table4.toml` names one wherever the command is given.
_SHIPPED = Path(__file__).with_name("configs")


def _known_stage(value: object) -> str:
    if (name := str(value)) not in STAGES:
        unknown("--stages value", name, list(STAGES))
    return name


Source = Annotated[str, BeforeValidator(os.fspath)]  # a path, or an address
StageName = Annotated[str, BeforeValidator(_known_stage)]


class RunConfig(Workers):
    """Everything ``bench run`` can be told, beside who computes.

    Attributes:
        methods: method variants, for instance ``ssan`` or ``ssan[extractor=unet]``.
        dataset: names of datasets.
        losses: losses every trainable method is trained under, for instance ``l1`` or
            ``ls[style=plain]``.
        seeds: one training for each.
        fold: which of the five blocks is the test split; None leaves it to the cards.
        preset: widths, crops and training budget.
        source: the volume a dataset is built from, if it is not built yet.
        labels: its labels, if they are in a file of their own.
        mask: a file that says where the volume shows tissue.
        download: fetch the volume of a card that has an address, where its dataset is not built.
        grey_range: lowest and highest grey value of a volume that is not 8-bit, or ``auto``.
        missing: numbers of the slices that are treated as not there.
        region: the part of the volume that is taken.
        level: which scale of the volume is read, from 0.
        axes: a letter for each axis of the source's array as stored, where its file does not say.
        channel: which channel of the source is read, from 0.
        label_kind: what the labels of a volume of one's own are: ``ids`` or ``membrane_mask``.
        label_zero: what id 0 means there: ``membrane`` or ``ignore``.
        voxel_size: of the volume in nm (z, y, x).
        data: folder of the datasets.
        out: folder of the results.
        device: ``cuda``, ``cpu``, or ``auto``: CUDA where there is one.
        precision: ``bf16`` trains under autocast, on CUDA only.
        threads: threads torch computes with; None leaves the choice to torch in this process, and
            is 1 in each of several.
        stages: which stages are computed, in their natural order; what they read must be there.
        max_triplets: use only so many triplets of each split, to try something out.
        samples: train on only so many crops instead of the preset's, to try something out.
        crop: side of the training crops in pixels instead of the preset's, for small tiles.
        micro_batch: compute the gradients of a training step over so many crops at once.
        predict_tile: predict large frames in overlapping tiles of this side.
        rerun: compute again what is there already, except the segmenter, which is the dataset's.
        vgg_weights: file with the weights of the feature losses, or ``random``.
        teacher: the segmenter through which the loss lm looks, trained elsewhere; without one it is
            trained on the labels of the training split.
        segmenter: a segmenter trained elsewhere; without one it is trained on the labels.
        segmenter_encoder: its encoder, by its name in segmentation-models-pytorch.
        segmenter_weights: pretrained weights of the encoder, which may be downloaded.
        segmenter_steps: training steps of the segmenter at most.
        judges: 2 for a second segmenter, of another architecture, that scores beside the first.
    """

    methods: tuple[str, ...] = Field(min_length=1)
    dataset: tuple[str, ...] = Field(min_length=1)
    losses: tuple[str, ...] = ("ls",)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = (0,)
    fold: int | None = Field(default=None, ge=0, le=4)
    preset: PresetName = "quick"
    source: Source | None = None
    labels: Source | None = None
    mask: Source | None = None
    download: bool = False
    grey_range: GreyOption | None = None
    missing: Missing | None = None
    region: Region | None = None
    level: int | None = Field(default=None, ge=0)
    axes: str | None = None
    channel: int | None = Field(default=None, ge=0)
    label_kind: LabelKind | None = None
    label_zero: LabelZero | None = None
    voxel_size: VoxelSize | None = None
    data: Path = Path("data")
    out: Path = Path("results")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "bf16"] = "float32"
    threads: int | None = Field(default=None, ge=1)
    stages: tuple[StageName, ...] = Field(default_factory=lambda: tuple(STAGES))
    max_triplets: int | None = Field(default=None, ge=1)
    samples: int | None = Field(default=None, ge=1)
    crop: int | None = Field(default=None, ge=64)
    micro_batch: int | None = Field(default=None, ge=1)
    predict_tile: int | None = Field(default=None, ge=128)
    rerun: bool = False
    vgg_weights: str | None = None
    teacher: Path | None = None
    segmenter: Path | None = None
    segmenter_encoder: str = "resnet18"
    segmenter_weights: str | None = None
    segmenter_steps: int = Field(default=2500, ge=1)
    judges: int = Field(default=1, ge=1, le=2)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse `true` where a number or a word is wanted: Python takes it for 1."""
        flag = cls.model_fields[info.field_name or ""].annotation is bool
        among = value if isinstance(value, list | tuple) else [value]
        if not flag and any(isinstance(each, bool) for each in among):
            raise ValueError("it takes no true or false")
        return value

    @field_validator("methods", "dataset", "losses", "seeds", "stages", mode="before")
    @classmethod
    def _split_lists(cls, value: object) -> object:
        return tuple(split_variants(value)) if isinstance(value, str) else value

    @field_validator("methods", "dataset", "losses", "seeds")
    @classmethod
    def _drop_repetitions(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _said_of_a_source(self) -> Self:
        for word in OF_A_SOURCE:
            if getattr(self, word) is not None and self.source is None and not self.download:
                option = f"--{word.replace('_', '-')}"
                raise ValueError(f"{option} goes with --source, which is not given")
        return self

    @field_validator("stages")
    @classmethod
    def _in_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in STAGES if name in value)


# Options that describe the files that a dataset is built from.
OF_A_SOURCE = (
    "labels", "mask", "missing", "grey_range", "region", "level", "axes", "channel",
)  # fmt: skip

# Fields that change the figures: they belong to the content key of a cell, directly or through
# what is built from them.
RESULT_FIELDS = frozenset(
    {"methods", "dataset", "losses", "seeds", "fold", "preset", "precision", "max_triplets",
     "samples", "crop", "micro_batch", "predict_tile", "vgg_weights", "source", *OF_A_SOURCE,
     "label_kind", "label_zero", "voxel_size", "teacher", "segmenter", "segmenter_encoder",
     "segmenter_weights", "segmenter_steps", "judges"}
)  # fmt: skip
# Fields that only say where and how to compute.
RUNTIME_FIELDS = frozenset(
    {
        "data",
        "out",
        "device",
        "threads",
        "jobs",
        "scheduler",
        "scheduler_file",
        "stages",
        "rerun",
        "download",
    }
)


def load_config(file: Path | None, words: dict[str, Any]) -> RunConfig:
    """Merge a configuration file with what the command line says; the command line wins.

    Args:
        file: TOML file whose keys are the options of ``bench run``, or None.
        words: options given on the command line; None means not given.

    Raises:
        UserError: the file cannot be read, or a key or a value is not valid.
    """
    values = _read(file) if file else {}
    for key in values:
        if key not in RunConfig.model_fields:
            unknown(f"key in {file}:", key, list(RunConfig.model_fields))
    given = {key: value for key, value in words.items() if value is not None}
    if file:
        values = {key: value for key, value in values.items() if key not in given}
        values = _beside(values, file)
    values |= given
    for key in ("methods", "dataset"):
        if not values.get(key):
            raise UserError(f"Say which --{key} to compare; `bench list {_LISTS[key]}` shows them.")
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise UserError(invalid_option(error)) from error


_READ = ("source", "labels", "mask", "teacher", "segmenter", "vgg_weights")  # paths of files
_FILES = ("weights", "init")  # options of a method that name one
_LISTS = {"methods": "methods", "dataset": "datasets"}


def _beside(values: dict[str, Any], file: Path) -> dict[str, Any]:
    """The values of a file, with the paths in them found beside it where there is such a file."""
    found = dict(values)
    for key in _READ:
        if isinstance(value := values.get(key), str) and (file.parent / value).exists():
            found[key] = str(file.parent / value)
    methods = values.get("methods")
    listed = split_variants(methods) if isinstance(methods, str) else methods
    if isinstance(listed, list):
        found["methods"] = [
            _with_paths(each, file) if isinstance(each, str) else each for each in listed
        ]
    return found


def _with_paths(text: str, file: Path) -> str:
    """A method's variant whose weights are found beside a file, or else from here."""
    name, wanted = read_words(text)
    found = {
        option: _path_of(Path(value), file) for option, value in wanted.items() if option in _FILES
    }
    return spelling(name, wanted | found) if found else text


def _path_of(path: Path, file: Path) -> str:
    beside = file.parent / path
    for place in (beside, path):
        if place.exists():
            return str(place)
    places = dict.fromkeys((str(beside.absolute()), str(path.absolute())))
    raise UserError(
        f"{file} names the weights {path}, which are not there; looked for: {joined(places)}."
    )


def _read(file: Path) -> dict[str, Any]:
    shipped = _SHIPPED / file.name
    if file.parent == Path(_SHIPPED.name) and not file.exists() and shipped.exists():
        file = shipped
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))  # some editors write a BOM
    except OSError as error:
        raise UserError(f"The configuration {file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The configuration {file} is not valid TOML: {error}.") from error
    return {key.replace("-", "_"): value for key, value in values.items()}
