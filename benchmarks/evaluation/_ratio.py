"""The classical measure of BBBC013: GFP inside a nucleus divided by GFP in a ring around it, per cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_mid.plates.plate import Well

#: Index of the GFP channel; the other one shows DNA.
GFP = 0
#: Radii at which GFP is read, as shares of the radius of a nucleus: inside it, and around it.
INSIDE, AROUND = 0.5, 1.6
ANGLES = np.linspace(0, 2 * np.pi, 16, endpoint=False)


def gfp_ratio(well: Well, cells: pd.DataFrame) -> NDArray[np.float64]:
    """(N,) ratio of every row of `cells`, located in the one field of `well`."""
    gfp = well.fields[1].load([GFP])[0].astype(float)
    radius = np.sqrt(cells["Nuclei_AreaShape_Area"].to_numpy(dtype=float) / np.pi)[:, None]
    centre_y = cells["Nuclei_Location_Center_Y"].to_numpy(dtype=float)[:, None]
    centre_x = cells["Nuclei_Location_Center_X"].to_numpy(dtype=float)[:, None]
    read = []
    for share in (INSIDE, AROUND):
        y, x = centre_y + share * radius * np.sin(ANGLES), centre_x + share * radius * np.cos(ANGLES)
        read.append(map_coordinates(gfp, [y, x], order=1, mode="nearest").mean(axis=1))
    ratio: NDArray[np.float64] = read[0] / np.maximum(read[1], 1)
    return ratio
