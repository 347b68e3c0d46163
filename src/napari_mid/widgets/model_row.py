"""Which model, and whether it fits the plate."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.card_view import CardView
from napari_mid.widgets.parts import PROBLEM, QUIET, Section, heading, listen, show_text, text_label

#: Demo models by their names: what the list calls them.
DEMOS = {"demo": "Demo model (simulated cells)", "demo-mitotox": "Demo model, mitotoxicity (simulated cells)"}
BROWSE = "Choose a model folder…"


class ModelRow(Section):
    """Model chooser, its card, and how it fits the plate."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.actions = actions
        self.chooser = QComboBox()
        self.chooser.setToolTip("A model is a folder made by napari-mid train")
        # as wide as there is room for: names of models are long
        self.chooser.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for name, title in DEMOS.items():
            self.chooser.addItem(title, name)
        self.chooser.addItem(BROWSE, BROWSE)
        self.chooser.activated.connect(self._chosen)
        self.card_button = QPushButton("Card")
        self.card_button.setToolTip("What the model was trained on, how well it does, its limits")
        self.card_button.clicked.connect(self.show_card)
        row = QHBoxLayout()
        row.addWidget(heading("Model"))
        row.addWidget(self.chooser, 1)
        row.addWidget(self.card_button)
        self.column.addLayout(row)
        self.notes = text_label(QUIET)
        self.problem = text_label(PROBLEM)
        self.column.addWidget(self.notes)
        self.column.addWidget(self.problem)
        listen(self, self._show, session.events.model_changed, session.events.plate_changed)
        self._show()

    def add_folder(self, path: Path) -> None:
        """List the model folder `path` and take it."""
        self.chooser.setCurrentIndex(self._index_of(path))
        self.actions.load_model(path)

    def _index_of(self, path: Path) -> int:
        """Where the folder `path` stands in the list; it is added where it does not."""
        index: int = self.chooser.findData(str(path))
        if index < 0:
            index = self.chooser.count() - 1
            self.chooser.insertItem(index, path.name, str(path))
        return index

    def show_card(self) -> None:
        """Open the model's card in a dialog."""
        model = self.session.model
        if model is None:
            return
        dialog = QDialog(self)
        dialog.setWindowTitle(f"Card of {model.config.name}")
        dialog.resize(640, 560)
        text = CardView()
        text.show_card(model.card or f"{model.config.name} has no card.", model.path)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(dialog.reject)
        column = QVBoxLayout(dialog)
        column.addWidget(text)
        column.addWidget(buttons)
        dialog.open()

    def _chosen(self, index: int) -> None:
        data = self.chooser.itemData(index)
        if data != BROWSE:
            self.actions.load_model(data)
            return
        path = QFileDialog.getExistingDirectory(self, "Folder of a model")
        if path:
            self.add_folder(Path(path))
        else:
            self._show()

    def _show(self) -> None:
        model, contract = self.session.model, self.session.contract
        self.card_button.setEnabled(model is not None)
        if model is not None:
            from napari_mid.model.folder import DEMO_MODELS

            path = model.path
            demo = next((name for name, folder in DEMO_MODELS.items() if path in (None, folder)), None)
            self.chooser.setCurrentIndex(self._index_of(path) if path and demo is None else self.chooser.findData(demo))
        show_text(self.problem, contract.problem if contract else "")
        if contract is not None:
            show_text(self.notes, "\n".join(contract.notes))
        else:
            show_text(self.notes, "" if model is None else f"predicts {model.config.task.replace('_', ' ')}")
