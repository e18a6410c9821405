"""Tables of what can be configured: keys of a run, cards, options of methods, losses, phantoms."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from fields import REQUIRED, Field, fields
from tables import code, table

from bench.cells.config import RESULT_FIELDS, RunConfig, Source, StageName
from bench.cells.presets import PRESETS, Preset
from bench.cells.registry import LOSSES, METHODS, load_method
from bench.cells.stage_names import STAGES
from bench.repair.record import ExpectedScore, RepairRecord, SliceRecord
from bench.store.records import Failure, Record, StageRecord
from bench.triplets.options import BuildOptions
from bench.volumes.cards import CARDS, Card, CardFile, VoxelSize
from bench.volumes.grey_range import GreyOption
from bench.volumes.holes import Missing
from bench.volumes.phantom import PhantomOptions
from bench.volumes.region import Region
from methods.losses import LossOptions

# Types that are written in a way of their own; without the check that reads them, too.
_OWN = {
    Source: "path or address",
    StageName: ", ".join(f"`{name}`" for name in STAGES),
    GreyOption: "`LOW,HIGH` or `auto`",
    Missing: "such as `105,111-112`",
    Region: "`z0:z1,y0:y1,x0:x1`",
    VoxelSize: "`Z,Y,X`",
}
_WRITTEN = _OWN | {get_args(hint)[0]: words for hint, words in _OWN.items() if hint is not Source}
_IN_BRACKETS = "/"  # between the numbers of a list there
_HEAD = ("Name", "What is given", "Default", "Meaning")


def figure_keys() -> str:
    """The keys of a configuration file that change figures."""
    keys = fields(RunConfig, _OWN)
    return table(_HEAD, [_row(each) for each in keys if each.name in RESULT_FIELDS])


def machine_keys() -> str:
    """The other keys of a configuration file."""
    keys = fields(RunConfig, _OWN)
    return table(_HEAD, [_row(each) for each in keys if each.name not in RESULT_FIELDS])


def cards() -> str:
    """The datasets that have a card."""
    rows = [
        (code(name), each.title, code(_value(each.voxel_size)), each.licence, each.citation)
        for name, each in CARDS.items()
    ]
    return table(["Dataset", "Title", "Voxel (nm)", "Licence", "Citation"], rows)


def card() -> str:
    """The keys of a card."""
    return _fields(Card)


def card_file() -> str:
    """The keys of a file that a card names."""
    return _fields(CardFile)


def build() -> str:
    """The options of a build."""
    return _fields(BuildOptions)


def phantom() -> str:
    """The dials of a phantom."""
    return _fields(PhantomOptions)


def methods() -> str:
    """Every built-in method with its options."""
    return "\n\n".join(map(_method, METHODS))


def losses() -> str:
    """The losses, and what can be chosen in them."""
    named = table(["Loss", "What it is"], [(code(name), text) for name, text in LOSSES.items()])
    return f"{named}\n\n{_fields(LossOptions, _IN_BRACKETS)}"


def presets() -> str:
    """What each preset trains with."""
    rows = [
        (
            code(each.name),
            *(code(_value(getattr(preset, each.name))) for preset in PRESETS.values()),
            each.meaning,
        )
        for each in fields(Preset, {Mapping[str, Mapping[str, Any]]: "table"})
        if each.name not in ("own", "summary")
    ]
    return table(["", *map(code, PRESETS), "Meaning"], rows)


def classes() -> str:
    """The class of every built-in method."""
    rows = [
        (code(name), code(known.target.replace(":", ".")), known.title)
        for name, known in METHODS.items()
    ]
    return table(["Method", "Class", "What it is"], rows)


def record() -> str:
    """What a record holds, and each of its stages and its failure."""
    return "\n\n".join(
        f"**{title}**\n\n{_stored(model)}"
        for title, model in (
            ("The record", Record), ("Each of `stages`", StageRecord), ("`failure`", Failure),
        )
    )  # fmt: skip


def repair() -> str:
    """What the record of a repair holds, and each of its slices and expected scores."""
    return "\n\n".join(
        f"**{title}**\n\n{_stored(model)}"
        for title, model in (
            ("The record", RepairRecord), ("Each of `slices`", SliceRecord),
            ("Each of `expected`", ExpectedScore),
        )
    )  # fmt: skip


def _method(name: str) -> str:
    known = METHODS[name]
    if not known.installed:
        return (
            f"### {name}: {known.title}\n\nNeeds `pip install '.[{known.extra}]'` in the checkout."
        )
    loaded = load_method(name)
    info = loaded.info
    parts = [f"### {name}: {known.title}", f"{info.kind.capitalize()}; {info.reference}."]
    if dataclasses.fields(loaded.Options):
        parts.append(_fields(loaded.Options, _IN_BRACKETS))
    if widths := _widths(loaded.presets, loaded.Options()):
        parts += ["Presets differ from these defaults:", widths]
    return "\n\n".join(parts)


def _widths(presets: Mapping[str, Any], default: Any) -> str:
    """What the presets of a method have otherwise than its defaults."""
    rows = []
    for field in dataclasses.fields(default):
        values = [getattr(options, field.name) for options in presets.values()]
        if any(value != getattr(default, field.name) for value in values):
            rows.append(
                (code(field.name), *(code(_value(value, _IN_BRACKETS)) for value in values))
            )
    return table(["", *map(code, presets)], rows) if rows else ""


def _fields(model: type[Any], between: str = ",") -> str:
    return table(_HEAD, [_row(each, between) for each in fields(model, _WRITTEN)])


def _stored(model: type[Any]) -> str:
    """The fields of a JSON document."""
    words = {"table": "object", "path": "string", "text": "string", "`": ""}
    rows = []
    for each in fields(model, {}):
        kind = each.kind
        for ours, json in words.items():
            kind = kind.replace(ours, json)
        rows.append((code(each.name), kind, each.meaning))
    return table(["Key", "Kind", "Meaning"], rows)


def _row(field: Field, between: str = ",") -> tuple[str, str, str, str]:
    required = field.default is REQUIRED
    default = "required" if required else code(_value(field.default, between))
    return code(field.name), field.kind, default, field.meaning


def _value(value: Any, between: str = ",") -> Any:
    """A value as a configuration has it, or as options in brackets have it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return between.join(str(_value(each)) for each in value)
    if isinstance(value, float):
        return f"{value:g}"
    if dataclasses.is_dataclass(value) or hasattr(value, "model_fields"):
        return None  # its own table has them
    return value.as_posix() if isinstance(value, Path) else value
