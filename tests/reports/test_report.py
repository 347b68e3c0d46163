import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from napari_mid.inference.result import CELL_COLUMNS, WellResult
from napari_mid.reports.report import MOST_WARNINGS, Report, flattened, report_html, shortened, well_section, write_report
from napari_mid.reports.text_pages import PAGE_HEIGHT_IN, text_pages

PNG = b"\x89PNG not really"


def _result(score=0.87, n_cells=3, **changes):
    fields = {
        "plate": "0412",
        "well": "B05",
        "score": score,
        "score_low": score - 0.05,
        "score_high": score + 0.04,
        "call": "positive",
        "classes": ("safe", "toxic"),
        "probabilities": np.array([1 - score, score]),
        "cells": pd.DataFrame(0.0, index=range(n_cells), columns=list(CELL_COLUMNS)),
        "embeddings": np.zeros((n_cells, 4), np.float32),
        "set_scores": np.array([score]),
        "condition": {"compound": "A<b>", "concentration": 3.33, "unit": "uM"},
        "warnings": ("B05 field 2 cannot be read",),
    }
    return WellResult(**(fields | changes))


def _report(**changes):
    fields = {
        "title": "Plate 0412",
        "subtitle": "hERG inhibition",
        "score_meaning": "A probability.",
        "plate_maps": {"score": PNG, "role": PNG},
        "wells": (well_section(_result(), annotated=PNG + b"1", gallery=PNG + b"2"),),
    }
    return Report(**(fields | changes))


class _Checker(HTMLParser):
    """Collects where a page points to, and that its tags close."""

    def __init__(self):
        super().__init__()
        self.sources, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_points_nowhere_outside():
    html = report_html(_report(model_card="See https://example.org, <https://example.org> and [this](https://example.org)"))
    checker = _Checker()
    checker.feed(html)
    assert checker.open == []
    assert len(checker.sources) == 5
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in checker.sources)
    assert "<script" not in html
    assert "default-src 'none'" in html


def test_the_card_is_shown_with_its_pictures_and_without_anything_from_outside():
    card = "# A model\n\n| | ECE |\n|---|---|\n| after | 0.08 |\n\n![calibration](calibration.png) ![far](https://example.org/a.png)\n"
    html = report_html(_report(model_card=card + "<script>alert(1)</script>", card_pictures={"calibration.png": b"PNG"}))
    assert "<h1>A model</h1>" in html
    assert "<td>0.08</td>" in html
    assert '<img src="data:image/png;base64,UE5H"' in html
    assert "example.org" not in html
    assert "<script" not in html


def test_words_of_the_report():
    html = report_html(
        _report(
            cautions=("Demo model, simulated cells", "Simulated images"),
            facts={"Plate": {"format": "Harmony"}, "Software": {"torch": "2.15"}},
            warnings=("12 files are missing",),
            failed={"C07": "C07 cannot be read."},
            model_card="# Card\nLimits: <many>",
        )
    )
    for words in (
        "Research use only",
        "0.87",
        "0.82–0.91",
        "positive",
        "3 cells",
        "A&lt;b&gt; 3.33 µM",
        "B05 field 2 cannot be read",
        "Harmony",
        "2.15",
        "12 files are missing",
        "C07 cannot be read.",
        "Limits: &lt;many&gt;",
        "1 means as much as at any other cell",
    ):
        assert words in html
    # said at the top and beside every score
    assert html.count("Demo model, simulated cells") == 2
    assert html.count("Simulated images") == 2
    assert "Demo model" not in report_html(_report())


def test_a_well_without_cells_has_no_number():
    nan = float("nan")
    result = _result(nan, 0, score_low=nan, score_high=nan, call="no cells")
    html = report_html(_report(wells=(well_section(result, annotated=PNG),)))
    text = re.sub(r"data:[^\"]+", "", html)
    assert "no cells" in text
    assert "nan" not in text.lower()
    assert text.count("<figure>") == 3


def test_the_file_appears_whole(tmp_path):
    path = write_report(_report(), tmp_path / "new" / "report.html")
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [found.name for found in path.parent.iterdir()] == ["report.html"]


def test_settings_become_one_table():
    assert flattened({"scoring": {"n_sets": 50, "seed": None}, "range": {"DNA": [0.0, 236.5]}, "pdf": True}) == {
        "scoring, n sets": "50",
        "scoring, seed": "not set",
        "range, DNA": "0, 236.5",
        "pdf": "yes",
    }


@pytest.mark.parametrize("n", [0, MOST_WARNINGS, MOST_WARNINGS + 5])
def test_endless_warnings_are_counted(n):
    warnings = tuple(f"file {number}" for number in range(n))
    found = shortened(warnings)
    if n <= MOST_WARNINGS:
        assert found == warnings
    else:
        assert found[-1] == "and 5 more"
        assert len(found) == MOST_WARNINGS + 1


def test_the_pdf_says_in_words_what_the_page_says():
    report = _report(
        failed={"C01": "no field can be read"},
        facts={"Settings": {f"setting {number}": number for number in range(150)}, "Software": {"torch": "9.9"}},
        model_card="# A model\n\n- held out: " + ", ".join(f"SIM-{number}" for number in range(300)) + "\n![plot](plot.png)\n",
        cautions=("Demo model",),
    )
    pages = text_pages(report, 1600)
    assert len(pages) > 2
    written = [[text for text in page.findobj(Text) if text.get_text()] for page in pages]
    for page, texts in zip(pages, written, strict=True):
        assert page.get_size_inches()[1] <= PAGE_HEIGHT_IN + 0.5
        box, renderer = page.bbox, FigureCanvasAgg(page).get_renderer()
        for text in texts:
            drawn = text.get_window_extent(renderer)
            assert box.x0 <= drawn.x0
            assert drawn.x1 <= box.x1
            assert box.y0 <= drawn.y0
            assert drawn.y1 <= box.y1
    words = " ".join(text.get_text() for texts in written for text in texts)
    for wanted in ("Plate 0412", "Demo model", "0.87", "0.82–0.91", "C01: no field", "setting 149", "torch", "9.9", "SIM-299"):
        assert wanted in words
    assert "plot.png" not in words
