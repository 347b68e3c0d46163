"""The report of chosen wells: which ones, how it looks, and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_mid.errors import MidError
from napari_mid.reports.settings import ReportSettings
from napari_mid.session import Session
from napari_mid.widgets.parts import CAUTION, QUIET, show_text, text_label
from napari_mid.widgets.settings_form import SettingsForm

ABOUT = (
    "One HTML page that holds its pictures, and report.pdf: the plate by score, then of each well the annotated image, the score "
    "card and the galleries; settings, model card and versions. napari-mid report makes the same without a window."
)


class ReportDialog(QDialog):
    """Wells as they are written on the command line; all scored wells with a button.

    Parameters
    ----------
    parent
        Widget below which it opens.
    session
        Whose plate and results there are.
    settings
        What was chosen before.
    write
        Gets the wells, the settings and the folder.
    """

    def __init__(
        self,
        parent: QWidget,
        session: Session,
        settings: ReportSettings,
        write: Callable[[list[str], ReportSettings, Path], object],
    ) -> None:
        super().__init__(parent)
        self.session = session
        self._write = write
        self.setWindowTitle("Report")
        about, self.problem, self.chosen = text_label(QUIET), text_label(CAUTION), text_label()
        about.setText(ABOUT)
        self.wells = QLineEdit(session.well if session.result is not None else "")
        self.wells.setToolTip("Wells of the report, as A01,B02 or A-D or A01-B06; those that are not scored are left out")
        self.wells.textChanged.connect(self._show)
        every = QPushButton("All scored wells")
        every.setToolTip("Take every well that is scored")
        every.clicked.connect(lambda: self.wells.setText(",".join(self._scored())))
        self.form: SettingsForm[ReportSettings] = SettingsForm(ReportSettings)
        self.form.settings = settings
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.ask)
        self.buttons.rejected.connect(self.reject)
        row = QHBoxLayout()
        row.addWidget(self.wells, 1)
        row.addWidget(every)
        form = QFormLayout()
        form.addRow("wells", row)
        column = QVBoxLayout(self)
        for widget in (about, self.chosen, self.problem, self.form, self.buttons):
            column.addWidget(widget)
        column.insertLayout(1, form)
        self.setMinimumWidth(460)
        self._show()

    @property
    def names(self) -> list[str]:
        """The scored wells among those that are written; none where these cannot be read."""
        return self.names_or_none() or []

    def names_or_none(self) -> list[str] | None:
        """The scored wells among those that are written, or None, with a word about it, where these cannot be read."""
        plate, text = self.session.plate, self.wells.text().strip()
        show_text(self.problem, "")
        if plate is None or not text:
            return []
        try:
            return [well.name for well in plate.select_wells(text) if well.name in self.session.results]
        except MidError as error:
            show_text(self.problem, str(error))
            return None

    def ask(self) -> None:
        """Ask for the folder, and write the report."""
        folder = QFileDialog.getExistingDirectory(self, "Folder for the report")
        if folder:
            self.save(Path(folder))

    def save(self, folder: Path) -> None:
        """Write the report into `folder` in the background, and close."""
        self._write(self.names, self.form.settings, folder)
        self.accept()

    def _scored(self) -> list[str]:
        plate = self.session.plate
        return [name for name in plate.wells if name in self.session.results] if plate is not None else []

    def _show(self) -> None:
        names = self.names
        count = "1 scored well" if len(names) == 1 else f"{len(names)} scored wells"
        self.chosen.setText(f"{count} of {len(self._scored())}")
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(bool(names))
