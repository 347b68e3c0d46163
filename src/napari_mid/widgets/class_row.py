"""The classes that cells are sorted into: their names, keys and numbers of cells."""

from __future__ import annotations

import html

import numpy as np
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout

from napari_mid.cells.kept import well_key
from napari_mid.reports.plate_columns import distinct_colours
from napari_mid.session import N_CLASSES, Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import QUIET, Section, listen, text_label

#: Colours of classes 1 to 9, also of their names below pictures.
CLASS_COLOURS = tuple(distinct_colours(N_CLASSES))
HINT = "Keys 1 to 9 sort the selected cells into a class, the same key takes them out of it; they are in exported tables"


class ClassRow(Section):
    """How many cells of the open well are in which class, and the names of the classes."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.column.setContentsMargins(0, 0, 0, 0)
        self.counts = text_label(QUIET)
        self.counts.setToolTip(HINT)
        self.names = QPushButton("Classes…")
        self.names.setToolTip("Name the classes. " + HINT)
        self.names.clicked.connect(self.ask_names)
        row = QHBoxLayout()
        row.addWidget(self.counts, 1)
        row.addWidget(self.names)
        self.column.addLayout(row)
        events = session.events
        listen(self, self._show, events.marks_changed, events.result_changed)
        self._show()

    def ask_names(self) -> None:
        """Open the dialog with the names."""
        dialog = QDialog(self)
        dialog.setWindowTitle("Classes of cells")
        form = QFormLayout()
        edits = [QLineEdit(name) for name in self.session.marks.names]
        for number, edit in enumerate(edits, start=1):
            form.addRow(f"key {number}", edit)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(dialog.accept)
        buttons.rejected.connect(dialog.reject)
        column = QVBoxLayout(dialog)
        column.addLayout(form)
        column.addWidget(buttons)
        dialog.accepted.connect(lambda: self.actions.marker.rename([edit.text() for edit in edits]))
        dialog.open()

    def _show(self) -> None:
        session, result = self.session, self.session.result
        if result is None:
            return
        counts = np.bincount(session.marks.of(well_key(session.plate, session.well), result.cells), minlength=N_CLASSES + 1)
        parts = [
            f'<span style="color:@{CLASS_COLOURS[number - 1]}">[{number}] {html.escape(session.marks.name(number))}</span>'
            f": {counts[number]:,}"
            for number in range(1, N_CLASSES + 1)
            if counts[number]
        ]
        self.counts.setText(" · ".join(parts) or "Keys 1 to 9 sort the selected cells into classes.")
