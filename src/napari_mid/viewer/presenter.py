"""The only code that touches ``viewer.layers``: it shows the session's open well, and removes only what it made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_mid.cells.edits import placed
from napari_mid.images.well_images import WellImages
from napari_mid.inference.result import WellResult
from napari_mid.plates.plate import Plate
from napari_mid.reports.annotated import dot_diameter
from napari_mid.reports.caption import condition_text, reading_text
from napari_mid.reports.dots import DotLook
from napari_mid.session import Session
from napari_mid.viewer.cell_layer import CellLayer
from napari_mid.viewer.cells import cell_positions
from napari_mid.viewer.compat import camera, canvas_widget, qt_viewer, scale_bar
from napari_mid.viewer.corner_text import show_corner_text
from napari_mid.viewer.dots import CELL, cell_at
from napari_mid.viewer.hover import Hover, cell_text
from napari_mid.viewer.image_layers import ImageLayers, pixel_scale
from napari_mid.viewer.mouse import mouse_callback, within
from napari_mid.viewer.nuclei_editor import NucleiEditor
from napari_mid.viewer.one_shot import one_shot
from napari_mid.viewer.outline_layer import OutlineLayer
from napari_mid.viewer.overview import OverviewLayers
from napari_mid.viewer.preview_layer import PreviewLayer
from napari_mid.viewer.region import bring_into_view
from napari_mid.viewer.rings import ring_sizes
from napari_mid.viewer.warm_up import warm_up
from napari_mid.workflow.detect_region import RegionNuclei

#: What the overview is, on the canvas.
OVERVIEW_TEXT = "one field of each well: click one to open the well"
#: What can be done while nuclei are edited, on the canvas.
EDITING_TEXT = "editing nuclei; Add: a click adds one\nSelect: drag to move, Delete to remove"
#: Diameter of rings on the canvas, as a part of that of dots in exported pictures: how far from a cell a click may be.
RING_SIZE = 1.7
#: A cell that is shown to the user is this large at least: pixels of the canvas per pixel of the image.
CLOSE_ZOOM = 1.5


class Presenter:
    """Keeps the layers of one viewer in step with one session.

    Parameters
    ----------
    viewer
        The napari viewer itself, not the proxy that widgets get.
    session
        What to show.
    """

    #: the dots look otherwise
    look_changed = Signal()
    #: another well, or the overview, fills the canvas
    fitted = Signal()

    def __init__(self, viewer: Any, session: Session) -> None:
        self.viewer = viewer
        self.session = session
        self._look = DotLook()
        self._narrow = False
        self._image_layers = ImageLayers(viewer, session, self._prepare)
        #: the cells of the open well
        self.cells = CellLayer(viewer, self._select_from_canvas)
        #: what they were drawn from
        self._cells_of: tuple[object, ...] = (None, None, None)
        self._positions: NDArray[np.float64] = np.empty((0, 2))
        self._diameter = 0.0
        self._from_canvas = False
        #: whether the canvas is to go to the cells that were selected, and the timer after which it shows them: with no
        #: milliseconds it may fire before what is to be drawn is
        self._goes_there = False
        self._follow = one_shot(qt_viewer(viewer), lambda: self._show_cell(move=self._goes_there), 1)
        #: the well that the camera was last set to
        self._fitted: tuple[object, ...] = ()
        #: nuclei edited by hand, and those of a preview
        self.editor = NucleiEditor(viewer, session)
        self.preview = PreviewLayer(viewer, session)
        self.outlines = OutlineLayer(viewer, session)
        self._hiding, self._was_visible = False, True
        events = session.events
        # first, so that the layers of the well are gone, whose pixels are of another size, when those of the plate come
        events.overview_changed.connect(self._show_overview)
        self.overview = OverviewLayers(viewer, session)
        self.overview.fitted.connect(self.fitted.emit)
        events.images_changed.connect(self._show_images)
        events.preview_changed.connect(self._show_images)
        events.plate_changed.connect(self._restyle)
        events.intensity_changed.connect(self._image_layers.show_contrast)
        events.nuclei_changed.connect(self._show_cells)
        events.result_changed.connect(self._show_cells)
        events.outlines_changed.connect(self._show_outlines)
        events.cell_changed.connect(self._follow_cell)
        events.editing_changed.connect(self._on_editing)
        self._on_mouse = mouse_callback(self.click, self.select_within, lambda: self.points_layer is not None)
        viewer.mouse_drag_callbacks.append(self._on_mouse)
        self._hover = Hover(viewer, self._describe, canvas_widget(viewer))
        warm_up(qt_viewer(viewer))

    # -- what is on the canvas, for the export ---------------------------------------------------------------------------------

    @property
    def image_layers(self) -> list[Any]:
        """Our image layers that the user has not deleted, one per channel."""
        return self._image_layers.present

    @property
    def ready(self) -> bool:
        """Whether images can be shown at once: layers for them are not being made just now."""
        return not self._image_layers.making

    @property
    def alone(self) -> bool:
        """Whether all layers are ours."""
        ours = (*self.image_layers, self.cells.kept, self.preview.layer, self.editor.layer, self.outlines.layer)
        return all(any(layer is one for one in ours) for layer in self.viewer.layers)

    @property
    def points_layer(self) -> Any | None:
        """Our layer of cells while it shows some, or None."""
        return self.cells.layer

    @property
    def places(self) -> NDArray[np.float64]:
        """(N, 2) where the cells of the open well lie, (y, x) in its pixels; those that can be shown, whether or not they are."""
        return self._positions[np.isfinite(self._positions).all(axis=1)]

    @property
    def look(self) -> DotLook:
        """What the dots look like; `look_changed` says when it is another."""
        return self._look

    @look.setter
    def look(self, look: DotLook) -> None:
        if look == self._look:
            return
        self._look = look
        self._show_cell(move=False)
        self._show_text()
        self.look_changed.emit()

    @property
    def narrow(self) -> bool:
        """Whether the canvas has a neighbour, so that words on it must be short."""
        return self._narrow

    @narrow.setter
    def narrow(self, narrow: bool) -> None:
        self._narrow = narrow
        self._show_text()

    @property
    def contrast(self) -> str:
        """What the contrast of the images is that of, one of `image_layers.CONTRASTS`."""
        return self._image_layers.contrast

    @contrast.setter
    def contrast(self, contrast: str) -> None:
        self._image_layers.contrast = contrast

    def close(self) -> None:
        """Let go of the viewer."""
        self._follow.stop()
        if self._on_mouse in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._on_mouse)
        self._hover.close()

    # -- images --------------------------------------------------------------------------------------------------------------

    def _show_images(self) -> None:
        self._image_layers.show()
        self._show_text()
        images, plate = self.session.images or self.session.preview, self.session.plate
        if images is None or plate is None:
            return
        self._show_cells()
        scale_bar(self.viewer).visible = True
        self._fit_view(plate, images)

    def _prepare(self, plate: Plate) -> None:
        """Make what the first well of a plate needs on the canvas beside the images, while these are read."""
        self.cells.place(plate, visible=not self._hiding)
        scale_bar(self.viewer).visible = True

    def _show_overview(self) -> None:
        if self.session.overview is not None:
            self._image_layers.show()
            self.cells.remove()
            self._fitted = ()
        self._show_text()

    def _restyle(self) -> None:
        """Names and colours follow the channels' roles; another plate has cleared the images before."""
        self._image_layers.restyle()
        self._show_text()

    def _fit_view(self, plate: Plate, images: WellImages) -> None:
        # where a preview, or another time point, of the same well was shown the user may have zoomed in meanwhile
        shown = (str(plate.path), images.well)
        if shown != self._fitted:
            self._fitted = shown
            self.fit()
            self._show_cell()  # one that was chosen before its well was read

    def _show_text(self) -> None:
        plate, well = self.session.plate, self.session.well
        if plate is None or (well is None and self.session.overview is None):
            show_corner_text(self.viewer, ())
            return
        if well is None:
            lines = [", ".join(filter(None, (plate.name, reading_text(plate.reading_columns())))), OVERVIEW_TEXT]
        else:
            lines = [("\n" if self._narrow else "   ").join(filter(None, (well, condition_text(plate.wells[well].condition))))]
            lines += filter(None, [reading_text(plate.reading_columns())])
        if self._image_layers.absent:
            lines.append(f"no image of {', '.join(self._image_layers.absent)}")
        if self._image_layers.blank:
            lines.append(f"every pixel is the same in {', '.join(self._image_layers.blank)}")
        if self.session.preview is not None:
            lines.append("coarse preview, reading the images")
        if self.session.editing is not None:
            lines.append(EDITING_TEXT)
        elif self.session.result is not None and self.session.result.n_cells:
            lines += filter(None, [self._look.said()])
        show_corner_text(self.viewer, lines, narrow=self._narrow)

    # -- cells ---------------------------------------------------------------------------------------------------------------

    def _show_cells(self) -> None:
        session = self.session
        made_from = (session.images, session.nuclei, session.result)
        if self.points_layer is not None and _same(made_from, self._cells_of):
            return
        before, self._cells_of = self._cells_of, made_from
        if self._same_cells(before):
            self._show_cell(move=False)
            return
        self._show_text()
        self._positions = np.empty((0, 2))
        if session.plate is None or session.overview is not None:
            self.cells.remove()
        elif session.images is None:
            self.cells.clear()
        else:
            self._draw_cells(session.plate, session.images)
        self._show_outlines()

    def _draw_cells(self, plate: Plate, images: WellImages) -> None:
        result, nuclei, layout = self.session.result, self.session.nuclei, images.layout
        if (result is None or not result.n_cells) and not nuclei:
            self.cells.clear()
            return
        self.cells.place(plate, images.well, above=self.image_layers, visible=not self._hiding)
        if result is not None and result.n_cells:
            self._diameter = dot_diameter(result.cells["Nuclei_AreaShape_Area"].to_numpy(dtype=float), plate.pixel_size_um)
            self._positions = cell_positions(result.cells, layout)
            self._show_cell()
        elif nuclei:
            positions, areas = placed(nuclei, layout)
            self._diameter = dot_diameter(areas, plate.pixel_size_um)
            self.cells.show_rings(positions, ring_sizes(areas, plate.pixel_size_um)[0])

    def _show_outlines(self) -> None:
        on = "canvas" in self.session.outlines_on
        if on or self.outlines.on:
            self.outlines.show(on, self.points_layer)

    def _same_cells(self, before: tuple[object, ...]) -> bool:
        """Whether the dots are of the cells of the result, of which others are left out now."""
        result = self.session.result
        if result is None or self.cells.dots is None:
            return False
        images, nuclei, shown = before
        now = self._cells_of
        same = images is now[0] and nuclei is now[1]
        return same and isinstance(shown, WellResult) and shown.embeddings is result.embeddings

    def show_preview(self, found: RegionNuclei | None) -> None:
        """Show the nuclei that were found in a part of the well in place of the cells; None ends it."""
        self.preview.show(found)
        self._hide_cells(found is not None or self.session.editing is not None)

    def clear_preview(self) -> None:
        """Show no preview for now: another one follows."""
        self.preview.clear()
        self._hide_cells(self.session.editing is not None)

    def _on_editing(self) -> None:
        self._hide_cells(self.session.editing is not None)
        self._show_text()

    def _hide_cells(self, hidden: bool) -> None:
        """Hide the layer of cells while other rings are shown; afterwards it is as the user had it."""
        if hidden == self._hiding:
            return
        self._hiding, layer = hidden, self.cells.kept
        if hidden:
            self._was_visible = layer is None or layer.visible
        if layer is not None:
            layer.visible = self._was_visible and not hidden
        self.outlines.hide(hidden or not self._was_visible)

    # -- the selected cell, both ways ------------------------------------------------------------------------------------------

    def _follow_cell(self) -> None:
        """Show the cells in a turn of its own: to draw the canvas anew takes long, and the other parts of the window go first."""
        self._goes_there = not self._from_canvas
        self._follow.start()

    def _show_cell(self, *, move: bool = True) -> None:
        """Highlight the session's cells, and go to the one that is selected."""
        layer, result = self.cells.kept, self.session.result
        if layer is None or result is None or not len(self._positions):
            return
        if self.session.images is not self._cells_of[0] or result is not self._cells_of[2]:  # shown in a moment
            return
        rows = self.cells.show_dots(result.cells, self._positions, self.session.chosen, self._look, self._diameter)
        if len(rows) == 1 and move:
            self._go_to(layer, layer.data[rows[0]])

    def _go_to(self, layer: Any, position: NDArray[np.float64]) -> None:
        view = camera(self.viewer)
        world = layer.data_to_world(position)
        pixel = float(layer.scale[-1])
        view.center = (0.0, float(world[-2]), float(world[-1]))
        view.zoom = max(view.zoom, CLOSE_ZOOM / pixel)

    def fit(self) -> None:
        """Let the whole well fill the canvas, whatever cell was selected just before."""
        self._goes_there = False
        self.viewer.reset_view()
        self.fitted.emit()

    def show_field(self, number: int) -> None:
        """Move the camera to a field of the open well."""
        self._goes_there = False
        images, plate = self.session.images, self.session.plate
        if images is None or plate is None or number not in images.layout.origins:
            return
        (top, left), (height, width) = images.layout.origins[number], images.layout.shapes[number]
        bring_into_view(self.viewer, pixel_scale(plate)[0], (top, top + height, left, left + width))

    def _select_from_canvas(self, cells: Iterable[int]) -> None:
        self._from_canvas = True
        try:
            self.session.chosen = cells
        finally:
            self._from_canvas = False

    def select_within(self, polygon: Sequence[tuple[float, ...]]) -> None:
        """Select the cells within a `polygon` of world positions."""
        layer = self.cells.dots
        if layer is None or not layer.visible or len(polygon) < 3:
            return
        corners = np.array([np.asarray(layer.world_to_data(position), dtype=float)[-2:] for position in polygon])
        inside = within(layer.data, corners)
        self._select_from_canvas(layer.features[CELL].to_numpy(dtype=np.int64)[inside].tolist())

    def click(self, position: tuple[float, ...]) -> None:
        """Select the cell at a world `position`, if there is one within reach; on the overview, open the well."""
        well = self.overview.well_at(position)
        if well is not None and self.session.plate is not None and well in self.session.plate.wells:
            if self.session.plate.wells[well].has_images:
                self.session.well = well
            return
        cell = self.cell_at(position)
        if cell is not None:
            self._select_from_canvas((cell,))

    def _describe(self, position: Sequence[float]) -> str:
        """What is told of a world `position` while the mouse is there: the numbers of its cell, or which well it is."""
        plate, result = self.session.plate, self.session.result
        well = self.overview.well_at(tuple(position))
        if well is not None and plate is not None and well in plate.wells:
            return "   ".join(filter(None, (well, condition_text(plate.wells[well].condition))))
        cell = self.cell_at(position)
        return cell_text(result, cell) if result is not None and cell is not None else ""

    def cell_at(self, position: Sequence[float]) -> int | None:
        """The cell, of those that are shown, within reach of a world `position`."""
        layer = self.cells.dots
        if layer is None or not layer.visible or not len(layer.data):
            return None
        return cell_at(layer, position, 0.5 * RING_SIZE * self._diameter, camera(self.viewer).zoom)


def _same(first: tuple[object, ...], second: tuple[object, ...]) -> bool:
    return len(first) == len(second) and all(one is other for one, other in zip(first, second, strict=True))
