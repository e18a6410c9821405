"""The cost of whole methods."""

from __future__ import annotations

from typing import Any

import torch

from bench.base.words import split_variants, unknown
from bench.cells.presets import PRESETS
from bench.cells.variants import parse_variant
from bench.profile.rows import Profile, Setting, obstacle, profile_subject
from bench.profile.step_memory import TrainingStep, counted_peak, measured_step, step_of
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
    steps = [
        _training_step(subject, profile, setting)
        for subject, profile in zip(subjects, profiles, strict=True)
    ]
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
                "training_step": step and step.as_json(),
                **profile.as_json(),
            }
            for subject, profile, step in zip(subjects, profiles, steps, strict=True)
        ],
        "counted": [entry for profile in profiles for entry in profile.counted()],
    }


def _training_step(
    subject: MethodSubject, profile: Profile, setting: Setting
) -> TrainingStep | None:
    """A training step as far as time and memory allow it; None where there is nothing to learn."""
    if profile.both is None:
        return None
    setting.say(f"{subject.title}: training step")
    step = step_of(subject)
    pixels = step.batch * step.crop**2
    macs = profile.both.total * pixels / (subject.height * subject.width)
    if reason := obstacle("training step", counted_peak(subject), macs, setting):
        profile.notes.append(reason)
        return step
    try:
        return measured_step(subject, setting.device, setting.threads)
    except (ChildProcessError, torch.OutOfMemoryError):
        profile.notes.append("training step: the memory did not last")
        return step
