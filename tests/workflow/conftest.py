"""A tiny plate on disk, drawn by hand: two channels, discs as nuclei, a known second channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile


@pytest.fixture
def disc_plate(tmp_path: Path) -> Path:
    """Wells A01 to A06 with nine nuclei each; the second channel of A04 to A06 is bright. A06 has no nucleus at all."""
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:120, :120]
    folder = tmp_path / "discs"
    folder.mkdir()
    rows = ["well,role,compound"]
    for number in range(1, 7):
        nuclei, ros = rng.normal(100, 3, (120, 120)), rng.normal(100, 3, (120, 120))
        for y in (20, 60, 100):
            for x in (20, 60, 100):
                disc = (yy - y) ** 2 + (xx - x) ** 2 <= 8**2
                if number < 6:
                    nuclei[disc] += 800
                ros[disc] += 900 if number >= 4 else 200
        for channel, image in ((1, nuclei), (2, ros)):
            tifffile.imwrite(folder / f"discs_A{number:02d}_s1_w{channel}.tif", image.astype(np.uint16))
        rows.append(f"A{number:02d},{'positive_control' if number >= 4 else 'negative_control'},")
    (folder / "plate_map.csv").write_text("\n".join(rows) + "\n")
    return folder
