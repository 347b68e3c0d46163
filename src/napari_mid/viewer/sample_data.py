"""The simulated plates under File > Open Sample: drawn when first asked for, kept in the user's cache."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from napari_mid import __version__
from napari_mid.plates.plate import Plate
from napari_mid.progress import Progress, Steps


def cache_folder() -> Path:
    """Where drawn plates are kept: the platform's folder for files that can be made again."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "napari-mid"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written, as on some shared machines
        return Path(tempfile.gettempdir()) / "napari-mid"
    return folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir()) / "napari-mid"


def sample_folder(preset: str) -> Path:
    """Where the simulated plate `preset` is kept."""
    from napari_mid.simulation.settings import DRAWING

    return cache_folder() / f"{preset}-{__version__}-{DRAWING}"


def sample_plate_steps(preset: str) -> Steps[Plate]:
    """Open the simulated plate `preset`; it is drawn into the cache where it is not there yet."""
    from napari_mid.plates import open_plate
    from napari_mid.simulation.plate import is_simulated_plate, simulate_steps
    from napari_mid.simulation.settings import SimulationSettings

    out = sample_folder(preset)
    if not is_simulated_plate(out):
        yield from simulate_steps(out, SimulationSettings(preset=preset, placement="in_order"))
    yield Progress("reading the index", 0, 0, out.name)
    return open_plate(out)
