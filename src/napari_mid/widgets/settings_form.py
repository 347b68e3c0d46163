"""A form made from a settings dataclass: one list of parameters for the command line and the window."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any, Generic, TypeVar

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QSizePolicy, QSpinBox, QWidget

from napari_mid.settings import choices_of, value_type

S = TypeVar("S")

#: Least width of a field, in pixels.
LEAST_PX = 96
#: Shown where a number may be left open.
OPEN = "auto"


class SettingsForm(QWidget, Generic[S]):
    """Widgets for the fields of `settings_class`; expert fields are hidden unless `expert`."""

    #: the user changed something
    changed = Signal()

    def __init__(self, settings_class: type[S], *, expert: bool = False) -> None:
        super().__init__()
        self._class = settings_class
        self._widgets: dict[str, QWidget] = {}
        self._settings = settings_class()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(2)
        for field in dataclasses.fields(settings_class):  # type: ignore[arg-type]
            if field.metadata.get("expert") and not expert:
                continue
            widget = self._widget(field)
            widget.setToolTip(field.metadata["help"])
            if not isinstance(widget, QCheckBox):  # as wide as there is room for, so that the panel can be narrow
                widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
                widget.setMinimumWidth(LEAST_PX)
            self._widgets[field.name] = widget
            form.addRow(_label(field.name), widget)
        self.settings = self._settings

    @property
    def settings(self) -> S:
        """What the form says."""
        values = {name: _value(widget) for name, widget in self._widgets.items()}
        return dataclasses.replace(self._settings, **values)  # type: ignore[type-var]

    @settings.setter
    def settings(self, settings: S) -> None:
        self._settings = settings
        for name, widget in self._widgets.items():
            widget.blockSignals(True)
            _set_value(widget, getattr(settings, name))
            widget.blockSignals(False)

    def show_only(self, names: Collection[str]) -> None:
        """Hide all other fields; they keep their values."""
        form = self.layout()
        for name, widget in self._widgets.items():
            for part in (widget, form.labelForField(widget)):
                part.setVisible(name in names)

    def set_value(self, name: str, value: Any) -> None:
        """Change one field as the user does."""
        _set_value(self._widgets[name], value)

    def _widget(self, field: dataclasses.Field[Any]) -> QWidget:
        kind, optional = value_type(self._class, field)
        choices = choices_of(field)
        if choices is not None:
            combo = QComboBox()
            combo.addItems(choices)
            combo.currentTextChanged.connect(self.changed)
            return combo
        if kind is bool:
            box = QCheckBox()
            box.toggled.connect(self.changed)
            return box
        spin = QSpinBox() if kind is int else QDoubleSpinBox()
        low, high = field.metadata.get("low"), field.metadata.get("high")
        low = 0 if low is None else low
        # open is one step below the least number
        spin.setRange(low - min(1, low) if optional else low, high if high is not None else 10**6)
        if optional:
            spin.setSpecialValueText(OPEN)
        elif kind is float:
            spin.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        spin.setKeyboardTracking(False)
        spin.valueChanged.connect(self.changed)
        return spin


def _label(name: str) -> str:
    words = name.replace("_px", " (px)").replace("_um", " (µm)").replace("_mb", " (MB)").replace("_", " ")
    return words


def _value(widget: QWidget) -> Any:
    if isinstance(widget, QComboBox):
        return widget.currentText()
    if isinstance(widget, QCheckBox):
        return widget.isChecked()
    if widget.specialValueText() and widget.value() == widget.minimum():
        return None  # shown as `OPEN`
    return widget.value()


def _set_value(widget: QWidget, value: Any) -> None:
    if isinstance(widget, QComboBox):
        widget.setCurrentText(value)
    elif isinstance(widget, QCheckBox):
        widget.setChecked(value)
    else:
        widget.setValue(widget.minimum() if value is None else value)
