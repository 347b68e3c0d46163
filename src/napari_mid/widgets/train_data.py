"""What a model learns from: plates, the column of the plate map, its classes, the channels."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
)

from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress
from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import Section, listen, text_label
from napari_mid.widgets.plate_panel import INDEX_FILTER
from napari_mid.widgets.steps import plate_label
from napari_mid.widgets.train_plan import (
    MOST_CLASSES,
    class_counts,
    given_map,
    label_columns,
    likely_classes,
)

#: Lane of work in which plates are opened.
LANE = "training plates"
MAP_FILTER = "Plate maps (*.csv *.tsv *.txt *.xlsx)"
#: Rows of the table of classes, and of a list, that are seen without scrolling.
ROWS_SEEN, LIST_PX = 5, 64


def opened_steps(paths: Sequence[str], plate_map: str) -> Generator[Progress, None, list[Plate]]:
    """Open the plates at `paths` with the roles that were chosen for them, and with `plate_map` where one is given."""
    from napari_mid.plates import open_plate
    from napari_mid.plates.remembered import with_remembered_roles

    found = []
    for number, path in enumerate(paths):
        yield Progress("reading the index", number, len(paths), plate_label(path))
        found.append(with_remembered_roles(open_plate(path, plate_map=plate_map or None)))
    return found


def joined_steps(plates: Sequence[Plate], plate_map: Path) -> Generator[Progress, None, list[Plate]]:
    """The `plates` with the rows of `plate_map` that are about each."""
    from napari_mid.plates.plate_map import read_plate_map

    found = []
    for number, plate in enumerate(plates):
        yield Progress("reading the plate map", number, len(plates), plate.name)
        found.append(plate.with_plate_map(read_plate_map(plate_map, plate=plate.name)))
    return found


class TrainData(Section):
    """Plates, label, classes and channels."""

    #: something else is to be learned
    changed = Signal()

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__("What it learns from")
        self.session = session
        self.actions = actions
        self.plates: list[Plate] = []
        #: the plate map that somebody gave for the plates, empty where each has its own: as it was when they were taken, so that
        #: what becomes of their files later is no other choice
        self.plate_map = ""
        #: the plate that came because it is open in the window; another one takes its place
        self._followed = ""
        self._map_given = False
        #: not while a training runs, which must be shown as it was started
        self.frozen = False
        self._build_plates()
        self._build_labels()
        self._build_channels()
        listen(self, self._follow, session.events.plate_changed)
        self.show_plates([])
        self._follow()

    def _build_plates(self) -> None:
        self.list = QListWidget()
        self.list.setFixedHeight(LIST_PX)
        self.list.setToolTip("Plates to train on; all must have the same channels")
        self.list.setAccessibleName("Plates to train on")
        self.add_button = QPushButton("Add plate")
        self.add_button.setToolTip("Add a plate of the same assay: its folder or its index file")
        menu = QMenu(self.add_button)
        menu.addAction("The open plate", self.add_open_plate)
        menu.addAction("Folder…", self.choose_folder)
        menu.addAction("Index file…", self.choose_index)
        self.add_button.setMenu(menu)
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Do not train on the plate that is selected in the list")
        self.remove_button.clicked.connect(self.remove_plate)
        self.map_button = QPushButton("Plate map…")
        self.map_button.setToolTip("A table with a row per well (CSV, TSV, XLSX); with a column 'plate' it is about all plates")
        self.map_button.clicked.connect(self.choose_map)
        row = QHBoxLayout()
        for button in (self.add_button, self.remove_button, self.map_button):
            row.addWidget(button)
        self.column.addWidget(self.list)
        self.column.addLayout(row)

    def _build_labels(self) -> None:
        self.label = QComboBox()
        self.label.setToolTip("The column of the plate map that the model learns")
        self.label.currentTextChanged.connect(self._show_classes)
        self.classes = QTableWidget(0, 3)
        self.classes.setHorizontalHeaderLabels(["class", "wells", "compounds"])
        self.classes.setToolTip("Values of the column; those that are checked are told apart, wells with others are left aside")
        self.classes.setAccessibleName("Classes")
        self.classes.verticalHeader().hide()
        self.classes.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.classes.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.classes.setTabKeyNavigation(False)  # so that Tab goes on to the next control
        header = self.classes.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.classes.itemChanged.connect(self._classes_changed)
        self.positive = QComboBox()
        self.positive.setToolTip("The class whose probability is the score")
        self.positive.currentTextChanged.connect(self._tell)
        self.hint = text_label()
        form = QFormLayout()
        form.addRow("label", self.label)
        self.column.addLayout(form)
        self.column.addWidget(self.classes)
        form = QFormLayout()
        form.addRow("positive class", self.positive)
        self.column.addLayout(form)
        self.column.addWidget(self.hint)

    def _build_channels(self) -> None:
        self.channels = QListWidget()
        self.channels.setFixedHeight(LIST_PX)
        self.channels.setToolTip("Channels that the model sees; a plate that is scored later must have them all")
        self.channels.setAccessibleName("Channels that the model sees")
        self.channels.itemChanged.connect(self._tell)
        self.nucleus = QComboBox()
        self.nucleus.setToolTip("The channel in which nuclei are located; the model need not see it")
        self.nucleus.activated.connect(self._set_nucleus)
        caption = text_label()
        caption.setText("channels that the model sees")
        self.column.addWidget(caption)
        self.column.addWidget(self.channels)
        form = QFormLayout()
        form.addRow("nuclei in", self.nucleus)
        self.column.addLayout(form)

    # -- plates ----------------------------------------------------------------------------------------------------------------

    def add_plates(self, paths: Sequence[str], then: Callable[[], None] | None = None, plate_map: str = "") -> None:
        """Open the plates at `paths`, train on them too, and do `then`."""

        def take(opened: list[Plate]) -> None:
            new = {str(plate.path): plate for plate in opened}
            kept = [plate for plate in self.plates if str(plate.path) not in new]
            self.show_plates([*kept, *new.values()])
            if then is not None:
                then()

        what = plate_label(paths[0]) if len(paths) == 1 else f"{len(paths)} plates"
        self.actions.jobs.start(LANE, f"opening {what}", opened_steps(paths, plate_map or self.plate_map), take)

    def add_open_plate(self) -> None:
        """Train on the plate that is open in the window, too."""
        plate = self.session.plate
        if plate is None:
            self.session.tell("No plate is open in the window.", "warning")
        elif not any(str(one.path) == str(plate.path) for one in self.plates):
            self.show_plates([*self.plates, plate])

    def choose_folder(self) -> None:
        """Ask for the folder of a plate."""
        path = QFileDialog.getExistingDirectory(self, "Folder of a plate")
        if path:
            self.add_plates([path])

    def choose_index(self) -> None:
        """Ask for the index file of a plate."""
        path, _ = QFileDialog.getOpenFileName(self, "Index of a plate", filter=INDEX_FILTER)
        if path:
            self.add_plates([path])

    def remove_plate(self) -> None:
        """Do not train on the selected plate."""
        row = self.list.currentRow()
        if 0 <= row < len(self.plates):
            self.show_plates([plate for number, plate in enumerate(self.plates) if number != row])

    def choose_map(self) -> None:
        """Ask for the plate map of all plates."""
        path, _ = QFileDialog.getOpenFileName(self, "Plate map", filter=MAP_FILTER)
        if path:
            self.use_map(Path(path))

    def use_map(self, path: Path) -> None:
        """Take the labels from the plate map at `path`."""

        def take(plates: list[Plate]) -> None:
            self._map_given = True
            self.show_plates(plates)

        self.actions.jobs.start(LANE, f"reading {path.name}", joined_steps(self.plates, path), take)

    def show_plates(self, plates: Sequence[Plate]) -> None:
        """Train on these."""
        self.plates = list(plates)
        self.plate_map = given_map(self.plates[0]) if self.plates else ""
        self.list.clear()
        for plate in self.plates:
            wells = sum(well.has_images for well in plate.wells.values())
            item = QListWidgetItem(f"{plate.name}  ({wells} wells)")
            item.setToolTip(str(plate.path))
            self.list.addItem(item)
        self._show_columns()
        self._show_channels()
        self.changed.emit()

    def _follow(self) -> None:
        """Take the plate that is open in the window, unless the user has put the plates together."""
        plate = self.session.plate
        if plate is None or self.frozen:
            return
        for number, one in enumerate(self.plates):
            if str(one.path) == str(plate.path):
                if self._map_given and one.plate_map is not None:
                    plate = plate.with_plate_map(one.plate_map)
                self.show_plates([*self.plates[:number], plate, *self.plates[number + 1 :]])
                return
        if all(str(one.path) == self._followed for one in self.plates):
            self._followed, self._map_given = str(plate.path), False
            self.show_plates([plate])

    # -- labels ----------------------------------------------------------------------------------------------------------------

    @property
    def chosen_classes(self) -> tuple[str, ...]:
        """The values that are told apart; the positive one is the last."""
        checked = self._checked_classes()
        positive = self.positive.currentText()
        return (*(name for name in checked if name != positive), *([positive] if positive in checked else []))

    def choose_label(self, label: str, classes: Sequence[str]) -> None:
        """Learn `classes` of the column `label`, the last of them the positive one."""
        self.label.setCurrentText(label)
        self._check_classes(classes)

    def _show_columns(self) -> None:
        columns, before = label_columns(self.plates), self.label.currentText()
        self.label.blockSignals(True)
        self.label.clear()
        self.label.addItems(columns)
        if before in columns:
            self.label.setCurrentText(before)
        self.label.blockSignals(False)
        self._show_classes(self.label.currentText())

    def _show_classes(self, label: str) -> None:
        before = self.chosen_classes
        counts = class_counts(self.plates, label) if label else []
        shown = counts if len(counts) <= MOST_CLASSES else []
        self.hint.setText("" if shown == counts else f"{label} has {len(counts)} values, too many to be classes")
        self.hint.setVisible(bool(self.hint.text()))
        self.classes.blockSignals(True)
        self.classes.setRowCount(len(shown))
        for row, count in enumerate(shown):
            for column, text in enumerate((count.name, f"{count.wells}", f"{count.compounds}")):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                if column == 0:
                    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                    item.setCheckState(Qt.CheckState.Unchecked)
                else:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.classes.setItem(row, column, item)
        self.classes.blockSignals(False)
        rows = min(len(shown), ROWS_SEEN)
        self.classes.setFixedHeight(
            self.classes.horizontalHeader().sizeHint().height() + rows * self.classes.verticalHeader().defaultSectionSize() + 4
        )
        names = {count.name for count in shown}
        self._check_classes(before if len(before) > 1 and set(before) <= names else likely_classes(shown))

    def _check_classes(self, classes: Sequence[str]) -> None:
        self.classes.blockSignals(True)
        for row in range(self.classes.rowCount()):
            item = self.classes.item(row, 0)
            item.setCheckState(Qt.CheckState.Checked if item.text() in classes else Qt.CheckState.Unchecked)
        self.classes.blockSignals(False)
        self._show_positive(classes[-1] if classes else "")

    def _checked_classes(self) -> list[str]:
        items = [self.classes.item(row, 0) for row in range(self.classes.rowCount())]
        return [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]

    def _classes_changed(self, _: QTableWidgetItem) -> None:
        self._show_positive(self.positive.currentText())

    def _show_positive(self, wanted: str) -> None:
        checked = self._checked_classes()
        self.positive.blockSignals(True)
        self.positive.clear()
        self.positive.addItems(checked)
        self.positive.setCurrentText(wanted if wanted in checked else (checked[-1] if checked else ""))
        self.positive.blockSignals(False)
        self._tell()

    # -- channels --------------------------------------------------------------------------------------------------------------

    @property
    def chosen_channels(self) -> tuple[str, ...]:
        """The channels that the model sees."""
        items = [self.channels.item(row) for row in range(self.channels.count())]
        return tuple(item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == Qt.CheckState.Checked)

    def choose_channels(self, names: Sequence[str]) -> None:
        """Let the model see these."""
        for row in range(self.channels.count()):
            item = self.channels.item(row)
            named = item.data(Qt.ItemDataRole.UserRole) in names
            item.setCheckState(Qt.CheckState.Checked if named else Qt.CheckState.Unchecked)

    def choose_roles(self, roles: Sequence[tuple[str, str]]) -> None:
        """Say what the channels of all plates show."""
        self.plates = [plate.with_roles({n: role for n, role in roles if n in plate.channel_names}) for plate in self.plates]
        self._show_channels()
        self._tell()

    @property
    def roles(self) -> tuple[tuple[str, str], ...]:
        """What the channels that the model sees, and that of the nuclei, show."""
        channels = self.plates[0].channels if self.plates else ()
        seen = self.chosen_channels
        return tuple(
            (channel.name, channel.role)
            for channel in channels
            if channel.role == "nucleus" or (channel.name in seen and channel.role != "other")
        )

    def _show_channels(self) -> None:
        channels = self.plates[0].channels if self.plates else ()
        known = [self.channels.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.channels.count())]
        seen = self.chosen_channels if known == [channel.name for channel in channels] else tuple(c.name for c in channels)
        self.channels.blockSignals(True)
        self.channels.clear()
        self.nucleus.clear()
        for channel in channels:
            item = QListWidgetItem(channel.name if channel.role == "other" else f"{channel.name}  ({channel.role})")
            item.setData(Qt.ItemDataRole.UserRole, channel.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if channel.name in seen else Qt.CheckState.Unchecked)
            self.channels.addItem(item)
            self.nucleus.addItem(channel.name)
        self.channels.blockSignals(False)
        self.nucleus.setCurrentIndex(next((i for i, channel in enumerate(channels) if channel.role == "nucleus"), -1))

    def _set_nucleus(self, index: int) -> None:
        self.choose_roles([(self.nucleus.itemText(index), "nucleus")])

    def _tell(self, *_: object) -> None:
        self.changed.emit()
