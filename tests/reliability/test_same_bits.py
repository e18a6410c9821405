"""The same inputs give the same files, whatever stands beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from faults import Answer, difference, digests, run_words

from bench.cells.config import load_config
from bench.cells.variants import parse_variant
from bench.scores.metrics import psnr
from bench.stages.predict import predict_frame
from bench.store.weights import load_weights
from bench.triplets.file import TripletFile

ROOT = Path(__file__).resolve().parents[2]
# The networks whose weights are kept in the repository.
KEPT = [name for name in load_config(ROOT / "configs/ci.toml", {}).methods if "weights=" in name]
assert KEPT, "configs/ci.toml keeps no weights"


def test_a_second_run_with_its_methods_the_other_way_round(
    command: Callable[..., Answer], finished: tuple[Path, str], data: Path, tmp_path: Path, tally
) -> None:
    out = tmp_path / "second"
    words = run_words(data, out)
    code, _, told = command(*words[:2], "tiny,linear,average", *words[3:])
    assert code == 0, told
    one, other = digests(out), digests(finished[0])
    fate = "survived" if one == other else "silent"
    tally("a second run, methods permuted", fate, difference(str(one), str(other)))


@pytest.mark.parametrize("name", KEPT)
def test_one_thread_and_two_predict_the_same(texture: TripletFile, tally, name: str) -> None:
    """Sums in another order may differ in the last bit, and a frame in a grey level."""
    variant = parse_variant(name.replace("weights=", f"weights={ROOT}/"), "quick")
    assert variant.weights is not None
    model = variant.build()
    load_weights(variant.weights, model)
    model.to(memory_format=torch.channels_last).eval()
    frames = texture.frames(int(texture.indices("test")[0]))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(predict_frame(model, frames, torch.device("cpu")))
    finally:
        torch.set_num_threads(before)
    apart = abs(psnr(found[0], frames[1]) - psnr(found[1], frames[1]))
    levels = int(np.abs(found[0].astype(int) - found[1]).max())
    good = apart <= 0.01 and levels <= 1
    tally("one thread and two", "survived" if good else "silent", (name, apart, levels))
