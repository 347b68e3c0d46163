"""The score of the open well, with its interval and what it rests on."""

from __future__ import annotations

from math import isfinite

from napari_mid.inference.calls import NEGATIVE, NO_CALL
from napari_mid.inference.result import WellResult
from napari_mid.reports.caption import DEMO_MODEL, PRELIMINARY, cells_text, score_numbers, words
from napari_mid.reports.score_card import among_controls, control_scores
from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.exclude_row import ExcludeRow
from napari_mid.widgets.parts import CAUTION, QUIET, Section, listen, show_text, text_label
from napari_mid.widgets.score_strip import ScoreStrip

NO_CONTROLS = "No other negative-control well is scored yet; Score all wells shows where this one lies."


class ScoreCard(Section):
    """Score, interval, call, place among the negative controls, cells, warnings."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__("Score")
        self.session = session
        self.score = text_label()
        self.demo = text_label(CAUTION)
        self.strip = ScoreStrip()
        self.reason = text_label(CAUTION)
        self.among = text_label(QUIET)
        self.cells = text_label(QUIET)
        self.warnings = text_label(CAUTION)
        self.exclude = ExcludeRow(session, actions)
        for widget in (self.score, self.reason, self.demo, self.strip, self.among, self.cells, self.exclude, self.warnings):
            self.column.addWidget(widget)
        listen(self, self._show, session.events.result_changed, session.events.results_changed, session.events.model_changed)
        self._show()

    def _show(self) -> None:
        result, model = self.session.result, self.session.model
        threshold = model.config.threshold if model is not None else 0.5
        for widget in (self.strip, self.among, self.cells):
            widget.setVisible(result is not None)
        show_text(self.demo, DEMO_MODEL if result is not None and result.model_simulated else "")
        if result is None:
            self.score.setText("not scored" if self.session.well else "no well is open")
            self.score.setToolTip("")
            show_text(self.reason, "")
            show_text(self.warnings, "")
            return
        scored = isfinite(result.score)
        controls = control_scores(result, self.session.results.values())
        self.score.setText(headline(result))
        self.score.setToolTip(result.call_reason)
        show_text(self.reason, result.call_reason if result.call == NO_CALL else "")
        self.cells.setToolTip(trust_text(result))
        self.strip.show_score(result.score if scored else None, result.interval, threshold, controls, result.set_scores.tolist())
        among = f"{among_controls(result.score, controls)} (blue marks)" if controls else NO_CONTROLS
        show_text(self.among, among if scored else "")
        self.cells.setText(f"{cells_text(result.n_cells, int(result.excluded.sum()))} · {result.model_name}")
        show_text(self.warnings, "\n".join(f"⚠ {warning}" for warning in result.warnings))


def headline(result: WellResult) -> str:
    """The score in large, its interval and its call; only the call where there are no cells."""
    if not isfinite(result.score):
        return f'<span style="font-size:18px"><b>{words(result.call)}</b></span>'
    positive = words(result.classes[-1])
    number, interval = score_numbers(result.score, *result.interval)
    what = f"{PRELIMINARY}, more sets are being read" if result.preliminary else f"probability of “{positive}”, 95 % interval"
    return (
        f'<span style="font-size:22px"><b>{number}</b></span>'
        f"&nbsp;&nbsp;{interval}"
        f"&nbsp;&nbsp;<b>{words(result.call).upper()}</b>"
        f'<br><span style="color:@{CAUTION if result.preliminary else QUIET}">{what}</span>'
    )


def trust_text(result: WellResult) -> str:
    """How far the score can be trusted, a line for each figure that is known, and a word on wells called negative."""
    trust = result.trust
    figures = (
        (trust.networks_sd, "the networks of the model differ by {:.2f} in this score (standard deviation)"),
        (trust.effective_cells, "{:,.0f} cells carry the relevance"),
        (trust.rank_stability, "ranks of relevance agree between two halves of the sets with {:.2f} (1 is the same)"),
        (trust.training_distance, "the cells are {:.1f} times as far from the training cells as those are from each other"),
        (trust.far_cells, "{:.0%} of the cells are farther away than 95 % of the training cells"),
    )
    lines = [text.format(value) for value, text in figures if isfinite(value)]
    if result.call == NEGATIVE:
        lines.append("in a well called negative the relevant cells are often the healthy ones")
    return "\n".join(lines)
