"""What the dots and the images on the canvas look like."""

from __future__ import annotations

import dataclasses

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QSlider

from napari_mid.preferences import remember_options
from napari_mid.reports.colours import RELEVANCE_COLORMAPS
from napari_mid.reports.dots import ALL, MEASURES, DotLook
from napari_mid.session import Session
from napari_mid.viewer.image_layers import CONTRASTS
from napari_mid.viewer.one_shot import one_shot
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.options import DOTS, kept_options
from napari_mid.widgets.parts import Section, listen

ENDS_HELP = "Hides the cells in the middle: only the most and the least relevant ones are shown. To the right: all of them"
REMEMBER_MS = 300
SIZE_HELP = "Each dot as large as its nucleus, otherwise all alike"


class CanvasRow(Section):
    """Measure, colours, how many cells, size, and the contrast of the images."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__("On the image")
        self.column.setContentsMargins(0, 0, 0, 4)
        self.session = session
        self.presenter = actions.presenter
        self.presenter.look = kept_options(DotLook, DOTS)
        self.measure = self._combo(MEASURES, "Number of a cell that is the colour of its dot", "measure")
        self.colours = self._combo(RELEVANCE_COLORMAPS, "Colours of relevance, on the canvas and in exported pictures", "colours")
        self.ends = QSlider(Qt.Orientation.Horizontal)
        self.ends.setRange(1, ALL)
        self.ends.setToolTip(ENDS_HELP)
        self.ends.setAccessibleName("cells shown at each end of the relevance")
        self.ends.valueChanged.connect(lambda ends: self._set(ends=ends))
        self.how_many = QLabel()
        self.how_many.setToolTip(ENDS_HELP)
        self.by_size = QCheckBox("size of nuclei")
        self.by_size.setToolTip(SIZE_HELP)
        self.by_size.toggled.connect(lambda on: self._set(by_size=on))
        self.contrast = QComboBox()
        self.contrast.addItems(CONTRASTS)
        self.contrast.setToolTip("The same contrast on the whole plate, so that wells compare, or that of this well")
        self.contrast.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.contrast.activated.connect(lambda index: setattr(self.presenter, "contrast", CONTRASTS[index]))
        self.compare = QPushButton("Beside a control")
        self.compare.setCheckable(True)
        self.compare.setToolTip("Show a negative-control well beside this one: same contrast, moved and zoomed together (B)")
        self.compare.toggled.connect(actions.compare.emit)
        for widgets in (
            (QLabel("dots"), self.measure),
            (QLabel("colours"), self.colours),
            (QLabel("show"), self.ends, self.how_many),
            (QLabel("contrast"), self.contrast),
            (self.by_size, self.compare),
        ):
            row = QHBoxLayout()
            for widget in widgets:
                row.addWidget(widget, 1 if isinstance(widget, QComboBox | QSlider | QPushButton) else 0)
            self.column.addLayout(row)
        # a moment after the last change: a slider that is drawn changes with every pixel
        self._remember = one_shot(self, lambda: remember_options(DOTS, dataclasses.asdict(self.presenter.look)), REMEMBER_MS)
        listen(self, self._show, self.presenter.look_changed)
        listen(self, self._wait, self.presenter.look_changed)
        listen(self, self._show_compared, actions.compare)
        listen(self, self._show_whether, session.events.images_changed, session.events.result_changed)
        self._show()
        self._show_whether()

    def _combo(self, choices: object, tip: str, name: str) -> QComboBox:
        combo = QComboBox()
        combo.addItems(list(choices))  # type: ignore[call-overload]
        combo.setToolTip(tip)
        combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        combo.currentTextChanged.connect(lambda value: self._set(**{name: value}))
        return combo

    def _set(self, **changed: object) -> None:
        self.presenter.look = dataclasses.replace(self.presenter.look, **changed)  # type: ignore[arg-type]

    def _show(self) -> None:
        look = self.presenter.look
        self.measure.setCurrentText(look.measure)
        self.colours.setCurrentText(look.colours)
        self.ends.setValue(look.ends)
        self.by_size.setChecked(look.by_size)
        self.how_many.setText("all cells" if look.ends >= ALL else f"{look.ends} % + {look.ends} %")

    def _show_compared(self, on: bool) -> None:
        self.compare.setChecked(on)

    def _wait(self) -> None:
        self._remember.start()

    def _show_whether(self) -> None:
        """It is of use once a well is open."""
        self.setVisible(self.session.images is not None or self.session.preview is not None)
