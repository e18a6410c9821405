"""Every network that finds membranes, by the options that it is built of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from segmentation.linknet import LinkNet, LinkNetOptions
from segmentation.network import MembraneNetwork
from segmentation.unet import UNet, UNetOptions

NetworkOptions = UNetOptions | LinkNetOptions


def build(options: NetworkOptions) -> MembraneNetwork:
    """The network of these options, untrained.

    Raises:
        ValueError: the encoder or its weights are not known.
    """
    return UNet(options) if isinstance(options, UNetOptions) else LinkNet(options)


def as_facts(options: NetworkOptions) -> dict[str, Any]:
    """The options under the name of their network, for a file."""
    return {options.kind: dataclasses.asdict(options)}


def from_facts(facts: Mapping[str, Any]) -> MembraneNetwork:
    """The network of which ``as_facts`` wrote, for weights that follow.

    Raises:
        KeyError: the facts name no network.
        ValueError: its options are not valid.
    """
    if LinkNetOptions.kind in facts:
        return LinkNet(TypeAdapter(LinkNetOptions).validate_python(facts[LinkNetOptions.kind]))
    options = TypeAdapter(UNetOptions).validate_python(facts[UNetOptions.kind])
    # Its own weights follow; the encoder's need not be fetched for that.
    model = UNet(dataclasses.replace(options, weights=None))
    model.options = options
    return model
