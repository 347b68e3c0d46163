"""Small Qt pieces that several panels use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QSize, Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from napari_mid.widgets.ink import Words

#: Inks of text, see `widgets.ink`.
QUIET, CAUTION, PROBLEM = "quiet", "caution", "problem"


class Section(QFrame):
    """A titled part of a panel."""

    def __init__(self, title: str = "") -> None:
        super().__init__()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(6, 4, 6, 6)
        self.column.setSpacing(4)
        self.setFrameShape(QFrame.Shape.NoFrame)
        #: the rule above it, which goes when it does
        self.rule: QWidget | None = None
        if title:
            self.column.addWidget(heading(title))

    def setVisible(self, visible: bool) -> None:  # noqa: N802  (Qt's name)
        """Show or hide it, with the rule above."""
        super().setVisible(visible)
        if self.rule is not None:
            self.rule.setVisible(visible)


class Scrolled(QWidget):
    """What a scroll area scrolls: as high as its texts are where they wrap at its width, not at their narrowest."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """The least width; the height follows from the width."""
        return QSize(super().minimumSizeHint().width(), 0)


class ElidedCombo(QComboBox):
    """A combo box that shows of a long text what has room, and three dots for the rest; its list shows all of it."""

    def paintEvent(self, event: object) -> None:  # noqa: N802  (Qt's name)
        """Paint the text with three dots where it is cut."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, field.width() - 4)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def showPopup(self) -> None:  # noqa: N802
        """Show the list."""
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + 24)
        super().showPopup()


def heading(title: str) -> QLabel:
    """The title of a section."""
    label = QLabel(title)
    label.setStyleSheet("font-weight: 600;")
    return label


def text_label(colour: str = "", *, size: str = "") -> QLabel:
    """A label that wraps and can be copied from; `colour` is an ink or a hex colour."""
    label = Words(colour, f"font-size: {size};" if size else "")
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label


def show_text(label: QLabel, text: str) -> None:
    """Set the text of a label, and hide it where there is none."""
    label.setText(text)
    label.setVisible(bool(text))


def pixmap(rgb: NDArray[np.uint8]) -> QPixmap:
    """A (Y, X, 3) uint8 image as a QPixmap."""
    pixels = np.ascontiguousarray(rgb)
    image = QImage(pixels.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy())  # Qt does not own the array's memory


def line() -> QWidget:
    """A thin horizontal rule."""
    rule = QWidget()
    rule.setFixedHeight(1)
    rule.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    rule.setStyleSheet("background: #7f868d;")
    return rule


def listen(widget: QObject, slot: Callable[..., None], *signals: Any) -> None:
    """Call `slot` on each of the session's signals for as long as `widget` lives in Qt."""
    for signal in signals:
        signal.connect(slot)

    def stop() -> None:
        for signal in signals:
            signal.disconnect(slot, missing_ok=True)

    widget.destroyed.connect(stop)


def disconnect_all(events: Any) -> None:
    """Disconnect every handler of a psygnal group."""
    for name in events:
        events[name].disconnect()
