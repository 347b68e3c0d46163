"""How many nuclei each field has, and how wide they are; a click brings the field into view."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem

from napari_mid.cells.nuclei import Nuclei
from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import listen

COLUMNS = ("field", "nuclei", "diameter px", "µm", "edited")
#: Rows that are seen at once.
ROWS_IN_VIEW = 9


class NucleiCounts(QTableWidget):
    """A row per field of the open well."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__(0, len(COLUMNS))
        self.session = session
        self.actions = actions
        self.setHorizontalHeaderLabels(COLUMNS)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(20)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip("Nuclei of each field and their median diameter; click a field to see it")
        self.cellClicked.connect(lambda row, _: self.actions.show_field(self.field_of(row)))
        listen(self, self._show, session.events.nuclei_changed, session.events.images_changed)
        self._show()

    def field_of(self, row: int) -> int:
        """The number of the field in a row."""
        return int(self.item(row, 0).data(Qt.ItemDataRole.UserRole))

    def _show(self) -> None:
        nuclei = self.session.nuclei or {}
        size = self.session.plate.pixel_size_um if self.session.plate is not None else None
        self.setRowCount(len(nuclei))
        for row, number in enumerate(sorted(nuclei)):
            for column, text in enumerate(field_texts(nuclei[number], size)):
                item = QTableWidgetItem(text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setData(Qt.ItemDataRole.UserRole, number)
                self.setItem(row, column, item)
        self.setColumnHidden(3, not size)
        self.setColumnHidden(4, not any("edited" in found.settings for found in nuclei.values()))
        rows = min(max(1, len(nuclei)), ROWS_IN_VIEW)
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows * self.verticalHeader().defaultSectionSize() + 4)


def field_texts(nuclei: Nuclei, pixel_size_um: float | None) -> tuple[str, str, str, str, str]:
    """What stands in the row of a field."""
    from napari_mid.cells.edits import edits_of

    diameter = typical_diameter([nuclei.diameter_px])
    return (
        str(nuclei.field),
        f"{len(nuclei):,}",
        "" if diameter is None else f"{diameter:.1f}",
        "" if diameter is None or not pixel_size_um else f"{diameter * pixel_size_um:.1f}",
        str(edits_of({nuclei.field: nuclei})),
    )


def typical_diameter(diameters: list[NDArray[np.float64]]) -> float | None:
    """The median of diameters, of the fields of a well; None where none is known."""
    known = np.concatenate([np.empty(0), *diameters])
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else None


def typical_of(nuclei: Mapping[int, Nuclei]) -> float | None:
    """The median diameter in pixels of all nuclei of a well; None where none is known."""
    return typical_diameter([found.diameter_px for found in nuclei.values()])
