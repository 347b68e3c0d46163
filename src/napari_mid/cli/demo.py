"""``napari-mid demo``."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_mid.cli.common import run_with_bar
from napari_mid.errors import DisplayError, MidError

if TYPE_CHECKING:
    from napari_mid.plates.plate import Plate
    from napari_mid.session import Message

EXAMPLE = "napari-mid demo --out demo-output"
#: Where the pictures go when there is no display and no ``--out``.
DEFAULT_OUT = Path("demo-output")
#: Size of the window that is drawn without a display, in pixels.
WINDOW_PX = (1600, 1000)
#: Wells in the report, and the longest that one step may take, in seconds.
REPORT_WELLS, LONGEST_S = 3, 1800.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``demo``."""
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write window screenshot, annotated figure, report and tables into DIR, then exit"
    )
    parser.add_argument("--model", type=Path, help="model folder (default: the demo model)")
    parser.add_argument("--plate", type=Path, help="plate to show (default: a simulated one, drawn when it is first needed)")


def run(options: argparse.Namespace) -> None:
    """Open the window on a simulated plate, score its wells and show the cells the model relied on."""
    check_window()
    if not has_display():
        run_on_virtual_display(options)
        return
    plate = demo_plate(options.plate)
    viewer, window = open_window()
    problems: list[Message] = []
    window.session.events.told.connect(lambda message: problems.append(message) if message.level == "error" else None)
    show = Show(viewer, window, plate, problems)
    if options.out is None:
        import napari

        show.start(options.model)
        napari.run()
    else:
        show.start(options.model)
        show.write(options.out)
        viewer.close()


def check_window() -> None:
    """Raise where no window can be opened because Qt is not installed."""
    try:
        import qtpy.QtWidgets  # noqa: F401
    except ImportError as error:  # qtpy's own error for a missing binding is one, too
        raise DisplayError(
            'No Qt binding is installed, so no window can be opened; run pip install "napari-mid[all]", or use the commands '
            "score and report, which need no window."
        ) from error


def has_display() -> bool:
    """Whether there is a screen to open a window on."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def run_on_virtual_display(options: argparse.Namespace) -> None:
    """Run the same command again on a virtual display."""
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        raise DisplayError(
            "There is no display, and no xvfb-run to make a virtual one; run apt-get install xvfb xauth, or use a desktop."
        )
    out = options.out or DEFAULT_OUT
    command = [sys.executable, "-m", "napari_mid.cli", "demo", "--out", str(out)]
    for name in ("model", "plate"):
        if getattr(options, name) is not None:
            command += [f"--{name}", str(getattr(options, name))]
    environment = {key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"}
    width, height = WINDOW_PX
    screen = f"-screen 0 {width}x{height}x24"
    status = subprocess.run([xvfb, "-a", "-s", screen, *command], env=environment, check=False).returncode
    if status:
        raise DisplayError(f"The demo on a virtual display ended with status {status}; napari-mid doctor says what is missing.")


def demo_plate(path: Path | None) -> Plate:
    """The plate to show."""
    if path is not None:
        from napari_mid.plates import open_plate

        return open_plate(path)
    from napari_mid.viewer.sample_data import sample_plate_steps

    return run_with_bar(sample_plate_steps("cardiotox"))


def open_window() -> tuple[Any, Any]:
    """A viewer with the usual layout."""
    import napari

    from napari_mid.viewer.layout import open_layout

    try:
        viewer = napari.Viewer(title="napari-mid demo")
    except Exception as error:  # drivers and Qt plugins fail in many ways
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DisplayError(f"napari could not open a window ({reason}); napari-mid doctor says what is missing.") from error
    viewer.window.resize(*WINDOW_PX)
    return viewer, open_layout(viewer)


class Show:
    """Drives the window: a toxic well first, then all wells, so that the plate map is coloured."""

    def __init__(self, viewer: Any, window: Any, plate: Plate, problems: list[Message]) -> None:
        self.viewer = viewer
        self.window = window
        self.session = window.session
        self.plate = plate
        self.problems = problems
        self.well = toxic_well(plate)

    def start(self, model: Path | None) -> None:
        """Open the plate at a toxic well and score it as soon as images and model are there, then the other wells."""
        events = self.session.events
        self.window.actions.show_plate(self.plate)
        self.window.actions.open_well(self.well)
        events.images_changed.connect(self._run_when_ready)
        events.model_changed.connect(self._run_when_ready)
        events.result_changed.connect(self._score_all)
        self.window.actions.load_model(model)

    def _run_when_ready(self) -> None:
        contract = self.session.contract
        if self.session.images is not None and contract is not None and contract.plate is not None:
            self.session.events.images_changed.disconnect(self._run_when_ready)
            self.session.events.model_changed.disconnect(self._run_when_ready)
            self.window.actions.run()

    def _score_all(self) -> None:
        result = self.session.result
        if result is None or self.session.images is None:  # scores of before come back sooner than images
            return
        self.session.events.result_changed.disconnect(self._score_all)
        if result.n_cells:
            self.session.cell = int(result.cells["rank"].to_numpy().argmin())
            self.window.presenter.fit()
        self.window.actions.score_all()

    def write(self, out: Path) -> None:
        """Wait until all wells are scored, then write what there is to show into the folder `out`."""
        from napari_mid.viewer.export import export_screenshot, export_tables
        from napari_mid.viewer.gallery_export import export_gallery
        from napari_mid.workflow.report import report_steps

        self._wait(lambda: self.session.result is not None and not self.window.jobs.busy())
        self._settle()
        out.mkdir(parents=True, exist_ok=True)
        self.viewer.screenshot(str(out / "window.png"), canvas_only=False, flash=False)
        written = [out / "window.png"]
        written.append(export_screenshot(self.window.presenter, out / "annotated.png", whole_well=True))
        written.append(export_gallery(self.session, out / "gallery.png"))
        export_tables(self.session, out)
        written += [out / name for name in ("wells.csv", "cells.parquet", "run.json")]
        wells = [self.plate[name] for name in list(dict.fromkeys((self.well, *self.session.results)))[:REPORT_WELLS]]
        report = run_with_bar(report_steps(self.session.contract.plate, wells, self.session.model, out / "report"))
        for path in [*written, report.files[0]]:
            print(path)

    def _settle(self, seconds: float = 1.0) -> None:
        end = time.monotonic() + seconds
        self._wait(lambda: time.monotonic() > end)

    def _wait(self, ready: Callable[[], bool]) -> None:
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + LONGEST_S
        while not ready():
            QApplication.processEvents()
            time.sleep(0.01)
            if self.problems:
                raise MidError(self.problems[0].text)
            if time.monotonic() > end:
                raise MidError(f"The demo did not get through within {LONGEST_S / 60:.0f} minutes; score a single well instead.")


def toxic_well(plate: Plate) -> str:
    """A well to begin with: a sample in which many but not all cells respond, else a positive control, else the highest dose."""
    wells = plate.select_wells(None)
    for column, value in (("effect", "toxic"), ("role", "positive_control")):
        for well in wells:
            if well.condition.get(column) == value:
                return well.name
    doses = {well.name: float(well.condition.get("concentration_um") or 0.0) for well in wells}
    return max(doses, key=lambda name: doses[name])
