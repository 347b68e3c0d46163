"""The dock `MID`: model, run, score, galleries, the selected cell, export."""

from __future__ import annotations

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout

from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.cell_plot import CellPlot
from napari_mid.widgets.evidence import Evidence
from napari_mid.widgets.export_row import ExportRow
from napari_mid.widgets.galleries import Galleries
from napari_mid.widgets.header import Header
from napari_mid.widgets.inspector import Inspector
from napari_mid.widgets.keys import bind_keys, help_text
from napari_mid.widgets.model_row import ModelRow
from napari_mid.widgets.nuclei_row import NucleiRow
from napari_mid.widgets.parts import QUIET, Scrolled, line, text_label
from napari_mid.widgets.run_row import RunRow
from napari_mid.widgets.score_card import ScoreCard

#: Width that the panel asks for, and the least it can do with, in pixels.
WIDTH_PX, LEAST_PX = 400, 330


class MidPanel(QScrollArea):
    """The sections below each other; they scroll where the window is small."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.header = Header(session)
        self.model = ModelRow(session, actions)
        self.run = RunRow(session, actions)
        self.nuclei = NucleiRow(session, actions)
        self.score = ScoreCard(session, actions)
        self.galleries = Galleries(session, actions)
        self.inspector = Inspector(session, actions)
        self.evidence = Evidence(session, actions)
        self.plot = CellPlot(session, actions)
        self.export = ExportRow(session, actions)
        content = Scrolled()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        sections = (
            self.header,
            self.model,
            self.run,
            self.nuclei,
            self.score,
            self.galleries,
            self.inspector,
            self.evidence,
            self.plot,
            self.export,
        )
        for index, section in enumerate(sections):
            if index:
                section.rule = line()
                column.addWidget(section.rule)
                section.rule.setVisible(not section.isHidden())
            column.addWidget(section)
        keys = text_label(QUIET)
        keys.setText(help_text())
        keys.setContentsMargins(6, 8, 6, 8)
        column.addWidget(keys)
        column.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumWidth(LEAST_PX)
        bind_keys(self, session, actions)

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        """Wide enough for two galleries beside each other."""
        return QSize(WIDTH_PX, 700)
