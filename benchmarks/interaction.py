"""How the window feels: how long the event loop is held up while a plate is opened, a well is run, looked through and exported.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/interaction.py --wells 96 --out interaction.json

A timer is to fire every few milliseconds; what it comes late is what somebody in front of the window would have waited. On a
busy computer the timer is late for want of a processor, so that the CPU time of the main thread between two ticks is told,
too, and whose work that was: our own code's, or that of napari, vispy and Qt (`_watchdog`). What the user chose is left alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import machine
from _watchdog import Watchdog

os.environ["NAPARI_CONFIG"] = ""  # napari's settings are those of nobody; it reads this when it is imported

#: A click is to reach gallery and inspector within this, in milliseconds.
CLICK_MS, CLICKS = 50, 20
#: Cancel is to have answered within this, in milliseconds: Run can be pressed again, the earlier result is there.
CANCEL_MS, CANCELS = 500, 3
#: Wells that are walked through, and slices in each gallery.
STEPS, SLICES = 4, 200
#: Frames in which the canvas is moved and zoomed, and a gallery is scrolled.
FRAMES = 40


def main() -> None:
    """Drive the window and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plate", type=Path, help="a plate with images; one is simulated where not given")
    parser.add_argument("--wells", type=int, default=96)
    parser.add_argument("--fields", type=int, default=4)
    parser.add_argument("--field-px", type=int, default=1080)
    parser.add_argument("--points", type=int, default=10_000, help="dots of the well that is looked at with so many of them")
    parser.add_argument("--model", type=Path, help="a model folder; the demo model where not given")
    parser.add_argument("--stalls", action="store_true", help="tell where the longest turns spent their time")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from napari_mid import preferences

    with tempfile.TemporaryDirectory() as folder:
        preferences.config_folder = lambda: Path(folder) / "preferences"
        plate = options.plate or simulated(Path(folder) / "plate", options)
        drive = Drive(plate, options.model, Path(folder))
        found = drive.measure(options.points)
    text = json.dumps(found, indent=2)
    print(text)
    if options.stalls:
        for what, worst in drive.dog.stalls().items():
            print(f"\n{what}", *worst, sep="\n")
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def simulated(out: Path, options: argparse.Namespace) -> Path:
    """A plate to look at."""
    from napari_mid.progress import finish
    from napari_mid.simulation.plate import simulate_steps
    from napari_mid.simulation.settings import SimulationSettings

    settings = SimulationSettings(wells=options.wells, fields=options.fields, field_px=options.field_px)
    return finish(simulate_steps(out, settings))


class Drive:
    """A window, and what somebody does with it."""

    def __init__(self, plate: Path, model: Path | None, folder: Path) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        from napari_mid.widgets.open import open_layout

        self.plate, self.model, self.folder = plate, model, folder
        self.viewer = napari.Viewer()
        self.window = open_layout(self.viewer)
        self.session, self.actions = self.window.session, self.window.actions
        self.panel, self.canvas = self.window.panels["MID"], self.window.panels["Plate"].canvas
        self.app: Any = QApplication.instance()
        self.facts: dict[str, Any] = {}

    def until(self, ready: Callable[[], bool], seconds: float = 1800) -> None:
        """Let the window live until it is `ready`."""
        end = time.monotonic() + seconds
        while not ready():
            self.app.processEvents()
            time.sleep(0.001)
            if time.monotonic() > end:
                raise TimeoutError("the window did not get there")

    def settle(self, seconds: float = 1.0) -> None:
        """Let it live for some seconds."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def measure(self, points: int) -> dict[str, Any]:
        """Open, run, scroll, click, cancel, export, walk on, compare."""
        from napari_mid.model.folder import demo_model_path

        session, actions = self.session, self.actions
        actions.load_model(self.model or demo_model_path())
        self.until(lambda: session.model is not None)
        self.settle(2.0)
        self.dog = Watchdog()
        with self.dog.watch("nothing"):
            self.settle(2.0)
        with self.dog.watch("open"):
            actions.open_plate(self.plate)
            self.until(lambda: session.images is not None and session.intensity is not None)
            self.settle()
        with self.dog.watch("run"):
            self.run()
        self.scroll()
        self.click()
        self.move("move the canvas")
        self.dots("dots")
        self.cancel()
        self.export()
        self.walk()
        self.beside()
        self.many(points)
        self.dog.close()
        cells = [result.n_cells for result in session.results.values()]
        found = {"machine": machine(), "wells": len(session.plate.wells), "cells": cells, "event_loop": self.dog.table()}
        self.window.jobs.shutdown()
        self.viewer.close()
        return found | self.facts

    def run(self) -> None:
        """Score the open well."""
        session = self.session
        self.actions.run()
        self.until(lambda: session.result is not None and not session.result.preliminary and not self.window.jobs.running("run"))
        self.settle()

    def scroll(self) -> None:
        """Through both galleries."""
        galleries = self.panel.galleries
        with self.dog.watch("fill the galleries"):
            galleries.shown.setValue(SLICES)
            self.settle(0.5)
        self.facts["slices"] = len(galleries.relevant.cells) + len(galleries.irrelevant.cells)
        for what in ("scroll", "scroll back"):
            with self.dog.watch(what):
                for gallery in (galleries.relevant, galleries.irrelevant):
                    bar = gallery.verticalScrollBar()
                    for place in np.linspace(0, bar.maximum(), FRAMES)[:: 1 if what == "scroll" else -1]:
                        bar.setValue(int(place))
                        self.app.processEvents()

    def click(self) -> None:
        """On cells at random; gallery and inspector are drawn in one turn of the event loop, the canvas in the next."""
        clicks, followed, spent = [], [], []
        for cell in np.random.default_rng(0).integers(0, self.session.result.n_cells, CLICKS).tolist():
            with self.dog.watch("click"):
                begun, worked = time.perf_counter(), time.thread_time()
                self.session.cell = cell
                self.app.sendPostedEvents()  # what is to be drawn is, timers do not fire
                clicks.append(1000 * (time.perf_counter() - begun))
                for _ in range(3):  # the timer fires, the canvas is to be drawn, it is drawn
                    self.app.processEvents()
                followed.append(1000 * (time.perf_counter() - begun))
                spent.append(1000 * (time.thread_time() - worked))
            self.settle(0.1)
        for name, times in (("click_ms", clicks), ("click_with_canvas_ms", followed), ("click_with_canvas_cpu_ms", spent)):
            self.facts[name] = {"median": round(float(np.median(times)), 1), "longest": round(max(times), 1)}
        self.facts["click_ms"]["limit"] = CLICK_MS

    def move(self, what: str) -> None:
        """Pan and zoom the canvas."""
        from napari_mid.viewer.compat import camera

        view = camera(self.viewer)
        self.viewer.reset_view()
        center, zoom, frames = view.center, view.zoom, []
        with self.dog.watch(what):
            for part in np.linspace(0, 1, FRAMES):
                begun = time.thread_time()
                view.center = (0.0, center[-2] * (0.8 + 0.4 * part), center[-1] * (1.2 - 0.4 * part))
                view.zoom = zoom * (1 + 4 * part)
                self.app.processEvents()
                frames.append(1000 * (time.thread_time() - begun))
        self.viewer.reset_view()
        self.facts[f"{what}, cpu ms a frame"] = {"median": round(float(np.median(frames)), 1), "longest": round(max(frames), 1)}

    def dots(self, what: str) -> None:
        """Look at fewer dots, and at other numbers."""
        canvas = self.canvas
        with self.dog.watch(what):
            for ends in (40, 30, 20, 10, 50):
                canvas.ends.setValue(ends)
                self.app.processEvents()
            for measure in (canvas.measure.itemText(1), canvas.measure.itemText(0)):
                canvas.measure.setCurrentText(measure)
                self.app.processEvents()

    def cancel(self) -> None:
        """Run again, and think better of it."""
        session, jobs = self.session, self.window.jobs
        kept, cancels = session.result, []
        for wait in np.linspace(0.05, 0.8, CANCELS):
            self.actions.run()
            self.settle(float(wait))
            if not jobs.running("run"):  # it was through before
                kept = session.result
                continue
            begun = time.perf_counter()
            self.actions.cancel()
            self.app.processEvents()
            assert self.panel.run.run_button.isEnabled()
            assert session.result is kept
            cancels.append(1000 * (time.perf_counter() - begun))
            self.settle(0.2)
        self.facts["cancel_ms"] = {"longest": round(max(cancels), 1), "limit": CANCEL_MS}

    def export(self) -> None:
        """Picture, tables and report of the open well."""
        from napari_mid.reports.settings import ReportSettings
        from napari_mid.widgets.exporter import SCREENSHOT
        from napari_mid.widgets.options import ExportOptions

        exporter, session = self.actions.exporter, self.session
        for what, save in (
            ("screenshot", lambda: exporter.save(SCREENSHOT, ExportOptions(whole_well=True), self.folder / "shot.png")),
            ("tables", lambda: exporter.save_tables(ExportOptions(), self.folder / "tables")),
            ("report", lambda: exporter.save_report([session.well or ""], ReportSettings(), self.folder / "report")),
        ):
            with self.dog.watch(f"export: {what}"):
                save()
                self.until(lambda: not self.window.jobs.running("export"))
                self.settle(0.5)

    def walk(self) -> None:
        """To the next wells and back, some of them scored."""
        session = self.session

        def there() -> bool:
            return session.images is not None

        with self.dog.watch("next well, not scored"):
            self.actions.step_well(1)
            self.until(there)
            self.settle()
        with self.dog.watch("run another well"):
            self.run()
        with self.dog.watch("next well, scored"):
            for step in (-1, 1) * STEPS:
                self.actions.step_well(step)
                self.until(there)
                self.settle(0.4)

    def beside(self) -> None:
        """A control beside the open well, and the next one."""
        with self.dog.watch("beside"):
            self.canvas.compare.click()
            self.until(lambda: self.window.beside is not None and bool(self.window.beside.beside.well))
            self.settle()
        with self.dog.watch("beside, next well"):
            self.actions.step_well(-1)
            self.until(lambda: self.session.images is not None)
            self.settle()
        chooser = self.window.beside.chooser
        for what in ("beside, another control", "beside, and another"):
            with self.dog.watch(what):
                chooser.setCurrentIndex((chooser.currentIndex() + 1) % chooser.count())
                chooser.activated.emit(chooser.currentIndex())
                self.until(lambda: self.window.beside.beside.well == chooser.currentData())
                self.settle()
        with self.dog.watch("beside, closed"):
            self.canvas.compare.click()
            self.settle()

    def many(self, points: int) -> None:
        """The open well with as many cells as a large one has: those that it has, again and again, where they happen to lie."""
        session = self.session
        result, layout = session.result, session.images.layout
        rng = np.random.default_rng(0)
        rows = rng.integers(0, result.n_cells, points)
        cells = result.cells.iloc[rows].reset_index(drop=True)
        field = layout.shapes[int(cells["Metadata_Site"].iloc[0])]
        for axis, edge in zip(("Y", "X"), field, strict=True):
            cells[f"Nuclei_Location_Center_{axis}"] = rng.uniform(0, edge, points)
        cells["rank"] = rng.permutation(points) + 1
        large = dataclasses.replace(result, cells=cells, embeddings=result.embeddings[rows])
        with self.dog.watch(f"{points:,} cells"):
            assert session.offer_result(session.result_key(result.well), large)
            self.settle()
        assert len(self.window.presenter.points_layer.data) == points
        self.move(f"move the canvas, {points:,} cells")
        self.dots(f"dots, {points:,} cells")
        with self.dog.watch(f"click, {points:,} cells"):
            for cell in rng.integers(0, points, CLICKS).tolist():
                session.cell = cell
                self.app.processEvents()


if __name__ == "__main__":
    main()
