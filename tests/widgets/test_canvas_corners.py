"""What lies on the canvas: the colour bar of the dots, words in the corner, and a well that fills it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from qtpy.QtCore import QSize
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QApplication

from napari_mid.progress import Progress
from napari_mid.reports.colours import RELEVANCE_COLOURS
from napari_mid.viewer.compat import camera, canvas_size, canvas_widget
from napari_mid.viewer.corner_text import SPACE, show_corner_text
from napari_mid.widgets.guidance import next_step
from napari_mid.widgets.window import MID, Window
from napari_mid.widgets.work import progress_text

Wait = Callable[[Callable[[], bool]], None]


def shown(window: Window) -> bool:
    return bool(window.colour_bar.isVisibleTo(window.colour_bar.parentWidget()))


def resize(window: Window, wide: int, high: int) -> None:
    canvas = canvas_widget(window.viewer)
    before = canvas.size()
    canvas.resize(wide, high)
    QApplication.sendEvent(canvas, QResizeEvent(QSize(wide, high), before))


def test_the_colour_bar_says_what_the_dots_are_and_from_where_to_where(opened: Window, wait: Wait) -> None:
    bar, presenter = opened.colour_bar, opened.presenter
    assert not shown(opened)
    opened.actions.run()
    wait(lambda: opened.session.result is not None)
    resize(opened, 600, 600)
    assert shown(opened)
    low, high = presenter.look.limits(presenter.look.values(opened.session.result.cells))
    assert bar.title == ("relevance",)
    assert dict(bar.marks) == {low: "0", high: f"≥ {high:.3g}", 1.0: "1 = even"}
    presenter.look = dataclasses.replace(presenter.look, measure="percentile")
    assert bar.title == ("percentile of relevance",)
    assert dict(bar.marks) == {0.0: "0", 100.0: "100"}
    presenter.points_layer.visible = False
    assert not shown(opened)
    presenter.points_layer.visible = True
    assert shown(opened)


def test_the_colour_bar_has_the_colours_of_the_dots_and_stays_in_its_corner(scored: Window) -> None:
    resize(scored, 600, 500)
    bar = scored.colour_bar
    assert bar.geometry().right() < 600
    assert bar.x() > 300
    picture = bar.grab().toImage()
    column = 6 + 7  # the middle of the bar
    seen = np.array([picture.pixelColor(column, y).getRgbF()[:3] for y in range(picture.height())])
    for colour in (RELEVANCE_COLOURS[-1], RELEVANCE_COLOURS[128], RELEVANCE_COLOURS[0]):
        assert np.abs(seen - colour[:3]).max(axis=1).min() < 0.04
    brightest, darkest = (np.abs(seen - RELEVANCE_COLOURS[i][:3]).max(axis=1).argmin() for i in (-1, 0))
    assert brightest < darkest
    high = bar.height()
    resize(scored, 280, 300)
    assert bar.height() < high
    assert bar.geometry().right() < 280
    # beside another canvas it makes room for the words
    scored.presenter.narrow = True
    bar.refresh()
    assert bar.x() < 20
    assert 200 < bar.geometry().bottom() < 300


def test_a_well_fills_the_canvas_until_the_user_moves_it(opened: Window, wait: Wait) -> None:
    view = camera(opened.viewer)
    resize(opened, 500, 500)
    wait(lambda: canvas_size(opened.viewer) == (500, 500) and not opened.fit._timer.isActive())
    fitted = view.zoom
    resize(opened, 250, 250)
    wait(lambda: view.zoom < 0.7 * fitted)
    assert view.zoom == pytest.approx(fitted / 2, rel=0.1)
    view.zoom = view.zoom * 3
    moved = view.zoom
    resize(opened, 500, 500)
    assert not opened.fit._timer.isActive()
    assert view.zoom == moved


def test_the_ground_of_the_words_in_the_corner_is_as_wide_as_they_are(opened: Window) -> None:
    from napari_mid.viewer.compat import text_overlay

    overlay = text_overlay(opened.viewer)
    long = "a rather long line about the well that is shown here"
    show_corner_text(opened.viewer, ("A01", f"first\n{long}"), narrow=True)
    lines = overlay.text.splitlines()
    assert [line.rstrip(SPACE) for line in lines] == ["A01", "first", long]
    assert len(lines[2]) - len(long) > len(lines[0]) - len("A01") > 0
    assert overlay.visible
    show_corner_text(opened.viewer, ())
    assert not overlay.visible


def test_what_can_be_done_follows_the_selection(scored: Window) -> None:
    session, guide = scored.session, scored.panels[MID].run.guide
    assert "Click a dot" in guide.text()
    session.chosen = (1,)
    assert "X leaves this cell out" in guide.text()
    session.chosen = (1, 2)
    assert "these 2 cells" in next_step(session) == guide.text()
    session.chosen = ()
    assert "Click a dot" in guide.text()


def test_progress_does_not_say_again_what_is_done() -> None:
    assert progress_text("drawing the overview", Progress("drawing the overview", 1, 2, "A01")) == "A01"
    assert progress_text("scoring 22 wells", Progress("A02 (2 of 22)", 1, 22, "")) == "A02 (2 of 22)"
    assert progress_text("scoring A02", Progress("reading images", 0, 2, "A02 field 1")) == "reading images, A02 field 1"


def test_wells_are_counted_while_they_are_scored(opened: Window, wait: Wait) -> None:
    told: list[str] = []
    opened.session.events.work_changed.connect(lambda: told.append(opened.panels[MID].run.doing.text()))
    opened.actions.score_all()
    wait(lambda: not opened.jobs.busy())
    names = list(opened.session.plate.wells)
    first = [text for text in told if f"{names[0]} (1 of {len(names)})" in text]
    assert first
    assert all(text.count("scoring") == 1 and text.count(names[0]) == 1 for text in first)
