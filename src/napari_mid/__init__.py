"""MID in napari: which cells tell that a compound is toxic.

>>> import napari_mid as nm
>>> plate = nm.open_plate("Images/Index.idx.xml")  # doctest: +SKIP
>>> model = nm.load_model("herg_model/")  # doctest: +SKIP
>>> result = nm.score_well(plate["B03"], model)  # doctest: +SKIP
"""

from __future__ import annotations

import os
from typing import Any

# Threads of torch that wait for each other by spinning starve the window, and everything else on the machine: with another
# program on two cores, encoding cells took four times as long. OpenMP reads this when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

#: Public name to the module that holds it; imported when first used, so that `import napari_mid` stays light.
_PUBLIC = {
    "open_plate": "napari_mid.plates",
    "load_model": "napari_mid.model.folder",
    "score_well": "napari_mid.workflow.score_well",
    "MidError": "napari_mid.errors",
}
__all__ = ["MidError", "__version__", "load_model", "open_plate", "score_well"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        import importlib

        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'napari_mid' has no attribute {name!r}")
