"""Roles of channels that a person corrected once, for each plate."""

from __future__ import annotations

import dataclasses

from napari_mid.plates.field import ROLES
from napari_mid.plates.plate import Plate
from napari_mid.plates.roles import guess_role
from napari_mid.preferences import remembered_roles


def corrected_roles(plate: Plate) -> dict[str, str]:
    """The channels of `plate` whose role is not the one that would be guessed."""
    return {
        channel.name: channel.role
        for channel in plate.channels
        if channel.role != guess_role(channel.name, channel.wavelength_nm)
    }


def with_remembered_roles(plate: Plate) -> Plate:
    """`plate` with the roles that were chosen for it before, where its channels are still called the same."""
    roles = remembered_roles(plate.path, plate.channel_names)
    if not roles or not set(roles.values()) <= set(ROLES):
        return plate
    channels = (dataclasses.replace(channel, role=roles.get(channel.name, channel.role)) for channel in plate.channels)
    return plate.with_channels(channels)
