"""Colours of words and lines that can be read on napari's dark theme and on its light one."""

from __future__ import annotations

import re

import numpy as np
from qtpy.QtCore import QEvent
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QLabel, QWidget

from napari_mid.reports.colours import hex_to_rgb, lightness, rgb_to_hex

#: Inks by name: on the dark theme, on the light one.
INKS = {
    "text": ("#d8dce0", "#24262b"),
    "quiet": ("#a0a6ad", "#5d636b"),
    "caution": ("#ffb454", "#8a5200"),
    "problem": ("#ff7b72", "#b3261e"),
    "link": ("#6cb4ff", "#0b5cad"),
    "axis": ("#5a626a", "#9aa0a7"),
    "mark": ("#ffd166", "#b07d00"),
    "control": ("#4c9be8", "#1f6fc0"),
}
#: Lightness (CIELAB) that a colour needs on the dark theme at least, and may have on the light one at most, as text.
LEAST_ON_DARK, MOST_ON_LIGHT = 62.0, 44.0
#: How a colour is written in the text of `Words`: an ink or a stain.
_COLOUR = re.compile(r"color:@(#[0-9a-fA-F]{6}|[a-z]+)")


def is_dark(widget: QWidget) -> bool:
    """Whether the ground that `widget` lies on is dark."""
    return bool(widget.palette().color(QPalette.ColorRole.Window).lightness() < 128)


def ink(widget: QWidget, name: str) -> str:
    """The hex colour of the ink `name` on the ground of `widget`; a hex colour is given back as it is."""
    return name if name.startswith("#") else INKS[name][0 if is_dark(widget) else 1]


def pen_colour(widget: QWidget, name: str) -> QColor:
    """`ink` for a painter."""
    return QColor(ink(widget, name))


def legible(widget: QWidget, colour: str) -> str:
    """The hex `colour` of a stain, mixed with as much white or black as text in it needs on the ground of `widget`."""
    rgb, dark = np.array(hex_to_rgb(colour)), is_dark(widget)
    for part in np.linspace(0.0, 1.0, 21):
        mixed = rgb + ((1.0 if dark else 0.0) - rgb) * part
        light = float(lightness(mixed))
        if light >= LEAST_ON_DARK if dark else light <= MOST_ON_LIGHT:
            return rgb_to_hex(mixed.tolist())
    return INKS["text"][0 if dark else 1]


class Words(QLabel):
    """A label whose colours follow the theme.

    Parameters
    ----------
    colour
        Name of an ink, a hex colour, or empty for the theme's own. Parts of the text have theirs as ``color:@quiet`` or
        ``color:@#ff8000`` in their style.
    style
        Further style.
    """

    def __init__(self, colour: str = "", style: str = "") -> None:
        super().__init__()
        self._colour, self._style = colour, style
        self._raw = self._styled = ""
        self._restyle()

    def setText(self, text: str) -> None:  # noqa: N802  (Qt's name)
        """Show `text`."""
        self._raw = text
        super().setText(_COLOUR.sub(lambda found: f"color:{self._ink(found[1])}", text))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Take the colours of another theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._restyle()

    def _restyle(self) -> None:
        style = (f"color: {ink(self, self._colour)};" if self._colour else "") + self._style
        if style != self._styled:  # to set one tells Qt that it has changed
            self._styled = style
            self.setStyleSheet(style)
        if "color:@" in self._raw:
            self.setText(self._raw)

    def _ink(self, name: str) -> str:
        return legible(self, name) if name.startswith("#") else ink(self, name)
