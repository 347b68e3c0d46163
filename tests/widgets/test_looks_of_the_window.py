"""Words can be read on both themes, nothing is cut off, and every control says what it does and is reached with the keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLayout, QLineEdit, QListView, QSlider, QTabBar, QWidget

from napari_mid.plates.roles import ROLE_COLOURS
from napari_mid.widgets.ink import INKS, Words, legible
from napari_mid.widgets.mid_panel import LEAST_PX
from napari_mid.widgets.parts import QUIET
from napari_mid.widgets.window import MID, PLATE, Window

Wait = Callable[[Callable[[], bool]], None]
CONTROLS = (QAbstractButton, QAbstractSpinBox, QComboBox, QLayout, QLineEdit, QListView, QSlider)
#: Contrast that WCAG 2 asks of text.
READABLE = 4.5
#: A vertical scroll bar and the frame, in pixels.
SCROLL_BAR_PX = 18


def contrast(first: str, second: str) -> float:
    """Contrast of two hex colours, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = np.array(QColor(colour).getRgbF()[:3])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_words_can_be_read(scored: Window, theme: str) -> None:
    scored.viewer.theme = theme
    scored.session.cell = 1
    labels = [label for panel in (MID, PLATE) for label in scored.panels[panel].findChildren(Words) if label.text()]
    assert len(labels) > 10
    ground = labels[0].palette().color(QPalette.ColorRole.Window).name()
    for label in labels:
        found = [*re.findall(r"(?<![-\w])color: ?(#[0-9a-fA-F]{6})", label.styleSheet() + label.text())]
        assert "color:@" not in label.text()
        for colour in found:
            assert contrast(colour, ground) >= READABLE, (label.text(), colour, ground)
    for name in ("text", "quiet", "caution", "problem", "link"):
        assert contrast(INKS[name][theme == "light"], ground) >= READABLE, name
    for stain in {*ROLE_COLOURS.values(), "#ffff00", "#0000ff", "#000000", "#ffffff"}:
        assert contrast(legible(labels[0], stain), ground) >= READABLE, stain


def test_the_colours_of_words_follow_the_theme(scored: Window) -> None:
    label = scored.panels[MID].score.score
    before = label.text()
    scored.viewer.theme = "light"
    assert label.text() != before
    scored.viewer.theme = "dark"
    assert label.text() == before
    assert INKS[QUIET][0] in before


def test_nothing_of_the_panel_is_cut_off_where_it_is_narrow(scored: Window) -> None:
    panel = scored.panels[MID]
    scored.session.cell = 1
    panel.nuclei.more.setChecked(True)
    panel.nuclei.restore_button.show()
    for widget in panel.findChildren(QWidget):
        widget.ensurePolished()
    for layout in panel.findChildren(QLayout):  # the window of the test is not shown: layouts remember sizes without its style
        layout.invalidate()
    for name, section in vars(panel).items():
        if isinstance(section, QWidget) and section.parent() is panel.widget():
            assert section.minimumSizeHint().width() <= LEAST_PX - SCROLL_BAR_PX, name


def controls(panel: QWidget) -> list[QWidget]:
    """Its controls, without the parts that Qt makes of one."""
    return [
        child
        for child in panel.findChildren(QWidget)
        if isinstance(child, CONTROLS)
        and not isinstance(child.parent(), QComboBox | QAbstractSpinBox | QTabBar | QLineEdit)
        and child.window() is panel.window()
        and not child.objectName().startswith("qt_")
    ]


@pytest.mark.parametrize("name", [MID, PLATE])
def test_every_control_says_what_it_does_and_is_reached_with_the_keyboard(scored: Window, name: str) -> None:
    scored.session.cell = 1
    found = controls(scored.panels[name])
    assert len(found) > 12
    for control in found:
        what = f"{type(control).__name__} {getattr(control, 'text', lambda: '')()!r}"
        has_tips = isinstance(control, QListView)  # each of its pictures has one
        assert has_tips or control.toolTip(), what
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, what


def test_the_panel_ends_where_its_last_words_do(scored: Window, wait: Wait) -> None:
    content = scored.panels[MID].widget()
    last = content.layout().itemAt(content.layout().count() - 2).widget()
    wait(lambda: 0 <= content.height() - last.geometry().bottom() < last.fontMetrics().height())
