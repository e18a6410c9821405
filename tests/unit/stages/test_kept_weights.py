"""A learned thing that is not on disk fails the training that learned it."""

from pathlib import Path

import pytest
import torch
from test_train import fresh, make_training, quiet
from tiny import Tiny, TinyOptions
from torch import Tensor, nn

from bench.stages.kept_weights import NotKeptError, check_kept
from bench.stages.training import train
from bench.triplets.file import TripletFile
from methods.interface import Interpolation

CPU = torch.device("cpu")


class Hidden(Tiny):
    """A layer of it lies in a plain list."""

    def __init__(self, options: TinyOptions | None = None) -> None:
        super().__init__(options)
        self.extra = [nn.Conv2d(1, 1, 3, padding=1)]

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        middle = super().forward(before, after).middle
        return Interpolation(middle + self.extra[0](middle))


class Remembers(Tiny):
    """What it saw in training is in a buffer that the disk does not get."""

    def __init__(self, options: TinyOptions | None = None) -> None:
        super().__init__(options)
        self.register_buffer("grey", torch.zeros(()), persistent=False)

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        if self.training:
            self.grey.copy_(before.mean())
        return Interpolation(super().forward(before, after).middle + self.grey)


@pytest.mark.parametrize(
    ("method", "said"), [(Hidden, "`extra`"), (Remembers, "a tensor that is no persistent buffer")]
)
def test_what_is_learned_beside_the_state_dict_fails(
    texture: TripletFile, tmp_path: Path, method: type[Tiny], said: str
) -> None:
    torch.manual_seed(0)
    model, training = method(), make_training(texture)
    train(model, training, tmp_path, quiet)
    with pytest.raises(NotKeptError, match="not in its state_dict") as error:
        check_kept(model, method, tmp_path, texture, int(training.validation[0]), CPU)
    assert said in str(error.value)


def test_what_is_on_disk_passes_and_no_random_number_is_drawn(
    texture: TripletFile, tmp_path: Path
) -> None:
    model, training = fresh(), make_training(texture)
    train(model, training, tmp_path, quiet)
    before = torch.get_rng_state()
    check_kept(model, Tiny, tmp_path, texture, int(training.validation[0]), CPU)
    assert torch.equal(torch.get_rng_state(), before)
