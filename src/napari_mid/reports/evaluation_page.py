"""The report of an evaluation: one HTML file that holds its figures and asks nothing of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_mid.evaluation.evaluated import Evaluation
from napari_mid.evaluation.weighted import METRICS
from napari_mid.files import atomic_path
from napari_mid.reports.caption import RESEARCH_ONLY
from napari_mid.reports.evaluation_drawing import EvaluationFigure
from napari_mid.reports.evaluation_text import VERDICTS, comparison_text, estimate_text, paired_text
from napari_mid.reports.html_page import rendered

UNIT_WORDS = {"compound": "compounds", "compound_dose": "doses of compounds", "well": "wells"}
#: Side of the training to the words of its heading.
SIDE_WORDS = {
    "trained": "Trained on (says how well it remembers, nothing else)",
    "validation": "Held out: validation compounds of the training",
    "new": "Held out: never seen",
    "unknown": "Training unknown",
}


@dataclass(frozen=True)
class EvaluationPage:
    """What the page shows: the evaluation, its figures, the sentences of the audit and the confusion counts."""

    found: Evaluation
    figures: tuple[EvaluationFigure, ...]
    audit: Sequence[str]
    confusion: Mapping[str, int]


def write_evaluation_page(page: EvaluationPage, path: Path) -> Path:
    """Write `page` as the HTML file `path`."""
    found = page.found
    html = rendered(
        "evaluation.html.jinja",
        {"estimate": estimate_text, "comparison": comparison_text, "paired": paired_text},
        page=page,
        found=found,
        scored=found.mid.scored,
        unit=UNIT_WORDS[found.settings.unit],
        figures={figure.name: figure for figure in page.figures},
        metrics=METRICS,
        sides=SIDE_WORDS,
        doses=found.doses.to_dict("records"),
        verdicts=VERDICTS,
        research_only=RESEARCH_ONLY,
    )
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return path
