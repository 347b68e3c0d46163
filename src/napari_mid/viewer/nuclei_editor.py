"""Nuclei corrected by hand: a Points layer that is changed with napari's own tools, and that the session takes back.

A point carries the number of the nucleus it was made from, so that a nucleus that was moved is told from one that was deleted
and another that was added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_mid.cells.edits import NEW, STILL_PX, EditCount, edited_nuclei, placed
from napari_mid.cells.kept import WellKey, well_key
from napari_mid.cells.nuclei import Nuclei
from napari_mid.images.layout import WellLayout
from napari_mid.session import Session
from napari_mid.viewer.cells import nuclei_of_result
from napari_mid.viewer.compat import is_open
from napari_mid.viewer.image_layers import pixel_scale
from napari_mid.viewer.layers import remove
from napari_mid.viewer.rings import RING_WIDTH, ring_sizes

#: Name of the layer.
EDITING = "nuclei, editing"
#: Column of the layer's features that says which nucleus a point is.
NUMBER = "nucleus"
#: Colours of rings that are as they were, and of those that were added or moved.
UNTOUCHED, TOUCHED = (1.0, 1.0, 1.0, 1.0), (1.0, 0.71, 0.33, 1.0)
#: Edits that can be undone.
UNDOABLE = 200

Tool = Literal["add", "select"]


@dataclass(frozen=True)
class _Under:
    """The well that is being edited; the user may have left it when the edit ends."""

    key: WellKey
    well: str
    layout: WellLayout
    nuclei: Mapping[int, Nuclei]
    places: NDArray[np.float64]


@dataclass(frozen=True)
class _Snapshot:
    places: NDArray[np.float64]
    numbers: NDArray[np.int64]
    sizes: NDArray[np.float64]


class NucleiEditor:
    """Edits the nuclei of the open well; a change of the well, Run or the removal of the layer end the edit and keep it.

    Parameters
    ----------
    viewer
        The napari viewer itself.
    session
        Whose nuclei are edited; `session.editing` says what was done so far.
    """

    def __init__(self, viewer: Any, session: Session) -> None:
        self.viewer = viewer
        self.session = session
        self._layer: Any = None
        self._under: _Under | None = None
        self._undo: list[_Snapshot] = []
        self._quiet = False
        session.events.well_changed.connect(self.finish)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def layer(self) -> Any | None:
        """The layer that is edited, or None."""
        return self._layer

    @property
    def can_undo(self) -> bool:
        """Whether anything was done that can be undone."""
        return bool(self._undo)

    def start(self) -> bool:
        """Make the nuclei of the open well editable, none where none are known; say whether it could be done."""
        session = self.session
        if self._layer is not None or session.images is None or session.plate is None or session.well is None:
            return False
        nuclei = session.nuclei
        if nuclei is None:
            nuclei = nuclei_of_result(session.result) if session.result is not None else {}
        layout = session.images.layout
        places, areas = placed(nuclei, layout)
        sizes, usual = ring_sizes(areas, session.plate.pixel_size_um)
        self._under = _Under(well_key(session.plate, session.well), session.well, layout, nuclei, places.copy())
        scale, unit = pixel_scale(session.plate)
        self._layer = self.viewer.add_points(
            places,
            name=EDITING,
            features=pd.DataFrame({NUMBER: np.arange(len(places), dtype=np.int64)}),
            feature_defaults={NUMBER: NEW},
            size=sizes if len(places) else usual,
            face_color="transparent",
            border_color=np.array([UNTOUCHED]),
            border_width=RING_WIDTH,
            scale=scale,
            units=(unit, unit),
            axis_labels=("y", "x"),
            metadata={"plate": session.plate.name, "well": session.well},
        )
        self._layer.current_size = usual
        self._layer.current_border_color = TOUCHED
        self._layer.events.data.connect(self._on_data)
        self._layer.events.mode.connect(self._on_tool)
        self._layer.bind_key("Control-Z", lambda _layer: self.undo())
        self.viewer.layers.selection.active = self._layer
        self._layer.mode = "add"
        self._undo.clear()
        session.editing = EditCount()
        return True

    def use_tool(self, tool: Tool) -> None:
        """Click adds a nucleus, or selects one to drag or delete it."""
        if self._layer is not None:
            self.viewer.layers.selection.active = self._layer
            self._layer.mode = tool

    def delete_selected(self) -> None:
        """Delete the nuclei that are selected."""
        if self._layer is not None:
            self._layer.remove_selected()

    def undo(self) -> None:
        """Take back the last edit."""
        if self._layer is None or not self._undo:
            return
        before = self._undo.pop()
        layer = self._layer
        self._quiet = True
        try:
            layer.selected_data = set()
            layer.data = before.places
            layer.features = pd.DataFrame({NUMBER: before.numbers})
            layer.size = before.sizes
        finally:
            self._quiet = False
        self._told()

    def finish(self) -> None:
        """End the edit; the session takes the nuclei if anything was changed."""
        self._end(take=True)

    def discard(self) -> None:
        """End the edit and leave the nuclei as they were."""
        self._end(take=False)

    def _end(self, *, take: bool) -> None:
        layer, under = self._layer, self._under
        if layer is None or under is None:
            return
        self._layer = self._under = None  # first, since removing the layer ends the edit, too
        self._undo.clear()
        edited = edited_nuclei(under.nuclei, under.layout, _numbers(layer), np.asarray(layer.data), well=under.well)
        changed = take and bool(edited.count)
        remove(self.viewer, [layer])
        if changed:
            self.session.keep_edited(under.key, edited.nuclei)
        self.session.editing = None
        if take and edited.refused:
            points = "1 point lies" if edited.refused == 1 else f"{edited.refused} points lie"
            what = f"{points} outside every field of {under.well}, where no cell can be cut out"
            self.session.tell(f"{what}: added ones are left out, moved ones are back in their places.", "warning")

    def _on_removed(self, event: Any) -> None:
        """The user deleted the layer; later, since all layers also go when the window closes, which is no place for new ones."""
        if self._layer is not None and event.value is self._layer:
            QTimer.singleShot(0, self._finish_if_open)

    def _finish_if_open(self) -> None:
        if is_open(self.viewer):
            self.finish()

    def _on_tool(self) -> None:
        """Another of napari's tools was taken: the panel shows which."""
        if self._layer is not None:
            self.session.events.editing_changed.emit()

    def _on_data(self, event: Any) -> None:
        """Remember what was before an edit; afterwards show and count what it did."""
        if self._quiet or self._layer is None:
            return
        action = str(getattr(event.action, "value", event.action))
        if action in ("adding", "removing", "changing"):
            self._undo.append(_Snapshot(np.array(self._layer.data), _numbers(self._layer), np.array(self._layer.size)))
            del self._undo[:-UNDOABLE]
            return
        if action == "added":
            # napari gives a new point the features of those that were selected
            numbers = _numbers(self._layer)
            numbers[np.asarray(event.data_indices, dtype=int)] = NEW
            self._layer.features = pd.DataFrame({NUMBER: numbers})
        self._told()

    def _told(self) -> None:
        layer, under = self._layer, self._under
        assert under is not None
        numbers, places = _numbers(layer), np.asarray(layer.data)
        known = (numbers >= 0) & (numbers < len(under.places))
        touched = ~known
        touched[known] = np.abs(places[known] - under.places[numbers[known]]).max(axis=1, initial=0.0) > STILL_PX
        if len(places):
            layer.border_color = np.where(touched[:, None], TOUCHED, UNTOUCHED)
        deleted = len(under.places) - len(np.unique(numbers[known]))
        added = len(places) - len(np.unique(numbers[known]))
        self.session.editing = EditCount(added, deleted, int((touched & known).sum()))


def _numbers(layer: Any) -> NDArray[np.int64]:
    return np.array(layer.features[NUMBER].to_numpy(dtype=np.int64))
