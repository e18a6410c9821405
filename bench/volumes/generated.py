"""The volume of a card that is made on the spot."""

from __future__ import annotations

from bench.base.errors import UserError
from bench.volumes.cards import Card
from bench.volumes.stack_volume import ArrayVolume


def generated_volume(card: Card) -> ArrayVolume:
    """Make the phantom that a card describes.

    Raises:
        UserError: the volume of this card is not made but measured.
    """
    if card.phantom is None:
        raise UserError(f"Say which volume '{card.name}' is built from: --source PATH.")
    from bench.volumes.phantom import PhantomOptions, phantom_volume

    phantom = phantom_volume(PhantomOptions(**card.phantom))
    return ArrayVolume(card.name, phantom.raw, labels=phantom.ids, voxel_size=card.voxel_size)
