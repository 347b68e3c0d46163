"""The selected cell: its channels enlarged, its numbers among those of its well, and on request what the model makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QHBoxLayout, QPushButton

from napari_mid.inference.exclusions import COLUMNS
from napari_mid.plates.roles import channel_colours
from napari_mid.session import Session
from napari_mid.viewer.hover import error_text
from napari_mid.viewer.thumbnails import cell_slices, contours, scale_of
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.cell_explainer import CellFacts
from napari_mid.widgets.parts import QUIET, Section, listen, pixmap, show_text, text_label
from napari_mid.widgets.picture import Picture
from napari_mid.widgets.plots import Strips
from napari_mid.widgets.strip import strip_of

RELEVANCE_HELP = (
    "How much the model looked at this cell: 1 means as much as at any other; it says nothing about the direction. "
    "In brackets its standard error over the random sets."
)
SALIENCY_HELP = (
    "What the score of this cell alone loses where a part of the picture is covered: "
    "pink speaks for “{positive}”, blue against it"
)
STRIPS_HELP = "Each stroke is a cell of this well, the yellow one is this cell; channels: mean intensity of what the model sees"

#: Least width of a picture before it is fitted into the panel, in pixels.
WIDE_PX = 600
#: Width of the picture of the saliency, at most.
SALIENCY_PX = 220
#: Numbers of a cell that are shown among those of its well, beside the brightness of each channel.
IN_STRIPS = {"nucleus area": "Nuclei_AreaShape_Area", "score alone": "score_alone", "training distance": "training_distance"}


class Inspector(Section):
    """What is known of the selected cell."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__("Cell")
        self.session = session
        self.measurer = actions.measurer
        self.explainer = actions.cell_explainer
        self.title = text_label()
        self.picture = Picture()
        self.channels = text_label(QUIET)
        self.facts = text_label()
        self.facts.setToolTip(RELEVANCE_HELP)
        self.strips = Strips()
        self.strips.setToolTip(STRIPS_HELP)
        self.explain = QPushButton("What the model sees in it")
        self.explain.setToolTip("Score the well's sets without this cell, and the cell with parts of its picture covered")
        self.explain.clicked.connect(self.explainer.explain)
        self.left_out = text_label()
        self.saliency = Picture(SALIENCY_PX)
        row = QHBoxLayout()
        row.addWidget(self.explain)
        row.addStretch(1)
        for widget in (self.title, self.picture, self.channels, self.facts, self.strips):
            self.column.addWidget(widget)
        self.column.addLayout(row)
        for widget in (self.left_out, self.saliency):
            self.column.addWidget(widget)
        events = session.events
        listen(self, self._show, events.cell_changed, events.result_changed, events.outlines_changed, events.marks_changed)
        listen(self, self._show_strips, events.means_changed)
        listen(self, self._show_explained, self.explainer.changed)
        self._show()

    @property
    def _cell(self) -> int | None:
        result, cell = self.session.result, self.session.cell
        return cell if result is not None and cell is not None and 0 <= cell < result.n_cells else None

    def _show(self) -> None:
        session, result = self.session, self.session.result
        cell = self._cell
        self._show_strips()
        self._show_explained()
        self.explain.setVisible(cell is not None)
        if result is None or cell is None:
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
        cells, config, scale = result.cells.iloc[[cell]], model.config, scale_of(result)
        slices = cell_slices(images, cells, config.slice_px, contract.channels, session.intensity, config.normalisation, scale)
        outlined = session.outlined if "galleries" in session.outlines_on else None
        outline = contours(cells, outlined, config.slice_px, scale)[0]
        strip = strip_of(slices[0], [colours[channel] for channel in contract.channels], outline)
        self.picture.show_picture(strip.pixmap(WIDE_PX))
        show_text(
            self.channels,
            " | ".join(f'<span style="color:@{colours[c]}">{plate.channels[c].name}</span>' for c in contract.channels),
        )

    def _show_strips(self) -> None:
        """Where the cell lies among those of the well."""
        result, plate, cell, means = self.session.result, self.session.plate, self._cell, self.measurer.means
        rows = []
        if result is not None and plate is not None and cell is not None:
            if means is not None:
                colours = channel_colours(plate.channels)
                for number, name in enumerate(means.channels):
                    values = means.values[:, number]
                    rows.append((name, colours[number], values, float(values[cell])))
            for name, column in IN_STRIPS.items():
                values = result.cells[column].to_numpy(dtype=float)
                if np.isfinite(values).any():
                    rows.append((name, QUIET, values, float(values[cell])))
        self.strips.show_rows(rows)

    def _show_explained(self) -> None:
        """What was worked out of this cell on request."""
        cell, found = self._cell, self.explainer.facts
        self.explain.setEnabled(not self.explainer.busy)
        self.explain.setText("Looking at it…" if self.explainer.busy else "What the model sees in it")
        if cell is None or found is None:
            show_text(self.left_out, "")
            self.saliency.show_picture(None)
            return
        show_text(self.left_out, left_out_text(found))
        self.saliency.setToolTip(SALIENCY_HELP.format(positive=found.positive))
        self.saliency.show_picture(pixmap(found.picture.repeat(4, axis=0).repeat(4, axis=1)))


def left_out_text(found: CellFacts) -> str:
    """What the score loses without the cell, in a sentence."""
    out = found.left_out
    if not np.isfinite(out.change):
        return "The only cell of its well cannot be taken out."
    return (
        f"taken out of sets of {out.set_size} cells: log-odds of “{found.positive}” "
        f"{'fall' if out.change > 0 else 'rise'} by <b>{abs(out.change):.3g}</b>{error_text(out.standard_error)}"
    )


def cell_facts(row: Any) -> str:
    """The numbers of a cell, a line each."""
    lines = []
    if np.isfinite(row["relevance"]) and not row["excluded"]:
        lines += [f"relevance <b>{row['relevance']:.2f}</b>{error_text(row['relevance_se'])}, percentile {row['percentile']:.0f}"]
        lines += [f"raw attention {row['attention']:.3g}"]
    if np.isfinite(row["score_alone"]):
        lines.append(f"score of this cell alone {row['score_alone']:.2f}")
    if bool(row["touches_border"]):
        lines.append("its slice leaves the field: the part outside is black")
    if COLUMNS["focus"] in row and bool(row[COLUMNS["focus"]]):
        lines.append("out of focus: its edges are blurred")
    return "<br>".join(lines)
