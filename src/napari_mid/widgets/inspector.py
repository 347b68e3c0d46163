"""The selected cell: its channels enlarged, and its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPixmap, QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_mid.inference.exclusions import COLUMNS
from napari_mid.plates.roles import channel_colours
from napari_mid.session import Session
from napari_mid.viewer.thumbnails import cell_slices, contours
from napari_mid.widgets.parts import QUIET, Section, listen, show_text, text_label
from napari_mid.widgets.strip import Strip, strip_of

RELEVANCE_HELP = (
    "How much the model looked at this cell: 1 means as much as at any other; it says nothing about the direction. "
    "In brackets its standard error over the random sets."
)

#: Least width of a picture before it is fitted into the panel, in pixels.
WIDE_PX = 600


class Picture(QLabel):
    """A picture as wide as the panel."""

    def __init__(self) -> None:
        super().__init__()
        self._original: QPixmap | None = None
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(80)

    def show_picture(self, strip: Strip | None) -> None:
        """Show the channels of a cell, or nothing."""
        self._original = None if strip is None else strip.pixmap(WIDE_PX)
        self.setVisible(strip is not None)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Scale to the new width."""
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:  # noqa: N802
        """The width decides."""
        return QSize(300, self.height())

    def _fit(self) -> None:
        if self._original is None or not self.width():
            return
        scaled = self._original.scaledToWidth(self.width(), Qt.TransformationMode.SmoothTransformation)
        self.setPixmap(scaled)
        self.setFixedHeight(scaled.height())


class Inspector(Section):
    """What is known of the selected cell."""

    def __init__(self, session: Session) -> None:
        super().__init__("Cell")
        self.session = session
        self.title = text_label()
        self.picture = Picture()
        self.channels = text_label(QUIET)
        self.facts = text_label()
        self.facts.setToolTip(RELEVANCE_HELP)
        for widget in (self.title, self.picture, self.channels, self.facts):
            self.column.addWidget(widget)
        events = session.events
        listen(self, self._show, events.cell_changed, events.result_changed, events.outlines_changed)
        self._show()

    def _show(self) -> None:
        session, result = self.session, self.session.result
        cell = session.cell
        if result is None or cell is None or not 0 <= cell < result.n_cells:
            several = len(session.chosen)
            self.title.setText(f"{several:,} cells are selected." if several > 1 else "No cell is selected.")
            self.setVisible(result is not None and result.n_cells > 0)
            self.picture.show_picture(None)
            show_text(self.channels, "")
            show_text(self.facts, "")
            return
        self.show()
        row = result.cells.iloc[cell]
        left = result.n_cells - int(result.excluded.sum())
        rank = "left out of the score" if row["excluded"] else f"rank {int(row['rank']):,} of {left:,}"
        self.title.setText(f"<b>cell {cell + 1:,}</b> · field {int(row['Metadata_Site'])} · {rank}")
        show_text(self.facts, cell_facts(row))
        self._show_picture(cell)

    def _show_picture(self, cell: int) -> None:
        session = self.session
        plate, images, contract, model, result = session.plate, session.images, session.contract, session.model, session.result
        if plate is None or images is None or contract is None or model is None or session.intensity is None or result is None:
            self.picture.show_picture(None)
            return
        colours = channel_colours(plate.channels)
        cells, config = result.cells.iloc[[cell]], model.config
        slices = cell_slices(images, cells, config.slice_px, contract.channels, session.intensity, config.normalisation)
        outlined = session.outlined if "galleries" in session.outlines_on else None
        outline = contours(cells, outlined, config.slice_px)[0]
        self.picture.show_picture(strip_of(slices[0], [colours[channel] for channel in contract.channels], outline))
        show_text(
            self.channels,
            " | ".join(f'<span style="color:{colours[c]}">{plate.channels[c].name}</span>' for c in contract.channels),
        )


def cell_facts(row: Any) -> str:
    """The numbers of a cell, a line each."""
    lines = []
    if np.isfinite(row["relevance"]) and not row["excluded"]:
        error = f" ({row['relevance_se']:.2g})" if np.isfinite(row["relevance_se"]) else ""
        lines += [f"relevance <b>{row['relevance']:.2f}</b>{error}, percentile {row['percentile']:.0f}"]
        lines += [f"raw attention {row['attention']:.3g}"]
    if np.isfinite(row["score_alone"]):
        lines.append(f"score of this cell alone {row['score_alone']:.2f}")
    if bool(row["touches_border"]):
        lines.append("its slice leaves the field: the part outside is black")
    if COLUMNS["focus"] in row and bool(row[COLUMNS["focus"]]):
        lines.append("out of focus: its edges are blurred")
    return "<br>".join(lines)
