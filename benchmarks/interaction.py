"""How the window feels: how long the event loop is held up while a plate is opened, a well is run, looked through and exported.

    xvfb-run -a python benchmarks/interaction.py --wells 96 --out interaction.json

A timer is to fire every few milliseconds; what it comes late is what somebody in front of the window would have waited. Part of
it is napari's own (making layers) and Python's (imports of the first run), so that each is told apart by what was going on. On a
busy computer the timer is late for want of a processor; the CPU time that the main thread spent between two ticks is told, too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

#: The timer's interval, and the longest that our code may hold up the event loop, in milliseconds.
TICK_MS, LONGEST_MS = 5, 100
#: A click is to reach gallery and inspector within this, in milliseconds.
CLICK_MS = 50
CLICKS = 20
#: Cancel is to have answered within this, in milliseconds: Run can be pressed again, the earlier result is there.
CANCEL_MS = 500
CANCELS = 3


class Watchdog:
    """Notes how late a timer fires."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self.late: dict[str, list[float]] = {}
        self.worked: dict[str, list[float]] = {}
        self._what, self._last, self._spent = "", time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)

    @contextmanager
    def watch(self, what: str) -> Iterator[None]:
        """Note it under `what`."""
        self._what, self._last, self._spent = what, time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self._tick()
            self._what = ""

    def _tick(self) -> None:
        now, spent = time.perf_counter(), time.thread_time()
        if self._what:
            self.late.setdefault(self._what, []).append(1000 * (now - self._last) - TICK_MS)
            self.worked.setdefault(self._what, []).append(1000 * (spent - self._spent))
        self._last, self._spent = now, spent

    def table(self) -> dict[str, dict[str, float]]:
        """Per what was going on: the longest, the 99th percentile, and how often it was above the limit."""
        return {
            what: {
                "longest_ms": round(max(late), 1),
                "p99_ms": round(float(np.percentile(late, 99)), 1),
                "above_limit": sum(each > LONGEST_MS for each in late),
                "longest_cpu_ms": round(max(self.worked[what]), 1),
                "cpu_above_limit": sum(each > LONGEST_MS for each in self.worked[what]),
                "ticks": len(late),
            }
            for what, late in self.late.items()
        }


def main() -> None:
    """Drive the window and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plate", type=Path, help="a plate with images; one is simulated where not given")
    parser.add_argument("--wells", type=int, default=96)
    parser.add_argument("--fields", type=int, default=4)
    parser.add_argument("--field-px", type=int, default=1080)
    parser.add_argument("--model", type=Path, help="a model folder; the demo model where not given")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plate = options.plate or simulated(Path(folder) / "plate", options)
        found = measure(plate, options.model, Path(folder))
    text = json.dumps(found, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def simulated(out: Path, options: argparse.Namespace) -> Path:
    """A plate to look at."""
    from napari_mid.progress import finish
    from napari_mid.simulation.plate import simulate_steps
    from napari_mid.simulation.settings import SimulationSettings

    settings = SimulationSettings(wells=options.wells, fields=options.fields, field_px=options.field_px)
    return finish(simulate_steps(out, settings))


def measure(plate: Path, model: Path | None, folder: Path) -> dict[str, Any]:
    """Open, run, click, scroll, export."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_mid.model.folder import demo_model_path
    from napari_mid.reports.settings import ReportSettings
    from napari_mid.widgets.exporter import SCREENSHOT
    from napari_mid.widgets.open import open_layout
    from napari_mid.widgets.options import ExportOptions

    viewer = napari.Viewer()
    window = open_layout(viewer)
    session, actions, panel = window.session, window.actions, window.panels["MID"]
    canvas = window.panels["Plate"].canvas
    app = QApplication.instance()
    assert app is not None

    def until(ready: Callable[[], bool], seconds: float = 1800) -> None:
        end = time.monotonic() + seconds
        while not ready():
            app.processEvents()
            time.sleep(0.001)
            if time.monotonic() > end:
                raise TimeoutError("the window did not get there")

    def settle(seconds: float = 1.0) -> None:
        end = time.monotonic() + seconds
        until(lambda: time.monotonic() > end)

    actions.load_model(model or demo_model_path())
    until(lambda: session.model is not None)
    settle()
    dog = Watchdog()
    with dog.watch("nothing"):
        settle(2.0)
    with dog.watch("open"):
        actions.open_plate(plate)
        until(lambda: session.images is not None and session.intensity is not None)
        settle()
    with dog.watch("run"):
        actions.run()
        until(lambda: session.result is not None and not session.result.preliminary and not window.jobs.running("run"))
        settle()
    assert session.result is not None
    galleries = panel.galleries
    with dog.watch("scroll"):
        galleries.shown.setValue(200)
        for gallery in (galleries.relevant, galleries.irrelevant):
            bar = gallery.verticalScrollBar()
            for place in np.linspace(0, bar.maximum(), 40):
                bar.setValue(int(place))
                app.processEvents()
    clicks, spent = [], []
    for cell in np.random.default_rng(0).integers(0, session.result.n_cells, CLICKS).tolist():
        begun, worked = time.perf_counter(), time.thread_time()
        session.cell = cell
        app.processEvents()
        clicks.append(1000 * (time.perf_counter() - begun))
        spent.append(1000 * (time.thread_time() - worked))
    with dog.watch("dots"):
        for ends in (40, 20, 10, 50):
            canvas.ends.setValue(ends)
            app.processEvents()
        for measure in (canvas.measure.itemText(1), canvas.measure.itemText(0)):
            canvas.measure.setCurrentText(measure)
            app.processEvents()
    kept, cancels = session.result, []
    for wait in np.linspace(0.05, 0.8, CANCELS):
        actions.run()
        settle(float(wait))
        if not window.jobs.running("run"):  # it was through before
            kept = session.result
            continue
        begun = time.perf_counter()
        actions.cancel()
        app.processEvents()
        assert panel.run.run_button.isEnabled()
        assert session.result is kept
        cancels.append(1000 * (time.perf_counter() - begun))
        settle(0.2)
    with dog.watch("export"):
        actions.exporter.save(SCREENSHOT, ExportOptions(whole_well=True), folder / "shot.png")
        until(lambda: not window.jobs.running("export"))
        actions.exporter.save_tables(ExportOptions(), folder / "tables")
        until(lambda: not window.jobs.running("export"))
        actions.exporter.save_report([session.well or ""], ReportSettings(), folder / "report")
        until(lambda: not window.jobs.running("export"))
    with dog.watch("next well"):
        actions.step_well(1)
        until(lambda: session.images is not None)
        settle()
    with dog.watch("beside"):
        canvas.compare.click()
        until(lambda: window.beside is not None and bool(window.beside.beside.well))
        settle()
    found = {
        "cells": int(next(iter(session.results.values())).n_cells),
        "event_loop": dog.table(),
        "click_ms": {"median": round(float(np.median(clicks)), 1), "longest": round(max(clicks), 1), "limit": CLICK_MS},
        "cancel_ms": {"longest": round(max(cancels), 1), "limit": CANCEL_MS},
        "click_cpu_ms": {"median": round(float(np.median(spent)), 1), "longest": round(max(spent), 1), "limit": CLICK_MS},
    }
    window.jobs.shutdown()
    viewer.close()
    return found


if __name__ == "__main__":
    main()
