"""The cost of whole methods."""

from __future__ import annotations

from typing import Any

from bench.base.words import split_variants, unknown
from bench.cells.presets import PRESETS
from bench.cells.variants import parse_variant
from bench.profile.rows import Setting, profile_subject
from bench.profile.subjects import MethodSubject


def method_subjects(text: str, preset: str, height: int, width: int) -> list[MethodSubject]:
    """The methods of a list as on the command line.

    Raises:
        UserError: an unknown preset, method or option.
    """
    if preset not in PRESETS:
        unknown("preset", preset, list(PRESETS))
    variants = [parse_variant(part, preset).text for part in split_variants(text)]
    return [MethodSubject(name, preset, height, width) for name in dict.fromkeys(variants)]


def profile_methods(subjects: list[MethodSubject], setting: Setting) -> dict[str, Any]:
    """The document of the methods, without its provenance."""
    profiles = [profile_subject(subject, setting) for subject in subjects]
    return {
        "schema": 1,
        "size": [1, 1, subjects[0].height, subjects[0].width],
        "device": setting.device.type,
        "rows": [
            {
                "method": subject.variant,
                "preset": subject.preset,
                "height": subject.height,
                "width": subject.width,
                **profile.as_json(),
            }
            for subject, profile in zip(subjects, profiles, strict=True)
        ],
        "counted": [entry for profile in profiles for entry in profile.counted()],
    }
