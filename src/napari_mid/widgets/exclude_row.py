"""Which cells are left out of the score."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton

from napari_mid.inference.exclusions import Rule
from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import QUIET, Section, listen, show_text, text_label

#: Kinds of cells that can be left out together: their name, and what it means.
KINDS: dict[Rule, tuple[str, str]] = {
    "border": ("at the border", "Leave out the cells of all wells whose slice leaves the field: a part of it is black"),
    "focus": (
        "out of focus",
        "Leave out the cells of all wells that are far less sharp than the others of their well",
    ),
}
HINT = "Leave the selected cells out of the score, or take them back (X); drag around several on the image with Shift"
REASONS = {"by_hand": "by hand", "touches_border": "at the border", "out_of_focus": "out of focus"}


class ExcludeRow(Section):
    """Leave out, Undo, and the kinds of cells that are left out of every well."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.excluder = actions.excluder
        self.column.setContentsMargins(0, 0, 0, 0)
        self.leave_out = QPushButton("Leave out")
        self.leave_out.setToolTip(HINT)
        self.leave_out.clicked.connect(actions.leave_out)
        self.undo = QPushButton("Undo")
        self.undo.setToolTip("Take back the last cells that you left out of this well, or took back (Ctrl-Z)")
        self.undo.clicked.connect(self.excluder.undo)
        self.kinds = {rule: QCheckBox(name) for rule, (name, _) in KINDS.items()}
        for rule, box in self.kinds.items():
            box.setToolTip(KINDS[rule][1])
            box.setChecked(rule in session.exclusions.rules)
            box.toggled.connect(lambda on, rule=rule: self.excluder.set_rule(rule, on))
        self.reasons = text_label(QUIET)
        buttons, kinds = QHBoxLayout(), QHBoxLayout()
        buttons.addWidget(self.leave_out, 2)
        buttons.addWidget(self.undo, 1)
        kinds.addWidget(QLabel("Exclude:"))
        for box in self.kinds.values():
            kinds.addWidget(box)
        kinds.addStretch(1)
        for row in (buttons, kinds):
            self.column.addLayout(row)
        self.column.addWidget(self.reasons)
        events = session.events
        listen(self, self._show, events.result_changed, events.cell_changed, events.exclusions_changed, events.well_changed)
        self._show()

    def _show(self) -> None:
        session, result = self.session, self.session.result
        self.setVisible(result is not None and result.n_cells > 0)
        if result is None:
            return
        chosen = [cell for cell in session.chosen if cell < result.n_cells]
        wish = self.excluder.wish
        back = bool(chosen) and bool(wish.by_hand(result.cells)[chosen].all())
        self.leave_out.setText(("Take back" if back else "Leave out") + (f" {len(chosen):,} cells" if len(chosen) > 1 else ""))
        self.leave_out.setEnabled(bool(chosen))
        self.undo.setEnabled(self.excluder.can_undo)
        counts = wish.record(result.cells)
        show_text(self.reasons, "left out: " + ", ".join(f"{n:,} {REASONS[why]}" for why, n in counts.items()) if counts else "")
