"""Drives the real window on the simulated plate as a biologist would, and writes the README's pictures to docs/images/.

xvfb-run -a -s "-screen 0 1600x1000x24" .venv/bin/python scripts/tour.py
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = ""  # napari's settings are those of nobody; it reads this when it is imported
LARGEST_BYTES = 400_000
WINDOW_PX = (1600, 1000)


class Tour:
    """A viewer with the usual layout, and the folder the pictures go to."""

    def __init__(self, out: Path) -> None:
        import napari

        from napari_mid.viewer.layout import open_layout

        self.out = out
        self.viewer = napari.Viewer()
        self.resize(WINDOW_PX)
        self.window = open_layout(self.viewer)
        self.session = self.window.session
        self.session.events.told.connect(lambda message: print(f"  {message.level}: {message.text}"))

    def resize(self, size: tuple[int, int]) -> None:
        self.viewer.window.resize(*size)
        self.wait(seconds=0.5)

    def wait(self, ready: Callable[[], bool] | None = None, seconds: float = 600.0) -> None:
        """Let the window live until `ready`, or for some seconds."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)
            if ready is not None and ready():
                return
        if ready is not None:
            raise SystemExit(f"the tour waited {seconds} s in vain; the window is at {self.session.work}")

    def idle(self) -> None:
        self.wait(lambda: not self.window.jobs.busy())

    def picture(self, name: str, widget: Any = None) -> None:
        """Save the whole window, or one widget of it."""
        self.wait(seconds=1.0)
        path = self.out / f"{name}.png"
        if widget is None:
            self.viewer.screenshot(str(path), canvas_only=False, flash=False)
        else:
            widget.grab().save(str(path))
        compress(path)


def compress(path: Path) -> None:
    """Reduce the picture to 256 colours, and its size, where it is too large for a README."""
    from PIL import Image

    image = Image.open(path).convert("RGB")
    image.save(path, optimize=True)
    while path.stat().st_size > LARGEST_BYTES:
        in_palette(image).save(path, optimize=True)
        image = image.resize((image.width * 9 // 10, image.height * 9 // 10), Image.Resampling.LANCZOS)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def in_palette(image: Any) -> Any:
    """The picture in 256 colours, with room for both colour bars, which a palette made from the picture alone leaves out."""
    import numpy as np
    from PIL import Image

    from napari_mid.reports.colours import RELEVANCE_COLOURS, SCORE_COLOURS

    bars = np.concatenate([RELEVANCE_COLOURS, SCORE_COLOURS])[:, :3]
    sample = Image.new("RGB", (image.width, image.height + image.height // 3))
    sample.paste(image, (0, 0))
    rows = Image.fromarray(np.rint(bars[np.newaxis] * 255).astype(np.uint8)).resize((image.width, image.height // 3))
    sample.paste(rows, (0, image.height))
    return image.quantize(palette=sample.quantize(256, kmeans=4), dither=Image.Dither.FLOYDSTEINBERG)


def walk(tour: Tour, plate: Path | None, model: Path | None) -> None:
    from napari_mid.cli.demo import toxic_well

    session, actions = tour.session, tour.window.actions
    print("open a plate: File > Open, or a drop")
    if plate is None:
        tour.viewer.open_sample("napari-mid", "cardiotox")
    else:
        tour.viewer.open(str(plate), plugin="napari-mid")
    tour.wait(lambda: session.images is not None)
    if model is not None:
        tour.window.panels["MID"].model.add_folder(model)
    tour.wait(lambda: session.model is not None)
    tour.idle()

    print("click a well: a toxic compound")
    actions.open_well(toxic_well(session.plate))
    tour.wait(lambda: session.images is not None)

    print("run")
    actions.run()
    tour.wait(lambda: session.result is not None)
    print("score all wells")
    actions.score_all()
    tour.idle()
    tour.picture("window")

    print("click the most relevant cell in the gallery")
    gallery = tour.window.panels["MID"].galleries.relevant
    gallery.clicked.emit(gallery.slices.index(0))
    tour.picture("cell")
    tour.picture("plate", tour.window.panels["Plate"])

    print("export")
    actions.export_screenshot(tour.out / "annotated.png", 1600, True)
    compress(tour.out / "annotated.png")
    actions.export_gallery(tour.out / "gallery.png", 1600)
    compress(tour.out / "gallery.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    parser.add_argument("--plate", type=Path)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    from napari_mid import preferences

    with tempfile.TemporaryDirectory() as folder:
        preferences.config_folder = lambda: Path(folder)  # what the user chose is left alone
        tour = Tour(options.out)
        walk(tour, options.plate, options.model)
        tour.viewer.close()


if __name__ == "__main__":
    main()
