"""What can be done while nuclei are edited by hand."""

from __future__ import annotations

from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton

from napari_mid.session import Session
from napari_mid.viewer.nuclei_editor import Tool
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import CAUTION, Section, listen, text_label

HINT = (
    "Click the image to add a nucleus. With Select, click one and drag it, or press Delete. Ctrl-Z takes back. "
    "Done, Run or another well keep what you did."
)


class NucleiEditRow(Section):
    """Tools, Undo, Done and Discard; only seen during an edit."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        editor = actions.presenter.editor
        self.count = text_label(CAUTION)
        hint = text_label()
        hint.setText(HINT)
        self.tools: dict[Tool, QPushButton] = {
            "add": self._button("Add", "A click on the image adds a nucleus (2)"),
            "select": self._button("Select", "A click selects a nucleus, a drag moves it, Delete removes it (3)"),
        }
        group = QButtonGroup(self)
        for tool, button in self.tools.items():
            button.setCheckable(True)
            group.addButton(button)
            button.clicked.connect(lambda _=False, tool=tool: editor.use_tool(tool))
        self.delete = self._button("Delete", "Delete the nuclei that are selected (Delete)")
        self.delete.clicked.connect(editor.delete_selected)
        self.undo = self._button("Undo", "Take back the last edit (Ctrl-Z on the image)")
        self.undo.clicked.connect(editor.undo)
        self.done = self._button("Done", "Take the nuclei as they are now")
        self.done.clicked.connect(editor.finish)
        self.discard = self._button("Discard", "Leave the nuclei as they were before this edit")
        self.discard.clicked.connect(editor.discard)
        for buttons in ((*self.tools.values(), self.delete, self.undo), (self.done, self.discard)):
            row = QHBoxLayout()
            for button in buttons:
                row.addWidget(button)
            self.column.addLayout(row)
        self.column.addWidget(self.count)
        self.column.addWidget(hint)
        self.column.setContentsMargins(0, 0, 0, 0)
        listen(self, self._show, session.events.editing_changed)
        self._show()

    @staticmethod
    def _button(text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        return button

    def _show(self) -> None:
        edits = self.session.editing
        self.setVisible(edits is not None)
        if edits is None:
            return
        layer = self.actions.presenter.editor.layer
        if layer is not None and str(layer.mode) in self.tools:
            self.tools["select" if str(layer.mode) == "select" else "add"].setChecked(True)
        self.count.setText(f"editing: {edits}" if edits else "editing: nothing changed yet")
        self.undo.setEnabled(self.actions.presenter.editor.can_undo)
