"""A second canvas with another well beside the open one: same channels, same contrast, same dots, and one camera for both."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QWidget

from napari_mid.images.well_images import WellImages
from napari_mid.inference.result import WellResult
from napari_mid.reports.annotated import dot_diameter
from napari_mid.reports.caption import condition_text
from napari_mid.viewer.cells import cell_positions
from napari_mid.viewer.compat import camera, scale_bar, text_overlay
from napari_mid.viewer.dot_layer import add_dots, cell_at, show_chosen
from napari_mid.viewer.hover import Hover, cell_text
from napari_mid.viewer.image_layers import pixel_scale
from napari_mid.viewer.layers import remove
from napari_mid.viewer.presenter import NARROW_FONT, Presenter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: What the channels of both wells share: a change of one is one of the other.
LINKED = ("visible", "contrast_limits", "colormap", "gamma", "opacity")


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
        self._layers: list[Any] = []
        self._dots: Any = None
        self._result: WellResult | None = None
        self._quiet = self._closed = False
        self._hover = Hover(self.model, self._describe, self.canvas.canvas.native)
        self._cameras = (camera(presenter.viewer), camera(self.model))
        for view in self._cameras:
            view.events.center.connect(self._on_camera)
            view.events.zoom.connect(self._on_camera)
        presenter.viewer.events.theme.connect(self._on_theme)
        scale_bar(self.model).visible = True

    @property
    def well(self) -> str:
        """The well that is shown; empty while there is none."""
        return self._images.well if self._images is not None else ""

    @property
    def dots(self) -> Any | None:
        """The layer of its cells, once it is scored."""
        return self._dots

    def show(self, images: WellImages | None) -> None:
        """Show a well of the open plate, or nothing."""
        with self._silent():  # napari moves the camera where it gets its first layer
            self._show(images)
        self._follow(*self._cameras)

    def _show(self, images: WellImages | None) -> None:
        self._images = images
        self._unlink()
        remove(self.model, [*self._layers, self._dots])
        self._layers, self._dots, self._result = [], None, None
        text_overlay(self.model).visible = images is not None
        plate = self.session.plate
        if images is None or plate is None:
            return
        text = text_overlay(self.model)
        text.text = "\n".join(filter(None, (images.well, condition_text(plate.wells[images.well].condition))))
        text.position, text.font_size = "top_left", NARROW_FONT
        size, unit = pixel_scale(plate)
        self._scale = {"scale": size, "units": (unit, unit), "axis_labels": ("y", "x")}
        for index, layer in enumerate(self.presenter.image_layers):
            if layer.metadata["channel"] not in plate.channel_names:
                continue
            channel = plate.channel_names.index(layer.metadata["channel"])
            mine = self.model.add_image(
                images.mosaic(channel),
                name=layer.name,
                colormap=layer.colormap,
                contrast_limits=tuple(layer.contrast_limits),
                visible=layer.visible,
                blending="additive" if index else "translucent_no_depth",
                **self._scale,
            )
            self._layers.append(mine)
        self.link()
        self.show_cells()

    def link(self) -> None:
        """Tie the channels to those of the open well; to be called where these were made anew."""
        from napari.layers.utils._link_layers import link_layers

        self._unlink()
        by_name = {layer.name: layer for layer in self.presenter.image_layers}
        for mine in self._layers:
            theirs = by_name.get(mine.name)
            if theirs is not None:
                mine.contrast_limits_range = tuple(theirs.contrast_limits_range)
                for name in LINKED:
                    setattr(mine, name, getattr(theirs, name))
                link_layers([theirs, mine], LINKED)

    def show_cells(self) -> None:
        """Draw the cells as they are now, where the well is scored; on the colour scale of the open well."""
        images, plate = self._images, self.session.plate
        if self._closed:
            return
        result = self.session.results.get(self.well)
        look = self.presenter.look
        if images is None or plate is None:
            return
        with self._silent():
            remove(self.model, [self._dots])
        self._dots, self._result = None, result
        if result is None or not result.n_cells:
            return
        positions = cell_positions(result.cells, images.layout)
        diameter = dot_diameter(result.cells["Nuclei_AreaShape_Area"].to_numpy(dtype=float), plate.pixel_size_um)
        self._dots = add_dots(self.model, result.cells, positions, look, diameter, **self._scale)
        open_one = self.session.result
        if open_one is not None and open_one.n_cells:
            self._dots.face_contrast_limits = look.limits(look.values(open_one.cells))
        self._dots.editable = False
        show_chosen(self._dots, result.cells, positions, (), look, diameter)

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

        if self._layers:
            unlink_layers(self._layers)

    def _describe(self, position: Sequence[float]) -> str:
        """The numbers of the cell at a world `position`."""
        layer, result = self._dots, self._result
        if layer is None or result is None or not len(layer.data):
            return ""
        cell = cell_at(layer, position, 0.5 * float(np.median(layer.size)), self._cameras[1].zoom)
        return "" if cell is None else cell_text(result, cell)
