"""The images of the open well on the canvas: one layer per channel, kept from well to well with what the user changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_mid.images.well_images import WellImages
from napari_mid.plates.plate import Plate
from napari_mid.plates.roles import channel_colours, is_transmitted
from napari_mid.session import Session
from napari_mid.viewer.compat import is_open
from napari_mid.viewer.layers import STAIN, layer_name, remove, stain_colormap

#: Every graphics card draws images of this edge; of larger ones napari would show a coarser copy without saying so.
LARGEST_TEXTURE_PX = 8192
#: What the contrast of the images can be that of.
CONTRASTS = ("plate-wide", "this well")
#: Percentiles of a well that become black and the full colour.
WELL_PERCENTILES = (1.0, 99.8)
#: Between two layers that are made, in milliseconds: the window answers meanwhile.
PAUSE_MS = 5
#: Pixels along each edge that are looked at for a contrast.
SAMPLE_PX = 512


@dataclass(frozen=True)
class Look:
    """What the user changed about a channel; None is as we made it."""

    visible: bool = True
    colormap: Any = None
    contrast_limits: tuple[float, float] | None = None


class ImageLayers:
    """Shows `session.images`, or the preview of them, in a viewer.

    While another well of the plate is read its layers are empty: to remove and to make one takes napari a good part of a second.
    Those of a new plate are made one by one while its first well is read, so that the window does not stand still for long.

    Parameters
    ----------
    further
        Makes what else is to be on the canvas; called once they are made, in a turn of its own.
    """

    def __init__(self, viewer: Any, session: Session, further: Callable[[Plate], object]) -> None:
        self.viewer = viewer
        self.session = session
        self._further = further
        self._layers: list[Any] = []
        self._making = False
        self._made_limits: list[tuple[float, float]] = []
        #: by channel; kept from well to well and from time point to time point, forgotten with the plate
        self._looks: dict[str, Look] = {}
        self._looks_of: tuple[object, ...] = ()
        #: the images that the layers show
        self._shown: WellImages | None = None
        self._contrast = CONTRASTS[0]
        #: channels of the open well of which every pixel has the same value
        self.blank: tuple[str, ...] = ()
        #: channels of which it has no image
        self.absent: tuple[str, ...] = ()

    @property
    def present(self) -> list[Any]:
        """The layers that the user has not deleted, one per channel."""
        return [layer for layer in self._layers if layer in self.viewer.layers]

    @property
    def making(self) -> bool:
        """Whether layers are being made, one by one."""
        return self._making

    def show(self) -> None:
        """Show the open well; nothing where there is no plate, or its overview is shown."""
        self._keep_looks()
        plate, images = self.session.plate, self.session.images or self.session.preview
        if plate is not None and images is not None and images is self._shown and self._fit(plate):
            return
        self.blank, self.absent, self._shown = (), (), images
        if plate is None or self.session.overview is not None:
            self._remove()
        elif images is None:
            self._empty(plate)
        else:
            self._fill(plate, images)

    def restyle(self) -> None:
        """Give the layers the names and colours of the channels' roles."""
        plate = self.session.plate
        if plate is None or not self._fit(plate, so_far=True):
            return
        colours = channel_colours(plate.channels)
        for layer, channel, colour in zip(self._layers, plate.channels, colours, strict=False):  # some may not be made yet
            layer.name = layer_name(channel)
            if layer.colormap.name.startswith(STAIN):
                layer.colormap = stain_colormap(colour)

    def show_contrast(self) -> None:
        """Take the plate-wide contrast where the user has not set another meanwhile."""
        for index, (layer, made) in enumerate(zip(self._layers, self._made_limits, strict=True)):
            limits = self._plate_limits(index)
            if limits is not None and self._contrast == CONTRASTS[0] and tuple(layer.contrast_limits) == made:
                self._made_limits[index] = _set_contrast(layer, limits)

    @property
    def contrast(self) -> str:
        """One of `CONTRASTS`; to set it takes back what the user did to single channels."""
        return self._contrast

    @contrast.setter
    def contrast(self, contrast: str) -> None:
        self._contrast = contrast
        for name, look in self._looks.items():
            self._looks[name] = replace(look, contrast_limits=None)
        if self._shown is None or len(self.present) != len(self._layers):
            return
        for index, layer in enumerate(self._layers):
            self._made_limits[index] = _set_contrast(layer, self._limits(index, self._shown.mosaic(index)))

    def _remove(self) -> None:
        for layer in self.present:
            if not layer.multiscale:
                layer.data = np.zeros((2, 2), dtype=layer.data.dtype)  # it may live on without being freed: `spare_collections`
        remove(self.viewer, self._layers)
        self._layers, self._made_limits = [], []

    def _fit(self, plate: Plate, *, so_far: bool = False) -> bool:
        """Whether the layers are those of `plate`, and all there, or all that were made `so_far`."""
        channels = [layer.metadata["channel"] for layer in self.present if layer.metadata["plate"] == plate.name]
        wanted = plate.channel_names[: len(self._layers)] if so_far else plate.channel_names
        return channels == list(wanted)

    def _empty(self, plate: Plate) -> None:
        if not self._fit(plate, so_far=True) or any(layer.multiscale for layer in self._layers):
            self._remove()
        for layer in self._layers:
            # of the same type; the camera stays where it is
            layer.data = np.zeros((2, 2), dtype=layer.data.dtype)
            layer.metadata = {**layer.metadata, "well": self.session.well}
        if self.session.well is not None and len(self._layers) < len(plate.channels) and not self._making:
            self._making = True
            QTimer.singleShot(PAUSE_MS, self._make_next)

    def _make_next(self) -> None:
        """Make one of the layers that are lacking, unless the images have come meanwhile; the next one in the next turn."""
        self._making = False
        plate, index = self.session.plate, len(self._layers)
        waiting = self.session.well is not None and self.session.images is None and self.session.preview is None
        if plate is None or not waiting or not is_open(self.viewer) or not self._fit(plate, so_far=True):
            return
        if index == len(plate.channels):
            self._further(plate)
            QTimer.singleShot(PAUSE_MS, self._end_making)  # once that is drawn
        else:
            self._make(plate, index, np.zeros((2, 2), dtype=np.uint16), pixel_scale(plate)[0], (0.0, 0.0))
            QTimer.singleShot(PAUSE_MS, self._make_next)
        self._making = True

    def _end_making(self) -> None:
        self._making = False

    def _make(
        self,
        plate: Plate,
        index: int,
        mosaic: NDArray[Any],
        scale: tuple[float, float],
        translate: tuple[float, float],
    ) -> None:
        channel, colour = plate.channels[index], channel_colours(plate.channels)[index]
        look = self._looks.get(channel.name, Look(visible=not is_transmitted(channel)))
        levels, made, unit = _levels(mosaic), self._limits(index, mosaic), pixel_scale(plate)[1]
        layer = self.viewer.add_image(
            levels if len(levels) > 1 else mosaic,
            multiscale=len(levels) > 1,
            name=layer_name(channel),
            colormap=look.colormap or stain_colormap(colour),
            contrast_limits=look.contrast_limits or made,
            visible=look.visible,
            blending="additive",
            units=(unit, unit),
            axis_labels=("y", "x"),
            metadata={"plate": plate.name, "well": self.session.well, "channel": channel.name},
            scale=scale,
            translate=translate,
        )
        self._layers.append(layer)
        self._made_limits.append(made)

    def _fill(self, plate: Plate, images: WellImages) -> None:
        mosaics = [images.mosaic(index) for index in range(len(plate.channels))]
        self.absent = tuple(
            name
            for index, name in enumerate(plate.channel_names)
            if all(index in images.absent.get(number, frozenset()) for number in images.fields)
        )
        self.blank = tuple(
            name
            for name, mosaic in zip(plate.channel_names, mosaics, strict=True)
            if name not in self.absent and _is_blank(mosaic)
        )
        size, unit = pixel_scale(plate)
        scale = (size[0] * images.factor, size[1] * images.factor)
        # the middle of a coarse pixel is the middle of the fine ones that it stands for
        translate = ((scale[0] - size[0]) / 2, (scale[1] - size[1]) / 2)
        if not self._fit(plate, so_far=True) or not all(map(_takes, self._layers, mosaics)):
            self._remove()
        for index, (layer, mosaic) in enumerate(zip(self._layers, mosaics, strict=False)):
            _put(layer, mosaic, scale, translate)
            layer.units = (unit, unit)
            layer.metadata = {**layer.metadata, "well": images.well}
            look = self._looks.get(layer.metadata["channel"])
            if look is None or look.contrast_limits is None:
                self._made_limits[index] = _set_contrast(layer, self._limits(index, mosaic))
        for index in range(len(self._layers), len(mosaics)):
            self._make(plate, index, mosaics[index], scale, translate)

    def _keep_looks(self) -> None:
        """Remember what the user changed about the channels, so that the next well of the plate looks the same."""
        plate = self.session.plate
        looks_of = () if plate is None else (str(plate.path), plate.channel_names)
        if self._looks_of != looks_of:
            self._looks, self._looks_of = {}, looks_of
            return
        for index, layer in enumerate(self._layers):
            if layer in self.viewer.layers:
                limits = tuple(layer.contrast_limits)
                self._looks[layer.metadata["channel"]] = Look(
                    layer.visible,
                    None if layer.colormap.name.startswith(STAIN) else layer.colormap,
                    None if limits in (self._made_limits[index], self._plate_limits(index)) else limits,
                )

    def _plate_limits(self, channel: int) -> tuple[float, float] | None:
        intensity = self.session.intensity
        return intensity.limits(channel) if intensity is not None and intensity.is_known(channel) else None

    def _limits(self, channel: int, mosaic: NDArray[Any]) -> tuple[float, float]:
        """The plate's limits of a channel; until they are measured, the well's own."""
        plate_limits = self._plate_limits(channel)
        if plate_limits is not None and self._contrast == CONTRASTS[0]:
            return plate_limits
        low, high = (float(value) for value in np.percentile(_sample(mosaic), WELL_PERCENTILES))
        return low, high if high > low else low + 1.0


def pixel_scale(plate: Plate) -> tuple[tuple[float, float], str]:
    """Size of a pixel (y, x) of `plate` on the canvas, and its unit."""
    size = plate.pixel_size_um
    return ((size, size), "um") if size else ((1.0, 1.0), "pixel")


def _sample(mosaic: NDArray[Any]) -> NDArray[Any]:
    return mosaic[:: max(1, mosaic.shape[0] // SAMPLE_PX), :: max(1, mosaic.shape[1] // SAMPLE_PX)]


def _is_blank(mosaic: NDArray[Any]) -> bool:
    """Whether all pixels are the same; the sample spares most images the full look."""
    sample = _sample(mosaic)
    return bool(sample.min() == sample.max() and mosaic.min() == mosaic.max())


def _takes(layer: Any, mosaic: NDArray[Any]) -> bool:
    """Whether the layer can show `mosaic` as it shows its own data."""
    return not layer.multiscale and max(mosaic.shape) <= LARGEST_TEXTURE_PX


def _put(layer: Any, mosaic: NDArray[Any], scale: tuple[float, float], translate: tuple[float, float]) -> None:
    """Show `mosaic` there; napari works out anew what is shown for whatever is set, were it the same."""
    other_type = layer.data.dtype != mosaic.dtype
    layer.data = mosaic
    if other_type:
        layer.reset_contrast_limits_range()
    if tuple(layer.scale) != scale:
        layer.scale = scale
    if tuple(layer.translate) != translate:
        layer.translate = translate


def _levels(mosaic: NDArray[Any]) -> list[NDArray[Any]]:
    """`mosaic` at several resolutions where it is larger than graphics cards draw at once; views, without memory of their own."""
    levels = [mosaic]
    while max(levels[-1].shape) > LARGEST_TEXTURE_PX:
        levels.append(levels[-1][::2, ::2])
    return levels


def _set_contrast(layer: Any, limits: tuple[float, float]) -> tuple[float, float]:
    """Set the limits, widen the slider to hold them, and give them as the layer has them now."""
    low, high = layer.contrast_limits_range
    layer.contrast_limits_range = (min(low, limits[0]), max(high, limits[1]))
    layer.contrast_limits = limits
    made: tuple[float, float] = tuple(layer.contrast_limits)
    return made
