"""How a model is trained: the preset, what is often changed, and the rest on demand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QToolButton,
    QWidget,
)

from napari_mid.settings import value_type
from napari_mid.training.settings import PRESETS, TrainingSettings
from napari_mid.widgets.parts import Section, show_text
from napari_mid.widgets.settings_form import SettingsForm
from napari_mid.widgets.train_plan import preset_settings

#: What is often changed; the other settings are shown on demand.
OFTEN = ("slice_size", "bag", "split", "validation", "folds", "dilution", "steps", "seed")
#: Networks of timm that are offered; any other name can be typed.
BACKBONES = ("resnet10t", "resnet18", "resnet34", "efficientnet_b0", "mobilenetv3_small_100")
#: Digits after the point of numbers below 0.01, and of the others.
FINE, COARSE = 5, 2
BOX = "Show the slice on the open well"


def part_of(settings_class: type[Any], names: Iterable[str]) -> type[Any]:
    """A settings dataclass with the fields `names` of `settings_class`, in this order."""
    by_name = {field.name: field for field in dataclasses.fields(settings_class)}
    fields = [
        (
            name,
            value_type(settings_class, by_name[name])[0],
            dataclasses.field(default=by_name[name].default, metadata=by_name[name].metadata),
        )
        for name in names
    ]
    return dataclasses.make_dataclass(f"{settings_class.__name__}Part", fields, frozen=True)


class TrainingForm(SettingsForm[Any]):
    """The form of settings, with names that can be typed and numbers as small as a learning rate."""

    def _widget(self, field: dataclasses.Field[Any]) -> QWidget:
        if field.name == "backbone":
            combo = QComboBox()
            combo.setEditable(True)
            combo.addItems(BACKBONES)
            combo.currentTextChanged.connect(self.changed)
            return combo
        widget = super()._widget(field)
        if isinstance(widget, QDoubleSpinBox):
            widget.setDecimals(FINE if 0 < float(getattr(self._settings, field.name)) < 0.01 else COARSE)
        return widget


class WheelGuard(QObject):
    """Lets the wheel scroll the panel where the pointer happens to be over a number that was not clicked."""

    def guard(self, inside: QWidget) -> None:
        """Guard all numbers and lists in `inside`."""
        for kind in (QAbstractSpinBox, QComboBox):
            for widget in inside.findChildren(kind):
                widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                widget.installEventFilter(self)

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:  # noqa: N802  (Qt's name)
        """Pass the wheel on to the panel, unless the widget has the focus."""
        if event.type() == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return False


class TrainSettingsForm(Section):
    """Preset, what is often changed, and everything else under Advanced."""

    #: the user changed something
    changed = Signal()
    #: whether the slice is to be drawn on the well
    box_wanted = Signal(bool)

    def __init__(self) -> None:
        super().__init__("How")
        self.preset = QComboBox()
        self.preset.addItems(sorted(PRESETS))
        self.preset.setCurrentText("fast")
        self.preset.setToolTip("fast: a small network, minutes on CPUs; paper: the network of the paper, for a GPU or a night")
        self.preset.currentTextChanged.connect(self._take_preset)
        row = QFormLayout()
        row.addRow("preset", self.preset)
        self.column.addLayout(row)
        rest = [field.name for field in dataclasses.fields(TrainingSettings) if field.name not in OFTEN]
        self.often = TrainingForm(part_of(TrainingSettings, OFTEN))
        self.rest = TrainingForm(part_of(TrainingSettings, rest))
        self.size_um = QLabel()
        self.size_um.setToolTip("Edge of a slice in µm: it should hold one cell, and a little of its neighbours")
        self.box = QCheckBox(BOX)
        self.box.setToolTip(
            "Draw a square of this size around the nuclei of the open well, or in its middle where none are located"
        )
        self.box.toggled.connect(self.box_wanted)
        self.more = QToolButton()
        self.more.setText("Advanced")
        self.more.setToolTip("Network, learning rate, early stopping, precision and the rest")
        self.more.setCheckable(True)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.toggled.connect(self._show_more)
        for widget in (self.often, self.size_um, self.box, self.more, self.rest):
            self.column.addWidget(widget)
        for form in (self.often, self.rest):
            form.changed.connect(self.changed)
        self._pretrained = False
        self.rest.changed.connect(self._follow_pretrained)
        self.rest.setVisible(False)
        self._take_preset(self.preset.currentText())

    @property
    def settings(self) -> TrainingSettings:
        """What the forms say."""
        return TrainingSettings(**dataclasses.asdict(self.often.settings), **dataclasses.asdict(self.rest.settings))

    def take(self, preset: str, settings: TrainingSettings) -> None:
        """Show these."""
        self.preset.blockSignals(True)
        self.preset.setCurrentText(preset)
        self.preset.blockSignals(False)
        self._put(settings)

    def show_pixel_size(self, pixel_size_um: float | None) -> None:
        """Say how large a slice is on a plate with such pixels; nothing where that is not known."""
        edge = self.often.settings.slice_size
        show_text(self.size_um, f"a slice is {edge} px = {edge * pixel_size_um:.3g} µm wide" if pixel_size_um else "")

    def _put(self, settings: TrainingSettings) -> None:
        values = dataclasses.asdict(settings)
        for form in (self.often, self.rest):
            names = [field.name for field in dataclasses.fields(form.settings)]
            form.settings = type(form.settings)(**{name: values[name] for name in names})
        self._pretrained = settings.pretrained
        self.changed.emit()

    def _take_preset(self, preset: str) -> None:
        """Put in what the preset says; what no preset speaks of stays as the user has it."""
        new, spoken = (
            preset_settings(preset, pretrained=self._pretrained),
            {name for values in PRESETS.values() for name in values},
        )
        self._put(dataclasses.replace(self.settings, **{name: getattr(new, name) for name in spoken}))

    def _follow_pretrained(self) -> None:
        """Weights that were trained before want small steps, as the command has it."""
        wanted = self.rest.settings.pretrained
        if wanted != self._pretrained:
            self._pretrained = wanted
            self.rest.set_value("learning_rate", preset_settings(self.preset.currentText(), pretrained=wanted).learning_rate)

    def _show_more(self, shown: bool) -> None:
        self.more.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self.rest.setVisible(shown)
