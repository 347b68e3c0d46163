"""How nuclei are located."""

from __future__ import annotations

from dataclasses import dataclass

from napari_mid.cells.detectors import detector_names
from napari_mid.settings import setting

#: Nuclei are looked for between these diameters, in pixels.
SMALLEST_DIAMETER_PX = 6.0
LARGEST_DIAMETER_PX = 250.0


@dataclass(frozen=True)
class DetectionSettings:
    """Settings of the step that locates nuclei."""

    detector: str = setting("learned", "method that locates nuclei", choices=detector_names)
    diameter_px: float | None = setting(
        None,
        "diameter of a typical nucleus in pixels; where neither diameter is given it is estimated from the image",
        low=SMALLEST_DIAMETER_PX,
        high=LARGEST_DIAMETER_PX,
    )
    diameter_um: float | None = setting(
        None, "diameter of a typical nucleus in µm, where the pixel size is known; diameter-px goes before it", low=0.1, high=1000
    )
    sensitivity: float = setting(
        1.0, "higher finds dimmer nuclei, lower finds fewer; 1 fits most stains", low=0.1, high=10.0, expert=True
    )
