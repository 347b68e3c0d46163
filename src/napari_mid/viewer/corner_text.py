"""Words in the upper left corner of a canvas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari_mid.viewer.compat import text_overlay

#: Size of the words in points, and on a canvas that has a neighbour.
FONT, NARROW_FONT = 10, 8
#: Colours of the words and of their ground.
TEXT, GROUND = "#eceff4", (0.06, 0.07, 0.09, 0.85)
#: napari measures text a little shorter than it draws it, so that its ground ends within long lines: spaces make up for that,
#: one for so many letters.
SPACE, LETTERS = "\u00a0", 20


def show_corner_text(viewer: Any, lines: Iterable[str], *, narrow: bool = False) -> None:
    """Show `lines` on a ground that is as wide as they are; nothing where there are none."""
    overlay = text_overlay(viewer)
    padded = [line + SPACE * (1 + len(line) // LETTERS) for text in lines for line in text.splitlines()]
    overlay.text = "\n".join(padded)
    overlay.position = "top_left"
    # on images, which are dark on every theme
    overlay.color = TEXT
    if hasattr(overlay, "box_color"):  # 0.9
        overlay.box_color = GROUND
    overlay.font_size = NARROW_FONT if narrow else FONT
    overlay.visible = bool(padded)
