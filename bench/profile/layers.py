"""The paper's table 2: what kernel estimation and the attention layers cost, and why."""

from __future__ import annotations

from math import isclose
from typing import Any, get_args

from bench.base.errors import UserError
from bench.profile.counting import count
from bench.profile.rows import Profile, Setting, profile_subject
from bench.profile.subjects import PARTITIONS, Implementation, K, LayerName, LayerSubject
from methods.layers.attention import Form, macs

_MULTIPLE = 32
_OUTER = 8**2  # positions in a window of the first level
_INNER = 4**2  # and of the second


def layer_subjects(channels: int, height: int, width: int) -> list[LayerSubject]:
    """Every row of table 2.

    Raises:
        UserError: the layers do not fit the map.
    """
    if height % _MULTIPLE or width % _MULTIPLE:
        raise UserError(
            f"The layers need a map whose sides are multiples of {_MULTIPLE}, not "
            f"{height} x {width}; change --size."
        )
    if channels < K or channels % K:
        raise UserError(f"--channels must be a multiple of {K}, {K} at least, not {channels}.")
    sizes = (channels, height, width)
    return [
        LayerSubject("kel", None, None, *sizes),
        *(
            LayerSubject(name, form, implementation, *sizes)
            for name in PARTITIONS
            for form in get_args(Form)
            for implementation in get_args(Implementation)
        ),
    ]


def profile_layers(subjects: list[LayerSubject], setting: Setting) -> dict[str, Any]:
    """The document of table 2, without its provenance."""
    profiles = [profile_subject(subject, setting) for subject in subjects]
    first = subjects[0]
    channels, height, width = first.channels, first.height, first.width
    return {
        "schema": 1,
        "size": [1, channels, height, width],
        "device": setting.device.type,
        "rows": [_row(profile) for profile in profiles],
        "counted": [entry for profile in profiles for entry in profile.counted()],
        "equations": equations(channels, height, width),
        "aal_over_ssa": {form: _ratio(form, channels, height, width) for form in get_args(Form)},
    }


def equations(channels: int, height: int, width: int) -> list[dict[str, Any]]:
    """The paper's equations 9 to 11 beside what is counted in its own form."""
    sizes = (channels, height, width)
    counted = {
        name: count(LayerSubject(name, "equation", "explicit", *sizes), backward=False).total
        for name in PARTITIONS
    }
    positions = height * width
    projections = positions * channels**2 / K
    products = positions**2 * channels / K
    far = _OUTER / positions  # 1 / (Q_h Q_w)
    printed: dict[int, tuple[LayerName, float, str]] = {
        9: ("sa", 4 * projections + 2 * products, "dense self-attention"),
        10: (
            "ssa",
            4 * projections + 1.5 * products * (1 / _OUTER + far),
            "inconsistent with equation 11: it counts the projections of one attention where "
            "there are two, and 3/2 where 11 has 2",
        ),
        11: (
            "aal",
            12 * projections + 2 * products * ((1 / _INNER + _INNER * far) / _OUTER + far),
            "two levels",
        ),
    }
    return [
        {
            "equation": number,
            "gmac": value / 1e9,
            "counted": counted[name] / 1e9,
            "agrees": isclose(value, counted[name], rel_tol=1e-12),
            "note": note,
        }
        for number, (name, value, note) in printed.items()
    ]


def _row(profile: Profile) -> dict[str, Any]:
    subject = profile.subject
    assert isinstance(subject, LayerSubject)  # noqa: S101 (for the type checker)
    closed = subject.closed_form()
    counted = profile.forward
    if counted is not None and counted.total != closed:
        profile.notes.append("the fused kernels multiply queries and keys padded with zeros")
    return {
        "layer": subject.name,
        "form": subject.form,
        "implementation": subject.implementation,
        **profile.as_json(),
        "gmac_closed_form": closed / 1e9,
        "computed": profile.measured["forward"] is None,
    }


def _ratio(form: Form, channels: int, height: int, width: int) -> float:
    return macs(channels, height, width, PARTITIONS["aal"], form, K) / macs(
        channels, height, width, PARTITIONS["ssa"], form, K
    )
