"""A second canvas with another well beside the open one: same channels, same contrast, same dots, and one camera for both."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_mid.images.well_images import WellImages
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.reports.annotated import dot_diameter
from napari_mid.reports.caption import condition_text
from napari_mid.viewer.cell_layer import CellLayer
from napari_mid.viewer.cells import cell_positions
from napari_mid.viewer.compat import camera, glyphs, scale_bar
from napari_mid.viewer.corner_text import SPACE, show_corner_text
from napari_mid.viewer.dots import cell_at
from napari_mid.viewer.hover import Hover, cell_text
from napari_mid.viewer.image_layers import pixel_scale
from napari_mid.viewer.layers import remove
from napari_mid.viewer.presenter import Presenter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: What the channels of both wells share: a change of one is one of the other.
LINKED = ("visible", "contrast_limits", "colormap", "gamma", "opacity")
#: What the scale bar is written with.
SCALE_LETTERS = "0125 .µmnpixel"
#: Between two things for which napari takes long, in milliseconds: the window answers meanwhile.
PAUSE_MS = 5


class Beside:
    """Shows a well on a canvas of its own.

    Parameters
    ----------
    presenter
        Of the canvas that it stands beside.

    Attributes
    ----------
    canvas
        The Qt widget.
    model
        The napari viewer model that it shows.
    """

    def __init__(self, presenter: Presenter) -> None:
        from napari.components.viewer_model import ViewerModel
        from napari.qt import QtViewer

        self.presenter = presenter
        self.session = presenter.session
        self.model: Any = ViewerModel(title="beside")
        self.model.theme = presenter.viewer.theme
        self.canvas: QWidget = QtViewer(self.model)
        self._images: WellImages | None = None
        #: by channel; they are kept from well to well, as those of the open well are
        self._layers: dict[str, Any] = {}
        #: what is still to be done until the well is shown; each says whether it took long
        self._tasks: list[Callable[[], bool]] = []
        self._letters, self._drawn = glyphs(self.canvas), set[str]()
        self._linked: list[Any] = []
        self._cells = CellLayer(self.model)
        self._result: WellResult | None = None
        self._quiet = self._closed = False
        self._hover = Hover(self.model, self._describe, self.canvas.canvas.native)
        self._cameras = (camera(presenter.viewer), camera(self.model))
        for view in self._cameras:
            view.events.center.connect(self._on_camera)
            view.events.zoom.connect(self._on_camera)
        presenter.viewer.events.theme.connect(self._on_theme)

    @property
    def well(self) -> str:
        """The well that is shown; empty while there is none, or not all of it."""
        return self._images.well if self._images is not None and not self._tasks else ""

    @property
    def closed(self) -> bool:
        """Whether the canvas is gone."""
        return self._closed

    @property
    def dots(self) -> Any | None:
        """The layer of its cells, once it is scored."""
        return self._cells.dots

    def show(self, images: WellImages | None) -> None:
        """Show a well of the open plate, or nothing; in several turns of the event loop where napari takes long for it."""
        self._images, self._result, self._tasks = images, None, []
        self._cells.clear()
        plate = self.session.plate
        show_corner_text(self.model, ())
        if images is None or plate is None:
            for layer in self._layers.values():
                layer.data = np.zeros((2, 2), dtype=layer.data.dtype)
            return
        words = (images.well, condition_text(plate.wells[images.well].condition))
        shown = [layer.metadata["channel"] for layer in self.presenter.image_layers]
        channels = [name for name in shown if name in plate.channel_names]
        self._remove_others(plate, channels)
        self._tasks = [
            *(partial(self._draw_letter, letter) for letter in dict.fromkeys("".join((SCALE_LETTERS, SPACE, *words)))),
            *(partial(self._show_channel, plate, images, name) for name in channels),
            partial(self._show_words, words),
            partial(self._show_cells, plate, images),
        ]
        self._go_on(images)

    def _go_on(self, images: WellImages) -> None:
        """Do what is to be done for `images`, up to something for which napari takes long; the rest in other turns."""
        while self._tasks and not self._closed and images is self._images:
            if self._tasks.pop(0)():
                QTimer.singleShot(PAUSE_MS, partial(self._go_on, images))
                return

    def _remove_others(self, plate: Plate, channels: Sequence[str]) -> None:
        """Take away the layers that do not lie on `plate` or show none of `channels`, and forget those that the user deleted."""
        size, _ = pixel_scale(plate)
        gone = [
            name
            for name, layer in self._layers.items()
            if name not in channels or tuple(layer.scale) != size or layer not in self.model.layers
        ]
        remove(self.model, [self._layers.pop(name) for name in gone])

    def _draw_letter(self, letter: str) -> bool:
        if self._letters is None or letter in self._drawn:
            return False
        self._drawn.add(letter)
        self._letters[letter]
        return True

    def _show_channel(self, plate: Plate, images: WellImages, channel: str) -> bool:
        """Give a channel's layer its image, or make it; say which."""
        mosaic = images.mosaic(plate.channel_names.index(channel))
        if channel in self._layers:
            self._layers[channel].data = mosaic
            return False
        like = next((layer for layer in self.presenter.image_layers if layer.metadata["channel"] == channel), None)
        if like is None:
            return False
        size, unit = pixel_scale(plate)
        with self._silent():  # napari moves the camera where it gets its first layer
            self._layers[channel] = self.model.add_image(
                mosaic,
                name=like.name,
                colormap=like.colormap,
                contrast_limits=tuple(like.contrast_limits),
                visible=like.visible,
                blending="additive" if self.model.layers else "translucent_no_depth",
                scale=size,
                units=(unit, unit),
                axis_labels=("y", "x"),
            )
        return True

    def _show_words(self, words: Sequence[str]) -> bool:
        show_corner_text(self.model, words, narrow=True)
        scale_bar(self.model).visible = True
        self.link()
        self._follow(*self._cameras)
        return self._cells.kept is None

    def link(self) -> None:
        """Tie the channels to those of the open well; to be called where these were made anew."""
        from napari.layers.utils._link_layers import link_layers

        by_channel = {layer.metadata["channel"]: layer for layer in self.presenter.image_layers}
        pairs = [(by_channel[name], mine) for name, mine in self._layers.items() if name in by_channel]
        if [id(layer) for pair in pairs for layer in pair] == [id(layer) for layer in self._linked]:
            return
        self._unlink()
        for theirs, mine in pairs:
            mine.contrast_limits_range = tuple(theirs.contrast_limits_range)
            for name in LINKED:
                setattr(mine, name, getattr(theirs, name))
            link_layers([theirs, mine], LINKED)
        self._linked = [layer for pair in pairs for layer in pair]

    def show_cells(self) -> None:
        """Draw the cells as they are now, where the well is scored; on the colour scale of the open well."""
        images, plate = self._images, self.session.plate
        if not self._closed and self.well and images is not None and plate is not None:
            self._show_cells(plate, images)

    def _show_cells(self, plate: Plate, images: WellImages) -> bool:
        self._result = result = self.session.results.get(images.well)
        if result is None or not result.n_cells:
            self._cells.clear()
            return False
        look, open_one = self.presenter.look, self.session.result
        limits = look.limits(look.values(open_one.cells)) if open_one is not None and open_one.n_cells else None
        diameter = dot_diameter(result.cells["Nuclei_AreaShape_Area"].to_numpy(dtype=float), plate.pixel_size_um)
        with self._silent():
            self._cells.place(plate, images.well, above=list(self._layers.values()))
        self._cells.show_dots(result.cells, cell_positions(result.cells, images.layout), (), look, diameter, limits)
        return False

    def close(self) -> None:
        """Let go of the other canvas."""
        if self._closed:
            return
        self._closed = True
        self._unlink()
        for view in self._cameras:
            view.events.center.disconnect(self._on_camera)
            view.events.zoom.disconnect(self._on_camera)
        self.presenter.viewer.events.theme.disconnect(self._on_theme)
        self._hover.close()
        self.canvas.close()
        del self.canvas  # whoever still holds this must not keep the widget

    # -- one camera ------------------------------------------------------------------------------------------------------------

    def _on_camera(self, event: Any) -> None:
        if not self._quiet:
            main, mine = self._cameras
            self._follow(*((main, mine) if event.source is main else (mine, main)))

    def _follow(self, leader: Any, follower: Any) -> None:
        with self._silent():
            follower.center, follower.zoom = leader.center, leader.zoom

    @contextmanager
    def _silent(self) -> Iterator[None]:
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _on_theme(self, event: Any) -> None:
        self.model.theme = event.value

    def _unlink(self) -> None:
        from napari.layers.utils._link_layers import unlink_layers

        if self._linked:
            unlink_layers(self._linked)
            self._linked = []

    def _describe(self, position: Sequence[float]) -> str:
        """The numbers of the cell at a world `position`."""
        layer, result = self.dots, self._result
        if layer is None or result is None or not len(layer.data):
            return ""
        cell = cell_at(layer, position, 0.5 * float(np.median(layer.size)), self._cameras[1].zoom)
        return "" if cell is None else cell_text(result, cell)
