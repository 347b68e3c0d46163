"""Does the plate have what the model expects? Said before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mid.errors import ChannelError, ModelError
from napari_mid.model.config import MIXED
from napari_mid.model.network import MidModel
from napari_mid.plates.plate import Plate

#: Factor between the diameters of nuclei here and in training from which a person is warned. Compounds shrink nuclei by less.
NUCLEUS_TOLERANCE = 1.5
#: Relative difference of the pixel sizes of plate and model from which a person is warned.
PIXEL_SIZE_TOLERANCE = 0.1


@dataclass(frozen=True)
class PlateFit:
    """How a plate serves a model.

    Parameters
    ----------
    plate
        The plate with the model's channel roles where it had none.
    channels
        Indices of the plate's channels in the order of the model's.
    nucleus
        Index of the channel in which nuclei are located.
    warnings
        What fits badly, one sentence each.
    scale
        Pixels of the model per pixel of the plate: its fields are resampled by this factor before slices are cut; 1 where
        that was not asked for.
    """

    plate: Plate
    channels: tuple[int, ...]
    nucleus: int
    warnings: tuple[str, ...]
    scale: float = 1.0

    @property
    def slice_pixel_um(self) -> float | None:
        """Edge of a pixel of the slices that the model sees; None where it is not known."""
        return self.plate.pixel_size_um / self.scale if self.plate.pixel_size_um else None


def fit(plate: Plate, model: MidModel, *, rescale: bool = False) -> PlateFit:
    """Match the channels of `plate` to those of `model`: by role where both have one, else by name.

    With `rescale`, fields are to be resampled to the pixel size of the model.

    Raises
    ------
    ChannelError
        If the plate lacks a channel that the model was trained with; says how to map it.
    ModelError
        If fields are to be resampled and a pixel size is not known.
    """
    plate = fit_model(plate, model)
    channels = tuple(_match(plate, model, name, role) for name, role in _wanted(model))
    scale = _scale(plate, model) if rescale else 1.0
    return PlateFit(plate, channels, plate.role_index("nucleus"), tuple(_warnings(plate, model, scale)), scale)


def _scale(plate: Plate, model: MidModel) -> float:
    here, trained = plate.pixel_size_um, model.config.pixel_size_um
    if not here or not trained:
        whose = f"plate {plate.name}" if not here else f"the model {model.config.name!r}"
        raise ModelError(f"Fields cannot be resampled: the pixel size of {whose} is not known; score without rescale.")
    return here / trained


def fit_model(plate: Plate, model: MidModel) -> Plate:
    """The plate with the roles that the model remembers, for channels of the same name that have no role yet.

    Raises
    ------
    ChannelError
        If the plate lacks a channel that the model was trained with.
    """
    taken = {channel.role for channel in plate.channels}
    remembered = {name.casefold(): role for name, role in _wanted(model) if role != "other" and role not in taken}
    if "nucleus" not in taken and model.config.nucleus_channel:
        remembered.setdefault(model.config.nucleus_channel.casefold(), "nucleus")
    new = {
        channel.name: remembered[channel.name.casefold()]
        for channel in plate.channels
        if channel.role == "other" and channel.name.casefold() in remembered
    }
    plate = plate.with_roles(new) if new else plate
    for name, role in _wanted(model):
        _match(plate, model, name, role)
    return plate


def contract_notes(plate: Plate, model: MidModel) -> list[str]:
    """One-line facts for the window: what fits, then what fits badly.

    Raises
    ------
    ChannelError
        If the plate lacks a channel that the model was trained with.
    """
    found = fit(plate, model)
    names = ", ".join(found.plate.channels[channel].name for channel in found.channels)
    size = f"{plate.pixel_size_um:.2f} µm/px" if plate.pixel_size_um else "pixel size unknown"
    return [f"fits: {names}; {size}; slices of {slice_size_text(plate, model)}", *found.warnings]


def slice_size_text(plate: Plate, model: MidModel) -> str:
    """``"96 px (57.6 µm)"``, or pixels alone where the pixel size is unknown."""
    size = model.config.slice_px
    return f"{size} px ({size * plate.pixel_size_um:.1f} µm)" if plate.pixel_size_um else f"{size} px"


def nucleus_warning(fitted: PlateFit, model: MidModel, area_px: NDArray[np.float64]) -> list[str]:
    """A sentence where the nuclei of a well, of `area_px` (N,), are far larger or smaller than those in training.

    They are compared in µm where both pixel sizes are known, else in pixels.
    """
    known = area_px[np.isfinite(area_px) & (area_px > 0)]
    trained = model.config.nucleus_px
    if trained is None or not len(known):
        return []
    here = float(np.median(disc_diameter(known)))
    unit = "px"
    if model.config.pixel_size_um and fitted.plate.pixel_size_um:
        here, trained, unit = here * fitted.plate.pixel_size_um, trained * model.config.pixel_size_um, "µm"
    if 1 / NUCLEUS_TOLERANCE <= here / trained <= NUCLEUS_TOLERANCE:
        return []
    return [
        f"the typical nucleus is {here:.1f} {unit} wide, those the model was trained on {trained:.1f} {unit}: other cells, "
        "another magnification, or nuclei located badly"
    ]


def depth_warning(model: MidModel, bits: int) -> list[str]:
    """A sentence where images have fewer bits a pixel than those in training; `bits` is 0 where that is not known."""
    trained = model.config.bit_depth
    if not trained or not bits or bits >= trained:
        return []
    return [f"the images have {bits} bits a pixel, those the model was trained on {trained}: dim detail may be lost"]


def bits_of(pixels: NDArray[Any]) -> int:
    """Bits of a pixel; 0 for pixels that are no integers, since these were computed and tell nothing about the camera."""
    return 8 * pixels.dtype.itemsize if pixels.dtype.kind in "ui" else 0


def disc_diameter(area_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Diameter in pixels of discs of the given areas."""
    diameters: NDArray[np.float64] = 2 * np.sqrt(area_px / np.pi)
    return diameters


def _wanted(model: MidModel) -> list[tuple[str, str]]:
    return [(channel.name, channel.role) for channel in model.config.channels]


def _match(plate: Plate, model: MidModel, name: str, role: str) -> int:
    by_role = [index for index, channel in enumerate(plate.channels) if channel.role == role and role != "other"]
    by_name = [index for index, channel in enumerate(plate.channels) if channel.name.casefold() == name.casefold()]
    for index in by_name:
        if index in by_role or not by_role:
            return index
    if by_role:
        return by_role[0]
    shown = name if role == "other" else f"{name} (role {role})"
    hint = (
        f"say which one shows it (beside the plate map in the window, or --roles NAME={role})"
        if role != "other"
        else "take a plate with such a channel"
    )
    raise ChannelError(
        f"The model {model.config.name!r} needs the channel {shown}, but plate {plate.name} has "
        f"{', '.join(f'{channel.name} ({channel.role})' for channel in plate.channels)}; {hint}, or choose another model."
    )


def _warnings(plate: Plate, model: MidModel, scale: float) -> list[str]:
    warnings = []
    trained, here = model.config.pixel_size_um, plate.pixel_size_um
    if scale != 1:
        warnings.append(f"fields were resampled from {here:.3g} to {trained:.3g} µm a pixel, as asked; stains may be smoother")
    elif trained and here and abs(here / trained - 1) > PIXEL_SIZE_TOLERANCE:
        warnings.append(
            f"pixels of this plate are {here:.3g} µm, the model was trained with {trained:.3g} µm: cells look "
            f"{trained / here:.2g} times as large to it"
        )
    corrected, with_or_without = plate.reading.flat_field != "off", ("without", "with")
    if model.config.flat_field != MIXED and corrected != (model.config.flat_field != "off"):
        warnings.append(
            f"this plate is read {with_or_without[corrected]} flat-field correction, the model was trained "
            f"{with_or_without[not corrected]}"
        )
    return warnings
