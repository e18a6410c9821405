"""The command ``bench profile``: from its words to the files it leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench.base.device import check_threads, choose_device
from bench.base.errors import UserError
from bench.base.files import EARLIER, probe_folder, set_aside, write_text
from bench.base.provenance import compute_provenance, provenance
from bench.profile.layers import layer_subjects, profile_layers
from bench.profile.methods import method_subjects, profile_methods
from bench.profile.options import ProfileOptions
from bench.profile.rows import Setting


def run_profile(wanted: ProfileOptions, say: Callable[[str], None]) -> dict[Path, dict[str, Any]]:
    """Profile what is wanted.

    Returns:
        The files that were written, and the document in each.

    Raises:
        UserError: the words are not valid, there is no CUDA, or the folder cannot be written to.
    """
    if not wanted.layers and wanted.methods is None:
        raise UserError("Nothing to profile; give --layers, --methods ssan,sepconv or both.")
    height, width = _size(wanted.size)
    methods = method_subjects(wanted.methods or "", wanted.preset, height, width)
    if wanted.methods is not None and not methods:
        raise UserError("--methods names no method; for instance ssan,sepconv.")
    layers = layer_subjects(wanted.channels, height, width) if wanted.layers else []
    setting = _setting(wanted, say)
    folder = wanted.out / "profile"
    probe_folder(folder)
    written = {}
    if layers:
        written[folder / "layers.json"] = profile_layers(layers, setting)
    if methods:
        written[folder / "methods.json"] = profile_methods(methods, setting)
    for path, document in written.items():
        document["provenance"] = provenance() | compute_provenance(setting.device)
        if path.exists():
            say(f"What was measured before is kept as {set_aside(path, EARLIER)}.")
        write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")
    return written


def _setting(wanted: ProfileOptions, say: Callable[[str], None]) -> Setting:
    device = choose_device(wanted.device)
    check_threads(wanted.threads)
    if wanted.repeats < 1:
        raise UserError(f"--repeats must be at least 1, not {wanted.repeats}.")
    if wanted.threads is not None:
        torch.set_num_threads(wanted.threads)
    threads = torch.get_num_threads()
    return Setting(device, threads, wanted.backward, wanted.repeats, wanted.slow, say=say)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if found is None:
        raise UserError(f"--size takes SIDE or HEIGHTxWIDTH in pixels, not '{text}'.")
    return int(found[1]), int(found[2] or found[1])
